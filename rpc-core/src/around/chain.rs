//! Owns [`Interceptor`] and the chain in which several stand one around the other. Where a chain begins and ends is `wrap`'s.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::context::PassedOn;
use crate::error::Outcome;
use crate::handler::{Handler, RawCall, RawReply, RawReturn};
use crate::panics::{self, Panicked};

/// Something that stands around calls; see the [module](super).
///
/// A closure `Fn(RawCall, Next) -> RawReturn` is one too.
pub trait Interceptor: Send + Sync + 'static {
    /// Handles one call, as a rule by passing it on to `next` and looking at what comes back.
    ///
    /// It must not block. Calls on one object start in the order in which they were sent as long as `next` is called before this returns;
    /// an interceptor that waits first lets later calls overtake. A call that is never passed on never ran, which an error
    /// should say ([`Outcome::NotRun`]).
    ///
    /// # Panics
    ///
    /// A panic is an error of that one call, as one of its handler is: interceptors further out see it as the reply, of kind `Panic`.
    ///
    /// # Cancel safety
    ///
    /// A call that is given up is dropped wherever it is: what has to be told then is told by [`RawReturn::on_end`].
    fn call(&self, call: RawCall, next: Next) -> RawReturn;
}

impl<F> Interceptor for F
where
    F: Fn(RawCall, Next) -> RawReturn + Send + Sync + 'static,
{
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        self(call, next)
    }
}

/// On which side of a call an interceptor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// Where the call is made.
    Caller,
    /// Where it is served.
    Callee,
}

impl Side {
    /// `caller` or `callee`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }
}

/// What an interceptor stands around: the next interceptor, or the object itself.
///
/// It may be called several times, each of which is a call of its own, and cloned for later.
#[derive(Clone)]
pub struct Next {
    chain: Chain,
    at: usize,
    side: Side,
    end: Arc<dyn Handler>,
    passed_on: PassedOn,
}

impl Next {
    /// Passes the call on. It is started at once, and given up when what is returned is dropped. A panic of whatever is passed on the way is
    /// an error in what is returned.
    pub fn call(&self, call: RawCall) -> RawReturn {
        let Some(interceptor) = self.chain.interceptors.get(self.at) else {
            self.passed_on.set();
            return self.end.call(call);
        };
        match panics::caught(|| interceptor.call(call, Self { at: self.at + 1, ..self.clone() })) {
            Ok(RawReturn::Pending(future)) => {
                RawReturn::Pending(Box::pin(Guarded { future: Some(future), passed_on: self.passed_on.clone() }))
            }
            Ok(ready) => ready,
            Err(panicked) => RawReturn::Ready(failed(panicked, &self.passed_on)),
        }
    }

    /// On which side of the call this is.
    pub const fn side(&self) -> Side {
        self.side
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("side", &self.side).field("left", &(self.chain.interceptors.len() - self.at)).finish_non_exhaustive()
    }
}

/// What an interceptor gave back, its panics caught.
struct Guarded {
    future: Option<Pin<Box<dyn Future<Output = RawReply> + Send>>>,
    passed_on: PassedOn,
}

impl Future for Guarded {
    type Output = RawReply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RawReply> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let reply = match panics::caught(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => reply,
            Err(panicked) => failed(panicked, &self.passed_on),
        };
        panics::drop_quietly(self.future.take());
        Poll::Ready(reply)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.future.is_some() {
            panics::drop_quietly(self.future.take());
        }
    }
}

/// The end of a call by the panic of an interceptor.
fn failed(panicked: Panicked, passed_on: &PassedOn) -> RawReply {
    RawReply::Failed(panicked.into_error(if passed_on.is_set() { Outcome::MayHaveRun } else { Outcome::NotRun }))
}

/// Interceptors, the outermost first.
#[derive(Clone, Default)]
pub(crate) struct Chain {
    interceptors: Arc<[Arc<dyn Interceptor>]>,
}

impl Chain {
    pub(crate) fn of(interceptor: impl Interceptor) -> Self {
        Self { interceptors: Arc::new([Arc::new(interceptor)]) }
    }

    /// With one more, inside of those that there are.
    pub(crate) fn with(&self, interceptor: impl Interceptor) -> Self {
        let own: [Arc<dyn Interceptor>; 1] = [Arc::new(interceptor)];
        Self { interceptors: self.interceptors.iter().cloned().chain(own).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.interceptors.is_empty()
    }

    /// Sends a call through all of them to its end.
    pub(crate) fn call(&self, call: RawCall, side: Side, end: Arc<dyn Handler>, passed_on: PassedOn) -> RawReturn {
        Next { chain: self.clone(), at: 0, side, end, passed_on }.call(call)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.interceptors.len())
    }
}
