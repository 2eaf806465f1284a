//! Owns [`Retry`]: which calls may be made again, how often, and when. What a call is it does not know.

use std::sync::Arc;
use std::time::Duration;

use super::chain::{Interceptor, Next};
use crate::error::{Error, ErrorKind, Outcome};
use crate::handler::{RawCall, RawReply, RawReturn};

/// Makes calls again that failed for a reason that may pass.
///
/// A call is made again only when that is safe: when its handler was never started ([`Outcome::NotRun`]), or when nobody knows and the
/// method is `#[idempotent]`. One that ran to its end is never made again, and neither is one that would fail the same way: no such
/// method, arguments that cannot be encoded, a panic. One that carries a half of a stream is not either: the half left with the first attempt. A method's own error is a result, and stays what it is.
///
/// Between two attempts it waits, each time twice as long as before, a random part less. It never waits beyond the call's deadline: when
/// that comes first, the last error is the answer; its outcome tells of all attempts, so it is `NotRun` only if none of them ran. A call that is being repeated may be overtaken by later ones on the same object.
///
/// ```
/// # use netref::{Remote, Result, remote};
/// # #[remote] trait Bank { async fn total(&self) -> Result<u64>; }
/// use std::time::Duration;
/// use netref::around::Retry;
///
/// fn patient(bank: Remote<dyn Bank>) -> Remote<dyn Bank> {
///     Remote::intercept(bank, Retry::new(5).back_off(Duration::from_millis(20), Duration::from_secs(1)))
/// }
/// ```
#[derive(Clone)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    longest: Duration,
    passes: Arc<dyn Fn(&Error) -> bool + Send + Sync>,
}

impl Retry {
    /// At most so many attempts, the first one included; with 0 or 1 nothing is repeated. It waits 10 ms before the second one, and never longer
    /// than a second.
    pub fn new(attempts: u32) -> Self {
        let (first, longest) = (Duration::from_millis(10), Duration::from_secs(1));
        Self { attempts, first, longest, passes: Arc::new(passes) }
    }

    /// How long it waits before the second attempt, and at most before any.
    pub fn back_off(mut self, first: Duration, longest: Duration) -> Self {
        (self.first, self.longest) = (first, longest);
        self
    }

    /// Which errors are worth another attempt, in place of `Overloaded`, `Reentrant`, `Unreachable`, `Disconnected`, `ShuttingDown` and `Cancelled`. What
    /// is not safe to repeat is not repeated whatever `passes` says.
    pub fn only(mut self, passes: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        self.passes = Arc::new(passes);
        self
    }

    /// Whether a call that ended like this may be made again.
    fn is_due(&self, reply: &RawReply, idempotent: bool, attempt: u32) -> bool {
        let RawReply::Failed(error) = reply else { return false };
        let safe = match error.outcome() {
            Outcome::NotRun => true,
            Outcome::MayHaveRun => idempotent,
            Outcome::Ran => false,
        };
        safe && attempt < self.attempts && (self.passes)(error)
    }

    /// How long to wait after so many attempts.
    fn pause(&self, attempts: u32) -> Duration {
        let full = self.first.saturating_mul(1_u32.checked_shl(attempts - 1).unwrap_or(u32::MAX)).min(self.longest);
        // Up to half of it less, so that those who failed together do not come back together.
        let part = u128::from(u16::from_le_bytes(crate::random::bytes()));
        // In a number that holds the product, whatever was asked for.
        let less = full.as_nanos() * part / (1 << 17);
        full - Duration::new((less / 1_000_000_000) as u64, (less % 1_000_000_000) as u32)
    }
}

/// Errors of which the cause may be gone a moment later.
fn passes(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Overloaded | ErrorKind::Reentrant | ErrorKind::Unreachable => true,
        // A plain reference is dead then, and stays so; one that connects again is not.
        ErrorKind::Disconnected | ErrorKind::ShuttingDown | ErrorKind::Cancelled => true,
        _ => false,
    }
}

impl Interceptor for Retry {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        // A half of a stream is gone with the first attempt, and a copy of the call would keep it from being dropped with that.
        if self.attempts < 2 || call.payload.is_once() {
            return next.call(call);
        }
        let again = call.clone();
        // Started here, so that a call which need not be repeated is not overtaken.
        match next.call(call) {
            RawReturn::Ready(reply) if !self.is_due(&reply, again.method.idempotent, 1) => RawReturn::Ready(reply),
            first => RawReturn::pending(repeated(self.clone(), first, again, next)),
        }
    }
}

/// Waits for the first attempt and makes the others.
async fn repeated(retry: Retry, first: RawReturn, call: RawCall, next: Next) -> RawReply {
    let mut reply = first.reply().await;
    let mut attempt = 1;
    // An attempt that certainly did not run says nothing of those before it.
    let mut may_have_run = false;
    while retry.is_due(&reply, call.method.idempotent, attempt) {
        let pause = retry.pause(attempt);
        if call.context.remaining().is_some_and(|left| left <= pause) {
            break;
        }
        may_have_run |= outcome_of(&reply) != Some(Outcome::NotRun);
        tokio::time::sleep(pause).await;
        attempt += 1;
        reply = next.call(call.clone()).reply().await;
    }
    match reply {
        RawReply::Failed(error) if may_have_run && error.outcome() == Outcome::NotRun => {
            RawReply::Failed(error.with_outcome(Outcome::MayHaveRun))
        }
        reply => reply,
    }
}

fn outcome_of(reply: &RawReply) -> Option<Outcome> {
    match reply {
        RawReply::Failed(error) => Some(error.outcome()),
        _ => None,
    }
}

impl std::fmt::Debug for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("first", &self.first)
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}
