//! Owns what stands around a call: [`Interceptor`], the chain of them, and [`Next`], by which each passes the call on. It knows calls as the
//! seam shows them ([`RawCall`](crate::RawCall)) and no types.
//!
//! An interceptor sees every call that passes it, on its way in and on its way out. It can look, change, refuse, repeat, or answer by itself.
//! There are three places for one:
//!
//! | place | what passes | [`Side`] |
//! | --- | --- | --- |
//! | [`Remote::intercept`](crate::Remote::intercept), [`AnyRemote::intercept`](crate::AnyRemote::intercept) | calls on that one reference | caller, or callee for an object of this process |
//! | [`NodeBuilder::intercept_outgoing`](crate::NodeBuilder::intercept_outgoing) | every call that the node makes over its sessions | caller |
//! | [`NodeBuilder::intercept_incoming`](crate::NodeBuilder::intercept_incoming) | every call over its sessions on an object of the node | callee |
//!
//! Ready ones are [`Logging`], [`Retry`] and [`Spans`]; with the feature `metrics` there is `Metrics`, and with `tower` a layer of tower's is one, if its
//! service can be cloned.
//! Where none is asked for there is none: a call then takes no more than it would without this module.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use std::sync::Arc;
//! use netref::around::{Interceptor, Next};
//! use netref::{RawCall, RawReturn, Remote, Result, remote};
//!
//! #[remote]
//! trait Counter {
//!     async fn count(&self) -> Result<u64>;
//! }
//! # struct Five;
//! # impl Counter for Five { async fn count(&self) -> Result<u64> { Ok(5) } }
//!
//! /// Counts the calls that have ended.
//! struct Turnstile(Arc<AtomicU64>);
//!
//! impl Interceptor for Turnstile {
//!     fn call(&self, call: RawCall, next: Next) -> RawReturn {
//!         let ended = Arc::clone(&self.0);
//!         next.call(call).on_end(move |_reply| {
//!             ended.fetch_add(1, Ordering::Relaxed);
//!         })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let ended = Arc::new(AtomicU64::new(0));
//! let counter = Remote::intercept(Remote::<dyn Counter>::new(Five), Turnstile(Arc::clone(&ended)));
//! assert_eq!(counter.count().await?, 5);
//! assert_eq!(ended.load(Ordering::Relaxed), 1);
//! # Ok::<(), netref::Error>(()) }).unwrap();
//! ```
//!
//! Calls of netref's own, which look names up and cast references, pass no interceptor of a node. Calls that an interceptor makes itself over
//! its node do, so it has to know them again. One that is meant for some sessions only asks the call's context:
//! [`Context::session`](crate::Context::session), [`Context::peer`](crate::Context::peer).

mod chain;
mod logging;
#[cfg(feature = "metrics")]
mod metrics;
mod retry;
mod spans;
#[cfg(feature = "tower")]
mod tower;
mod wrap;

pub use chain::{Interceptor, Next, Side};
pub use logging::Logging;
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
pub use retry::Retry;
pub use spans::Spans;
#[cfg(feature = "tower")]
pub use tower::{CallService, PassedCall, PassedService, Tower};

pub(crate) use chain::Chain;
pub(crate) use wrap::{around_import, incoming, is_question, is_question_of};

use crate::error::ErrorKind;
use crate::handler::RawReply;

/// How a call ended, in one word: for logs, spans and the labels of metrics.
fn word_of(reply: Option<&RawReply>) -> &'static str {
    match reply {
        None => "dropped",
        Some(RawReply::Ok(_)) => "ok",
        Some(RawReply::AppError(_)) => "error",
        Some(RawReply::Failed(error)) => word_of_kind(error.kind()),
    }
}

fn word_of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Codec => "codec",
        ErrorKind::Deadline => "deadline",
        ErrorKind::Denied => "denied",
        ErrorKind::Disconnected => "disconnected",
        ErrorKind::InvalidAddress => "invalid_address",
        ErrorKind::Nested => "nested",
        ErrorKind::NoSuchMethod => "no_such_method",
        ErrorKind::NoSuchName => "no_such_name",
        ErrorKind::NoSuchObject => "no_such_object",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::Panic => "panic",
        ErrorKind::Poisoned => "poisoned",
        ErrorKind::Protocol => "protocol",
        ErrorKind::Reentrant => "reentrant",
        ErrorKind::SchemaMismatch => "schema_mismatch",
        ErrorKind::ShuttingDown => "shutting_down",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Misuse => "misuse",
        ErrorKind::NoSuchInterface => "no_such_interface",
    }
}
