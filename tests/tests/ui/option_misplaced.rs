//! Some options belong to the trait, others to its methods.

use netref::{Error, remote};

#[remote(idempotent, spawn, blocking)]
pub trait Bank {
    #[remote(idempotent)]
    async fn size(&self) -> Result<u64, Error>;

    #[remote(crate = "netref")]
    async fn name(&self) -> Result<u64, Error>;
}

fn main() {}
