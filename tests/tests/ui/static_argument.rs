//! Nothing that arrives is borrowed for ever.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn put(&self, key: &'static str) -> Result<(), Error>;
}

fn main() {}
