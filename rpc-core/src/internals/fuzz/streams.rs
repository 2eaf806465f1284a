//! Owns the byte streams between a fuzz target and a node: any bytes in pieces of any size, what the node writes, and a pipe that is edited on
//! its way. It knows nothing of what the bytes mean.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Bytes under way in a pipe.
const PIPE_BYTES: usize = 4_096;

/// A runtime with one thread, whose clock goes on by itself when there is nothing to do: no target ever waits.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without sockets")
}

/// Bytes that arrive in pieces, and end.
pub(super) struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    whole: usize,
    step: usize,
    paused: bool,
}

impl Pieces {
    /// The first `whole` bytes come at once.
    pub(super) fn new(bytes: Vec<u8>, whole: usize, step: u8) -> Self {
        Self { bytes, at: 0, whole, step: usize::from(step) * usize::from(step) + 1, paused: false }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Others have their turn between two pieces.
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let most = self.step.max(self.whole.saturating_sub(self.at)).min(into.remaining());
        let end = self.bytes.len().min(self.at + most);
        into.put_slice(&self.bytes[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }

    fn put(&self, bytes: &[u8]) {
        self.0.lock().extend_from_slice(bytes);
    }
}

impl AsyncWrite for Kept {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.put(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is done to a stream at one of its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edit {
    pub(super) at: usize,
    pub(super) what: What,
}

/// What can be done to a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// The byte becomes another one, unless this is 0.
    Flip(u8),
    /// The byte is lost.
    Lose,
    /// Another byte comes ahead of it.
    Insert(u8),
    /// The stream ends.
    Cut,
}

/// A pipe whose bytes are edited on their way: where to write, where to read, and what went through it.
pub(super) fn pipe(edits: Vec<Edit>) -> (DuplexStream, DuplexStream, Kept) {
    let (writer, mut from) = tokio::io::duplex(PIPE_BYTES);
    let (mut to, reader) = tokio::io::duplex(PIPE_BYTES);
    let kept = Kept::default();
    let through = kept.clone();
    tokio::spawn(async move {
        let mut at = 0;
        let mut chunk = [0; PIPE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            let (bytes, goes_on) = edited(&edits, at, &chunk[..count]);
            at += count;
            through.put(&bytes);
            if to.write_all(&bytes).await.is_err() || !goes_on {
                break;
            }
        }
        // The end of the stream reaches the reader.
        let _ = to.shutdown().await;
    });
    (writer, reader, kept)
}

/// What becomes of bytes that begin at `at`, and whether more may follow.
fn edited(edits: &[Edit], at: usize, bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    for (at, &byte) in (at..).zip(bytes) {
        match edits.iter().find(|edit| edit.at == at).map(|edit| edit.what) {
            None => out.push(byte),
            Some(What::Flip(with)) => out.push(byte ^ with),
            Some(What::Lose) => {}
            Some(What::Insert(other)) => out.extend([other, byte]),
            Some(What::Cut) => return (out, false),
        }
    }
    (out, true)
}
