//! A remote trait has no type parameters yet.

use netref::{Error, remote};

#[remote]
pub trait Store<K, V> {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
