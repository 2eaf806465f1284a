//! A result's type is known, and a trait object is returned as a `Remote`.

use netref::{Error, remote};

#[remote]
pub trait Account {
    async fn any(&self) -> Result<dyn std::fmt::Debug, Error>;

    async fn some(&self) -> Result<impl std::fmt::Debug, Error>;

    async fn bare(&self) -> impl std::fmt::Debug;

    async fn boxed(&self) -> Box<dyn std::fmt::Debug>;

    async fn fine(&self) -> Result<u64, Error>;
}

fn main() {}
