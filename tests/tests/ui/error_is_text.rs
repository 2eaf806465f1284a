//! A `String` is no error.

use netref::remote;

#[remote]
pub trait Bank {
    async fn balance(&self) -> Result<u64, String>;
}

fn main() {}
