//! Owns [`Node`]: a process taking part. It listens, dials, publishes and goes away; what happens on a session is the session's.

mod builder;
mod core;
mod dial;
mod handshake;
mod listen;
pub(crate) mod root;
mod settle;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

pub use builder::NodeBuilder;
pub(crate) use core::NodeCore;

use crate::any::AnyRemote;
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::{Incarnation, NodeId};
use crate::interface::Interface;
use crate::remote::Remote;
use crate::session::{Session, SessionStats};
use crate::transport::{Address, LinkStream, PeerTransport};
use builder::parse;

/// A process taking part: it publishes objects, listens for peers, and dials others.
///
/// Cloning gives another handle to the same node. When the last handle is dropped the node stops listening and its sessions end at
/// once; [`shutdown`](Self::shutdown) ends them in order.
///
/// ```
/// use netref::{Node, Remote, Result, remote};
///
/// #[remote]
/// trait Clock {
///     async fn ticks(&self) -> Result<u64>;
/// }
///
/// struct Stopped;
/// impl Clock for Stopped {
///     async fn ticks(&self) -> Result<u64> {
///         Ok(12)
///     }
/// }
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let node = Node::builder().listen("tcp://127.0.0.1:0").publish("clock", Remote::<dyn Clock>::new(Stopped)).start().await?;
/// let url = format!("{}/clock", node.addresses()[0]);
/// let clock = netref::connect::<dyn Clock>(&url).await?;
/// assert_eq!(clock.ticks().await?, 12);
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Node {
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<NodeCore>,
    listeners: Mutex<Vec<(String, JoinHandle<()>)>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.stop_listening());
        end_sessions(&self.core, "this node was dropped", "the node is gone");
        // A published object may hold references of peers, whose sessions hold this node.
        let names: Vec<String> = self.core.published.iter().map(|entry| entry.key().clone()).collect();
        for name in names {
            crate::panics::drop_quietly(self.core.published.remove(&name));
        }
    }
}

impl Handle {
    /// Gives the tasks that end now: once they have, their addresses are free.
    fn stop_listening(&self) -> Vec<JoinHandle<()>> {
        self.core.drain();
        let tasks: Vec<_> = self.listeners.lock().drain(..).map(|(_, task)| task).collect();
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }
}

fn end_sessions(core: &NodeCore, here: &str, there: &str) {
    for session in core.all_sessions() {
        session.end_saying(Error::new(ErrorKind::Disconnected, Outcome::MayHaveRun, here), there);
    }
}

impl Node {
    /// Describes a node, to be started.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    fn new(core: Arc<NodeCore>) -> Self {
        Self { handle: Arc::new(Handle { core, listeners: Mutex::new(Vec::new()) }) }
    }

    fn core(&self) -> &Arc<NodeCore> {
        &self.handle.core
    }

    fn core_arc(&self) -> Arc<NodeCore> {
        Arc::clone(&self.handle.core)
    }

    fn add_listener(&self, address: String, task: JoinHandle<()>) {
        self.handle.listeners.lock().push((address, task));
    }

    /// The node's id and incarnation, as its peers see them.
    pub fn identity(&self) -> (NodeId, Incarnation) {
        self.core().identity()
    }

    /// The addresses on which the node listens, with real ports, ready to be dialled once `/name` (for Unix sockets `#name`) is added.
    pub fn addresses(&self) -> Vec<String> {
        self.handle.listeners.lock().iter().map(|(address, _)| address.clone()).collect()
    }

    /// Publishes an object under a name, in place of what was there. It is found under its interface, the supertraits of that, and what
    /// its [`Object`](crate::Object) offers.
    ///
    /// # Errors
    ///
    /// `InvalidAddress` when the name has characters that an address cannot carry.
    pub fn publish<T: ?Sized + Interface>(&self, name: &str, object: Remote<T>) -> Result<(), Error> {
        self.publish_any(name, Remote::into_any(object))
    }

    /// Publishes a reference without its trait.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_any(&self, name: &str, object: AnyRemote) -> Result<(), Error> {
        Address::check_name(name).map_err(|error| {
            Error::new(ErrorKind::InvalidAddress, Outcome::NotRun, format!("`{}`: {error}", name.escape_debug())).complete()
        })?;
        let former = self.core().published.insert(name.to_owned(), object);
        crate::panics::drop_quietly(former);
        Ok(())
    }

    /// Takes a name back. References that were looked up stay what they are. False when nothing was published under it.
    pub fn unpublish(&self, name: &str) -> bool {
        let former = self.core().published.remove(name);
        let was_there = former.is_some();
        crate::panics::drop_quietly(former);
        was_there
    }

    /// The object that is published at an address: `tcp://host:port/name`, `unix:///path#name`, `mem://place/name`.
    ///
    /// Two nodes keep one session, so connecting twice, or to a peer that has connected here, opens no second one.
    ///
    /// # Errors
    ///
    /// `InvalidAddress`, `Unreachable` (every address that was tried is named), `Denied` (plaintext off this machine), `NoSuchName`, and
    /// `NoSuchMethod` when it is published under another interface.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up; a session that was opened stays for later.
    pub async fn connect<T: ?Sized + Interface>(&self, url: &str) -> Result<Remote<T>, Error> {
        connect_from(self.core(), url, T::DESCRIPTOR.name).await.map(AnyRemote::downcast)
    }

    /// The object that is published at an address, whatever its interface: [`AnyRemote::interface`] tells it then.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without those of the interface.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_any(&self, url: &str) -> Result<AnyRemote, Error> {
        connect_from(self.core(), url, "").await
    }

    /// The session with whoever is at an address. A name in it plays no part.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), without those of the name.
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](Self::connect).
    pub async fn open(&self, url: &str) -> Result<Session, Error> {
        let address = parse(url)?;
        self.core().session_at(&address).await.map(Session::from)
    }

    /// A session over any pair of streams, as the side that speaks first. The other end calls [`accept_io`](Self::accept_io).
    ///
    /// # Errors
    ///
    /// What a handshake can give.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the streams are gone with the future.
    pub async fn connect_io<R, W>(&self, reader: R, writer: W) -> Result<Session, Error>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        self.core().session_over(LinkStream::from_io(reader, writer, "streams of this program")).await.map(Session::from)
    }

    /// A session over any pair of streams, as the side that is spoken to.
    ///
    /// # Errors
    ///
    /// What a handshake can give.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the streams are gone with the future.
    pub async fn accept_io<R, W>(&self, reader: R, writer: W) -> Result<Session, Error>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        self.accept_link(LinkStream::from_io(reader, writer, "streams of this program")).await
    }

    async fn accept_link(&self, link: LinkStream) -> Result<Session, Error> {
        let limit = self.core().limits().handshake;
        let text = match tokio::time::timeout(limit, handshake::acceptor(self.core(), link)).await {
            Ok(Ok(Some(session))) => return Ok(Session::from(session)),
            Ok(Ok(None)) => "the other end has a session with this node already".to_owned(),
            Ok(Err(error)) => return Err(error),
            Err(_) => format!("the other end did not finish the handshake within {limit:?}"),
        };
        Err(Error::new(ErrorKind::Unreachable, Outcome::NotRun, text))
    }

    /// Starts a child process and a session over its standard input and output. The child calls [`serve_stdio`](Self::serve_stdio).
    ///
    /// # Errors
    ///
    /// `Unreachable` when the program cannot be started, and what a handshake can give.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the child to its own devices unless the command says `kill_on_drop`.
    pub async fn spawn_child(&self, mut command: tokio::process::Command) -> Result<(Session, tokio::process::Child), Error> {
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |text: String| Error::new(ErrorKind::Unreachable, Outcome::NotRun, text);
        let mut child = command.spawn().map_err(|error| failed(format!("the child process cannot be started: {error}")))?;
        let (Some(reader), Some(writer)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(failed("the child process has no standard streams".to_owned()));
        };
        let remote = PeerTransport::Child { pid: child.id() };
        let link = LinkStream { reader: Box::new(reader), writer: Box::new(writer), remote };
        let session = self.core().session_over(link).await?;
        Ok((Session::from(session), child))
    }

    /// A session over this process's own standard input and output, for the process that started it with
    /// [`spawn_child`](Self::spawn_child). Nothing else may read or write them.
    ///
    /// # Errors
    ///
    /// What a handshake can give.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: bytes that were read are gone with the future.
    pub async fn serve_stdio(&self) -> Result<Session, Error> {
        let remote = PeerTransport::Child { pid: None };
        let link = LinkStream { reader: Box::new(tokio::io::stdin()), writer: Box::new(tokio::io::stdout()), remote };
        self.accept_link(link).await
    }

    /// The sessions there are.
    pub fn sessions(&self) -> Vec<Session> {
        self.core().all_sessions().into_iter().map(Session::from).collect()
    }

    /// What the node's tables hold, added up.
    pub fn stats(&self) -> NodeStats {
        let sessions = self.core().all_sessions();
        let published = self.core().published.len();
        let exported_objects = crate::registry::len();
        NodeStats {
            sessions: sessions.len(),
            published,
            exported_objects,
            tables: sessions.iter().map(|session| session.stats()).collect(),
        }
    }

    /// Shuts down in order: listens no more, tells every peer that no more calls are taken, lets what runs finish and
    /// every stream come to its end, then ends every session. What is not done `within` the time is dropped, and its callers and the other halves
    /// are told so: a call may have run, a stream was not complete. Gives how many sessions were cut short in that way. Where streams stay open
    /// for as long as both nodes live, that is all the time there is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the node taking no new calls; drop the node to end it.
    pub async fn shutdown(&self, within: Duration) -> usize {
        for listener in self.handle.stop_listening() {
            // It was aborted, which is all that its result says.
            let _ = listener.await;
        }
        let sessions = self.core().all_sessions();
        sessions.iter().for_each(|session| session.go_away());
        let drained = async {
            for session in &sessions {
                session.drained().await;
            }
        };
        let cut_short = match tokio::time::timeout(within, drained).await {
            Ok(()) => 0,
            Err(_) => sessions.iter().filter(|session| !session.is_drained()).count(),
        };
        end_sessions(self.core(), "this node was shut down", "the node was shut down");
        cut_short
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("identity", &self.identity().0).field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// What a node's tables hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// How many sessions there are.
    pub sessions: usize,
    /// How many names are published.
    pub published: usize,
    /// How many objects the sessions of this process's nodes export, each counted once: a number of the process, not of the node.
    pub exported_objects: usize,
    /// The tables of each session.
    pub tables: Vec<SessionStats>,
}

impl NodeStats {
    /// Whether no session holds or runs anything.
    pub fn is_idle(&self) -> bool {
        self.tables.iter().all(SessionStats::is_idle)
    }
}

/// `interface` is the one that the object has to have; an empty one is any.
async fn connect_from(core: &Arc<NodeCore>, url: &str, interface: &'static str) -> Result<AnyRemote, Error> {
    let address = parse(url)?;
    let Some(name) = address.name() else {
        let text = format!("`{}` names no object: add `/name` (for Unix sockets `#name`)", url.escape_debug());
        return Err(Error::new(ErrorKind::InvalidAddress, Outcome::NotRun, text).complete());
    };
    let session = core.session_at(&address).await?;
    root::lookup(&session, name, interface).await
}

/// The object that is published at an address, from the process's default node. See [`Node::connect`].
///
/// # Errors
///
/// As [`Node::connect`].
///
/// # Cancel safety
///
/// As [`Node::connect`].
pub async fn connect<T: ?Sized + Interface>(url: &str) -> Result<Remote<T>, Error> {
    connect_from(&NodeCore::of_process(), url, T::DESCRIPTOR.name).await.map(AnyRemote::downcast)
}

/// The object that is published at an address, whatever its interface, from the process's default node. See [`Node::connect_any`].
///
/// # Errors
///
/// As [`Node::connect_any`].
///
/// # Cancel safety
///
/// As [`Node::connect_any`].
pub async fn connect_any(url: &str) -> Result<AnyRemote, Error> {
    connect_from(&NodeCore::of_process(), url, "").await
}
