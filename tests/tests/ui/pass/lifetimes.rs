//! Lifetimes of methods: elided, named, bounded by each other, and unused.

#![deny(warnings)]

use netref::{Error, Remote, remote};

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Order {
    lines: u64,
}

#[remote]
pub trait Shop<T: Clone> {
    async fn elided(&self, name: &str, orders: &[Order], order: &'_ Order) -> Result<u64, Error>;
    async fn named<'a>(&'a self, name: &'a str) -> Result<String, Error>;
    async fn several<'a, 'b>(&'a mut self, name: &'b str, it: &'a T) -> Result<T, Error>;
    async fn outlives<'a, 'b: 'a>(&'a self, name: &'a str, order: &'b Order) -> Result<u64, Error>;
    async fn bounded<'a, 'b, 'c>(&self, name: &'a str, order: &'b Order, bytes: &'c [u8]) -> Result<u64, Error>
    where
        'a: 'b,
        'b: 'c + 'a;
    async fn with_body<'a>(&'a self, name: &'a str) -> Result<String, Error> {
        self.named(name).await
    }
}

struct Corner;

impl Shop<u8> for Corner {
    async fn elided(&self, name: &str, orders: &[Order], order: &Order) -> Result<u64, Error> {
        Ok(name.len() as u64 + orders.len() as u64 + order.lines)
    }
    async fn named<'a>(&'a self, name: &'a str) -> Result<String, Error> {
        Ok(name.to_owned())
    }
    async fn several<'a, 'b>(&'a mut self, name: &'b str, it: &'a u8) -> Result<u8, Error> {
        Ok(name.len() as u8 + it)
    }
    async fn outlives<'a, 'b: 'a>(&'a self, name: &'a str, order: &'b Order) -> Result<u64, Error> {
        Ok(name.len() as u64 + order.lines)
    }
    async fn bounded<'a, 'b, 'c>(&self, name: &'a str, order: &'b Order, bytes: &'c [u8]) -> Result<u64, Error>
    where
        'a: 'b,
        'b: 'c + 'a,
    {
        Ok((name.len() + bytes.len()) as u64 + order.lines)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut shop: Remote<dyn Shop<u8>> = Remote::new(Corner);
        let order = Order { lines: 3 };
        // What is borrowed may end before the call does.
        let call = {
            let name = "pen".to_owned();
            shop.elided(&name, &[], &order)
        };
        assert_eq!(call.await.unwrap(), 6);
        assert_eq!(shop.named("pen").await.unwrap(), "pen");
        assert_eq!(shop.several("pen", &1).await.unwrap(), 4);
        assert_eq!(shop.outlives("pen", &order).await.unwrap(), 6);
        assert_eq!(shop.bounded("pen", &order, b"1").await.unwrap(), 7);
        assert_eq!(shop.with_body("ink").await.unwrap(), "ink");
    });
}
