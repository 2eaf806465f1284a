//! Owns how calls and returns of the simulated world become frames: the model of `session/send.rs`. Room, credit, numbers, counts and
//! bytes are the real ones.

use super::call::{Call, Plan, Stage, Verdict};
use super::end::{Rest, filler};
use super::node::Ref;
use super::references::Described;
use super::sight::Sight;
use super::world::{Arg, World};
use crate::error::Outcome;
use crate::id::CallId;
use crate::limits::Size;
use crate::proto::{Numbers, Pool};
use crate::wire::{self, Body, ChunkOf, Define, DefineMethod, Descriptor, Finish, Frame, Status, Target};

/// What became of a try to send a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Sent,
    NoRoom,
    Failed(Outcome),
}

/// What a message begins with.
pub(super) enum Head {
    Call { target: Target, method: u32, nested: bool, promised: bool },
    Return(Status),
}

/// Whose message it is, and how long.
pub(super) struct Whose {
    pub(super) id: CallId,
    pub(super) call: u32,
    pub(super) verdict: Verdict,
    pub(super) total: u32,
}

/// Names of interfaces and methods, by their numbers in the simulation.
pub(super) fn interface_name(interface: u8) -> String {
    format!("i{interface}")
}

pub(super) fn method_name(method: u8) -> String {
    format!("m{method}")
}

/// The first bytes of a payload: whose it is, and for a return its outcome.
pub(super) const HEAD: u32 = 5;

/// Bytes of the error that takes the place of a result.
pub(super) const SPOILT: u32 = 90;

fn payload(call: u32, verdict: Verdict, bytes: u32) -> Vec<u8> {
    let mut payload = Vec::with_capacity(bytes as usize);
    payload.extend_from_slice(&call.to_le_bytes());
    payload.push(match verdict {
        Verdict::Failed(outcome) => outcome as u8,
        _ => 0xFF,
    });
    payload.resize(bytes as usize, filler(call));
    payload
}

impl World {
    /// A node's program makes a call.
    pub(super) fn make_call(&mut self, end: usize, target: Option<u64>, args: &[Arg], plan: Plan) {
        let references = self.arguments(self.ends[end].node, args, plan.method);
        self.call(end, target, references, plan, None, false);
    }

    pub(super) fn arguments(&mut self, node: usize, args: &[Arg], method: u8) -> Vec<Ref> {
        let mut references = Vec::new();
        for arg in args {
            match arg {
                Arg::Fresh => references.push(self.new_object(node, method % 3)),
                Arg::Held(index) => {
                    if let Some(&held) = self.nodes[node].held.get(*index) {
                        references.push(self.dup(node, held));
                    }
                }
            }
        }
        references
    }

    /// Makes a call; the program's when it has no parent. Gives its number.
    pub(super) fn call(&mut self, end: usize, target: Option<u64>, args: Vec<Ref>, plan: Plan, parent: Option<u32>, is_relay: bool) -> u32 {
        let number = self.add_call(end, target, args, plan, parent, is_relay);
        self.start(number);
        number
    }

    pub(super) fn add_call(
        &mut self,
        end: usize,
        target: Option<u64>,
        args: Vec<Ref>,
        plan: Plan,
        parent: Option<u32>,
        is_relay: bool,
    ) -> u32 {
        let node = self.ends[end].node;
        let target = target.filter(|number| self.nodes[node].imports.get(number).is_some_and(|import| import.end == end));
        if let Some(number) = target {
            self.dup(node, Ref::Import(number));
        }
        let (target_truth, interface) = match target.and_then(|number| self.nodes[node].imports.get(&number)) {
            Some(import) => (import.truth, import.interface),
            None => (super::node::NO_TRUTH, 0),
        };
        let number = self.calls.len() as u32;
        let args_truth = self.truths(node, &args);
        self.calls.push(Call {
            caller: node,
            end,
            target,
            interface,
            pool: if parent.is_some() { Pool::Nested } else { Pool::Root },
            parent,
            is_relay,
            args,
            plan,
            stage: Stage::Queued,
            promise: None,
            has_room: false,
            kept: None,
            queue: Vec::new(),
            is_known: false,
            becomes: None,
            target_truth,
            args_truth,
            reply_truth: Vec::new(),
            order: 0,
            starts: 0,
            ran: false,
            is_passing: false,
            passed_on: None,
            verdict: None,
            given_up: false,
        });
        number
    }

    pub(super) fn start(&mut self, call: u32) {
        let Call { end, pool, parent, .. } = self.calls[call as usize];
        let tried = if self.ends[end].waiting[pool as usize].is_empty() { self.try_send(call) } else { Tried::NoRoom };
        match tried {
            Tried::Sent => self.was_sent(call),
            Tried::Failed(outcome) => self.fail(call, outcome),
            Tried::NoRoom => {
                let proto = &self.ends[end].proto;
                let is_closed = !self.ends[end].open || !proto.questions.is_open();
                let goes_back = parent.is_some_and(|parent| self.handlers.get(&parent).is_some_and(|handler| handler.end == end));
                if is_closed || pool == Pool::Nested && !proto.questions.has_room(pool) && goes_back {
                    if !is_closed {
                        self.sight(Sight::NestedCallRefused);
                    }
                    return self.fail(call, Outcome::NotRun);
                }
                self.sight(Sight::CallWaits);
                self.ends[end].waiting[pool as usize].push_back(call);
                self.pump(end);
            }
        }
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn pump(&mut self, end: usize) {
        for pool in [Pool::Root, Pool::Nested] {
            while let Some(&call) = self.ends[end].waiting[pool as usize].front() {
                let tried = self.try_send(call);
                if tried == Tried::NoRoom {
                    break;
                }
                self.ends[end].waiting[pool as usize].pop_front();
                match tried {
                    Tried::Failed(outcome) => self.fail(call, outcome),
                    _ => self.was_sent(call),
                }
            }
        }
    }

    /// A call that waits at an end although there is room and credit for it, and nothing waits before it: nobody would ever send it.
    pub(super) fn forgotten(&self, end: usize) -> Option<u32> {
        let end = &self.ends[end];
        let first = end.waiting.iter().filter_map(|waiting| waiting.front().copied());
        first.into_iter().find(|&call| {
            let Call { pool, ref plan, ref args, .. } = self.calls[call as usize];
            let cost = size_of(plan, args.len()).cost;
            let has_room = if self.calls[call as usize].has_room { end.proto.has_credit(cost) } else { end.proto.has_room(pool, cost) };
            end.open && has_room
        })
    }

    /// A call ends without having been sent.
    pub(super) fn fail(&mut self, call: u32, outcome: Outcome) {
        self.leave_promise(call);
        self.drop_carried(call);
        self.calls[call as usize].stage = Stage::Over;
        self.resolve(call, Verdict::Failed(outcome), Vec::new());
    }

    /// What a call carries until it is sent.
    pub(super) fn drop_carried(&mut self, call: u32) {
        let it = &mut self.calls[call as usize];
        let node = it.caller;
        let target = it.target.take();
        let args = std::mem::take(&mut it.args);
        self.drop_refs(node, args);
        self.drop_refs(node, target.map(Ref::Import));
    }

    fn try_send(&mut self, call: u32) -> Tried {
        let Call { end: at, target, interface, pool, plan, is_relay, ref args, .. } = self.calls[call as usize];
        let args = args.clone();
        let node = self.ends[at].node;
        let end = &mut self.ends[at];
        if !end.open || !end.proto.questions.is_open() || u64::from(plan.size) > end.proto.theirs.message_bytes {
            return Tried::Failed(Outcome::NotRun);
        }
        let size = size_of(&plan, args.len());
        let ahead = self.calls[call as usize].has_room;
        if !(ahead && end.proto.has_credit(size.cost)) && (ahead || !end.proto.has_room(pool, size.cost)) {
            return Tried::NoRoom;
        }
        let Some(method) = self.define(at, interface, plan.method, is_relay) else {
            self.sight(Sight::DefinitionsFull);
            return Tried::Failed(Outcome::NotRun);
        };
        let Some(described) = self.describe(at, &args) else { return Tried::Failed(Outcome::NotRun) };
        let end = &mut self.ends[at];
        let id = if ahead { end.proto.call_ahead(pool, size.cost, call) } else { end.proto.call(pool, size.cost, call) };
        let promised = plan.promised && end.proto.questions.may_promise() && !self.calls[call as usize].is_known;
        if promised {
            end.proto.questions.promise(id);
        }
        if plan.unfit {
            self.sight(Sight::CallTakenBack);
            self.take_back(at, &described);
            self.ends[at].proto.take_call_back(id, size.cost);
            return Tried::Failed(Outcome::NotRun);
        }
        let on = self.calls[call as usize].promise.filter(|_| ahead);
        let kept = on.and_then(|on| self.calls[on as usize].kept);
        if ahead && kept.is_none() {
            self.fault(format!("call {call} goes ahead on a result that is not kept"));
        }
        let target = match (kept, target.and_then(|number| self.nodes[node].imports.get(&number))) {
            (Some(kept), _) => Target::Answer { call: kept, path: Vec::new() },
            (None, Some(import)) => Target::Export(import.export),
            (None, None) => Target::Root,
        };
        let Described { descriptors, held } = described;
        let head = Head::Call { target, method, nested: pool == Pool::Nested, promised };
        self.push_message(at, head, Whose { id, call, verdict: Verdict::Ok, total: size.total as u32 }, descriptors);
        let end = &mut self.ends[at];
        end.sent += 1;
        let it = &mut self.calls[call as usize];
        it.order = end.sent;
        it.stage = Stage::Sent(id);
        it.kept = promised.then_some(id);
        it.has_room = false;
        if held {
            it.args.clear();
            end.held_arguments.insert(id, args);
        }
        self.drop_carried(call);
        Tried::Sent
    }

    /// Writes the first frame of a message, and queues the rest if there is one.
    pub(super) fn push_message(&mut self, end: usize, head: Head, of: Whose, references: Vec<Descriptor<'static>>) {
        let Whose { id, call, verdict, total } = of;
        let here = total.min(self.config().inline.max(HEAD));
        let payload = if here == 0 { Vec::new() } else { payload(call, verdict, here) };
        let body = Body { codec: 0, references, segments: Vec::new(), total: u64::from(total), original: None, bytes: &payload };
        let (frame, of) = match head {
            Head::Call { target, method, nested, promised } => {
                let (deadline_us, chain, trace, extensions) = (None, None, None, Vec::new());
                let call = wire::Call {
                    id,
                    target,
                    method,
                    deadline_us,
                    chain,
                    trace,
                    oneway: false,
                    idempotent: false,
                    nested,
                    promised,
                    extensions,
                    body,
                };
                (Frame::Call(call), ChunkOf::Call)
            }
            Head::Return(status) => (Frame::Return(wire::Return { id, status, body }), ChunkOf::Return),
        };
        let end = &mut self.ends[end];
        end.push(&frame);
        if here < total {
            end.rests.push_back(Rest { of, id, call, bytes: total - here });
        }
    }

    /// This end's number for a method, told to the peer when it is new. `None` when the peer takes no more.
    fn define(&mut self, end: usize, interface: u8, method: u8, is_relay: bool) -> Option<u32> {
        let (interface_name, name) = (interface_name(interface), method_name(method));
        let end = &mut self.ends[end];
        let own = &mut end.proto.own;
        if is_relay && own.is_half_full() && !own.has(&interface_name, &name, u64::from(method)) {
            return None;
        }
        let Numbers { interface, method: number } = own.method(&interface_name, &name, u64::from(method))?;
        if interface.is_new || number.is_new {
            let fingerprint = u64::from(method);
            let define = DefineMethod { number: number.value, name: &name, fingerprint, signature: "", structure: &[] };
            let methods = if number.is_new { vec![define] } else { Vec::new() };
            let name = if interface.is_new { &*interface_name } else { "" };
            end.push(&Frame::Define(Define { interface: interface.value, name, methods }));
        }
        Some(number.value)
    }

    /// The caller drops a call, or its deadline is over.
    pub(super) fn give_up(&mut self, call: u32, deadline: bool) {
        let Some(it) = self.calls.get(call as usize) else { return };
        if it.given_up || it.verdict.is_some() {
            return;
        }
        let (end, pool) = (it.end, it.pool);
        match it.stage {
            Stage::Over => return,
            Stage::Queued => {
                self.ends[end].waiting[pool as usize].retain(|&waiting| waiting != call);
                self.leave_promise(call);
                self.drop_carried(call);
                self.calls[call as usize].stage = Stage::Over;
                if deadline {
                    self.resolve(call, Verdict::Failed(Outcome::NotRun), Vec::new());
                }
                self.pump(end);
            }
            Stage::Sent(id) => {
                if deadline {
                    self.resolve(call, Verdict::Failed(Outcome::MayHaveRun), Vec::new());
                }
                if self.ends[end].proto.questions.cancel(id) {
                    self.ends[end].push(&Frame::Finish(Finish { id, cancel: true, release_results: false }));
                }
            }
        }
        self.calls[call as usize].given_up = true;
        self.known(call, &[]);
    }
}

/// What the arguments of a call take.
pub(super) fn size_of(plan: &Plan, references: usize) -> Size {
    Size::new(u64::from(plan.size.max(HEAD)), references, 0)
}
