//! Owns the state of one session as the protocol sees it: every table, window and timer, and nothing else. It has no clock, lock,
//! task or socket; whoever holds it hands frames in and carries frames out.

use std::time::Instant;

use super::ahead::Ahead;
use super::answers::{Admission, Answers};
use super::assembly::Assembly;
use super::credit::{ReceiveWindow, SendWindow};
use super::definitions::{OwnDefinitions, PeerDefinitions};
use super::exports::Exports;
use super::imports::Imports;
use super::keepalive::KeepAlive;
use super::questions::{Pool, Questions};
use super::rule::Rule;
use super::streams::Streams;
use super::surplus::Surplus;
use crate::id::CallId;
use crate::limits::{PeerLimits, Size, TABLES_COST_MAX};
use crate::wire::ChunkOf;

/// One end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) questions: Questions,
    pub(crate) answers: Answers,
    pub(crate) ahead: Ahead,
    pub(crate) exports: Exports,
    pub(crate) imports: Imports,
    pub(crate) own: OwnDefinitions,
    pub(crate) peer: PeerDefinitions,
    pub(crate) keep_alive: Option<KeepAlive>,
    calls_out: SendWindow,
    calls_in: ReceiveWindow,
    returns_out: SendWindow,
    returns_in: ReceiveWindow,
    /// What the peer's compressed calls stand for beyond what has travelled.
    pub(crate) surplus: Surplus,
    /// Calls of the peer's that are still arriving.
    pub(crate) call_pieces: Assembly,
    /// Returns of the peer's that are still arriving.
    pub(crate) return_pieces: Assembly,
    pub(crate) streams: Streams,
    refusals_left: u32,
    /// What the peer announced.
    pub(crate) theirs: PeerLimits,
    /// What this side announced.
    pub(crate) ours: PeerLimits,
}

/// What became of the first frame of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallArrival {
    /// All of it is here: it can start when its turn comes.
    Complete,
    /// Chunks are still to come.
    Partial,
    /// It came after this side's go-away. Its chunks, if it is not complete, come all the same.
    Departed { complete: bool },
}

/// What a finish calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    Nothing,
    /// The handler of the call is to be ended.
    Stop,
    /// The references that its result named are let go of.
    LetGo,
}

impl Connection {
    pub(crate) fn new(ours: PeerLimits, theirs: PeerLimits, refusals: u32, keep_alive: Option<KeepAlive>) -> Self {
        Self {
            questions: Questions::new(theirs.calls_in_flight),
            answers: Answers::new(ours.calls_in_flight),
            ahead: Ahead::default(),
            // Neither side can make the other's table grow beyond what that one allows.
            exports: Exports::new(theirs.exports.min(ours.exports)),
            imports: Imports::new(ours.exports),
            own: OwnDefinitions::new(theirs.definitions),
            peer: PeerDefinitions::new(ours.definitions),
            keep_alive,
            calls_out: SendWindow::new(theirs.call_window),
            calls_in: ReceiveWindow::new(ours.call_window, ours.message_bytes + TABLES_COST_MAX),
            returns_out: SendWindow::new(theirs.return_window),
            returns_in: ReceiveWindow::new(ours.return_window, ours.message_bytes + TABLES_COST_MAX),
            surplus: Surplus::new(ours.call_window),
            call_pieces: Assembly::default(),
            return_pieces: Assembly::default(),
            streams: Streams::new(ours, theirs),
            refusals_left: refusals,
            theirs,
            ours,
        }
    }

    /// How many calls were made, in either direction.
    #[inline]
    pub(crate) fn calls(&self) -> u64 {
        self.questions.sent().wrapping_add(self.answers.arrived())
    }

    /// Whether the peer has room and credit for a call that costs so much.
    pub(crate) fn has_room(&self, pool: Pool, cost: u64) -> bool {
        self.questions.has_room(pool) && self.has_credit(cost)
    }

    /// Whether the peer has credit for a call that costs so much.
    pub(crate) fn has_credit(&self, cost: u64) -> bool {
        self.calls_out.has(cost)
    }

    /// Opens a question for a call for which there is room.
    pub(crate) fn call(&mut self, pool: Pool, cost: u64, token: u32) -> CallId {
        let taken = self.calls_out.take(cost);
        debug_assert!(taken, "a call was sent without credit for it");
        self.questions.open(pool, token)
    }

    /// Opens a question for a call that goes ahead, for which room was taken before and there is credit.
    pub(crate) fn call_ahead(&mut self, pool: Pool, cost: u64, token: u32) -> CallId {
        let taken = self.calls_out.take(cost);
        debug_assert!(taken, "a call was sent without credit for it");
        self.questions.open_ahead(pool, token, cost)
    }

    /// Closes a question whose frame could not be written.
    pub(crate) fn take_call_back(&mut self, id: CallId, cost: u64) {
        self.questions.take_back(id);
        self.calls_out.grant(cost);
    }

    /// The first frame of a call arrived: its size is announced, `present` payload bytes came with it.
    pub(crate) fn handle_call(&mut self, id: CallId, size: Size, present: u64) -> Result<CallArrival, Rule> {
        let Size { total, cost } = size;
        self.answers.count();
        if total > self.ours.message_bytes || !self.calls_in.announce(cost) {
            return Err(Rule::BeyondCredit);
        }
        if self.call_pieces.is_open(id) {
            self.calls_in.skip(cost);
            return Err(Rule::CallIdInUse);
        }
        // Calls after a go-away are not counted by the table of answers, so what arrives of them is bounded here.
        let crowded = self.call_pieces.len() >= self.answers.most_running();
        let admission = if crowded { Err(Rule::CallIdInUse) } else { self.answers.open(id) };
        let arrival = match admission {
            Ok(Admission::Accepted) => {
                if self.call_pieces.begin(id, total, present)? {
                    CallArrival::Complete
                } else {
                    CallArrival::Partial
                }
            }
            Ok(Admission::Departed) => CallArrival::Departed { complete: self.call_pieces.begin(id, total, present)? },
            Err(rule) => {
                // The bytes are skipped with the frame; their credit is given back with the next that is.
                self.calls_in.skip(cost);
                return Err(rule);
            }
        };
        Ok(arrival)
    }

    /// The same for a call that stands for so much more than travels, which it may while it has not returned.
    pub(crate) fn handle_compressed_call(&mut self, id: CallId, size: Size, present: u64, beyond: u64) -> Result<CallArrival, Rule> {
        if !self.surplus.has_room(beyond) {
            self.answers.count();
            return Err(Rule::BeyondCredit);
        }
        let arrival = self.handle_call(id, size, present)?;
        if !matches!(arrival, CallArrival::Departed { .. }) {
            self.surplus.open(id, beyond);
        }
        Ok(arrival)
    }

    /// The payload of a call was taken out. Gives the credit to grant now, if any.
    pub(crate) fn call_consumed(&mut self, cost: u64) -> Option<u64> {
        self.calls_in.consume(cost)
    }

    /// Takes the credit for a return.
    pub(crate) fn return_credit(&mut self, cost: u64) -> bool {
        self.returns_out.take(cost)
    }

    /// A return for which credit was taken is replaced by another before it is written. False when there is no credit for that one; then
    /// none is taken.
    pub(crate) fn replace_return(&mut self, taken: u64, cost: u64) -> bool {
        self.returns_out.grant(taken);
        self.returns_out.take(cost)
    }

    /// The first frame of a return arrived. True when it is complete.
    pub(crate) fn handle_return(&mut self, id: CallId, size: Size, present: u64) -> Result<bool, Rule> {
        let Size { total, cost } = size;
        if self.return_has_begun(id) {
            return Err(Rule::ReturnForNoCall);
        }
        if total > self.ours.message_bytes || !self.returns_in.announce(cost) {
            return Err(Rule::BeyondCredit);
        }
        self.return_pieces.begin(id, total, present)
    }

    /// A return has arrived in full. Gives the credit to grant now, if any.
    pub(crate) fn return_consumed(&mut self, cost: u64) -> Option<u64> {
        self.returns_in.consume(cost)
    }

    /// A further piece of a message arrived. True when it was the last.
    pub(crate) fn handle_chunk(&mut self, of: ChunkOf, id: CallId, bytes: u64) -> Result<bool, Rule> {
        match of {
            ChunkOf::Call => self.call_pieces.chunk(id, bytes),
            ChunkOf::Return => self.return_pieces.chunk(id, bytes),
        }
    }

    /// Whether the return of a call of this side's is here, or its first frame is: what comes behind that frame may refer to it.
    pub(crate) fn return_has_begun(&self, id: CallId) -> bool {
        !self.questions.awaits_return(id) || self.return_pieces.is_open(id)
    }

    /// The caller is done with a call.
    pub(crate) fn handle_finish(&mut self, id: CallId, cancel: bool) -> Result<Finished, Rule> {
        if cancel {
            // A cancel that crosses the return finds nothing, and that is no fault.
            return Ok(if self.answers.cancel(id) { Finished::Stop } else { Finished::Nothing });
        }
        match self.ahead.finish(id) {
            Some(true) => {
                // The return may still wait for credit.
                if !self.answers.finish(id) {
                    self.answers.finish_early(id);
                }
                Ok(Finished::LetGo)
            }
            // It runs on, and nobody wants its result.
            Some(false) => {
                self.answers.finish_early(id);
                Ok(Finished::Nothing)
            }
            None if self.answers.finish(id) => Ok(Finished::LetGo),
            // Its call may have come after the go-away, and its caller is not told yet.
            None if self.answers.is_departing() => Ok(Finished::Nothing),
            None => Err(Rule::FinishForNoCall),
        }
    }

    /// The peer grants credit for calls.
    pub(crate) fn handle_call_credit(&mut self, bytes: u64) {
        self.calls_out.grant(bytes);
    }

    /// The peer grants credit for returns.
    pub(crate) fn handle_return_credit(&mut self, bytes: u64) {
        self.returns_out.grant(bytes);
    }

    /// A frame was refused. False when the peer's budget is spent and the session is to be closed.
    pub(crate) fn refuse(&mut self) -> bool {
        self.refusals_left = self.refusals_left.saturating_sub(1);
        self.refusals_left > 0
    }

    /// Whether the budget of refusals is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.refusals_left == 0
    }

    /// Bytes arrived at `now`.
    pub(crate) fn heard(&mut self, now: Instant) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.heard(now);
        }
    }

    /// The session is over: nothing is left in any table.
    pub(crate) fn close(&mut self) {
        self.questions.clear();
        self.answers.clear();
        self.ahead.clear();
        self.exports.clear();
        self.imports.clear();
        self.call_pieces.clear();
        self.return_pieces.clear();
        self.surplus.clear();
        self.streams.clear();
        self.own = OwnDefinitions::new(0);
        self.peer = PeerDefinitions::new(0);
    }

    /// What must hold after every step; the first thing that does not is named.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let open = self.questions.iter().count();
        if open != self.questions.len() {
            return Err("questions in flight do not add up");
        }
        if self.return_pieces.len() > open {
            return Err("a piece belongs to no return");
        }
        Ok(())
    }
}

/// The windows of one end, for an audit of both.
#[cfg(feature = "internals")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    pub(crate) calls_out: &'a SendWindow,
    pub(crate) calls_in: &'a ReceiveWindow,
    pub(crate) returns_out: &'a SendWindow,
    pub(crate) returns_in: &'a ReceiveWindow,
}

#[cfg(feature = "internals")]
impl Connection {
    pub(crate) fn windows(&self) -> Windows<'_> {
        let Self { calls_out, calls_in, returns_out, returns_in, .. } = self;
        Windows { calls_out, calls_in, returns_out, returns_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for one message of 800 bytes, and not for two.
    const WINDOW: u64 = 1_000 + TABLES_COST_MAX;

    fn size(total: u64) -> Size {
        Size { total, cost: total + TABLES_COST_MAX }
    }

    fn limits() -> PeerLimits {
        PeerLimits { calls_in_flight: 2, call_window: WINDOW, return_window: WINDOW, message_bytes: 800, ..PeerLimits::MINIMUM }
    }

    fn pair() -> (Connection, Connection) {
        (Connection::new(limits(), limits(), 3, None), Connection::new(limits(), limits(), 3, None))
    }

    #[test]
    fn call_without_credit_waits_and_goes_when_credit_comes_back() {
        let (mut caller, mut callee) = pair();
        assert!(caller.has_room(Pool::Root, size(800).cost));
        let first = caller.call(Pool::Root, size(800).cost, 0);
        assert_eq!(callee.handle_call(first, size(800), 800), Ok(CallArrival::Complete));
        assert!(!caller.has_room(Pool::Root, size(800).cost));
        let Some(credit) = callee.call_consumed(size(800).cost) else { panic!("more than half a window") };
        caller.handle_call_credit(credit);
        assert!(caller.has_room(Pool::Root, size(800).cost));
        assert_eq!((caller.check(), callee.check()), (Ok(()), Ok(())));
    }

    #[test]
    fn call_beyond_credit_is_refused() {
        let (_, mut callee) = pair();
        let id = CallId { index: 0, generation: 0 };
        assert_eq!(callee.handle_call(id, size(801), 1), Err(Rule::BeyondCredit));
        assert_eq!(callee.handle_call(id, size(800), 1), Ok(CallArrival::Partial));
        assert_eq!(callee.handle_call(CallId { index: 1, generation: 0 }, size(800), 1), Err(Rule::BeyondCredit));
        assert_eq!(callee.check(), Ok(()));
    }

    #[test]
    fn late_calls_arrive_in_pieces_as_many_as_may_be_on_their_way() {
        let mut callee = Connection::new(PeerLimits { calls_in_flight: 1, ..limits() }, limits(), 3, None);
        callee.answers.offer_promises();
        callee.answers.depart();
        for index in 0..5 {
            let arrival = callee.handle_call(CallId { index, generation: 0 }, Size { total: 2, cost: 2 }, 1);
            let expected = if index < 4 { Ok(CallArrival::Departed { complete: false }) } else { Err(Rule::CallIdInUse) };
            assert_eq!(arrival, expected);
        }
    }

    #[test]
    fn finish_of_a_promised_call_that_came_too_late_is_no_fault() {
        let (mut caller, mut callee) = pair();
        let id = caller.call(Pool::Root, size(1).cost, 0);
        caller.questions.promise(id);
        assert_eq!(callee.handle_finish(id, false), Err(Rule::FinishForNoCall));
        callee.answers.depart();
        assert_eq!(callee.handle_call(id, size(1), 1), Ok(CallArrival::Departed { complete: true }));
        assert!(caller.questions.finish(id));
        assert_eq!(callee.handle_finish(id, false), Ok(Finished::Nothing));
    }

    #[test]
    fn return_for_no_call_is_refused_until_the_budget_is_spent() {
        let (mut caller, _) = pair();
        assert_eq!(caller.handle_return(CallId { index: 0, generation: 0 }, size(1), 1), Err(Rule::ReturnForNoCall));
        assert!(caller.refuse() && caller.refuse());
        assert!(!caller.refuse());
    }

    #[test]
    fn nothing_is_left_after_close() {
        let (mut caller, mut callee) = pair();
        let id = caller.call(Pool::Nested, size(10).cost, 0);
        assert_eq!(callee.handle_call(id, size(10), 5), Ok(CallArrival::Partial));
        callee.close();
        caller.close();
        assert_eq!((caller.questions.len(), callee.answers.len(), callee.call_pieces.len()), (0, 0, 0));
    }
}
