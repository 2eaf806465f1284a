//! Owns a handler that runs: polled in its context, its panics caught, its reply sent, and its place given up when it is dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::SessionCore;
use super::dispatch::full_name;
use crate::context::{self, CallContext, Door};
use crate::error::Outcome;
use crate::id::CallId;
use crate::inbound::Reply;
use crate::proto::Defined;

/// A handler. As a future it sends its own reply; dropped before that it sends the return of a cancelled call.
pub(super) struct HandlerTask {
    session: Arc<SessionCore>,
    id: CallId,
    future: Option<Pin<Box<dyn Future<Output = Reply> + Send>>>,
    context: Option<Box<CallContext>>,
    method: Arc<Defined>,
    /// The object whose line moves on once this has been polled.
    line: Option<u64>,
}

impl HandlerTask {
    pub(super) fn new(
        session: Arc<SessionCore>,
        id: CallId,
        future: Pin<Box<dyn Future<Output = Reply> + Send>>,
        context: Option<Box<CallContext>>,
        method: Arc<Defined>,
    ) -> Self {
        Self { session, id, future: Some(future), context, method, line: None }
    }

    pub(super) fn id(&self) -> CallId {
        self.id
    }

    /// Those who wait behind it before its object wait until it has been polled inside.
    pub(super) fn tells_when_polled(&mut self) {
        if let Some(context) = &mut self.context {
            context.door = Door::AfterPoll;
        }
    }

    pub(super) fn starts_line(&mut self, object: u64, blocking: bool) {
        self.line = Some(object);
        if let (true, Some(context)) = (blocking, &mut self.context) {
            context.line = Some(object);
        }
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Reply> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = context::enter(&mut self.context, || crate::panics::caught(|| crate::direct::in_place(|| future.as_mut().poll(cx))));
        if let Some(context) = &mut self.context {
            context.door.polled();
        }
        let reply = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => reply,
            Err(panicked) => {
                let started = self.context.as_ref().is_none_or(|context| context.started);
                let outcome = if started { Outcome::MayHaveRun } else { Outcome::NotRun };
                let error = self.session.guarded(panicked.into_error(outcome));
                Reply::failed(&error.with_method(full_name(&self.method)))
            }
        };
        Poll::Ready(reply)
    }

    /// Sends the reply. What the future still holds is dropped first, so that a caller who has the reply finds nothing left.
    fn complete(&mut self, reply: Reply) {
        crate::panics::drop_quietly(self.future.take());
        self.context = None;
        self.session.finish_call(self.id, reply);
    }

    fn move_line(&mut self) {
        if let Some(object) = self.line.take() {
            self.session.state.lock().lines.leave(object, self.id);
            self.session.advance_alone(object);
        }
    }
}

impl Future for HandlerTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _turn = super::watch::turn();
        let polled = this.poll_reply(cx);
        this.move_line();
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(reply) => {
                this.complete(reply);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for HandlerTask {
    fn drop(&mut self) {
        if self.future.is_none() {
            return;
        }
        let mut context = self.context.take();
        context::enter(&mut context, || crate::panics::drop_quietly(self.future.take()));
        if let Some(object) = self.line.take() {
            // Not from here: on a runtime that shuts down each task of a long line would drop the next, deeper and deeper.
            self.session.move_line(object, self.id);
        }
        self.session.finish_call(self.id, Reply::cancelled());
    }
}
