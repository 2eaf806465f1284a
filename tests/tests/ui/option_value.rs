//! Options have values of the right kind.

use netref::{Error, remote};

#[remote(name = 1, crate = 2)]
pub trait Bank {
    #[remote(spawn = true, blocking())]
    async fn size(&self) -> Result<u64, Error>;

    #[remote(name = "")]
    async fn empty(&self) -> Result<u64, Error>;

    #[remote(name = "two words")]
    async fn spaces(&self) -> Result<u64, Error>;

    #[remote(name)]
    async fn missing(&self) -> Result<u64, Error>;

    #[idempotent(always)]
    async fn balance(&self) -> Result<u64, Error>;

    #[remote]
    async fn nothing(&self) -> Result<u64, Error>;

    #[remote(name: "colon")]
    async fn colon(&self) -> Result<u64, Error>;
}

fn main() {}
