//! A remote trait has no `where` clause.

use netref::{Error, remote};

#[remote]
pub trait Store
where
    Self: std::fmt::Debug,
{
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
