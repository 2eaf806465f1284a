//! Owns [`TraceContext`]: the place of a call in a trace that crosses nodes, as W3C defines it. It opens no spans.

use std::fmt;
use std::str::FromStr;

use crate::context::{Context, Within};
use crate::wire::Trace;

/// The place of a call in a trace: what W3C calls a [trace context](https://www.w3.org/TR/trace-context/), without its vendor part.
///
/// It travels with every call and is inherited by the calls that a handler makes. It begins with a span ([`around::Spans`](crate::around::Spans)), or with a context
/// from outside, such as the `traceparent` of an HTTP request:
///
/// ```
/// use netref::TraceContext;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = header.parse()?;
/// assert_eq!(context.to_string(), header);
///
/// let inside = context.scope(async { TraceContext::current() }); // calls made in it carry the context
/// assert_eq!(inside.await, Some(context));
/// # Ok::<(), netref::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// The flag that says that the trace is recorded.
    const SAMPLED: u8 = 1;

    /// A context of these ids, or `None` if one of them is zero, which the standard forbids.
    pub const fn new(trace_id: u128, span_id: u64, sampled: bool) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self { trace_id, span_id, flags: sampled as u8 })
    }

    /// The beginning of a new trace, with random ids. It is marked as recorded.
    pub fn root() -> Self {
        let trace_id = u128::from_le_bytes(crate::random::bytes()).max(1);
        Self { trace_id, span_id: span_id(), flags: Self::SAMPLED }
    }

    /// A new span below this one.
    pub fn child(&self) -> Self {
        Self { span_id: span_id(), ..*self }
    }

    /// The context that the calls made here carry; `None` where there is none.
    pub fn current() -> Option<Self> {
        Context::current().trace()
    }

    /// Runs a future in which this is the current context: the calls that are made in it carry it. A call that was made before and is only awaited
    /// in it does not. Inside a handler everything else stays as it is.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the future.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        Within::new(Context::current().with_trace(self).into_call(), future)
    }

    /// The trace.
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span in it.
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// Whether the trace is recorded, as far as whoever began it has said.
    pub const fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    pub(crate) const fn of_wire(trace: &Trace) -> Option<Self> {
        let Trace { trace_id, span_id, flags } = *trace;
        if trace_id == 0 || span_id == 0 { None } else { Some(Self { trace_id, span_id, flags }) }
    }

    pub(crate) const fn to_wire(self) -> Trace {
        let Self { trace_id, span_id, flags } = self;
        Trace { trace_id, span_id, flags }
    }
}

fn span_id() -> u64 {
    u64::from_le_bytes(crate::random::bytes()).max(1)
}

impl fmt::Display for TraceContext {
    /// As the header `traceparent` has it, version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = crate::error::Error;

    /// Reads a `traceparent`. Of a version that is not known yet, what this one knows is read, as the standard asks.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            let text =
                format!("`{}` is no `traceparent`: `00-`, 32 hexadecimal digits, `-`, 16 of them, `-`, 2 of them", shown.escape_debug());
            crate::error::Error::new(crate::error::ErrorKind::Misuse, crate::error::Outcome::NotRun, text)
        })
    }
}

fn read(text: &str) -> Option<TraceContext> {
    let mut parts = text.split('-');
    let version = digits(parts.next()?, 2)?;
    let (trace_id, span_id, flags) = (digits(parts.next()?, 32)?, digits(parts.next()?, 16)?, digits(parts.next()?, 2)?);
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let flags = u8::try_from(flags).ok()?;
    TraceContext::of_wire(&Trace { trace_id, span_id: u64::try_from(span_id).ok()?, flags })
}

/// So many lower-case hexadecimal digits.
fn digits(text: &str, count: usize) -> Option<u128> {
    let fits = text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let root = TraceContext::root();
        assert_eq!(root.to_string().parse::<TraceContext>().unwrap(), root);
        let child = root.child();
        assert_eq!((child.trace_id(), child.is_sampled()), (root.trace_id(), true));
        assert_ne!(child.span_id(), root.span_id());
        assert_eq!(TraceContext::of_wire(&child.to_wire()), Some(child));
    }

    #[test]
    fn versions_to_come_are_read_as_far_as_they_are_known() {
        let known = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes";
        assert_eq!(later.parse::<TraceContext>().unwrap(), known.parse().unwrap());
        assert!(!known.parse::<TraceContext>().unwrap().is_sampled());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
        assert_eq!(TraceContext::new(0, 1, true), None);
    }
}
