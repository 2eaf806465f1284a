//! A program without async: hosting, connecting, calling and being called back from plain threads. The word `async` is part of what an
//! interface looks like, and stands nowhere else.
//!
//! `cargo run --example blocking`

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use netref::{ErrorKind, Remote, Result, blocking, remote};

#[remote]
pub trait Till {
    /// Gives what is in it afterwards.
    async fn put(&mut self, amount: u64) -> Result<u64>;
    async fn watch(&mut self, watcher: Remote<dyn Watcher>) -> Result<()>;
    /// Takes its thread for as long as it lasts, so it gets one of its own.
    #[remote(blocking)]
    async fn count(&self) -> Result<u64>;
    #[remote(blocking)]
    async fn audit(&self) -> Result<()>;
}

#[remote]
pub trait Watcher {
    async fn changed(&self, total: u64) -> Result<()>;
}

#[derive(Default)]
struct MyTill {
    total: u64,
    watcher: Option<Remote<dyn Watcher>>,
}

impl Till for MyTill {
    async fn put(&mut self, amount: u64) -> Result<u64> {
        self.total += amount;
        if let Some(watcher) = &self.watcher {
            watcher.changed(self.total).oneway()?;
        }
        Ok(self.total)
    }
    async fn watch(&mut self, watcher: Remote<dyn Watcher>) -> Result<()> {
        self.watcher = Some(watcher);
        Ok(())
    }
    async fn count(&self) -> Result<u64> {
        thread::sleep(Duration::from_millis(10)); // coin by coin
        Ok(self.total)
    }
    async fn audit(&self) -> Result<()> {
        thread::sleep(Duration::from_millis(200));
        Ok(())
    }
}

/// Hands what it is told to a thread that waits for it.
struct Screen(mpsc::Sender<u64>);

impl Watcher for Screen {
    async fn changed(&self, total: u64) -> Result<()> {
        let _ = self.0.send(total);
        Ok(())
    }
}

fn main() -> Result<()> {
    let shop = blocking::Node::builder()
        .name("shop")
        .listen("tcp://127.0.0.1:0")
        .publish("till", Remote::<dyn Till>::new(MyTill::default()))
        .start()?;
    let url = format!("{}/till", shop.addresses()[0]);
    println!("the shop is open");

    // Four cashiers, each on a thread of its own.
    let cashiers: Vec<_> = (1..=4)
        .map(|amount| {
            let url = url.clone();
            thread::spawn(move || -> Result<()> {
                let mut till: Remote<dyn Till> = blocking::connect(&url)?;
                for _ in 0..25 {
                    till.put(amount).wait()?;
                }
                Ok(())
            })
        })
        .collect();
    for cashier in cashiers {
        cashier.join().expect("no cashier panics")?;
    }

    let office = blocking::Node::builder().name("office").start()?;
    let mut till: Remote<dyn Till> = office.connect(&url)?;
    let counting = till.count().send(); // goes on while this thread does other things
    let (sender, totals) = mpsc::channel();
    till.watch(Remote::new(Screen(sender))).wait()?; // an object of this side's, to be called back
    assert_eq!(counting.wait()?, 250);
    println!("250 are in it");

    assert_eq!(till.put(50).wait()?, 300);
    assert_eq!(totals.recv_timeout(Duration::from_secs(10)), Ok(300));
    println!("the screen shows 300");

    let late = till.audit().timeout(Duration::from_millis(20)).wait().unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Deadline);
    println!("the audit takes too long");

    // Closing time: what runs is finished, within a bound.
    shop.shutdown(Duration::from_secs(10))?;
    let why = blocking::closed(&till, Duration::from_secs(10))?.expect("the shop is closed");
    assert_eq!(why.kind(), ErrorKind::Disconnected);
    println!("the shop is closed");
    Ok(())
}
