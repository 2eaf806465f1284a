//! Owns one half of a stream on its way: out of the program's hands into a message, and out of a message into the program's hands. A half
//! that gets lost between the two is dropped, and the other half learns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::item::broken;
use super::queue::Queue;
use crate::any::{AnyRemote, Place};
use crate::error::{Error, ErrorKind};
use crate::proto::{self, Kind};
use crate::transfer;

/// One half of a stream, in a message or about to be.
pub(crate) struct Half {
    which: proto::Half,
    queue: Arc<Queue>,
    taken: AtomicBool,
}

impl Half {
    pub(crate) fn new(which: proto::Half, queue: Arc<Queue>) -> Self {
        Self { which, queue, taken: AtomicBool::new(false) }
    }

    pub(crate) const fn which(&self) -> proto::Half {
        self.which
    }

    pub(crate) fn kind(&self) -> Kind {
        self.queue.kind()
    }

    /// Takes the half on, once.
    pub(crate) fn take(&self) -> Option<Arc<Queue>> {
        (!self.taken.swap(true, Ordering::AcqRel)).then(|| Arc::clone(&self.queue))
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        if let Some(queue) = self.take() {
            dropped(self.which, &queue);
        }
    }
}

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} half of {:?}", self.which, self.queue)
    }
}

/// A half is dropped before the stream was at its end.
pub(crate) fn dropped(which: proto::Half, queue: &Queue) {
    match which {
        proto::Half::Sending => {
            let text = "the sending half was dropped before it had said that the stream is complete";
            end(queue, Some(broken(ErrorKind::Cancelled, text)));
        }
        proto::Half::Receiving => abandon(queue, &broken(ErrorKind::Cancelled, "the receiving half was dropped"), 0),
    }
}

/// The sending half says its last.
pub(super) fn end(queue: &Queue, how: Option<Error>) {
    if let Some(port) = queue.end(how.clone()) {
        port.session.stream_close(port.id, how.as_ref());
    }
}

/// The receiving half takes nothing more. `taken` is what it has taken and not yet given back.
pub(super) fn abandon(queue: &Queue, error: &Error, taken: u64) {
    queue.break_off(error).give_back(error, taken);
}

/// A half that the program holds.
pub(super) struct Held {
    which: proto::Half,
    pub(super) queue: Arc<Queue>,
    /// It was passed on, or its stream is at an end.
    done: AtomicBool,
}

impl Held {
    pub(super) const fn new(which: proto::Half, queue: Arc<Queue>) -> Self {
        Self { which, queue, done: AtomicBool::new(false) }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Nothing is left to be done when it is dropped. False when that was so before.
    pub(super) fn finish(&self) -> bool {
        !self.done.swap(true, Ordering::AcqRel)
    }

    /// Puts the half into the message that is being encoded.
    pub(super) fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if transfer::is_looking() {
            return serializer.serialize_unit();
        }
        if !self.finish() {
            return Err(S::Error::custom("this half of a stream was passed on already, or its stream is at an end"));
        }
        let half = Arc::new(Half::new(self.which, Arc::clone(&self.queue)));
        let serialized = AnyRemote { place: Place::Stream(Arc::clone(&half)) }.serialize(serializer);
        // Outside a message nothing has left.
        if serialized.is_err() && half.take().is_some() {
            self.done.store(false, Ordering::Release);
        }
        serialized
    }

    /// Takes a half out of the message that is being decoded.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
        which: proto::Half,
        fits: fn(Kind) -> bool,
    ) -> Result<Self, D::Error> {
        let reference = AnyRemote::deserialize(deserializer)?;
        let Place::Stream(half) = &reference.place else {
            return Err(D::Error::custom(match &reference.place {
                Place::Broken(error) => error.text().to_owned(),
                _ => "the message has an object where a half of a stream belongs".to_owned(),
            }));
        };
        if half.which() != which || !fits(half.kind()) {
            return Err(D::Error::custom("the message has another half, or a stream of another kind, where this half belongs"));
        }
        let queue = half.take().ok_or_else(|| D::Error::custom("this half of a stream was passed on already"))?;
        Ok(Self::new(which, queue))
    }

    /// What stands in for a half while the structure of a type is looked at.
    pub(super) fn made_up(which: proto::Half, kind: Kind) -> Self {
        let queue = Queue::local(kind);
        Self { which, queue, done: AtomicBool::new(true) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.finish() {
            dropped(self.which, &self.queue);
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whereabouts = if self.is_done() { ", done" } else { "" };
        write!(f, "{:?}{whereabouts}", self.queue.kind())
    }
}
