//! Pointers do not travel.

use netref::{Error, remote};

#[remote]
pub trait Store {
    async fn raw(&self, at: *const u8) -> Result<(), Error>;

    async fn callback(&self, call: fn(u8) -> u8) -> Result<(), Error>;

    async fn back(&self) -> Result<fn(), Error>;
}

fn main() {}
