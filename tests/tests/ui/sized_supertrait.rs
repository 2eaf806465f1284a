//! A remote trait is neither `Sized` nor `?Sized`.

use netref::{Error, remote};

#[remote]
pub trait Bank: Sized {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Vault: ?Sized {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
