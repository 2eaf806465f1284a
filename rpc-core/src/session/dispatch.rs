//! Owns the way of a call from its frame to its method: finding the object, keeping the order before it, first poll on the reader.

use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::SessionCore;
use super::ahead::{Early, NotFound};
use super::arriving;
use super::embargo::Back;
use super::packing::RESTORED_HERE;
use super::reader::Batch;
use super::state::{Afterwards, State};
use super::task::HandlerTask;
use crate::context::{self, CallContext, Door, MethodLabel};
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::{CallId, ExportId};
use crate::inbound::{Asked, Inbound, InboundBytes, Reply, Served, bounds};
use crate::limits::Size;
use crate::pipeline::Promise;
use crate::proto::{CallArrival, Defined, Place, Rule};
use crate::servant::{Resolved, Servant, resolve};
use crate::transfer::Incoming;
use crate::wire::{self, ChunkOf, Status, Target, Window};

/// A first poll that takes longer holds everything up that arrives on the same session, so it is worth a warning.
const FIRST_POLL_SLOW: Duration = Duration::from_millis(10);

/// A call whose object and method are found.
pub(super) struct Found {
    pub(super) servant: Arc<dyn Servant>,
    pub(super) method: Arc<Defined>,
    pub(super) resolved: Resolved,
    /// Whether the caller knows that it calls a promise, if it is one.
    pub(super) is_promise: bool,
}

impl Found {
    pub(super) fn line(&self) -> u64 {
        self.servant.line()
    }
}

impl State {
    /// It is known now what a call is made on that is still arriving.
    pub(super) fn awaits(&mut self, call: CallId, ready: Box<Ready>) {
        if let Some(pending) = self.pending.get_mut(&call) {
            pending.awaited = Awaited::Ready(ready);
        }
    }

    /// It is known that there is nothing to call for a call that is still arriving. It is answered when all of it is here.
    pub(super) fn fails_when_it_is_here(&mut self, call: CallId, reply: Reply) {
        if let Some(pending) = self.pending.get_mut(&call) {
            pending.awaited = Awaited::Failed(reply);
        }
    }
}

/// A call that has arrived in full and waits for its turn.
pub(super) struct Ready {
    found: Found,
    context: Box<CallContext>,
    codec: u8,
    bytes: Bytes,
    incoming: Incoming,
    /// What the call takes of its window until it leaves the line: what waits here has to be paid for.
    cost: u64,
}

impl Ready {
    pub(super) fn new(found: Found, context: Box<CallContext>, codec: u8, bytes: Bytes, incoming: Incoming, cost: u64) -> Self {
        Self { found, context, codec, bytes, incoming, cost }
    }
}

/// Whose turn it is in a line.
pub(super) enum Turn {
    Call(Box<Ready>),
    /// What was called ahead on a promise has come back: the promise opens.
    Open(Arc<Promise>),
    /// What the peer has called before on this object has been started or passed on: it is told when it is through.
    Back(Back, Arc<dyn Servant>),
    /// The calls on a promise have started: its holder is told what it is.
    Resolve(ExportId, Arc<Promise>),
}

/// A call whose payload is still arriving.
pub(super) struct Pending {
    cost: u64,
    awaited: Awaited,
}

/// What becomes of a call once its payload has arrived.
enum Awaited {
    Ready(Box<Ready>),
    /// There is nothing to call.
    Failed(Reply),
    /// It is not known yet what is called.
    Ahead,
    /// No return is owed.
    Nothing,
}

/// What the last chunk of a call brought about.
pub(super) enum Arrival {
    /// The call is ready, in the line before this object.
    InLine(u64),
    Failed(Reply),
    Nothing,
}

/// What is to be done with a call once the lock is free.
enum Step<'a> {
    Nothing,
    Fail(Reply),
    /// With the number of calls accepted so far.
    Serve(Found, u64, Incoming, &'a [u8]),
}

impl SessionCore {
    /// The first frame of a call arrived.
    pub(super) fn on_call(self: &Arc<Self>, call: &wire::Call<'_>, batch: &mut Batch) {
        let mut after = Afterwards::default();
        let (step, spent) = {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                (Step::Nothing, false)
            } else {
                let step = self.admit(&mut state, call, batch, &mut after);
                (step, state.proto.is_spent())
            }
        };
        after.run();
        if spent {
            return self.end_for_refusals();
        }
        match step {
            Step::Nothing => {}
            Step::Fail(reply) => self.finish_call(call.id, reply),
            Step::Serve(found, accepted, incoming, bytes) => {
                let context = self.context(accepted, call, batch);
                let bytes = InboundBytes::Borrowed(bytes);
                self.serve(call.id, found, context, call.body.codec, bytes, incoming, batch);
            }
        }
    }

    #[inline]
    fn admit<'a>(self: &Arc<Self>, state: &mut State, call: &wire::Call<'a>, batch: &mut Batch, after: &mut Afterwards) -> Step<'a> {
        let (mut incoming, mut rule) = self.receive(state, &call.body.references, after);
        let (size, present) = arriving::size_of(&call.body);
        let Size { cost, .. } = size;
        // A refused call is counted by its sender, and so it is here.
        let allowed = self.allows(&call.body).inspect_err(|_| state.proto.answers.count());
        let handled = allowed.and_then(|()| match call.body.original {
            None => state.proto.handle_call(call.id, size, present),
            Some(_) => state.proto.handle_compressed_call(call.id, size, present, call.body.surplus()),
        });
        let arrival = match handled {
            Ok(arrival) => {
                if call.promised && self.pipelining && !matches!(arrival, CallArrival::Departed { .. }) {
                    state.proto.ahead.open(call.id);
                }
                Some(arrival)
            }
            Err(broken) => {
                rule = Some(broken);
                None
            }
        };
        if let Some(rule) = rule
            && !state.refuse(wire::kind::CALL, rule)
        {
            // The session ends as soon as the lock is free.
            after.drop_references(incoming.into_references());
            return Step::Nothing;
        }
        match arrival {
            Some(CallArrival::Complete) => {
                let found = match self.find(state, call) {
                    Ok(found) => found,
                    Err(why) => return self.admit_none(state, call, why, cost, incoming, batch, after),
                };
                let bytes = arriving::split(&call.body, &mut incoming);
                let accepted = state.proto.answers.arrived();
                let object = found.servant.line();
                if !state.lines.is_empty() && state.lines.has(object) {
                    let context = self.context(accepted, call, batch);
                    let bytes = Bytes::copy_from_slice(bytes);
                    let ready = Ready { found, context, codec: call.body.codec, bytes, incoming, cost };
                    state.lines.push(object, Place::Ready(call.id, Turn::Call(Box::new(ready))));
                    return Step::Nothing;
                }
                if let Err(error) = self.credit_at_start(state, call.id, &found, cost) {
                    after.drop_references(incoming.into_references());
                    return Step::Fail(Reply::failed(&error));
                }
                Step::Serve(found, accepted, incoming, bytes)
            }
            Some(CallArrival::Partial) => {
                let awaited = match self.find(state, call) {
                    Ok(found) => {
                        state.arriving.begin(ChunkOf::Call, call.id, &call.body, &mut incoming);
                        let context = self.context(state.proto.answers.arrived(), call, batch);
                        state.lines.push(found.servant.line(), Place::Arriving(call.id));
                        let bytes = Bytes::new();
                        let ready = Ready { found, context, codec: call.body.codec, bytes, incoming, cost };
                        Awaited::Ready(Box::new(ready))
                    }
                    Err(NotFound::Ahead) => {
                        state.arriving.begin(ChunkOf::Call, call.id, &call.body, &mut incoming);
                        match self.queue_ahead(state, call, None, incoming, cost, batch) {
                            Ok(()) => Awaited::Ahead,
                            Err((reply, incoming)) => {
                                // What follows is thrown away.
                                drop(state.arriving.take(ChunkOf::Call, call.id));
                                after.drop_references(incoming.into_references());
                                Awaited::Failed(reply)
                            }
                        }
                    }
                    Err(why) => {
                        let error = why.into_reply();
                        after.drop_references(incoming.into_references());
                        // Answered when all of it has arrived: a call that is answered no longer counts, and its pieces have to.
                        Awaited::Failed(error)
                    }
                };
                state.pending.insert(call.id, Pending { cost, awaited });
                Step::Nothing
            }
            Some(CallArrival::Departed { complete }) => {
                if complete {
                    let credit = state.proto.call_consumed(cost);
                    state.grant(Window::Calls, credit);
                } else {
                    // The chunks that follow are read and thrown away.
                    state.pending.insert(call.id, Pending { cost, awaited: Awaited::Nothing });
                }
                after.drop_references(incoming.into_references());
                Step::Nothing
            }
            None => {
                after.drop_references(incoming.into_references());
                Step::Nothing
            }
        }
    }

    /// There is nothing to call, or not yet.
    #[cold]
    #[allow(clippy::too_many_arguments)]
    fn admit_none<'a>(
        self: &Arc<Self>,
        state: &mut State,
        call: &wire::Call<'a>,
        why: NotFound,
        cost: u64,
        mut incoming: Incoming,
        batch: &mut Batch,
        after: &mut Afterwards,
    ) -> Step<'a> {
        let (reply, incoming) = if matches!(why, NotFound::Ahead) {
            let bytes = arriving::split(&call.body, &mut incoming);
            match self.queue_ahead(state, call, Some(Bytes::copy_from_slice(bytes)), incoming, cost, batch) {
                Ok(()) => return Step::Nothing,
                Err(failed) => failed,
            }
        } else {
            (why.into_reply(), incoming)
        };
        let credit = state.proto.call_consumed(cost);
        state.grant(Window::Calls, credit);
        after.drop_references(incoming.into_references());
        Step::Fail(reply)
    }

    /// Has a call wait for the result on which it is made. Its bytes may still be arriving.
    fn queue_ahead(
        self: &Arc<Self>,
        state: &mut State,
        call: &wire::Call<'_>,
        bytes: Option<Bytes>,
        incoming: Incoming,
        cost: u64,
        batch: &mut Batch,
    ) -> Result<(), (Reply, Incoming)> {
        let (Target::Answer { call: on, path }, Some(method)) = (&call.target, state.proto.peer.method(call.method).cloned()) else {
            return Err((Reply::broken(), incoming));
        };
        let (on, place) = match self.wait_ahead(state, call.id, *on, cost) {
            Ok(place) => (*on, place),
            Err(error) => return Err((Reply::failed(&error), incoming)),
        };
        let context = self.context(state.proto.answers.arrived(), call, batch);
        let (path, codec) = (path.clone(), call.body.codec);
        state.queued.insert(call.id, Early { on, place, path, method, number: call.method, context, codec, bytes, incoming, cost });
        Ok(())
    }

    /// The last chunk of a call has arrived.
    pub(super) fn call_arrived(self: &Arc<Self>, state: &mut State, id: CallId) -> Arrival {
        let whole = state.arriving.take(ChunkOf::Call, id);
        let Some(Pending { cost, awaited }) = state.pending.remove(&id) else { return Arrival::Nothing };
        if !matches!(awaited, Awaited::Ready(_) | Awaited::Ahead) {
            let credit = state.proto.call_consumed(cost);
            state.grant(Window::Calls, credit);
        }
        match (awaited, whole) {
            (Awaited::Ready(mut ready), Some(whole)) => {
                ready.bytes = whole.bytes;
                ready.incoming.set_segments(whole.segments);
                let object = ready.found.servant.line();
                state.lines.arrived(object, id, Turn::Call(ready));
                Arrival::InLine(object)
            }
            (Awaited::Ahead, Some(whole)) => {
                if let Some(queued) = state.queued.get_mut(&id) {
                    queued.bytes = Some(whole.bytes);
                    queued.incoming.set_segments(whole.segments);
                }
                Arrival::Nothing
            }
            (Awaited::Failed(reply), _) => Arrival::Failed(reply),
            _ => Arrival::Nothing,
        }
    }

    /// Starts what can start in the line before an object.
    pub(super) fn advance(self: &Arc<Self>, object: u64, batch: &mut Batch) {
        loop {
            let (id, ready, given_up) = {
                let mut state = self.state.lock();
                let Some((id, turn)) = state.lines.next(object) else { return };
                let ready = match turn {
                    Turn::Call(ready) => ready,
                    Turn::Back(back, servant) => {
                        let mut after = Afterwards::default();
                        let answered = self.answer_embargo(&mut state, back, &servant, &mut after);
                        let goes_on = answered.is_ok() || state.refuse(wire::kind::DISEMBARGO, Rule::Disembargo);
                        state.lines.leave(object, id);
                        drop(state);
                        after.rest().servants.push(servant);
                        after.run();
                        self.flush_after(false);
                        if !goes_on {
                            self.end_for_refusals();
                        }
                        continue;
                    }
                    Turn::Resolve(..) => {
                        // The next calls stand in another line, so none may be left behind in this one.
                        let turn = state.lines.go_last(object, id, turn, |turn| matches!(turn, Turn::Resolve(..)));
                        let Some(Turn::Resolve(export, promise)) = turn else { continue };
                        let mut after = Afterwards::default();
                        self.resolve(&mut state, export, &promise, &mut after);
                        drop(state);
                        after.run();
                        self.flush_after(false);
                        continue;
                    }
                    Turn::Open(promise) => {
                        state.lines.leave(object, id);
                        drop(state);
                        super::embargo::open_in_turn(&promise);
                        continue;
                    }
                };
                let too_much = self.credit_at_start(&mut state, id, &ready.found, ready.cost).err().map(|error| Reply::failed(&error));
                let given_up = state.proto.answers.is_cancelled(id) && !ready.found.resolved.no_cancel;
                (id, ready, too_much.or_else(|| given_up.then(Reply::cancelled)))
            };
            let Ready { found, context, codec, bytes, incoming, .. } = *ready;
            if let Some(reply) = given_up {
                // Its caller has dropped it while it waited for its turn, or too much waits: it never starts.
                crate::panics::drop_quietly((found, context, incoming));
                self.finish_call(id, reply);
                self.state.lock().lines.leave(object, id);
                continue;
            }
            if self.serve(id, found, context, codec, InboundBytes::Shared(bytes), incoming, batch) {
                return; // The task moves the line on when it has started.
            }
            self.state.lock().lines.leave(object, id);
        }
    }

    /// The same outside a batch of frames that were read: credit that is granted meanwhile has nobody else to send it.
    pub(super) fn advance_alone(self: &Arc<Self>, object: u64) {
        self.advance(object, &mut Batch::detached());
        self.flush_after(false);
    }

    /// A method on a thread of its own has started, so the line before its object moves on: elsewhere, for this thread is taken.
    pub(crate) fn move_line(self: &Arc<Self>, object: u64, id: CallId) {
        let has_more = {
            let mut state = self.state.lock();
            state.lines.leave(object, id);
            state.lines.has(object)
        };
        if has_more {
            let session = Arc::clone(self);
            self.runtime.spawn(async move { session.advance_alone(object) });
        }
    }

    #[inline]
    fn find(&self, state: &mut State, call: &wire::Call<'_>) -> Result<Found, NotFound> {
        let Some(method) = state.proto.peer.method(call.method).cloned() else {
            let text = format!("method number {} was not defined by the caller on this session", call.method);
            return Err(Error::new(ErrorKind::NoSuchMethod, Outcome::NotRun, text).into());
        };
        let holds = call.chain.as_ref().map_or(0, |chain| chain.holds.len());
        if holds > self.limits().chain_holds as usize {
            let text = format!("the call descends from {holds} unfinished calls on objects with `&mut self` methods, more than is allowed");
            return Err(Error::new(ErrorKind::Overloaded, Outcome::NotRun, text).into());
        }
        if call.promised && !self.pipelining {
            return Err(super::ahead::not_offered().into());
        }
        let servant = match &call.target {
            Target::Root => self.node.root(),
            Target::Export(id) => match state.proto.exports.get(*id).and_then(|_| state.servants.get(id.index as usize)?.clone()) {
                Some(servant) => servant,
                None => {
                    // A stale id, or a guess: the answer is the same, and guesses are counted.
                    state.proto.refuse();
                    return Err(Error::new(ErrorKind::NoSuchObject, Outcome::NotRun, "there is no such object for this session").into());
                }
            },
            Target::Answer { call: on, path } => self.find_ahead(state, call.id, *on, path)?,
        };
        let mut is_promise = false;
        let servant = if state.has_promises {
            is_promise = self.pipelining && !super::embargo::is_object(&servant);
            self.in_place_of(state, servant)
        } else {
            servant
        };
        let servant = crate::cast::answering(servant, &method.interface);
        let resolved = resolve_cached(state, &*servant, &method, call.method)?;
        Ok(Found { servant, method, resolved, is_promise })
    }

    /// What the call carries along, in the box of the call before where that is free: field by field, so that nothing is copied.
    fn context(self: &Arc<Self>, accepted: u64, call: &wire::Call<'_>, batch: &mut Batch) -> Box<CallContext> {
        let mut context = batch.spare.take().unwrap_or_default();
        match &mut context.incoming {
            Some((_, id)) => *id = call.id,
            none => *none = Some((Arc::clone(self), call.id)),
        }
        context.deadline = call.deadline_us.and_then(|micros| batch.now.checked_add(Duration::from_micros(micros)));
        match &call.chain {
            Some(chain) => {
                context.root = Some(chain.root);
                context.holds.clone_from(&chain.holds);
            }
            None => {
                context.root = Some(self.root_of(accepted));
                context.holds.clear();
            }
        }
        context.trace = call.trace.map(Box::new);
        context.started = false;
        context.idempotent = call.idempotent;
        context.promised = call.promised && self.pipelining;
        context.line = None;
        context.door = Door::Open;
        context
    }

    /// The name of a root call: the session and the call's number on it, which no other root call has.
    fn root_of(&self, accepted: u64) -> [u8; 16] {
        let mut root = [0; 16];
        root[..8].copy_from_slice(&(self.id.0 as u64 ^ u64::from(self.dialled)).to_le_bytes());
        root[8..].copy_from_slice(&accepted.to_le_bytes());
        root
    }

    /// Runs a method: decodes and polls once here, and hands over to a task what is not done by then. True when the method starts on a
    /// task of its own, or is about to, which moves the line before its object.
    #[allow(clippy::too_many_arguments)]
    fn serve(
        self: &Arc<Self>,
        id: CallId,
        found: Found,
        mut context: Box<CallContext>,
        codec: u8,
        bytes: InboundBytes<'_>,
        mut incoming: Incoming,
        batch: &mut Batch,
    ) -> bool {
        if incoming.is_packed() && incoming.length_with(0) > RESTORED_HERE {
            return self.serve_elsewhere(id, Ready::new(found, context, codec, bytes.into_shared(), incoming, 0));
        }
        let bytes = match self.unpack_arguments(bytes, &mut incoming) {
            Ok(bytes) => bytes,
            Err(error) => {
                let error = error.with_method(full_name(&found.method));
                crate::panics::drop_quietly((found, context, incoming));
                self.finish_call(id, Reply::failed(&error));
                return false;
            }
        };
        let Found { servant, method, resolved, .. } = found;
        let object = servant.line();
        if !matches!(&context.method, Some(MethodLabel::There(known)) if Arc::ptr_eq(known, &method)) {
            context.method = Some(MethodLabel::There(Arc::clone(&method)));
        }
        let mut context = Some(context);
        let mut inbound = Inbound::new(codec, bytes, incoming, bounds(self.limits()), self.theirs.message_bytes, Asked::Defined(&method));
        inbound.set_promised(context.as_ref().is_some_and(|context| context.promised));
        let elsewhere = resolved.spawn || resolved.blocking;
        let mut going = None;
        let polled = context::enter(&mut context, || {
            crate::panics::caught(|| match servant.serve(resolved, &mut inbound) {
                Served::Ready(reply) => Poll::Ready(reply),
                Served::Future(future) if elsewhere => {
                    going = Some(future);
                    Poll::Pending
                }
                // A future that is not ready now is polled again by its task, with a waker that counts.
                Served::Future(mut future) => {
                    let polled = future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
                    if polled.is_pending() {
                        going = Some(future);
                    }
                    polled
                }
            })
        });
        if let Some(leftovers) = inbound.take_leftovers() {
            // What the arguments left unclaimed is user data too.
            crate::panics::drop_quietly(leftovers);
        }
        batch.after_poll(&method, FIRST_POLL_SLOW);
        match polled {
            Ok(Poll::Ready(reply)) => {
                batch.spare = context;
                if self.packs_for_long(&reply) {
                    let session = Arc::clone(self);
                    self.runtime.spawn(async move { session.finish_call(id, reply) });
                } else {
                    self.finish_call(id, reply);
                }
            }
            Ok(Poll::Pending) => {
                let Some(future) = going else { return false };
                let mut task = HandlerTask::new(Arc::clone(self), id, future, context, method);
                if elsewhere {
                    task.starts_line(object, resolved.blocking);
                }
                if !resolved.blocking {
                    task.tells_when_polled();
                }
                self.spawn(task, resolved, object);
                return elsewhere;
            }
            Err(panicked) => {
                let started = context.as_ref().is_none_or(|context| context.started);
                let outcome = if started { Outcome::MayHaveRun } else { Outcome::NotRun };
                let error = self.guarded(panicked.into_error(outcome));
                self.finish_call(id, Reply::failed(&error.with_method(full_name(&method))));
            }
        }
        false
    }

    fn spawn(self: &Arc<Self>, task: HandlerTask, resolved: Resolved, object: u64) {
        let id = task.id();
        if resolved.spawn || resolved.blocking {
            self.state.lock().lines.starts(object, id);
        }
        let handle = if resolved.blocking {
            let runtime = self.runtime.clone();
            let session = Arc::clone(self);
            let work = move || {
                runtime.block_on(async move {
                    tokio::select! {
                        biased;
                        () = task => {}
                        () = session.cancelled(id), if !resolved.no_cancel => {}
                    }
                });
            };
            self.runtime.spawn_blocking(work).abort_handle()
        } else {
            self.runtime.spawn(task).abort_handle()
        };
        let mut state = self.state.lock();
        if state.proto.answers.is_running(id) {
            let running = state.running_mut(id);
            running.no_cancel = resolved.no_cancel;
            running.task = Some(handle);
            // A cancel that came between the start and here found no task to end.
            let cancelled = state.proto.answers.is_cancelled(id) && !resolved.no_cancel;
            let task = if cancelled { state.running_mut(id).task.take() } else { None };
            drop(state);
            if let Some(task) = task {
                task.abort();
            }
        }
    }

    /// A method is done, or will never run: its return is sent.
    pub(super) fn finish_call(self: &Arc<Self>, id: CallId, mut reply: Reply) {
        if reply.status != Status::SystemError {
            // What netref itself says is short, and is read here when promises break by it.
            self.pack_result(&mut reply.bytes, &mut reply.outgoing);
        }
        let mut after = Afterwards::default();
        let mut has_work = false;
        let quiet = {
            let mut state = self.state.lock();
            if state.closed.is_some() || !state.proto.answers.is_running(id) {
                after.drop_reply(&mut reply);
            } else {
                self.credit_at_return(&mut state, id);
                if state.proto.ahead.is_promised(id) {
                    self.settle_ahead(&mut state, id, &mut reply, &mut after);
                    has_work = !state.works.is_empty();
                }
                self.send_return(&mut state, id, &mut reply, &mut after);
            }
            state.is_quiet()
        };
        after.run();
        self.flush_after(quiet);
        if has_work {
            self.work();
        }
    }

    /// What a peer may learn of an error that was logged when it came about. Called under the lock, where nothing is logged.
    pub(super) fn hushed(&self, error: &Error) -> Error {
        if error.kind() != ErrorKind::Panic || self.peer.is_on_this_machine() || self.node.shares_panics() {
            return error.clone();
        }
        Error::new(ErrorKind::Panic, error.outcome(), "what was to give the reference panicked (the log of its node has more)")
    }

    /// What a peer may learn of a panic: all of it on this machine, otherwise a number that the log repeats.
    pub(crate) fn guarded(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Panic {
            return error;
        }
        let number = u32::from_le_bytes(crate::random::bytes());
        tracing::error!(id = %format_args!("{number:08x}"), location = error.location(), "{}", error.text());
        if self.peer.is_on_this_machine() || self.node.shares_panics() {
            return error;
        }
        Error::new(ErrorKind::Panic, error.outcome(), format!("the handler panicked (its log has it as {number:08x})"))
    }
}

/// `interface.method`, for errors.
pub(super) fn full_name(method: &Defined) -> String {
    format!("{}.{}", method.interface, method.name)
}

/// Refusals that are kept for one peer: a program of another version meets a few, and an error takes a kilobyte.
const MISFITS_MAX: usize = 256;

/// What a method number of the peer's means for a servant. Most objects of one interface follow each other, so the last answer is kept.
pub(super) fn resolve_cached(state: &mut State, servant: &dyn Servant, method: &Defined, number: u32) -> Result<Resolved, Error> {
    let Some(key) = servant.kind() else { return Ok(Resolved::RAW) };
    let index = number as usize;
    if let Some(&Some((known, resolved))) = state.resolved.get(index)
        && known == key
    {
        return Ok(resolved);
    }
    if let Some(error) = state.misfits.get(&(number, key)) {
        return Err(error.clone());
    }
    let resolved = resolve(servant, &crate::inbound::defined(method)).inspect_err(|error| {
        if state.misfits.len() < MISFITS_MAX {
            state.misfits.insert((number, key), error.clone());
        }
    })?;
    if index >= state.resolved.len() {
        state.resolved.resize(index + 1, None);
    }
    state.resolved[index] = Some((key, resolved));
    Ok(resolved)
}

mod elsewhere;

#[cfg(test)]
mod tests;
