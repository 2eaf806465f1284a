//! Owns how calls and returns become frames: room, credit, definitions, references, and chunks for what is long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::SessionCore;
use super::outcall::{CallMethod, CallTarget, Prepared, deadline_over, remaining_us};
use super::references::{Described, too_many_definitions};
use super::state::{Afterwards, State};
use super::ticket::{Ticket, Tried};
use super::waiters::{Abandoned, Arrived};
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::id::CallId;
use crate::inbound::{Reply, ReplyBytes, oversized};
use crate::pool;
use crate::proto::{Numbers, Pool};
use crate::transfer::Outgoing;
use crate::wire::{
    self, CallHead, Chain, ChunkOf, Define, DefineMethod, FRAME_MAX, Finish, Frame, NAME_MAX, SIGNATURE_MAX, STRUCTURE_MAX, Status, Target,
};

/// Bodies up to this size travel in the frame that announces them; longer ones in chunks, without being copied.
const INLINE_MAX: u64 = 32 << 10;

impl SessionCore {
    /// Sends a call if the peer has room and credit for it. Gives the slot in which its caller waits.
    pub(super) fn start(&self, prepared: &mut Prepared, waker: Option<&Waker>) -> Result<Option<u32>, Error> {
        let (token, quiet) = {
            let mut state = self.state.lock();
            if state.has_waiting(prepared.pool()) {
                return self.check_open(&state).map(|()| None);
            }
            match self.try_send(&mut state, prepared, waker)? {
                Some(token) => (token, state.is_quiet()),
                None => return Ok(None),
            }
        };
        if let ReplyBytes::Pooled(buffer) = &mut prepared.bytes {
            pool::put(std::mem::take(buffer));
        }
        self.flush_after(quiet);
        Ok(Some(token))
    }

    /// Queues a call for which there was no room or credit.
    pub(super) fn enqueue(&self, prepared: Box<Prepared>, waker: Option<Waker>) -> Result<Arc<Ticket>, Error> {
        let mut after = Afterwards::default();
        let mut state = self.state.lock();
        if let Err(error) = self.may_queue(&mut state, &prepared) {
            drop(state);
            crate::panics::drop_quietly(prepared);
            return Err(error);
        }
        let pool = prepared.pool();
        state.tickets += 1;
        let ticket = Arc::new(Ticket::new(state.tickets, prepared, waker));
        state.waiting[pool as usize].push_back(Arc::clone(&ticket));
        // Room may have come back since.
        self.pump(&mut state, &mut after);
        let quiet = state.is_quiet();
        drop(state);
        after.run();
        self.flush_after(quiet);
        Ok(ticket)
    }

    fn check_open(&self, state: &State) -> Result<(), Error> {
        if let Some(error) = &state.closed {
            return Err(error.clone().with_outcome(Outcome::NotRun));
        }
        if !state.proto.questions.is_open() {
            return Err(shutting_down(self));
        }
        Ok(())
    }

    /// Whether a call may wait for room. It is only looked at: what it carries is the user's and must not drop under the lock.
    fn may_queue(&self, state: &mut State, prepared: &Prepared) -> Result<(), Error> {
        self.check_open(state)?;
        let pool = prepared.pool();
        // Credit for bytes always comes back, since the peer never stops reading; room for a call may be waiting for this one.
        let has_room = matches!(prepared.target, CallTarget::Answer(_)) || state.proto.questions.has_room(pool);
        if pool == Pool::Nested && !has_room && prepared.goes_back_over(self) {
            let text =
                "the peer's room for calls made inside handlers is full, and this call goes back to the node that waits for its handler";
            return Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text));
        }
        // Tickets that were given up are looked for now and then only, so that a long queue costs each call that joins it little.
        let full = |state: &State| state.waiting_len() >= self.limits().waiting_calls as usize;
        if full(state) || state.waiting[pool as usize].len().is_power_of_two() {
            state.waiting[pool as usize].retain(|ticket| ticket.is_waiting());
        }
        if full(state) {
            let text = format!("{} calls wait for room on this session already", state.waiting_len());
            return Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text).with_fault(Fault::Caller));
        }
        Ok(())
    }

    /// Sends what waits, as far as there is room. Called whenever room or credit has come back.
    pub(super) fn pump(&self, state: &mut State, after: &mut Afterwards) {
        for pool in [Pool::Root, Pool::Nested] {
            while let Some(ticket) = state.waiting[pool as usize].front().cloned() {
                match ticket.try_with(|prepared, waker| self.send_queued(state, prepared, waker)) {
                    Tried::NoRoom => break,
                    Tried::Gone => {}
                    Tried::Done(prepared, waker) => {
                        after.rest().prepared.push(prepared);
                        after.wake(waker);
                    }
                }
                state.waiting[pool as usize].pop_front();
            }
        }
        if !state.behind.is_empty() {
            super::embargo::send_behind(state, after);
        }
    }

    #[allow(clippy::disallowed_methods)]
    fn send_queued(&self, state: &mut State, prepared: &mut Prepared, waker: Option<&Waker>) -> Result<Option<u32>, Error> {
        if prepared.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(deadline_over(Outcome::NotRun));
        }
        let token = self.try_send(state, prepared, waker)?;
        if let (Some(token), true) = (token, prepared.oneway) {
            // Nobody will come for the reply.
            state.waiters.abandon(token);
        }
        Ok(token)
    }

    /// Writes a call to the outbox. `None` when there is no room or credit.
    fn try_send(&self, state: &mut State, prepared: &mut Prepared, waker: Option<&Waker>) -> Result<Option<u32>, Error> {
        self.check_open(state)?;
        let size = prepared.size();
        let (references, segments) = (prepared.outgoing.references().len(), prepared.outgoing.segments().len());
        if let Some(error) = oversized(&size, references, segments, state.proto.theirs.message_bytes, Outcome::NotRun) {
            return Err(error);
        }
        let ahead = match &prepared.target {
            CallTarget::Answer(passage) => Some(passage.cost()),
            CallTarget::Root | CallTarget::Object(_) => None,
        };
        let has_room = match ahead {
            Some(_) => state.proto.has_credit(size.cost),
            None => state.proto.has_room(prepared.pool(), size.cost),
        };
        if !has_room {
            return Ok(None);
        }
        if prepared.promise.is_some() && !state.proto.questions.may_promise() {
            // The peer keeps no more results, so calls on this one wait here.
            prepared.promise.take().inspect(|asked| asked.stays());
        }
        let number = self.method_number(state, &prepared.method)?;
        let described = self.describe(state, prepared.outgoing.references())?;
        let token = state.waiters.reserve();
        let id = match ahead {
            Some(cost) => state.proto.call_ahead(prepared.pool(), cost, token),
            None => state.proto.call(prepared.pool(), size.cost, token),
        };
        state.waiters.wait(token, id, waker.cloned());
        if prepared.promise.is_some() {
            state.proto.questions.promise(id);
        }
        let share = prepared.bytes.take_share();
        if self.write_call(state, id, number, prepared, &described).is_err() {
            self.take_back(state, &described);
            state.proto.take_call_back(id, size.cost);
            state.waiters.forget(token);
            let text = format!("{} references in one message do not fit its first frame", described.descriptors.len());
            return Err(Error::new(ErrorKind::TooLarge, Outcome::NotRun, text));
        }
        if let CallTarget::Answer(passage) = &mut prepared.target {
            passage.is_sent();
        }
        if let Some(share) = share {
            state.shares.insert(id, share);
        }
        self.say_broken(state, &described);
        if let Some(asked) = &prepared.promise
            && !asked.sent(id)
            && state.proto.questions.finish(id)
        {
            // Nobody will call on its result.
            state.push(&Frame::Finish(Finish { id, cancel: false, release_results: false }));
        }
        if described.held {
            state.held_arguments.insert(id, prepared.outgoing.take_references());
        }
        Ok(Some(token))
    }

    #[allow(clippy::disallowed_methods)]
    fn write_call(
        &self,
        state: &mut State,
        id: CallId,
        method: u32,
        prepared: &mut Prepared,
        described: &Described,
    ) -> Result<(), wire::EncodeError> {
        let target = match &prepared.target {
            CallTarget::Root => Target::Root,
            CallTarget::Object(import) => Target::Export(import.id),
            CallTarget::Answer(passage) => passage.target(),
        };
        let chain = prepared.inherited.as_ref().and_then(|context| {
            let root = context.root?;
            Some(Chain { root, holds: context.holds.clone() })
        });
        let head = CallHead {
            id,
            target: &target,
            method,
            deadline_us: prepared.deadline.map(|deadline| remaining_us(deadline, Instant::now())),
            chain: chain.as_ref(),
            trace: prepared.inherited.as_ref().and_then(|context| context.trace.as_deref().copied()),
            oneway: prepared.oneway,
            idempotent: prepared.method.is_idempotent(),
            nested: prepared.pool() == Pool::Nested,
            promised: prepared.promise.is_some(),
            extensions: &[],
        };
        let mark = wire::begin(&mut state.outbox.frames, wire::kind::CALL);
        wire::put_call_head(&mut state.outbox.frames, &head);
        let Prepared { codec, bytes, outgoing, .. } = prepared;
        write_body(state, mark, ChunkOf::Call, id, *codec, bytes, described, outgoing)
    }

    /// This side's number for a method, told to the peer when it is new, ahead of the call and in the same flush.
    fn method_number(&self, state: &mut State, method: &CallMethod) -> Result<u32, Error> {
        let CallMethod::Typed(interface, descriptor) = method else { return self.define(state, method) };
        let address = (std::ptr::from_ref(*interface).addr(), std::ptr::from_ref(*descriptor).addr());
        if state.last_number.0 == address {
            return Ok(state.last_number.1);
        }
        let number = match state.numbers.get(&address) {
            Some(&number) => number,
            None => {
                let number = self.define(state, method)?;
                state.numbers.insert(address, number);
                number
            }
        };
        state.last_number = (address, number);
        Ok(number)
    }

    fn define(&self, state: &mut State, method: &CallMethod) -> Result<u32, Error> {
        if method.interface().is_empty() || method.interface().len() > NAME_MAX || method.name().len() > NAME_MAX {
            let text = format!("names of interfaces and methods have 1 to {NAME_MAX} bytes");
            return Err(Error::new(ErrorKind::Misuse, Outcome::NotRun, text));
        }
        // Calls that are only passed on must not use up what this node needs for its own.
        let is_raw = matches!(method, CallMethod::Raw(_));
        if is_raw && state.proto.own.is_half_full() && !state.proto.own.has(method.interface(), method.name(), method.fingerprint()) {
            return Err(too_many_definitions());
        }
        let numbers = state.proto.own.method(method.interface(), method.name(), method.fingerprint()).ok_or_else(too_many_definitions)?;
        let Numbers { interface, method: number } = numbers;
        if interface.is_new || number.is_new {
            let name = if interface.is_new { method.interface() } else { "" };
            let signature = cut(method.signature(), SIGNATURE_MAX);
            // What is too long is left out: the callee then compares fingerprints only.
            let structure = Some(method.structure()).filter(|structure| structure.len() <= STRUCTURE_MAX).unwrap_or_default();
            let methods = if number.is_new {
                vec![DefineMethod { number: number.value, name: method.name(), fingerprint: method.fingerprint(), signature, structure }]
            } else {
                Vec::new()
            };
            state.push(&Frame::Define(Define { interface: interface.value, name, methods }));
        }
        Ok(number.value)
    }

    /// Queues the return of a call that ran here. The call must be open.
    pub(super) fn send_return(&self, state: &mut State, id: CallId, reply: &mut Reply, after: &mut Afterwards) {
        let (references, segments) = (reply.outgoing.references().len(), reply.outgoing.segments().len());
        // A result that is only passed on was made for another receiver.
        if let Some(error) = oversized(&reply.size(), references, segments, state.proto.theirs.message_bytes, Outcome::Ran) {
            after.replace_reply(reply, &error);
        }
        let size = reply.size();
        let unsent = state.held_bytes + state.outbox.waiting() + size.total;
        if unsent > self.limits().unsent_bytes && reply.status != Status::SystemError {
            let text = format!("the result was dropped: {unsent} bytes of results wait for their caller's node to take them");
            after.replace_reply(reply, &Error::new(ErrorKind::Overloaded, Outcome::Ran, text).with_fault(Fault::Caller));
        }
        if !state.held_returns.is_empty() || !state.proto.return_credit(reply.size().cost) {
            state.held_bytes += reply.size().total;
            state.held_returns.push_back((id, std::mem::replace(reply, Reply::cancelled())));
            return;
        }
        self.write_return(state, id, reply, after);
    }

    /// Sends the returns that waited for credit, as far as it goes.
    pub(super) fn pump_returns(&self, state: &mut State, after: &mut Afterwards) {
        while let Some((id, mut reply)) = state.held_returns.pop_front() {
            if !state.proto.return_credit(reply.size().cost) {
                state.held_returns.push_front((id, reply));
                return;
            }
            state.held_bytes -= reply.size().total;
            self.write_return(state, id, &mut reply, after);
            after.put_off(reply);
        }
    }

    /// Writes a return for which credit was taken. Nothing is left in `reply` afterwards.
    fn write_return(&self, state: &mut State, id: CallId, reply: &mut Reply, after: &mut Afterwards) {
        // A result that is called ahead may be finished before it arrives, and nothing else says when it was read.
        let may_be_finished = state.proto.ahead.is_promised(id) || state.proto.answers.is_finished(id);
        let described = match self.describe_result(state, reply.outgoing.references(), may_be_finished) {
            Ok(described) => described,
            Err(error) => {
                let cost = reply.size().cost;
                after.drop_reply(reply);
                return self.write_instead(state, id, cost, &error.with_outcome(Outcome::Ran), after);
            }
        };
        if self.write_return_frame(state, id, reply, &described).is_err() {
            self.take_back(state, &described);
            let cost = reply.size().cost;
            after.drop_reply(reply);
            let text = format!("{} references in one result do not fit its first frame", described.descriptors.len());
            return self.write_instead(state, id, cost, &Error::new(ErrorKind::TooLarge, Outcome::Ran, text), after);
        }
        self.say_broken(state, &described);
        if described.held {
            state.running_mut(id).held = reply.outgoing.take_references();
        }
        let holds = !state.running_mut(id).held.is_empty() || state.proto.ahead.is_promised(id);
        state.proto.answers.returned(id, holds);
        state.proto.surplus.returned(id);
        let running = state.running_mut(id);
        running.task = None;
        running.cancelled = None;
        after.drop_reply(reply);
    }

    /// Writes an error in place of a result that cannot be sent. Its credit is another: what the result took is given back first, and
    /// without credit for the error that waits where the result was.
    fn write_instead(&self, state: &mut State, id: CallId, taken: u64, error: &Error, after: &mut Afterwards) {
        let mut failed = Reply::failed(error);
        if state.proto.replace_return(taken, failed.size().cost) {
            self.write_return(state, id, &mut failed, after);
        } else {
            state.held_bytes += failed.size().total;
            state.held_returns.push_front((id, failed));
        }
    }

    fn write_return_frame(&self, state: &mut State, id: CallId, reply: &mut Reply, described: &Described) -> Result<(), wire::EncodeError> {
        let mark = wire::begin(&mut state.outbox.frames, wire::kind::RETURN);
        wire::put_return_head(&mut state.outbox.frames, id, reply.status);
        let Reply { codec, bytes, outgoing, .. } = reply;
        write_body(state, mark, ChunkOf::Return, id, *codec, bytes, described, outgoing)?;
        let written = state.outbox.frames.len() - mark;
        state.outbox.note_result(written);
        Ok(())
    }

    /// Looks for the reply in a slot.
    pub(super) fn poll_reply(&self, token: u32, waker: &Waker) -> Poll<Result<Arrived, Error>> {
        let mut former = None;
        let polled = self.state.lock().waiters.poll(token, waker, &mut former);
        drop(former);
        polled
    }

    /// The caller of a queued call gives it up. True when it was sent meanwhile.
    pub(super) fn give_up_ticket(&self, ticket: &Ticket) -> bool {
        let (token, prepared) = ticket.give_up();
        if prepared.is_some() {
            // What waited behind it may fit.
            let mut after = Afterwards::default();
            let mut state = self.state.lock();
            self.pump(&mut state, &mut after);
            drop(state);
            after.run();
            self.flush_after(false);
        }
        crate::panics::drop_quietly(prepared);
        if let Some(token) = token {
            self.give_up(token);
        }
        token.is_some()
    }

    /// The caller of a sent call gives it up.
    pub(super) fn give_up(&self, token: u32) {
        let abandoned = {
            let mut state = self.state.lock();
            let abandoned = state.waiters.abandon(token);
            if let Abandoned::Waiting(id, _) = &abandoned
                && state.proto.questions.cancel(*id)
            {
                state.push(&Frame::Finish(Finish { id: *id, cancel: true, release_results: false }));
            }
            abandoned
        };
        if matches!(abandoned, Abandoned::Waiting(..)) {
            self.flush_after(false);
        }
        crate::panics::drop_quietly(abandoned);
    }

    /// Nobody waits for the reply any more, but the call goes on.
    pub(super) fn detach(&self, token: u32) {
        let abandoned = self.state.lock().waiters.abandon(token);
        crate::panics::drop_quietly(abandoned);
    }

    /// Flushes what was just queued: at once when nothing else is going on, otherwise a scheduler turn later with whatever has joined
    /// it; on the reader, at the end of the batch.
    pub(super) fn flush_after(&self, quiet: bool) {
        if super::reader::is_in_batch_of(self) {
            return;
        }
        if quiet && !self.flush_due.load(Ordering::Acquire) {
            self.flush();
        } else {
            self.schedule_flush();
        }
    }
}

/// Ends the frame begun at `mark` with a body. On an error the frame is taken back. Segments that were copied stay where they are:
/// dropping one may run code of its owner's, and the lock is held.
#[allow(clippy::too_many_arguments)]
fn write_body(
    state: &mut State,
    mark: usize,
    of: ChunkOf,
    id: CallId,
    codec: u8,
    bytes: &mut ReplyBytes,
    described: &Described,
    outgoing: &mut Outgoing,
) -> Result<(), wire::EncodeError> {
    let out = &mut state.outbox.frames;
    let payload = bytes.as_slice();
    let packing = bytes.packing();
    let original = packing.map(|packing| packing.original);
    // What is compressed has its segments inside.
    let has_segments = match packing {
        None => !outgoing.segments().is_empty(),
        Some(packing) => !packing.segments.is_empty(),
    };
    if !has_segments && described.descriptors.is_empty() && payload.len() as u64 <= INLINE_MAX {
        wire::put_body_head(out, codec, &[], &[], None, original);
        out.extend_from_slice(payload);
        return wire::end(out, mark);
    }
    let beside = outgoing.segments().iter().map(|segment| segment.len() as u64);
    let total = payload.len() as u64 + beside.clone().sum::<u64>();
    let sizes: Vec<u64> = packing.map_or_else(|| beside.collect(), |packing| packing.segments.clone());
    if total <= INLINE_MAX {
        let head = out.len();
        wire::put_body_head(out, codec, &described.descriptors, &sizes, None, original);
        if out.len() - mark - 2 + total as usize <= FRAME_MAX {
            out.extend_from_slice(payload);
            outgoing.segments().iter().for_each(|segment| out.extend_from_slice(segment));
            return wire::end(out, mark);
        }
        // The references alone may fit the frame, and the payload follows.
        out.truncate(head);
    }
    wire::put_body_head(out, codec, &described.descriptors, &sizes, Some(total), original);
    wire::end(out, mark)?;
    let first = std::mem::replace(bytes, ReplyBytes::Shared(Bytes::new())).into_bytes();
    state.outbox.push_body(of, id, std::iter::once(first).chain(outgoing.take_segments()));
    Ok(())
}

fn shutting_down(session: &SessionCore) -> Error {
    let text = format!("{} is shutting down and takes no more calls", session.peer());
    Error::new(ErrorKind::ShuttingDown, Outcome::NotRun, text)
}

/// The longest beginning of `text` that has at most `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
