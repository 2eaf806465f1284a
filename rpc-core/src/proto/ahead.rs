//! Owns the peer's calls whose results are called ahead: which calls wait for which, in what order, and until when a result is kept. It
//! knows ids and numbers, never results.

use std::collections::{BTreeMap, VecDeque};

use crate::id::CallId;

/// A call of the peer's whose result is called ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Promised {
    /// How many calls it waits for itself, one behind the other.
    depth: u32,
    /// The calls on its result, in the order in which they came.
    waiting: VecDeque<CallId>,
    returned: bool,
    /// The peer has finished it: nothing more is called on it.
    finished: bool,
}

/// The peer's promised calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ahead {
    calls: BTreeMap<CallId, Promised>,
    waiting: u32,
    /// What they take of the window for calls.
    cost: u64,
}

/// Where a call stands on whose result another one is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// It runs, or waits itself.
    Runs,
    Returned,
    /// There is no such promised call.
    Nowhere,
}

/// What became of a call that is to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    Yes,
    TooMany,
    TooDeep,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) calls: u32,
    pub(crate) depth: u32,
    /// Part of the window for calls: the rest has to come back, or a call that would end the waiting might wait for it.
    pub(crate) cost: u64,
}

/// Whether calls on a promise may take the way to what it has become as soon as that is known: when none went ahead on it, or when this way
/// is the one of those that did. Otherwise they wait until everything that went ahead has come back.
pub(crate) fn opens_at_once(called_ahead: bool, is_same_way: bool) -> bool {
    !called_ahead || is_same_way
}

impl Ahead {
    /// A promised call was accepted.
    pub(crate) fn open(&mut self, id: CallId) {
        self.calls.insert(id, Promised::default());
    }

    pub(crate) fn is_promised(&self, id: CallId) -> bool {
        !self.calls.is_empty() && self.calls.contains_key(&id)
    }

    pub(crate) fn whereabouts(&self, id: CallId) -> Whereabouts {
        match self.calls.get(&id) {
            Some(Promised { finished: false, returned: false, .. }) => Whereabouts::Runs,
            Some(Promised { finished: false, returned: true, .. }) => Whereabouts::Returned,
            // Whoever has finished a call does not call on its result.
            Some(Promised { finished: true, .. }) | None => Whereabouts::Nowhere,
        }
    }

    /// Puts `call` behind the others that wait for the result of `on`, which runs.
    pub(crate) fn wait(&mut self, call: CallId, on: CallId, cost: u64, bounds: Bounds) -> Waits {
        if self.waiting >= bounds.calls || self.cost.saturating_add(cost) > bounds.cost {
            return Waits::TooMany;
        }
        let Some(promised) = self.calls.get_mut(&on) else { return Waits::TooMany };
        let depth = promised.depth + 1;
        if depth > bounds.depth {
            return Waits::TooDeep;
        }
        promised.waiting.push_back(call);
        self.waiting += 1;
        self.cost += cost;
        if let Some(promised) = self.calls.get_mut(&call) {
            promised.depth = depth;
        }
        Waits::Yes
    }

    /// A call that waited is in line before its object, or failed.
    pub(crate) fn left(&mut self, cost: u64) {
        self.waiting -= 1;
        self.cost -= cost;
    }

    /// A promised call is done. Gives the calls that waited for it, and whether its result is kept.
    pub(crate) fn returned(&mut self, id: CallId) -> (VecDeque<CallId>, bool) {
        let Some(promised) = self.calls.get_mut(&id) else { return (VecDeque::new(), false) };
        promised.returned = true;
        let (waiting, kept) = (std::mem::take(&mut promised.waiting), !promised.finished);
        if !kept {
            self.calls.remove(&id);
        }
        (waiting, kept)
    }

    /// The peer finishes a call. `None` when it is no promised one, or was finished before; otherwise whether its result is let go of now.
    pub(crate) fn finish(&mut self, id: CallId) -> Option<bool> {
        let promised = self.calls.get_mut(&id)?;
        if std::mem::replace(&mut promised.finished, true) {
            return None;
        }
        if promised.returned {
            self.calls.remove(&id);
            return Some(true);
        }
        Some(false)
    }

    /// Calls that wait for results.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { calls: 3, depth: 2, cost: 100 };

    const fn id(index: u32) -> CallId {
        CallId { index, generation: 0 }
    }

    fn opened(count: u32) -> Ahead {
        let mut ahead = Ahead::default();
        (0..count).for_each(|index| ahead.open(id(index)));
        ahead
    }

    #[test]
    fn calls_wait_in_their_order_and_as_many_as_are_allowed() {
        let mut ahead = opened(1);
        for index in [7, 5, 6] {
            assert_eq!(ahead.wait(id(index), id(0), 10, BOUNDS), Waits::Yes);
        }
        assert_eq!(ahead.wait(id(8), id(0), 10, BOUNDS), Waits::TooMany);
        assert_eq!(ahead.returned(id(0)), ([id(7), id(5), id(6)].into(), true));
        (0..3).for_each(|_| ahead.left(10));
        assert_eq!((ahead.waiting(), ahead.cost), (0, 0));
    }

    #[test]
    fn bytes_and_depth_are_bounded_too() {
        let mut ahead = opened(4);
        assert_eq!(ahead.wait(id(1), id(0), 60, BOUNDS), Waits::Yes);
        assert_eq!(ahead.wait(id(9), id(0), 60, BOUNDS), Waits::TooMany);
        assert_eq!(ahead.wait(id(2), id(1), 1, BOUNDS), Waits::Yes);
        assert_eq!(ahead.wait(id(3), id(2), 1, BOUNDS), Waits::TooDeep);
    }

    #[test]
    fn result_is_kept_until_it_is_finished_and_not_at_all_when_it_was_before() {
        let mut ahead = opened(2);
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Runs);
        assert!(ahead.returned(id(0)).1);
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Returned);
        assert_eq!((ahead.finish(id(0)), ahead.finish(id(0))), (Some(true), None));
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Nowhere);

        assert_eq!((ahead.finish(id(1)), ahead.finish(id(1))), (Some(false), None));
        assert_eq!(ahead.whereabouts(id(1)), Whereabouts::Nowhere, "nothing is called on it any more");
        assert!(!ahead.returned(id(1)).1);
        assert_eq!(ahead, Ahead::default());
    }
}
