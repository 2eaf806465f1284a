//! Owns [`ByteWriter`] and [`ByteReader`]: a stream of bytes, for data that has no items, or is too long to be one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
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
use crate::error::{Error, ErrorKind};
use crate::proto::{Half, Kind};
use crate::schema;

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
        ErrorKind::Cancelled => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The reading half of a stream of bytes. Made by [`bytes()`].
///
/// It travels as a [`Receiver`](super::Receiver) does. As an [`AsyncRead`] it comes to its end only where the writer was shut down;
/// everything else is an error, in which the [`Error`] of netref says what happened.
pub struct ByteReader {
    inlet: Inlet,
    current: Bytes,
    /// What ended the stream, when it is found behind bytes that are given out first.
    failed: Option<Error>,
}

impl ByteReader {
    fn new(held: Held) -> Self {
        Self { inlet: Inlet::new(held), current: Bytes::new(), failed: None }
    }

    /// The next bytes as they arrived, at most 64 KiB, without another copy. `None` at the end.
    ///
    /// # Errors
    ///
    /// Why the stream broke off.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no byte is lost.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if !self.current.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.current))));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let item = match ready!(self.inlet.poll_next(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(item)) => item,
        };
        Poll::Ready(Some(match item {
            Queued::Bytes(piece) => Ok(piece.bytes.freeze()),
            _ => Err(broken(ErrorKind::Codec, "an item came on a stream of bytes")),
        }))
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
            if self.current.is_empty() {
                match self.poll_chunk(cx) {
                    Poll::Ready(Some(Ok(bytes))) => self.current = bytes,
                    Poll::Ready(Some(Err(error))) if buffer.remaining() == before => return Poll::Ready(Err(to_reader(error))),
                    Poll::Ready(Some(Err(error))) => {
                        self.failed = Some(error);
                        break;
                    }
                    Poll::Ready(None) => break,
                    Poll::Pending if buffer.remaining() == before => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            let count = self.current.len().min(buffer.remaining());
            buffer.put_slice(&self.current[..count]);
            self.current.advance(count);
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
        if !self.current.is_empty() {
            let text = "a byte reader can be passed on only where it has not read a part of what arrived";
            return Err(serde::ser::Error::custom(text));
        }
        self.inlet.serialize(serializer)
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
