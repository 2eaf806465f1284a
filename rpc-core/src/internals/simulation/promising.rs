//! Owns calls on results that are not there yet: the model of `session/passage.rs`, `session/promised.rs`, `session/ahead.rs`, and of promises as
//! far as they become objects of the peer's. What comes home is left to the search of orders; here calls on it fail without having been sent.

use super::call::{Call, Verdict};
use super::end::{Awaited, Pending, Queued, Ready, Reply};
use super::node::{NO_TRUTH, ROOT, Ref};
use super::sending::{SPOILT, size_of};
use super::sight::Sight;
use super::world::{Arg, Stale, World};
use crate::error::Outcome;
use crate::id::CallId;
use crate::proto::{AheadBounds, Place, Pool, Question, Whereabouts};
use crate::wire::{Finish, Frame};

/// The line before an object.
pub(super) fn line_of(servant: Ref) -> u64 {
    match servant {
        Ref::Object(number) => number,
        Ref::Import(number) => number | 1 << 63,
        Ref::Broken => 0,
    }
}

/// The caller's side.
impl World {
    /// A node's program makes a call on the result of another one of its own.
    pub(super) fn make_ahead(&mut self, on: u32, args: &[Arg], plan: super::call::Plan) {
        let Some(Call { caller, end, is_known: false, .. }) = self.calls.get(on as usize) else { return };
        let (node, end) = (*caller, *end);
        let args = self.arguments(node, args, plan.method);
        let call = self.add_call(end, None, args, plan, None, false);
        self.calls[call as usize].promise = Some(on);
        let cost = self.cost_of_call(call);
        let asked = &self.calls[on as usize];
        let goes = asked.queue.is_empty() && asked.kept.is_some() && self.ends[end].open && self.ends[end].room.take(Pool::Root, cost);
        if goes {
            self.sight(Sight::CallAhead);
            self.calls[call as usize].has_room = true;
            self.start(call);
        } else {
            self.sight(Sight::CallWaitsForPromise);
            self.calls[on as usize].queue.push(call);
        }
    }

    pub(super) fn cost_of_call(&self, call: u32) -> u64 {
        let call = &self.calls[call as usize];
        size_of(&call.plan, call.args.len()).cost
    }

    /// A call that had taken room ahead will not be sent, or what it waited for in a queue is not what it waits for any more.
    pub(super) fn leave_promise(&mut self, call: u32) {
        let cost = self.cost_of_call(call);
        let it = &mut self.calls[call as usize];
        let (end, pool, promise) = (it.end, it.pool, it.promise);
        if std::mem::take(&mut it.has_room) {
            self.ends[end].room.give_back(pool, cost);
        }
        if let Some(on) = promise {
            self.calls[on as usize].queue.retain(|&waiting| waiting != call);
            self.close_lane(on);
        }
    }

    pub(super) fn was_sent(&mut self, call: u32) {
        if let Some(on) = self.calls[call as usize].promise {
            self.close_lane(on);
        }
    }

    /// A call has returned, or never will.
    pub(super) fn came_back(&mut self, at: usize, question: &Question) {
        if let Some(cost) = question.ahead {
            self.ends[at].room.give_back(question.pool, cost);
        }
    }

    /// It is known what the result of a call is. Only what is reached over the same session is called.
    pub(super) fn known(&mut self, call: u32, references: &[Ref]) {
        let it = &mut self.calls[call as usize];
        if std::mem::replace(&mut it.is_known, true) {
            return;
        }
        let (node, end) = (it.caller, it.end);
        if let Some(&Ref::Import(number)) = references.first()
            && self.nodes[node].imports.get(&number).is_some_and(|import| import.end == end)
        {
            let held = self.dup(node, Ref::Import(number));
            self.calls[call as usize].becomes = Some(held);
        }
        self.close_lane(call);
    }

    /// When all that was called ahead on what is known by now is on its way, the peer need not keep it, and what has waited goes there.
    pub(super) fn close_lane(&mut self, call: u32) {
        let it = &self.calls[call as usize];
        let (node, end) = (it.caller, it.end);
        let mut waiting = self.ends[end].waiting.iter().flatten().map(|&waiting| &self.calls[waiting as usize]);
        if !it.is_known || waiting.any(|waiting| waiting.promise == Some(call) && waiting.has_room) {
            return;
        }
        if let Some(id) = self.calls[call as usize].kept.take()
            && self.ends[end].open
            && self.ends[end].proto.questions.finish(id)
        {
            if self.ends[end].proto.questions.get(id).is_none() {
                self.retire(end, Stale::Call(id));
            } else {
                self.sight(Sight::FinishBeforeReturn);
            }
            self.ends[end].push(&Frame::Finish(Finish { id, cancel: false, release_results: false }));
        }
        let becomes = self.calls[call as usize].becomes.take();
        for waiting in std::mem::take(&mut self.calls[call as usize].queue) {
            match becomes {
                Some(Ref::Import(number)) => {
                    self.dup(node, Ref::Import(number));
                    let import = self.nodes[node].imports.get(&number).map(|import| (import.truth, import.interface));
                    let it = &mut self.calls[waiting as usize];
                    it.target = Some(number);
                    (it.target_truth, it.interface) = import.unwrap_or((NO_TRUTH, 0));
                    self.start(waiting);
                }
                _ => self.fail(waiting, Outcome::NotRun),
            }
        }
        self.drop_refs(node, becomes);
    }
}

/// The callee's side.
impl World {
    /// What a call is made on that names another call's result. `None` when it has to wait, or there is nothing.
    pub(super) fn find_ahead(&mut self, at: usize, on: CallId, mut waits: Queued, id: CallId) -> Option<Ready> {
        let end = &mut self.ends[at];
        let bounds = AheadBounds::of(&end.proto.ours);
        match end.proto.ahead.whereabouts(on) {
            Whereabouts::Runs => match end.proto.ahead.wait(id, on, waits.cost, bounds) {
                Some(place) => {
                    self.sight(Sight::CallWaitsForResult);
                    waits.place = place;
                    if !waits.is_here {
                        let pending = Pending { cost: waits.cost, call: waits.call, awaited: Awaited::Ahead };
                        self.ends[at].pending.insert(id, pending);
                    }
                    self.ends[at].queued.insert(id, waits);
                }
                None => self.fault(format!("call {} came to end {at} ahead, and there is no room for it", waits.call)),
            },
            Whereabouts::Returned => {
                self.sight(Sight::CallOnKeptResult);
                return match self.ends[at].kept.get(&on).copied().flatten() {
                    Some(servant) => Some(self.ready(at, servant, waits)),
                    None => {
                        self.nothing_there(at, id, waits, Verdict::Failed(Outcome::NotRun));
                        None
                    }
                };
            }
            Whereabouts::Nowhere => self.fault(format!("call {} came to end {at} on a result that is not kept", waits.call)),
        }
        None
    }

    fn ready(&mut self, at: usize, servant: Ref, waits: Queued) -> Ready {
        let node = self.ends[at].node;
        let Queued { call, references, cost, .. } = waits;
        self.calls[call as usize].target_truth = self.nodes[node].truth(servant).unwrap_or(NO_TRUTH);
        Ready { call, servant: self.dup(node, servant), references, cost }
    }

    /// A call is answered in place of its method: at once, or when all of it is here.
    fn nothing_there(&mut self, at: usize, id: CallId, waits: Queued, verdict: Verdict) {
        let Queued { call, references, cost, is_here, .. } = waits;
        self.drop_refs(self.ends[at].node, references);
        if is_here {
            self.call_consumed(at, cost);
            self.finish_call(at, id, Reply { call, verdict, references: Vec::new(), size: SPOILT });
        } else {
            self.ends[at].pending.insert(id, Pending { cost, call, awaited: Awaited::Failed(verdict) });
        }
    }

    /// The caller of a call has given it up that waits for a result. False when none does.
    pub(super) fn stop_waiting(&mut self, at: usize, id: CallId) -> bool {
        let Some(waits) = self.ends[at].queued.remove(&id) else { return false };
        self.sight(Sight::WaitingCallStopped);
        self.ends[at].proto.ahead.give_up(waits.on, waits.place, waits.cost);
        self.nothing_there(at, id, waits, Verdict::Cancelled);
        true
    }

    /// A promised call is done: the calls that waited for it are put in line before the object. Gives what is to be done when its return is
    /// written.
    pub(super) fn settle_ahead(&mut self, at: usize, id: CallId, reply: &mut Reply) -> Vec<Settled> {
        let node = self.ends[at].node;
        let first = reply
            .references
            .first()
            .copied()
            .filter(|first| reply.verdict == Verdict::Ok && ![Ref::Broken, Ref::Object(ROOT)].contains(first));
        let (waiting, is_kept) = self.ends[at].proto.ahead.returned(id);
        let mut settled = Vec::new();
        for id in waiting {
            let Some(waits) = self.ends[at].queued.remove(&id) else { continue };
            self.ends[at].proto.ahead.left(waits.cost);
            let Some(servant) = first else {
                settled.push(Settled::Nothing(id, waits));
                continue;
            };
            let line = line_of(servant);
            let is_here = waits.is_here;
            let ready = self.ready(at, servant, waits);
            let end = &mut self.ends[at];
            if is_here {
                end.lines.push(line, Place::Ready(id, ready));
                settled.push(Settled::InLine(line));
            } else {
                end.lines.push(line, Place::Arriving(id));
                if let Some(pending) = end.pending.get_mut(&id) {
                    pending.awaited = Awaited::Ready(line, ready);
                }
            }
        }
        if is_kept {
            let kept = first.map(|first| self.dup(node, first));
            self.ends[at].kept.insert(id, kept);
        } else if reply.verdict == Verdict::Ok {
            let references = std::mem::take(&mut reply.references);
            self.calls[reply.call as usize].reply_truth.clear();
            self.drop_refs(node, references);
        }
        settled
    }

    pub(super) fn go_on(&mut self, at: usize, settled: Vec<Settled>) {
        for settled in settled {
            match settled {
                Settled::InLine(line) => self.advance(at, line),
                Settled::Nothing(id, waits) => self.nothing_there(at, id, waits, Verdict::Failed(Outcome::NotRun)),
            }
        }
    }
}

/// What a result has brought about.
pub(super) enum Settled {
    InLine(u64),
    Nothing(CallId, Queued),
}
