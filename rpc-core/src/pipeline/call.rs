//! Owns a call on a promise as its caller holds it. Where it goes is decided when it is sent, not when it is made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use super::asked::Asked;
use super::start::{Answered, Going, Ongoing, start};
use crate::any::AnyRemote;
use crate::handler::RawCall;

/// A call whose arguments are encoded. Dropping it cancels it.
pub(crate) struct PromisedCall {
    stage: Stage,
}

enum Stage {
    /// The promise is held only as long as it is needed: when nobody holds it, its result is not sent.
    New(AnyRemote, Box<Going>),
    Sent(Ongoing),
    Done,
}

impl PromisedCall {
    pub(crate) fn new(reference: AnyRemote, call: RawCall) -> Self {
        Self { stage: Stage::New(reference, Box::new(Going::of(call))) }
    }

    /// Bounds the call; the earlier of two deadlines holds.
    pub(crate) fn bound(&mut self, deadline: Instant) {
        match &mut self.stage {
            Stage::New(_, going) => going.deadline = Some(going.deadline.map_or(deadline, |known| known.min(deadline))),
            Stage::Sent(ongoing) => ongoing.as_mut().bound(deadline),
            Stage::Done => {}
        }
    }

    /// Has the callee keep the result for calls on the promises of it.
    pub(crate) fn promise(&mut self, asked: &Arc<Asked>) {
        if let Stage::New(_, going) = &mut self.stage {
            going.asked = Some(Arc::clone(asked));
        }
    }

    /// Says that nobody waits for the result.
    pub(crate) fn set_oneway(&mut self) {
        if let Stage::New(_, going) = &mut self.stage {
            going.set_oneway();
        }
    }

    /// Sends the call, or puts it where it waits.
    pub(crate) fn send(&mut self) {
        if let Stage::New(reference, going) = std::mem::replace(&mut self.stage, Stage::Done) {
            self.stage = Stage::Sent(start(&reference, *going));
        }
    }
}

impl Future for PromisedCall {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = &mut *self;
        if matches!(this.stage, Stage::New(..)) {
            this.send();
        }
        let Stage::Sent(ongoing) = &mut this.stage else { return Poll::Pending };
        let polled = ongoing.as_mut().poll(cx);
        if polled.is_ready() {
            this.stage = Stage::Done;
        }
        polled
    }
}

impl Drop for PromisedCall {
    fn drop(&mut self) {
        // What is on its way may hold values of the user's.
        crate::panics::drop_quietly(std::mem::replace(&mut self.stage, Stage::Done));
    }
}
