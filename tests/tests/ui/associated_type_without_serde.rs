//! What an implementation names as an associated type travels.

use netref::{Error, remote};

#[remote]
pub trait Shelf {
    type Item;

    async fn first(&self) -> Result<Self::Item, Error>;
}

pub struct Plain;

impl Shelf for u8 {
    type Item = Plain;

    async fn first(&self) -> Result<Plain, Error> {
        Ok(Plain)
    }
}

fn main() {}
