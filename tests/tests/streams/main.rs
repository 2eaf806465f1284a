//! Streams between nodes: items, bytes, watched values and iteration; where halves travel, how streams end, and what a slow reader stops.

mod abandoned;
mod data;
mod ends;
mod flow;
mod iterate;
mod leaving;
mod owners;
mod seam;
mod travel;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use netref::stream::{self, ByteReader, ByteWriter, Receiver, Sender, WatchReceiver, WatchSender};
use netref::{Limits, Node, Remote, Result, remote};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// After this long a test that hangs has failed.
const BOUND: Duration = Duration::from_secs(60);

async fn bounded<R>(body: impl Future<Output = R>) -> R {
    tokio::time::timeout(BOUND, body).await.expect("it hangs")
}

async fn until(is_so: impl Fn() -> bool) {
    bounded(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[remote]
pub trait Counter {
    async fn add(&self, amount: u64) -> Result<u64>;
}

type Counters = Vec<Remote<dyn Counter>>;

#[derive(Default)]
struct Plain(AtomicU64);

impl Counter for Plain {
    async fn add(&self, amount: u64) -> Result<u64> {
        Ok(self.0.fetch_add(amount, Ordering::SeqCst) + amount)
    }
}

/// An item with everything in it that an item can have.
#[derive(Serialize, Deserialize)]
pub struct Rich {
    counter: Option<Remote<dyn Counter>>,
    inner: Option<Receiver<u64>>,
    answer: Option<Sender<String>>,
    file: Option<ByteReader>,
    #[serde(serialize_with = "unless_unwritable", deserialize_with = "unless_unreadable")]
    text: String,
}

/// A text that refuses to be encoded.
const UNWRITABLE: &str = "unwritable";

fn unless_unwritable<S: Serializer>(text: &str, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    if text == UNWRITABLE { Err(S::Error::custom("it refuses")) } else { text.serialize(serializer) }
}

/// A text that refuses to be decoded, and one that panics meanwhile.
const UNREADABLE: &str = "unreadable";
const STARTLING: &str = "startling";

fn unless_unreadable<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        UNREADABLE => Err(D::Error::custom("it refuses")),
        STARTLING => panic!("startled"),
        _ => Ok(text),
    }
}

impl Rich {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), counter: None, inner: None, answer: None, file: None }
    }
}

#[remote]
pub trait Depot {
    /// Numbers from 0, and then the end.
    async fn numbers(&self, count: u64) -> Result<Receiver<u64>>;
    /// The sum of what is sent, once it is complete.
    async fn sum(&self, numbers: Receiver<u64>) -> Result<u64>;
    /// Sends numbers from 0 to a sender of the caller's, and then the end.
    async fn fill(&self, to: Sender<u64>, count: u64) -> Result<()>;
    /// Where numbers can be sent to that nobody reads until they are asked for.
    async fn keep(&self, numbers: Receiver<u64>) -> Result<()>;
    async fn kept(&self) -> Result<Vec<u64>>;
    /// A sender that sends nothing.
    async fn set_aside(&self, to: Sender<u64>) -> Result<()>;
    /// Drops what was kept.
    async fn forget(&self) -> Result<()>;
    async fn keep_bytes(&self, bytes: ByteReader) -> Result<()>;
    async fn echo(&self, bytes: ByteReader) -> Result<ByteReader>;
    /// Writes for as long as anybody takes it. What was written counts as made.
    async fn flood(&self, to: ByteWriter) -> Result<()>;
    /// Three items, the second of which cannot be encoded.
    async fn spoiled(&self) -> Result<Receiver<Rich>>;
    async fn write_to(&self, to: ByteWriter, bytes: Vec<u8>, ends: bool) -> Result<()>;
    async fn rich(&self, items: Receiver<Rich>) -> Result<Receiver<Rich>>;
    async fn follow(&self, value: WatchReceiver<u64>) -> Result<WatchReceiver<u64>>;
    async fn follow_counters(&self, value: WatchReceiver<Counters>) -> Result<WatchReceiver<Counters>>;
    async fn set(&self, value: WatchSender<u64>, to: u64) -> Result<()>;
    async fn squares(&self, ahead: usize) -> Result<Receiver<u64>>;
    async fn made(&self) -> Result<u64>;
    /// Panics with both in its hands.
    async fn crash(&self, numbers: Receiver<u64>, to: Sender<u64>) -> Result<()>;
    async fn ping(&self) -> Result<()>;
}

#[derive(Default)]
struct Store {
    kept: tokio::sync::Mutex<Vec<Receiver<u64>>>,
    aside: tokio::sync::Mutex<Vec<Sender<u64>>>,
    kept_bytes: tokio::sync::Mutex<Vec<ByteReader>>,
    made: std::sync::Arc<AtomicU64>,
}

impl Depot for Store {
    async fn numbers(&self, count: u64) -> Result<Receiver<u64>> {
        let (mut sender, receiver) = stream::channel(64);
        tokio::spawn(async move {
            for number in 0..count {
                sender.send(number).await?;
            }
            sender.finish().await
        });
        Ok(receiver)
    }

    async fn sum(&self, mut numbers: Receiver<u64>) -> Result<u64> {
        let mut sum = 0;
        while let Some(number) = numbers.recv().await {
            sum += number?;
        }
        Ok(sum)
    }

    async fn fill(&self, mut to: Sender<u64>, count: u64) -> Result<()> {
        for number in 0..count {
            to.send(number).await?;
        }
        to.finish().await
    }

    async fn keep(&self, numbers: Receiver<u64>) -> Result<()> {
        self.kept.lock().await.push(numbers);
        Ok(())
    }

    async fn set_aside(&self, to: Sender<u64>) -> Result<()> {
        self.aside.lock().await.push(to);
        Ok(())
    }

    async fn kept(&self) -> Result<Vec<u64>> {
        let mut all = Vec::new();
        for mut numbers in self.kept.lock().await.drain(..) {
            while let Some(number) = numbers.recv().await {
                all.push(number?);
            }
        }
        Ok(all)
    }

    async fn forget(&self) -> Result<()> {
        self.kept.lock().await.clear();
        self.kept_bytes.lock().await.clear();
        Ok(())
    }

    async fn keep_bytes(&self, bytes: ByteReader) -> Result<()> {
        self.kept_bytes.lock().await.push(bytes);
        Ok(())
    }

    async fn echo(&self, mut bytes: ByteReader) -> Result<ByteReader> {
        let (mut writer, reader) = stream::bytes();
        tokio::spawn(async move {
            while let Some(chunk) = bytes.chunk().await {
                writer.write_bytes(chunk?).await?;
            }
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
            Ok::<(), netref::Error>(())
        });
        Ok(reader)
    }

    async fn flood(&self, mut to: ByteWriter) -> Result<()> {
        let made = std::sync::Arc::clone(&self.made);
        tokio::spawn(async move {
            while to.write_bytes(vec![4; 1_000].into()).await.is_ok() {
                made.fetch_add(1_000, Ordering::SeqCst);
            }
        });
        Ok(())
    }

    async fn spoiled(&self) -> Result<Receiver<Rich>> {
        stream::from_iter(["first", UNWRITABLE, "third"].map(Rich::text), 1)
    }

    async fn write_to(&self, mut to: ByteWriter, bytes: Vec<u8>, ends: bool) -> Result<()> {
        to.write_bytes(bytes.into()).await?;
        if ends {
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut to).await;
        }
        Ok(())
    }

    async fn rich(&self, items: Receiver<Rich>) -> Result<Receiver<Rich>> {
        Ok(items)
    }

    async fn follow(&self, value: WatchReceiver<u64>) -> Result<WatchReceiver<u64>> {
        Ok(value)
    }

    async fn follow_counters(&self, value: WatchReceiver<Counters>) -> Result<WatchReceiver<Counters>> {
        Ok(value)
    }

    async fn set(&self, mut value: WatchSender<u64>, to: u64) -> Result<()> {
        for number in 0..=to {
            value.send(number)?;
        }
        value.finish();
        Ok(())
    }

    async fn squares(&self, ahead: usize) -> Result<Receiver<u64>> {
        let made = std::sync::Arc::clone(&self.made);
        let numbers = (0..).map(move |number: u64| {
            made.fetch_add(1, Ordering::SeqCst);
            number * number
        });
        stream::from_iter(numbers, ahead)
    }

    async fn made(&self) -> Result<u64> {
        Ok(self.made.load(Ordering::SeqCst))
    }

    async fn crash(&self, mut numbers: Receiver<u64>, mut to: Sender<u64>) -> Result<()> {
        let _ = numbers.recv().await;
        let _ = to.send(1).await;
        // As a panic does, and without its many words.
        std::panic::resume_unwind(Box::new("expected"))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

/// A host with a depot, and another node that holds a reference to it.
async fn pair(limits: Limits) -> (Node, Node, Remote<dyn Depot>) {
    let depot = Remote::<dyn Depot>::new(Store::default());
    let host = Node::builder().limits(limits.clone()).listen("tcp://127.0.0.1:0").publish("depot", depot).start().await.unwrap();
    let caller = Node::builder().limits(limits).start().await.unwrap();
    let there = caller.connect(&format!("{}/depot", host.addresses()[0])).await.unwrap();
    (host, caller, there)
}

/// No stream is left in any table.
async fn no_stream_is_left(nodes: &[&Node]) {
    until(|| nodes.iter().all(|node| node.stats().tables.iter().all(|session| session.streams == 0))).await;
}
