//! Owns a call on an object of this process that was made on a promise of it: it runs as one does that is made on the object itself. The
//! task that it runs in and what giving it up means are here; how it is handed over is `direct`'s.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::task::JoinHandle;

use super::start::{Answered, Going, Late, Ongoing, Underway, done, failed};
use crate::__private::runtime_gone;
use crate::error::Outcome;
use crate::handler::{Method, Payload, RawReply, RawReturn};
use crate::servant::{Servant, resolve};
use crate::session::deadline_over;

/// Starts a method: when this returns it has been polled for the first time, here, so that calls start in the order in which they are sent.
/// What is not done by then goes on in a task of its own.
pub(super) fn start(servant: Arc<dyn Servant>, going: Going) -> Ongoing {
    let Going { mut call, deadline, oneway, on_reader, runtime, .. } = going;
    let runtime = match runtime.map_or_else(crate::background::current_or_own, Ok) {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let _inside = runtime.enter();
    if let Some(deadline) = deadline {
        call.context = call.context.with_deadline(deadline);
    }
    let goes_elsewhere = on_reader && spawns(&servant, &call.method);
    let mut method = match crate::direct::call_raw(servant, call) {
        RawReturn::Ready(reply) => return done(Answered::Raw(reply)),
        RawReturn::Pending(method) => method,
    };
    if !goes_elsewhere && let Poll::Ready(reply) = method.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return done(Answered::Raw(reply));
    }
    // It is polled again by its task, with a waker that counts.
    let handle = runtime.spawn(method);
    if oneway {
        return done(Answered::Raw(RawReply::Ok(Payload::default())));
    }
    Box::pin(Task { handle, late: Late::default() })
}

/// Whether the method asks for a task of its own from the beginning.
fn spawns(servant: &Arc<dyn Servant>, method: &Method) -> bool {
    let servant = crate::cast::answering(Arc::clone(servant), &method.interface);
    resolve(&*servant, method).is_ok_and(|resolved| resolved.spawn)
}

/// A method that goes on, as its caller holds it: it ends when nobody holds it any more. One that is to go on all the same has seen to that.
struct Task {
    handle: JoinHandle<RawReply>,
    late: Late,
}

impl Future for Task {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let this = &mut *self;
        let reply = match Pin::new(&mut this.handle).poll(cx) {
            Poll::Ready(Ok(reply)) => reply,
            Poll::Ready(Err(_)) => RawReply::Failed(runtime_gone()),
            Poll::Pending if this.late.poll(cx).is_ready() => RawReply::Failed(deadline_over(Outcome::MayHaveRun)),
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(Answered::Raw(reply))
    }
}

impl Underway for Task {
    fn bound(mut self: Pin<&mut Self>, deadline: Instant) {
        self.late.bound(deadline);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
