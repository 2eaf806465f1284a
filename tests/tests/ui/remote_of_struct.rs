//! A reference names the trait, not the type behind it.

use netref::{Error, Remote, remote};

#[remote]
pub trait Bank {
    async fn size(&self) -> Result<u64, Error>;
}

struct Branch;

impl Bank for Branch {
    async fn size(&self) -> Result<u64, Error> {
        Ok(1)
    }
}

fn ask(_: Remote<Branch>) {}

fn main() {}
