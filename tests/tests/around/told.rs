//! What is told of calls: log lines, metrics and spans, with how each call ended and without its arguments.

use super::*;

#[tokio::test]
async fn calls_are_logged_with_side_method_and_outcome() {
    let seen = Seen::default();
    let _listening = tracing::subscriber::set_default(seen.clone());
    let (host, guest) = (Node::builder().name("host"), Node::builder().name("guest").intercept_outgoing(Logging::new()));
    let host = host.intercept_incoming(Logging::new().level(tracing::Level::DEBUG));
    let (_host, _guest, shop) = shop(host, guest, corner()).await;
    shop.buy("pear").await.unwrap();
    shop.steal().await.unwrap_err();
    shop.crash().await.unwrap_err();
    let call = shop.browse().send();
    tokio::time::sleep(20 * MILLI).await;
    drop(call);
    until("the callee has noticed", || seen.events().len() == 8).await;
    let lines: Vec<_> =
        seen.events().iter().map(|line| format!("{} {} {} {}", line["level"], line["side"], line["method"], line["outcome"])).collect();
    for (method, outcome) in [("buy", "ok"), ("steal", "error"), ("crash", "panic"), ("browse", "dropped")] {
        for (level, side) in [("DEBUG", "callee"), ("INFO", "caller")] {
            let line = format!("{level} {side} around::Shop.{method} {outcome}");
            assert!(lines.contains(&line), "{line} in {lines:#?}");
        }
    }
    assert!(!format!("{:?}", seen.events()).contains("pear"), "arguments are nobody's business");
}

/// A recorder that writes down what is counted.
#[derive(Clone, Default)]
pub(crate) struct Counts(pub(crate) Arc<Mutex<std::collections::BTreeMap<String, f64>>>);

struct Count(String, Counts);

impl Count {
    fn add(&self, value: f64) {
        *self.1.0.lock().unwrap().entry(self.0.clone()).or_default() += value;
    }
}

impl metrics::CounterFn for Count {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }
    fn absolute(&self, _value: u64) {}
}

impl metrics::GaugeFn for Count {
    fn increment(&self, value: f64) {
        self.add(value);
    }
    fn decrement(&self, value: f64) {
        self.add(-value);
    }
    fn set(&self, _value: f64) {}
}

impl metrics::HistogramFn for Count {
    fn record(&self, _value: f64) {
        self.add(1.0);
    }
}

impl Counts {
    fn of(&self, key: &metrics::Key) -> Arc<Count> {
        let labels: Vec<_> = key.labels().map(|label| label.value().to_owned()).collect();
        Arc::new(Count(format!("{} {}", key.name(), labels.join(" ")), self.clone()))
    }
}

impl metrics::Recorder for Counts {
    fn describe_counter(&self, _key: metrics::KeyName, _unit: Option<metrics::Unit>, _text: metrics::SharedString) {}
    fn describe_gauge(&self, _key: metrics::KeyName, _unit: Option<metrics::Unit>, _text: metrics::SharedString) {}
    fn describe_histogram(&self, _key: metrics::KeyName, _unit: Option<metrics::Unit>, _text: metrics::SharedString) {}
    fn register_counter(&self, key: &metrics::Key, _metadata: &metrics::Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(self.of(key))
    }
    fn register_gauge(&self, key: &metrics::Key, _metadata: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(self.of(key))
    }
    fn register_histogram(&self, key: &metrics::Key, _metadata: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(self.of(key))
    }
}

#[tokio::test]
async fn metrics_count_calls_by_side_method_and_outcome() {
    let counts = Counts::default();
    let recorder = counts.clone();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let metrics = Metrics::new();
    let (host, guest) = (Node::builder().intercept_incoming(metrics.clone()), Node::builder().intercept_outgoing(metrics));
    let (_host, _guest, shop) = shop(host, guest, corner()).await;
    for _ in 0..3 {
        shop.buy("pear").await.unwrap();
    }
    shop.steal().await.unwrap_err();
    let call = shop.browse().send();
    let in_flight = |side: &str| counts.0.lock().unwrap().get(&format!("netref_calls_in_flight {side}")).copied();
    until("the call is in flight", || in_flight("callee") == Some(1.0) && in_flight("caller") == Some(1.0)).await;
    drop(call);
    until("it is over", || in_flight("callee") == Some(0.0) && in_flight("caller") == Some(0.0)).await;
    let counted = counts.0.lock().unwrap().clone();
    for side in ["caller", "callee"] {
        for (labels, count) in [("buy ok", 3.0), ("steal error", 1.0), ("browse dropped", 1.0)] {
            assert_eq!(
                counted.get(&format!("netref_calls_total {side} around::Shop.{labels}")),
                Some(&count),
                "{side} {labels} in {counted:#?}"
            );
        }
        assert_eq!(counted.get(&format!("netref_call_seconds {side} around::Shop.buy")), Some(&3.0), "{counted:#?}");
    }
}

#[tokio::test]
async fn spans_tell_how_calls_ended() {
    let seen = Seen::default();
    let _listening = tracing::subscriber::set_default(seen.clone());
    let hostile = |call: RawCall, next: Next| match &*call.method.name {
        "look" => RawReturn::failed(Error::new(ErrorKind::Denied, Outcome::NotRun, "\u{1b}[2J")),
        _ => next.call(call),
    };
    let shop = Remote::intercept(Remote::intercept(corner(), hostile), Spans::new());
    shop.buy("pear").await.unwrap();
    shop.steal().await.unwrap_err();
    shop.crash().await.unwrap_err();
    shop.look().await.unwrap_err();
    let call = shop.browse().send();
    tokio::task::yield_now().await;
    drop(call);
    until("the span of what was dropped is over", || seen.spans().iter().all(|span| span.contains_key("outcome"))).await;
    let ended: Vec<_> = seen.spans().iter().map(|span| format!("{} {}", span["method"], span["outcome"])).collect();
    let expected = [("buy", "ok"), ("steal", "error"), ("crash", "panic"), ("look", "denied"), ("browse", "dropped")];
    assert_eq!(ended, expected.map(|(method, outcome)| format!("around::Shop.{method} {outcome}")));
    let errors: Vec<_> = seen.spans().iter().map(|span| span.get("error").cloned().unwrap_or_default()).collect();
    assert!(errors[2].contains("a secret"), "{errors:?}");
    assert!(errors[3].contains("\\u{1b}[2J") && !errors[3].contains('\u{1b}'), "{errors:?}");
    assert!(errors[0].is_empty() && errors[1].is_empty() && errors[4].is_empty(), "a method's own error is nobody's business: {errors:?}");
}
