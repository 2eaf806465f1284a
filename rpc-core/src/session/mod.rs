//! The shell around the protocol: the one place where state, bytes and objects meet. A session owns a lock, a socket and two tasks.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `mod` | the handle, and what is seen from outside |
//! | `state` | everything the lock protects |
//! | `outcall`, `send`, `ticket`, `waiters` | a call on its way out, and the caller that sleeps |
//! | `reader`, `dispatch`, `task`, `arriving` | a call on its way in, and its handler |
//! | `streams`, `streams_in` | streams, and the frames of them that arrive |
//! | `parcels`, `lane` | the data of streams on its way out, and what one stream has of it |
//! | `sent` | a call on a promise, once it goes over the session |
//! | `promised` | calls that travel ahead of a result, at the caller |
//! | `embargo` | what keeps later calls from passing those, at every node between |
//! | `ahead` | the same at the callee: calls that wait for a result, results that are kept |
//! | `watch` | threads that a handler keeps for itself |
//! | `packing` | what leaves and arrives compressed |
//! | `references`, `import` | references between objects and table entries |
//! | `writer`, `outbox` | bytes on their way to the socket, keep-alive |
//! | `end` | going away, and being gone |

mod ahead;
mod arriving;
mod buffers;
mod dispatch;
mod embargo;
mod end;
mod import;
mod lane;
#[cfg(test)]
#[cfg(netref_models)]
mod models;
mod outbox;
mod outcall;
mod packing;
mod parcels;
mod passage;
mod promised;
mod reader;
mod references;
mod send;
mod sent;
mod sharing;
mod state;
mod stats;
mod straight;
mod streams;
mod streams_in;
mod streams_out;
mod task;
mod ticket;
mod waiters;
mod watch;
mod writer;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use buffers::BUFFER_BYTES;
pub(crate) use import::Import;
pub(crate) use outcall::{CallMethod, CallTarget, Prepared, RemoteCall, deadline_over};
pub(crate) use passage::Passage;
pub(crate) use promised::{KeptAnswer, Lane};
pub(crate) use sent::{call_ahead, call_there};
pub use stats::SessionStats;
pub(crate) use streams_out::Reserved;
pub(crate) use waiters::{Arrived, ArrivedBytes};

use crate::any::AnyRemote;
use crate::codec::Bounds;
use crate::compression::{Meter, Shares};
use crate::error::{Error, ErrorKind, Outcome, Scope};
use crate::handler::{Payload, RawCall, RawReply, RawReturn};
use crate::id::{ExportId, Incarnation, NodeId, SessionId};
use crate::inbound::{Reply, ReplyBytes, Served};
use crate::interface::Interface;
use crate::limits::{Limits, PeerLimits};
use crate::node::NodeCore;
use crate::peer::Peer;
use crate::proto::imports::add_up;
use crate::proto::{AheadRoom, Connection, KeepAlive};
use crate::remote::Remote;
use crate::sync::{AtomicBool, Mutex, Notify};
use crate::transfer::Outgoing;
use crate::wire::{Status, feature};
use state::State;

/// Two nodes' relationship, seen from one of them.
pub(crate) struct SessionCore {
    this: Weak<Self>,
    id: SessionId,
    /// Its key in the tables of this process.
    key: u64,
    /// Whether this side dialled: tells the two ends apart when a node has a session with itself.
    dialled: bool,
    secret: [u8; 32],
    began: Instant,
    peer: Peer,
    identity: (NodeId, Incarnation),
    /// What the peer announced.
    theirs: PeerLimits,
    /// Whether the node has interceptors for calls that go out: beside what every call looks at.
    has_outgoing: bool,
    /// There when both sides take compressed bodies.
    meter: Option<Meter>,
    /// What this side's compressed calls may stand for over there, beyond what travels.
    shares: Arc<Shares>,
    /// What may be taken of a stream before its writer is to be told.
    stream_step: u64,
    /// Whether calls share the session with its streams, as its reader sees it.
    shared: AtomicBool,
    stream_buffers: buffers::Buffers,
    node: Arc<NodeCore>,
    state: Mutex<State>,
    /// References that were dropped here and not yet released over there. A lock of its own, so that a drop never meets the other one.
    releases: Mutex<Vec<(ExportId, u32)>>,
    writer: Mutex<writer::WriteSide>,
    write_waker: OnceLock<Waker>,
    wake: Notify,
    /// A flush is due as soon as the writer's turn comes.
    flush_due: AtomicBool,
    /// A flush is due before long, for releases that have nothing to ride on.
    flush_later: AtomicBool,
    /// One of the two sides takes no more calls: the session is not handed out any more.
    leaving: AtomicBool,
    closed: AtomicBool,
    closed_notify: Notify,
    runtime: tokio::runtime::Handle,
    /// Whether both sides offer calls on promised results.
    pipelining: bool,
    /// How much may still go ahead. A lock of its own, taken after all others.
    ahead: Mutex<AheadRoom>,
}

/// What a handshake has agreed on.
pub(crate) struct Agreed {
    pub(crate) id: SessionId,
    pub(crate) dialled: bool,
    pub(crate) secret: [u8; 32],
    pub(crate) peer: Peer,
    pub(crate) identity: (NodeId, Incarnation),
    pub(crate) ours: PeerLimits,
    pub(crate) theirs: PeerLimits,
    /// What both sides offer, as bits of [`feature`].
    pub(crate) features: u64,
}

impl SessionCore {
    /// Sets a session up. It does nothing until [`run`](Self::run).
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn new(node: Arc<NodeCore>, agreed: Agreed, write: Box<dyn AsyncWrite + Send + Unpin>) -> Arc<Self> {
        let now = Instant::now();
        let keep_alive = node.keep_alive().map(|(interval, timeout)| KeepAlive::new(now, interval, timeout));
        let mut proto = Connection::new(agreed.ours, agreed.theirs, node.limits().refusals, keep_alive);
        proto.streams.set_dialled(agreed.dialled);
        let stream_step = proto.streams.reader_step();
        let pipelining = agreed.features & feature::PIPELINING != 0;
        if pipelining {
            proto.answers.offer_promises();
        }
        let mut state = State::new(proto);
        // What waits here for the socket is bounded by what this side allows itself, however large the windows of the peer's are.
        state.outbox.parcels = parcels::Parcels::new(agreed.ours.stream_window, agreed.ours.streams_window);
        let core = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            stream_step,
            shared: AtomicBool::new(false),
            stream_buffers: buffers::Buffers::new(),
            id: agreed.id,
            key: crate::object::cell::next_number(),
            dialled: agreed.dialled,
            secret: agreed.secret,
            began: now,
            peer: agreed.peer,
            identity: agreed.identity,
            theirs: agreed.theirs,
            has_outgoing: !node.outgoing().is_empty(),
            meter: (agreed.features & feature::COMPRESSION != 0).then(Meter::default),
            shares: Shares::new(agreed.theirs.call_window),
            node,
            state: Mutex::new(state),
            releases: Mutex::new(Vec::new()),
            writer: Mutex::new(writer::WriteSide::new(write)),
            write_waker: OnceLock::new(),
            wake: Notify::new(),
            flush_due: AtomicBool::new(false),
            flush_later: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            closed_notify: Notify::new(),
            runtime: tokio::runtime::Handle::current(),
            pipelining,
            ahead: Mutex::new(AheadRoom::at(&agreed.theirs)),
        });
        let _ = core.write_waker.set(writer::waker(&core));
        core
    }

    /// Starts the two tasks. `early` is what was read beyond the handshake.
    pub(crate) fn run(self: &Arc<Self>, read: Box<dyn AsyncRead + Send + Unpin>, early: Vec<u8>) {
        self.runtime.spawn(reader::run(Arc::clone(self), read, early));
        self.runtime.spawn(writer::run(Arc::clone(self)));
    }

    fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn peer_identity(&self) -> (NodeId, Incarnation) {
        self.identity
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.node.limits()
    }

    /// What the peer announced.
    pub(crate) fn announced(&self) -> PeerLimits {
        self.theirs
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether the session is still good for new calls.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_closed() && !self.leaving.load(Ordering::Acquire)
    }

    /// Waits for the end of the session and says why it ended.
    pub(crate) async fn closed(&self) -> Error {
        loop {
            let notified = self.closed_notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(error) = self.state.lock().closed.clone() {
                return error;
            }
            notified.await;
        }
    }

    /// Whether the node has interceptors for calls that go out.
    #[inline]
    pub(crate) fn has_outgoing(&self) -> bool {
        self.has_outgoing
    }

    /// How often a call's return has arrived.
    pub(crate) fn progress(&self) -> u64 {
        self.state.lock().progress
    }

    /// A reference was dropped. Called from any thread, inside or outside a runtime.
    pub(crate) fn release(&self, id: ExportId, count: u32) {
        if count == 0 {
            return;
        }
        {
            let mut releases = self.releases.lock();
            // Under the lock: the end of the session first says that it is there, and then clears the list.
            if self.is_closed() {
                return;
            }
            queue_release(&mut releases, id, count);
        }
        if !self.flush_later.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }
}

/// Releases are added up before the list of them grows beyond this.
const RELEASES_ADDED_UP: usize = 1_024;

/// The peer may be slow to take releases: the list has an entry for each object it has lent, however often it has lent it.
fn queue_release(releases: &mut Vec<(ExportId, u32)>, id: ExportId, count: u32) {
    if releases.len() == releases.capacity() && releases.len() >= RELEASES_ADDED_UP {
        add_up(releases);
        releases.reserve(releases.len().max(RELEASES_ADDED_UP));
    }
    releases.push((id, count));
}

impl fmt::Debug for SessionCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({} with {})", self.id, self.peer)
    }
}

/// Passes a call on to the peer that has the object; the reply is passed back as it is.
pub(crate) fn relay(import: &Arc<Import>, call: RawCall) -> Served {
    match call_raw(import, call) {
        RawReturn::Ready(reply) => Served::Ready(crate::servant::reply_of(relayed(reply))),
        RawReturn::Pending(future) => Served::Future(Box::pin(async move { crate::servant::reply_of(relayed(future.await)) })),
    }
}

/// The same for a call that has interceptors around it.
pub(crate) fn relay_raw(import: &Arc<Import>, call: RawCall) -> RawReturn {
    match call_raw(import, call) {
        RawReturn::Ready(reply) => RawReturn::Ready(relayed(reply)),
        RawReturn::Pending(future) => RawReturn::pending(async move { relayed(future.await) }),
    }
}

/// What is dead over there is not dead here: for the caller of a relayed call only the call is.
pub(crate) fn relayed(reply: RawReply) -> RawReply {
    match reply {
        RawReply::Failed(error) if error.scope() == Scope::Session => RawReply::Failed(error.with_scope(Scope::Call)),
        reply => reply,
    }
}

/// Calls an object of a peer's without its trait. The call is sent before this returns, unless an interceptor of the node holds it back.
pub(crate) fn call_raw(import: &Arc<Import>, call: RawCall) -> RawReturn {
    let outgoing = import.session().node.outgoing();
    if outgoing.is_empty() || crate::around::is_question(import, &call.method) {
        return send_raw(import, call);
    }
    crate::around::around_import(outgoing, import, call)
}

/// Sends a call to an object of a peer's.
pub(crate) fn send_raw(import: &Arc<Import>, call: RawCall) -> RawReturn {
    // Its name is written only when it is needed.
    let method = call.method.clone();
    let prepared = match prepared(CallTarget::Object(Arc::clone(import)), call, None) {
        Ok(prepared) => prepared,
        Err(error) => return RawReturn::failed(error.with_method(method.to_string())),
    };
    let mut call = RemoteCall::new(Arc::clone(import.session()), prepared);
    if let Err(error) = call.send() {
        return RawReturn::failed(error.with_method(method.to_string()));
    }
    let bounds = crate::inbound::bounds(import.session().limits());
    RawReturn::pending(async move {
        match call.await {
            Ok(arrived) => raw_reply_of(arrived, bounds),
            Err(error) => RawReply::Failed(error.with_method(method.to_string())),
        }
    })
}

/// A call of the seam as it is sent. `deadline` bounds it besides the one that it inherits.
fn prepared(target: CallTarget, call: RawCall, deadline: Option<Instant>) -> Result<Prepared, Error> {
    let RawCall { method, payload, context } = call;
    if let Some(error) = payload.refused(Outcome::NotRun) {
        return Err(error);
    }
    let Payload { codec, bytes, segments, references, .. } = payload;
    let inherited = context.into_call();
    let inherits = inherited.as_ref().and_then(|context| context.deadline);
    Ok(Prepared {
        target,
        method: CallMethod::Raw(Box::new(method)),
        codec,
        bytes: ReplyBytes::Shared(bytes),
        outgoing: Outgoing::new(references, segments),
        oneway: false,
        deadline: deadline.into_iter().chain(inherits).min(),
        inherited,
        promise: None,
    })
}

fn raw_reply_of(arrived: Arrived, bounds: Bounds) -> RawReply {
    let status = arrived.status;
    let (references, segments) = arrived.incoming.into_tables();
    let payload = Payload {
        codec: arrived.codec,
        bytes: arrived.bytes.into_bytes(),
        segments: segments.into_iter().flatten().collect(),
        references: references.into_iter().flatten().collect(),
        within: Some(bounds),
        noted: None,
    };
    match status {
        Status::Ok => RawReply::Ok(payload),
        Status::AppError => RawReply::AppError(payload),
        Status::SystemError | Status::Cancelled | Status::Broken => RawReply::Failed(Reply::from_payload(status, payload).into_error()),
    }
}

/// Two nodes' relationship: what one of them holds of the other goes over it, in both directions.
///
/// ```no_run
/// # async fn example() -> netref::Result<()> {
/// # #[netref::remote] trait Bank { async fn total(&self) -> netref::Result<u64>; }
/// let node = netref::Node::builder().start().await?;
/// let session = node.open("tcp://127.0.0.1:7070").await?;
/// let bank = session.lookup::<dyn Bank>("bank").await?;
/// println!("{} holds {}", session.peer(), bank.total().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    core: Arc<SessionCore>,
}

impl Session {
    /// The session's id, the same at both ends.
    pub fn id(&self) -> SessionId {
        self.core.id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.core.peer
    }

    /// The reference that the peer publishes under `name`.
    ///
    /// # Errors
    ///
    /// `NoSuchName`, `NoSuchMethod` when it is published under another interface, and whatever ends a session.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn lookup<T: ?Sized + Interface>(&self, name: &str) -> Result<Remote<T>, Error> {
        crate::node::root::lookup(&self.core, name, T::DESCRIPTOR.name).await.map(AnyRemote::downcast)
    }

    /// The reference that the peer publishes under `name`, whatever its interface: [`AnyRemote::interface`] tells it then.
    ///
    /// # Errors
    ///
    /// `NoSuchName`, and whatever ends a session.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the question is withdrawn.
    pub async fn lookup_any(&self, name: &str) -> Result<AnyRemote, Error> {
        crate::node::root::lookup(&self.core, name, "").await
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }

    /// Waits until the session is over, and says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Error {
        self.core.closed().await
    }

    /// Ends the session at once: calls that run here are dropped, calls that wait fail, and every object it held is let go.
    pub fn close(&self) {
        self.core.end(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, "this side closed the session"));
    }

    /// What the session's tables hold.
    pub fn stats(&self) -> SessionStats {
        self.core.stats()
    }

    /// What travelled compressed so far; nothing where the two nodes did not agree on compression (see
    /// [`NodeBuilder::compression`](crate::NodeBuilder::compression)).
    #[cfg(feature = "lz4")]
    pub fn compression(&self) -> Option<crate::CompressionStats> {
        self.core.meter.as_ref().map(Meter::stats)
    }
}

impl From<Arc<SessionCore>> for Session {
    fn from(core: Arc<SessionCore>) -> Self {
        Self { core }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
