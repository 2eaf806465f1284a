//! Owns [`Sender`]: the half of a stream that items are put into.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::half::{self, Held};
use super::item::{Queued, broken};
use super::outlet::{Outlet, Sent, unsaid};
use super::queue::{Pushed, Queue};
use super::{Item, Traced};
use crate::codec::{self, Codec, CodecError};
use crate::error::{Error, ErrorKind, Outcome, Scope};
use crate::proto::{Half, Kind};
use crate::schema;

/// The sending half of a stream of items. Made by [`channel`](super::channel).
///
/// It travels: in an argument, a result, or an item of another stream. Whoever holds it sends. A stream is complete only when its sender
/// says so, with [`finish`](Self::finish): a sender that is dropped before that, by a task that was cancelled or panicked for instance,
/// is an error at the receiver and never an end.
pub struct Sender<T> {
    held: Held,
    /// The way into a session, once items go there directly.
    outlet: Option<Outlet>,
    item: PhantomData<fn(T)>,
}

impl<T: Item> Sender<T> {
    pub(super) const fn new(held: Held) -> Self {
        Self { held, outlet: None, item: PhantomData }
    }

    /// Sends an item as soon as there is room for it: at most as many wait to be read as the channel was made for, and at most as many
    /// bytes as the receiver's node allows ([`Limits::stream_window`](crate::Limits::stream_window)).
    ///
    /// # Errors
    ///
    /// One of scope [`Call`](crate::Scope::Call) and outcome `NotRun` is of this item, and the stream goes on: `Codec`, `TooLarge`, `Overloaded`
    /// or `Unsupported` where it cannot be sent, `Panic` where encoding it panicked. Halves of other streams in it are dropped with it. One of
    /// scope [`Stream`](crate::Scope::Stream) or [`Session`](crate::Scope::Session) is the end: what the receiver said when it stopped, that it
    /// was dropped, or that the session is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an item is sent as a whole or not at all. When the future is dropped the item is, too.
    pub async fn send(&mut self, item: T) -> Result<(), Error> {
        Sending { sender: self, item: Some(item), boxed: None }.await
    }

    fn poll_send(&mut self, item: &mut Option<T>, boxed: &mut Option<Queued>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.held.is_done() {
            return Poll::Ready(Err(passed_on()));
        }
        loop {
            if let Some(outlet) = &mut self.outlet {
                if let Some(item) = item.take() {
                    outlet.stage(|out, max, depth| codec::encode_within(Codec::Bincode, &item, out, max, depth))?;
                }
                return outlet.poll_staged(cx).map(|sent| match sent {
                    Sent::Done => Ok(()),
                    Sent::Refused(error) => Err(error),
                    Sent::Closed => Err(gone(&self.held.queue)),
                });
            }
            if let Some(item) = item.take() {
                *boxed = Some(Queued::Value(Box::new(item), encode::<T>));
            }
            match self.held.queue.poll_push(boxed, cx.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Pushed::Done) => return Poll::Ready(Ok(())),
                Poll::Ready(Pushed::Gone(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Pushed::There(port)) => {
                    let mut outlet = Outlet::new(port, self.held.queue.kind());
                    let staged = match boxed.take() {
                        Some(Queued::Value(value, encode)) => outlet.stage(|out, max, depth| encode(&*value, out, max, depth)),
                        _ => Ok(()),
                    };
                    self.outlet = Some(outlet);
                    staged?;
                }
            }
        }
    }

    /// Waits until there may be room for an item.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(outlet) = &mut self.outlet {
            let is_open = ready!(outlet.poll_ready(cx));
            return Poll::Ready(if is_open { Ok(()) } else { Err(gone(&self.held.queue)) });
        }
        match ready!(self.held.queue.poll_push(&mut None, cx.waker())) {
            Pushed::Done => Poll::Ready(Ok(())),
            Pushed::Gone(error) => Poll::Ready(Err(error)),
            Pushed::There(port) => {
                self.outlet = Some(Outlet::new(port, self.held.queue.kind()));
                self.poll_room(cx)
            }
        }
    }

    fn give_up(&mut self) {
        if let Some(outlet) = &mut self.outlet {
            outlet.unstage();
        }
    }

    /// Says that the stream is complete, and waits until the receiver's node has all of it. The receiver then sees the end behind the last
    /// item. A node that only passes the stream on counts as the receiver's here.
    ///
    /// # Errors
    ///
    /// That the receiver was dropped or stopped before, or that the session was lost: then what was sent last may not have arrived.
    ///
    /// # Cancel safety
    ///
    /// Once it was polled, the end has been said: dropping the future only gives up the wait.
    pub async fn finish(self) -> Result<(), Error> {
        if !self.held.finish() {
            return Err(passed_on());
        }
        half::end(&self.held.queue, None);
        poll_fn(|cx| poll_arrived(&self.held.queue, cx.waker())).await
    }

    /// Ends the stream with an error, which the receiver sees behind the last item.
    pub fn fail(self, reason: impl Into<String>) {
        if self.held.finish() {
            half::end(&self.held.queue, Some(broken(ErrorKind::Cancelled, reason)));
        }
    }

    pub(super) fn fail_with(self, error: Error) {
        if self.held.finish() {
            half::end(&self.held.queue, Some(error.of_stream()));
        }
    }

    /// Waits until the receiving half is gone, and says why. Any number of tasks may wait.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Error {
        self.held.queue.until_gone().await
    }
}

/// Waits until everything that was sent has arrived at the next node.
pub(super) fn poll_arrived(queue: &Queue, waker: &Waker) -> Poll<Result<(), Error>> {
    match queue.poll_drain(waker) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Pushed::Done) => Poll::Ready(Ok(())),
        Poll::Ready(Pushed::Gone(error)) => Poll::Ready(Err(error)),
        Poll::Ready(Pushed::There(port)) => match port.session.stream_arrived(port.id, waker) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(error)) => Poll::Ready(Err(queue.gone().unwrap_or(error))),
            Poll::Ready(None) => Poll::Ready(queue.gone().map_or(Ok(()), Err)),
        },
    }
}

/// Why nothing can be sent any more.
pub(super) fn gone(queue: &Queue) -> Error {
    queue.gone().or_else(|| queue.goes_over()?.session.stream_lost()).unwrap_or_else(unsaid)
}

pub(super) fn passed_on() -> Error {
    Error::new(ErrorKind::Misuse, Outcome::NotRun, "this half of a stream was passed on, and is no longer here")
        .with_scope(Scope::Stream)
        .complete()
}

/// Encodes a value whose type was forgotten.
pub(super) fn encode<T: Serialize + 'static>(value: &(dyn Any + Send), out: &mut Vec<u8>, max: u64, depth: u32) -> Result<(), CodecError> {
    match value.downcast_ref::<T>() {
        Some(value) => codec::encode_within(Codec::Bincode, value, out, max, depth),
        None => Err(CodecError::Value("the item is of another type than its stream".to_owned())),
    }
}

/// An item that waits to be sent.
struct Sending<'a, T: Item> {
    sender: &'a mut Sender<T>,
    item: Option<T>,
    boxed: Option<Queued>,
}

// The item is never pinned: it is only moved.
impl<T: Item> Unpin for Sending<'_, T> {}

impl<T: Item> Future for Sending<'_, T> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, item, boxed } = &mut *self;
        sender.poll_send(item, boxed, cx)
    }
}

impl<T: Item> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.sender.give_up();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({:?})", self.held)
    }
}

impl<T: Item> Serialize for Sender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.held.serialize(serializer)
    }
}

impl<'de, T: Item> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if schema::is_tracing() {
            Traced::<T>::sender(deserializer)?;
            return Ok(Self::new(Held::made_up(Half::Sending, Kind::Items(0))));
        }
        Held::deserialize(deserializer, Half::Sending, |kind| matches!(kind, Kind::Items(_))).map(Self::new)
    }
}
