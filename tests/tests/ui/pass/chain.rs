//! Supertraits in a chain of depth three, and a diamond.

#![deny(warnings)]

use netref::{Error, Interface, Remote, remote};

mod names {
    #[netref::remote]
    pub trait Named: Send {
        async fn name(&self) -> Result<String, netref::Error>;
    }
}

#[remote]
pub trait Asset: names::Named {
    async fn value(&self) -> Result<u64, Error>;
}

#[remote]
pub trait Account: Asset + Sync {
    async fn deposit(&mut self, amount: u64) -> Result<u64, Error>;
}

// A diamond: `Named` is reached on two ways.
#[remote]
pub trait Portfolio: Account + names::Named {}

struct Savings(u64);

impl names::Named for Savings {
    async fn name(&self) -> Result<String, Error> {
        Ok("savings".to_owned())
    }
}

impl Asset for Savings {
    async fn value(&self) -> Result<u64, Error> {
        Ok(self.0)
    }
}

impl Account for Savings {
    async fn deposit(&mut self, amount: u64) -> Result<u64, Error> {
        self.0 += amount;
        Ok(self.0)
    }
}

impl Portfolio for Savings {}

async fn describe<P: Portfolio>(it: &mut P) -> Result<String, Error> {
    it.deposit(1).await?;
    Ok(format!("{}: {}", it.name().await?, it.value().await?))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(describe(&mut Savings(1)).await.unwrap(), "savings: 2");
        let mut remote = Remote::<dyn Portfolio>::new(Savings(1));
        assert_eq!(describe(&mut remote).await.unwrap(), "savings: 2");
    });
    let descriptor = <dyn Portfolio as Interface>::DESCRIPTOR;
    assert!(descriptor.exclusive && descriptor.methods.is_empty());
    assert_eq!(descriptor.bases.len(), 2);
    assert_eq!(descriptor.bases[0].bases[0].bases[0].methods[0].name, "name");
    assert!(!<dyn Asset as Interface>::DESCRIPTOR.exclusive);
}
