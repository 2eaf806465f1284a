//! `Self` is not a type that travels.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn merge(&self, other: Self) -> Result<(), Error>;

    async fn split(&self) -> Result<Self, Error>;

    async fn all(&self) -> Result<Vec<Self::Entry>, Error>;
}

fn main() {}
