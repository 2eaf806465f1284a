//! Owns a listener for `tracing` that remembers what netref says of calls: the fields of each span and of each event.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The fields of a span or an event, as text.
pub type Fields = BTreeMap<String, String>;

/// What is told when the outcome of a span is known.
type Told = Arc<dyn Fn(&Fields) + Send + Sync>;

/// Remembers the spans and events of calls.
#[derive(Clone, Default)]
pub struct Seen {
    spans: Arc<Mutex<Vec<Fields>>>,
    events: Arc<Mutex<Vec<Fields>>>,
    told: Option<Told>,
}

impl Seen {
    /// Besides, tells of each span when its outcome is known.
    #[must_use]
    pub fn telling(told: impl Fn(&Fields) + Send + Sync + 'static) -> Self {
        Self { told: Some(Arc::new(told)), ..Self::default() }
    }

    #[must_use]
    pub fn spans(&self) -> Vec<Fields> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn events(&self) -> Vec<Fields> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Seen {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["netref::calls", "netref::spans"].contains(&metadata.target())
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::new();
        span.record(&mut Into(&mut fields));
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push(fields);
        Id::from_u64(spans.len() as u64)
    }
    fn record(&self, span: &Id, values: &Record<'_>) {
        let fields = {
            let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
            let fields = &mut spans[span.into_u64() as usize - 1];
            values.record(&mut Into(fields));
            fields.clone()
        };
        if let (Some(told), true) = (&self.told, fields.contains_key("outcome")) {
            told(&fields);
        }
    }
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        fields.insert("level".to_owned(), event.metadata().level().to_string());
        event.record(&mut Into(&mut fields));
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(fields);
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}
