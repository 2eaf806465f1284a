//! Owns what frames do when they arrive in the simulated world: the model of `session/reader.rs` and of the first half of
//! `session/dispatch.rs`. Every rule that is checked is the real one.

use super::call::Verdict;
use super::end::{Awaited, Partial, Pending, Queued, Ready, Reply, filler};
use super::node::{ROOT, Ref};
use super::promising::line_of;
use super::sending::{HEAD, SPOILT, interface_name, method_name};
use super::sight::Sight;
use super::world::{Stale, World, across};
use crate::error::Outcome;
use crate::id::CallId;
use crate::limits::Size;
use crate::proto::{CallArrival, Finished, Place, Rule};
use crate::wire::{self, Body, ChunkOf, Credit, Define, Descriptor, Finish, Frame, GoAway, Release, Status, Target, Window};

impl World {
    /// Bytes that `from` has sent arrive at the other end.
    pub(super) fn deliver(&mut self, from: usize, bytes: usize) {
        let to = across(from);
        let now = self.instant();
        let pipe = &mut self.ends[from].pipe;
        let count = bytes.min(pipe.handed - pipe.arrived);
        if pipe.silent || count == 0 {
            return;
        }
        pipe.arrived += count;
        if self.ends[to].open {
            self.ends[to].proto.heard(now);
        }
        let bytes = std::mem::take(&mut self.ends[from].pipe.bytes);
        let arrived = self.ends[from].pipe.arrived;
        let mut taken = 0;
        while self.ends[to].open
            && let Some((body, consumed)) = wire::split(&bytes[taken..arrived])
        {
            taken += consumed;
            self.on_frame(to, body);
        }
        if !self.ends[to].open {
            taken = arrived;
        }
        // Nobody writes for `from` while frames that it has sent are handled at the other end; a cut or a close would have to.
        let pipe = &mut self.ends[from].pipe;
        pipe.bytes = bytes;
        pipe.bytes.drain(..taken);
        pipe.handed -= taken;
        pipe.arrived -= taken;
    }

    fn on_frame(&mut self, at: usize, body: &[u8]) {
        let frame = match wire::decode(body) {
            Ok(frame) => frame,
            Err(error) => return self.fault(format!("end {at} cannot read a frame: {error}")),
        };
        self.note(|| format!("    end {at} reads {frame:?}").chars().take(400).collect());
        let handled = match &frame {
            Frame::Call(call) => return self.on_call(at, call),
            Frame::Return(answer) => return self.on_return(at, answer),
            Frame::Chunk(chunk) => self.on_chunk(at, chunk),
            Frame::Define(define) => self.on_define(at, define),
            Frame::Finish(finish) => self.on_finish(at, finish),
            Frame::Release(release) => self.on_release(at, release),
            Frame::Credit(credit) => {
                self.on_credit(at, credit);
                Ok(())
            }
            Frame::GoAway(go_away) => self.on_go_away(at, go_away),
            Frame::Ping(ping) => {
                self.ends[at].pong = Some(ping.token);
                Ok(())
            }
            Frame::Pong(_) => Ok(()),
            _ => Err(Rule::FeatureNotNegotiated),
        };
        if let Err(rule) = handled {
            self.refuse(at, rule);
        }
    }

    /// Everybody keeps the rules here, so a frame that is refused is a defect of one side or the other.
    pub(super) fn refuse(&mut self, at: usize, rule: Rule) {
        self.fault(format!("end {at} refused a frame of a peer that keeps the rules: {rule}"));
    }

    fn on_call(&mut self, at: usize, frame: &wire::Call<'_>) {
        let Some(number) = self.number_in(at, &frame.body) else { return };
        let truth = self.calls[number as usize].args_truth.clone();
        let references = self.receive(at, &frame.body.references, &truth);
        let size = Size::new(frame.body.total, frame.body.references.len(), 0);
        let arrival = self.ends[at].proto.handle_call(frame.id, size, frame.body.bytes.len() as u64);
        if frame.promised && matches!(arrival, Ok(CallArrival::Complete | CallArrival::Partial)) {
            self.ends[at].proto.ahead.open(frame.id);
        }
        let node = self.ends[at].node;
        match arrival {
            Ok(CallArrival::Complete) => {
                let Some((line, ready)) = self.find(at, frame, number, references, size.cost, true) else { return };
                let lines = &mut self.ends[at].lines;
                if !lines.is_empty() && lines.has(line) {
                    lines.push(line, Place::Ready(frame.id, ready));
                    return self.sight(Sight::CallInLine);
                }
                self.call_consumed(at, size.cost);
                self.serve(at, frame.id, line, ready);
            }
            Ok(CallArrival::Partial) => {
                let Some((line, ready)) = self.find(at, frame, number, references, size.cost, false) else { return };
                self.sight(Sight::CallInPieces);
                let end = &mut self.ends[at];
                end.lines.push(line, Place::Arriving(frame.id));
                end.pending.insert(frame.id, Pending { cost: size.cost, call: number, awaited: Awaited::Ready(line, ready) });
            }
            Ok(CallArrival::Departed { complete }) => {
                self.sight(if complete { Sight::LateCallArrives } else { Sight::LateCallArrivesInPieces });
                if complete {
                    self.call_consumed(at, size.cost);
                } else {
                    let pending = Pending { cost: size.cost, call: number, awaited: Awaited::Nothing };
                    self.ends[at].pending.insert(frame.id, pending);
                }
                self.drop_refs(node, references);
            }
            Err(rule) => {
                self.refuse(at, rule);
                self.drop_refs(node, references);
            }
        }
    }

    /// Which call a message is about, as its payload says. The payload is checked on the way.
    fn number_in(&mut self, at: usize, body: &Body<'_>) -> Option<u32> {
        let number = body.bytes.first_chunk().map(|head| u32::from_le_bytes(*head));
        let number = number.filter(|&number| (number as usize) < self.calls.len());
        let Some(number) = number else {
            self.fault(format!("the payload of a call that arrived at end {at} is damaged"));
            return None;
        };
        self.check_filler(at, number, body.bytes.get(HEAD as usize..).unwrap_or_default());
        Some(number)
    }

    fn check_filler(&mut self, at: usize, call: u32, bytes: &[u8]) {
        let expected = filler(call);
        if bytes.iter().any(|&byte| byte != expected) {
            self.fault(format!("the payload of call {call} that arrived at end {at} is damaged"));
        }
    }

    /// A call that can start in its turn, and the line before its object.
    fn find(
        &mut self,
        at: usize,
        frame: &wire::Call<'_>,
        number: u32,
        references: Vec<Ref>,
        cost: u64,
        is_here: bool,
    ) -> Option<(u64, Ready)> {
        let call = &self.calls[number as usize];
        let (interface, method, truth) = (interface_name(call.interface), method_name(call.plan.method), call.target_truth);
        let end = &self.ends[at];
        let defined = end.proto.peer.method(frame.method);
        if !defined.is_some_and(|defined| *defined.interface == *interface && defined.name == method) {
            self.fault(format!("end {at} takes method {} of call {number} for {defined:?}", frame.method));
            return None;
        }
        let node = end.node;
        if let Target::Answer { call: on, .. } = frame.target {
            let waits = Queued { on, place: 0, call: number, references, cost, is_here };
            let ready = self.find_ahead(at, on, waits, frame.id)?;
            return Some((line_of(ready.servant), ready));
        }
        let servant = match &frame.target {
            Target::Export(id) => end.proto.exports.get(*id).and_then(|_| end.servants.get(&id.index).copied()),
            _ => Some(Ref::Object(ROOT)),
        };
        let Some(servant) = servant else {
            self.fault(format!("call {number} came to end {at} on an object that is gone although its caller holds it"));
            return None;
        };
        if self.nodes[node].truth(servant) != Some(truth) {
            self.fault(format!("call {number} came to end {at} on another object than it was made on"));
        }
        let ready = Ready { call: number, servant: self.dup(node, servant), references, cost };
        Some((line_of(servant), ready))
    }

    /// The payload of a call was taken out.
    pub(super) fn call_consumed(&mut self, at: usize, cost: u64) {
        let end = &mut self.ends[at];
        if let Some(bytes) = end.proto.call_consumed(cost) {
            end.push(&Frame::Credit(Credit { window: Window::Calls, bytes }));
        }
    }

    fn on_return(&mut self, at: usize, frame: &wire::Return<'_>) {
        let body = &frame.body;
        let size = Size::new(body.total, body.references.len(), 0);
        let call = self.ends[at].proto.questions.get(frame.id).map(|question| question.token);
        let truth = call.map(|call| self.calls[call as usize].reply_truth.clone()).unwrap_or_default();
        let references = self.receive(at, &body.references, &truth);
        let complete = match self.ends[at].proto.handle_return(frame.id, size, body.bytes.len() as u64) {
            Ok(complete) => complete,
            Err(rule) => {
                let node = self.ends[at].node;
                self.drop_refs(node, references);
                return self.refuse(at, rule);
            }
        };
        // A promised call is finished when nothing is called on its result any more.
        let promised = self.ends[at].proto.questions.get(frame.id).is_some_and(|question| question.is_promised());
        if !promised && body.references.iter().any(|descriptor| matches!(descriptor, Descriptor::Home { .. })) {
            self.ends[at].push(&Frame::Finish(Finish { id: frame.id, cancel: false, release_results: false }));
        }
        let verdict = match frame.status {
            Status::Cancelled => Verdict::Cancelled,
            Status::SystemError => Verdict::Failed(match body.bytes.get(4) {
                Some(0) => Outcome::NotRun,
                Some(2) => Outcome::Ran,
                _ => Outcome::MayHaveRun,
            }),
            _ => Verdict::Ok,
        };
        if frame.status != Status::Cancelled
            && let Some(number) = self.number_in(at, body)
            && Some(number) != call
        {
            self.fault(format!("the return of call {number} came to end {at} as that of {call:?}"));
        }
        if complete {
            self.return_arrived(at, frame.id, verdict, references, size.cost);
        } else {
            self.sight(Sight::ReturnInPieces);
            self.ends[at].partial.insert(frame.id, Partial { verdict, references, cost: size.cost });
        }
    }

    /// A return is here in full.
    fn return_arrived(&mut self, at: usize, id: CallId, verdict: Verdict, references: Vec<Ref>, cost: u64) {
        let node = self.ends[at].node;
        let end = &mut self.ends[at];
        if let Some(bytes) = end.proto.return_consumed(cost) {
            end.push(&Frame::Credit(Credit { window: Window::Returns, bytes }));
        }
        let Ok(question) = end.proto.questions.returned(id) else {
            return self.drop_refs(node, references);
        };
        let held = end.held_arguments.remove(&id);
        self.came_back(at, &question);
        if self.ends[at].proto.questions.get(id).is_none() {
            self.retire(at, Stale::Call(id));
        }
        self.drop_refs(node, held.into_iter().flatten());
        self.calls[question.token as usize].stage = super::call::Stage::Over;
        self.resolve(question.token, verdict, references);
        self.pump(at);
    }

    fn on_chunk(&mut self, at: usize, chunk: &wire::Chunk<'_>) -> Result<(), Rule> {
        let end = &self.ends[at];
        let call = match chunk.of {
            ChunkOf::Call => end.pending.get(&chunk.id).map(|pending| pending.call),
            ChunkOf::Return => end.proto.questions.get(chunk.id).map(|question| question.token),
        };
        if let Some(call) = call {
            self.check_filler(at, call, chunk.bytes);
        }
        if !self.ends[at].proto.handle_chunk(chunk.of, chunk.id, chunk.bytes.len() as u64)? {
            return Ok(());
        }
        match chunk.of {
            ChunkOf::Call => {
                let Some(Pending { cost, call, awaited }) = self.ends[at].pending.remove(&chunk.id) else { return Ok(()) };
                match awaited {
                    Awaited::Ready(line, ready) => {
                        self.ends[at].lines.arrived(line, chunk.id, ready);
                        self.advance(at, line);
                    }
                    Awaited::Ahead => {
                        if let Some(queued) = self.ends[at].queued.get_mut(&chunk.id) {
                            queued.is_here = true;
                        }
                    }
                    Awaited::Failed(verdict) => {
                        self.call_consumed(at, cost);
                        self.finish_call(at, chunk.id, Reply { call, verdict, references: Vec::new(), size: SPOILT });
                    }
                    Awaited::Nothing => self.call_consumed(at, cost),
                }
            }
            ChunkOf::Return => {
                let Some(Partial { verdict, references, cost }) = self.ends[at].partial.remove(&chunk.id) else { return Ok(()) };
                self.return_arrived(at, chunk.id, verdict, references, cost);
            }
        }
        Ok(())
    }

    /// Starts what can start in the line before an object.
    pub(super) fn advance(&mut self, at: usize, line: u64) {
        while let Some((id, ready)) = self.ends[at].lines.next(line) {
            self.call_consumed(at, ready.cost);
            let plan = self.calls[ready.call as usize].plan;
            if self.ends[at].proto.answers.is_cancelled(id) && !plan.no_cancel {
                let node = self.ends[at].node;
                let Ready { call, servant, references, .. } = ready;
                self.drop_refs(node, references);
                self.drop_ref(node, servant);
                self.finish_call(at, id, Reply { call, verdict: Verdict::Cancelled, references: Vec::new(), size: 0 });
            } else if self.serve(at, id, line, ready) {
                // The line moves on when it has started.
                return;
            }
            self.ends[at].lines.leave(line, id);
        }
    }

    fn on_define(&mut self, at: usize, define: &Define<'_>) -> Result<(), Rule> {
        let peer = &mut self.ends[at].proto.peer;
        if !define.name.is_empty() {
            peer.define_interface(define.interface, define.name)?;
        }
        for method in &define.methods {
            peer.define_method(define.interface, method)?;
        }
        Ok(())
    }

    fn on_finish(&mut self, at: usize, finish: &Finish) -> Result<(), Rule> {
        match self.ends[at].proto.handle_finish(finish.id, finish.cancel)? {
            Finished::Nothing if !finish.cancel => {}
            Finished::Nothing => self.sight(Sight::CancelCrossesReturn),
            Finished::LetGo => {
                self.sight(Sight::ResultLetGo);
                let node = self.ends[at].node;
                let held = self.ends[at].held_results.remove(&finish.id);
                let kept = self.ends[at].kept.remove(&finish.id).flatten();
                self.drop_refs(node, held.into_iter().flatten().chain(kept));
            }
            Finished::Stop if self.stop_waiting(at, finish.id) => {}
            Finished::Stop => self.stop(at, finish.id),
        }
        Ok(())
    }

    fn on_release(&mut self, at: usize, release: &Release) -> Result<(), Rule> {
        for &(export, count) in &release.entries {
            if count > 1 {
                self.sight(Sight::SeveralReleased);
            }
            if self.ends[at].proto.exports.release(export, count)?.is_some() {
                self.let_go(at, export.index);
                self.retire(at, Stale::Export(export));
            }
        }
        Ok(())
    }

    fn on_credit(&mut self, at: usize, credit: &Credit) {
        match credit.window {
            Window::Calls => {
                self.ends[at].proto.handle_call_credit(credit.bytes);
                self.pump(at);
            }
            _ => {
                self.ends[at].proto.handle_return_credit(credit.bytes);
                self.pump_returns(at);
            }
        }
    }

    fn on_go_away(&mut self, at: usize, go_away: &GoAway<'_>) -> Result<(), Rule> {
        let node = self.ends[at].node;
        let late = self.ends[at].proto.questions.depart(go_away.last_call)?;
        self.ends[at].leaving = true;
        for (id, question) in late {
            self.sight(Sight::LateCallClosed);
            self.came_back(at, &question);
            let held = self.ends[at].held_arguments.remove(&id);
            self.drop_refs(node, held.into_iter().flatten());
            self.calls[question.token as usize].stage = super::call::Stage::Over;
            self.resolve(question.token, Verdict::Failed(Outcome::NotRun), Vec::new());
        }
        self.pump(at);
        Ok(())
    }
}
