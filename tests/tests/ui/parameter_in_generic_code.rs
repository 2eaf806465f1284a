//! Generic code says that its parameters travel.

use netref::{Error, Remote, remote};

#[remote]
pub trait Store<V> {
    async fn get(&self) -> Result<V, Error>;
}

pub fn take<V>(_: Remote<dyn Store<V>>) {}

fn main() {}
