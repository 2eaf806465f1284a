//! Owns embargoes: what keeps calls from passing those that went ahead on a promise, when it turns out to lead elsewhere than those went. The
//! question goes the way that the calls went, over as many sessions as they did, and is answered when they are through.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};

use super::SessionCore;
use super::dispatch::Turn;
use super::import::Import;
use super::promised::{Goal, Lane, servant_of};
use super::state::{Afterwards, State};
use crate::any::AnyRemote;
use crate::error::{Error, ErrorKind, Outcome};
use crate::id::CallId;
use crate::pipeline::{Breakage, PROMISES_MAX, Promise};
use crate::proto::{Place, Rule};
use crate::servant::Servant;
use crate::wire::{self, Disembargo, DisembargoContext, Frame, Refused, Target};

/// Who waits for the answer to an embargo of this side's. What it was asked about is held until it is answered, so that the same is not asked
/// about twice at a time.
pub(super) enum Embargo {
    /// A promise that turned out to be elsewhere.
    Promise {
        promise: Arc<Promise>,
        /// The line in which what was called ahead comes back.
        line: u64,
        held: Goal,
    },
    /// Peers of other sessions.
    Asked { askers: Askers, held: Arc<Import> },
}

/// Sessions whose peers have asked this node.
pub(super) type Askers = Vec<(Weak<SessionCore>, Back)>;

/// What a peer is told when its calls on a target are through.
pub(super) struct Back {
    number: u32,
    target: Target,
    /// Whether it holds the target as an object that it does not know to be a promise.
    is_object: bool,
}

/// What waits until the calls are on their way that were to be sent before.
pub(super) enum Behind {
    /// The answer to an embargo of the peer's.
    Back(Back),
    /// The question of peers of other sessions, which goes on to where this leads.
    Ask(Arc<Import>, Askers),
    /// The calls on a promise that leads over this session.
    Open(Arc<Promise>),
}

/// Where calls on an object go on.
enum Leads {
    /// They start here, or fail.
    Here,
    /// To the peer from which they come.
    Back,
    /// Over another session.
    On(Arc<Import>),
    /// It is not known yet.
    Nowhere,
}

/// A place in line that is no call's: no call has this index.
pub(super) fn marker(embargo: u32) -> CallId {
    CallId { index: u32::MAX, generation: embargo }
}

impl SessionCore {
    /// Asks the peer to say when everything has come back that was called ahead on a promise. False when there is nobody to ask.
    pub(super) fn embargo(&self, promise: &Arc<Promise>, reference: &AnyRemote, lane: &Lane) -> bool {
        let Ok(servant) = servant_of(reference) else { return false };
        {
            let mut state = self.state.lock();
            if let Some(error) = state.closed.clone() {
                drop(state);
                promise.break_off(Arc::new(Breakage::from(error)));
                return true;
            }
            let embargo = Embargo::Promise { promise: Arc::clone(promise), line: servant.line(), held: lane.goal() };
            ask(&mut state, lane.target(), embargo);
        }
        self.flush_after(false);
        true
    }

    pub(super) fn on_disembargo(&self, state: &mut State, disembargo: &Disembargo, after: &mut Afterwards) -> Result<(), Rule> {
        if !self.pipelining {
            return Err(Rule::FeatureNotNegotiated);
        }
        let number = disembargo.embargo;
        let target = match &disembargo.context {
            DisembargoContext::ReceiverLoopback => return came_back(state, number, after),
            DisembargoContext::SenderLoopback(target) => target,
        };
        let servant = match target {
            Target::Answer { call, path } => {
                let kept = state.kept.get(call).and_then(|kept| kept.at(path));
                kept.and_then(|reference| servant_of(reference).ok())
            }
            Target::Export(id) => state.servant(*id),
            Target::Root => None,
        };
        let exported = servant.ok_or(Rule::Disembargo)?;
        // Afterwards it may be another promise that stands in its place.
        let is_object = is_object(&exported);
        let servant = self.in_place_of(state, exported);
        let line = servant.line();
        // Whoever has asked holds the target until it is told, and so asks once.
        if !state.disembargoed.insert(target.clone()) {
            return Err(Rule::Disembargo);
        }
        let back = Back { number, target: target.clone(), is_object };
        if !state.lines.has(line) {
            return self.answer_embargo(state, back, &servant, after);
        }
        state.lines.push(line, Place::Ready(marker(number), Turn::Back(back, servant)));
        Ok(())
    }

    /// What the peer has called before on this object has started here, or has been passed on. In that case it is through when it is there.
    pub(super) fn answer_embargo(
        &self,
        state: &mut State,
        back: Back,
        servant: &Arc<dyn Servant>,
        after: &mut Afterwards,
    ) -> Result<(), Rule> {
        match self.leads(servant, back.is_object) {
            Leads::Here => say_back(state, &back),
            Leads::Back => put_behind(state, Behind::Back(back), after),
            Leads::On(import) if import.session().pipelining => after.rest().asks.push((import, vec![(self.weak(), back)])),
            Leads::On(_) | Leads::Nowhere => {
                state.disembargoed.remove(&back.target);
                return Err(Rule::Disembargo);
            }
        }
        Ok(())
    }

    fn leads(&self, servant: &Arc<dyn Servant>, is_object: bool) -> Leads {
        let (mut servant, mut is_object) = (Arc::clone(servant), is_object);
        for _ in 0..PROMISES_MAX {
            if let Some(import) = Arc::clone(&servant).as_import() {
                let is_back = std::ptr::eq(Arc::as_ptr(import.session()), self);
                return if is_back { Leads::Back } else { Leads::On(import) };
            }
            // What its peer holds as an object has its calls wait here, in the last promise that it leads to; those of others go by here.
            is_object |= self::is_object(&servant);
            let Some(promise) = servant.as_promise() else { return Leads::Here };
            if promise.is_from(self) {
                return Leads::Back;
            }
            servant = match promise.known() {
                Some(Ok(next)) => match servant_of(&next) {
                    Ok(servant) => servant,
                    Err(_) => return Leads::Here,
                },
                Some(Err(_)) => return Leads::Here,
                None if is_object => return Leads::Here,
                None => return Leads::Nowhere,
            };
        }
        Leads::Nowhere
    }

    /// Asks the peer on behalf of those of other sessions, behind the calls that wait to be sent.
    pub(super) fn ask_on(&self, import: Arc<Import>, askers: Askers) {
        let mut after = Afterwards::default();
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                after.rest().through.push((askers, false));
                after.rest().references.push(AnyRemote::there(import));
            } else {
                put_behind(&mut state, Behind::Ask(import, askers), &mut after);
            }
        }
        after.run();
        self.flush_after(false);
    }

    /// Another node has said that the calls are through; or nobody will ever say so.
    fn is_through(&self, back: &Back, is_through: bool) {
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            if is_through {
                say_back(&mut state, back);
            } else {
                state.disembargoed.remove(&back.target);
                // It is no fault of the peer's, so its budget is not touched.
                let text = "the session was lost over which calls went ahead: nobody can say when they are through";
                state.push(&Frame::Refused(Refused { kind: wire::kind::DISEMBARGO, code: Rule::Disembargo.code(), text }));
            }
        }
        self.flush_after(false);
    }
}

/// Whether it is a promise that was passed on as an object: the peer is never told what it becomes.
pub(super) fn is_object(servant: &Arc<dyn Servant>) -> bool {
    let number = servant.number();
    Arc::clone(servant).as_promise().is_some_and(|promise| promise.number() != number)
}

/// Tells peers what became of their embargoes.
pub(super) fn tell(askers: Askers, is_through: bool) {
    for (session, back) in askers {
        if let Some(session) = session.upgrade() {
            session.is_through(&back, is_through);
        }
    }
}

/// The peer has refused an embargo, and does not say which. None of those that are open may be waited for any more, and no promise may open
/// without an answer.
pub(super) fn embargo_refused(state: &mut State, after: &mut Afterwards) {
    if state.embargoes.is_empty() {
        return;
    }
    let text = "the peer could not say when the calls that went ahead on the reference are through, so none may follow them";
    let breakage = Arc::new(Breakage::from(Error::new(ErrorKind::Disconnected, Outcome::NotRun, text)));
    // The others are answered all the same.
    state.given_up = state.given_up.saturating_add(state.embargoes.len() - 1);
    break_off_all(state, &breakage, after);
}

/// Nobody will answer the embargoes that are open. What was called ahead may be lost, and what is called later must not run without it.
fn break_off_all(state: &mut State, breakage: &Arc<Breakage>, after: &mut Afterwards) {
    for embargo in state.embargoes.drain().map(|(_, embargo)| embargo) {
        match embargo {
            Embargo::Promise { promise, held, .. } => {
                after.rest().broken.push((promise, Arc::clone(breakage)));
                after.rest().goals.push(held);
            }
            Embargo::Asked { askers, held } => {
                after.rest().through.push((askers, false));
                after.rest().references.push(AnyRemote::there(held));
            }
        }
    }
    after.rest().through.extend(state.asked_on.drain().map(|(_, askers)| (askers, false)));
}

/// The session is over: gives what waits for it to whoever has to know.
pub(super) fn end_embargoes(state: &mut State, breakage: &Arc<Breakage>, after: &mut Afterwards) {
    break_off_all(state, breakage, after);
    for (_, behind) in std::mem::take(&mut state.behind) {
        match behind {
            Behind::Ask(import, askers) => {
                after.rest().references.push(AnyRemote::there(import));
                after.rest().through.push((askers, false));
            }
            // There is nothing to call, which its calls are told by the session.
            Behind::Open(promise) => after.rest().promises.push(promise),
            Behind::Back(_) => {}
        }
    }
    state.disembargoed.clear();
}

/// An embargo is answered: what was called ahead has come back.
fn came_back(state: &mut State, number: u32, after: &mut Afterwards) -> Result<(), Rule> {
    match state.embargoes.remove(&number) {
        Some(Embargo::Promise { promise, line, held }) => {
            after.rest().goals.push(held);
            if state.lines.has(line) {
                // What came back may wait for its turn, and the promise opens behind it.
                state.lines.push(line, Place::Ready(marker(number), Turn::Open(promise)));
            } else {
                after.rest().returned.push(promise);
            }
        }
        Some(Embargo::Asked { askers, held }) => {
            after.rest().through.push((askers, true));
            match state.asked_on.remove(&held.id) {
                // Who has asked meanwhile may have sent calls that are behind that answer.
                Some(askers) if !askers.is_empty() => put_behind(state, Behind::Ask(held, askers), after),
                _ => after.rest().references.push(AnyRemote::there(held)),
            }
        }
        None if state.given_up > 0 => state.given_up -= 1,
        None => return Err(Rule::Disembargo),
    }
    Ok(())
}

fn ask(state: &mut State, target: Target, embargo: Embargo) {
    let number = state.next_embargo;
    state.next_embargo = number.wrapping_add(1);
    state.embargoes.insert(number, embargo);
    state.push(&Frame::Disembargo(Disembargo { embargo: number, context: DisembargoContext::SenderLoopback(target) }));
}

fn say_back(state: &mut State, back: &Back) {
    state.disembargoed.remove(&back.target);
    state.push(&Frame::Disembargo(Disembargo { embargo: back.number, context: DisembargoContext::ReceiverLoopback }));
}

/// Has something wait for the calls that wait for room or credit now.
fn put_behind(state: &mut State, behind: Behind, after: &mut Afterwards) {
    state.behind.push_back((state.tickets, behind));
    send_behind(state, after);
}

/// Does what waited behind calls that are on their way now.
pub(super) fn send_behind(state: &mut State, after: &mut Afterwards) {
    // In each queue they stand in the order of their numbers, and the first one waits.
    let first = state.waiting.iter().filter_map(|tickets| Some(tickets.front()?.number())).min();
    while let Some((last, _)) = state.behind.front() {
        if first.is_some_and(|first| first <= *last) {
            return;
        }
        match state.behind.pop_front() {
            Some((_, Behind::Back(back))) => say_back(state, &back),
            Some((_, Behind::Ask(import, askers))) => match state.asked_on.entry(import.id) {
                Entry::Occupied(mut waiting) => {
                    waiting.get_mut().extend(askers);
                    after.rest().references.push(AnyRemote::there(import));
                }
                Entry::Vacant(first) => {
                    first.insert(Vec::new());
                    ask(state, Target::Export(import.id), Embargo::Asked { askers, held: import });
                }
            },
            Some((_, Behind::Open(promise))) => after.rest().promises.push(promise),
            None => {}
        }
    }
}

/// What was called ahead on a promise has come back, and was passed on if it leads to another node. Of what was passed on some may wait for
/// room there, as calls made inside handlers, and the promise opens behind them.
pub(super) fn open_in_turn(promise: &Arc<Promise>) {
    let Some(session) = promise.leads_over() else { return promise.open() };
    let mut after = Afterwards::default();
    put_behind(&mut session.state.lock(), Behind::Open(Arc::clone(promise)), &mut after);
    after.run();
}
