//! A remote method takes `&self` or `&mut self`.

use std::{pin::Pin, sync::Arc};

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn share(self: Arc<Self>) -> Result<u64, Error>;

    async fn own(self: Box<Self>) -> Result<u64, Error>;

    async fn pinned(self: Pin<&mut Self>) -> Result<u64, Error>;

    async fn spelled_out(self: &Self) -> Result<u64, Error>;
}

fn main() {}
