//! A supertrait with an associated type says which.

use netref::{Error, remote};

#[remote]
pub trait Shelf {
    type Item;

    async fn first(&self) -> Result<Self::Item, Error>;
}

#[remote]
pub trait Library: Shelf {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
