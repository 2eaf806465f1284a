//! Halves that are passed on: through a node in the middle, back home, and inside one process.

use std::sync::Arc;

use netref::stream::{self, ByteReader, ByteWriter, Receiver, Sender, WatchReceiver};
use netref::{ErrorKind, Limits, Node, Remote, Result, remote};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::{Depot, Store, bounded, no_stream_is_left, pair};

/// Passes everything on to a depot at another node.
#[remote]
pub trait Middle {
    async fn sum(&self, numbers: Receiver<u64>) -> Result<u64>;
    async fn numbers(&self, count: u64) -> Result<Receiver<u64>>;
    async fn fill(&self, to: Sender<u64>, count: u64) -> Result<()>;
    async fn echo(&self, bytes: ByteReader) -> Result<ByteReader>;
    async fn follow(&self, value: WatchReceiver<u64>) -> Result<WatchReceiver<u64>>;
    async fn keep(&self, numbers: Receiver<u64>) -> Result<()>;
    async fn forget(&self) -> Result<()>;
    async fn depot(&self) -> Result<Remote<dyn Depot>>;
}

struct Relay(Remote<dyn Depot>);

impl Middle for Relay {
    async fn sum(&self, numbers: Receiver<u64>) -> Result<u64> {
        self.0.sum(numbers).await
    }
    async fn numbers(&self, count: u64) -> Result<Receiver<u64>> {
        self.0.numbers(count).await
    }
    async fn fill(&self, to: Sender<u64>, count: u64) -> Result<()> {
        self.0.fill(to, count).await
    }
    async fn echo(&self, bytes: ByteReader) -> Result<ByteReader> {
        self.0.echo(bytes).await
    }
    async fn follow(&self, value: WatchReceiver<u64>) -> Result<WatchReceiver<u64>> {
        self.0.follow(value).await
    }
    async fn keep(&self, numbers: Receiver<u64>) -> Result<()> {
        self.0.keep(numbers).await
    }
    async fn forget(&self) -> Result<()> {
        self.0.forget().await
    }
    async fn depot(&self) -> Result<Remote<dyn Depot>> {
        Ok(self.0.clone())
    }
}

struct Three {
    nodes: [Node; 3],
    middle: Remote<dyn Middle>,
}

impl Three {
    async fn new() -> Self {
        let (host, between, depot) = pair(Limits::default()).await;
        let relay = Node::builder().listen("tcp://127.0.0.1:0").publish("middle", Remote::<dyn Middle>::new(Relay(depot)));
        let relay = relay.start().await.unwrap();
        let caller = Node::builder().start().await.unwrap();
        let middle = caller.connect(&format!("{}/middle", relay.addresses()[0])).await.unwrap();
        // The relay's calls go out over the node that dialled, which is its own in this process.
        std::mem::forget(relay);
        Self { nodes: [host, between, caller], middle }
    }

    async fn nothing_is_left(&self) {
        no_stream_is_left(&[&self.nodes[0], &self.nodes[1], &self.nodes[2]]).await;
    }
}

async fn everything_works(sum: impl AsyncFn(Receiver<u64>) -> u64, numbers: Receiver<u64>) {
    let (mut sender, receiver) = stream::channel(4);
    let sending = tokio::spawn(async move {
        for number in 0..1_000 {
            sender.send(number).await?;
        }
        sender.finish().await
    });
    assert_eq!(bounded(sum(receiver)).await, 499_500);
    bounded(sending).await.unwrap().unwrap();
    assert_eq!(bounded(sum(numbers)).await, 4_950);
}

#[tokio::test]
async fn halves_go_through_a_node_in_the_middle() {
    let three = Three::new().await;
    let middle = &three.middle;
    let numbers = middle.numbers(100).await.unwrap();
    everything_works(async |receiver| middle.sum(receiver).await.unwrap(), numbers).await;

    let (sender, mut receiver) = stream::channel(2);
    let fill = middle.fill(sender, 500).send();
    for number in 0..500 {
        assert_eq!(bounded(receiver.recv()).await, Some(Ok(number)));
    }
    assert_eq!(bounded(receiver.recv()).await, None);
    bounded(fill).await.unwrap();

    let (mut writer, reader) = stream::bytes();
    let mut echo = middle.echo(reader).await.unwrap();
    let writing = tokio::spawn(async move {
        for _ in 0..100 {
            writer.write_all(&[9; 30_000]).await.unwrap();
        }
        writer.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    bounded(echo.read_to_end(&mut read)).await.unwrap();
    assert_eq!(read.len(), 3_000_000);
    bounded(writing).await.unwrap();

    let (mut sender, receiver) = stream::watch(1);
    let mut watched = middle.follow(receiver).await.unwrap();
    sender.send(2).unwrap();
    while bounded(watched.changed()).await != Some(Ok(2)) {}
    sender.finish();
    assert_eq!(bounded(watched.changed()).await, None);

    // A relayed reference goes through the middle as well, with the halves in its calls.
    let depot = middle.depot().await.unwrap();
    let numbers = depot.numbers(100).await.unwrap();
    everything_works(async |receiver| depot.sum(receiver).await.unwrap(), numbers).await;
    three.nothing_is_left().await;
}

#[tokio::test]
async fn the_end_of_a_half_is_told_through_the_middle() {
    let three = Three::new().await;
    let middle = &three.middle;
    let (mut sender, receiver) = stream::channel(2);
    middle.keep(receiver).await.unwrap();
    bounded(sender.send(1)).await.unwrap();
    middle.forget().await.unwrap();
    assert_eq!(bounded(sender.closed()).await.kind(), ErrorKind::Cancelled);
    let error = bounded(async {
        loop {
            if let Err(error) = sender.send(2).await {
                break error;
            }
        }
    })
    .await;
    assert!(error.text().contains("dropped"), "{error}");

    let (sender, receiver) = stream::channel::<u64>(2);
    let sum = middle.sum(receiver).send();
    sender.fail("out of paper");
    let error = bounded(sum).await.unwrap_err();
    let texts = std::iter::successors(Some(&error), |error| error.origin()).any(|error| error.text().contains("out of paper"));
    assert!(texts, "{error}");
    three.nothing_is_left().await;
}

#[tokio::test]
async fn a_half_comes_home_by_the_way_that_it_went() {
    let (host, caller, depot) = pair(Limits::default()).await;
    let (mut sender, receiver) = stream::channel(4);
    let mut home = depot.rich(receiver).await.unwrap();
    sender.send(crate::Rich::text("there and back")).await.unwrap();
    assert_eq!(bounded(home.recv()).await.unwrap().unwrap().text, "there and back");
    sender.finish().await.unwrap();
    assert!(bounded(home.recv()).await.is_none());
    no_stream_is_left(&[&host, &caller]).await;
}

/// A half of which the program has kept another hold.
pub struct Kept<H>(Arc<Mutex<H>>);

impl<H> Clone for Kept<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> Kept<H> {
    fn new(half: H) -> Self {
        Self(Arc::new(Mutex::new(half)))
    }
}

impl<H: Serialize> Serialize for Kept<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.try_lock().expect("nobody uses it now").serialize(serializer)
    }
}

impl<'de, H: Deserialize<'de>> Deserialize<'de> for Kept<H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        H::deserialize(deserializer).map(Self::new)
    }
}

#[remote]
pub trait Taker {
    async fn take(&self, to: Kept<Sender<u64>>, from: Kept<Receiver<u64>>) -> Result<()>;
    async fn take_bytes(&self, to: Kept<ByteWriter>, from: Kept<ByteReader>) -> Result<()>;
}

struct Passes;

impl Taker for Passes {
    async fn take(&self, to: Kept<Sender<u64>>, from: Kept<Receiver<u64>>) -> Result<()> {
        let (mut to, mut from) = (to.0.lock().await, from.0.lock().await);
        while let Some(number) = from.recv().await {
            to.send(number?).await?;
        }
        Ok(())
    }

    async fn take_bytes(&self, to: Kept<ByteWriter>, from: Kept<ByteReader>) -> Result<()> {
        let (mut to, mut from) = (to.0.lock().await, from.0.lock().await);
        while let Some(bytes) = from.chunk().await {
            to.write_bytes(bytes?).await?;
        }
        let _ = to.shutdown().await;
        Ok(())
    }
}

#[tokio::test]
async fn a_half_that_was_passed_on_is_no_longer_here() {
    let host = Node::builder().listen("tcp://127.0.0.1:0").publish("taker", Remote::<dyn Taker>::new(Passes)).start().await.unwrap();
    let caller = Node::builder().start().await.unwrap();
    let taker: Remote<dyn Taker> = caller.connect(&format!("{}/taker", host.addresses()[0])).await.unwrap();
    let ((mut first, from), (to, mut last)) = (stream::channel(4), stream::channel(4));
    let (to, from) = (Kept::new(to), Kept::new(from));
    let call = taker.take(to.clone(), from.clone()).send();
    first.send(5).await.unwrap();
    assert_eq!(bounded(last.recv()).await, Some(Ok(5)));
    let refused = [to.0.lock().await.send(1).await.unwrap_err(), bounded(from.0.lock().await.recv()).await.unwrap().unwrap_err()];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.text().contains("passed on"), "{error}");
    }
    let again = taker.take(to.clone(), from.clone()).await.unwrap_err();
    assert!(again.text().contains("passed on"), "{again}");
    // None of it has touched the stream.
    first.send(6).await.unwrap();
    assert_eq!(bounded(last.recv()).await, Some(Ok(6)));
    first.finish().await.unwrap();
    bounded(call).await.unwrap();

    let ((mut first, from), (to, mut last)) = (stream::bytes(), stream::bytes());
    let (to, from) = (Kept::new(to), Kept::new(from));
    let call = taker.take_bytes(to.clone(), from.clone()).send();
    first.write_all(b"some").await.unwrap();
    bounded(last.read_exact(&mut [0; 4])).await.unwrap();
    for _ in 0..2 {
        assert!(to.0.lock().await.write_all(b"x").await.unwrap_err().to_string().contains("passed on"));
        assert!(from.0.lock().await.read(&mut [0; 4]).await.unwrap_err().to_string().contains("passed on"));
    }
    first.shutdown().await.unwrap();
    bounded(call).await.unwrap();
    assert_eq!(bounded(last.read(&mut [0; 4])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_byte_reader_leaves_with_what_it_has_not_read() {
    let (host, caller, depot) = pair(Limits::default()).await;
    // What was written here, and what came over a session.
    for flows in [false, true] {
        let (mut writer, mut reader) = stream::bytes();
        let data: Vec<u8> = (0..100_000_u32).map(|byte| byte as u8).collect();
        let write = if flows {
            depot.write_to(writer, data.clone(), true).send()
        } else {
            writer.write_all(&data).await.unwrap();
            writer.shutdown().await.unwrap();
            depot.ping().send()
        };
        let mut first = [0; 10];
        bounded(reader.read_exact(&mut first)).await.unwrap();
        assert_eq!(first, data[..10]);
        // It stays where it is when it is serialized outside a message, with all that it has.
        assert!(serde_json::to_string(&reader).is_err());
        let mut rest = Vec::new();
        let mut echo = depot.echo(reader).await.unwrap();
        bounded(echo.read_to_end(&mut rest)).await.unwrap();
        assert!(rest == data[10..], "{} bytes came", rest.len());
        bounded(write).await.unwrap();
    }
    no_stream_is_left(&[&host, &caller]).await;
}

#[tokio::test]
async fn halves_inside_one_process_are_not_encoded() {
    let depot = Remote::<dyn Depot>::new(Store::default());
    assert_eq!(depot.sum(depot.numbers(100).await.unwrap()).await.unwrap(), 4_950);
    let (sender, receiver) = stream::channel(1);
    let fill = depot.fill(sender, 10).send();
    assert_eq!(depot.sum(receiver).await.unwrap(), 45);
    fill.await.unwrap();
}
