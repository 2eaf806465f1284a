//! Owns the peer that is written by hand: a socket, and the sentences that a test speaks over it.

use netref::id::{CallId, ExportId, SessionId};
use netref::wire::{self, Chunk, ChunkOf, Define, DefineMethod, Frame, Start, Status, Target, kind};
use netref::{ErrorKind, Node, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::learn::Learned;
use crate::script::{Got, call, encoded, got, hello, unique};
use crate::victim::{number_of, place};
use crate::within;

pub struct Raw {
    pub stream: TcpStream,
    pub buffer: Vec<u8>,
    pub calls: u32,
    pub target: ExportId,
}

impl Raw {
    pub async fn dial(host: &Node) -> Self {
        let stream = TcpStream::connect(place(host)).await.expect("the host listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new(), calls: 0, target: ExportId { index: 0, generation: 0 } }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        within("the host reads", self.stream.write_all(bytes)).await.expect("the link is there");
    }

    pub async fn send(&mut self, frame: &Frame<'_>) {
        self.write(&encoded(frame)).await;
    }

    /// The next frame; nothing at the end.
    pub async fn next(&mut self) -> Option<Got> {
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
    pub async fn rest(&mut self) -> Vec<Got> {
        let mut rest = Vec::new();
        while let Some(got) = self.next().await {
            rest.push(got);
        }
        rest
    }

    pub async fn read_magic(&mut self) {
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

    pub async fn shake(&mut self, major: u32) {
        self.shake_with(hello(major)).await;
    }

    pub async fn shake_offering(&mut self, major: u32, features: u64) {
        self.shake_with(wire::Hello { features, ..hello(major) }).await;
    }

    pub async fn shake_with(&mut self, hello: wire::Hello<'_>) {
        let major = hello.major;
        let mut bytes = wire::MAGIC.to_vec();
        bytes.extend(encoded(&Frame::Hello(hello)));
        self.write(&bytes).await;
        self.read_magic().await;
        assert_eq!(self.next().await, Some(Got::Other(kind::HELLO)));
        if major == wire::MAJOR {
            self.send(&Frame::Start(Start::New { session: SessionId(u128::from(unique())) })).await;
            assert_eq!(self.next().await, Some(Got::Other(kind::ACCEPT)));
        }
    }

    /// Defines everything and looks the target up.
    pub async fn introduce(&mut self, learned: &Learned) {
        let mut methods = (0..).zip(&learned.methods).map(|(number, (name, fingerprint, signature))| DefineMethod {
            number,
            name,
            fingerprint: *fingerprint,
            signature,
            structure: &[],
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

    pub fn id(&mut self) -> CallId {
        self.calls += 1;
        CallId { index: self.calls % 8, generation: self.calls / 8 }
    }

    /// Makes a call of the target.
    pub async fn call(&mut self, method: &str, arguments: &[u8]) -> CallId {
        let id = self.id();
        let target = Target::Export(self.target);
        self.send(&Frame::Call(call(id, target, number_of(method), arguments))).await;
        id
    }

    /// The return of a call.
    pub async fn answer(&mut self, call: CallId) -> (Status, Got) {
        loop {
            match self.next().await {
                Some(Got::Return { id, status, bytes, total, exports, identities }) if id == call => {
                    return (status, Got::Return { id, status, bytes, total, exports, identities });
                }
                Some(Got::Return { .. } | Got::Other(_) | Got::Pong(_)) => {}
                other => panic!("instead of a return: {other:?}"),
            }
        }
    }

    /// The next call of the host's.
    pub async fn called(&mut self) -> CallId {
        loop {
            match self.next().await {
                Some(Got::Call { id, .. }) => return id,
                Some(Got::Return { .. } | Got::Other(_) | Got::Pong(_)) => {}
                other => panic!("instead of a call: {other:?}"),
            }
        }
    }

    /// The error of a call that netref itself answers: its kind and outcome. Gives its words, among its other bytes.
    pub async fn fails(&mut self, call: CallId, kind: ErrorKind, outcome: Outcome) -> String {
        match self.answer(call).await {
            (Status::SystemError, Got::Return { bytes, .. }) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert_eq!((bytes[0], bytes[3]), (kind as u8, outcome as u8), "{text}");
                text
            }
            other => panic!("instead of an error: {other:?}"),
        }
    }

    /// The same for an error of netref's that a method has passed on as its own.
    pub async fn gives_error(&mut self, call: CallId, kind: ErrorKind, outcome: Outcome) -> String {
        match self.answer(call).await {
            (Status::AppError, Got::Return { bytes, .. }) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                assert_eq!((bytes[0], bytes[3]), (kind as u8, outcome as u8), "{text}");
                text
            }
            other => panic!("instead of an error: {other:?}"),
        }
    }

    /// A frame was refused, by the name of the rule.
    pub async fn refused(&mut self, frame: u8, rule: u32) -> String {
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
    pub async fn lives(&mut self) {
        let id = self.call("echo", &[42]).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { bytes, .. }) => assert_eq!(bytes, [42]),
            other => panic!("the session does not go on: {other:?}"),
        }
    }

    /// The session closes, with words.
    pub async fn closes(&mut self, words: &str) {
        let rest = self.rest().await;
        let farewell = rest.iter().rev().find_map(|got| match got {
            Got::GoAway { code: 1, text } => Some(text.clone()),
            _ => None,
        });
        let farewell = farewell.unwrap_or_else(|| panic!("it closes without words: {:?}", rest.last()));
        assert!(farewell.contains(words), "{farewell}");
    }

    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Looks up what is published under a name as long as the target's.
    pub async fn other(&mut self, name: &str, learned: &Learned) -> ExportId {
        let at = learned.lookup.windows(6).position(|bytes| bytes == b"target").expect("its name");
        let mut lookup = learned.lookup.clone();
        lookup[at..at + 6].copy_from_slice(name.as_bytes());
        let id = self.id();
        self.send(&Frame::Call(call(id, Target::Root, 0, &lookup))).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { exports, .. }) => exports[0],
            other => panic!("the lookup gave {other:?}"),
        }
    }

    /// Looks the target up once more.
    pub async fn introduce_again(&mut self, learned: &Learned) {
        let id = self.id();
        self.send(&Frame::Call(call(id, Target::Root, 0, &learned.lookup))).await;
        match self.answer(id).await {
            (Status::Ok, Got::Return { exports, .. }) => self.target = exports[0],
            other => panic!("the lookup gave {other:?}"),
        }
    }

    /// The credit may be spent on one object's call; the session itself goes on.
    pub async fn other_object(&mut self, learned: &Learned) {
        self.introduce_again(learned).await;
        self.lives().await;
    }

    /// The session goes on, whatever was refused before.
    pub async fn past_refusals(&mut self) {
        let id = self.call("echo", &[42]).await;
        loop {
            match self.next().await {
                Some(Got::Return { id: returned, status, .. }) if returned == id => return assert_eq!(status, Status::Ok),
                Some(_) => {}
                None => panic!("the session ended too early"),
            }
        }
    }

    /// Sends arguments of any length, in chunks.
    pub async fn call_with(&mut self, method: &str, arguments: &[u8]) -> CallId {
        let id = self.id();
        let (first, rest) = arguments.split_at(arguments.len().min(60_000));
        let mut begin = call(id, Target::Export(self.target), number_of(method), first);
        begin.body.total = arguments.len() as u64;
        self.send(&Frame::Call(begin)).await;
        for bytes in rest.chunks(60_000) {
            self.send(&Frame::Chunk(Chunk { of: ChunkOf::Call, id, bytes })).await;
        }
        id
    }
}
