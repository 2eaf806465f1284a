//! Owns what must be true of calls: each starts at most once and in its turn, ends at most once, and what its caller is told agrees with
//! what really happened.

use super::call::Verdict;
use super::node::Ref;
use super::world::{World, across};
use crate::error::Outcome;

impl World {
    /// A method starts.
    pub(super) fn started(&mut self, call: u32, at: usize, line: u64) {
        let it = &mut self.calls[call as usize];
        it.starts += 1;
        let (order, starts, verdict, over) = (it.order, it.starts, it.verdict, it.end);
        if starts > 1 {
            self.fault(format!("call {call} has started twice"));
        }
        if verdict == Some(Verdict::Failed(Outcome::NotRun)) {
            self.fault(format!("call {call} starts although its caller was told that it did not and will not run"));
        }
        if over != across(at) {
            self.fault(format!("call {call} was made over end {over} and starts at end {at}"));
        }
        // Those in between may never start: their callers have dropped them.
        // Calls on a promise keep their order among each other; what it is may have been called by another name meanwhile.
        let line = self.calls[call as usize].promise.map_or(line, |on| u64::from(on) | 1 << 62);
        let last = self.ends[at].started.insert(line, order);
        if last.is_some_and(|last| last >= order) {
            self.fault(format!("call {call}, sent as number {order}, starts after number {last:?} on the same object"));
        }
    }

    /// A call has ended for its caller.
    pub(super) fn resolve(&mut self, call: u32, verdict: Verdict, references: Vec<Ref>) {
        self.known(call, if verdict == Verdict::Ok { &references } else { &[] });
        let it = &mut self.calls[call as usize];
        let (caller, parent) = (it.caller, it.parent);
        if it.given_up {
            return self.drop_refs(caller, references);
        }
        if let Some(before) = it.verdict.replace(verdict) {
            self.fault(format!("call {call} ends as {verdict:?} after it has ended as {before:?}"));
        }
        self.compare(call, verdict);
        self.note(|| format!("    call {call} ends: {verdict:?}"));
        match parent.map(|parent| self.handlers.get_mut(&parent)) {
            Some(Some(handler)) if handler.inner == Some(call) => {
                handler.references.extend(references);
                handler.inner_verdict = Some(verdict);
            }
            Some(_) => self.drop_refs(caller, references),
            None => self.keep(caller, references),
        }
    }

    fn compare(&mut self, call: u32, verdict: Verdict) {
        let (starts, ran) = self.truth_of(call);
        let lie = match verdict {
            Verdict::Ok | Verdict::Failed(Outcome::Ran) => !ran,
            Verdict::Failed(Outcome::NotRun) => starts,
            Verdict::Failed(_) => false,
            Verdict::Cancelled => true,
        };
        if lie {
            let it =
                format!("{} started and {} run to its end", if starts { "has" } else { "has not" }, if ran { "has" } else { "has not" });
            self.fault(format!("call {call} ends as {verdict:?}, and it {it}"));
        }
    }

    /// Whether a method started, and ran to its end, for a call; where it was passed on, at its last stop.
    fn truth_of(&self, call: u32) -> (bool, bool) {
        let mut call = &self.calls[call as usize];
        while let Some(next) = call.passed_on {
            call = &self.calls[next as usize];
        }
        (call.starts > 0 && !call.is_passing, call.ran)
    }
}
