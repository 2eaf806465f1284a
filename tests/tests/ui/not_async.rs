//! A remote method is `async`.

use netref::{Error, remote};

#[remote]
pub trait Account {
    fn balance(&self) -> Result<u64, Error>;

    fn owner(&self) -> impl Future<Output = Result<String, Error>> + Send;
}

fn main() {}
