//! A remote method is neither `unsafe` nor `extern`.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    async unsafe fn size(&self) -> Result<u64, Error>;

    async extern "C" fn name(&self) -> Result<u64, Error>;
}

fn main() {}
