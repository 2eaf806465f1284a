//! Owns calls that go ahead of the results on which they are made. Of the peer's: which wait for which, in what order, and until when a
//! result is kept. Of this side's: how many may be on their way. It knows ids and numbers, never results.

use std::collections::BTreeMap;

use super::questions::Pool;
use crate::id::CallId;
use crate::limits::{PeerLimits, TABLES_COST_MAX};

/// A call of the peer's whose result is called ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Promised {
    /// The calls on its result, by their places: in the order in which they came.
    waiting: BTreeMap<u64, CallId>,
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

/// Room at the peer for calls that are sent ahead of what they are made on: as many in each pool as of others, since those others may be
/// what they wait for. A call takes it before it joins any queue, and gives it back when it has returned; without room it waits here until
/// it is known what it is made on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AheadRoom {
    calls: [u32; 2],
    bytes: u64,
    calls_max: u32,
    bytes_max: u64,
}

impl AheadRoom {
    /// Room at a peer that has announced these limits.
    pub(crate) fn at(theirs: &PeerLimits) -> Self {
        Self { calls: [0; 2], bytes: 0, calls_max: theirs.calls_in_flight, bytes_max: bytes_ahead(theirs) }
    }

    /// Takes the room for a call, if there is any.
    pub(crate) fn take(&mut self, pool: Pool, cost: u64) -> bool {
        let calls = &mut self.calls[pool as usize];
        let bytes = self.bytes.saturating_add(cost);
        if *calls >= self.calls_max || bytes > self.bytes_max {
            return false;
        }
        (*calls, self.bytes) = (*calls + 1, bytes);
        true
    }

    /// A call has returned, or was not sent after all.
    pub(crate) fn give_back(&mut self, pool: Pool, cost: u64) {
        self.calls[pool as usize] -= 1;
        self.bytes -= cost;
    }
}

/// How much of its window for calls a node lets calls take that wait for results: half of what is left beside the largest message. The
/// other half may be owed and not yet granted; so there is always credit for any message that brings a result about.
pub(crate) fn bytes_ahead(limits: &PeerLimits) -> u64 {
    let limits = limits.consistent();
    limits.call_window.saturating_sub(limits.message_bytes.saturating_add(TABLES_COST_MAX)) / 2
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

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) calls: u32,
    /// Part of the window for calls: the rest has to come back, or a call that would end the waiting might wait for it.
    pub(crate) cost: u64,
}

impl Bounds {
    /// What a node that has announced these limits lets wait.
    pub(crate) fn of(ours: &PeerLimits) -> Self {
        Self { calls: ours.consistent().calls_in_flight.saturating_mul(2), cost: bytes_ahead(ours) }
    }
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

    /// Puts `call` behind the others that wait for the result of `on`, which runs. Gives its place, or `None` when too much waits already.
    pub(crate) fn wait(&mut self, call: CallId, on: CallId, cost: u64, bounds: Bounds) -> Option<u64> {
        if self.waiting >= bounds.calls || self.cost.saturating_add(cost) > bounds.cost {
            return None;
        }
        let promised = self.calls.get_mut(&on)?;
        let place = promised.waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        promised.waiting.insert(place, call);
        self.waiting += 1;
        self.cost += cost;
        Some(place)
    }

    /// A call that waited is in line before its object, or failed.
    pub(crate) fn left(&mut self, cost: u64) {
        self.waiting -= 1;
        self.cost -= cost;
    }

    /// A call is made on a promise of this side's of which it is not known what it is: it keeps what it takes of the window, too. False when
    /// too much is kept already.
    pub(crate) fn hold(&mut self, cost: u64, bounds: Bounds) -> bool {
        let held = self.cost.saturating_add(cost);
        if held > bounds.cost {
            return false;
        }
        self.cost = held;
        true
    }

    /// Such a call has returned.
    pub(crate) fn let_go(&mut self, cost: u64) {
        self.cost -= cost;
    }

    /// A call that waits in this place for the result of `on` is given up.
    pub(crate) fn give_up(&mut self, on: CallId, place: u64, cost: u64) {
        if let Some(promised) = self.calls.get_mut(&on)
            && promised.waiting.remove(&place).is_some()
        {
            self.left(cost);
        }
    }

    /// A promised call is done. Gives the calls that waited for it, in their order, and whether its result is kept.
    pub(crate) fn returned(&mut self, id: CallId) -> (impl Iterator<Item = CallId> + use<>, bool) {
        let (mut waiting, mut kept) = (BTreeMap::new(), false);
        if let Some(promised) = self.calls.get_mut(&id) {
            promised.returned = true;
            (waiting, kept) = (std::mem::take(&mut promised.waiting), !promised.finished);
            if !kept {
                self.calls.remove(&id);
            }
        }
        (waiting.into_values(), kept)
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
    use super::super::credit::ReceiveWindow;
    use super::*;

    const BOUNDS: Bounds = Bounds { calls: 3, cost: 100 };

    const fn id(index: u32) -> CallId {
        CallId { index, generation: 0 }
    }

    fn opened(count: u32) -> Ahead {
        let mut ahead = Ahead::default();
        (0..count).for_each(|index| ahead.open(id(index)));
        ahead
    }

    fn returned(ahead: &mut Ahead, call: CallId) -> (Vec<CallId>, bool) {
        let (waiting, kept) = ahead.returned(call);
        (waiting.collect(), kept)
    }

    #[test]
    fn calls_wait_in_their_order_and_as_many_as_are_allowed() {
        let mut ahead = opened(1);
        let places = [7, 9, 5, 6].map(|index| {
            let place = ahead.wait(id(index), id(0), 10, BOUNDS);
            if index == 9 {
                ahead.give_up(id(0), place.expect("there is room"), 10);
            }
            place
        });
        assert!(places.iter().all(Option::is_some));
        assert_eq!(ahead.wait(id(8), id(0), 10, BOUNDS), None);
        assert_eq!(returned(&mut ahead, id(0)), (vec![id(7), id(5), id(6)], true));
        (0..3).for_each(|_| ahead.left(10));
        assert_eq!((ahead.waiting(), ahead.cost), (0, 0));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut ahead = opened(4);
        assert!(ahead.wait(id(1), id(0), 60, BOUNDS).is_some());
        assert_eq!(ahead.wait(id(9), id(0), 60, BOUNDS), None);
        assert!(ahead.wait(id(2), id(1), 40, BOUNDS).is_some());
    }

    #[test]
    fn room_ahead_is_that_of_the_pool_and_comes_back() {
        let limits = PeerLimits { calls_in_flight: 1, ..PeerLimits::MINIMUM }.consistent();
        let mut room = AheadRoom::at(&limits);
        assert!(room.take(Pool::Root, 0) && room.take(Pool::Nested, 0));
        assert!(!room.take(Pool::Root, 0));
        room.give_back(Pool::Root, 0);
        assert!(!room.take(Pool::Root, bytes_ahead(&limits) + 1));
        assert!(room.take(Pool::Root, bytes_ahead(&limits)));
    }

    #[test]
    fn largest_message_fits_beside_all_that_waits_and_all_that_is_owed() {
        for (window, largest) in [(1, 1), (1_000_000, 100_000), (80 << 20, 64 << 20), (u64::MAX, 1 << 40)] {
            let limits = PeerLimits { call_window: window, message_bytes: largest, ..PeerLimits::MINIMUM }.consistent();
            let largest = limits.message_bytes + TABLES_COST_MAX;
            let owed = ReceiveWindow::new(limits.call_window, largest).most_owed();
            assert!(bytes_ahead(&limits) + owed <= limits.call_window - largest, "{limits:?}");
        }
    }

    #[test]
    fn result_is_kept_until_it_is_finished_and_not_at_all_when_it_was_before() {
        let mut ahead = opened(2);
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Runs);
        assert!(returned(&mut ahead, id(0)).1);
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Returned);
        assert_eq!((ahead.finish(id(0)), ahead.finish(id(0))), (Some(true), None));
        assert_eq!(ahead.whereabouts(id(0)), Whereabouts::Nowhere);

        assert_eq!((ahead.finish(id(1)), ahead.finish(id(1))), (Some(false), None));
        assert_eq!(ahead.whereabouts(id(1)), Whereabouts::Nowhere, "nothing is called on it any more");
        assert!(!returned(&mut ahead, id(1)).1);
        assert_eq!(ahead, Ahead::default());
    }
}
