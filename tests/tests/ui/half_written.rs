//! Code that is being typed gets the words of the parser.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    async fn size(&self) -> Result<u64, Error>;

    async fn name(&self, ) -> Result<
}

fn main() {}
