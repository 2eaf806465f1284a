//! `#[remote]` makes traits remote, not functions.

use netref::{Error, remote};

#[remote]
pub async fn balance(owner: &str) -> Result<u64, Error> {
    Ok(owner.len() as u64)
}

fn main() {}
