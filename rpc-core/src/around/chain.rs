//! Owns [`Interceptor`] and the chain in which several stand one around the other. Where a chain begins and ends is `wrap`'s.

use std::fmt;
use std::sync::Arc;

use crate::handler::{Handler, RawCall, RawReturn};

/// Something that stands around calls; see the [module](super).
///
/// A closure `Fn(RawCall, Next) -> RawReturn` is one too.
pub trait Interceptor: Send + Sync + 'static {
    /// Handles one call, as a rule by passing it on to `next` and looking at what comes back.
    ///
    /// It must not block. Calls on one object start in the order in which they were sent as long as `next` is called before this returns;
    /// an interceptor that waits first lets later calls overtake. A call that is never passed on never ran, which an error
    /// should say ([`Outcome::NotRun`](crate::Outcome::NotRun)).
    ///
    /// # Panics
    ///
    /// A panic is an error of that one call, as one of its handler is.
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
}

impl Next {
    /// Passes the call on. It is started at once, and given up when what is returned is dropped.
    pub fn call(&self, call: RawCall) -> RawReturn {
        match self.chain.interceptors.get(self.at) {
            Some(interceptor) => interceptor.call(call, Self { at: self.at + 1, ..self.clone() }),
            None => self.end.call(call),
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
    pub(crate) fn call(&self, call: RawCall, side: Side, end: Arc<dyn Handler>) -> RawReturn {
        Next { chain: self.clone(), at: 0, side, end }.call(call)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({})", self.interceptors.len())
    }
}
