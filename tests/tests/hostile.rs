//! What a peer can do wrong (law 9), by a peer that is written by hand: each breach is refused by the name of its rule, or answered
//! with an error; the session goes on until the budget is spent, and then closes with words. Nobody else notices.

use std::future::Future;
use std::time::Duration;

use netref::id::{CallId, ExportId, Incarnation, NodeId, SessionId, StreamId};
use netref::limits::PeerLimits;
use netref::wire::{
    self, Accept, Ack, Body, Call, Chain, Chunk, ChunkOf, Collect, Credit, Define, DefineMethod, Descriptor, Disembargo, DisembargoContext,
    Finish, Frame, GoAway, Hello, Identity, Ping, Provide, Refuse, Release, Resolution, Resolve, Return, Start, Status, StreamClose,
    StreamCredit, StreamData, Target, Window, kind,
};
use netref::{Error, ErrorKind, Limits, Node, Outcome, Remote, Result, remote};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(60);

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("it hangs: {what}"),
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    within(what, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// The codes of the rules, as protocol.md has them.
mod rule {
    pub const CALL_ID_IN_USE: u32 = 0;
    pub const RETURN_FOR_NO_CALL: u32 = 1;
    pub const CHUNK_WITHOUT_BEGINNING: u32 = 2;
    pub const BEYOND_CREDIT: u32 = 3;
    pub const RELEASE_BEYOND_COUNT: u32 = 4;
    pub const UNKNOWN_EXPORT: u32 = 5;
    pub const EXPORT_ID_IN_USE: u32 = 6;
    pub const DEFINITION: u32 = 7;
    pub const FEATURE_NOT_NEGOTIATED: u32 = 8;
    pub const GO_AWAY_RAISED: u32 = 9;
    pub const HANDSHAKE_OVER: u32 = 10;
    pub const FINISH_FOR_NO_CALL: u32 = 11;
    pub const MALFORMED: u32 = 12;
}

// --- the victim ---

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
}

struct Victim;
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
}

const METHODS: [&str; 6] = ["echo", "forever", "numbers", "nest", "large", "take"];

fn number_of(method: &str) -> u32 {
    1 + METHODS.iter().position(|known| *known == method).expect("a method") as u32
}

/// A host, and a well-behaved client that must never notice anything.
struct Scene {
    host: Node,
    _client: Node,
    witness: Remote<dyn Target1>,
    learned: Learned,
}

impl Scene {
    async fn new(limits: Limits) -> Self {
        let host = Node::builder().name("victim").limits(limits).listen("tcp://127.0.0.1:0").start().await.expect("a node starts");
        host.publish("target", Remote::<dyn Target1>::new(Victim)).expect("a name");
        let learned = learn(&host).await;
        let client = Node::builder().start().await.expect("a node starts");
        let witness = client.connect(&format!("{}/target", host.addresses()[0])).await.expect("a session");
        Self { host, _client: client, witness, learned }
    }

    async fn raw(&self) -> Raw {
        let mut raw = Raw::dial(&self.host).await;
        raw.shake(1).await;
        raw.introduce(&self.learned).await;
        raw
    }

    /// The others are served as if nothing had happened.
    async fn unharmed(&self) {
        for number in 0..20 {
            assert_eq!(within("the witness", self.witness.echo(number)).await.expect("it is served"), number);
        }
        let mut raw = within("a new session", self.raw()).await;
        raw.lives().await;
        raw.close().await;
    }
}

fn place(node: &Node) -> String {
    node.addresses()[0].strip_prefix("tcp://").expect("tcp").to_owned()
}

// --- what a peer has to know of the methods, learnt from one that behaves ---

#[derive(Clone, Debug, Default)]
struct Learned {
    root: String,
    target: String,
    /// Name, fingerprint and signature of `lookup`, then of the methods in their order.
    methods: Vec<(String, u64, String)>,
    lookup: Vec<u8>,
}

/// Listens in on a client that calls every method once.
async fn learn(host: &Node) -> Learned {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("tcp://{}/target", listener.local_addr().expect("an address"));
    let there = place(host);
    let proxy = tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("the client");
        let server = TcpStream::connect(there).await.expect("the host");
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut heard = Vec::new();
        let mut chunk = [0; 4_096];
        while let Ok(count @ 1..) = from_client.read(&mut chunk).await {
            heard.extend_from_slice(&chunk[..count]);
            to_server.write_all(&chunk[..count]).await.expect("the host takes it");
        }
        drop(to_server);
        back.abort();
        heard
    });
    let client = Node::builder().start().await.expect("a node starts");
    let target: Remote<dyn Target1> = client.connect(&url).await.expect("a session");
    target.echo(1).await.expect("answered");
    drop(target.forever(1).send());
    target.numbers(Vec::new()).await.expect("answered");
    target.nest(Nested::Leaf).await.expect("answered");
    target.large(1).await.expect("answered");
    target.take(None).await.expect("answered");
    drop((target, client));
    let heard = within("the client", proxy).await.expect("the proxy");
    let mut learned = Learned::default();
    let mut rest = &heard[wire::MAGIC.len()..];
    let mut found = Vec::new();
    while let Some((body, consumed)) = wire::split(rest) {
        match wire::decode(body).expect("a client that behaves") {
            Frame::Define(define) => {
                if define.interface == 0 {
                    learned.root = define.name.to_owned();
                } else if !define.name.is_empty() {
                    learned.target = define.name.to_owned();
                }
                found.extend(define.methods.iter().map(|method| (method.name.to_owned(), method.fingerprint, method.signature.to_owned())));
            }
            Frame::Call(call) if call.target == Target::Root => learned.lookup = call.body.bytes.to_vec(),
            _ => {}
        }
        rest = &rest[consumed..];
    }
    for name in ["lookup"].iter().chain(&METHODS) {
        learned.methods.push(found.iter().find(|method| method.0 == *name).expect("defined").clone());
    }
    learned
}

// --- a peer that is written by hand ---

/// A frame, as far as a test cares.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Refused { kind: u8, code: u32, text: String },
    Refuse { code: u32, text: String },
    Return { id: CallId, status: Status, bytes: Vec<u8>, total: u64, exports: Vec<ExportId> },
    GoAway { code: u32, text: String },
    Pong(u64),
    Other(u8),
}

struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
    calls: u32,
    target: ExportId,
}

impl Raw {
    async fn dial(host: &Node) -> Self {
        let stream = TcpStream::connect(place(host)).await.expect("the host listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new(), calls: 0, target: ExportId { index: 0, generation: 0 } }
    }

    async fn write(&mut self, bytes: &[u8]) {
        within("the host reads", self.stream.write_all(bytes)).await.expect("the link is there");
    }

    async fn send(&mut self, frame: &Frame<'_>) {
        self.write(&encoded(frame)).await;
    }

    /// The next frame; nothing at the end.
    async fn next(&mut self) -> Option<Got> {
        within("an answer", async {
            loop {
                if let Some((body, consumed)) = wire::split(&self.buffer) {
                    let got = got(wire::decode(body).expect("the host speaks well"));
                    self.buffer.drain(..consumed);
                    return Some(got);
                }
                let mut chunk = [0; 16_384];
                match self.stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => return None,
                    Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                }
            }
        })
        .await
    }

    /// Everything up to the end.
    async fn rest(&mut self) -> Vec<Got> {
        let mut rest = Vec::new();
        while let Some(got) = self.next().await {
            rest.push(got);
        }
        rest
    }

    async fn read_magic(&mut self) {
        within("the magic", async {
            while self.buffer.len() < wire::MAGIC.len() {
                let mut chunk = [0; 64];
                let count = self.stream.read(&mut chunk).await.expect("the link is there");
                assert!(count > 0, "the link is there");
                self.buffer.extend_from_slice(&chunk[..count]);
            }
        })
        .await;
        assert!(self.buffer.starts_with(&wire::MAGIC));
        self.buffer.drain(..wire::MAGIC.len());
    }

    async fn shake(&mut self, major: u32) {
        let mut bytes = wire::MAGIC.to_vec();
        bytes.extend(encoded(&Frame::Hello(hello(major))));
        self.write(&bytes).await;
        self.read_magic().await;
        assert_eq!(self.next().await, Some(Got::Other(kind::HELLO)));
        if major == wire::MAJOR {
            self.send(&Frame::Start(Start::New { session: SessionId(u128::from(unique())) })).await;
            assert_eq!(self.next().await, Some(Got::Other(kind::ACCEPT)));
        }
    }

    /// Defines everything and looks the target up.
    async fn introduce(&mut self, learned: &Learned) {
        let mut methods = (0..).zip(&learned.methods).map(|(number, (name, fingerprint, signature))| DefineMethod {
            number,
            name,
            fingerprint: *fingerprint,
            signature,
        });
        let lookup = methods.by_ref().take(1).collect();
        self.send(&Frame::Define(Define { interface: 0, name: &learned.root, methods: lookup })).await;
        self.send(&Frame::Define(Define { interface: 1, name: &learned.target, methods: methods.collect() })).await;
        let id = self.id();
        self.send(&Frame::Call(call(id, Target::Root, 0, &learned.lookup))).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { exports, .. }) => self.target = exports[0],
            other => panic!("the lookup gave {other:?}"),
        }
    }

    fn id(&mut self) -> CallId {
        self.calls += 1;
        CallId { index: self.calls % 8, generation: self.calls / 8 }
    }

    /// Makes a call of the target.
    async fn call(&mut self, method: &str, arguments: &[u8]) -> CallId {
        let id = self.id();
        let target = Target::Export(self.target);
        self.send(&Frame::Call(call(id, target, number_of(method), arguments))).await;
        id
    }

    /// The return of a call.
    async fn answer(&mut self, call: CallId) -> (Status, Got) {
        loop {
            match self.next().await {
                Some(Got::Return { id, status, bytes, total, exports }) if id == call => {
                    return (status, Got::Return { id, status, bytes, total, exports });
                }
                Some(Got::Return { .. } | Got::Other(_) | Got::Pong(_)) => {}
                other => panic!("instead of a return: {other:?}"),
            }
        }
    }

    /// The error of a call that netref itself answers: its kind and outcome.
    async fn fails(&mut self, call: CallId, kind: ErrorKind, outcome: Outcome) {
        match self.answer(call).await {
            (Status::SystemError, Got::Return { bytes, .. }) => {
                assert_eq!((bytes[0], bytes[3]), (kind as u8, outcome as u8), "{}", String::from_utf8_lossy(&bytes));
            }
            other => panic!("instead of an error: {other:?}"),
        }
    }

    /// A frame was refused, by the name of the rule.
    async fn refused(&mut self, frame: u8, rule: u32) -> String {
        loop {
            match self.next().await {
                Some(Got::Refused { kind, code, text }) => {
                    assert_eq!((kind, code), (frame, rule), "{text}");
                    assert!(text.len() > 10, "in words: {text:?}");
                    return text;
                }
                Some(Got::Other(_) | Got::Return { .. } | Got::Pong(_)) => {}
                other => panic!("instead of a refusal: {other:?}"),
            }
        }
    }

    /// The session goes on.
    async fn lives(&mut self) {
        let id = self.call("echo", &[42]).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { bytes, .. }) => assert_eq!(bytes, [42]),
            other => panic!("the session does not go on: {other:?}"),
        }
    }

    /// The session closes, with words.
    async fn closes(&mut self, words: &str) {
        let rest = self.rest().await;
        let farewell = rest.iter().rev().find_map(|got| match got {
            Got::GoAway { code: 1, text } => Some(text.clone()),
            _ => None,
        });
        let farewell = farewell.unwrap_or_else(|| panic!("it closes without words: {:?}", rest.last()));
        assert!(farewell.contains(words), "{farewell}");
    }

    async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }
}

fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + (u64::from(std::process::id()) << 32)
}

fn hello(major: u32) -> Hello<'static> {
    Hello {
        major,
        minor: 0,
        features: 0,
        node: NodeId(u128::from(unique())),
        incarnation: Incarnation(unique()),
        share: [9; 32],
        name: "hostile",
        limits: PeerLimits {
            calls_in_flight: 100,
            exports: 100,
            message_bytes: 4 << 20,
            call_window: 8 << 20,
            return_window: 8 << 20,
            ..PeerLimits::MINIMUM
        },
    }
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(frame, &mut bytes).expect("a frame");
    bytes
}

/// A frame of any bytes.
fn crude(body: &[u8]) -> Vec<u8> {
    let mut bytes = ((body.len() - 1) as u16).to_le_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

fn body(bytes: &[u8]) -> Body<'_> {
    Body { codec: 0, references: Vec::new(), segments: Vec::new(), total: bytes.len() as u64, bytes }
}

fn call(id: CallId, target: Target, method: u32, arguments: &[u8]) -> Call<'_> {
    Call {
        id,
        target,
        method,
        deadline_us: None,
        chain: None,
        trace: None,
        oneway: false,
        idempotent: false,
        nested: false,
        extensions: Vec::new(),
        body: body(arguments),
    }
}

fn got(frame: Frame<'_>) -> Got {
    match frame {
        Frame::Refused(refused) => Got::Refused { kind: refused.kind, code: refused.code, text: refused.text.to_owned() },
        Frame::Refuse(refuse) => Got::Refuse { code: refuse.code, text: refuse.text.to_owned() },
        Frame::Return(frame) => {
            let exports = frame.body.references.iter().filter_map(|descriptor| match descriptor {
                Descriptor::Hosted { export, .. } => Some(*export),
                _ => None,
            });
            let exports = exports.collect();
            Got::Return { id: frame.id, status: frame.status, bytes: frame.body.bytes.to_vec(), total: frame.body.total, exports }
        }
        Frame::GoAway(go_away) => Got::GoAway { code: go_away.code, text: go_away.text.to_owned() },
        Frame::Pong(pong) => Got::Pong(pong.token),
        other => Got::Other(other.kind()),
    }
}

const NOWHERE: ExportId = ExportId { index: 77, generation: 3 };
const NOBODY: CallId = CallId { index: 3, generation: 99 };

/// Memory of this process that is in use, where the system tells.
fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4_096 / (1 << 20)
}

// --- frames that break a rule ---

#[tokio::test]
async fn frames_of_no_known_kind_or_form_are_skipped_and_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    for unknown in [0x00, 0x05, 0x18, 0x37, 0x3b, 0x40, 0xff] {
        raw.write(&crude(&[unknown, 1, 2, 3])).await;
        let text = raw.refused(unknown, rule::MALFORMED).await;
        assert!(text.contains(&format!("{unknown:#04x}")), "{text}");
        raw.lives().await;
    }
    for (malformed, words) in [
        (&[kind::CALL][..], "goes on after the end"),
        (&[kind::CALL, 0x80, 0x00][..], "shortest form"),
        (&[kind::CALL, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..], "more than 64 bits"),
        (&[kind::CALL, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..], "32 bits"),
        (&[kind::CALL, 1, 0, 9][..], "no kind of target"),
        (&[kind::CALL, 1, 0, 0, 0, 0x80, 0x01][..], "unknown meaning"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x80][..], "reserved bit"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x40, 2, 1, 1][..], "reached by its first part"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x20, 1, 9, 1][..], "longer than the body"),
        (&[kind::CALL, 1, 0, 0, 0, 0, 0x10, 0xff, 0x7f, 1][..], "more entries than the frame can hold"),
        (&[kind::RETURN, 1, 0, 9, 0][..], "no status"),
        (&[kind::RELEASE, 1, 1, 0, 0][..], "gives back no reference"),
        (&[kind::DEFINE, 0, 2, 0xff, 0xfe, 0][..], "not UTF-8"),
        (&[kind::PING, 1, 2, 3][..], "goes on after the end"),
        (&[kind::PONG, 1, 2, 3, 4, 5, 6, 7, 8, 9][..], "bytes are left"),
        (&[kind::CREDIT, 9, 1][..], "no window"),
        (&[kind::CHUNK, 9, 1, 0][..], "nothing that has chunks"),
    ] {
        raw.write(&crude(malformed)).await;
        let text = raw.refused(malformed[0], rule::MALFORMED).await;
        assert!(text.contains(words), "{malformed:02x?}: {text}");
        raw.lives().await;
    }
    // A refusal is never answered with another.
    raw.write(&crude(&[kind::REFUSED, 1])).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frames_that_name_what_is_not_there_are_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let target = raw.target;
    let id = CallId { index: 20, generation: 0 };
    let with = |descriptor| {
        let mut call = call(id, Target::Export(target), number_of("take"), &[0]);
        call.body.references = vec![descriptor];
        Frame::Call(call)
    };
    let identity = Identity::Own { number: 1, tag: 1 };
    let breaches = [
        (Frame::Return(Return { id: NOBODY, status: Status::Ok, body: body(&[1]) }), rule::RETURN_FOR_NO_CALL),
        (Frame::Chunk(Chunk { of: ChunkOf::Call, id: NOBODY, bytes: &[1] }), rule::CHUNK_WITHOUT_BEGINNING),
        (Frame::Chunk(Chunk { of: ChunkOf::Return, id: NOBODY, bytes: &[1] }), rule::CHUNK_WITHOUT_BEGINNING),
        (Frame::Release(Release { entries: vec![(NOWHERE, 1)] }), rule::RELEASE_BEYOND_COUNT),
        (Frame::Release(Release { entries: vec![(target, 1_000_000)] }), rule::RELEASE_BEYOND_COUNT),
        (Frame::Finish(Finish { id: NOBODY, cancel: false, release_results: false }), rule::FINISH_FOR_NO_CALL),
        (Frame::Define(Define { interface: 9, name: "gap", methods: Vec::new() }), rule::DEFINITION),
        (Frame::Define(Define { interface: 0, name: "again", methods: Vec::new() }), rule::DEFINITION),
        (with(Descriptor::Yours { export: NOWHERE }), rule::UNKNOWN_EXPORT),
        (with(Descriptor::Home { interface: 1, number: 12_345, tag: 6 }), rule::UNKNOWN_EXPORT),
        (with(Descriptor::Home { interface: 99, number: 1, tag: 6 }), rule::DEFINITION),
        (with(Descriptor::Hosted { export: NOWHERE, interface: 99, identity: identity.clone() }), rule::DEFINITION),
        (with(Descriptor::Hosted { export: ExportId { index: u32::MAX, generation: 0 }, interface: 1, identity }), rule::EXPORT_ID_IN_USE),
    ];
    for (frame, rule) in breaches {
        raw.send(&frame).await;
        raw.refused(frame.kind(), rule).await;
        if matches!(frame, Frame::Call(_)) {
            // A reference that breaks a rule spoils nothing but itself.
            assert_eq!(raw.answer(id).await.0, Status::Ok);
        }
        raw.lives().await;
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn reference_that_was_given_back_is_dead_and_cannot_be_given_back_again() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let release = Frame::Release(Release { entries: vec![(raw.target, 1)] });
    raw.send(&release).await;
    let id = raw.call("echo", &[1]).await;
    raw.fails(id, ErrorKind::NoSuchObject, Outcome::NotRun).await;
    raw.send(&release).await;
    raw.refused(kind::RELEASE, rule::RELEASE_BEYOND_COUNT).await;
    raw.target = NOWHERE;
    let id = raw.call("echo", &[1]).await;
    raw.fails(id, ErrorKind::NoSuchObject, Outcome::NotRun).await;
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Root, 999, &[]))).await;
    raw.fails(id, ErrorKind::NoSuchMethod, Outcome::NotRun).await;
    raw.introduce_again(&scene.learned).await;
    raw.lives().await;
    scene.unharmed().await;
}

impl Raw {
    /// Looks the target up once more.
    async fn introduce_again(&mut self, learned: &Learned) {
        let id = self.id();
        self.send(&Frame::Call(call(id, Target::Root, 0, &learned.lookup))).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { exports, .. }) => self.target = exports[0],
            other => panic!("the lookup gave {other:?}"),
        }
    }
}

#[tokio::test]
async fn frames_of_features_that_nobody_offered_are_refused_by_name() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let stream = StreamId { index: 0, generation: 0 };
    let (target, token) = (raw.target, [7; 16]);
    let id = CallId { index: 20, generation: 0 };
    let mut promise = call(id, Target::Export(target), number_of("take"), &[0]);
    promise.body.references = vec![Descriptor::Promise { export: NOWHERE, interface: 1 }];
    let frames = [
        Frame::Resolve(Resolve { promise: target, to: Resolution::Error(&[1]) }),
        Frame::Disembargo(Disembargo { embargo: 1, context: DisembargoContext::ReceiverLoopback }),
        Frame::StreamData(StreamData { id: stream, end_of_item: true, references: Vec::new(), bytes: &[1] }),
        Frame::StreamCredit(StreamCredit { id: stream, bytes: 1 }),
        Frame::StreamClose(StreamClose { id: stream, by_receiver: false, error: None }),
        Frame::Provide(Provide { target: Target::Root, token }),
        Frame::Collect(Collect { id: NOBODY, token }),
        Frame::Ack(Ack { received: 1 }),
        Frame::Credit(Credit { window: Window::Streams, bytes: 1 }),
        Frame::Call(promise),
    ];
    for frame in frames {
        raw.send(&frame).await;
        let text = raw.refused(frame.kind(), rule::FEATURE_NOT_NEGOTIATED).await;
        assert!(text.contains("feature"), "{text}");
        raw.lives().await;
    }
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Answer { call: NOBODY, path: vec![0] }, number_of("echo"), &[1]))).await;
    raw.fails(id, ErrorKind::Unsupported, Outcome::NotRun).await;
    scene.unharmed().await;
}

#[tokio::test]
async fn frames_of_the_handshake_are_refused_once_it_is_over() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let frames = [
        Frame::Hello(hello(wire::MAJOR)),
        Frame::Start(Start::New { session: SessionId(1) }),
        Frame::Start(Start::Attach { session: SessionId(1), received: 0, proof: [0; 32] }),
        Frame::Accept(Accept { session: SessionId(1), received: 0, proof: [0; 32] }),
        Frame::Refuse(Refuse { code: 1, text: "no" }),
    ];
    for frame in frames {
        raw.send(&frame).await;
        raw.refused(frame.kind(), rule::HANDSHAKE_OVER).await;
        raw.lives().await;
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn go_away_may_only_be_lowered() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    raw.send(&Frame::GoAway(GoAway { last_call: 5, code: 0, text: "leaving" })).await;
    raw.send(&Frame::GoAway(GoAway { last_call: 4, code: 0, text: "leaving" })).await;
    raw.lives().await;
    raw.send(&Frame::GoAway(GoAway { last_call: 6, code: 0, text: "staying" })).await;
    raw.refused(kind::GO_AWAY, rule::GO_AWAY_RAISED).await;
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn definitions_beyond_their_limit_are_refused_and_the_rest_goes_on() {
    let scene = Scene::new(Limits { definitions: 64, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    for interface in 2..64 {
        raw.send(&Frame::Define(Define { interface, name: "flood", methods: Vec::new() })).await;
    }
    raw.lives().await;
    for interface in 64..100 {
        raw.send(&Frame::Define(Define { interface, name: "flood", methods: Vec::new() })).await;
        raw.refused(kind::DEFINE, rule::DEFINITION).await;
    }
    let methods = (7..200).map(|number| DefineMethod { number, name: "flood", fingerprint: 1, signature: "" }).collect();
    raw.send(&Frame::Define(Define { interface: 1, name: "", methods })).await;
    raw.refused(kind::DEFINE, rule::DEFINITION).await;
    raw.lives().await;
    scene.unharmed().await;
}

// --- calls beyond what is allowed ---

#[tokio::test]
async fn call_ids_in_use_and_calls_beyond_the_limit_are_refused() {
    let scene = Scene::new(Limits { calls_in_flight: 16, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let target = || Target::Export(raw.target);
    let forever = |index| Frame::Call(call(CallId { index, generation: 50 }, target(), number_of("forever"), &[1]));
    let calls: Vec<_> = (8..32).map(|index| encoded(&forever(index))).collect();
    let (again, beyond) = (encoded(&forever(8)), encoded(&forever(32)));
    raw.write(&calls.concat()).await;
    raw.lives().await;
    raw.write(&again).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    raw.write(&beyond).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    raw.lives().await;
    // Two pools of 16 each: eight are left, whatever their ids.
    let id = |index| CallId { index, generation: 99 };
    let fill: Vec<_> =
        (0..8).map(|index| encoded(&Frame::Call(call(id(index), Target::Export(raw.target), number_of("forever"), &[1])))).collect();
    raw.write(&fill.concat()).await;
    raw.write(&again).await;
    raw.refused(kind::CALL, rule::CALL_ID_IN_USE).await;
    until("32 run", || scene.host.stats().tables.iter().any(|session| session.calls_in == 32)).await;
    for index in 0..8 {
        raw.send(&Frame::Finish(Finish { id: id(index), cancel: true, release_results: false })).await;
        assert_eq!(raw.answer(id(index)).await.0, Status::Cancelled);
    }
    raw.lives().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn messages_beyond_their_length_or_credit_are_refused() {
    let scene = Scene::new(Limits { message_bytes: 1 << 20, call_window: 1 << 20, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let chunked = |id, total| {
        let mut call = call(id, Target::Export(raw.target), number_of("numbers"), &[0]);
        call.body.total = total;
        encoded(&Frame::Call(call))
    };
    let id = |index| CallId { index, generation: 0 };
    let (too_long, half, other_half) = (chunked(id(20), (1 << 20) + 1), chunked(id(21), 900 << 10), chunked(id(22), 900 << 10));
    raw.write(&too_long).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    raw.lives().await;
    raw.write(&half).await;
    raw.write(&other_half).await;
    raw.refused(kind::CALL, rule::BEYOND_CREDIT).await;
    // More than was announced.
    let rest = vec![0; 60_000];
    for _ in 0..15 {
        raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &rest })).await;
    }
    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &rest })).await;
    raw.refused(kind::CHUNK, rule::CHUNK_WITHOUT_BEGINNING).await;
    let missing = vec![0; (900 << 10) - 1 - 15 * 60_000];
    raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: id(21), bytes: &missing })).await;
    raw.fails(id(21), ErrorKind::Codec, Outcome::NotRun).await;
    raw.other_object(&scene.learned).await;
    scene.unharmed().await;
}

impl Raw {
    /// The credit may be spent on one object's call; the session itself goes on.
    async fn other_object(&mut self, learned: &Learned) {
        self.introduce_again(learned).await;
        self.lives().await;
    }
}

#[tokio::test]
async fn tiny_pieces_of_calls_that_cannot_be_answered_do_not_pile_up() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100_000, ..Limits::default() }).await;
    let raw = scene.raw().await;
    // Each announces two bytes, brings one, and calls a method that was never defined.
    let mut flood = Vec::new();
    for generation in 0..20_000 {
        let mut piece = call(CallId { index: 9 + generation % 16, generation }, Target::Root, 999, &[0]);
        piece.body.total = 2;
        flood.extend(encoded(&Frame::Call(piece)));
    }
    let (mut reader, mut writer) = raw.stream.into_split();
    let drain = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    within("the host reads", writer.write_all(&flood)).await.expect("it goes on");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let arriving: Vec<_> = scene.host.stats().tables.iter().map(|session| session.arriving).collect();
    assert!(arriving.iter().all(|&arriving| arriving <= 64), "{arriving:?}");
    drop(writer);
    drain.abort();
    scene.unharmed().await;
}

#[tokio::test]
async fn chain_that_claims_too_many_ancestors_is_answered_with_an_error() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let id = raw.id();
    let mut long = call(id, Target::Export(raw.target), number_of("echo"), &[1]);
    long.chain = Some(Chain { root: [1; 16], holds: vec![[2; 16]; 3_000] });
    raw.send(&Frame::Call(long)).await;
    raw.fails(id, ErrorKind::Overloaded, Outcome::NotRun).await;
    raw.lives().await;
    scene.unharmed().await;
}

// --- values ---

/// Sends arguments of any length, in chunks.
async fn call_with(raw: &mut Raw, method: &str, arguments: &[u8]) -> CallId {
    let id = raw.id();
    let (first, rest) = arguments.split_at(arguments.len().min(60_000));
    let mut begin = call(id, Target::Export(raw.target), number_of(method), first);
    begin.body.total = arguments.len() as u64;
    raw.send(&Frame::Call(begin)).await;
    for bytes in rest.chunks(60_000) {
        raw.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id, bytes })).await;
    }
    id
}

#[tokio::test]
async fn values_that_would_exhaust_memory_or_stack_are_answered_with_an_error() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    // A list that says it has 2^60 elements, 2^32 elements, and as many as fit no memory.
    for length in [1_u64 << 60, 1 << 32, u64::MAX] {
        let mut bomb = vec![253];
        bomb.extend(length.to_le_bytes());
        let id = call_with(&mut raw, "numbers", &bomb).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        raw.lives().await;
    }
    // A value that is 1,000,000 deep, and one that is deeper than its end.
    for end in [0, 1] {
        let mut deep = vec![1; 1_000_000];
        deep.push(end);
        let id = call_with(&mut raw, "nest", &deep).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
        raw.lives().await;
    }
    // What is left over, what is missing, and a codec that nobody has.
    for arguments in [&[1, 2][..], &[][..], &[253, 1][..]] {
        let id = call_with(&mut raw, "echo", arguments).await;
        raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    }
    let id = raw.id();
    let mut other = call(id, Target::Export(raw.target), number_of("echo"), &[1]);
    other.body.codec = 13;
    raw.send(&Frame::Call(other)).await;
    raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    // A reference that is not in the table.
    let id = call_with(&mut raw, "take", &[1, 200]).await;
    raw.fails(id, ErrorKind::Codec, Outcome::NotRun).await;
    raw.lives().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    scene.unharmed().await;
}

#[tokio::test]
async fn method_that_has_changed_is_answered_with_both_signatures() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let methods = vec![DefineMethod { number: 7, name: "echo", fingerprint: 1, signature: "async fn echo(&self, text: String)" }];
    raw.send(&Frame::Define(Define { interface: 1, name: "", methods })).await;
    let id = raw.id();
    raw.send(&Frame::Call(call(id, Target::Export(raw.target), 7, &[1]))).await;
    match raw.answer(id).await {
        (Status::SystemError, Got::Return { bytes, .. }) => {
            let text = String::from_utf8_lossy(&bytes);
            assert!(bytes[0] == ErrorKind::SchemaMismatch as u8 && text.contains("text: String") && text.contains("number: u64"), "{text}");
        }
        other => panic!("instead of an error: {other:?}"),
    }
    scene.unharmed().await;
}

// --- floods ---

#[tokio::test]
async fn budget_of_refusals_closes_the_session_with_words_and_no_other() {
    let scene = Scene::new(Limits { refusals: 10, ..Limits::default() }).await;
    for flood in [
        crude(&[0x77]),
        encoded(&Frame::Return(Return { id: NOBODY, status: Status::Ok, body: body(&[]) })),
        encoded(&Frame::Call(call(CallId { index: 20, generation: 0 }, Target::Export(NOWHERE), 1, &[1]))),
        encoded(&Frame::Define(Define { interface: 50, name: "gap", methods: Vec::new() })),
        encoded(&Frame::Release(Release { entries: vec![(NOWHERE, 1)] })),
        encoded(&Frame::Chunk(Chunk { of: ChunkOf::Call, id: NOBODY, bytes: &[1] })),
        encoded(&Frame::Ack(Ack { received: 1 })),
        crude(&[kind::REFUSED]),
    ] {
        let mut raw = scene.raw().await;
        raw.write(&flood.repeat(9)).await;
        if flood[2] == kind::CALL {
            // Each is answered as well.
            for _ in 0..9 {
                raw.fails(CallId { index: 20, generation: 0 }, ErrorKind::NoSuchObject, Outcome::NotRun).await;
            }
        }
        raw.past_refusals().await;
        let _ = raw.stream.write_all(&flood.repeat(3)).await;
        raw.closes("broke rules of the protocol").await;
        scene.unharmed().await;
    }
    until("their sessions are gone", || scene.host.stats().sessions <= 2).await;
}

impl Raw {
    /// The session goes on, whatever was refused before.
    async fn past_refusals(&mut self) {
        let id = self.call("echo", &[42]).await;
        loop {
            match self.next().await {
                Some(Got::Return { id: returned, status, .. }) if returned == id => return assert_eq!(status, Status::Ok),
                Some(_) => {}
                None => panic!("the session ended too early"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_made_and_cancelled_at_once_each_get_one_return_and_leave_nothing() {
    let scene = Scene::new(Limits { calls_in_flight: 64, ..Limits::default() }).await;
    let raw = scene.raw().await;
    let target = raw.target;
    let (mut reader, mut writer) = raw.stream.into_split();
    let (sender, mut free) = mpsc::unbounded_channel();
    const CALLS: u32 = 20_000;
    for index in 8..100 {
        sender.send(CallId { index, generation: 0 }).expect("a channel");
    }
    let reading = tokio::spawn(async move {
        let mut buffer = raw.buffer;
        let mut returns = 0;
        while returns < CALLS {
            while let Some((body, consumed)) = wire::split(&buffer) {
                match wire::decode(body).expect("the host speaks well") {
                    Frame::Return(frame) => {
                        returns += 1;
                        assert_eq!(frame.status, Status::Cancelled);
                        let _ = sender.send(CallId { generation: frame.id.generation + 1, ..frame.id });
                    }
                    Frame::Credit(_) => {}
                    other => panic!("{other:?}"),
                }
                buffer.drain(..consumed);
            }
            let mut chunk = [0; 16_384];
            let count = reader.read(&mut chunk).await.expect("the link is there");
            assert!(count > 0 || returns >= CALLS, "the session ended after {returns} returns");
            buffer.extend_from_slice(&chunk[..count]);
        }
        returns
    });
    for _ in 0..CALLS {
        let id = within("a free id", free.recv()).await.expect("the reader goes on");
        let mut bytes = encoded(&Frame::Call(call(id, Target::Export(target), number_of("forever"), &[1])));
        bytes.extend(encoded(&Frame::Finish(Finish { id, cancel: true, release_results: false })));
        writer.write_all(&bytes).await.expect("the host reads");
    }
    assert_eq!(within("the returns", reading).await.expect("the reader"), CALLS);
    until("no handler is left", || scene.host.stats().tables.iter().all(|session| session.calls_in == 0)).await;
    drop(writer);
    scene.unharmed().await;
}

#[tokio::test]
async fn peer_that_calls_and_cancels_without_reading_is_refused_until_its_session_closes() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100, ..Limits::default() }).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    let mut sent = 0;
    // Results of 1 MiB each, of which nothing is read.
    let ended = within("the host has had enough", async {
        for generation in 0.. {
            let id = CallId { index: 8 + generation % 16, generation };
            let mut bytes = encoded(&Frame::Call(call(id, Target::Export(raw.target), number_of("large"), &[1])));
            bytes.extend(encoded(&Frame::Finish(Finish { id, cancel: true, release_results: false })));
            if raw.stream.write_all(&bytes).await.is_err() {
                return true;
            }
            sent += 1;
            if generation > 1_000_000 {
                return false;
            }
        }
        false
    })
    .await;
    assert!(ended, "{sent} calls were taken");
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    scene.unharmed().await;
}

#[tokio::test]
async fn pings_without_end_and_without_reading_cost_the_host_nothing() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = scene.raw().await;
    let before = resident_mib();
    let mut flood = Vec::new();
    for token in 1..=10_000 {
        flood.extend(encoded(&Frame::Ping(Ping { token })));
    }
    for _ in 0..100 {
        raw.write(&flood).await;
    }
    scene.unharmed().await;
    raw.write(&encoded(&Frame::Ping(Ping { token: 77 }))).await;
    within("the last answer", async { while raw.next().await.expect("the session goes on") != Got::Pong(77) {} }).await;
    raw.lives().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
}

#[tokio::test]
async fn peer_that_never_reads_is_bounded_and_harms_nobody() {
    let scene = Scene::new(Limits { calls_in_flight: 16, refusals: 100, ..Limits::default() }).await;
    let before = resident_mib();
    let mut peers = Vec::new();
    for _ in 0..4 {
        let mut raw = scene.raw().await;
        for index in 8..24 {
            let id = CallId { index, generation: 0 };
            raw.send(&Frame::Call(call(id, Target::Export(raw.target), number_of("large"), &[1]))).await;
        }
        peers.push(raw);
    }
    scene.unharmed().await;
    until("every handler is done", || scene.host.stats().tables.iter().all(|session| session.calls_in == session.held_returns)).await;
    scene.unharmed().await;
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 400, "{grown} MiB more than before");
    // When they go, so does what was kept for them.
    drop(peers);
    until("their sessions are gone", || scene.host.stats().sessions <= 2).await;
    scene.unharmed().await;
}

// --- the handshake ---

#[tokio::test]
async fn whoever_speaks_something_else_is_told_so_and_cut_off() {
    let scene = Scene::new(Limits::default()).await;
    for (garbage, words) in [
        (&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], "HTTP client"),
        (&b"\x16\x03\x01\x02\x00\x01\x00"[..], "TLS"),
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], "SSH"),
        (&b"netreg\r\n\r\n\r\n"[..], "none of netref's"),
        (&[0; 64][..], "none of netref's"),
    ] {
        let mut raw = Raw::dial(&scene.host).await;
        raw.write(garbage).await;
        raw.read_magic().await;
        let rest = raw.rest().await;
        match rest.last() {
            Some(Got::Refuse { code: 6, text }) => assert!(text.contains(words), "{text}"),
            other => panic!("instead of a refusal: {other:?}"),
        }
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn unknown_major_version_is_refused_naming_both() {
    let scene = Scene::new(Limits::default()).await;
    let mut raw = Raw::dial(&scene.host).await;
    raw.shake(99).await;
    match raw.rest().await.last() {
        Some(Got::Refuse { code: 1, text }) => assert!(text.contains("99") && text.contains("version 1"), "{text}"),
        other => panic!("instead of a refusal: {other:?}"),
    }
    scene.unharmed().await;
}

#[tokio::test]
async fn handshake_that_breaks_a_rule_ends_its_link_with_words() {
    let scene = Scene::new(Limits::default()).await;
    for (frame, words) in [
        (encoded(&Frame::Ping(Ping { token: 1 })), "start belongs"),
        (crude(&[0x77, 1]), "malformed"),
        (encoded(&Frame::Start(Start::Attach { session: SessionId(5), received: 0, proof: [1; 32] })), "no such session"),
        (encoded(&Frame::Hello(hello(wire::MAJOR))), "start belongs"),
    ] {
        let mut raw = Raw::dial(&scene.host).await;
        let mut bytes = wire::MAGIC.to_vec();
        bytes.extend(encoded(&Frame::Hello(hello(wire::MAJOR))));
        bytes.extend(frame);
        raw.write(&bytes).await;
        raw.read_magic().await;
        match raw.rest().await.last() {
            Some(Got::Refuse { text, .. }) => assert!(text.contains(words), "{text}"),
            other => panic!("instead of a refusal: {other:?}"),
        }
    }
    // More than a handshake takes, without an end.
    let mut raw = Raw::dial(&scene.host).await;
    raw.write(&wire::MAGIC).await;
    let endless = crude(&[kind::HELLO; 65_536]);
    let _ = raw.stream.write_all(&endless).await;
    raw.read_magic().await;
    raw.rest().await;
    scene.unharmed().await;
}

#[tokio::test]
async fn good_client_is_served_beside_200_handshakes_that_stop_halfway() {
    let scene = Scene::new(Limits::default()).await;
    let mut half_open = Vec::new();
    for turn in 0..200 {
        let mut raw = Raw::dial(&scene.host).await;
        if turn % 2 == 0 {
            raw.write(&wire::MAGIC[..turn % 8]).await;
        }
        half_open.push(raw);
    }
    let good = Node::builder().start().await.expect("a node starts");
    let url = format!("{}/target", scene.host.addresses()[0]);
    let target: Remote<dyn Target1> = within("a good client", good.connect(&url)).await.expect("it is served all the same");
    assert_eq!(within("a call", target.echo(5)).await.expect("answered"), 5);
    scene.unharmed().await;
    drop(half_open);
    scene.unharmed().await;
}

#[tokio::test]
async fn client_that_finds_another_kind_of_server_is_told_what_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("tcp://{}/target", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x15\x03\x03\x00\x02\x02\x28", b"SSH-2.0-x\r\n"] {
            let (mut link, _) = listener.accept().await.expect("a link");
            link.write_all(answer).await.expect("it takes an answer");
            let mut rest = Vec::new();
            let _ = link.read_to_end(&mut rest).await;
        }
    });
    let node = Node::builder().start().await.expect("a node starts");
    for words in ["HTTP server", "tls://", "SSH server"] {
        let result: Result<Remote<dyn Target1>, Error> = within("a dial", node.connect(&url)).await;
        let error = result.expect_err("it is no netref node");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unreachable, Outcome::NotRun), "{error}");
        assert!(error.text().contains(words), "{error}");
    }
    server.await.expect("the server");
}
