//! Owns the way of items from this process into a session: encoded here, outside any lock, and handed over when there is credit.

use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::item::{Encoded, Port, broken};
use super::pace::Pace;
use crate::any::AnyRemote;
use crate::codec::CodecError;
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::proto::Kind;
use crate::session::{ArrivedBytes, Reserved};
use crate::transfer::{self, Outgoing};

/// What became of an item.
pub(crate) enum Sent {
    Done,
    /// The item did not leave, and the stream goes on.
    Refused(Error),
    /// Nobody takes it: the queue knows why.
    Closed,
}

/// The way into a session, with the item that waits at its entrance.
pub(super) struct Outlet {
    port: Port,
    kind: Kind,
    bytes: Vec<u8>,
    outgoing: Outgoing,
    is_staged: bool,
    pace: Pace,
}

impl Outlet {
    pub(super) fn new(port: Port, kind: Kind) -> Self {
        let pace = Pace::new(port.session.announced().stream_window);
        Self { port, kind, bytes: Vec::new(), outgoing: Outgoing::default(), is_staged: false, pace }
    }

    /// Forgets an item whose sender has given it up.
    pub(super) fn unstage(&mut self) {
        if std::mem::take(&mut self.is_staged) {
            crate::panics::drop_quietly(std::mem::take(&mut self.outgoing));
        }
    }

    /// Encodes an item. On an error it is refused, and nothing has changed.
    pub(super) fn stage(&mut self, encode: impl FnOnce(&mut Vec<u8>, u64, u32) -> Result<(), CodecError>) -> Result<(), Error> {
        let max = self.port.session.stream_item_max();
        let depth = self.port.session.announced().depth;
        self.bytes.clear();
        let bytes = &mut self.bytes;
        let encoded = crate::panics::caught(|| transfer::encoding(|| encode(bytes, max, depth)));
        match encoded {
            Ok((Ok(()), outgoing)) => {
                self.outgoing = outgoing;
                self.is_staged = true;
                Ok(())
            }
            Ok((Err(CodecError::TooLarge { .. }), _)) => Err(too_large(max)),
            Ok((Err(error), _)) => {
                let text = format!("the item cannot be encoded: {error}");
                Err(Error::new(ErrorKind::Codec, Outcome::NotRun, text).with_fault(Fault::Caller))
            }
            Err(panicked) => Err(panicked.into_error_of("encoding an item", Outcome::NotRun).with_fault(Fault::Caller)),
        }
    }

    /// The item, as it would have been handed over. An error for one that would be refused then.
    pub(super) fn take_staged(&mut self) -> Result<Encoded, Error> {
        if let Err(error) = self.port.session.stream_item_fits(self.bytes.len(), &self.outgoing) {
            self.unstage();
            return Err(error);
        }
        self.is_staged = false;
        let bytes = ArrivedBytes::of(&self.bytes);
        Ok(Encoded { bytes, references: std::mem::take(&mut self.outgoing).take_references(), cost: 0 })
    }

    /// Takes an item that is only passed on.
    pub(super) fn stage_encoded(&mut self, bytes: &ArrivedBytes, references: Vec<AnyRemote>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes.as_slice());
        self.outgoing = Outgoing::new(references, Vec::new());
        self.is_staged = true;
    }

    /// Hands the item over.
    pub(super) fn poll_staged(&mut self, cx: &mut Context<'_>) -> Poll<Sent> {
        let sent = self.port.session.stream_send(self.port.id, self.kind, &self.bytes, &mut self.outgoing, cx.waker());
        if sent.is_ready() {
            self.is_staged = false;
            if self.bytes.capacity() > BUFFER_KEPT {
                self.bytes = Vec::new();
            }
            if !self.outgoing.references().is_empty() {
                crate::panics::drop_quietly(std::mem::take(&mut self.outgoing));
            }
        }
        sent
    }

    /// Hands over as many bytes as there is credit for, and takes them off. False when nobody takes any.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<bool> {
        let reserved = ready!(self.poll_reserve(cx, bytes.len()));
        if let Some(count) = reserved {
            self.port.session.stream_push(self.port.id, bytes.split_to(count));
        }
        Poll::Ready(reserved.is_some())
    }

    /// The same for bytes that stay their owner's. Gives how many there were.
    pub(super) fn poll_slice(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<usize>> {
        let reserved = ready!(self.poll_reserve(cx, bytes.len()));
        if let Some(count) = reserved {
            self.port.session.stream_push_slice(self.port.id, &bytes[..count]);
        }
        Poll::Ready(reserved)
    }

    /// Credit for at most so many bytes. `None` when nobody takes any.
    fn poll_reserve(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Option<usize>> {
        loop {
            match self.port.session.stream_reserve(self.port.id, most, self.pace.ahead(), cx.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Reserved::Ahead) => ready!(self.pace.poll_longest(cx, self.port.session.runtime())),
                Poll::Ready(Reserved::Closed) => return Poll::Ready(None),
                Poll::Ready(Reserved::Bytes(count)) => {
                    self.pace.goes_on(count as u64);
                    return Poll::Ready(Some(count));
                }
            }
        }
    }

    /// Whether there is credit for the least that can be sent. False when nobody takes anything.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.port.session.stream_ready(self.port.id, cx.waker())
    }
}

/// A buffer above this size is not kept for the next item.
const BUFFER_KEPT: usize = 16 << 10;

/// An item does not fit its window. It says that of the item: the stream goes on.
pub(crate) fn too_large(max: u64) -> Error {
    let text = format!(
        "the item is larger than the {max} bytes that an item of this stream may have, and did not leave: raise `Limits::stream_window` at the \
         receiver, or send bytes of any number in a byte stream"
    );
    Error::new(ErrorKind::TooLarge, Outcome::NotRun, text).complete()
}

/// What a half says that has nothing to send to any more, when nothing else is known.
pub(super) fn unsaid() -> Error {
    broken(ErrorKind::Cancelled, "the receiving half is gone")
}
