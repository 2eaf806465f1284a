//! What arrives borrows nothing.

use std::borrow::Cow;

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn put<'a>(&'a self, key: Cow<'a, str>) -> Result<(), Error>;

    async fn get(&self, key: Cow<'_, str>) -> Result<(), Error>;
}

fn main() {}
