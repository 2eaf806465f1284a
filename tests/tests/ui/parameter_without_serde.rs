//! What stands for a parameter travels.

use netref::{Error, Remote, remote};

#[remote]
pub trait Store<K, V> {
    async fn get(&self, key: K) -> Result<V, Error>;
}

pub struct Plain;

fn take(_: Remote<dyn Store<u32, Plain>>) {}

fn main() {}
