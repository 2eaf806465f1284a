//! A method cannot write into the memory of its caller.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn fill(&self, buffer: &mut Vec<u8>) -> Result<(), Error>;

    async fn text(&self, buffer: &mut String) -> Result<(), Error>;
}

fn main() {}
