//! A remote method is not generic.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn put<T: Send>(&self, value: T) -> Result<(), Error>;

    async fn chunk<const N: usize>(&self, bytes: [u8; N]) -> Result<(), Error>;
}

fn main() {}
