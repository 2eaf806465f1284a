//! No two methods share a name on the wire.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64, Error>;

    #[remote(name = "deposit")]
    async fn deposit_now(&self, amount: u64) -> Result<u64, Error>;
}

fn main() {}
