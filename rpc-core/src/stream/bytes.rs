//! Owns [`ByteWriter`] and [`ByteReader`]: a stream of bytes, for data that has no items, or is too long to be one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::half::{self, Held};
use super::item::{Piece, Queued, broken};
use super::outlet::Outlet;
use super::queue::{Pushed, Queue};
use super::receiver::Inlet;
use super::sender::{gone, passed_on, poll_arrived};
use crate::error::{Error, ErrorKind, Outcome};
use crate::proto::{Half, Kind};
use crate::schema;
use crate::transfer;

/// Makes a stream of bytes. Both halves are here, and either can be passed on in a call.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (mut writer, mut reader) = netref::stream::bytes();
/// writer.write_all(b"any number of bytes").await?;
/// writer.shutdown().await?;
///
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "any number of bytes");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn bytes() -> (ByteWriter, ByteReader) {
    let queue = Queue::local(Kind::Bytes);
    let reader = Held::new(Half::Receiving, std::sync::Arc::clone(&queue));
    (ByteWriter::new(Held::new(Half::Sending, queue)), ByteReader::new(reader))
}

/// The writing half of a stream of bytes. Made by [`bytes()`].
///
/// It travels as a [`Sender`](super::Sender) does. As an [`AsyncWrite`] it waits while the reader is behind. The stream is complete only
/// when it is shut down (`shutdown().await`): a writer that is dropped before that is an error at the reader, never an end of file, so a
/// file that was cut off does not look like a whole one.
pub struct ByteWriter {
    held: Held,
    outlet: Option<Outlet>,
    is_shut: bool,
}

impl ByteWriter {
    const fn new(held: Held) -> Self {
        Self { held, outlet: None, is_shut: false }
    }

    /// Writes all of `bytes`, without copying them on this side.
    ///
    /// # Errors
    ///
    /// Why nobody takes them: the reader was dropped or stopped, or the session is gone.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: some of the bytes may have been written.
    pub async fn write_bytes(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        while !bytes.is_empty() {
            poll_fn(|cx| self.poll_write_bytes(cx, &mut bytes)).await?;
        }
        Ok(())
    }

    fn poll_write_bytes(&mut self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<Result<(), Error>> {
        loop {
            if let Some(outlet) = ready!(self.poll_outlet(cx))? {
                let is_taken = ready!(outlet.poll_bytes(cx, bytes));
                return Poll::Ready(if is_taken { Ok(()) } else { Err(gone(&self.held.queue)) });
            }
            if let Some(count) = self.push(cx, bytes)? {
                bytes.advance(count);
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// The way into a session, or nothing when the reader is here and there is room.
    fn poll_outlet(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<&mut Outlet>, Error>> {
        if self.is_shut {
            let text = "the byte writer was shut down: its stream is complete, and takes no more bytes";
            return Poll::Ready(Err(Error::new(ErrorKind::Misuse, Outcome::NotRun, text).complete()));
        }
        if self.held.is_done() {
            return Poll::Ready(Err(passed_on()));
        }
        if self.outlet.is_none() {
            match ready!(self.held.queue.poll_push(&mut None, cx.waker())) {
                Pushed::Done => return Poll::Ready(Ok(None)),
                Pushed::Gone(error) => return Poll::Ready(Err(error)),
                Pushed::There(port) => self.outlet = Some(Outlet::new(port, Kind::Bytes)),
            }
        }
        Poll::Ready(Ok(self.outlet.as_mut()))
    }

    /// Queues bytes where there is room. Nothing when the reader has just left: they go the way that it went.
    fn push(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let count = bytes.len().min(PIECE_BYTES);
        let mut item = Some(Queued::Bytes(Piece { bytes: BytesMut::from(&bytes[..count]), cost: 0 }));
        match self.held.queue.poll_push(&mut item, cx.waker()) {
            Poll::Ready(Pushed::Done) => Ok(Some(count)),
            Poll::Ready(Pushed::Gone(error)) => Err(error),
            _ => Ok(None),
        }
    }

    /// Ends the stream with an error, which the reader sees behind the last byte.
    pub fn fail(self, reason: impl Into<String>) {
        if self.held.finish() {
            half::end(&self.held.queue, Some(broken(ErrorKind::Cancelled, reason)));
        }
    }
}

/// Bytes that are queued at a time while the reader is in this process.
const PIECE_BYTES: usize = 64 << 10;

impl AsyncWrite for ByteWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if let Some(outlet) = ready!(self.poll_outlet(cx)).map_err(to_writer)? {
                let written = ready!(outlet.poll_slice(cx, buffer));
                return Poll::Ready(written.ok_or_else(|| to_writer(gone(&self.held.queue))));
            }
            if let Some(count) = self.push(cx, buffer).map_err(to_writer)? {
                return Poll::Ready(Ok(count));
            }
        }
    }

    /// What was written leaves by itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says that the stream is complete, and waits until the reader's node has all of it.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            if !self.held.finish() {
                return Poll::Ready(Err(to_writer(passed_on())));
            }
            self.is_shut = true;
            half::end(&self.held.queue, None);
        }
        poll_arrived(&self.held.queue, cx.waker()).map_err(to_writer)
    }
}

fn to_writer(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}

fn to_reader(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Disconnected => io::ErrorKind::ConnectionAborted,
        // Nothing that common code takes for an end of file.
        ErrorKind::Cancelled => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The reading half of a stream of bytes. Made by [`bytes()`].
///
/// It travels as a [`Receiver`](super::Receiver) does, with what arrived and was not read. As an [`AsyncRead`] it comes to its end only where
/// the writer was shut down; everything else is an error, again and again, in which the [`Error`] of netref says what happened. It is of kind
/// `ConnectionReset` where the writer was dropped or failed, and `ConnectionAborted` where the session is gone.
pub struct ByteReader {
    inlet: Inlet,
    /// What is being read in parts. Locked only to be passed on, which takes a shared reference.
    current: Mutex<BytesMut>,
    /// What the stream broke off with: each further attempt gives it again, so that no code takes the next one for the end.
    failed: Option<Error>,
}

impl ByteReader {
    fn new(held: Held) -> Self {
        Self { inlet: Inlet::new(held), current: Mutex::default(), failed: None }
    }

    fn current(&mut self) -> &mut BytesMut {
        self.current.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next bytes as they arrived, at most 64 KiB, without another copy. `None` at the end.
    ///
    /// # Errors
    ///
    /// Why the stream broke off: that the writer was dropped before it was shut down or what it said when it failed, or that the session is
    /// gone. Each further attempt fails in the same way.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if !self.current().is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(self.current()).freeze())));
        }
        self.poll_piece(cx).map(|found| found.map(|piece| piece.map(BytesMut::freeze)))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<BytesMut, Error>>> {
        if let Some(error) = &self.failed {
            return Poll::Ready(Some(Err(error.clone())));
        }
        let error = match ready!(self.inlet.poll_next(cx)) {
            None => return Poll::Ready(None),
            Some(Ok(Queued::Bytes(piece))) => return Poll::Ready(Some(Ok(piece.bytes))),
            Some(Ok(_)) => broken(ErrorKind::Codec, "an item came on a stream of bytes"),
            Some(Err(error)) => error,
        };
        self.failed = Some(error.clone());
        Poll::Ready(Some(Err(error)))
    }

    /// Takes no more, and says why: the writer's next attempt fails with this. Dropping the reader says that it was dropped.
    pub fn stop(self, reason: impl Into<String>) {
        self.inlet.stop(&broken(ErrorKind::Cancelled, reason));
    }
}

impl AsyncRead for ByteReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // As many pieces as there is room for: a system call per piece is what a reader wants to save.
        let before = buffer.remaining();
        while buffer.remaining() > 0 {
            if self.current().is_empty() {
                match self.poll_piece(cx) {
                    Poll::Ready(Some(Ok(bytes))) => *self.current() = bytes,
                    Poll::Ready(Some(Err(error))) if buffer.remaining() == before => return Poll::Ready(Err(to_reader(error))),
                    // What was read before it comes first.
                    Poll::Ready(Some(Err(_)) | None) => break,
                    Poll::Pending if buffer.remaining() == before => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            let current = self.current();
            let count = current.len().min(buffer.remaining());
            buffer.put_slice(&current[..count]);
            current.advance(count);
            if current.is_empty() {
                let read = std::mem::take(current);
                self.inlet.recycle(read);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for ByteWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteWriter({:?})", self.held)
    }
}

impl fmt::Debug for ByteReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteReader({:?})", self.inlet)
    }
}

impl Serialize for ByteWriter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.held.serialize(serializer)
    }
}

impl Serialize for ByteReader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if transfer::is_looking() {
            return serializer.serialize_unit();
        }
        let current = std::mem::take(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner));
        // They were paid back when they were taken.
        let unread = (!current.is_empty()).then(|| Queued::Bytes(Piece { bytes: current, cost: 0 }));
        self.inlet.serialize(unread, serializer)
    }
}

impl<'de> Deserialize<'de> for ByteWriter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            schema::traced_reference(deserializer, super::BYTE_WRITER, schema::REFERENCE)?;
            return Ok(Self::new(Held::made_up(Half::Sending, Kind::Bytes)));
        }
        Held::deserialize(deserializer, Half::Sending, |kind| kind == Kind::Bytes).map(Self::new)
    }
}

impl<'de> Deserialize<'de> for ByteReader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            schema::traced_reference(deserializer, super::BYTE_READER, schema::REFERENCE)?;
            return Ok(Self::new(Held::made_up(Half::Receiving, Kind::Bytes)));
        }
        Held::deserialize(deserializer, Half::Receiving, |kind| kind == Kind::Bytes).map(Self::new)
    }
}
