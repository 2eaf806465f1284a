//! Owns what methods do in the simulated world: run at once or elsewhere, take turns, call back, pass calls on, and answer. It models
//! the second half of `session/dispatch.rs`, and `session/task.rs`.

use super::call::{Give, Plan, Verdict};
use super::end::{Ready, Reply};
use super::node::Ref;
use super::sending::SPOILT;
use super::sight::Sight;
use super::world::World;
use crate::id::CallId;
use crate::proto::Place;

/// A method that runs, or is about to start on a task of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Handler {
    pub(super) end: usize,
    pub(super) id: CallId,
    pub(super) line: u64,
    /// What is called, held while it runs.
    pub(super) servant: Ref,
    pub(super) references: Vec<Ref>,
    pub(super) started: bool,
    turns: u8,
    nest: u8,
    /// The call that it waits for, and how that ended.
    pub(super) inner: Option<u32>,
    pub(super) inner_verdict: Option<Verdict>,
    /// It was ended, and is dropped when it is polled next.
    pub(super) aborted: bool,
}

impl Handler {
    /// Whether polling it does anything.
    pub(super) fn is_due(&self) -> bool {
        self.aborted || self.inner.is_none() || self.inner_verdict.is_some()
    }
}

impl World {
    /// Runs a method: its first poll is here, unless it starts elsewhere. True when it does, and moves the line on itself.
    pub(super) fn serve(&mut self, at: usize, id: CallId, line: u64, ready: Ready) -> bool {
        let Ready { call, servant, references, .. } = ready;
        let Plan { elsewhere, turns, nest, .. } = self.calls[call as usize].plan;
        let handler = Handler {
            end: at,
            id,
            line,
            servant,
            references,
            started: false,
            turns,
            nest,
            inner: None,
            inner_verdict: None,
            aborted: false,
        };
        // What only passes a call on never starts elsewhere: it has no method of its own.
        let elsewhere = elsewhere && matches!(servant, Ref::Object(_));
        if self.handlers.insert(call, handler).is_some() {
            self.fault(format!("call {call} is served twice"));
        }
        if elsewhere {
            self.sight(Sight::CallElsewhere);
            let lines = &mut self.ends[at].lines;
            if !lines.has(line) {
                lines.push(line, Place::Starting(id));
            }
        } else {
            self.poll(call);
        }
        elsewhere
    }

    /// Polls a handler, or drops it if it was ended.
    pub(super) fn poll(&mut self, call: u32) {
        let Some(handler) = self.handlers.get_mut(&call) else { return };
        if !handler.is_due() {
            return;
        }
        if handler.aborted {
            return self.drop_handler(call);
        }
        let (at, id, line, servant) = (handler.end, handler.id, handler.line, handler.servant);
        let begins = !std::mem::replace(&mut handler.started, true);
        if begins {
            self.calls[call as usize].is_passing = matches!(servant, Ref::Import(_));
            self.started(call, at, line);
        }
        let reply = if let Ref::Import(import) = servant { self.pass_on(call, import) } else { self.turn(call) };
        let was_elsewhere = begins && self.calls[call as usize].plan.elsewhere && matches!(servant, Ref::Object(_));
        if was_elsewhere {
            self.ends[at].lines.leave(line, id);
            self.advance(at, line);
        }
        if let Some(reply) = reply {
            self.remove_handler(call);
            self.finish_call(at, id, reply);
        }
    }

    /// What a method that only passes calls on does.
    fn pass_on(&mut self, call: u32, import: u64) -> Option<Reply> {
        let handler = self.handlers.get_mut(&call)?;
        let references = std::mem::take(&mut handler.references);
        if let Some(verdict) = handler.inner_verdict {
            let inner = handler.inner?;
            let size = if verdict == Verdict::Ok { self.calls[inner as usize].plan.reply } else { SPOILT };
            // What is dead over there is the same here: the outcome is passed on as it is.
            let verdict = if verdict == Verdict::Cancelled { Verdict::Failed(crate::error::Outcome::MayHaveRun) } else { verdict };
            self.calls[call as usize].reply_truth = self.truths(self.ends[self.handlers[&call].end].node, &references);
            return Some(Reply { call, verdict, references, size });
        }
        let node = self.ends[handler.end].node;
        self.sight(Sight::CallPassedOn);
        let over = self.nodes[node].imports.get(&import).map(|import| import.end);
        let plan = Plan { promised: false, unfit: false, unfit_reply: false, ..self.calls[call as usize].plan };
        let inner = self.call_inside(call, over?, Some(import), references, plan, true);
        self.calls[call as usize].passed_on = Some(inner);
        None
    }

    /// A call made by a handler, which waits for it.
    fn call_inside(&mut self, call: u32, over: usize, target: Option<u64>, args: Vec<Ref>, plan: Plan, is_relay: bool) -> u32 {
        // Its outcome may be there before it returns.
        let number = self.calls.len() as u32;
        if let Some(handler) = self.handlers.get_mut(&call) {
            handler.inner = Some(number);
            handler.inner_verdict = None;
        }
        self.call(over, target, args, plan, Some(call), is_relay)
    }

    /// One turn of a method. Gives its reply when it is done.
    fn turn(&mut self, call: u32) -> Option<Reply> {
        let plan = self.calls[call as usize].plan;
        let handler = self.handlers.get_mut(&call)?;
        let at = handler.end;
        handler.inner = None;
        handler.inner_verdict = None;
        if handler.nest > 0 {
            handler.nest = 0;
            let inner = Plan { nest: plan.nest, ..plan }.inner();
            let references = handler.references.clone();
            // The first argument that lives elsewhere is called back; without one it is the caller's directory.
            let node = self.ends[at].node;
            let target = references.iter().find_map(|&reference| match reference {
                Ref::Import(number) => self.nodes[node].imports.get(&number).map(|import| (number, import.end)),
                _ => None,
            });
            let args = references.first().map(|&first| self.dup(node, first)).into_iter().collect();
            let (target, over) = target.map_or((None, at), |(number, end)| (Some(number), end));
            self.call_inside(call, over, target, args, inner, false);
            return None;
        }
        if handler.turns > 0 {
            handler.turns -= 1;
            return None;
        }
        Some(self.answer(call, plan))
    }

    /// A method has run to its end.
    fn answer(&mut self, call: u32, plan: Plan) -> Reply {
        let Some(handler) = self.handlers.get_mut(&call) else {
            return Reply { call, verdict: Verdict::Cancelled, references: Vec::new(), size: 0 };
        };
        let node = self.ends[handler.end].node;
        let servant = handler.servant;
        let mut references = std::mem::take(&mut handler.references);
        let mut given = match plan.give {
            Give::Nothing => Vec::new(),
            Give::Fresh => vec![self.new_object(node, plan.method % 3)],
            Give::Arguments => references.iter().map(|&reference| self.dup(node, reference)).collect(),
            Give::Itself => vec![self.dup(node, servant)],
            Give::Kept => {
                let kept = self.nodes[node].held.last().copied();
                kept.map(|kept| self.dup(node, kept)).into_iter().collect()
            }
        };
        // The directory of names is no object that anybody is given.
        given.retain(|&reference| reference != Ref::Object(super::node::ROOT));
        if matches!(plan.give, Give::Itself) && servant == Ref::Object(super::node::ROOT) {
            self.drop_ref(node, servant);
        }
        if plan.keep {
            self.keep(node, std::mem::take(&mut references));
        }
        self.drop_refs(node, references);
        let it = &mut self.calls[call as usize];
        it.ran = true;
        self.calls[call as usize].reply_truth = self.truths(node, &given);
        Reply { call, verdict: Verdict::Ok, references: given, size: plan.reply }
    }

    /// References that the program of a node holds on to, as far as it has room for them.
    pub(super) fn keep(&mut self, node: usize, references: Vec<Ref>) {
        let most = self.config().held_max;
        for reference in references {
            if self.nodes[node].held.len() < most && reference != Ref::Broken {
                self.nodes[node].held.push(reference);
            } else {
                self.drop_ref(node, reference);
            }
        }
    }

    /// The caller of a call has given it up, or the session is over.
    pub(super) fn stop(&mut self, at: usize, id: CallId) {
        let call = self.handlers.iter().find(|(_, handler)| handler.end == at && handler.id == id).map(|(&call, _)| call);
        if let Some(call) = call
            && !self.calls[call as usize].plan.no_cancel
            && let Some(handler) = self.handlers.get_mut(&call)
        {
            handler.aborted = true;
            self.sight(Sight::CallStopped);
        }
    }

    /// A handler that was ended is dropped, and its call gets the return that it is owed.
    fn drop_handler(&mut self, call: u32) {
        let Some(handler) = self.handlers.get(&call) else { return };
        let (at, id, line, started, inner) = (handler.end, handler.id, handler.line, handler.started, handler.inner);
        if let Some(inner) = inner.filter(|_| handler.inner_verdict.is_none()) {
            self.give_up(inner, false);
        }
        self.remove_handler(call);
        if !started {
            self.ends[at].lines.leave(line, id);
            self.advance(at, line);
        }
        self.finish_call(at, id, Reply { call, verdict: Verdict::Cancelled, references: Vec::new(), size: 0 });
    }

    fn remove_handler(&mut self, call: u32) {
        if let Some(handler) = self.handlers.remove(&call) {
            let node = self.ends[handler.end].node;
            self.drop_refs(node, handler.references);
            self.drop_ref(node, handler.servant);
        }
    }

    /// A method is done, or will never run: its return is sent.
    pub(super) fn finish_call(&mut self, at: usize, id: CallId, mut reply: Reply) {
        if self.ends[at].open && self.ends[at].proto.answers.is_running(id) {
            let is_promised = self.ends[at].proto.ahead.is_promised(id);
            let settled = if is_promised { self.settle_ahead(at, id, &mut reply) } else { Vec::new() };
            self.send_return(at, id, reply);
            self.go_on(at, settled);
        } else {
            let node = self.ends[at].node;
            self.drop_refs(node, reply.references);
        }
    }
}
