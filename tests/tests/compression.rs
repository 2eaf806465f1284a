//! Compression between two nodes that both ask for it: what is said arrives as it was, in both directions and in order, shorter where it
//! can be; limits and windows count what it stands for; and where one of the two does not ask for it nothing is different.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use netref::testing::Relay;
use netref::{Compression, CompressionStats, Error, ErrorKind, Limits, Node, Outcome, Remote, Result, Saved, Session, remote};
use netref_tests::patience::{until, within};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Refusal {
    Said(String),
    Call(Error),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Refusal {}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

#[remote]
pub trait Desk {
    async fn echo(&self, text: String) -> Result<String>;
    async fn length(&self, bytes: Bytes) -> Result<usize>;
    async fn bytes(&self, length: usize) -> Result<Bytes>;
    /// Several bulk segments, with values and a reference between them.
    async fn mix(&self, first: Bytes, text: String, other: Remote<dyn Desk>, second: Bytes) -> Result<(String, Remote<dyn Desk>)>;
    /// Keeps the number, in the order in which the calls start.
    async fn note(&mut self, number: u64, ballast: Vec<u8>) -> Result<()>;
    async fn noted(&mut self) -> Result<Vec<u64>>;
    /// Says it to the other one, and passes on what that one says.
    async fn ask(&self, other: Remote<dyn Desk>, text: String) -> Result<String>;
    async fn refuse(&self, text: String) -> std::result::Result<(), Refusal>;
    async fn zeros(&self, length: usize) -> Result<Vec<u8>>;
    /// Keeps the bytes, and is never done.
    async fn keep(&self, bytes: Vec<u8>) -> Result<()>;
    async fn kept(&self) -> Result<u64>;
}

#[derive(Default)]
struct Wood(Vec<u64>, Arc<AtomicU64>);

impl Desk for Wood {
    async fn echo(&self, text: String) -> Result<String> {
        Ok(text)
    }
    async fn length(&self, bytes: Bytes) -> Result<usize> {
        Ok(bytes.len())
    }
    async fn bytes(&self, length: usize) -> Result<Bytes> {
        Ok(Bytes::from(text(length)))
    }
    async fn mix(&self, first: Bytes, text: String, other: Remote<dyn Desk>, second: Bytes) -> Result<(String, Remote<dyn Desk>)> {
        let told = other.echo(format!("{} {} {}", first.len(), text.len(), second.len())).await?;
        Ok((format!("{told} {}", second.last().copied().unwrap_or_default()), other))
    }
    async fn note(&mut self, number: u64, _ballast: Vec<u8>) -> Result<()> {
        self.0.push(number);
        Ok(())
    }
    async fn noted(&mut self) -> Result<Vec<u64>> {
        Ok(std::mem::take(&mut self.0))
    }
    async fn ask(&self, other: Remote<dyn Desk>, text: String) -> Result<String> {
        other.echo(text).await
    }
    async fn refuse(&self, text: String) -> std::result::Result<(), Refusal> {
        Err(Refusal::Said(text))
    }
    async fn zeros(&self, length: usize) -> Result<Vec<u8>> {
        Ok(vec![0; length])
    }
    async fn keep(&self, bytes: Vec<u8>) -> Result<()> {
        self.1.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        std::future::pending().await
    }
    async fn kept(&self) -> Result<u64> {
        Ok(self.1.load(Ordering::SeqCst))
    }
}

fn text(length: usize) -> String {
    "the quick brown fox jumps over the lazy dog; ".chars().cycle().take(length).collect()
}

/// Bytes that LZ4 makes nothing of.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| roll()).collect()
}

async fn node(limits: Limits, compression: Compression) -> Node {
    let desk = Remote::<dyn Desk>::new(Wood::default());
    let builder = Node::builder().limits(limits).compression(compression).listen("tcp://127.0.0.1:0");
    builder.publish("desk", desk).start().await.expect("a node")
}

/// A caller's session with a host, and the host's desk.
struct Pair {
    _host: Node,
    caller: Node,
    session: Session,
    desk: Remote<dyn Desk>,
}

impl Pair {
    async fn new(host: Node, caller: Node) -> Self {
        let session = caller.open(&host.addresses()[0].to_string()).await.expect("a session");
        let desk = session.lookup("desk").await.expect("it is published");
        Self { _host: host, caller, session, desk }
    }

    async fn with(limits: Limits) -> Self {
        Self::new(node(limits, Compression::Lz4).await, node(Limits::default(), Compression::Lz4).await).await
    }

    fn stats(&self) -> CompressionStats {
        self.session.compression().expect("both sides have asked for it")
    }
}

fn is_short(saved: Saved) -> bool {
    saved.travelled_bytes * 2 < saved.original_bytes
}

#[tokio::test]
async fn arguments_and_results_arrive_as_they_were_and_travel_shorter() {
    let pair = Pair::with(Limits::default()).await;
    let mut calls = 0;
    for length in [600, 10_000, 33_000, 70_000, 1_000_000] {
        let said = text(length);
        assert!(pair.desk.echo(said.clone()).await.expect("an answer") == said, "{length}");
        calls += 1;
    }
    assert_eq!(pair.desk.length(Bytes::from(text(2_000_000))).await.expect("an answer"), 2_000_000);
    assert!(pair.desk.bytes(2_000_000).await.expect("an answer") == text(2_000_000));
    let CompressionStats { sent, received, .. } = pair.stats();
    assert_eq!((sent.bodies, received.bodies), (calls + 1, calls + 1));
    assert!(sent.original_bytes > 3_000_000 && is_short(sent), "{sent:?}");
    assert!(received.original_bytes > 3_000_000 && is_short(received), "{received:?}");
}

#[tokio::test]
async fn calls_back_are_compressed_too() {
    let pair = Pair::with(Limits::default()).await;
    let said = text(50_000);
    let mine: Remote<dyn Desk> = Remote::new(Wood::default());
    assert!(pair.desk.ask(mine, said.clone()).await.expect("an answer") == said);
    // The question and the host's question; both answers.
    let CompressionStats { sent, received, .. } = pair.stats();
    assert_eq!((sent.bodies, received.bodies), (2, 2));
    assert!(is_short(sent) && is_short(received));
}

#[tokio::test]
async fn without_both_sides_asking_for_it_nothing_is_compressed_and_all_works() {
    let modes = [Compression::Off, Compression::Lz4];
    for (host, caller) in modes.into_iter().flat_map(|host| modes.map(|caller| (host, caller))) {
        let pair = Pair::new(node(Limits::default(), host).await, node(Limits::default(), caller).await).await;
        let said = text(100_000);
        let mine: Remote<dyn Desk> = Remote::new(Wood::default());
        assert!(pair.desk.ask(mine, said.clone()).await.expect("an answer") == said, "{host:?} and {caller:?}");
        let both = (host, caller) == (Compression::Lz4, Compression::Lz4);
        assert_eq!(pair.session.compression().map(|stats| stats.sent.bodies), both.then_some(2), "{host:?} and {caller:?}");
    }
}

#[tokio::test]
async fn short_bodies_and_those_that_gain_nothing_travel_as_they_are() {
    let pair = Pair::with(Limits::default()).await;
    // A text of 509 letters is encoded in 512 bytes, three of them its length.
    for (length, compressed) in [(0, 0), (100, 0), (508, 0), (509, 1), (510, 1)] {
        let before = pair.stats();
        assert_eq!(pair.desk.echo(text(length)).await.expect("an answer").len(), length);
        let after = pair.stats();
        assert_eq!((after.sent.bodies - before.sent.bodies, after.received.bodies - before.received.bodies), (compressed, compressed));
    }
    let before = pair.stats();
    for length in [600, 60_000, 600_000] {
        assert_eq!(pair.desk.length(Bytes::from(noise(length))).await.expect("an answer"), length);
    }
    assert_eq!(pair.stats(), before);
}

#[tokio::test]
async fn large_messages_with_references_and_segments_arrive_whole() {
    let pair = Pair::with(Limits::default()).await;
    let mine: Remote<dyn Desk> = Remote::new(Wood::default());
    for (first, middle, last) in [(0, 600, 0), (10, 10, 600), (5_000_000, 100, 10), (300_000, 400_000, 8_000_000)] {
        // Half of it is noise, so that even compressed it takes many chunks.
        let second = Bytes::from([noise(last / 2), vec![9; last - last / 2]].concat());
        let call = pair.desk.mix(Bytes::from(noise(first)), text(middle), mine.clone(), second);
        let (told, back) = within("a large message", call).await.expect("an answer");
        assert_eq!(told, format!("{first} {middle} {last} {}", if last > 0 { 9 } else { 0 }));
        assert_eq!(Remote::key(&back), Remote::key(&mine), "the reference comes home");
    }
    let CompressionStats { sent, .. } = pair.stats();
    assert!(sent.travelled_bytes > 4_000_000 && sent.travelled_bytes < sent.original_bytes, "{sent:?}");
    drop(mine);
    until("nothing is held", || pair.session.stats().exports == 0).await;
}

#[tokio::test]
async fn limits_of_messages_hold_for_what_a_body_stands_for() {
    let pair = Pair::with(Limits { message_bytes: 1 << 20, ..Limits::default() }).await;
    let zeros = Bytes::from(vec![0; 2 << 20]);
    let error = pair.desk.length(zeros.clone()).await.expect_err("it takes too much");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::NotRun), "{error}");
    let error = pair.desk.mix(zeros.clone(), String::new(), pair.desk.clone(), zeros).await.expect_err("it takes too much");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::NotRun), "{error}");
    // And for a result, by the limit of the caller.
    let host = node(Limits::default(), Compression::Lz4).await;
    let caller = node(Limits { message_bytes: 1 << 20, ..Limits::default() }, Compression::Lz4).await;
    let pair = Pair::new(host, caller).await;
    assert_eq!(pair.desk.zeros(1_000_000).await.expect("it fits").len(), 1_000_000);
    let error = pair.desk.zeros(2 << 20).await.expect_err("it takes too much");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::TooLarge, Outcome::Ran), "{error}");
}

#[tokio::test]
async fn credit_is_taken_for_what_a_body_stands_for() {
    let host = node(Limits { message_bytes: 1 << 20, call_window: 1 << 20, ..Limits::default() }, Compression::Lz4).await;
    let relay = Relay::to(&host.addresses()[0].to_string(), 1).await.expect("a relay");
    let caller = node(Limits::default(), Compression::Lz4).await;
    let session = caller.open(relay.address()).await.expect("a session");
    let desk: Remote<dyn Desk> = session.lookup("desk").await.expect("it is published");
    // Nothing arrives: of four messages of 900 KB that take a few each on the link, the first has taken the credit.
    relay.onward().stall();
    let calls: Vec<_> = (0..4).map(|_| desk.length(Bytes::from(vec![0; 900_000])).send()).collect();
    assert_eq!(session.stats().waiting, 3);
    relay.onward().resume();
    for call in calls {
        assert_eq!(within("it goes on", call).await.expect("an answer"), 900_000);
    }
    until("nothing is left", || session.stats().waiting + session.stats().calls_out == 0).await;
    // The window is whole again.
    for _ in 0..20 {
        assert_eq!(within("there is credit", desk.length(Bytes::from(vec![0; 1_000_000]))).await.expect("an answer"), 1_000_000);
    }
}

#[tokio::test]
async fn calls_travel_as_they_are_when_those_that_run_hold_much_that_never_travelled() {
    let pair = Pair::with(Limits { message_bytes: 1 << 20, call_window: 2 << 20, ..Limits::default() }).await;
    let running: Vec<_> = (0..10).map(|_| pair.desk.keep(vec![0; 1_000_000]).send()).collect();
    let mut kept = 0;
    while kept < 10_000_000 {
        kept = within("all of them start", pair.desk.kept()).await.expect("an answer");
    }
    // A window holds two of them.
    assert_eq!(pair.stats().sent.bodies, 2);
    drop(running);
    until("they are over", || pair.session.stats().calls_out == 0).await;
    for _ in 0..10 {
        assert_eq!(pair.desk.length(Bytes::from(vec![0; 1_000_000])).await.expect("an answer"), 1_000_000);
    }
    assert_eq!(pair.stats().sent.bodies, 12, "what has ended takes nothing");
}

#[tokio::test]
async fn results_that_nobody_takes_are_bounded_by_what_they_stand_for() {
    let host = node(Limits::default(), Compression::Lz4).await;
    let caller = node(Limits { unclaimed_bytes: 2 << 20, ..Limits::default() }, Compression::Lz4).await;
    let pair = Pair::new(host, caller).await;
    let calls: Vec<_> = (0..5).map(|_| pair.desk.zeros(900_000).send()).collect();
    until("all are answered", || pair.session.stats().calls_out == 0).await;
    let mut kept = 0;
    for call in calls {
        match call.await {
            Ok(zeros) => kept += zeros.len(),
            Err(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Overloaded, Outcome::Ran), "{error}"),
        }
    }
    assert_eq!(kept, 2 * 900_000);
    // What was taken counts no more.
    assert_eq!(pair.desk.zeros(1_900_000).await.expect("there is room again").len(), 1_900_000);
}

#[tokio::test]
async fn order_is_kept_whatever_is_compressed() {
    let mut pair = Pair::with(Limits::default()).await;
    let ballast =
        [Vec::new(), vec![0; 600], noise(600), vec![7; 200_000], noise(70_000), vec![1; 511], [noise(90_000), vec![0; 90_000]].concat()];
    let calls: Vec<_> = (0..210).map(|number| pair.desk.note(number, ballast[number as usize % ballast.len()].clone()).send()).collect();
    for call in calls {
        within("a note", call).await.expect("an answer");
    }
    assert_eq!(pair.desk.noted().await.expect("an answer"), (0..210).collect::<Vec<_>>());
}

#[tokio::test]
async fn errors_of_a_method_and_of_netref_arrive_compressed() {
    let pair = Pair::with(Limits::default()).await;
    let said = text(20_000);
    assert_eq!(pair.desk.refuse(said.clone()).await, Err(Refusal::Said(said)));
    let CompressionStats { sent, received, .. } = pair.stats();
    assert_eq!((sent.bodies, received.bodies), (1, 1));
    assert!(is_short(received));
}

#[tokio::test]
async fn a_node_between_passes_on_what_came_compressed_to_one_that_takes_none() {
    let plain = node(Limits::default(), Compression::Off).await;
    let middle = node(Limits::default(), Compression::Lz4).await;
    let desk: Remote<dyn Desk> = middle.connect(&format!("{}/desk", plain.addresses()[0])).await.expect("a session");
    middle.publish("far", desk).expect("a name");
    let pair = Pair::new(middle, node(Limits::default(), Compression::Lz4).await).await;
    let far: Remote<dyn Desk> = pair.session.lookup("far").await.expect("it is published");
    let said = text(200_000);
    assert!(far.echo(said.clone()).await.expect("an answer") == said);
    assert_eq!(far.length(Bytes::from(text(3_000_000))).await.expect("an answer"), 3_000_000);
    let mine: Remote<dyn Desk> = Remote::new(Wood::default());
    let (told, _) = far.mix(Bytes::from(text(600)), text(600), mine, Bytes::from(vec![3; 900])).await.expect("an answer");
    assert_eq!(told, "600 600 900 3");
    assert!(is_short(pair.stats().sent) && is_short(pair.stats().received));
}

#[tokio::test]
async fn the_link_carries_fewer_bytes_and_not_the_text_itself() {
    let mut carried = Vec::new();
    for compression in [Compression::Off, Compression::Lz4] {
        let (host, caller) = (node(Limits::default(), compression).await, node(Limits::default(), compression).await);
        let (near, mut from) = tokio::io::duplex(4_096);
        let (mut to, far) = tokio::io::duplex(4_096);
        let (back, answers) = tokio::io::duplex(4_096);
        let tap = tokio::spawn(async move {
            let (mut seen, mut chunk) = (Vec::new(), [0; 4_096]);
            while let Ok(count @ 1..) = from.read(&mut chunk).await {
                seen.extend_from_slice(&chunk[..count]);
                if to.write_all(&chunk[..count]).await.is_err() {
                    break;
                }
            }
            seen
        });
        let (session, hosting) = tokio::join!(caller.connect_io(back, near), host.accept_io(far, answers));
        let (session, _hosting) = (session.expect("a session"), hosting.expect("a session"));
        let desk: Remote<dyn Desk> = session.lookup("desk").await.expect("it is published");
        assert_eq!(desk.echo(text(100_000)).await.expect("an answer").len(), 100_000);
        session.close();
        drop((desk, session, caller, host));
        let seen = within("the link ends", tap).await.expect("the tap");
        let words = b"the lazy dog; the quick brown";
        carried.push((seen.len(), seen.windows(words.len()).filter(|window| window == words).count()));
    }
    let [(plain, often), (compressed, seldom)] = carried[..] else { panic!("two links") };
    assert!(plain > 100_000 && compressed < 5_000, "{plain} bytes and {compressed}");
    assert!(often > 2_000 && seldom <= 1, "{often} times and {seldom}");
}

/// Bytes whose owner looks at the session when they go, and may panic.
struct Owner {
    bytes: Vec<u8>,
    session: Session,
    dropped: Arc<AtomicU64>,
    panics: bool,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        let _ = self.session.stats();
        assert!(!self.panics, "the owner of the bytes panics");
    }
}

#[tokio::test]
async fn owner_of_bytes_that_are_compressed_runs_under_no_lock_and_ends_nothing() {
    let pair = Pair::with(Limits::default()).await;
    let dropped = Arc::new(AtomicU64::new(0));
    for (sent, length) in [600, 30_000, 3_000_000].into_iter().enumerate() {
        for panics in [false, true] {
            let owner = Owner { bytes: vec![7; length], session: pair.session.clone(), dropped: Arc::clone(&dropped), panics };
            assert_eq!(within("no lock is held", pair.desk.length(Bytes::from_owner(owner))).await.expect("an answer"), length);
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 2 * (sent as u64 + 1), "{length} bytes");
    }
    assert_eq!(pair.stats().sent.bodies, 6);
}

#[tokio::test]
async fn calls_given_up_leave_nothing() {
    let pair = Pair::with(Limits::default()).await;
    for length in [600, 60_000, 3_000_000] {
        for _ in 0..20 {
            drop(pair.desk.echo(text(length)).send());
        }
    }
    until("nothing is left", || {
        let stats = pair.session.stats();
        stats.calls_out + stats.sleeping + stats.waiting + stats.arriving == 0
    })
    .await;
    assert_eq!(pair.desk.echo(text(1_000)).await.expect("an answer").len(), 1_000);
    assert_eq!(pair.caller.stats().sessions, 1);
}
