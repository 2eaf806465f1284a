//! Owns [`WatchSender`] and [`WatchReceiver`]: a value of which only the latest matters.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::half::{self, Held};
use super::item::{Queued, broken};
use super::outlet::Outlet;
use super::queue::{Pushed, Queue};
use super::receiver::Receiver;
use super::sender::{encode, passed_on};
use super::{Item, Traced};
use crate::codec::{self, Codec};
use crate::error::{Error, ErrorKind};
use crate::proto::{Half, Kind};
use crate::schema;

/// Makes a value that can be watched. Both halves are here, and either can be passed on in a call.
///
/// A reader that is slow, or far away, misses values and never the latest.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (mut sender, mut receiver) = netref::stream::watch(20.5);
/// sender.send(21.0)?;
/// sender.send(21.5)?;
/// assert_eq!(receiver.changed().await, Some(Ok(21.5)));
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
pub fn watch<T: Item>(value: T) -> (WatchSender<T>, WatchReceiver<T>) {
    let queue = Queue::local(Kind::Watch);
    let receiver = WatchReceiver { receiver: Receiver::new(Held::new(Half::Receiving, Arc::clone(&queue))) };
    let sender = WatchSender { held: Held::new(Half::Sending, queue), item: PhantomData };
    // The receiver is there, and nothing is encoded yet.
    let mut item = Some(Queued::Value(Box::new(value), encode::<T>));
    let _ = sender.held.queue.poll_push(&mut item, Waker::noop());
    (sender, receiver)
}

/// The half that sets the value. Made by [`watch`]. It travels as a [`Sender`](super::Sender) does.
pub struct WatchSender<T> {
    held: Held,
    item: PhantomData<fn(T)>,
}

impl<T: Item> WatchSender<T> {
    /// Sets the value. It takes the place of one that has not left yet, and never waits.
    ///
    /// # Errors
    ///
    /// One of scope [`Call`](crate::Scope::Call) is of this value, and the one before it stays the latest: `Codec`, `TooLarge` or `Unsupported`
    /// where it cannot be sent, `Panic` where encoding it panicked. Anything else is the end: the receiver was dropped or stopped, or the session
    /// is gone.
    ///
    /// A value leaves after this has returned. What shows only then ends the stream: that the peer has no room for the references in it, and,
    /// of a value that was set before the other half was passed on, that it cannot be sent.
    pub fn send(&mut self, value: T) -> Result<(), Error> {
        if self.held.is_done() {
            return Err(passed_on());
        }
        let mut item = Some(match self.held.queue.goes_over() {
            None => Queued::Value(Box::new(value), encode::<T>),
            Some(port) => {
                let mut outlet = Outlet::new(port, Kind::Watch);
                outlet.stage(|out, max, depth| codec::encode_within(Codec::Bincode, &value, out, max, depth))?;
                Queued::Encoded(outlet.take_staged()?)
            }
        });
        match self.held.queue.poll_push(&mut item, Waker::noop()) {
            Poll::Ready(Pushed::Done) => Ok(()),
            Poll::Ready(Pushed::Gone(error)) => Err(error),
            _ => Err(super::outlet::unsaid()),
        }
    }

    /// Ends the stream: the receiver sees the end behind the latest value. A sender that is dropped is an error there.
    pub fn finish(self) {
        if self.held.finish() {
            half::end(&self.held.queue, None);
        }
    }

    /// Ends the stream with an error, which the receiver sees behind the latest value.
    pub fn fail(self, reason: impl Into<String>) {
        if self.held.finish() {
            half::end(&self.held.queue, Some(broken(ErrorKind::Cancelled, reason)));
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

/// The half that watches the value. Made by [`watch`]. It travels as a [`Receiver`] does, and is a stream of results as well.
pub struct WatchReceiver<T> {
    receiver: Receiver<T>,
}

impl<T: Item> WatchReceiver<T> {
    /// The latest value that this half has not given out yet; the first is the one that there was at the start. `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv`](super::Receiver::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the latest value is not lost.
    pub async fn changed(&mut self) -> Option<Result<T, Error>> {
        self.receiver.recv().await
    }
}

impl<T: Item> Stream for WatchReceiver<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(cx)
    }
}

impl<T> fmt::Debug for WatchSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchSender({:?})", self.held)
    }
}

impl<T> fmt::Debug for WatchReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch{:?}", self.receiver)
    }
}

impl<T: Item> Serialize for WatchSender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.held.serialize(serializer)
    }
}

impl<T: Item> Serialize for WatchReceiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.receiver.serialize(serializer)
    }
}

impl<'de, T: Item> Deserialize<'de> for WatchSender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = if schema::is_tracing() {
            Traced::<T>::watch_sender(deserializer)?;
            Held::made_up(Half::Sending, Kind::Watch)
        } else {
            Held::deserialize(deserializer, Half::Sending, |kind| kind == Kind::Watch)?
        };
        Ok(Self { held, item: PhantomData })
    }
}

impl<'de, T: Item> Deserialize<'de> for WatchReceiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let held = if schema::is_tracing() {
            Traced::<T>::watch_receiver(deserializer)?;
            Held::made_up(Half::Receiving, Kind::Watch)
        } else {
            Held::deserialize(deserializer, Half::Receiving, |kind| kind == Kind::Watch)?
        };
        Ok(Self { receiver: Receiver::new(held) })
    }
}
