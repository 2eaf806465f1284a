//! What is borrowed can be cloned.

use netref::{Error, remote};

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Order(pub u64);

#[remote]
pub trait Bank {
    async fn place(&self, order: &Order) -> Result<u64, Error>;
}

fn main() {}
