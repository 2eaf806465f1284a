//! A remote method is called on an object.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn open(owner: String) -> Result<u64, Error>;
}

fn main() {}
