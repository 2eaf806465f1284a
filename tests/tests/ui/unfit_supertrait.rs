//! Supertraits are remote traits, `Send`, `Sync` and `Debug`.

use netref::{Error, remote};

#[remote]
pub trait Bank: Clone + Send + serde::Serialize {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Vault<'a>: 'a {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Safe: PartialEq<u8> {
    async fn size(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Till: for<'a> Counter<'a> {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
