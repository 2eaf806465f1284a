//! A result is owned.

use std::borrow::Cow;

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn owner(&self) -> Result<&str, Error>;

    async fn history(&self) -> Result<Vec<&[u64]>, Error>;

    async fn alias<'a>(&'a self) -> Result<Cow<'a, str>, Error>;

    async fn itself(&self) -> &Result<u64, Error>;
}

fn main() {}
