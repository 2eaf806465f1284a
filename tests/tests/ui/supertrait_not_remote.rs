//! A supertrait of any other name has to be a remote trait.

use netref::{Error, remote};

pub trait Named {
    fn name(&self) -> String;
}

#[remote]
pub trait Bank: Named {
    async fn size(&self) -> Result<u64, Error>;
}

fn main() {}
