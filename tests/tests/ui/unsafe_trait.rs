//! A remote trait is not `unsafe`.

use netref::{Error, remote};

#[remote]
pub unsafe trait Store {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
