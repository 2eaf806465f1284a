//! Owns a call by the seam on an object of this process: handed over without a session, in a context of its own, and with what a session's
//! task would see to. What the object is and which methods it has, `servant` knows.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll};
use std::time::Instant;

use tokio::time::Sleep;

use crate::__private::{BoxFuture, detached, in_a_task, on_blocking_pool};
use crate::any::{AnyRemote, import_of};
use crate::codec::Bounds;
use crate::context::{self, CallContext, Context, MethodLabel, PassedOn};
use crate::error::{Error, Outcome};
use crate::handler::{Method, Payload, RawCall, RawReply, RawReturn};
use crate::inbound::{Asked, Inbound, InboundBytes, Reply, Served, bounds};
use crate::panics::Caught;
use crate::servant::{Resolved, Servant, resolve};
use crate::session::deadline_over;
use crate::transfer::Incoming;

/// What the session's task that runs a call sees to by itself, for the method that was called over the session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenTo {
    /// It runs on a thread that may be blocked.
    pub(crate) blocking: bool,
    /// It goes on when its caller gives up.
    pub(crate) no_cancel: bool,
}

impl SeenTo {
    pub(crate) const fn of(method: Resolved) -> Self {
        Self { blocking: method.blocking, no_cancel: method.no_cancel }
    }
}

/// Calls a servant of this process without its trait. The call never left the process, so only the depth is bounded as usual.
pub(crate) fn call_raw(servant: Arc<dyn Servant>, call: RawCall) -> RawReturn {
    let bounds = call.payload.bounds();
    call_raw_within(servant, call, (bounds, crate::codec::MESSAGE_BYTES_MAX), None)
}

/// Calls a servant through which calls only pass, in the context that is current: what happens in it is not a call of its own.
pub(crate) fn pass(servant: Arc<dyn Servant>, call: RawCall) -> RawReturn {
    let RawCall { method, payload, .. } = call;
    let servant = crate::cast::answering(servant, &method.interface);
    let resolved = match resolve(&*servant, &method) {
        Ok(resolved) => resolved,
        Err(error) => return RawReturn::failed(error),
    };
    let within = within_of(&servant);
    let bounds = payload.bounds();
    match servant.serve(resolved, &mut handed_over(payload, (bounds, crate::codec::MESSAGE_BYTES_MAX), &method, None)) {
        Served::Ready(reply) => RawReturn::Ready(raw_reply_of(reply, within)),
        Served::Future(future) => RawReturn::pending(async move { raw_reply_of(future.await, within) }),
    }
}

/// A call that is handed over inside the process.
fn handed_over(payload: Payload, (bounds, reply_max): (Bounds, u64), method: &Method, seen_to: Option<SeenTo>) -> Inbound<'_> {
    let Payload { codec, bytes, segments, references, .. } = payload;
    let incoming = Incoming::new(references.into_iter().map(Some).collect(), segments.into_iter().map(Some).collect());
    Inbound::new(codec, InboundBytes::Shared(bytes), incoming, bounds, reply_max, Asked::Here(method, seen_to))
}

/// Calls a servant of this process, with bounds on what decoding the arguments may cost and on how large the result may be. `seen_to` when a
/// session's task runs the call, which is a peer's then.
pub(crate) fn call_raw_within(servant: Arc<dyn Servant>, call: RawCall, within: (Bounds, u64), seen_to: Option<SeenTo>) -> RawReturn {
    let RawCall { method, payload, context } = call;
    let servant = crate::cast::answering(servant, &method.interface);
    let resolved = match resolve(&*servant, &method) {
        Ok(resolved) => resolved,
        Err(error) => return RawReturn::failed(error),
    };
    let context = entering(context, &*servant, resolved);
    if is_over(context.deadline) {
        return RawReturn::failed(deadline_over(Outcome::NotRun).with_method(method.to_string()));
    }
    let named = context.deadline.map(|_| method.to_string());
    let (result_within, stands_around) = (within_of(&servant), servant.behind().is_some());
    let promised = context.promised;
    let mut context = Some(context);
    let served = context::enter(&mut context, || {
        let mut inbound = handed_over(payload, within, &method, seen_to);
        inbound.set_promised(promised);
        crate::panics::caught(|| servant.serve(resolved, &mut inbound))
    });
    match served {
        Ok(Served::Ready(reply)) => RawReturn::Ready(raw_reply_of(reply, result_within)),
        Ok(Served::Future(future)) => {
            // What only stands around an object is nothing that blocks or goes on.
            let future = if stands_around { future } else { apart(future, resolved, seen_to) };
            let method = named.filter(|_| seen_to.is_none_or(|seen_to| !seen_to.no_cancel));
            let running = Running { context, future: Caught::new(future, Outcome::MayHaveRun), method, sleep: None };
            RawReturn::pending(async move {
                match running.await {
                    Ok(reply) => raw_reply_of(reply, result_within),
                    Err(error) => RawReply::Failed(error),
                }
            })
        }
        Err(panic) => {
            let may_have_run = context.is_none_or(|context| context.may_have_run());
            RawReturn::failed(panic.into_error(if may_have_run { Outcome::MayHaveRun } else { Outcome::NotRun }))
        }
    }
}

/// The context in which a servant is called.
fn entering(context: Context, servant: &dyn Servant, resolved: Resolved) -> Box<CallContext> {
    let is_here = servant.behind().is_none_or(AnyRemote::is_here);
    let mut context = context.into_call().unwrap_or_else(CallContext::only_carrying);
    if is_here {
        // A call is served in it from here on. Elsewhere it only passes through.
        context.outside = false;
        if std::mem::take(&mut context.is_own) {
            // Whoever called the handler that makes it is not the one who calls this.
            context.incoming = None;
            context.method = None;
            context.promised = false;
        }
        let declared = servant.descriptor().and_then(|descriptor| descriptor.declaring(resolved.number));
        if let Some((interface, method)) = declared {
            context.method = Some(MethodLabel::Here(interface, method));
        }
    }
    context.started = false;
    context.passed_on = servant.behind().map(|_| PassedOn::default());
    context
}

#[allow(clippy::disallowed_methods)]
fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// The method's future, on a thread or task of its own if its interface asks for that and nobody has seen to it.
fn apart(future: BoxFuture<Reply>, resolved: Resolved, seen_to: Option<SeenTo>) -> BoxFuture<Reply> {
    let Some(seen_to) = seen_to else {
        let how = if resolved.blocking { Apart::Blocking } else { Apart::Detached };
        return if resolved.blocking || resolved.no_cancel { moved(future, how, resolved.no_cancel) } else { future };
    };
    let (blocks, goes_on) = (resolved.blocking && !seen_to.blocking, resolved.no_cancel && !seen_to.no_cancel);
    if blocks || goes_on {
        return moved(future, if blocks { Apart::Blocking } else { Apart::Detached }, resolved.no_cancel);
    }
    if resolved.blocking || resolved.spawn {
        return Box::pin(Placed { future, resolved, is_decided: false });
    }
    future
}

/// Where else than on the thread of whoever polls it a method can run.
#[derive(Clone, Copy)]
enum Apart {
    /// On a thread that may be blocked.
    Blocking,
    /// In a task that goes on when its caller gives up.
    Detached,
    /// In a task that ends when its caller gives up.
    Task,
}

fn moved(future: BoxFuture<Reply>, to: Apart, no_cancel: bool) -> BoxFuture<Reply> {
    let future = Box::pin(async move { Ok::<Result<Reply, Error>, Error>(Ok(future.await)) });
    let apart = match to {
        Apart::Blocking => on_blocking_pool(future, no_cancel),
        Apart::Detached => detached(future),
        Apart::Task => in_a_task(future),
    };
    Box::pin(async move { apart.await.and_then(|result| result).unwrap_or_else(|error| Reply::failed(&error)) })
}

/// A peer's call of a method that asks for a thread or a task of its own. The session gives it one; an interceptor may poll it before that, on the
/// session's reading task, or in a task of its own, and then it is moved to where it belongs.
struct Placed {
    future: BoxFuture<Reply>,
    resolved: Resolved,
    is_decided: bool,
}

impl Future for Placed {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<Reply> {
        let this = &mut *self;
        if !std::mem::replace(&mut this.is_decided, true) && !IN_PLACE.get() {
            let future = std::mem::replace(&mut this.future, Box::pin(std::future::pending()));
            let to = if this.resolved.blocking { Apart::Blocking } else { Apart::Task };
            this.future = moved(future, to, this.resolved.no_cancel);
        }
        this.future.as_mut().poll(cx)
    }
}

thread_local! {
    /// Whether this thread polls a peer's call where its method asked to be.
    static IN_PLACE: Cell<bool> = const { Cell::new(false) };
}

/// Polls a peer's call in the task, and on the thread, that the session gave it.
pub(crate) fn in_place<R>(poll: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            IN_PLACE.set(self.0);
        }
    }
    let _back = Back(IN_PLACE.replace(true));
    poll()
}

/// A method that runs: in its context, at most until its deadline.
struct Running {
    context: Option<Box<CallContext>>,
    future: Caught<BoxFuture<Reply>>,
    /// What the deadline ends, if there is one.
    method: Option<String>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Running {
    fn poll_deadline(&mut self, cx: &mut Polling<'_>) -> Poll<Error> {
        let deadline = self.context.as_ref().and_then(|context| context.deadline);
        let (Some(deadline), Some(method)) = (deadline, &self.method) else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let may_have_run = self.context.as_ref().is_none_or(|context| context.may_have_run());
        let outcome = if may_have_run { Outcome::MayHaveRun } else { Outcome::NotRun };
        Poll::Ready(deadline_over(outcome).with_method(method.clone()))
    }
}

impl Future for Running {
    type Output = Result<Reply, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Others may wait until the method has been entered, and know only the task around this. A call of one's own is nobody's turn.
        if let Some(context) = this.context.as_mut().filter(|context| context.incoming.is_some())
            && let Some(line) = context::with_current(|outer| outer?.line.take())
        {
            context.line = Some(line);
        }
        match context::enter(&mut this.context, || Pin::new(&mut this.future).poll(cx)) {
            Poll::Pending => this.poll_deadline(cx).map(Err),
            ended => ended,
        }
    }
}

/// What the results of a servant may cost that only leads to another node: what that node's session allows.
fn within_of(servant: &Arc<dyn Servant>) -> Option<Bounds> {
    servant.behind()?;
    Some(bounds(import_of(servant)?.session().limits()))
}

/// A reply as the seam shows it.
fn raw_reply_of(reply: Reply, within: Option<Bounds>) -> RawReply {
    let status = reply.status;
    match status {
        crate::wire::Status::Ok => RawReply::Ok(Payload { within, ..reply.into_payload() }),
        crate::wire::Status::AppError => RawReply::AppError(Payload { within, ..reply.into_payload() }),
        _ => RawReply::Failed(reply.into_error()),
    }
}
