//! What a supertrait or a type asks of a parameter is asked where it stands.

use std::collections::HashMap;

use netref::{Error, remote};

#[remote]
pub trait Store<K: Ord> {
    async fn first(&self) -> Result<K, Error>;
}

#[remote]
pub trait Shop<K>: Store<K> {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Map<K> {
    async fn all(&self) -> Result<HashMap<K, u64>, Error>;
}

fn main() {}
