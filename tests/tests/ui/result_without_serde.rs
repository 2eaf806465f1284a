//! Results can be encoded and decoded.

use netref::{Error, remote};

pub struct Amount(pub u64);

#[remote]
pub trait Bank {
    async fn balance(&self, owner: &str) -> Result<Amount, Error>;
}

fn main() {}
