//! Only a whole argument can be borrowed.

use std::collections::HashMap;

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn find(&self, key: Option<&str>) -> Result<(), Error>;

    async fn several(&self, keys: &[&str]) -> Result<(), Error>;

    async fn twice(&self, key: &&str) -> Result<(), Error>;

    async fn pair(&self, pair: (&[u8], u64)) -> Result<(), Error>;

    async fn map(&self, map: HashMap<String, &u64>) -> Result<(), Error>;
}

fn main() {}
