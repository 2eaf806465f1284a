//! A remote method does not consume its object.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn close(self) -> Result<u64, Error>;

    async fn consume(mut self) -> Result<u64, Error>
    where
        Self: Sized;
}

fn main() {}
