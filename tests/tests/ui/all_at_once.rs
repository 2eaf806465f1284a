//! All mistakes are shown in one build, and the program around the trait is not blamed for them.

use netref::{Error, Remote, remote};

#[remote(version = 2)]
pub trait Bank: Clone {
    const NAME: &'static str;

    type Currency;

    fn open(&self, owner: &str) -> Result<u64, Error>;

    async fn close(self) -> Result<(), Error>;

    async fn balance(&self) -> u64;

    async fn transfer<T>(&self, to: Option<&str>, amount: T) -> Result<(), Error>;

    async fn fine(&self, amount: u64) -> Result<u64, Error>;
}

struct Branch;

impl Bank for Branch {
    type Currency = u64;

    fn open(&self, _owner: &str) -> Result<u64, Error> {
        Ok(1)
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }

    async fn balance(&self) -> u64 {
        1
    }

    async fn transfer<T>(&self, _to: Option<&str>, _amount: T) -> Result<(), Error> {
        Ok(())
    }

    async fn fine(&self, amount: u64) -> Result<u64, Error> {
        Ok(amount)
    }
}

async fn ask(bank: Remote<dyn Bank<Currency = u64>>) -> Result<u64, Error> {
    bank.fine(1).await
}

fn main() {
    let bank = Remote::<dyn Bank<Currency = u64>>::new(Branch);
    drop(ask(bank));
}
