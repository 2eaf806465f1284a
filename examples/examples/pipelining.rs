//! References before they are there: a whole chain of calls in one round trip, on promises of what each call will give.
//!
//! ```sh
//! cargo run --example pipelining
//! ```
//!
//! A directory knows departments, a department has a budget, and a budget takes bookings. Each is an object that the one before gives, and the
//! caller wants only the last. Between the two nodes lies a link that is slow on purpose, so that what is waited for can be seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use netref::{Node, Pipeline, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

#[remote]
pub trait Directory {
    async fn department(&self, name: &str) -> Result<Remote<dyn Department>>;
}

#[remote]
pub trait Department {
    async fn books(&self) -> Result<Books>;
}

/// `#[derive(Pipeline)]` makes `BooksPromise` of it: the promises of the two references.
#[derive(Serialize, Deserialize, Pipeline)]
pub struct Books {
    pub year: u32,
    pub budget: Remote<dyn Account>,
    pub spent: Remote<dyn Account>,
}

#[remote]
pub trait Account {
    async fn add(&self, amount: u64) -> Result<u64>;
    /// Takes an account that may be a promise still.
    async fn move_to(&self, amount: u64, other: Remote<dyn Account>) -> Result<u64>;
}

struct MyDirectory;

impl Directory for MyDirectory {
    async fn department(&self, name: &str) -> Result<Remote<dyn Department>> {
        let books = (MyAccount::remote(100 * name.len() as u64), MyAccount::remote(0));
        Ok(Remote::new(MyDepartment(books)))
    }
}

struct MyDepartment((Remote<dyn Account>, Remote<dyn Account>));

impl Department for MyDepartment {
    async fn books(&self) -> Result<Books> {
        let (budget, spent) = self.0.clone();
        Ok(Books { year: 2026, budget, spent })
    }
}

struct MyAccount(AtomicU64);

impl MyAccount {
    fn remote(amount: u64) -> Remote<dyn Account> {
        Remote::new(Self(AtomicU64::new(amount)))
    }
}

impl Account for MyAccount {
    async fn add(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::SeqCst) + amount)
    }

    async fn move_to(&self, amount: u64, other: Remote<dyn Account>) -> Result<u64> {
        self.0.fetch_sub(amount, Ordering::SeqCst);
        other.add(amount).await
    }
}

/// How long the link takes, each way.
const LATENCY: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    let (directory, _nodes) = far_away().await?;

    // Step by step: three calls, and each has to be there before the next can be made.
    let began = Instant::now();
    let department = directory.department("repairs").await?;
    let books = department.books().await?;
    assert_eq!(books.spent.add(5).await?, 5);
    let step_by_step = began.elapsed();

    // Ahead: the same three calls leave at once, and there is one answer to wait for.
    let began = Instant::now();
    let books = directory.department("repairs").pipelined().books().pipelined();
    assert_eq!(books.spent.add(5).await?, 5);
    let ahead = began.elapsed();
    println!("three calls: {} ms step by step, {} ms ahead", step_by_step.as_millis(), ahead.as_millis());

    // A promise travels like any reference: here it is an argument of a call on another promise.
    let moved = books.budget.move_to(30, books.spent.clone()).await?;
    println!("moved: {moved} are spent");
    assert_eq!(moved, 35);

    // What a future will give is a reference at once, too.
    let later = Remote::from_future(async move { Ok::<_, netref::Error>(directory) });
    let budget = later.department("it").pipelined().books().pipelined().budget;
    println!("it has {}", budget.add(0).await?);
    Ok(())
}

/// Two nodes with a slow link between them.
async fn far_away() -> Result<(Remote<dyn Directory>, (Node, Node))> {
    let host = Node::builder().publish("directory", Remote::<dyn Directory>::new(MyDirectory)).start().await?;
    let guest = Node::builder().start().await?;
    let (near, near_end) = tokio::io::duplex(1 << 16);
    let (far, far_end) = tokio::io::duplex(1 << 16);
    slowly(near_end, far_end);
    let (accepted, session) = tokio::join!(accept(&host, far), connect(&guest, near));
    accepted?;
    let directory = session?.lookup("directory").await?;
    Ok((directory, (host, guest)))
}

async fn accept(node: &Node, link: DuplexStream) -> Result<netref::Session> {
    let (read, write) = tokio::io::split(link);
    node.accept_io(read, write).await
}

async fn connect(node: &Node, link: DuplexStream) -> Result<netref::Session> {
    let (read, write) = tokio::io::split(link);
    node.connect_io(read, write).await
}

/// Passes bytes on, both ways, each some time after it came.
fn slowly(one: DuplexStream, other: DuplexStream) {
    let (one_read, one_write) = tokio::io::split(one);
    let (other_read, other_write) = tokio::io::split(other);
    tokio::spawn(delay(one_read, other_write));
    tokio::spawn(delay(other_read, one_write));
}

async fn delay(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin + Send + 'static) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due.into()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if sender.send((Instant::now() + LATENCY, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}
