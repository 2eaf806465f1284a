//! Owns the table of questions: the calls this side has sent and not yet seen answered. It knows ids, order and pools, never values.

use super::rule::Rule;
use crate::id::CallId;

/// Which allowance a call draws on (law 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pool {
    /// Made outside any handler.
    Root,
    /// Made inside a handler.
    Nested,
}

/// A call that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Its place among all calls sent on this session, from 1. A go-away names it.
    pub(crate) sequence: u64,
    pub(crate) pool: Pool,
    /// What the shell keeps for this call; the table only hands it back.
    pub(crate) token: u32,
    pub(crate) cancelled: bool,
    /// What it costs, when it was sent ahead of what it is made on.
    pub(crate) ahead: Option<u64>,
    /// What is left of it, when its result is called ahead.
    promise: Option<PromiseState>,
}

impl Question {
    /// Whether its result is called ahead, so that it has to be finished.
    #[cfg(feature = "internals")]
    pub(crate) fn is_promised(&self) -> bool {
        self.promise.is_some()
    }

    /// Whether a return may still come.
    pub(crate) fn awaits_return(&self) -> bool {
        self.promise != Some(PromiseState::Returned)
    }
}

/// Where a question stands whose result is called ahead: it is closed when it was returned and finished, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PromiseState {
    Open,
    Returned,
    Finished,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Slot {
    generation: u32,
    question: Option<Question>,
}

/// The calls in flight from this side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Questions {
    slots: Vec<Slot>,
    free: Vec<u32>,
    sent: u64,
    /// Calls that have not returned, but for those ahead.
    in_flight: [u32; 2],
    /// Calls that were sent ahead and have not returned. They take no room from the others: see [`AheadRoom`](super::AheadRoom).
    ahead: u32,
    /// Calls that have returned and are to be finished.
    held: u32,
    /// Calls whose results are called ahead, returned or not.
    promised: u32,
    /// What the peer allows in each pool.
    limit: u32,
    /// Calls after this one will never run: the peer's go-away.
    last: u64,
}

impl Questions {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), sent: 0, in_flight: [0; 2], ahead: 0, held: 0, promised: 0, limit, last: u64::MAX }
    }

    /// Whether the peer has room for one more call in `pool`.
    pub(crate) fn has_room(&self, pool: Pool) -> bool {
        self.in_flight[pool as usize] < self.limit
    }

    /// Whether the peer still takes calls.
    pub(crate) fn is_open(&self) -> bool {
        self.last == u64::MAX
    }

    /// Whether the peer keeps the result of one more call.
    pub(crate) fn may_promise(&self) -> bool {
        self.promised < self.limit
    }

    /// How many calls were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Opens a question. The caller has checked [`has_room`](Self::has_room).
    pub(crate) fn open(&mut self, pool: Pool, token: u32) -> CallId {
        debug_assert!(self.has_room(pool), "a call was sent without room for it");
        self.open_as(pool, token, None)
    }

    /// Opens a question for a call that goes ahead of what it is made on, for which there is room.
    pub(crate) fn open_ahead(&mut self, pool: Pool, token: u32, cost: u64) -> CallId {
        self.open_as(pool, token, Some(cost))
    }

    fn open_as(&mut self, pool: Pool, token: u32, ahead: Option<u64>) -> CallId {
        self.sent += 1;
        let question = Question { sequence: self.sent, pool, token, cancelled: false, ahead, promise: None };
        *self.in_flight_mut(&question) += 1;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot::default());
                (self.slots.len() - 1) as u32
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.question = Some(question);
        CallId { index, generation: slot.generation }
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Question> {
        let slot = self.slots.get(id.index as usize)?;
        slot.question.as_ref().filter(|_| slot.generation == id.generation)
    }

    /// Closes a question because its return arrived.
    pub(crate) fn close(&mut self, id: CallId) -> Result<Question, Rule> {
        let slot = self.slots.get_mut(id.index as usize).ok_or(Rule::ReturnForNoCall)?;
        if slot.generation != id.generation {
            return Err(Rule::ReturnForNoCall);
        }
        let question = slot.question.take().ok_or(Rule::ReturnForNoCall)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        if question.awaits_return() {
            *self.in_flight_mut(&question) -= 1;
        } else {
            self.held -= 1;
        }
        self.promised -= u32::from(question.promise.is_some());
        Ok(question)
    }

    /// How many calls are in flight for which there is the same room.
    fn in_flight_mut(&mut self, question: &Question) -> &mut u32 {
        if question.ahead.is_some() { &mut self.ahead } else { &mut self.in_flight[question.pool as usize] }
    }

    /// Notes that the result of a question that was just opened is called ahead.
    pub(crate) fn promise(&mut self, id: CallId) {
        if let Some(question) = self.open_mut(id) {
            question.promise = Some(PromiseState::Open);
            self.promised += 1;
        }
    }

    /// Whether the result of a question is called ahead, so that a finish of its own is owed.
    pub(crate) fn is_promised(&self, id: CallId) -> bool {
        self.get(id).is_some_and(|question| question.promise.is_some())
    }

    fn open_mut(&mut self, id: CallId) -> Option<&mut Question> {
        let slot = self.slots.get_mut(id.index as usize)?;
        slot.question.as_mut().filter(|_| slot.generation == id.generation)
    }

    /// Whether a return may still come.
    pub(crate) fn awaits_return(&self, id: CallId) -> bool {
        self.get(id).is_some_and(Question::awaits_return)
    }

    /// A return arrived: closes the question, unless it is to be finished before its id is free. There is room for another call in any case:
    /// a finish may have to wait for calls that wait for room.
    pub(crate) fn returned(&mut self, id: CallId) -> Result<Question, Rule> {
        let question = match self.open_mut(id) {
            Some(Question { promise: Some(PromiseState::Returned), .. }) => return Err(Rule::ReturnForNoCall),
            Some(question @ Question { promise: Some(PromiseState::Open), .. }) => {
                question.promise = Some(PromiseState::Returned);
                question.clone()
            }
            _ => return self.close(id),
        };
        *self.in_flight_mut(&question) -= 1;
        self.held += 1;
        Ok(question)
    }

    /// Nothing is called ahead any more. True when a finish has to be sent; the id is free when the return was there.
    pub(crate) fn finish(&mut self, id: CallId) -> bool {
        let Some(question) = self.open_mut(id) else { return false };
        match question.promise {
            Some(PromiseState::Open) => {
                question.promise = Some(PromiseState::Finished);
                true
            }
            Some(PromiseState::Returned) => self.close(id).is_ok(),
            Some(PromiseState::Finished) | None => false,
        }
    }

    /// Closes the question that was opened last, as if it had never been: its frame could not be written.
    pub(crate) fn take_back(&mut self, id: CallId) {
        if self.close(id).is_ok() {
            self.sent -= 1;
        }
    }

    /// Notes that the caller gave the call up. True when a cancel has to be sent.
    pub(crate) fn cancel(&mut self, id: CallId) -> bool {
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return false };
        match &mut slot.question {
            Some(question) if slot.generation == id.generation && !question.cancelled => {
                question.cancelled = true;
                true
            }
            _ => false,
        }
    }

    /// The peer takes no call after `last`. Gives back the calls that will never run, which are closed by it.
    pub(crate) fn depart(&mut self, last: u64) -> Result<Vec<(CallId, Question)>, Rule> {
        if last > self.last {
            return Err(Rule::GoAwayRaised);
        }
        if last == self.last {
            return Ok(Vec::new());
        }
        self.last = last;
        let late: Vec<CallId> = self.iter().filter(|(_, question)| question.sequence > last).map(|(id, _)| id).collect();
        Ok(late.into_iter().filter_map(|id| Some((id, self.close(id).ok()?))).collect())
    }

    /// Every open question.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CallId, &Question)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let id = CallId { index: index as u32, generation: slot.generation };
            Some((id, slot.question.as_ref()?))
        })
    }

    /// How many questions are open.
    pub(crate) fn len(&self) -> usize {
        (self.in_flight[0] + self.in_flight[1] + self.ahead + self.held) as usize
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { last: 0, ..Self::new(self.limit) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_return_does_not_meet_a_new_owner() {
        let mut questions = Questions::new(4);
        let first = questions.open(Pool::Root, 7);
        assert_eq!(questions.close(first).map(|question| question.token), Ok(7));
        let second = questions.open(Pool::Root, 8);
        assert_eq!(second.index, first.index);
        assert_eq!(questions.close(first), Err(Rule::ReturnForNoCall));
        assert_eq!(questions.len(), 1);
    }

    #[test]
    fn pools_have_room_of_their_own() {
        let mut questions = Questions::new(1);
        questions.open(Pool::Root, 0);
        assert!(!questions.has_room(Pool::Root));
        assert!(questions.has_room(Pool::Nested));
    }

    #[test]
    fn id_of_a_promised_call_is_free_when_it_was_returned_and_finished() {
        let mut questions = Questions::new(9);
        for returned_first in [true, false] {
            let id = questions.open(Pool::Root, 0);
            questions.promise(id);
            let returned = |questions: &mut Questions| assert!(questions.returned(id).is_ok());
            let finished = |questions: &mut Questions| assert!(questions.finish(id));
            if returned_first {
                returned(&mut questions);
                assert_eq!(questions.returned(id), Err(Rule::ReturnForNoCall), "one return");
                finished(&mut questions);
            } else {
                finished(&mut questions);
                assert!(!questions.finish(id), "one finish");
                assert_eq!(questions.len(), 1);
                returned(&mut questions);
            }
            assert_eq!(questions.len(), 0);
        }
    }

    #[test]
    fn call_that_is_kept_takes_no_room_and_only_so_many_are_kept() {
        let mut questions = Questions::new(2);
        for round in 0..2 {
            let ids = [questions.open(Pool::Root, 0), questions.open(Pool::Root, 0)];
            assert!(!questions.has_room(Pool::Root));
            for id in ids {
                assert_eq!(questions.may_promise(), round == 0);
                if questions.may_promise() {
                    questions.promise(id);
                }
                assert!(questions.returned(id).is_ok());
            }
            assert!(questions.has_room(Pool::Root), "a finish waits for calls, so no call may wait for a finish");
            assert_eq!(questions.len(), 2);
        }
        let kept: Vec<_> = questions.iter().map(|(id, _)| id).collect();
        assert!(kept.into_iter().all(|id| questions.finish(id)));
        assert!(questions.len() == 0 && questions.may_promise());
    }

    #[test]
    fn calls_ahead_take_no_room_from_others() {
        let mut questions = Questions::new(1);
        let promised = questions.open(Pool::Root, 0);
        questions.promise(promised);
        let ahead = questions.open_ahead(Pool::Root, 0, 7);
        assert!(questions.returned(promised).is_ok() && questions.has_room(Pool::Root));
        assert_eq!(questions.returned(ahead).map(|question| question.ahead), Ok(Some(7)));
        assert!(questions.finish(promised));
        assert_eq!(questions.len(), 0);
    }

    #[test]
    fn go_away_closes_only_later_calls_and_may_only_be_lowered() {
        let mut questions = Questions::new(9);
        let kept = questions.open(Pool::Root, 0);
        let late = questions.open(Pool::Root, 1);
        assert_eq!(questions.depart(1).map(|gone| gone.iter().map(|(id, _)| *id).collect::<Vec<_>>()), Ok(vec![late]));
        assert!(questions.get(kept).is_some() && !questions.is_open());
        assert_eq!(questions.depart(2), Err(Rule::GoAwayRaised));
    }
}
