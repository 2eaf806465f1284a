//! Owns links: addresses, dialling, listening, and what is known of the machine at the other end. A link is a pair of byte streams.
//! It knows nothing of frames, handshakes and sessions, and trusts nobody: it reports who connected, others decide.
//!
//! | file | what |
//! | --- | --- |
//! | `address.rs`, `address_error.rs` | addresses: URLs, and what is wrong with one |
//! | `error.rs` | why a link could not be had |
//! | `listener.rs` | accepting without end, whatever goes wrong |
//! | `tcp.rs`, `unix.rs`, `mem.rs` | one kind of link each |

mod address;
mod address_error;
mod error;
mod listener;
mod mem;
mod tcp;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use address::{Address, Host, Place};
pub use address_error::AddressError;
pub use error::{TransportError, Tried};
pub use listener::Listener;

/// How long one address may take to answer. A host on the same continent answers within 0.3 s; three lost packets cost TCP 7 s, so two
/// may be lost.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// One link, however it came about: two byte streams and what is known of the other end.
pub struct LinkStream {
    /// What the other end sends. Ends when the other end closes its writer.
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    /// What the other end receives. Dropping it closes the stream there, after what was written has been read.
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// What carries the link and where it leads.
    pub remote: PeerTransport,
}

impl LinkStream {
    /// A link over any pair of streams. The label names it in messages and logs.
    pub fn from_io(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        label: impl Into<String>,
    ) -> Self {
        Self::new(reader, writer, PeerTransport::Io { label: label.into() })
    }

    fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        remote: PeerTransport,
    ) -> Self {
        Self { reader: Box::new(reader), writer: Box::new(writer), remote }
    }
}

impl fmt::Debug for LinkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkStream").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What carries a link and what the operating system says about the other end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerTransport {
    /// A TCP connection.
    Tcp {
        /// The address at this end.
        local: SocketAddr,
        /// The address at the other end.
        remote: SocketAddr,
    },
    /// A Unix socket.
    Unix {
        /// The path that was dialled or listened on.
        path: PathBuf,
        /// The user of the process at the other end, where the system tells.
        uid: Option<u32>,
        /// Its group.
        gid: Option<u32>,
        /// Its process id.
        pid: Option<u32>,
    },
    /// A link within this process.
    Memory {
        /// The space that was dialled or listened on.
        space: String,
    },
    /// A pair of streams that somebody handed in: nothing is known of its other end.
    Io {
        /// What it was called when it was handed in.
        label: String,
    },
    /// The standard streams of a child process, or of this process for the one that started it.
    Child {
        /// The process id of the other end, while it is known.
        pid: Option<u32>,
    },
}

impl PeerTransport {
    /// Whether the other end is certainly on this machine. It is not certain for streams that were handed in.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        match self {
            Self::Tcp { remote, .. } => tcp::is_loopback(remote.ip()),
            Self::Unix { .. } | Self::Memory { .. } | Self::Child { .. } => true,
            Self::Io { .. } => false,
        }
    }
}

impl fmt::Display for PeerTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { remote, .. } => write!(f, "tcp {remote}"),
            Self::Unix { path, uid, pid, .. } => {
                write!(f, "unix {}", path.display())?;
                match (uid, pid) {
                    (Some(uid), Some(pid)) => write!(f, " (user {uid}, process {pid})"),
                    (Some(uid), None) => write!(f, " (user {uid})"),
                    (None, _) => Ok(()),
                }
            }
            Self::Memory { space } => write!(f, "mem {space}"),
            Self::Io { label } => write!(f, "io {label}"),
            Self::Child { pid: Some(pid) } => write!(f, "child process {pid}"),
            Self::Child { pid: None } => write!(f, "child process"),
        }
    }
}

/// Opens a link to an address. Its name, if it has one, plays no part.
///
/// Off this machine plaintext is refused before anything is sent, unless `insecure_plaintext` allows it.
///
/// # Errors
///
/// A [`TransportError`] that says what to do next; it lists every address that was tried.
///
/// # Cancel safety
///
/// Dropping the future gives up; a connection that was just made is closed.
pub async fn dial(address: &Address, insecure_plaintext: bool) -> Result<LinkStream, TransportError> {
    match address.place() {
        Place::Tcp { host, port } => tcp::dial(address, host, *port, insecure_plaintext).await,
        Place::Tls { .. } | Place::Quic { .. } => Err(missing_feature(address)),
        #[cfg(unix)]
        Place::Unix { path } => unix::dial(path).await,
        #[cfg(not(unix))]
        Place::Unix { .. } => Err(TransportError::UnixSocketsMissing),
        Place::Memory { space } => mem::dial(space).await,
    }
}

fn missing_feature(address: &Address) -> TransportError {
    TransportError::MissingFeature { address: address.to_string(), feature: address.scheme() }
}

#[cfg(test)]
mod tests;
