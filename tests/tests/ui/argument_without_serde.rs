//! Arguments can be encoded and decoded.

use netref::{Error, remote};

pub struct Amount(pub u64);

#[remote]
pub trait Bank {
    async fn deposit(&self, owner: &str, amount: Amount) -> Result<u64, Error>;
}

fn main() {}
