//! The types of arguments are known beforehand.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn put(&self, key: impl AsRef<str>) -> Result<(), Error>;

    async fn get(&self, key: &impl AsRef<str>) -> Result<(), Error>;

    async fn all(&self, keys: Vec<impl AsRef<str>>) -> Result<(), Error>;
}

fn main() {}
