//! Owns the table of exports: what the peer may call here, and how many references it holds to each. Objects are numbers to it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use super::rule::Rule;
use crate::id::ExportId;

/// What an export grants: one object under one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    /// The object, by its number in this process.
    pub(crate) object: u64,
    /// The interface, by this side's definition number.
    pub(crate) interface: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    generation: u32,
    /// References sent and not yet released; zero when the slot is free.
    count: u64,
    grant: Grant,
}

/// What the peer may reach.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_grant: HashMap<Grant, u32, BuildHasherDefault<GrantHasher>>,
    /// The generation of a slot that is new: above all that were used before the table was last emptied.
    first_generation: u32,
    limit: u32,
}

/// An export and whether it is new in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exported {
    pub(crate) id: ExportId,
    pub(crate) is_new: bool,
}

impl Exports {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), by_grant: HashMap::default(), first_generation: 0, limit }
    }

    /// Counts one more reference that is sent. `None` when the table is full.
    pub(crate) fn send(&mut self, grant: Grant) -> Option<Exported> {
        if let Some(&index) = self.by_grant.get(&grant) {
            let slot = &mut self.slots[index as usize];
            slot.count += 1;
            return Some(Exported { id: ExportId { index, generation: slot.generation }, is_new: false });
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None if (self.slots.len() as u64) < u64::from(self.limit) => {
                self.slots.push(Slot { generation: self.first_generation, count: 0, grant });
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let slot = &mut self.slots[index as usize];
        slot.count = 1;
        slot.grant = grant;
        let generation = slot.generation;
        self.by_grant.insert(grant, index);
        Some(Exported { id: ExportId { index, generation }, is_new: true })
    }

    /// What an id of the peer's names. A guessed or stale id names nothing.
    pub(crate) fn get(&self, id: ExportId) -> Option<Grant> {
        let slot = self.slots.get(id.index as usize)?;
        (slot.generation == id.generation && slot.count > 0).then_some(slot.grant)
    }

    /// The peer gives references back. `Some` when that was the last one and the object is to be let go.
    pub(crate) fn release(&mut self, id: ExportId, count: u32) -> Result<Option<Grant>, Rule> {
        if self.get(id).is_none() {
            return Err(Rule::ReleaseBeyondCount);
        }
        let slot = &mut self.slots[id.index as usize];
        slot.count = slot.count.checked_sub(u64::from(count)).ok_or(Rule::ReleaseBeyondCount)?;
        if slot.count > 0 {
            return Ok(None);
        }
        let grant = slot.grant;
        slot.generation = slot.generation.wrapping_add(1);
        self.by_grant.remove(&grant);
        self.free.push(id.index);
        if self.by_grant.is_empty() {
            self.by_grant.shrink_to(KEEP);
            if self.slots.len() > KEEP {
                // What was held at a peak is not kept for ever. A stale id still names nothing.
                self.first_generation = self.slots.iter().map(|slot| slot.generation).max().unwrap_or_default();
                self.slots = Vec::new();
                self.free = Vec::new();
            }
        }
        Ok(Some(grant))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_grant.len()
    }

    /// References that the peer holds, over all exports.
    pub(crate) fn references(&self) -> u64 {
        self.slots.iter().map(|slot| slot.count).sum()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(0);
    }
}

/// Room kept in an empty table, so that a steady trickle of objects does not allocate.
const KEEP: usize = 64;

impl PartialEq for Exports {
    fn eq(&self, other: &Self) -> bool {
        // The index by grant follows from the slots.
        self.slots == other.slots && self.free == other.free && self.first_generation == other.first_generation
    }
}

impl Eq for Exports {}

impl Hash for Exports {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.slots.hash(state);
        self.free.hash(state);
        self.first_generation.hash(state);
    }
}

/// Mixes the numbers of a grant. Both are chosen by this side, so nobody can aim collisions at the table.
#[derive(Default)]
struct GrantHasher(u64);

impl Hasher for GrantHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        // Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio, made odd.
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// What an audit of both ends compares.
#[cfg(feature = "internals")]
impl Exports {
    /// Every export with the references that were sent and not given back.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ExportId, u64)> {
        let named = self.slots.iter().enumerate();
        named
            .map(|(index, slot)| (ExportId { index: index as u32, generation: slot.generation }, slot.count))
            .filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANT: Grant = Grant { object: 9, interface: 1 };

    #[test]
    fn release_arriving_after_a_second_send_does_not_free_early() {
        let mut exports = Exports::new(4);
        let Some(first) = exports.send(GRANT) else { panic!("room for one") };
        assert_eq!(exports.send(GRANT), Some(Exported { id: first.id, is_new: false }));
        assert_eq!(exports.release(first.id, 1), Ok(None));
        assert_eq!(exports.get(first.id), Some(GRANT));
        assert_eq!(exports.release(first.id, 1), Ok(Some(GRANT)));
        assert_eq!(exports.get(first.id), None);
        assert_eq!(exports.release(first.id, 1), Err(Rule::ReleaseBeyondCount));
    }

    #[test]
    fn stale_id_does_not_reach_the_new_owner_of_its_slot() {
        let mut exports = Exports::new(1);
        let Some(first) = exports.send(GRANT) else { panic!("room for one") };
        assert_eq!(exports.send(Grant { object: 10, interface: 1 }), None, "the table is full");
        assert_eq!(exports.release(first.id, 1), Ok(Some(GRANT)));
        let Some(second) = exports.send(Grant { object: 10, interface: 1 }) else { panic!("room again") };
        assert_eq!(second.id.index, first.id.index);
        assert_eq!(exports.get(first.id), None);
    }

    #[test]
    fn emptied_table_starts_small_again_and_knows_no_id_of_before() {
        let mut exports = Exports::new(1_000);
        let send = |exports: &mut Exports, object| exports.send(Grant { object, interface: 1 }).map(|exported| exported.id);
        let former: Vec<_> = (0..1_000).filter_map(|object| send(&mut exports, object)).collect();
        assert!(former.iter().all(|&id| exports.release(id, 1).is_ok_and(|grant| grant.is_some())));
        assert_eq!((exports.slots.capacity(), exports.free.capacity()), (0, 0));
        assert!((0..1_000).all(|object| send(&mut exports, object).is_some()));
        assert!(former.iter().all(|&id| exports.get(id).is_none()));
    }

    #[test]
    fn release_of_more_than_was_sent_is_refused() {
        let mut exports = Exports::new(1);
        let Some(first) = exports.send(GRANT) else { panic!("room for one") };
        assert_eq!(exports.release(first.id, 2), Err(Rule::ReleaseBeyondCount));
    }
}
