//! Owns the table of imports: how many references to each of the peer's exports arrived and were not yet released.

use super::rule::Rule;
use crate::id::ExportId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Slot {
    generation: u32,
    count: u64,
}

/// What this side holds of the peer's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Imports {
    slots: Vec<Slot>,
    held: usize,
    /// What this side announced that it takes.
    limit: u32,
}

impl Imports {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), held: 0, limit }
    }

    /// Counts one reference that arrived.
    pub(crate) fn receive(&mut self, id: ExportId) -> Result<(), Rule> {
        if id.index >= self.limit {
            return Err(Rule::ExportIdInUse);
        }
        let index = id.index as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot { generation: 0, count: 0 });
        }
        let slot = &mut self.slots[index];
        if slot.count > 0 && slot.generation != id.generation {
            return Err(Rule::ExportIdInUse);
        }
        if slot.count == 0 {
            slot.generation = id.generation;
            self.held += 1;
        }
        slot.count += 1;
        Ok(())
    }

    /// Whether references to an export are held here.
    pub(crate) fn holds(&self, id: ExportId) -> bool {
        self.slots.get(id.index as usize).is_some_and(|slot| slot.generation == id.generation && slot.count > 0)
    }

    /// Gives references back that were dropped, in any order. What is left in `releases` is to be sent: added up by object, and held.
    pub(crate) fn give_back(&mut self, releases: &mut Vec<(ExportId, u32)>) {
        add_up(releases);
        releases.retain(|&(id, count)| self.release(id, count));
    }

    /// Gives references back. True when they were held, so that a release is to be sent.
    fn release(&mut self, id: ExportId, count: u32) -> bool {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return false };
        if slot.generation != id.generation || slot.count < u64::from(count) {
            return false;
        }
        slot.count -= u64::from(count);
        if slot.count == 0 {
            self.held -= 1;
            if self.held == 0 && self.slots.len() > KEEP {
                // The peer reuses low ids first, so an empty table can start small again.
                self.slots = Vec::new();
            }
        }
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.held
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(0);
    }
}

/// Adds releases up by object: one entry for each, unless a number would not hold its count.
pub(crate) fn add_up(releases: &mut Vec<(ExportId, u32)>) {
    releases.sort_unstable();
    releases.dedup_by(|next, kept| {
        let sum = if next.0 == kept.0 { kept.1.checked_add(next.1) } else { None };
        kept.1 = sum.unwrap_or(kept.1);
        sum.is_some()
    });
}

/// Slots kept in an empty table.
const KEEP: usize = 64;

/// What an audit of both ends compares.
#[cfg(feature = "internals")]
impl Imports {
    /// Everything that is held, with the references that arrived and were not given back.
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

    const fn id(index: u32, generation: u32) -> ExportId {
        ExportId { index, generation }
    }

    #[test]
    fn releases_are_added_up_and_only_what_is_held_is_given_back() {
        let mut imports = Imports::new(8);
        for held in [id(3, 1), id(3, 1), id(4, 0)] {
            assert_eq!(imports.receive(held), Ok(()));
        }
        let mut releases = vec![(id(3, 1), 1), (id(5, 0), 1), (id(4, 0), 1), (id(3, 1), 1)];
        imports.give_back(&mut releases);
        assert_eq!(releases, [(id(3, 1), 2), (id(4, 0), 1)]);
        assert_eq!(imports.len(), 0);
    }

    #[test]
    fn counts_that_no_number_holds_stay_apart() {
        let mut releases = vec![(id(1, 0), u32::MAX), (id(1, 0), 2), (id(2, 0), 1), (id(1, 0), 3)];
        add_up(&mut releases);
        let sum: u64 = releases.iter().filter(|release| release.0 == id(1, 0)).map(|release| u64::from(release.1)).sum();
        assert_eq!(sum, u64::from(u32::MAX) + 5);
        assert_eq!(releases.last(), Some(&(id(2, 0), 1)));
    }

    #[test]
    fn id_reused_while_held_is_refused() {
        let mut imports = Imports::new(8);
        assert_eq!(imports.receive(id(3, 1)), Ok(()));
        assert_eq!(imports.receive(id(3, 2)), Err(Rule::ExportIdInUse));
        assert_eq!(imports.receive(id(8, 0)), Err(Rule::ExportIdInUse));
        assert!(imports.release(id(3, 1), 1));
        assert_eq!(imports.receive(id(3, 2)), Ok(()));
        assert!(!imports.release(id(3, 1), 1), "the former owner is gone");
        assert_eq!(imports.len(), 1);
    }
}
