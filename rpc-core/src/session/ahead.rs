//! Owns the callee's side of calls that travel ahead: those that wait for the result on which they are made, and results that are kept until
//! nobody calls on them any more.

use std::sync::Arc;

use bytes::Bytes;

use super::SessionCore;
use super::dispatch::{Found, Ready, Turn, resolve_cached};
use super::promised::servant_of;
use super::reader::Batch;
use super::state::{Afterwards, State};
use crate::any::{AnyRemote, Place, broken};
use crate::context::CallContext;
use crate::error::{Error, ErrorKind, Fault, Outcome};
use crate::id::CallId;
use crate::inbound::Reply;
use crate::pipeline::{Asked, Found as Known, Path, Promise, Settlement, nowhere, reference_at};
use crate::proto::{AheadBounds, Defined, Place as InLine, Rule, Whereabouts};
use crate::servant::Servant;
use crate::transfer::Incoming;
use crate::wire::{ChunkOf, Status, Window};

/// A call that waits until it is known what it is made on.
pub(super) struct Early {
    /// The call whose result it is made on, and its place among those that wait for it.
    pub(super) on: CallId,
    pub(super) place: u64,
    pub(super) path: Path,
    pub(super) method: Arc<Defined>,
    pub(super) number: u32,
    pub(super) context: Box<CallContext>,
    pub(super) codec: u8,
    /// `None` while it is arriving.
    pub(super) bytes: Option<Bytes>,
    pub(super) incoming: Incoming,
    pub(super) cost: u64,
}

/// What is kept of a result while its caller may call on it: its references by their places.
#[derive(Default)]
pub(super) struct Kept {
    references: Vec<(Path, AnyRemote)>,
    /// Why there are none.
    error: Option<Error>,
}

impl Kept {
    pub(super) fn at(&self, path: &[u32]) -> Option<&AnyRemote> {
        reference_at(&self.references, path)
    }

    /// The same for a peer that has passed on its promise of it.
    fn promised(&self, path: &[u32]) -> AnyRemote {
        match (self.at(path), &self.error) {
            (Some(reference), _) => reference.clone(),
            (None, Some(error)) => AnyRemote::promise(Promise::broken("", Arc::new(error.clone().into()))),
            (None, None) => AnyRemote::broken(nowhere()),
        }
    }
}

impl IntoIterator for Kept {
    type Item = (Path, AnyRemote);
    type IntoIter = std::vec::IntoIter<(Path, AnyRemote)>;

    fn into_iter(self) -> Self::IntoIter {
        self.references.into_iter()
    }
}

/// Why a call cannot start.
pub(super) enum NotFound {
    Error(Error),
    /// The result on which it is made came to nothing.
    Broken,
    /// That result is not there yet.
    Ahead,
}

impl NotFound {
    pub(super) fn into_reply(self) -> Reply {
        match self {
            Self::Error(error) => Reply::failed(&error),
            Self::Broken | Self::Ahead => Reply::broken(),
        }
    }
}

impl From<Error> for NotFound {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a result that is there brings about, once the lock is free. One after the other and never inside each other, since one may bring
/// about the next.
pub(super) enum Work {
    Advance(u64),
    Reply(CallId, Reply),
    Settle(Arc<Asked>, Settlement),
}

impl SessionCore {
    /// Finds what a call is made on that names another call's result.
    pub(super) fn find_ahead(&self, state: &mut State, id: CallId, call: CallId, path: &[u32]) -> Result<Arc<dyn Servant>, NotFound> {
        if !self.pipelining {
            return Err(not_offered().into());
        }
        match state.proto.ahead.whereabouts(call) {
            Whereabouts::Runs if id != call => Err(NotFound::Ahead),
            Whereabouts::Returned => match state.kept.get(&call).and_then(|kept| kept.at(path)) {
                Some(reference) => Ok(self.guarded_servant(reference)?),
                None => Err(NotFound::Broken),
            },
            Whereabouts::Nowhere | Whereabouts::Runs => {
                // A guess, as one of an export is.
                state.proto.refuse();
                Err(Error::new(ErrorKind::NoSuchObject, Outcome::NotRun, "there is no such call with a promised result on this session")
                    .into())
            }
        }
    }

    /// Puts a call behind those that wait for the same result. Gives its place among them.
    pub(super) fn wait_ahead(&self, state: &mut State, id: CallId, on: CallId, cost: u64) -> Result<u64, Error> {
        let bounds = AheadBounds::of(&state.proto.ours);
        state.proto.ahead.wait(id, on, cost, bounds).ok_or_else(too_much_waits)
    }

    /// The credit of a call that is about to start goes back. One that is made on a promise of this side's of which nothing is known waits on
    /// where that is, and its payload with it: it keeps its credit until it has returned. Its peer knows that it is a promise and how much may
    /// wait, and has what is beyond it wait; to one that does not it is an object that is slow, as it would be with a handler that waits.
    pub(super) fn credit_at_start(&self, state: &mut State, id: CallId, found: &Found, cost: u64) -> Result<(), Error> {
        let is_promise = state.has_promises && found.is_promise;
        let waits = is_promise && Arc::clone(&found.servant).as_promise().is_some_and(|promise| promise.known().is_none());
        if waits && state.proto.ahead.hold(cost, AheadBounds::of(&state.proto.ours)) {
            state.holding_credit.insert(id, cost);
            return Ok(());
        }
        let credit = state.proto.call_consumed(cost);
        state.grant(Window::Calls, credit);
        if waits { Err(too_much_waits()) } else { Ok(()) }
    }

    /// A call has returned that kept its credit.
    pub(super) fn credit_at_return(&self, state: &mut State, id: CallId) {
        if state.holding_credit.is_empty() {
            return;
        }
        if let Some(cost) = state.holding_credit.remove(&id) {
            state.proto.ahead.let_go(cost);
            let credit = state.proto.call_consumed(cost);
            state.grant(Window::Calls, credit);
        }
    }

    /// The caller of a call that waits has given it up. It is answered at once: what it is made on may never be known. Whether its method is one
    /// that runs to its end is not known either; it has not begun.
    pub(super) fn give_up_queued(&self, state: &mut State, id: CallId, queued: Early, after: &mut Afterwards) {
        state.proto.ahead.give_up(queued.on, queued.place, queued.cost);
        if queued.bytes.is_some() {
            let credit = state.proto.call_consumed(queued.cost);
            state.grant(Window::Calls, credit);
            state.works.push_back(Work::Reply(id, Reply::cancelled()));
        } else {
            // What follows is thrown away.
            drop(state.arriving.take(ChunkOf::Call, id));
            state.fails_when_it_is_here(id, Reply::cancelled());
        }
        after.rest().queued.push(queued);
    }

    /// A promised call is done: the calls that waited for it are put in line before their objects. `reply` is what its caller gets.
    pub(super) fn settle_ahead(&self, state: &mut State, id: CallId, reply: &mut Reply, after: &mut Afterwards) {
        let (waiting, is_kept) = state.proto.ahead.returned(id);
        let references = (reply.status == Status::Ok).then(|| references_of(reply));
        let error = references.is_none().then(|| error_of(reply));
        state.has_promises |= references.iter().flatten().any(|(_, reference)| matches!(reference.place, Place::Promise(_)));
        for call in waiting {
            let Some(queued) = state.queued.remove(&call) else { continue };
            state.proto.ahead.left(queued.cost);
            let found = match references.as_ref().and_then(|known| reference_at(known, &queued.path)) {
                Some(reference) => self.found(state, reference, &queued),
                None => Err(NotFound::Broken),
            };
            self.start_queued(state, call, queued, found, after);
        }
        if let Some(asked) = state.promised_here.remove(&id) {
            state.promised_places = state.promised_places.saturating_sub(asked.places());
            let settlement = match &references {
                Some(references) => Ok(references.clone()),
                None => Err(Arc::new(error.clone().unwrap_or_else(nowhere).into())),
            };
            state.works.push_back(Work::Settle(asked, settlement));
        }
        if is_kept {
            state.kept.insert(id, Kept { references: references.unwrap_or_default(), error });
            return;
        }
        after.drop_references(references.into_iter().flatten().map(|(_, reference)| reference));
        if reply.status == Status::Ok {
            // Its caller has nothing left but the wish that it runs.
            after.drop_reply(reply);
            after.put_off(std::mem::replace(reply, Reply::empty()));
        }
    }

    /// What a reference leads to, with what the node has put around calls from its peers.
    fn guarded_servant(&self, reference: &AnyRemote) -> Result<Arc<dyn Servant>, Error> {
        Ok(crate::around::incoming(self.node.incoming(), servant_of(reference)?))
    }

    fn found(&self, state: &mut State, reference: &AnyRemote, queued: &Early) -> Result<Found, NotFound> {
        let servant = self.in_place_of(state, self.guarded_servant(reference)?);
        let servant = crate::cast::answering(servant, &queued.method.interface);
        let resolved = resolve_cached(state, &*servant, &queued.method, queued.number)?;
        Ok(Found { servant, method: Arc::clone(&queued.method), resolved, is_promise: true })
    }

    fn start_queued(&self, state: &mut State, call: CallId, queued: Early, found: Result<Found, NotFound>, after: &mut Afterwards) {
        let Early { context, codec, bytes, incoming, cost, .. } = queued;
        let reply = match found {
            Ok(found) => {
                let object = found.line();
                let is_here = bytes.is_some();
                let ready = Box::new(Ready::new(found, context, codec, bytes.unwrap_or_default(), incoming, cost));
                if is_here {
                    state.lines.push(object, InLine::Ready(call, Turn::Call(ready)));
                    state.works.push_back(Work::Advance(object));
                } else {
                    state.lines.push(object, InLine::Arriving(call));
                    state.awaits(call, ready);
                }
                return;
            }
            Err(NotFound::Error(error)) => Reply::failed(&error),
            Err(NotFound::Broken | NotFound::Ahead) => Reply::broken(),
        };
        after.drop_references(incoming.into_references());
        if bytes.is_some() {
            let credit = state.proto.call_consumed(cost);
            state.grant(Window::Calls, credit);
            state.works.push_back(Work::Reply(call, reply));
        } else {
            state.fails_when_it_is_here(call, reply);
        }
    }

    /// Does what results have brought about.
    pub(super) fn work(self: &Arc<Self>) {
        {
            let mut state = self.state.lock();
            // Whoever is at it does this too.
            if state.works.is_empty() || std::mem::replace(&mut state.is_working, true) {
                return;
            }
        }
        loop {
            let work = {
                let mut state = self.state.lock();
                let Some(work) = state.works.pop_front() else {
                    state.is_working = false;
                    return;
                };
                work
            };
            match work {
                Work::Advance(object) => self.advance(object, &mut Batch::detached()),
                Work::Reply(call, reply) => self.finish_call(call, reply),
                Work::Settle(asked, settlement) => asked.settle(&settlement),
            }
        }
    }

    /// A reference to what the result of a call of the peer's will have: the peer has passed its promise on to whom it comes from.
    pub(super) fn receive_answer(&self, state: &mut State, call: CallId, path: &[u32]) -> Result<AnyRemote, Rule> {
        if !self.pipelining {
            return Err(Rule::FeatureNotNegotiated);
        }
        match state.proto.ahead.whereabouts(call) {
            Whereabouts::Nowhere => Err(Rule::UnknownExport),
            Whereabouts::Returned => Ok(state.kept.get(&call).map_or_else(|| AnyRemote::broken(nowhere()), |kept| kept.promised(path))),
            Whereabouts::Runs => {
                let asked = state.promised_here.entry(call).or_default();
                if let Some(known) = asked.promise_at(path) {
                    return Ok(AnyRemote::promise(known));
                }
                if !asked.has_place(path) {
                    if state.promised_places >= self.limits().promised_calls as usize {
                        return Ok(AnyRemote::broken(broken("more references are promised by calls that run than this node takes")));
                    }
                    state.promised_places += 1;
                }
                Ok(AnyRemote::promise(Promise::in_result(asked, path.to_vec(), "")))
            }
        }
    }
}

/// A caller that keeps to what this node has announced has such calls wait at its own end.
fn too_much_waits() -> Error {
    let text = "the callee lets no more calls wait for promised results";
    Error::new(ErrorKind::Overloaded, Outcome::NotRun, text).with_fault(Fault::Caller)
}

/// The answer to a peer that calls ahead although one of the two sides has not offered it.
pub(super) fn not_offered() -> Error {
    let text = "this node does not offer calls on promised results (feature `pipelining` of the protocol)";
    Error::new(ErrorKind::Unsupported, Outcome::NotRun, text)
}

/// The references of a result. Of one that is only passed on it is known which it is when there is nothing else in it.
fn references_of(reply: &mut Reply) -> Vec<(Path, AnyRemote)> {
    if let Some(Known::References(found)) = reply.found.take().map(|found| *found) {
        return found;
    }
    // A lone reference is its index, which is 0; in an Option there is a 1 before it.
    match (reply.bytes.as_slice(), reply.outgoing.references()) {
        ([0] | [1, 0], [reference, ..]) if !reference.is_half() => vec![(Path::new(), reference.clone())],
        _ => Vec::new(),
    }
}

/// What is known here of a call that failed, for calls on what it was to give.
fn error_of(reply: &mut Reply) -> Error {
    if let Some(Known::Nothing(error)) = reply.found.take().map(|found| *found) {
        return error;
    }
    let text = match reply.status {
        Status::SystemError => return crate::inbound::decode_error(reply.bytes.as_slice()),
        Status::AppError => "the call whose result was promised returned an error of its own",
        _ => "the call whose result was promised was cancelled",
    };
    Error::new(ErrorKind::Nested, Outcome::NotRun, text)
}
