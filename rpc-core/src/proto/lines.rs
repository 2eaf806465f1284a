//! Owns the lines before objects: calls that arrived and must not start before an earlier one on the same object has (law 3). There is
//! a line only while a payload is arriving or a method is starting on a task of its own; otherwise calls start as they arrive. What a
//! call that is ready consists of is the shell's.

use std::collections::{BTreeMap, VecDeque};

use crate::id::CallId;

/// A place in a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place<T> {
    /// Its payload is still arriving.
    Arriving(CallId),
    /// It can start when it is first.
    Ready(CallId, T),
    /// It is starting elsewhere; the line moves on when it has.
    Starting(CallId),
}

/// The lines, by the object's number in this process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lines<T> {
    lines: BTreeMap<u64, VecDeque<Place<T>>>,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: BTreeMap::new() }
    }
}

impl<T> Lines<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn has(&self, object: u64) -> bool {
        self.lines.contains_key(&object)
    }

    pub(crate) fn push(&mut self, object: u64, place: Place<T>) {
        self.lines.entry(object).or_default().push_back(place);
    }

    /// A call starts on a task of its own: those behind it wait until it has.
    pub(crate) fn starts(&mut self, object: u64, call: CallId) {
        let line = self.lines.entry(object).or_default();
        if !line.iter().any(|place| matches!(place, Place::Starting(id) if *id == call)) {
            line.push_back(Place::Starting(call));
        }
    }

    /// A payload has arrived.
    pub(crate) fn arrived(&mut self, object: u64, call: CallId, ready: T) {
        if let Some(line) = self.lines.get_mut(&object)
            && let Some(place) = line.iter_mut().find(|place| matches!(place, Place::Arriving(id) if *id == call))
        {
            *place = Place::Ready(call, ready);
        }
    }

    /// A call has started, or will never: it leaves the line.
    pub(crate) fn leave(&mut self, object: u64, call: CallId) {
        if let Some(line) = self.lines.get_mut(&object) {
            let is_it = |place: &Place<T>| matches!(place, Place::Arriving(id) | Place::Starting(id) if *id == call);
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
    pub(crate) fn next(&mut self, object: u64) -> Option<(CallId, T)> {
        let line = self.lines.get_mut(&object)?;
        let first = line.front_mut()?;
        let Place::Ready(call, _) = *first else { return None };
        match std::mem::replace(first, Place::Starting(call)) {
            Place::Ready(call, ready) => Some((call, ready)),
            _ => None,
        }
    }

    /// What has its turn goes behind those that came since, as long as there are calls among them: it is what calls on the object are sent
    /// elsewhere after. Gives it back, out of the line, when there are none. `goes_last` tells what is no call.
    pub(crate) fn go_last(&mut self, object: u64, id: CallId, ready: T, goes_last: impl Fn(&T) -> bool) -> Option<T> {
        self.leave(object, id);
        let Some(line) = self.lines.get_mut(&object) else { return Some(ready) };
        if line.iter().all(|place| matches!(place, Place::Ready(_, other) if goes_last(other))) {
            return Some(ready);
        }
        line.push_back(Place::Ready(id, ready));
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.values().map(VecDeque::len).sum()
    }

    /// Empties the lines; what was in them is dropped by the caller, outside the lock.
    pub(crate) fn take(&mut self) -> Vec<Place<T>> {
        std::mem::take(&mut self.lines).into_values().flatten().collect()
    }
}

/// What an audit of both ends compares.
#[cfg(feature = "internals")]
impl<T> Lines<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Place<T>> {
        self.lines.values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(index: u32) -> CallId {
        CallId { index, generation: 0 }
    }

    #[test]
    fn call_that_starts_elsewhere_has_one_place() {
        let mut lines = Lines::<()>::default();
        lines.starts(7, id(0));
        lines.starts(7, id(0));
        // Another one that starts at the same time is waited for as well.
        lines.starts(7, id(1));
        lines.push(7, Place::Ready(id(2), ()));
        assert_eq!((lines.len(), lines.next(7)), (3, None));
        lines.leave(7, id(0));
        assert_eq!(lines.next(7), None);
        lines.leave(7, id(1));
        assert_eq!(lines.next(7), Some((id(2), ())));
        lines.starts(7, id(2));
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn call_waits_until_those_before_it_have_arrived_and_started() {
        let mut lines = Lines::default();
        lines.push(7, Place::Arriving(id(0)));
        lines.push(7, Place::Ready(id(1), "second"));
        assert_eq!(lines.next(7), None, "the first is still arriving");
        lines.arrived(7, id(0), "first");
        assert_eq!(lines.next(7), Some((id(0), "first")));
        assert_eq!(lines.next(7), None, "the first is still starting");
        lines.leave(7, id(0));
        assert_eq!(lines.next(7), Some((id(1), "second")));
        lines.leave(7, id(1));
        assert!(lines.is_empty());
    }

    #[test]
    fn what_goes_last_waits_for_calls_and_for_nothing_else() {
        let mut lines = Lines::default();
        let goes_last = |turn: &&str| turn.starts_with("last");
        for (index, turn) in ["last", "call", "last too"].into_iter().enumerate() {
            lines.push(7, Place::Ready(id(index as u32), turn));
        }
        assert_eq!(lines.next(7), Some((id(0), "last")));
        assert_eq!(lines.go_last(7, id(0), "last", goes_last), None, "a call came since");
        assert_eq!(lines.next(7), Some((id(1), "call")));
        lines.leave(7, id(1));
        assert_eq!(lines.next(7), Some((id(2), "last too")));
        assert_eq!(lines.go_last(7, id(2), "last too", goes_last), Some("last too"));
        assert_eq!(lines.next(7), Some((id(0), "last")));
        assert_eq!(lines.go_last(7, id(0), "last", goes_last), Some("last"));
        assert!(lines.is_empty());
    }
}
