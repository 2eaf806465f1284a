//! Owns [`Receiver`]: the half of a stream that items are taken out of.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_core::Stream;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::half::{self, Held};
use super::item::{Encoded, Port, Queued, broken};
use super::queue::Found;
use super::{Item, Traced};
use crate::codec::{self, Bounds, Codec};
use crate::error::{Error, ErrorKind, Outcome};
use crate::inbound::bounds;
use crate::limits::Limits;
use crate::proto::{Half, Kind};
use crate::schema;
use crate::transfer::{self, Incoming};

/// The receiving half of a stream of items. Made by [`channel`](super::channel).
///
/// It travels: in an argument, a result, or an item of another stream. It is a [`Stream`] of results: `None` means that the sender has
/// said that the stream is complete, and everything else that ends a stream is an error, once, and then `None`.
pub struct Receiver<T> {
    inlet: Inlet,
    item: PhantomData<fn() -> T>,
}

impl<T: Item> Receiver<T> {
    pub(super) fn new(held: Held) -> Self {
        Self { inlet: Inlet::new(held), item: PhantomData }
    }

    /// The next item, as soon as there is one. `None` behind the last.
    ///
    /// # Errors
    ///
    /// One of scope [`Call`](crate::Scope::Call) is of one item, which is lost, and the stream goes on: `Codec` where it cannot be decoded,
    /// `Panic` where decoding it panicked. One of scope [`Stream`](crate::Scope::Stream) or [`Session`](crate::Scope::Session) is the end,
    /// though what was sent is not complete: that the sender was dropped before it had finished, what it said when it failed, or that the
    /// session is gone. Who skips items that cannot be decoded tells the two apart by [`Error::scope`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no item is lost.
    pub async fn recv(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        self.inlet.poll_next(cx).map(|found| Some(found?.and_then(|item| self.open(item))))
    }

    fn open(&self, item: Queued) -> Result<T, Error> {
        match item {
            Queued::Value(value, _) => value
                .downcast::<T>()
                .map(|value| *value)
                .map_err(|_| broken(ErrorKind::Codec, "the stream was passed on inside this process as one of items of another type")),
            Queued::Encoded(encoded) => decode(encoded, &self.inlet.bounds()),
            Queued::Bytes(_) => Err(broken(ErrorKind::Codec, "bytes came on a stream of items")),
        }
    }

    /// Takes no more, and says why: the sender's next attempt fails with this. Dropping the receiver says that it was dropped.
    pub fn stop(self, reason: impl Into<String>) {
        self.inlet.stop(&broken(ErrorKind::Cancelled, reason));
    }
}

fn decode<T: Item>(encoded: Encoded, bounds: &Bounds) -> Result<T, Error> {
    let Encoded { bytes, references, .. } = encoded;
    let incoming =
        if references.is_empty() { Incoming::default() } else { Incoming::new(references.into_iter().map(Some).collect(), Vec::new()) };
    let decoded = crate::panics::caught(|| transfer::decoding(incoming, || codec::decode::<T>(Codec::Bincode, bytes.as_slice(), bounds)));
    match decoded {
        Ok(Ok(item)) => Ok(item),
        // The stream itself goes on.
        Ok(Err(error)) => {
            let text = format!("an item of the stream cannot be decoded: {error}; it is lost, and the stream goes on");
            Err(Error::new(ErrorKind::Codec, Outcome::MayHaveRun, text).complete())
        }
        Err(panicked) => Err(panicked.into_error_of("decoding an item", Outcome::MayHaveRun).complete()),
    }
}

/// What was taken out of the queue and not read, and what is not given back of what was read.
#[derive(Default)]
struct Taken {
    items: VecDeque<Queued>,
    owed: u64,
}

/// The way of items out of their queue into the program, and of credit back.
pub(super) struct Inlet {
    held: Held,
    /// Locked only to be passed on, which takes a shared reference.
    taken: Mutex<Taken>,
    upstream: Option<Port>,
    is_over: bool,
}

impl Inlet {
    pub(super) fn new(held: Held) -> Self {
        Self { held, taken: Mutex::default(), upstream: None, is_over: false }
    }

    fn taken(&mut self) -> &mut Taken {
        self.taken.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next of what arrived.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Queued, Error>>> {
        loop {
            if !self.taken().items.is_empty() {
                // A sender that is always faster must not keep the rest of this task's program from running.
                ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
            }
            if let Some(item) = self.taken().items.pop_front() {
                self.owe(item.cost());
                return Poll::Ready(Some(Ok(item)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if self.held.is_done() {
                self.is_over = true;
                return Poll::Ready(Some(Err(super::sender::passed_on())));
            }
            let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
            match self.held.queue.poll_take(&mut taken.items, cx.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Found::Items) => {}
                Poll::Ready(Found::End(how)) => {
                    self.is_over = true;
                    self.settle();
                    return Poll::Ready(how.map(Err));
                }
            }
        }
    }

    fn owe(&mut self, cost: u64) {
        if cost == 0 {
            return;
        }
        if self.upstream.is_none() {
            self.upstream = self.held.queue.upstream();
        }
        self.taken().owed += cost;
        if let Some(port) = &self.upstream {
            let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
            if taken.owed >= port.session.stream_grant_step() {
                port.session.stream_consumed(port.id, std::mem::take(&mut taken.owed));
            }
        }
    }

    /// A buffer was read and is of no more use here.
    pub(super) fn recycle(&self, read: BytesMut) {
        if let Some(port) = &self.upstream {
            port.session.stream_buffers().put(read);
        }
    }

    /// Gives back what is owed.
    fn settle(&mut self) {
        let owed = std::mem::take(&mut self.taken().owed);
        if let (1.., Some(port)) = (owed, &self.upstream) {
            port.session.stream_consumed(port.id, owed);
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.upstream.as_ref().map_or_else(|| bounds(&Limits::default()), |port| bounds(port.session.limits()))
    }

    /// Leaves with what was taken and not read, and with `unread` before that.
    pub(super) fn serialize<S: Serializer>(&self, unread: Option<Queued>, serializer: S) -> Result<S::Ok, S::Error> {
        if transfer::is_looking() {
            return serializer.serialize_unit();
        }
        if !self.held.is_done() {
            let mut taken = self.lock();
            if let Some(unread) = unread {
                taken.items.push_front(unread);
            }
            self.held.queue.put_back(&mut taken.items);
            let owed = std::mem::take(&mut taken.owed);
            drop(taken);
            if let (1.., Some(port)) = (owed, self.held.queue.upstream()) {
                port.session.stream_consumed(port.id, owed);
            }
        }
        self.held.serialize(serializer)
    }

    pub(super) fn stop(mut self, error: &Error) {
        self.abandon(error);
    }

    fn abandon(&mut self, error: &Error) {
        let taken = std::mem::take(self.taken());
        let cost = taken.owed + taken.items.iter().map(Queued::cost).sum::<u64>();
        if self.held.finish() {
            half::abandon(&self.held.queue, error, cost);
        }
        crate::panics::drop_each(taken.items);
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        if !self.held.is_done() {
            self.abandon(&broken(ErrorKind::Cancelled, "the receiving half was dropped"));
        }
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt(f)
    }
}

impl<T: Item> Stream for Receiver<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:?})", self.inlet)
    }
}

impl<T: Item> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inlet.serialize(None, serializer)
    }
}

impl<'de, T: Item> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            Traced::<T>::receiver(deserializer)?;
            return Ok(Self::new(Held::made_up(Half::Receiving, Kind::Items(0))));
        }
        Held::deserialize(deserializer, Half::Receiving, |kind| matches!(kind, Kind::Items(_))).map(Self::new)
    }
}
