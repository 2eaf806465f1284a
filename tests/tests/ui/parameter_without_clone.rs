//! What is borrowed in an argument can be cloned, for an object of the same process.

use netref::{Error, Remote, remote};
use serde::{Deserialize, Serialize};

#[remote]
pub trait Store<K> {
    async fn has(&self, key: &K) -> Result<bool, Error>;
}

#[derive(Serialize, Deserialize)]
pub struct Once;

fn take(_: Remote<dyn Store<Once>>) {}

fn main() {}
