//! `dyn Trait` names the associated types.

use netref::{Error, Remote, remote};

#[remote]
pub trait Shelf {
    type Item;

    async fn first(&self) -> Result<Self::Item, Error>;
}

pub fn is_local(shelf: &Remote<dyn Shelf>) -> bool {
    Remote::is_local(shelf)
}

fn main() {}
