//! A remote trait has no const parameters.

use netref::{Error, remote};

#[remote]
pub trait Store<const N: usize> {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
