//! An argument is a plain name.

use netref::{Error, remote};

pub struct Point(pub u64, pub u64);

#[remote]
pub trait Canvas {
    async fn line(&self, (x, y): (u64, u64)) -> Result<u64, Error> {
        Ok(x + y)
    }

    async fn dot(&self, Point(x, y): Point) -> Result<u64, Error> {
        Ok(x + y)
    }

    async fn blank(&self, _: u64) -> Result<(), Error>;

    async fn count(&self, mut times: u64) -> Result<(), Error>;
}

fn main() {}
