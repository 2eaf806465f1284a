//! Unknown options are told with those that there are.

use netref::{Error, remote};

#[remote(nmae = "bank.v1")]
pub trait Bank {
    #[remote(spwan)]
    async fn size(&self) -> Result<u64, Error>;

    #[remote(timeout = "5s", net::spawn)]
    async fn name(&self) -> Result<u64, Error>;
}

fn main() {}
