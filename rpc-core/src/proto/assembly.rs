//! Owns the messages that arrive in pieces: how many bytes of each are still to come. The bytes themselves are the shell's.

use std::collections::BTreeMap;

use super::rule::Rule;
use crate::id::CallId;

/// Messages of one direction and kind (calls, or returns) that have begun and not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Assembly {
    missing: BTreeMap<CallId, u64>,
}

impl Assembly {
    /// The first piece of a message of `total` bytes brought `present` of them. True when that was all.
    pub(crate) fn begin(&mut self, id: CallId, total: u64, present: u64) -> Result<bool, Rule> {
        let missing = total.checked_sub(present).ok_or(Rule::ChunkWithoutBeginning)?;
        if missing > 0 {
            self.missing.insert(id, missing);
        }
        Ok(missing == 0)
    }

    /// A further piece. True when it was the last.
    pub(crate) fn chunk(&mut self, id: CallId, bytes: u64) -> Result<bool, Rule> {
        let missing = self.missing.get_mut(&id).ok_or(Rule::ChunkWithoutBeginning)?;
        *missing = missing.checked_sub(bytes).ok_or(Rule::ChunkWithoutBeginning)?;
        if *missing > 0 {
            return Ok(false);
        }
        self.missing.remove(&id);
        Ok(true)
    }

    pub(crate) fn is_open(&self, id: CallId) -> bool {
        self.missing.contains_key(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.missing.len()
    }

    pub(crate) fn clear(&mut self) {
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CallId = CallId { index: 0, generation: 0 };

    #[test]
    fn pieces_must_add_up() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.chunk(ID, 1), Err(Rule::ChunkWithoutBeginning));
        assert_eq!(assembly.begin(ID, 10, 4), Ok(false));
        assert_eq!(assembly.chunk(ID, 7), Err(Rule::ChunkWithoutBeginning));
        assert_eq!(assembly.chunk(ID, 6), Ok(true));
        assert_eq!(assembly.len(), 0);
    }
}
