//! A remote trait has its methods written out.

use netref::{Error, remote};

#[remote]
pub trait Store {
    sizes!();

    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
