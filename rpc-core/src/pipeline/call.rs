//! Owns a call on a promise as its caller holds it. Where it goes is decided when it is sent, not when it is made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use super::asked::Asked;
use super::start::{Answered, Going, Ongoing, start};
use crate::any::AnyRemote;
use crate::error::Outcome;
use crate::handler::{RawCall, RawReply};
use crate::session::deadline_over;

/// A call whose arguments are encoded. Dropping it cancels it.
pub(crate) struct PromisedCall {
    stage: Stage,
    /// Set after it was sent.
    late: Option<(Instant, Option<Pin<Box<Sleep>>>)>,
}

enum Stage {
    /// The promise is held only as long as it is needed: when nobody holds it, its result is not sent.
    New(AnyRemote, Box<Going>),
    Sent(Ongoing),
    Done,
}

impl PromisedCall {
    pub(crate) fn new(reference: AnyRemote, call: RawCall) -> Self {
        Self { stage: Stage::New(reference, Box::new(Going::of(call))), late: None }
    }

    /// Bounds the call; the earlier of two deadlines holds.
    pub(crate) fn bound(&mut self, deadline: Instant) {
        match &mut self.stage {
            Stage::New(_, going) => going.deadline = Some(going.deadline.map_or(deadline, |known| known.min(deadline))),
            Stage::Sent(_) | Stage::Done => {
                let deadline = self.late.as_ref().map_or(deadline, |(known, _)| deadline.min(*known));
                self.late = Some((deadline, None));
            }
        }
    }

    /// Has the callee keep the result for calls on the promises of it.
    pub(crate) fn promise(&mut self, asked: &Arc<Asked>) {
        if let Stage::New(_, going) = &mut self.stage {
            going.asked = Some(Arc::clone(asked));
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
        if let Poll::Ready(answered) = ongoing.as_mut().poll(cx) {
            this.stage = Stage::Done;
            return Poll::Ready(answered);
        }
        let Some((deadline, sleep)) = &mut this.late else { return Poll::Pending };
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until((*deadline).into())));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.stage = Stage::Done;
        Poll::Ready(Answered::Raw(RawReply::Failed(deadline_over(Outcome::MayHaveRun))))
    }
}

impl Drop for PromisedCall {
    fn drop(&mut self) {
        // What is on its way may hold values of the user's.
        crate::panics::drop_quietly(std::mem::replace(&mut self.stage, Stage::Done));
    }
}
