//! The shortest way through everything: a name, a call, an object, a callback.

use netref::{Node, Remote, Result, remote};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

#[remote]
pub trait Listener {
    async fn heard(&self, amount: u64) -> Result<u64>;
}

#[remote]
pub trait Account {
    async fn deposit(&self, amount: u64) -> Result<u64>;
    async fn watch(&self, listener: Remote<dyn Listener>) -> Result<u64>;
}

#[remote]
pub trait Bank {
    async fn open(&self, owner: &str) -> Result<Remote<dyn Account>>;
    async fn all(&self) -> Result<HashMap<String, Remote<dyn Account>>>;
    async fn put(&self, data: Vec<u8>) -> Result<Vec<u8>>;
    async fn slow(&self, ms: u64) -> Result<u64>;
}

struct MyAccount(AtomicU64);
impl Account for MyAccount {
    async fn deposit(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::Relaxed) + amount)
    }
    async fn watch(&self, listener: Remote<dyn Listener>) -> Result<u64> {
        listener.heard(self.0.load(Ordering::Relaxed)).await
    }
}
struct MyBank;
impl Bank for MyBank {
    async fn open(&self, _owner: &str) -> Result<Remote<dyn Account>> {
        Ok(Remote::new(MyAccount(0.into())))
    }
    async fn all(&self) -> Result<HashMap<String, Remote<dyn Account>>> {
        Ok([("a".to_owned(), Remote::new(MyAccount(1.into()))), ("b".to_owned(), Remote::new(MyAccount(2.into())))].into())
    }
    async fn put(&self, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(data)
    }
    async fn slow(&self, ms: u64) -> Result<u64> {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
        Ok(ms)
    }
}
struct Ear;
impl Listener for Ear {
    async fn heard(&self, amount: u64) -> Result<u64> {
        Ok(amount * 2)
    }
}

#[tokio::test]
async fn everything_once() {
    let node = Node::builder().listen("tcp://127.0.0.1:0").publish("bank", Remote::<dyn Bank>::new(MyBank)).start().await.unwrap();
    let url = format!("{}/bank", node.addresses()[0]);
    let other = Node::builder().start().await.unwrap();
    let bank: Remote<dyn Bank> = other.connect(&url).await.unwrap();
    let account = bank.open("ada").await.unwrap();
    assert_eq!(account.deposit(5).await.unwrap(), 5);
    assert_eq!(account.watch(Remote::new(Ear)).await.unwrap(), 10);
    let all = bank.all().await.unwrap();
    assert_eq!(all["b"].deposit(1).await.unwrap(), 3);
    assert_eq!(bank.slow(20).await.unwrap(), 20);
    let big: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    assert_eq!(bank.put(big.clone()).await.unwrap(), big);
    assert_eq!(bank.put(vec![1, 2]).await.unwrap(), [1, 2]);
    drop((account, all, bank));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    println!("{:?} {:?}", node.stats(), other.stats());
    for session in other.sessions() {
        println!("{:?}", session);
    }
}
