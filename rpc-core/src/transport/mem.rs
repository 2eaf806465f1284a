//! Owns links within this process: a registry of spaces, each with one listener.

use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::listener::Source;
use super::{CONNECT_MAX, LinkStream, PeerTransport, TransportError};

/// Bytes under way in each direction: a frame of the largest size.
const PIPE_BYTES: usize = 64 * 1024;

/// Links that wait to be accepted: as many as a TCP listener commonly lets wait.
const BACKLOG: usize = 128;

struct Space {
    links: mpsc::Sender<LinkStream>,
    /// Tells a listener's own space from one that was taken after it was gone.
    number: u64,
}

static SPACES: LazyLock<DashMap<String, Space>> = LazyLock::new(DashMap::new);
static NEXT: AtomicU64 = AtomicU64::new(0);

pub(super) fn bind(space: &str) -> Result<Box<dyn Source>, TransportError> {
    let (links, accepted) = mpsc::channel(BACKLOG);
    match SPACES.entry(space.to_owned()) {
        Entry::Occupied(_) => Err(TransportError::Busy { address: url(space) }),
        Entry::Vacant(vacant) => {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            vacant.insert(Space { links, number });
            Ok(Box::new(Accepted { accepted, space: space.to_owned(), number }))
        }
    }
}

pub(super) async fn dial(space: &str) -> Result<LinkStream, TransportError> {
    // Cloned out of the table: no lock is held while waiting.
    let links = SPACES.get(space).map(|entry| entry.links.clone());
    let Some(links) = links else { return Err(TransportError::NobodyListens { address: url(space) }) };
    let (here, there) = pair(space);
    match tokio::time::timeout(CONNECT_MAX, links.send(there)).await {
        Ok(Ok(())) => Ok(here),
        Ok(Err(_)) => Err(TransportError::NobodyListens { address: url(space) }),
        Err(_) => Err(TransportError::NotAccepting { address: url(space) }),
    }
}

/// Both ends of a link. Each direction has its own pipe: the halves of one would share a lock.
fn pair(space: &str) -> (LinkStream, LinkStream) {
    let (writer_here, reader_there) = tokio::io::duplex(PIPE_BYTES);
    let (writer_there, reader_here) = tokio::io::duplex(PIPE_BYTES);
    (end(reader_here, writer_here, space), end(reader_there, writer_there, space))
}

fn end(reader: DuplexStream, writer: DuplexStream, space: &str) -> LinkStream {
    LinkStream::new(reader, writer, PeerTransport::Memory { space: space.to_owned() })
}

fn url(space: &str) -> String {
    format!("mem://{space}")
}

struct Accepted {
    accepted: mpsc::Receiver<LinkStream>,
    space: String,
    number: u64,
}

impl Source for Accepted {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<LinkStream>> {
        // The registry keeps a sender as long as this listener lives, so the channel does not end.
        match self.accepted.poll_recv(cx) {
            Poll::Ready(Some(link)) => Poll::Ready(Ok(link)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        SPACES.remove_if(&self.space, |_, entry| entry.number == self.number);
    }
}
