//! Models of what threads do to a session at the same time: the session is the real one, with its real writing task, and loom tries
//! the orders of its threads' steps. Owns what they share: a session on a link that a model holds the other end of.

mod calls;
mod closing;
mod exports;
mod flush;
mod imports;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::{Condvar, MutexGuard};
use loom::thread::JoinHandle;
use tokio::io::AsyncWrite;

use super::{Agreed, CallMethod, CallTarget, Prepared, RemoteCall, SessionCore};
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::Method;
use crate::id::{CallId, ExportId, Incarnation, NodeId, SessionId};
use crate::inbound::ReplyBytes;
use crate::limits::PeerLimits;
use crate::node::NodeCore;
use crate::peer::Peer;
use crate::sync::{Mutex, block_on, spawn};
use crate::transfer::Outgoing;
use crate::transport::PeerTransport;
use crate::wire::{self, Body, Descriptor, Frame, Identity, Return, Status};

/// What a session has written, as its peer sees it.
#[derive(Clone)]
struct Link(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    /// How often the socket takes nothing before it takes something.
    stalls: u32,
    stalled: Option<Waker>,
    /// Set by a model when there is nothing more to wait for.
    is_over: bool,
}

impl Link {
    fn new(stalls: u32) -> Self {
        Self(Arc::new((Mutex::new(Written { stalls, ..Written::default() }), Condvar::new())))
    }

    /// Waits until the peer has seen what `is_there` looks for; a stalled socket takes bytes again meanwhile. If that never comes, all
    /// threads wait, and loom says so.
    fn wait(&self, mut is_there: impl FnMut(&Written) -> bool) -> MutexGuard<'_, Written> {
        let (written, changed) = &*self.0;
        let mut written_now = written.lock();
        loop {
            if let Some(stalled) = written_now.stalled.take() {
                drop(written_now);
                stalled.wake();
                written_now = written.lock();
            } else if is_there(&written_now) {
                return written_now;
            } else {
                written_now = changed.wait(written_now).unwrap();
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.0.0.lock());
        self.0.1.notify_all();
    }

    /// No more is to come.
    fn over(&self) {
        self.change(|written| written.is_over = true);
    }
}

impl Written {
    fn each(&self, mut see: impl FnMut(Frame<'_>)) {
        let mut rest = &self.bytes[..];
        while let Some((body, consumed)) = wire::split(rest) {
            see(wire::decode(body).unwrap());
            rest = &rest[consumed..];
        }
        assert!(rest.is_empty(), "half a frame was written");
    }

    fn calls(&self) -> Vec<CallId> {
        let mut calls = Vec::new();
        self.each(|frame| {
            if let Frame::Call(call) = frame {
                calls.push(call.id);
            }
        });
        calls
    }

    fn releases(&self) -> Vec<(ExportId, u32)> {
        let mut releases = Vec::new();
        self.each(|frame| {
            if let Frame::Release(release) = frame {
                releases.extend(release.entries);
            }
        });
        releases
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut taken = Poll::Pending;
        self.change(|written| {
            if written.stalls > 0 {
                written.stalls -= 1;
                written.stalled = Some(cx.waker().clone());
            } else {
                written.bytes.extend_from_slice(bytes);
                taken = Poll::Ready(Ok(bytes.len()));
            }
        });
        taken
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A session with a peer that takes `calls_in_flight` calls of either kind.
fn session(link: &Link, calls_in_flight: u32) -> Arc<SessionCore> {
    let limits = PeerLimits {
        calls_in_flight,
        exports: 64,
        message_bytes: 1 << 20,
        call_window: 4 << 20,
        return_window: 4 << 20,
        definitions: 64,
        streams: 0,
        depth: 64,
        keep_alive_ms: 0,
        ..PeerLimits::MINIMUM
    };
    let identity = (NodeId(7), Incarnation(7));
    let transport = PeerTransport::Memory { space: "model".to_owned() };
    let agreed = Agreed {
        id: SessionId(7),
        dialled: true,
        secret: [7; 32],
        peer: Peer::new(identity.0, identity.1, "peer".to_owned(), transport),
        identity,
        ours: limits,
        theirs: limits,
        features: 0,
    };
    let session = SessionCore::new(NodeCore::of_process(), agreed, Box::new(link.clone()));
    session.state.lock().proto.peer.define_interface(0, INTERFACE).unwrap();
    session
}

const INTERFACE: &str = "model::Object";

/// Runs the session's own writing task on a thread.
fn writer(session: &Arc<SessionCore>) -> JoinHandle<()> {
    let session = Arc::clone(session);
    spawn(move || block_on(super::writer::run(session)))
}

fn end(session: &SessionCore) {
    session.end(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "the model is over"));
}

fn prepared() -> Prepared {
    Prepared {
        target: CallTarget::Root,
        method: CallMethod::Raw(Box::new(Method::new(INTERFACE, "call", 1, "()"))),
        codec: 0,
        bytes: ReplyBytes::Pooled(Vec::new()),
        outgoing: Outgoing::default(),
        oneway: false,
        deadline: None,
        inherited: None,
        promise: None,
    }
}

fn call(session: &Arc<SessionCore>) -> RemoteCall {
    RemoteCall::new(Arc::clone(session), prepared())
}

/// The first call of a session.
const FIRST: CallId = CallId { index: 0, generation: 0 };

/// A reference to an object of the peer's.
fn hosted(export: ExportId) -> Descriptor<'static> {
    Descriptor::Hosted { export, interface: 0, identity: Identity::Own { number: 1, tag: 1 } }
}

/// A return as it arrives.
fn returned(id: CallId, references: Vec<Descriptor<'_>>) -> Vec<u8> {
    let body = Body { codec: 0, references, segments: Vec::new(), total: 1, original: None, bytes: &[9] };
    let mut bytes = Vec::new();
    wire::encode(&Frame::Return(Return { id, status: Status::Ok, body }), &mut bytes).unwrap();
    bytes
}
