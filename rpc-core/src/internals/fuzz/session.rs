//! Owns the fuzz target of sessions: what a node makes of any frames, once hands are shaken and there are objects to call. Its peer is played by bytes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use super::check_text;
use super::streams::{Kept, Pieces, pipe, runtime};
use crate::any::AnyRemote;
use crate::error::{Error, Result};
use crate::handler::{Handler, RawCall, RawReturn};
use crate::limits::Limits;
use crate::node::{Node, NodeBuilder};
use crate::remote::Remote;
use crate::stream::{self, ByteReader, Receiver, Sender, WatchReceiver};
use crate::wire::{self, MAGIC};

/// What there is to call.
#[netref_macros::remote(name = "fuzz.Probe", crate = "crate")]
pub(crate) trait Probe {
    async fn echo(&self, value: Vec<Option<u16>>) -> Result<Vec<Option<u16>>, Error>;
    async fn add(&mut self, amount: u64) -> Result<u64, Error>;
    async fn bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, Error>;
    /// Hands out an object of its own.
    async fn swap(&self, other: Option<Remote<dyn Probe>>) -> Result<Remote<dyn Probe>, Error>;
    /// Gives back what it was given.
    async fn back(&self, others: Vec<Remote<dyn Probe>>) -> Result<Vec<Remote<dyn Probe>>, Error>;
    /// Calls back.
    async fn ask(&self, other: Remote<dyn Probe>) -> Result<u64, Error>;
    async fn forever(&self, text: String) -> Result<(), Error>;
    /// Reads to the end.
    async fn sum(&self, numbers: Receiver<u64>) -> Result<u64, Error>;
    /// Writes some, and the end.
    async fn fill(&self, to: Sender<Option<u16>>) -> Result<(), Error>;
    /// Gives back what it was given, so that everything comes home through here.
    async fn home(&self, halves: Vec<(ByteReader, WatchReceiver<u64>)>) -> Result<Vec<(ByteReader, WatchReceiver<u64>)>, Error>;
}

/// Counts the objects there are: each holds one more reference to `alive`.
struct Counter {
    total: u64,
    alive: Arc<()>,
}

impl Counter {
    fn remote(alive: &Arc<()>) -> Remote<dyn Probe> {
        Remote::new(Self { total: 0, alive: Arc::clone(alive) })
    }
}

impl Probe for Counter {
    async fn echo(&self, value: Vec<Option<u16>>) -> Result<Vec<Option<u16>>, Error> {
        Ok(value)
    }
    async fn add(&mut self, amount: u64) -> Result<u64, Error> {
        tokio::task::yield_now().await;
        self.total = self.total.wrapping_add(amount);
        Ok(self.total)
    }
    async fn bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(bytes.repeat(2))
    }
    async fn swap(&self, _other: Option<Remote<dyn Probe>>) -> Result<Remote<dyn Probe>, Error> {
        Ok(Self::remote(&self.alive))
    }
    async fn back(&self, others: Vec<Remote<dyn Probe>>) -> Result<Vec<Remote<dyn Probe>>, Error> {
        Ok(others)
    }
    async fn ask(&self, mut other: Remote<dyn Probe>) -> Result<u64, Error> {
        other.add(1).await
    }
    async fn forever(&self, _text: String) -> Result<(), Error> {
        std::future::pending().await
    }
    async fn sum(&self, mut numbers: Receiver<u64>) -> Result<u64, Error> {
        let mut sum = 0_u64;
        while let Some(number) = numbers.recv().await {
            sum = sum.wrapping_add(number?);
        }
        Ok(sum)
    }
    async fn fill(&self, mut to: Sender<Option<u16>>) -> Result<(), Error> {
        for number in 0..5 {
            to.send(Some(number)).await?;
        }
        to.finish().await
    }
    async fn home(&self, halves: Vec<(ByteReader, WatchReceiver<u64>)>) -> Result<Vec<(ByteReader, WatchReceiver<u64>)>, Error> {
        Ok(halves)
    }
}

/// Any bytes as the frames of a peer with which there is a session: each has a byte for its length, or three when the first is 255. The node goes
/// on or closes with words; it writes nothing but frames; and when the link ends, nothing is left.
///
/// # Panics
///
/// When one of these does not hold.
pub fn session(data: &[u8]) {
    let [step, frames @ ..] = data else { return };
    let mut bytes = beginning().to_vec();
    let whole = bytes.len();
    put_frames(&mut bytes, frames);
    let (alive, written) = (Arc::new(()), Kept::default());
    runtime().block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(3_600), serve(&alive, Pieces::new(bytes, whole, *step), written.clone()));
        assert!(done.await.is_ok(), "a session hangs");
    });
    check_written(&written.bytes());
    assert_eq!(Arc::strong_count(&alive), 1, "objects outlive everybody who could have referred to them");
}

/// Takes calls and never answers.
struct Silent;

impl Handler for Silent {
    fn call(&self, _call: RawCall) -> RawReturn {
        RawReturn::pending(std::future::pending())
    }
}

/// A node that takes compressed bodies where it can.
fn builder() -> NodeBuilder {
    let builder = Node::builder().no_keep_alive();
    #[cfg(feature = "lz4")]
    let builder = builder.compression(crate::Compression::Lz4);
    builder
}

async fn host(probe: Remote<dyn Probe>) -> Node {
    let limits = Limits {
        calls_in_flight: 8,
        exports_stranger: 16,
        message_bytes: 65_536,
        definitions: 32,
        depth: 16,
        decoded_bytes: 65_536,
        unsent_bytes: 65_536,
        unclaimed_bytes: 65_536,
        refusals: 20,
        chain_holds: 4,
        streams: 8,
        stream_window: 65_536,
        streams_window: 131_072,
        ..Limits::default()
    };
    let node = builder().name("fuzz").limits(limits).publish("probe", probe);
    node.start().await.expect("a node that listens nowhere starts")
}

async fn serve(alive: &Arc<()>, reader: Pieces, writer: Kept) {
    let mut probe = Counter::remote(alive);
    let node = host(probe.clone()).await;
    let session = node.accept_io(reader, writer).await.expect("the handshake is that of a node that behaves");
    check_text(&session.closed().await.to_string());
    assert_eq!(node.stats().sessions, 0, "a session outlives its link");
    assert!(probe.add(0).await.is_ok(), "the object that is published serves others no more");
}

/// The frames, with the lengths that the wire wants. The last may end too early.
fn put_frames(out: &mut Vec<u8>, mut frames: &[u8]) {
    loop {
        let (length, rest) = match frames {
            [255, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
            [length, rest @ ..] => (usize::from(*length), rest),
            [] => return,
        };
        // On the wire it is the length less one.
        out.extend_from_slice(&(length as u16).to_le_bytes());
        let (body, rest) = rest.split_at(rest.len().min(length + 1));
        out.extend_from_slice(body);
        frames = rest;
    }
}

fn check_written(bytes: &[u8]) {
    let mut rest = bytes.strip_prefix(&MAGIC[..]).expect("the magic comes first");
    while let Some((body, consumed)) = wire::split(rest) {
        if let Err(error) = wire::decode(body) {
            panic!("the node wrote what is no frame: {error}");
        }
        rest = &rest[consumed..];
    }
    assert!(rest.is_empty(), "the node wrote a part of a frame");
}

/// What a peer that behaves sends up to the moment at which it knows every method, holds two objects, and has calls of its own and of the host's
/// under way. It is recorded rather than written down, so that it follows the protocol.
fn beginning() -> &'static [u8] {
    static BEGINNING: OnceLock<Vec<u8>> = OnceLock::new();
    BEGINNING.get_or_init(|| {
        runtime().block_on(async {
            let alive = Arc::new(());
            let (host, peer) = (host(Counter::remote(&alive)).await, builder().start().await.expect("it starts"));
            let (write_there, read_there, there) = pipe(Vec::new());
            let (write_back, read_back, _) = pipe(Vec::new());
            let (session, hosting) = tokio::join!(peer.connect_io(read_back, write_there), host.accept_io(read_there, write_back));
            let (session, _hosting) = (session.expect("hands are shaken"), hosting.expect("hands are shaken"));
            let mut probe = session.lookup::<dyn Probe>("probe").await.expect("it is published");
            let _other = probe.swap(None).await.expect("an object");
            probe.echo(vec![Some(1)]).await.expect("an answer");
            probe.add(1).await.expect("an answer");
            probe.bytes(b"some").await.expect("an answer");
            probe.back(vec![probe.clone()]).await.expect("an answer");
            let _forever = probe.forever("and ever".to_owned()).send();
            let silent = AnyRemote::from_handler("fuzz.Probe", Arc::new(Silent)).downcast();
            let _asked = probe.ask(silent).send();
            // Streams of every kind, none of them at its end.
            let ((mut numbers, sum), (to, _from)) = (stream::channel(4), stream::channel(4));
            let _sum = probe.sum(sum).send();
            let _filled = probe.fill(to).send();
            let ((mut writer, reader), (_watched, watch)) = (stream::bytes(), stream::watch(7));
            let _home = probe.home(vec![(reader, watch)]).await.expect("an answer");
            writer.write_bytes(Bytes::from_static(b"some")).await.expect("there is credit");
            numbers.send(5).await.expect("there is credit");
            tokio::time::sleep(Duration::from_secs(1)).await;
            there.bytes()
        })
    })
}
