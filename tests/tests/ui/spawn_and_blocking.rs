//! `spawn` and `blocking` exclude each other.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    #[remote(spawn, blocking)]
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
