//! Owns the lines before objects: calls that arrived and must not start before an earlier one on the same object has (law 3). There is
//! a line only while a payload is arriving or a method is starting on a task of its own; otherwise calls start as they arrive.

use std::collections::{HashMap, VecDeque};

use super::dispatch::Ready;
use crate::id::CallId;

/// A place in a line.
pub(super) enum Place {
    /// Its payload is still arriving.
    Arriving(CallId),
    /// It can start when it is first.
    Ready(Box<Ready>),
    /// It is starting elsewhere; the line moves on when it has.
    Starting(CallId),
}

/// The lines, by the object's number in this process.
#[derive(Default)]
pub(super) struct Lines {
    lines: HashMap<u64, VecDeque<Place>>,
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn has(&self, object: u64) -> bool {
        self.lines.contains_key(&object)
    }

    pub(super) fn push(&mut self, object: u64, place: Place) {
        self.lines.entry(object).or_default().push_back(place);
    }

    /// A payload has arrived.
    pub(super) fn arrived(&mut self, object: u64, call: CallId, ready: Box<Ready>) {
        if let Some(line) = self.lines.get_mut(&object)
            && let Some(place) = line.iter_mut().find(|place| matches!(place, Place::Arriving(id) if *id == call))
        {
            *place = Place::Ready(ready);
        }
    }

    /// A call has started, or will never: it leaves the line.
    pub(super) fn leave(&mut self, object: u64, call: CallId) {
        if let Some(line) = self.lines.get_mut(&object) {
            let is_it = |place: &Place| matches!(place, Place::Arriving(id) | Place::Starting(id) if *id == call);
            if line.front().is_some_and(is_it) {
                line.pop_front();
            } else {
                line.retain(|place| !is_it(place));
            }
            if line.is_empty() {
                self.lines.remove(&object);
            }
        }
    }

    /// The first call of the line if it can start now. It stays in the line as starting.
    pub(super) fn next(&mut self, object: u64) -> Option<Box<Ready>> {
        let line = self.lines.get_mut(&object)?;
        let first = line.front_mut()?;
        let Place::Ready(ready) = first else { return None };
        let starting = Place::Starting(ready.id);
        match std::mem::replace(first, starting) {
            Place::Ready(ready) => Some(ready),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.values().map(VecDeque::len).sum()
    }

    /// Empties the lines; what was in them is dropped by the caller, outside the lock.
    pub(super) fn take(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.lines).into_values().flatten().collect()
    }
}
