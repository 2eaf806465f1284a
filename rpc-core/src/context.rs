//! Owns [`Context`]: what a handler may know of the call it serves, and what the calls it makes inherit. It lives in a thread-local
//! only while a handler is polled; of sessions it knows only who their peer is and when a call is
//! cancelled.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::id::CallId;
use crate::interface::{InterfaceDescriptor, MethodDescriptor};
use crate::object::gate::ComingIn;
use crate::peer::Peer;
use crate::proto::Defined;
use crate::session::{Session, SessionCore};
use crate::trace::TraceContext;
use crate::wire::Trace;

/// Names one stay of a call inside an object that has `&mut self` methods. Unique among all nodes.
pub(crate) type HoldId = [u8; 16];

/// What a call carries along with its arguments, and what calls made inside its handler inherit.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallContext {
    /// The session and the id of the call that is served; `None` for a local one.
    pub(crate) incoming: Option<(Arc<SessionCore>, CallId)>,
    pub(crate) deadline: Option<Instant>,
    /// The root call that this one descends from.
    pub(crate) root: Option<[u8; 16]>,
    /// The objects with `&mut self` methods that this call and its ancestors are inside of.
    pub(crate) holds: Vec<HoldId>,
    pub(crate) trace: Option<Box<Trace>>,
    /// The method that runs, for errors that name it.
    pub(crate) method: Option<MethodLabel>,
    /// Whether the user's method has been entered: before that the outcome is `NotRun`.
    pub(crate) started: bool,
    /// The same of a call that passes interceptors, which may pass it on from any task.
    pub(crate) passed_on: Option<PassedOn>,
    /// Whether the call that came says that its method is idempotent.
    pub(crate) idempotent: bool,
    /// Whether the result is called ahead, so that it has to be known which references it has.
    pub(crate) promised: bool,
    /// The object before which others wait until this method has been entered. Only for one that blocks its thread: it is not known
    /// when its first poll ends.
    pub(crate) line: Option<u64>,
    /// What those who wait behind this call before an object wait for.
    pub(crate) door: Door,
    /// Nobody serves a call in it: it only carries what the calls made in it inherit.
    pub(crate) outside: bool,
    /// It is the context of a call that the handler which `incoming` belongs to makes by the seam, and not of the one that it serves.
    pub(crate) is_own: bool,
}

/// When the next may come into an object that a call has come into from the queue before it.
#[derive(Debug, Default)]
pub(crate) enum Door {
    /// At once: nobody tells when the method has been polled, or it blocks its thread and may wait for the next.
    #[default]
    Open,
    /// When the task of the call has polled it.
    AfterPoll,
    /// It has come in, and its task tells after this poll.
    Taken(ComingIn),
}

impl Door {
    /// Somebody has come in. Given back when the next is to come at once.
    pub(crate) fn put(&mut self, coming: ComingIn) -> Option<ComingIn> {
        match self {
            Self::AfterPoll => {
                *self = Self::Taken(coming);
                None
            }
            Self::Open | Self::Taken(_) => Some(coming),
        }
    }

    /// The call has been polled by its task.
    pub(crate) fn polled(&mut self) {
        if let Self::Taken(_) = self
            && let Self::Taken(coming) = std::mem::replace(self, Self::AfterPoll)
        {
            coming.arrives();
        }
    }
}

/// What descends from a call is polled by others.
impl Clone for Door {
    fn clone(&self) -> Self {
        Self::Open
    }
}

/// Whether a call has come to the end of a chain of interceptors: until then it certainly has not run.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassedOn(Arc<AtomicBool>);

impl PassedOn {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A method, as far as it takes to name it.
#[derive(Clone, Debug)]
pub(crate) enum MethodLabel {
    Here(&'static InterfaceDescriptor, &'static MethodDescriptor),
    There(Arc<Defined>),
}

impl fmt::Display for MethodLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(interface, method) => write!(f, "{}.{}", interface.name, method.name),
            Self::There(method) => write!(f, "{}.{}", method.interface, method.name),
        }
    }
}

crate::sync::thread_local! {
    /// Boxed, so that entering and leaving moves a word.
    static CURRENT: RefCell<Option<Box<CallContext>>> = const { RefCell::new(None) };
}

/// Runs `f` with `context` as the current one. Changes made inside, such as a hold, are in `context` afterwards, also after a panic.
pub(crate) fn enter<R>(context: &mut Option<Box<CallContext>>, f: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a mut Option<Box<CallContext>>);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), self.0));
        }
    }
    CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), context));
    let _restore = Restore(context);
    f()
}

/// Looks at the current context, if a handler is being polled.
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&mut CallContext>) -> R) -> R {
    let mut f = Some(f);
    let found = CURRENT.try_with(|current| f.take().map(|f| f(current.borrow_mut().as_deref_mut())));
    match (found, f) {
        (Ok(Some(result)), _) => result,
        // The thread is ending: there is no context any more.
        (_, Some(f)) => f(None),
        _ => unreachable!("the closure is either called or left"),
    }
}

/// The context for a call or task that descends from the current one.
pub(crate) fn inherited() -> Option<Box<CallContext>> {
    with_current(|current| {
        let context = current?;
        // A local call is a root too, as soon as it calls on.
        if !context.outside {
            context.root.get_or_insert_with(crate::random::unique);
        }
        Some(Box::new(context.clone()))
    })
}

/// From here on the call whose context is current may have run.
pub(crate) fn mark_started() {
    with_current(|current| {
        if let Some(context) = current {
            context.started = true;
        }
    });
}

/// What a chain of interceptors tells when it passes on the call whose context is current.
pub(crate) fn passed_on() -> PassedOn {
    with_current(|current| current?.passed_on.clone()).unwrap_or_default()
}

/// What the caller of the current call may learn of a panic.
pub(crate) fn guarded(error: Error) -> Error {
    let session = with_current(|current| current?.incoming.as_ref().map(|(session, _)| Arc::clone(session)));
    match session {
        Some(session) => session.guarded(error),
        None => error,
    }
}

impl CallContext {
    /// The context of a local call: it descends from the current one, but its caller is this process.
    pub(crate) fn local(method: MethodLabel) -> Box<Self> {
        let mut context = inherited().unwrap_or_default();
        context.method = Some(method);
        context.started = false;
        context.passed_on = None;
        context.incoming = None;
        context.outside = false;
        context.is_own = false;
        context
    }

    /// The context of a call that passes interceptors. With a method it is that of a local call, as above. Otherwise the call only passes
    /// through this process on its way: the context stays the caller's, who may be outside any handler.
    pub(crate) fn passing(method: Option<MethodLabel>) -> Box<Self> {
        let mut context = match method {
            Some(method) => Self::local(method),
            None => inherited().unwrap_or_else(Self::only_carrying),
        };
        context.started = false;
        context.passed_on = Some(PassedOn::default());
        context
    }

    /// Whether the method may have been entered; otherwise the outcome is `NotRun`.
    pub(crate) fn may_have_run(&self) -> bool {
        self.started || self.passed_on.as_ref().is_some_and(PassedOn::is_set)
    }

    pub(crate) fn only_carrying() -> Box<Self> {
        Box::new(Self { outside: true, ..Self::default() })
    }
}

/// What a handler may know of the call that it serves.
///
/// ```
/// # async fn handler() {
/// use netref::Context;
///
/// let context = Context::current();
/// if context.remaining().is_some_and(|left| left.is_zero()) {
///     return; // nobody is waiting any more
/// }
/// println!("called by {}", context.peer());
/// # }
/// ```
#[derive(Clone)]
pub struct Context {
    call: Option<Box<CallContext>>,
    peer: Peer,
}

impl Context {
    /// The context of the handler that is running. Outside any handler it says that the caller is local and nothing is bounded.
    pub fn current() -> Self {
        Self::of(inherited())
    }

    pub(crate) fn of(call: Option<Box<CallContext>>) -> Self {
        let peer = match call.as_ref().and_then(|call| call.incoming.as_ref()) {
            Some((session, _)) => session.peer().clone(),
            None => Peer::LOCAL,
        };
        Self { call, peer }
    }

    /// What a chain of interceptors tells when it passes on the call that this is the context of.
    pub(crate) fn passed_on(&self) -> PassedOn {
        self.call.as_ref().and_then(|call| call.passed_on.clone()).unwrap_or_default()
    }

    /// The context of a call that whoever runs here makes by the seam: what it serves itself is another one.
    pub(crate) fn of_own_call() -> Self {
        let mut context = Self::current();
        if let Some(call) = &mut context.call {
            call.passed_on = None;
            call.is_own = true;
        }
        context
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.call.as_ref()?.deadline
    }

    /// Nobody who made the call waits for it any more.
    pub(crate) fn leave_chain(&mut self) {
        if let Some(call) = &mut self.call {
            call.holds.clear();
        }
    }

    pub(crate) fn into_call(self) -> Option<Box<CallContext>> {
        self.call
    }

    /// Who made the call: the immediate caller, not the root of the chain.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether this is inside a handler at all.
    pub fn is_in_call(&self) -> bool {
        self.call.as_ref().is_some_and(|call| !call.outside)
    }

    /// The place of the call in a trace, which the calls made here inherit. `None` when nobody began a trace.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::of_wire(self.call.as_ref()?.trace.as_deref()?)
    }

    /// The same with another place in a trace: what an interceptor passes on.
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.call.get_or_insert_with(CallContext::only_carrying).trace = Some(Box::new(trace.to_wire()));
        self
    }

    /// The root call that this one descends from, unique among all nodes: the same for all calls that one call has led to. `None` outside any
    /// handler, where each call is a root of its own.
    pub fn chain(&self) -> Option<u128> {
        Some(u128::from_be_bytes(self.call.as_ref()?.root?))
    }

    /// The same with a root call, if it has none yet.
    pub(crate) fn with_chain(mut self) -> Self {
        self.call.get_or_insert_with(CallContext::only_carrying).root.get_or_insert_with(crate::random::unique);
        self
    }

    /// The same context with a deadline, for a call through the seam ([`RawCall`](crate::RawCall)). The earlier of two deadlines holds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use netref::Context;
    ///
    /// let context = Context::current().with_timeout(Duration::from_secs(5)).with_timeout(Duration::from_secs(60));
    /// assert!(context.remaining().is_some_and(|left| left <= Duration::from_secs(5)));
    /// ```
    #[must_use]
    #[allow(clippy::disallowed_methods)]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    pub(crate) fn with_deadline(mut self, deadline: Instant) -> Self {
        let call = self.call.get_or_insert_with(CallContext::only_carrying);
        call.deadline = Some(call.deadline.map_or(deadline, |known| known.min(deadline)));
        self
    }

    /// How much time the caller still gives, inherited from call to call. `None` when there is no deadline, zero when it is over.
    #[allow(clippy::disallowed_methods)]
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.call.as_ref()?.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// The session over which the call came. `None` for a local call.
    pub fn session(&self) -> Option<Session> {
        let (session, _) = self.call.as_ref()?.incoming.as_ref()?;
        Some(Session::from(Arc::clone(session)))
    }

    /// What reading the arguments of the call may cost: what the node allows over whose session it came.
    #[cfg(any(feature = "json", feature = "tarpc"))]
    pub(crate) fn bounds(&self) -> crate::codec::Bounds {
        match self.call.as_ref().and_then(|call| call.incoming.as_ref()) {
            Some((session, _)) => crate::inbound::bounds(session.limits()),
            None => crate::inbound::bounds(&crate::limits::Limits::default()),
        }
    }

    /// Waits until the caller has given the call up, its session ended, or its node is shutting down past the deadline.
    ///
    /// A handler without `#[remote(no_cancel)]` needs it only for work that it handed to another task: it is dropped itself at its
    /// next await. Never ready for a local call, whose future is simply dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost when the returned future is dropped.
    pub async fn cancelled(&self) {
        match self.call.as_ref().and_then(|call| call.incoming.as_ref()) {
            Some((session, call)) => session.cancelled(*call).await,
            None => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("peer", &self.peer).field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// A future that is polled inside a context of its own.
pub(crate) struct Within<F> {
    context: Option<Box<CallContext>>,
    future: Pin<Box<F>>,
}

impl<F> Within<F> {
    pub(crate) fn new(context: Option<Box<CallContext>>, future: F) -> Self {
        Self { context, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let this = &mut *self;
        enter(&mut this.context, || this.future.as_mut().poll(cx))
    }
}

/// Spawns a task that keeps the context of the handler it is spawned in: its caller, deadline, chain and trace.
///
/// The task is not ended with the handler; watch [`Context::cancelled`] where it should be.
///
/// ```
/// # async fn example() {
/// let task = netref::spawn(async { netref::Context::current().remaining() });
/// assert!(task.await.is_ok());
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example());
/// ```
///
/// # Panics
///
/// Panics outside a tokio runtime, as [`tokio::spawn`] does.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(Within::new(inherited(), future))
}
