//! Neither methods nor arguments are conditional.

use netref::{Error, remote};

#[remote]
pub trait Bank {
    #[cfg(unix)]
    async fn size(&self) -> Result<u64, Error>;

    async fn name(&self, #[allow(unused)] short: bool) -> Result<String, Error>;
}

fn main() {}
