//! The options of a method stand in the trait, not in an implementation.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn balance(&self) -> Result<u64, Error>;
}

struct Savings;

impl Account for Savings {
    #[remote(spawn)]
    async fn balance(&self) -> Result<u64, Error> {
        Ok(0)
    }
}

fn main() {}
