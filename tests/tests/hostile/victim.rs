//! Owns the node that a hostile peer is let loose on, the interface it has, and the well-behaved client beside it.

use std::sync::atomic::{AtomicU64, Ordering};

use netref::stream::{self, ByteReader, Receiver, WatchReceiver};
use netref::{AnyRemote, Compression, Limits, Node, Remote, Result, remote};
use serde::{Deserialize, Serialize};

use crate::learn::{Learned, learn};
use crate::peer::Raw;
use crate::script::compressing_hello;
use crate::within;

#[derive(Debug, Serialize, Deserialize)]
pub enum Nested {
    Leaf,
    Deeper(Box<Self>),
}

#[remote]
pub trait Target1 {
    async fn echo(&self, number: u64) -> Result<u64>;
    async fn forever(&self, number: u64) -> Result<u64>;
    async fn numbers(&self, numbers: Vec<u64>) -> Result<u64>;
    async fn nest(&self, nested: Nested) -> Result<u64>;
    async fn large(&self, number: u64) -> Result<Vec<u8>>;
    async fn take(&self, reference: Option<Remote<dyn Target1>>) -> Result<bool>;
    async fn units(&self, units: Vec<()>) -> Result<u64>;
    async fn text(&self, text: String) -> Result<u64>;
    async fn describe(&self, reference: AnyRemote) -> Result<String>;
    /// Never reads, and never gives it back.
    async fn hold(&self, numbers: Receiver<u64>) -> Result<u64>;
    async fn hold_bytes(&self, bytes: ByteReader) -> Result<u64>;
    /// Reads until the end, and tells how many there were.
    async fn count(&self, numbers: Receiver<u64>) -> Result<u64>;
    /// Numbers without end.
    async fn give(&self) -> Result<Receiver<u64>>;
    /// Bytes without end, as fast as they leave.
    async fn pour(&self) -> Result<ByteReader>;
    /// Never looks at it, and never gives it back.
    async fn hold_value(&self, value: WatchReceiver<u64>) -> Result<u64>;
    async fn next(&self) -> Result<Remote<dyn Target1>>;
    async fn ahead(&self, reference: Remote<dyn Target1>) -> Result<u64>;
    /// Keeps the text, and is never done.
    async fn keep(&self, text: String) -> Result<u64>;
}

/// What `pour` has written.
pub static POURED: AtomicU64 = AtomicU64::new(0);

pub struct Victim;
impl Target1 for Victim {
    async fn echo(&self, number: u64) -> Result<u64> {
        Ok(number)
    }
    async fn forever(&self, _number: u64) -> Result<u64> {
        std::future::pending().await
    }
    async fn numbers(&self, numbers: Vec<u64>) -> Result<u64> {
        Ok(numbers.len() as u64)
    }
    async fn nest(&self, _nested: Nested) -> Result<u64> {
        Ok(0)
    }
    async fn large(&self, _number: u64) -> Result<Vec<u8>> {
        Ok(vec![1; 1 << 20])
    }
    async fn take(&self, reference: Option<Remote<dyn Target1>>) -> Result<bool> {
        Ok(reference.is_some())
    }
    async fn units(&self, units: Vec<()>) -> Result<u64> {
        Ok(units.len() as u64)
    }
    async fn text(&self, text: String) -> Result<u64> {
        Ok(text.len() as u64)
    }
    async fn describe(&self, reference: AnyRemote) -> Result<String> {
        Ok(reference.describe().await?.to_string())
    }
    async fn hold(&self, _numbers: Receiver<u64>) -> Result<u64> {
        std::future::pending().await
    }
    async fn hold_bytes(&self, _bytes: ByteReader) -> Result<u64> {
        std::future::pending().await
    }
    async fn count(&self, mut numbers: Receiver<u64>) -> Result<u64> {
        let mut count = 0;
        while let Some(number) = numbers.recv().await {
            number?;
            count += 1;
        }
        Ok(count)
    }
    async fn give(&self) -> Result<Receiver<u64>> {
        stream::from_iter(0.., 1_000)
    }
    async fn pour(&self) -> Result<ByteReader> {
        let (mut writer, reader) = stream::bytes();
        tokio::spawn(async move {
            while writer.write_bytes(vec![7; 10_000].into()).await.is_ok() {
                POURED.fetch_add(10_000, Ordering::SeqCst);
            }
        });
        Ok(reader)
    }
    async fn hold_value(&self, _value: WatchReceiver<u64>) -> Result<u64> {
        std::future::pending().await
    }
    async fn next(&self) -> Result<Remote<dyn Target1>> {
        Ok(Remote::new(Self))
    }
    async fn ahead(&self, reference: Remote<dyn Target1>) -> Result<u64> {
        let promise = reference.next().pipelined();
        promise.echo(1).await?;
        promise.echo(2).await
    }
    async fn keep(&self, text: String) -> Result<u64> {
        std::future::pending::<()>().await;
        Ok(text.len() as u64)
    }
}

pub const METHODS: [&str; 18] = [
    "echo",
    "forever",
    "numbers",
    "nest",
    "large",
    "take",
    "units",
    "text",
    "describe",
    "hold",
    "hold_bytes",
    "count",
    "give",
    "pour",
    "hold_value",
    "next",
    "ahead",
    "keep",
];

pub fn number_of(method: &str) -> u32 {
    1 + METHODS.iter().position(|known| *known == method).expect("a method") as u32
}

/// A host, and a well-behaved client that must never notice anything.
pub struct Scene {
    pub host: Node,
    _client: Node,
    pub witness: Remote<dyn Target1>,
    pub learned: Learned,
}

impl Scene {
    pub async fn new(limits: Limits) -> Self {
        Self::with(limits, Compression::Off).await
    }

    pub async fn with(limits: Limits, compression: Compression) -> Self {
        let host = Node::builder().name("victim").limits(limits).compression(compression).listen("tcp://127.0.0.1:0");
        let host = host.start().await.expect("a node starts");
        host.publish("target", Remote::<dyn Target1>::new(Victim)).expect("a name");
        let learned = learn().await;
        let client = Node::builder().start().await.expect("a node starts");
        let witness = client.connect(&format!("{}/target", host.addresses()[0])).await.expect("a session");
        Self { host, _client: client, witness, learned }
    }

    pub async fn raw(&self) -> Raw {
        let mut raw = Raw::dial(&self.host).await;
        raw.shake(1).await;
        raw.introduce(&self.learned).await;
        raw
    }

    /// A peer that takes compressed bodies.
    pub async fn compressing(&self) -> Raw {
        let mut raw = Raw::dial(&self.host).await;
        raw.shake_with(compressing_hello()).await;
        raw.introduce(&self.learned).await;
        raw
    }

    /// A peer that takes streams.
    pub async fn streaming(&self) -> Raw {
        let mut raw = Raw::dial(&self.host).await;
        raw.shake_with(crate::script::streaming_hello()).await;
        raw.introduce(&self.learned).await;
        raw
    }

    /// A peer that may call ahead.
    pub async fn raw_that_promises(&self) -> Raw {
        let mut raw = Raw::dial(&self.host).await;
        raw.shake_offering(1, netref::wire::feature::PIPELINING).await;
        raw.introduce(&self.learned).await;
        raw
    }

    /// The others are served as if nothing had happened.
    pub async fn unharmed(&self) {
        for number in 0..20 {
            assert_eq!(within("the witness", self.witness.echo(number)).await.expect("it is served"), number);
        }
        let mut raw = within("a new session", self.raw()).await;
        raw.lives().await;
        raw.close().await;
    }
}

pub fn place(node: &Node) -> String {
    node.addresses()[0].strip_prefix("tcp://").expect("tcp").to_owned()
}
