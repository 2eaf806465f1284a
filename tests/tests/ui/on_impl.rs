//! `#[remote]` belongs to the trait, not to its implementations.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn balance(&self) -> Result<u64, Error>;
}

struct Savings;

#[remote]
impl Account for Savings {
    async fn balance(&self) -> Result<u64, Error> {
        Ok(0)
    }
}

fn main() {}
