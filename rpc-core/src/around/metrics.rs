//! Owns [`Metrics`]: counters and times of calls, for the facade `metrics`. Where they go is the program's choice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::chain::{Interceptor, Next};
use super::word_of;
use crate::handler::{Method, RawCall, RawReturn};

/// Counts calls and measures how long they take, for whatever recorder of the crate `metrics` the program has installed.
///
/// | metric | kind | labels |
/// | --- | --- | --- |
/// | `netref_calls_total` | counter, of calls that have ended | `side`, `method`, `outcome` |
/// | `netref_call_seconds` | histogram | `side`, `method` |
/// | `netref_calls_in_flight` | gauge | `side` |
///
/// `side` is `caller` or `callee`, `method` is `interface.method`, and `outcome` is `ok`, `error` (the method's own), `dropped`, or the kind of a
/// netref error. A node that passes calls on does not choose their methods, so after the first 1,000 the others are called `other`.
///
/// ```
/// # async fn example() -> netref::Result<()> {
/// use netref::Node;
/// use netref::around::Metrics;
///
/// let metrics = Metrics::new();
/// let node = Node::builder().intercept_incoming(metrics.clone()).intercept_outgoing(metrics).start().await?;
/// # drop(node);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    methods: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// More names than any program has methods.
const METHODS_MAX: usize = 1_000;

impl Metrics {
    /// Metrics of the calls that pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// The label of a method. What a peer may choose has to be bounded, or it could fill the recorder's tables.
    fn label(&self, method: &Method) -> Arc<str> {
        let name = method.to_string();
        let mut methods = self.methods.lock();
        if let Some(known) = methods.get(name.as_str()) {
            return Arc::clone(known);
        }
        if methods.len() >= METHODS_MAX {
            return Arc::from("other");
        }
        let name: Arc<str> = Arc::from(name);
        methods.insert(Arc::clone(&name));
        name
    }
}

impl Interceptor for Metrics {
    #[allow(clippy::disallowed_methods)]
    fn call(&self, call: RawCall, next: Next) -> RawReturn {
        let (side, method, begin) = (next.side().as_str(), self.label(&call.method), Instant::now());
        let in_flight = ::metrics::gauge!("netref_calls_in_flight", "side" => side);
        in_flight.increment(1.0);
        next.call(call).on_end(move |reply| {
            in_flight.decrement(1.0);
            let labels = [("side", side.into()), ("method", ::metrics::SharedString::from(Arc::clone(&method)))];
            ::metrics::histogram!("netref_call_seconds", &labels).record(begin.elapsed());
            ::metrics::counter!("netref_calls_total", "side" => side, "method" => method, "outcome" => word_of(reply)).increment(1);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_do_not_choose_ever_more_labels() {
        let metrics = Metrics::new();
        for number in 0..3 * METHODS_MAX {
            let label = metrics.label(&Method::new("shop::Shop", number.to_string(), 0, ""));
            assert_eq!(&*label == "other", number >= METHODS_MAX);
        }
        assert_eq!(&*metrics.label(&Method::new("shop::Shop", "0", 0, "")), "shop::Shop.0", "the first ones keep their own");
        assert_eq!(metrics.methods.lock().len(), METHODS_MAX);
    }
}
