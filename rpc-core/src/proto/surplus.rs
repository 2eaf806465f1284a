//! Owns how much the peer's compressed calls that have not returned may stand for beyond what has travelled. A window gets its credit back when a
//! method starts, and what the method holds from then on has cost its caller as many bytes of the link; compressed it would have cost a small
//! part of them. It knows no bytes and how nothing is compressed.

use std::collections::BTreeMap;

use crate::id::CallId;

/// The sum of what such calls stand for beyond what has travelled, and its bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Surplus {
    most: u64,
    sum: u64,
    calls: BTreeMap<CallId, u64>,
}

impl Surplus {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, sum: 0, calls: BTreeMap::new() }
    }

    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.sum.checked_add(bytes).is_some_and(|sum| sum <= self.most)
    }

    /// A call is taken in for which there was room.
    pub(crate) fn open(&mut self, call: CallId, bytes: u64) {
        self.sum += bytes;
        self.calls.insert(call, bytes);
    }

    /// A call has returned, compressed or not.
    #[inline]
    pub(crate) fn returned(&mut self, call: CallId) {
        if !self.calls.is_empty() {
            self.sum -= self.calls.remove(&call).unwrap_or_default();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.sum = 0;
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(index: u32) -> CallId {
        CallId { index, generation: 0 }
    }

    #[test]
    fn room_is_taken_until_the_call_returns() {
        let mut surplus = Surplus::new(100);
        assert!(surplus.has_room(100) && !surplus.has_room(101) && !surplus.has_room(u64::MAX));
        surplus.open(id(0), 60);
        surplus.open(id(1), 40);
        assert!(!surplus.has_room(1) && surplus.has_room(0));
        // One that was not compressed.
        surplus.returned(id(2));
        assert!(!surplus.has_room(1));
        surplus.returned(id(0));
        surplus.returned(id(0));
        assert!(surplus.has_room(60) && !surplus.has_room(61));
    }
}
