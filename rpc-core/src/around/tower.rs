//! Owns the way to tower and back: a reference as a service, and a layer as an interceptor. It knows tower's two traits and nothing of its
//! layers.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tower_layer::Layer;
use tower_service::Service;

use super::chain::{Interceptor, Next};
use crate::any::AnyRemote;
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{RawCall, RawReply, RawReturn};

/// A reference as a tower service: of calls as the seam knows them, without their types.
///
/// What the method returned, its own error included, is the response; what netref says of a call is the service's error.
///
/// ```
/// # fn example(reference: netref::AnyRemote) {
/// use netref::around::CallService;
///
/// let service = CallService::new(reference); // to be called, or to be wrapped by layers
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CallService {
    reference: AnyRemote,
}

impl CallService {
    /// A service that calls what the reference refers to.
    pub const fn new(reference: AnyRemote) -> Self {
        Self { reference }
    }
}

/// A reply to come, or what netref says of the call.
type ReplyFuture = Pin<Box<dyn Future<Output = Result<RawReply, Error>> + Send>>;

impl Service<RawCall> for CallService {
    type Response = RawReply;
    type Error = Error;
    type Future = ReplyFuture;

    /// Always ready: a call waits for room itself, in the order in which it was made.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: RawCall) -> Self::Future {
        settled(self.reference.call_raw(call))
    }
}

fn settled(returned: RawReturn) -> ReplyFuture {
    Box::pin(async move {
        match returned.reply().await {
            RawReply::Failed(error) => Err(error),
            reply => Ok(reply),
        }
    })
}

/// A tower layer as an interceptor: limits, time-outs and load shedding that are there already.
///
/// Its service has to be `Clone`, which most are. One that is not, as that of tower's `RateLimitLayer`, goes behind a `BufferLayer`
/// (`ServiceBuilder::new().buffer(64).rate_limit(100, second)`). A method with `#[remote(no_cancel)]` that a peer calls is dropped all the same when
/// a layer gives its call up.
///
/// The layer is applied once, so all calls share what it counts, and the service that it makes is cloned for each call. A layer that ends a
/// call by an error of its own makes it a netref error: `Overloaded` and `NotRun` if the call had not been passed on yet, `Cancelled` and
/// `MayHaveRun` if it had. One that makes a call several times gives one of the errors, which then tells of all of them. Where a layer lets calls wait, later ones may overtake earlier ones on the same object.
///
/// ```
/// # use netref::{Remote, Result, remote};
/// # #[remote] trait Bank { async fn total(&self) -> Result<u64>; }
/// use netref::around::Tower;
/// # // Any layer will do; this is tower's own for none at all.
/// # use tower_layer::Identity as SomeLayer;
///
/// fn limited(bank: Remote<dyn Bank>) -> Remote<dyn Bank> {
///     Remote::intercept(bank, Tower::new(SomeLayer::new())) // such as `tower::limit::ConcurrencyLimitLayer::new(8)`
/// }
/// ```
#[derive(Clone)]
pub struct Tower<S> {
    service: S,
}

impl<S> Tower<S> {
    /// An interceptor that passes calls through the layer.
    pub fn new<L>(layer: L) -> Self
    where
        L: Layer<PassedService, Service = S>,
    {
        Self { service: layer.layer(PassedService { _private: () }) }
    }
}

impl<S> fmt::Debug for Tower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tower(..)")
    }
}

/// A call on its way through a tower layer.
#[derive(Clone, Debug)]
pub struct PassedCall {
    /// The call.
    pub call: RawCall,
    next: Next,
    /// How often it was passed on and not refused there: as often it may have run.
    may_have_run: Arc<AtomicUsize>,
}

/// What a tower layer stands around: it passes a call on to where it was going.
#[derive(Clone, Debug)]
pub struct PassedService {
    _private: (),
}

impl Service<PassedCall> for PassedService {
    type Response = RawReply;
    type Error = Error;
    type Future = ReplyFuture;

    /// Always ready.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, passed: PassedCall) -> Self::Future {
        let PassedCall { call, next, may_have_run } = passed;
        may_have_run.fetch_add(1, Ordering::AcqRel);
        let settled = settled(next.call(call));
        Box::pin(async move {
            let settled = settled.await;
            if settled.as_ref().is_err_and(|error| error.outcome() == Outcome::NotRun) {
                may_have_run.fetch_sub(1, Ordering::AcqRel);
            }
            settled
        })
    }
}

impl<S> Interceptor for Tower<S>
where
    S: Service<PassedCall, Response = RawReply> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send,
{
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let mut service = self.service.clone();
        let may_have_run = Arc::new(AtomicUsize::new(0));
        let passed = PassedCall { call, next, may_have_run: Arc::clone(&may_have_run) };
        started(async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into);
            let replied = match ready {
                Ok(()) => service.call(passed).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            replied.unwrap_or_else(|error| RawReply::Failed(error_of(error, may_have_run.load(Ordering::Acquire) > 0)))
        })
    }
}

/// Starts a call here, so that calls start in the order in which they were made. Outside a runtime, where a layer may want one, it starts when it
/// is first waited for.
fn started(call: impl Future<Output = RawReply> + Send + 'static) -> RawReturn {
    let mut call: Pin<Box<dyn Future<Output = RawReply> + Send>> = Box::pin(call);
    if tokio::runtime::Handle::try_current().is_err() {
        return RawReturn::Pending(call);
    }
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reply) => RawReturn::Ready(reply),
        // Whoever waits for it polls it again, with a waker that counts.
        Poll::Pending => RawReturn::Pending(call),
    }
}

/// The error of a call that went through a layer: netref's own, or in netref's words the layer's. A layer may have made the call more than once,
/// and gives one of the errors: that is not believed to say that nothing ran if another attempt may have.
fn error_of(error: Box<dyn StdError + Send + Sync>, may_have_run: bool) -> Error {
    match error.downcast::<Error>() {
        Ok(error) if may_have_run && error.outcome() == Outcome::NotRun => error.with_outcome(Outcome::MayHaveRun),
        Ok(error) => *error,
        Err(error) if may_have_run => Error::new(ErrorKind::Cancelled, Outcome::MayHaveRun, format!("a layer ended the call: {error}")),
        Err(error) => Error::new(ErrorKind::Overloaded, Outcome::NotRun, format!("a layer refused the call: {error}")),
    }
}
