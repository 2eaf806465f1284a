//! Owns [`Spans`]: a span for each call, and its place in a trace that crosses nodes. What a trace context is, `trace` says.

use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use super::chain::{Interceptor, Next};
use super::word_of;
use crate::handler::{RawCall, RawReply, RawReturn};
use crate::trace::TraceContext;

/// Opens a span of `tracing` for each call, which is its parent in the trace for whatever happens inside it, here and on other nodes.
///
/// The span is called `call`, has the level `INFO` and the target `netref::spans`, and these fields:
///
/// | field | |
/// | --- | --- |
/// | `side` | `caller` or `callee` |
/// | `method` | `interface.method` |
/// | `trace_id`, `span_id` | as in W3C's `traceparent`, in hexadecimal |
/// | `parent_id` | the `span_id` of the span above, on whichever node it is; none for the first |
/// | `chain` | the root call that this one descends from, the same on all nodes; two calls of one trace may have different ones |
/// | `for_peer` | whose call it is: at the callee the caller, at the caller whoever called it |
/// | `outcome` | once it has ended: `ok`, `error` (the method's own), `dropped`, or the kind of a netref error |
/// | `error` | its text |
///
/// The ids travel with the call ([`TraceContext`]) whether anybody listens to the spans or not. Nodes without spans pass the context on, so a trace
/// has no gap but the spans that they did not open. To let a node open them for all its calls:
///
/// ```
/// # async fn example() -> netref::Result<()> {
/// use netref::Node;
/// use netref::around::Spans;
///
/// let node = Node::builder().intercept_incoming(Spans::new()).intercept_outgoing(Spans::new()).start().await?;
/// # drop(node);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spans {
    _private: (),
}

impl Spans {
    /// Spans for the calls that pass.
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl Interceptor for Spans {
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let parent = call.context.trace();
        let trace = parent.map_or_else(TraceContext::root, |parent| parent.child());
        let RawCall { method, payload, context } = call;
        let call = RawCall { method, payload, context: context.with_trace(trace).with_chain() };
        let span = open(next.side().as_str(), &call, parent, trace);
        let inside = span.clone();
        let returned = inside.in_scope(|| next.call(call));
        let returned = match returned {
            RawReturn::Pending(future) => RawReturn::Pending(Box::pin(future.instrument(inside))),
            ready => ready,
        };
        returned.on_end(move |reply| {
            span.record("outcome", word_of(reply));
            if let Some(RawReply::Failed(error)) = reply {
                // A peer may have written it: what is no text in it must not reach a terminal.
                span.record("error", display(error.to_string().escape_debug()));
            }
        })
    }
}

fn open(side: &'static str, call: &RawCall, parent: Option<TraceContext>, trace: TraceContext) -> Span {
    let method = call.method.to_string();
    let span = tracing::info_span!(
        target: "netref::spans",
        "call",
        side,
        method = %method.escape_debug(),
        trace_id = %format_args!("{:032x}", trace.trace_id()),
        span_id = %format_args!("{:016x}", trace.span_id()),
        parent_id = Empty,
        chain = Empty,
        for_peer = %call.context.peer(),
        outcome = Empty,
        error = Empty,
    );
    if let Some(parent) = parent {
        span.record("parent_id", display(format_args!("{:016x}", parent.span_id())));
    }
    if let Some(chain) = call.context.chain() {
        span.record("chain", display(format_args!("{chain:032x}")));
    }
    span
}
