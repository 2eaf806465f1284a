//! An option is given once.

use netref::{Error, remote};

#[remote(name = "bank.v1", name = "bank.v2")]
pub trait Bank {
    #[remote(spawn, spawn)]
    async fn size(&self) -> Result<u64, Error>;

    #[remote(no_cancel)]
    #[remote(name = "title", no_cancel)]
    async fn name(&self) -> Result<u64, Error>;

    #[idempotent]
    #[idempotent]
    async fn balance(&self) -> Result<u64, Error>;
}

fn main() {}
