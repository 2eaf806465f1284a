//! Owns how a session goes away: in order, with what runs here finished first, or at once, with an outcome for every call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::SessionCore;
use super::ahead::Work;
use super::dispatch::Turn;
use super::state::{Afterwards, CancelFlag};
use super::ticket::Tried;
use crate::error::{Error, ErrorKind, Fault, Outcome, Scope};
use crate::id::CallId;
use crate::pipeline::Breakage;
use crate::proto::{Answer, Place};
use crate::wire::{Frame, GoAway};

/// What there is to wait for when somebody asks whether a call is given up.
enum Watch {
    Over,
    Done,
    Flag(Arc<CancelFlag>),
}

/// How often a session that drains is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(2);

/// A go-away of a node that finishes what runs.
const DRAINING: u32 = 0;

/// A go-away of a node that ends the session at once.
pub(super) const CLOSING: u32 = 1;

impl SessionCore {
    /// Ends the session. Every call that was sent and not answered may have run; every call that was not sent did not.
    pub(crate) fn end(&self, error: Error) {
        self.end_saying(error, "");
    }

    /// Ends the session, telling the peer why as far as it still listens.
    pub(crate) fn end_saying(&self, error: Error, words: &str) {
        let error = error.with_scope(Scope::Session);
        let mut after = Afterwards::default();
        {
            let mut guard = self.state.lock();
            let state = &mut *guard;
            if state.closed.is_some() {
                return;
            }
            state.closed = Some(error.clone());
            self.closed.store(true, Ordering::Release);
            self.fail_calls(state, &error, &mut after);
            self.drop_objects(state, &mut after);
            state.lose_streams(&error, &mut after);
            // What was accepted may have run; only what came later did not.
            let last_call = state.proto.answers.depart();
            state.proto.close();
            after.rest().bytes.extend(state.outbox.clear());
            if !words.is_empty() {
                state.push(&Frame::GoAway(GoAway { last_call, code: CLOSING, text: words }));
            }
        }
        if !words.is_empty() {
            self.flush();
        }
        self.releases.lock().clear();
        self.node.forget(self);
        self.closed_notify.notify_waiters();
        self.wake.notify_one();
        after.run();
    }

    fn fail_calls(&self, state: &mut super::state::State, error: &Error, after: &mut Afterwards) {
        let open: Vec<u32> = {
            let awaited = state.proto.questions.iter().filter(|(_, question)| question.awaits_return());
            awaited.map(|(_, question)| question.token).collect()
        };
        for token in open {
            after.wake(state.waiters.fail(token, error.clone().with_outcome(Outcome::MayHaveRun)));
        }
        for pool in &mut state.waiting {
            for ticket in pool.drain(..) {
                if let Tried::Done(prepared, waker) = ticket.fail(error.clone().with_outcome(Outcome::NotRun)) {
                    after.rest().prepared.push(prepared);
                    after.wake(waker);
                }
            }
        }
        after.drop_references(state.held_arguments.drain().flat_map(|(_, held)| held));
        state.shares.clear();
        for (_, partial) in state.partial_returns.drain() {
            after.drop_references(partial.incoming.into_references());
        }
    }

    fn drop_objects(&self, state: &mut super::state::State, after: &mut Afterwards) {
        for servant in std::mem::take(&mut state.servants).into_iter().flatten() {
            self.left(None, &servant);
            after.rest().servants.push(servant);
        }
        for running in std::mem::take(&mut state.running) {
            after.drop_references(running.held);
            if let Some(flag) = running.cancelled {
                flag.set.store(true, Ordering::Release);
                flag.notify.notify_waiters();
            }
            if !running.no_cancel {
                after.abort(running.task);
            }
        }
        state.held_bytes = 0;
        for (_, mut reply) in state.held_returns.drain(..) {
            after.drop_reply(&mut reply);
            after.put_off(reply);
        }
        let over = state.closed.clone().map(|error| Arc::new(Breakage::from(error)));
        for place in state.lines.take() {
            match place {
                // What stood before it in line never starts, and nothing may follow it.
                Place::Ready(_, Turn::Open(promise)) => after.rest().broken.extend(over.clone().map(|over| (promise, over))),
                place => after.rest().places.push(place),
            }
        }
        after.rest().pending.extend(state.pending.drain().map(|(_, pending)| pending));
        state.arriving.clear();
        after.rest().queued.extend(state.queued.drain().map(|(_, queued)| queued));
        after.drop_references(state.kept.drain().flat_map(|(_, kept)| kept).map(|(_, reference)| reference));
        for work in state.works.drain(..) {
            match work {
                Work::Settle(asked, settlement) => after.rest().asked.push((asked, settlement)),
                work => after.rest().works.push(work),
            }
        }
        for asked in state.promised_here.drain().map(|(_, asked)| asked) {
            after.rest().asked.extend(over.clone().map(|over| (asked, Err(over))));
        }
        for promise in state.promised_there.drain().filter_map(|(_, promise)| promise.upgrade()) {
            after.rest().known.extend(over.clone().map(|over| (promise, Err(over))));
        }
        if let Some(over) = &over {
            super::embargo::end_embargoes(state, over, after);
        }
        state.holding_credit.clear();
        state.imports = Vec::new();
        state.pong = None;
    }

    /// The peer broke so many rules that its budget is spent.
    pub(super) fn end_for_refusals(&self) {
        let text = format!("{} broke rules of the protocol more often than is allowed", self.peer());
        tracing::error!("{text}");
        let error = Error::new(ErrorKind::Protocol, Outcome::MayHaveRun, text).with_fault(Fault::Callee);
        self.end_saying(error, "you broke rules of the protocol more often than is allowed");
    }

    /// Takes no more calls, and tells the peer which was the last.
    pub(crate) fn go_away(&self) {
        {
            let mut state = self.state.lock();
            if state.closed.is_some() {
                return;
            }
            self.leaving.store(true, Ordering::Release);
            let last_call = state.proto.answers.depart();
            state.push(&Frame::GoAway(GoAway { last_call, code: DRAINING, text: "the node is shutting down" }));
        }
        self.flush();
    }

    /// Waits until everything that runs here is done and its returns have left, and every stream has come to its end. The caller bounds the wait.
    pub(crate) async fn drained(&self) {
        while !self.is_drained() {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        if self.is_closed() {
            return true;
        }
        self.flush();
        // What the socket has not taken yet is not gone.
        let written = self.writer.try_lock().is_some_and(|side| side.is_idle());
        let state = self.state.lock();
        let answered = state.proto.answers.running() == 0 && state.proto.answers.unwritten() == 0;
        written && answered && state.outbox.is_empty() && state.proto.streams.len() == 0
    }

    fn cancel_flag(&self, call: CallId) -> Watch {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Watch::Over;
        }
        match state.proto.answers.get(call) {
            Some(Answer::Running { cancelled: true, .. }) => Watch::Over,
            Some(Answer::Running { cancelled: false, .. }) => {
                Watch::Flag(Arc::clone(state.running_mut(call).cancelled.get_or_insert_with(Arc::<CancelFlag>::default)))
            }
            _ => Watch::Done,
        }
    }

    /// Waits until the caller of a call that runs here has given it up, or the session is over.
    pub(crate) async fn cancelled(&self, call: CallId) {
        let flag = match self.cancel_flag(call) {
            Watch::Over => return,
            Watch::Flag(flag) => flag,
            // It is done: nobody can give it up any more.
            Watch::Done => return std::future::pending().await,
        };
        loop {
            let notified = flag.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if flag.set.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}
