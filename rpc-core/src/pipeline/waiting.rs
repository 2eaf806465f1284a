//! Owns a call that waits at this node until it is known what it is called on: an entry in the queue on one side, a future on the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::time::Sleep;

use super::promise::Promise;
use super::start::{Answered, Going, Ongoing, Underway, failed};
use crate::error::Outcome;
use crate::handler::RawReply;
use crate::session::deadline_over;

/// The call in the queue.
pub(super) struct Entry {
    slot: Arc<Slot>,
}

struct Slot {
    /// Dropped with the call that is given up, although its entry may stay in the queue.
    going: Mutex<Option<Going>>,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Fresh,
    Waiting(Waker),
    Started(Ongoing),
    /// Its caller has given it up, or has taken it over.
    Gone,
}

/// The call as its caller holds it. It keeps its promise, and with that the queue that it is in.
pub(super) struct Waiting {
    promise: Option<Arc<Promise>>,
    slot: Arc<Slot>,
    started: Option<Ongoing>,
    deadline: Option<Instant>,
    /// The same, when it was set after the call had been sent.
    late: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// A call's two sides.
pub(super) fn waiting(promise: &Arc<Promise>, going: Going) -> (Entry, Waiting) {
    let deadline = going.deadline;
    let slot = Arc::new(Slot { going: Mutex::new(Some(going)), state: Mutex::default() });
    let waiting = Waiting { promise: Some(Arc::clone(promise)), slot: Arc::clone(&slot), started: None, deadline, late: None, sleep: None };
    (Entry { slot }, waiting)
}

impl Entry {
    /// Whether somebody still wants it.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(*self.slot.state.lock(), State::Gone)
    }

    /// Starts the call, and hands what it has become over to its caller.
    pub(super) fn start(self, start: impl FnOnce(Going) -> Ongoing) {
        let Self { slot } = self;
        let going = slot.going.lock().take();
        let Some(going) = going else { return };
        let ongoing = match crate::panics::caught(|| start(going)) {
            Ok(ongoing) => ongoing,
            Err(panicked) => failed(panicked.into_error(Outcome::MayHaveRun)),
        };
        let mut state = slot.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Gone => {
                drop(state);
                crate::panics::drop_quietly(ongoing);
            }
            before => {
                *state = State::Started(ongoing);
                drop(state);
                if let State::Waiting(waker) = before {
                    waker.wake();
                }
            }
        }
    }
}

impl Waiting {
    fn poll_started(&mut self, cx: &Context<'_>) -> bool {
        // What is the user's is cloned and dropped without the lock.
        let waker = cx.waker().clone();
        let mut state = self.slot.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Started(mut ongoing) => {
                drop(state);
                if let Some(deadline) = self.late {
                    ongoing.as_mut().bound(deadline);
                }
                self.started = Some(ongoing);
                self.promise = None;
                true
            }
            former @ (State::Fresh | State::Waiting(_)) => {
                *state = State::Waiting(waker);
                drop(state);
                crate::panics::drop_quietly(former);
                false
            }
            State::Gone => false,
        }
    }
}

impl Future for Waiting {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = &mut *self;
        if this.started.is_some() || this.poll_started(cx) {
            let Some(started) = &mut this.started else { return Poll::Pending };
            return started.as_mut().poll(cx);
        }
        let Some(deadline) = this.deadline else { return Poll::Pending };
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // What was started meanwhile is not `NotRun`.
        let started = std::mem::replace(&mut *this.slot.state.lock(), State::Gone);
        if let State::Started(mut ongoing) = started {
            if let Some(deadline) = this.late {
                ongoing.as_mut().bound(deadline);
            }
            return this.started.insert(ongoing).as_mut().poll(cx);
        }
        Poll::Ready(Answered::Raw(RawReply::Failed(deadline_over(Outcome::NotRun))))
    }
}

impl Underway for Waiting {
    fn bound(mut self: Pin<&mut Self>, deadline: Instant) {
        if let Some(started) = &mut self.started {
            return started.as_mut().bound(deadline);
        }
        let deadline = self.deadline.map_or(deadline, |known| known.min(deadline));
        (self.deadline, self.late, self.sleep) = (Some(deadline), Some(deadline), None);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *self.slot.state.lock(), State::Gone);
        let going = self.slot.going.lock().take();
        crate::panics::drop_quietly((left, going, self.started.take()));
    }
}
