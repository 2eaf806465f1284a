//! A trait object is passed as a `Remote`.

use std::sync::Arc;

use netref::{Error, remote};

#[remote]
pub trait Listener {
    async fn heard(&self, what: &str) -> Result<(), Error>;
}

#[remote]
pub trait Radio {
    async fn borrow(&self, listener: &dyn Listener) -> Result<(), Error>;

    async fn own(&self, listener: Box<dyn Listener>) -> Result<(), Error>;

    async fn share(&self, listener: Arc<dyn Listener>) -> Result<(), Error>;

    async fn back(&self) -> Result<Box<dyn Listener>, Error>;
}

fn main() {}
