//! Names that generated code uses are kept for it.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    async fn __netref_dispatch(&self) -> Result<u64, Error>;

    async fn size(&self, __netref_call: u64) -> Result<u64, Error>;
}

#[remote]
pub trait Send {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
