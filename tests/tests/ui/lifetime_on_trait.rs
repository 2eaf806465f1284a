//! A remote trait has no lifetimes.

use netref::{Error, remote};

#[remote]
pub trait Store<'a> {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
