//! Owns the bytes of streams on their way out: credit for them, and who flushes them. The lanes in which they wait are in `lane`.

use std::task::{Poll, Waker};

use bytes::Bytes;

use super::SessionCore;
use crate::id::StreamId;
use crate::proto::Taken;

/// Bytes, or credit for bytes, that are flushed by whoever sends them.
pub(super) const FLUSHED_AT_ONCE: usize = 16 << 10;

/// Bytes that one write takes. It is what programs ask for, and a little more than a frame holds: were it a frame, each such write would
/// leave a few bytes behind, and cost as much as two.
pub(super) const BYTES_AT_ONCE: usize = 64 << 10;

/// What became of an attempt to send bytes.
pub(crate) enum Reserved {
    /// So many may be sent, and are paid for.
    Bytes(usize),
    /// There is credit, and as much is on its way as goes ahead of the reader while calls share the session. More may follow when the reader
    /// has taken some, of which the waker is told, or when whoever sends has waited long enough.
    Ahead,
    /// Nobody takes any.
    Closed,
}

impl SessionCore {
    /// Takes credit for bytes, at most for [`BYTES_AT_ONCE`], and while calls share the session for no more than goes `ahead` of the reader.
    pub(crate) fn stream_reserve(&self, id: StreamId, most: usize, ahead: u64, waker: &Waker) -> Poll<Reserved> {
        let mut former = None;
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.closed.is_some() {
            return Poll::Ready(Reserved::Closed);
        }
        if state.is_full(id) {
            return state.wait_to_send(id, waker, &mut former);
        }
        let calls = state.proto.calls();
        let mut most = most.min(BYTES_AT_ONCE) as u64;
        if state.sharing.note(calls, 0) && state.proto.streams.is_ready(id) == Taken::Credit(0) {
            most = most.min(ahead.saturating_sub(state.proto.streams.ahead(id)));
            if most == 0 {
                let _: Poll<()> = state.wait_to_send(id, waker, &mut former);
                return Poll::Ready(Reserved::Ahead);
            }
        }
        match state.proto.streams.take_bytes(id, most) {
            Taken::Credit(bytes) => {
                state.sharing.note(calls, bytes);
                Poll::Ready(Reserved::Bytes(bytes as usize))
            }
            Taken::Nothing => state.wait_to_send(id, waker, &mut former),
            Taken::Closed => Poll::Ready(Reserved::Closed),
        }
    }

    /// Sends bytes for which credit was taken. They are lost when the stream was closed meanwhile, which its writer learns next.
    pub(crate) fn stream_push(&self, id: StreamId, bytes: Bytes) {
        let is_long = bytes.len() >= FLUSHED_AT_ONCE;
        let copied = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            if state.proto.streams.is_ready(id) == Taken::Closed {
                // What was taken of the window of all streams is theirs.
                state.proto.streams.put_back(id, bytes.len() as u64);
                return;
            }
            state.outbox.parcels.push_bytes(id, bytes)
        };
        // They may have an owner of the user's, who may do anything when they are dropped.
        crate::panics::drop_quietly(copied);
        self.flush_stream(is_long);
    }

    /// The same for bytes that stay their owner's.
    pub(crate) fn stream_push_slice(&self, id: StreamId, bytes: &[u8]) {
        let is_long = bytes.len() >= FLUSHED_AT_ONCE && !super::reader::is_in_batch_of(self);
        if !is_long || !self.stream_push_straight(id, bytes) {
            self.stream_push(id, Bytes::copy_from_slice(bytes));
        }
    }

    /// What is long is worth a system call of its own, and its writer makes it: handing it to another task would cost more.
    pub(super) fn flush_stream(&self, is_long: bool) {
        if is_long && !super::reader::is_in_batch_of(self) {
            self.flush();
        } else {
            self.flush_after(false);
        }
    }
}
