//! A remote trait has no associated types yet.

use netref::{Error, remote};

#[remote]
pub trait Store {
    type Key;

    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
