//! Owns the table of answers: the peer's calls that run here. It knows ids, states and the last call accepted, never values.

use super::rule::Rule;
use crate::id::CallId;

/// Where a peer's call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// Accepted: its payload is arriving, it waits for its turn, or its handler runs.
    Running {
        cancelled: bool,
        /// Its caller has finished it, and says nothing more of it.
        finished: bool,
    },
    /// Returned with references that this side keeps alive until the caller has taken them.
    Holding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Slot {
    generation: u32,
    answer: Option<Answer>,
}

/// What became of a call that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Admission {
    Accepted,
    /// It came after this side's go-away: its caller knows that it never runs, so no return is owed.
    Departed,
}

/// The peer's calls, by the index that the peer chose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Answers {
    slots: Vec<Slot>,
    running: u32,
    holding: u32,
    /// Call frames that arrived before the go-away, refused ones included: what the caller counts too. A go-away names it.
    arrived: u64,
    departing: bool,
    /// Returns that were queued, and how many of them have left, so that an id reused too early is noticed.
    queued: u64,
    taken: u64,
    written: u64,
    /// Calls that may run at a time.
    limit: u32,
    /// What the index of a call has to stay below: besides those that run, results of promised calls are held.
    indices: u32,
}

impl Answers {
    /// `limit` is for each of the two pools.
    pub(crate) fn new(limit: u32) -> Self {
        let limit = limit.saturating_mul(2);
        Self {
            slots: Vec::new(),
            running: 0,
            holding: 0,
            arrived: 0,
            departing: false,
            queued: 0,
            taken: 0,
            written: 0,
            limit,
            indices: limit,
        }
    }

    /// Takes as many again that were sent ahead of what they are made on, in each pool, and holds the results of half as many. Called before
    /// anything else.
    pub(crate) fn offer_promises(&mut self) {
        self.indices = self.limit.saturating_mul(2).saturating_add(self.limit / 2);
        self.limit = self.limit.saturating_mul(2);
    }

    /// Takes a call in, or says which rule it breaks.
    pub(crate) fn open(&mut self, id: CallId) -> Result<Admission, Rule> {
        if self.departing {
            return Ok(Admission::Departed);
        }
        // A peer that does not read its returns may not go on calling: what it has not read is still in flight. Returns count as read
        // with the batch they are in, so a peer may have read as many more as a batch can hold, and be right to call again.
        let unread = self.unwritten().min(u64::from(u32::MAX)) as u32;
        let in_flight = self.running.saturating_add(unread);
        if id.index >= self.indices || self.running >= self.limit || in_flight >= self.limit.saturating_mul(2) {
            return Err(Rule::CallIdInUse);
        }
        let index = id.index as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot { generation: 0, answer: None });
        }
        let slot = &mut self.slots[index];
        if slot.answer.is_some() {
            return Err(Rule::CallIdInUse);
        }
        *slot = Slot { generation: id.generation, answer: Some(Answer::Running { cancelled: false, finished: false }) };
        self.running += 1;
        Ok(Admission::Accepted)
    }

    pub(crate) fn get(&self, id: CallId) -> Option<Answer> {
        let slot = self.slots.get(id.index as usize)?;
        slot.answer.filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn is_running(&self, id: CallId) -> bool {
        matches!(self.get(id), Some(Answer::Running { .. }))
    }

    /// Whether the caller of a call that is not done has given it up.
    pub(crate) fn is_cancelled(&self, id: CallId) -> bool {
        matches!(self.get(id), Some(Answer::Running { cancelled: true, .. }))
    }

    /// A call frame arrived, whatever becomes of it.
    pub(crate) fn count(&mut self) {
        if !self.departing {
            self.arrived += 1;
        }
    }

    /// Call frames that arrived so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// The caller gave the call up. True when its handler is to be ended.
    pub(crate) fn cancel(&mut self, id: CallId) -> bool {
        match self.slots.get_mut(id.index as usize) {
            Some(Slot { generation, answer: Some(Answer::Running { cancelled, .. }) }) if *generation == id.generation => {
                !std::mem::replace(cancelled, true)
            }
            _ => false,
        }
    }

    /// The caller has finished the call before its return was sent.
    pub(crate) fn finish_early(&mut self, id: CallId) {
        if let Some(Slot { generation, answer: Some(Answer::Running { finished, .. }) }) = self.slots.get_mut(id.index as usize)
            && *generation == id.generation
        {
            *finished = true;
        }
    }

    /// Whether no finish will come for the return of a call, so that nothing can be held until then.
    pub(crate) fn is_finished(&self, id: CallId) -> bool {
        matches!(self.get(id), Some(Answer::Running { finished: true, .. }))
    }

    /// The handler is done and its return is queued. `holds` when references stay alive until the caller's finish. False when the call
    /// is not open any more, so that no return may be sent.
    pub(crate) fn returned(&mut self, id: CallId, holds: bool) -> bool {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return false };
        if slot.generation != id.generation || !matches!(slot.answer, Some(Answer::Running { .. })) {
            return false;
        }
        slot.answer = holds.then_some(Answer::Holding);
        self.running -= 1;
        self.holding += u32::from(holds);
        self.queued += 1;
        true
    }

    /// The caller has taken the references of a result. True when something was held.
    pub(crate) fn finish(&mut self, id: CallId) -> bool {
        match self.slots.get_mut(id.index as usize) {
            Some(slot) if slot.generation == id.generation && slot.answer == Some(Answer::Holding) => {
                slot.answer = None;
                self.holding -= 1;
                true
            }
            _ => false,
        }
    }

    /// The batch that was taken last has been handed to the link in full, and the next one is being taken.
    pub(crate) fn batch_written(&mut self) {
        self.written = self.taken;
        self.taken = self.queued;
    }

    /// Returns that were queued and have not been handed to the link.
    pub(crate) fn unwritten(&self) -> u64 {
        self.queued - self.written
    }

    /// Calls that may run at a time.
    pub(crate) fn most_running(&self) -> usize {
        self.limit as usize
    }

    /// Whether it takes no more calls.
    pub(crate) fn is_departing(&self) -> bool {
        self.departing
    }

    /// Takes no more calls. Gives the number of the last one that arrived, for the go-away.
    pub(crate) fn depart(&mut self) -> u64 {
        self.departing = true;
        self.arrived
    }

    pub(crate) fn running(&self) -> usize {
        self.running as usize
    }

    pub(crate) fn len(&self) -> usize {
        (self.running + self.holding) as usize
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { departing: true, limit: self.limit, indices: self.indices, ..Self::new(0) };
    }
}

/// What an audit of both ends compares.
#[cfg(feature = "internals")]
impl Answers {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CallId, Answer)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| Some((CallId { index: index as u32, generation: slot.generation }, slot.answer?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(index: u32, generation: u32) -> CallId {
        CallId { index, generation }
    }

    #[test]
    fn id_in_use_is_refused() {
        let mut answers = Answers::new(4);
        assert_eq!(answers.open(id(0, 0)), Ok(Admission::Accepted));
        assert_eq!(answers.open(id(0, 1)), Err(Rule::CallIdInUse));
        assert_eq!(answers.open(id(8, 0)), Err(Rule::CallIdInUse));
    }

    #[test]
    fn calls_ahead_and_results_that_are_held_have_room_of_their_own() {
        let mut answers = Answers::new(1);
        answers.offer_promises();
        assert_eq!(answers.open(id(4, 0)), Ok(Admission::Accepted));
        assert!(answers.returned(id(4, 0), true));
        for index in 0..4 {
            assert_eq!(answers.open(id(index, 0)), Ok(Admission::Accepted));
        }
        assert_eq!((answers.running(), answers.open(id(5, 0))), (4, Err(Rule::CallIdInUse)));
    }

    #[test]
    fn peer_that_does_not_read_its_returns_is_stopped() {
        let mut answers = Answers::new(1);
        for generation in 0..4 {
            assert_eq!(answers.open(id(0, generation)), Ok(Admission::Accepted));
            assert!(answers.returned(id(0, generation), false));
        }
        assert_eq!(answers.open(id(0, 4)), Err(Rule::CallIdInUse));
        answers.batch_written();
        answers.batch_written();
        assert_eq!(answers.open(id(0, 4)), Ok(Admission::Accepted));
    }

    #[test]
    fn peer_that_has_read_half_a_batch_is_right_to_call_again() {
        let mut answers = Answers::new(1);
        for index in 0..2 {
            assert_eq!(answers.open(id(index, 0)), Ok(Admission::Accepted));
            assert!(answers.returned(id(index, 0), false));
        }
        answers.batch_written();
        // Both returns are in the batch that is being written; the peer has them already.
        for index in 0..2 {
            assert_eq!(answers.open(id(index, 1)), Ok(Admission::Accepted));
        }
        assert_eq!(answers.open(id(0, 2)), Err(Rule::CallIdInUse));
    }

    #[test]
    fn results_are_held_until_finish() {
        let mut answers = Answers::new(2);
        assert_eq!(answers.open(id(1, 5)), Ok(Admission::Accepted));
        assert!(answers.returned(id(1, 5), true));
        assert!(!answers.returned(id(1, 5), false), "one return at most");
        assert_eq!(answers.get(id(1, 5)), Some(Answer::Holding));
        assert!(!answers.finish(id(1, 4)));
        assert!(answers.finish(id(1, 5)));
        assert_eq!(answers.len(), 0);
    }

    #[test]
    fn what_comes_after_a_go_away_is_not_taken() {
        let mut answers = Answers::new(2);
        answers.open(id(0, 0)).unwrap();
        answers.count();
        assert_eq!(answers.depart(), 1);
        assert!(matches!(answers.open(id(1, 0)), Ok(Admission::Departed)));
        assert_eq!((answers.running(), answers.len()), (1, 1));
        answers.returned(id(0, 0), false);
        assert!(matches!(answers.open(id(0, 1)), Ok(Admission::Departed)), "also where there is room again");
    }
}
