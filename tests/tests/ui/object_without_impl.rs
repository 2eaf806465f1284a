//! Only an object that implements the trait is hosted under it.

use netref::{Error, Remote, remote};

#[remote]
pub trait Bank {
    async fn size(&self) -> Result<u64, Error>;
}

struct Branch;

fn main() {
    let _bank = Remote::<dyn Bank>::new(Branch);
}
