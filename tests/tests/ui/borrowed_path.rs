//! Paths are not borrowed over the wire.

use std::path::Path;

use netref::{Error, remote};

#[remote]
pub trait Files {
    async fn read(&self, path: &Path) -> Result<Vec<u8>, Error>;

    async fn named(&self, name: &std::ffi::OsStr) -> Result<Vec<u8>, Error>;
}

fn main() {}
