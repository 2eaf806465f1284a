//! `Self::Item` is a type of this trait, not of a supertrait.

use netref::{Error, remote};

#[remote]
pub trait Shelf {
    type Item;

    async fn first(&self) -> Result<Self::Item, Error>;
}

#[remote]
pub trait Library: Shelf<Item = String> {
    async fn last(&self) -> Result<Self::Item, Error>;

    async fn count(&self, like: Vec<<Self as Shelf>::Item>) -> Result<u64, Error>;
}

fn main() {}
