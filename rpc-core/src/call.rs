//! Owns [`Call`]: what calling a remote method gives, whether its object is here or elsewhere.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::codec::{self, Bounds, Codec};
use crate::context::{self, CallContext, MethodLabel};
use crate::error::{Error, ErrorKind, Outcome};
use crate::inbound::{Coder, MethodResult, bounds, decode_error};
use crate::interface::{InterfaceDescriptor, MethodDescriptor};
use crate::limits::Limits;
use crate::panics;
use crate::peer::Peer;
use crate::pipeline::{self, Answered, Asked, At, Breakage, Pipeline, PromisedCall};
use crate::promises::RemoteError;
use crate::session::{Arrived, RemoteCall, deadline_over};
use crate::transfer::{self, Incoming};
use crate::wire::Status;

/// A call of a remote method: a future that borrows nothing.
///
/// Nothing has been sent until it is polled, or one of [`send`](Self::send) and [`oneway`](Self::oneway) is used; a call that never got
/// that far was never made. It can be awaited, bounded with [`timeout`](Self::timeout), and in code without a runtime driven with
/// [`wait`](Self::wait).
///
/// # Cancel safety
///
/// Dropping a call that was sent cancels it: its handler is dropped at its next await, unless the method is `#[remote(no_cancel)]`.
///
/// ```
/// use std::time::Duration;
/// use netref::{Remote, Result, remote};
///
/// #[remote]
/// trait Adder {
///     async fn add(&self, left: u64, right: u64) -> Result<u64>;
/// }
///
/// struct Exact;
/// impl Adder for Exact {
///     async fn add(&self, left: u64, right: u64) -> Result<u64> {
///         Ok(left + right)
///     }
/// }
///
/// let adder = Remote::<dyn Adder>::new(Exact);
/// assert_eq!(adder.add(1, 2).timeout(Duration::from_secs(1)).wait()?, 3);
/// # Ok::<(), netref::Error>(())
/// ```
#[must_use = "a call does nothing until it is awaited or sent"]
pub struct Call<T, E> {
    state: State<T, E>,
}

type MethodFuture<T, E> = Pin<Box<dyn Future<Output = MethodResult<T, E>> + Send>>;

type DecodeAnswered<T, E> = fn(Answered, &Called) -> Result<T, E>;

type Decode<T, E> = fn(Arrived, &Limits, &Peer, &Called) -> Result<T, E>;

/// Which method was called, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Called {
    pub(crate) interface: &'static InterfaceDescriptor,
    pub(crate) method: &'static MethodDescriptor,
}

impl Called {
    fn name(&self) -> String {
        crate::inbound::method_name(self.interface.name, self.method)
    }

    fn answered_by(&self, peer: Peer) -> transfer::Answered {
        transfer::Answered { peer, interface: self.interface.name, method: self.method.name }
    }

    fn name_on(&self, error: Error) -> Error {
        error.with_method(self.name())
    }
}

enum State<T, E> {
    Failed(Error),
    Local(LocalCall<T, E>),
    /// A local call that was sent: it runs on a task of its own.
    Spawned(Task<Result<T, E>>),
    Remote(RemoteCall, Decode<T, E>, Called),
    /// A call on a promise.
    Promised(Box<PromisedCall>, DecodeAnswered<T, E>, Called),
    Done,
}

/// A local call that was sent: it ends when nobody holds it any more, unless its method is `no_cancel`.
struct Task<T> {
    handle: Option<JoinHandle<T>>,
    no_cancel: bool,
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    called: Called,
}

impl<T> Task<T> {
    /// Waits for the task, at most until the deadline that was set after it had been sent.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Error>> {
        let Some(handle) = &mut self.handle else { return Poll::Pending };
        match Pin::new(handle).poll(cx) {
            Poll::Ready(Ok(result)) => return Poll::Ready(Ok(result)),
            Poll::Ready(Err(_)) => {
                let text = "the runtime was shut down while the call ran";
                return Poll::Ready(Err(Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, text)));
            }
            Poll::Pending => {}
        }
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        sleep.as_mut().poll(cx).map(|()| Err(self.called.name_on(deadline_over(Outcome::MayHaveRun))))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let (Some(handle), false) = (&self.handle, self.no_cancel) {
            handle.abort();
        }
    }
}

/// A call on an object of this process: the method's own future, in a context of its own.
struct LocalCall<T, E> {
    /// `None` only while it is dropped.
    future: Option<MethodFuture<T, E>>,
    context: Option<Box<CallContext>>,
    sleep: Option<Pin<Box<Sleep>>>,
    called: Called,
    /// The result was decoded, and with it an error of the method's own calls was given the name of the hop.
    is_decoded: bool,
}

impl<T, E> Call<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    pub(crate) const fn failed(error: Error) -> Self {
        Self { state: State::Failed(error) }
    }

    pub(crate) fn local(called: Called, future: MethodFuture<T, E>) -> Self {
        let context = Some(CallContext::local(MethodLabel::Here(called.interface, called.method)));
        Self { state: State::Local(LocalCall { future: Some(future), context, sleep: None, called, is_decoded: false }) }
    }

    /// A local call of a handler.
    pub(crate) fn handled(called: Called, future: MethodFuture<T, E>) -> Self {
        let context = Some(CallContext::local(MethodLabel::Here(called.interface, called.method)));
        Self { state: State::Local(LocalCall { future: Some(future), context, sleep: None, called, is_decoded: true }) }
    }

    /// A call that passes through interceptors of this process, to an object of this process or another one's.
    pub(crate) fn passing(called: Called, future: MethodFuture<T, E>, is_here: bool) -> Self {
        let label = is_here.then_some(MethodLabel::Here(called.interface, called.method));
        let context = Some(CallContext::passing(label));
        Self { state: State::Local(LocalCall { future: Some(future), context, sleep: None, called, is_decoded: true }) }
    }

    pub(crate) const fn remote(call: RemoteCall, decode: Decode<T, E>, called: Called) -> Self {
        Self { state: State::Remote(call, decode, called) }
    }

    pub(crate) fn promised(call: PromisedCall, decode: DecodeAnswered<T, E>, called: Called) -> Self {
        Self { state: State::Promised(Box::new(call), decode, called) }
    }

    /// Ends the call with kind `Deadline` when it takes longer than `limit` from now. The handler, and the calls it makes, inherit the
    /// deadline; an earlier one that this call inherits stays.
    #[allow(clippy::disallowed_methods)]
    pub fn timeout(mut self, limit: Duration) -> Self {
        let Some(deadline) = Instant::now().checked_add(limit) else { return self };
        match &mut self.state {
            State::Local(local) => local.bound(deadline),
            State::Remote(call, ..) => call.bound(deadline),
            State::Promised(call, ..) => call.bound(deadline),
            State::Spawned(task) => {
                task.deadline = Some(task.deadline.map_or(deadline, |known| known.min(deadline)));
                task.sleep = None;
            }
            State::Failed(_) | State::Done => {}
        }
        self
    }

    /// Sends the call now and lets it run while this task does other things; await it for the result. An error of sending is in the
    /// result too. A call on an object of this process then runs on the tokio runtime that it is sent in, outside any on netref's own.
    pub fn send(self) -> Self {
        match self.state {
            State::Remote(mut call, decode, called) => match call.send() {
                Ok(()) => Self { state: State::Remote(call, decode, called) },
                Err(error) => Self::failed(called.name_on(error)),
            },
            State::Promised(mut call, decode, called) => {
                call.send();
                Self { state: State::Promised(call, decode, called) }
            }
            State::Local(mut local) => match local.begin() {
                Ok((runtime, begun)) => Self { state: State::Spawned(local.go_on(&runtime, begun)) },
                Err(error) => Self::failed(error),
            },
            state => Self { state },
        }
    }

    /// Sends the call and asks for no result. Dropping nothing cancels it any more.
    ///
    /// # Errors
    ///
    /// Only what is known at once, such as a session that is over; the call did not run then.
    pub fn oneway(self) -> Result<(), E> {
        match self.state {
            State::Remote(mut call, _, called) => {
                call.set_oneway();
                call.send().map_err(|error| E::from(called.name_on(error)))?;
                call.detach();
                Ok(())
            }
            State::Promised(mut call, ..) => {
                let runtime = crate::background::current_or_own().map_err(E::from)?;
                call.set_oneway();
                call.send();
                runtime.spawn(call);
                Ok(())
            }
            State::Local(mut local) => {
                if let Some(context) = &mut local.context {
                    context.holds.clear();
                }
                let (runtime, begun) = local.begin().map_err(E::from)?;
                if let Poll::Ready(Err(error)) = &begun
                    && error.outcome() == Outcome::NotRun
                {
                    return Err(E::from(error.clone()));
                }
                local.go_on(&runtime, begun).handle = None;
                Ok(())
            }
            State::Failed(error) => Err(E::from(error)),
            State::Spawned(mut task) => {
                // It was sent for its result, which nobody wants now; it goes on all the same.
                task.handle = None;
                Ok(())
            }
            State::Done => Ok(()),
        }
    }

    /// Sends the call and gives the references of its result at once: promises, which can be called and passed on before the result is
    /// there.
    ///
    /// Calls on a promise start in the order in which they were made, and before those that are made once it is known what it refers to.
    /// A call that fails breaks its promises: what was called on them fails in the same way, and did not run. A promise that is dropped
    /// before the result is there cancels the call, unless something was called on it or it was passed on.
    ///
    /// The method returns a reference, a tuple of references, or a struct with `#[derive(netref::Pipeline)]`. A node between caller and
    /// callee that passes the result on has no types of it: calls on the field of a struct wait here then, or fail and did not run where
    /// this process does not know that the object is elsewhere. What else is in the result is
    /// dropped when it comes: a half of a stream in it ends then. A method whose result holds no reference gives nothing to call on, and is
    /// cancelled at once; send it with [`oneway`](Self::oneway) or [`send`](Self::send) instead. A [`timeout`](Self::timeout) that was set
    /// before bounds the call that gives the references, not the calls on them.
    ///
    /// # Panics
    ///
    /// Does not panic. Outside a runtime netref's own background runtime waits for the result.
    ///
    /// # Cancel safety
    ///
    /// Nothing here is waited for. A call on a promise is cancelled as any other one when its future is dropped.
    ///
    /// ```
    /// use netref::{Remote, Result, remote};
    ///
    /// #[remote]
    /// trait Shop {
    ///     async fn basket(&self) -> Result<Remote<dyn Basket>>;
    /// }
    /// #[remote]
    /// trait Basket {
    ///     async fn put(&self, count: u64) -> Result<u64>;
    /// }
    /// # struct Here;
    /// # impl Shop for Here { async fn basket(&self) -> Result<Remote<dyn Basket>> { Ok(Remote::new(Here)) } }
    /// # impl Basket for Here { async fn put(&self, count: u64) -> Result<u64> { Ok(count) } }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let shop = Remote::<dyn Shop>::new(Here);
    /// assert_eq!(shop.basket().pipelined().put(3).await?, 3); // two calls, and one wait
    /// # Ok::<(), netref::Error>(()) }).unwrap();
    /// ```
    pub fn pipelined(self) -> T::Promise
    where
        T: Pipeline,
        E: RemoteError,
    {
        let asked = Asked::new();
        let promise = T::promised(&At::the_result_of(&asked));
        let call = self.ahead(&asked).send();
        let on = std::sync::Arc::clone(&asked);
        pipeline::drive(&asked, async move {
            match call.await {
                Ok(value) => {
                    let found = pipeline::find(&value);
                    panics::drop_quietly(value);
                    Ok(found)
                }
                Err(_) if on.is_left_out() => Ok(Vec::new()),
                Err(error) => Err(std::sync::Arc::new(Breakage::of(&error))),
            }
        });
        promise
    }

    /// Has the callee keep the result for calls on the promises of it, where that is possible.
    fn ahead(mut self, asked: &std::sync::Arc<Asked>) -> Self {
        match &mut self.state {
            State::Remote(call, ..) => call.promise(asked),
            State::Promised(call, ..) => call.promise(asked),
            State::Local(_) | State::Spawned(_) | State::Failed(_) | State::Done => {}
        }
        self
    }

    /// Waits for the result in code that has no runtime; netref's own background runtime drives the call. See [`blocking`](crate::blocking).
    ///
    /// # Errors
    ///
    /// What the call gives; inside a runtime an error of kind `Misuse` instead of a hang.
    pub fn wait(self) -> Result<T, E> {
        crate::background::wait("`wait`", self).unwrap_or_else(|error| Err(E::from(error)))
    }
}

impl<T: Send + 'static, E: From<Error> + Send + 'static> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let result = match &mut this.state {
            State::Local(local) => match local.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => result,
            },
            State::Remote(call, decode, called) => match Pin::new(&mut *call).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(arrived)) => {
                    let session = call.session();
                    decode(arrived, session.limits(), session.peer(), called)
                }
                Poll::Ready(Err(error)) => Err(E::from(called.name_on(error))),
            },
            State::Promised(call, decode, called) => match Pin::new(&mut **call).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answered) => decode(answered, called),
            },
            State::Spawned(task) => match task.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(result)) => result,
                Poll::Ready(Err(error)) => Err(E::from(error)),
            },
            State::Failed(_) => match std::mem::replace(&mut this.state, State::Done) {
                State::Failed(error) => Err(E::from(error)),
                _ => return Poll::Pending,
            },
            State::Done => return Poll::Pending,
        };
        this.state = State::Done;
        Poll::Ready(result)
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Failed(_) => "Call(failed)",
            State::Local(_) => "Call(local)",
            State::Spawned(_) => "Call(local, sent)",
            State::Remote(..) => "Call(remote)",
            State::Promised(..) => "Call(on a promise)",
            State::Done => "Call(done)",
        })
    }
}

/// What a call gave when it was started.
type Begun<T, E> = Poll<MethodResult<T, E>>;

/// A call that is given up: what its method holds is user code, whose panics end here as they do over a session.
impl<T, E> Drop for LocalCall<T, E> {
    fn drop(&mut self) {
        context::enter(&mut self.context, || panics::drop_quietly(self.future.take()));
    }
}

impl<T, E> LocalCall<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn bound(&mut self, deadline: Instant) {
        if let Some(context) = &mut self.context {
            context.deadline = Some(context.deadline.map_or(deadline, |known| known.min(deadline)));
            self.sleep = None;
        }
    }

    fn started(&self) -> bool {
        self.context.as_ref().is_none_or(|context| context.may_have_run())
    }

    fn interrupted(&self) -> Outcome {
        if self.started() { Outcome::MayHaveRun } else { Outcome::NotRun }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        self.poll_method(cx).map(|ended| ended.unwrap_or_else(|error| Err(E::from(error))))
    }

    #[allow(clippy::disallowed_methods)]
    fn poll_method(&mut self, cx: &mut Context<'_>) -> Poll<MethodResult<T, E>> {
        let deadline = self.context.as_ref().and_then(|context| context.deadline);
        if !self.started() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Err(self.called.name_on(deadline_over(Outcome::NotRun))));
        }
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = context::enter(&mut self.context, || panics::caught(|| future.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Ready(Ok(result))) if self.is_decoded => Poll::Ready(Ok(result)),
            Ok(Poll::Ready(Ok(result))) => Poll::Ready(Ok(result.map_err(|error| nest_local(error, &self.called)))),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(self.called.name_on(error))),
            Err(panicked) => Poll::Ready(Err(self.called.name_on(panicked.into_error(self.interrupted())))),
            Ok(Poll::Pending) => {
                let Some(deadline) = deadline else { return Poll::Pending };
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                Poll::Ready(Err(self.called.name_on(deadline_over(self.interrupted()))))
            }
        }
    }

    /// Starts the call here, so that calls start in the order in which they are sent.
    fn begin(&mut self) -> Result<(Handle, Begun<T, E>), Error> {
        let runtime = crate::background::current_or_own()?;
        let inside = runtime.enter();
        let begun = self.poll_method(&mut Context::from_waker(Waker::noop()));
        drop(inside);
        Ok((runtime, begun))
    }

    /// Hands what is left of it to a task.
    fn go_on(mut self, runtime: &Handle, begun: Begun<T, E>) -> Task<Result<T, E>> {
        let (called, no_cancel) = (self.called, self.called.method.no_cancel);
        let handle = match begun {
            Poll::Ready(ended) => runtime.spawn(std::future::ready(ended.unwrap_or_else(|error| Err(E::from(error))))),
            Poll::Pending => runtime.spawn(std::future::poll_fn(move |cx| self.poll(cx))),
        };
        Task { handle: Some(handle), no_cancel, deadline: None, sleep: None, called }
    }
}

/// A netref error that the method returned as its own error belongs to a call of the method's, as it would over a session.
fn nest_local<E: 'static>(mut error: E, called: &Called) -> E {
    if let Some(inner) = (&mut error as &mut dyn Any).downcast_mut::<Error>() {
        let nested = Error::nested(inner.clone(), "this process").with_method(called.name());
        *inner = nested;
    }
    error
}

/// Decodes what came back.
pub(crate) fn decode_reply<K: Coder, E>(arrived: Arrived, limits: &Limits, peer: &Peer, called: &Called) -> Result<K::Value, E>
where
    E: From<Error> + DeserializeOwned + 'static,
{
    let Arrived { status, codec, bytes, incoming } = arrived;
    // The name of the hop is for errors; a value that holds one without being one names it less exactly.
    let incoming = if status == Status::AppError { incoming.answered_by(called.answered_by(peer.clone())) } else { incoming };
    let decoded = decode_parts::<K, E>(status, codec, bytes.as_slice(), incoming, &bounds(limits));
    decoded.unwrap_or_else(|error| Err(E::from(called.name_on(error))))
}

/// Outer: what netref itself has to say of the call. Inner: what the method returned.
fn decode_parts<K: Coder, E>(status: Status, codec: u8, bytes: &[u8], incoming: Incoming, bounds: &Bounds) -> MethodResult<K::Value, E>
where
    E: From<Error> + DeserializeOwned + 'static,
{
    let decoded = match (status, Codec::from_id(codec)) {
        (Status::SystemError, _) => return failed(decode_error(bytes)),
        (Status::Broken, _) => return Err(pipeline::nowhere()),
        (Status::Cancelled, _) => {
            return Err(Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, "the callee's node ended the call"));
        }
        (_, Err(error)) => Ok(Err(error)),
        (Status::Ok, Ok(codec)) => {
            panics::caught(|| transfer::decoding_result(incoming, || K::decode(codec, bytes, bounds))).map(|decoded| decoded.map(Ok))
        }
        (Status::AppError, Ok(codec)) => {
            panics::caught(|| transfer::decoding_result(incoming, || codec::decode::<E>(codec, bytes, bounds)))
                .map(|decoded| decoded.map(Err))
        }
    };
    match decoded {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(Error::new(ErrorKind::Codec, Outcome::Ran, format!("the result cannot be decoded: {error}"))),
        Err(panicked) => Err(panicked.into_error(Outcome::Ran)),
    }
}

/// The call did not get to its method. When that is for a promise that an error of the method's own type broke, it fails with that.
fn failed<T, E: DeserializeOwned + 'static>(error: Error) -> MethodResult<T, E> {
    match pipeline::own(&error) {
        Some(own) => Ok(Err(own)),
        None => Err(error),
    }
}

/// Decodes what came back by the seam, from a handler of this process or through interceptors.
pub(crate) fn decode_raw<K: Coder, E>(reply: crate::handler::RawReply, peer: Peer, called: &Called) -> MethodResult<K::Value, E>
where
    E: From<Error> + DeserializeOwned + 'static,
{
    use crate::handler::RawReply;
    let (status, payload) = match reply {
        RawReply::Ok(payload) => (Status::Ok, payload),
        RawReply::AppError(payload) => (Status::AppError, payload),
        RawReply::Failed(error) => return failed(error),
    };
    let bounds = payload.bounds();
    let references = payload.references.into_iter().map(Some).collect();
    let segments: Vec<Option<Bytes>> = payload.segments.into_iter().map(Some).collect();
    let incoming = Incoming::new(references, segments).answered_by(called.answered_by(peer));
    decode_parts::<K, E>(status, payload.codec, &payload.bytes, incoming, &bounds)
}

/// Decodes what a call on a promise gave back.
pub(crate) fn decode_answered<K: Coder, E>(answered: Answered, called: &Called) -> Result<K::Value, E>
where
    E: From<Error> + DeserializeOwned + 'static,
{
    let decoded = match answered {
        Answered::Raw(reply) => decode_raw::<K, E>(reply, Peer::LOCAL, called),
        Answered::Over(session, reply) => decode_raw::<K, E>(reply, session.peer().clone(), called),
        Answered::Broken(breakage) => return Err(breakage.for_caller(&called.name())),
    };
    decoded.unwrap_or_else(|error| Err(E::from(called.name_on(error))))
}
