//! `dyn Trait` is the name of an interface; calls go through `Remote<dyn Trait>`.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    async fn size(&self) -> Result<u64, Error>;
}

async fn ask(bank: &dyn Bank) -> Result<u64, Error> {
    bank.size().await
}

fn main() {}
