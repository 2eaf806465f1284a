//! A remote trait has no constants.

use netref::{Error, remote};

#[remote]
pub trait Store {
    const CAPACITY: u64;

    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
