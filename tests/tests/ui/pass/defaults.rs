//! Default bodies, with `return`, `?`, `mut` arguments, and calls to other methods.

#![deny(warnings)]

use netref::{Error, Remote, remote};

#[remote]
pub trait Counter {
    async fn value(&self) -> Result<u64, Error>;

    async fn add(&mut self, amount: u64) -> Result<u64, Error>;

    async fn twice(&self) -> Result<u64, Error> {
        let value = self.value().await?;
        if value == 0 {
            return Ok(0);
        }
        Ok(2 * value)
    }

    async fn increment(&mut self, mut by: u64) -> Result<u64, Error> {
        by += 1;
        self.add(by).await
    }

    async fn greet<'a>(&'a self, name: &'a str) -> Result<String, Error> {
        Ok(format!("hello {name}"))
    }
}

struct One(u64);

impl Counter for One {
    async fn value(&self) -> Result<u64, Error> {
        Ok(self.0)
    }

    async fn add(&mut self, amount: u64) -> Result<u64, Error> {
        self.0 += amount;
        Ok(self.0)
    }
}

async fn both<C: Counter>(counter: &mut C) -> Result<u64, Error> {
    counter.increment(1).await?;
    counter.twice().await
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(is_send(async {
        assert_eq!(both(&mut One(1)).await.unwrap(), 6);
        let mut counter = Remote::<dyn Counter>::new(One(1));
        assert_eq!(both(&mut counter).await.unwrap(), 6);
        assert_eq!(counter.greet("ada").await.unwrap(), "hello ada");
    }));
}
