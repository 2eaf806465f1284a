//! A parameter that is the error of a method is a remote error.

use netref::{Remote, remote};

#[remote]
pub trait Store<E> {
    async fn size(&self) -> Result<u64, E>;
}

fn take(_: Remote<dyn Store<String>>) {}

fn main() {}
