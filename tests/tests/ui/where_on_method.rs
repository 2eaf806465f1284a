//! A remote method has no `where` clause.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn size(&self) -> Result<u64, Error>
    where
        Self: Sized;
}

fn main() {}
