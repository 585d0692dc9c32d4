//! What may leave this machine.
//!
//! Floor 8. The last thing before a span is written down for a collector: it lets spans through that
//! [`spans::NAMES`] has, of their attributes those of [`spans::FIELDS`], and nothing else: no event,
//! no link, no text of an error. What made a span is not trusted here.

use crate::spans;
use opentelemetry::trace::Status;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};
use std::time::Duration;

/// Stands before an exporter.
#[derive(Debug)]
pub(super) struct Sieve<E> {
    exporter: E,
}

impl<E: SpanExporter> Sieve<E> {
    pub(super) fn before(exporter: E) -> Self {
        Self { exporter }
    }
}

impl<E: SpanExporter> SpanExporter for Sieve<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.exporter.export(batch.into_iter().filter_map(sifted).collect()).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

fn sifted(mut span: SpanData) -> Option<SpanData> {
    if !spans::NAMES.contains(&&*span.name) {
        return None;
    }
    span.attributes.retain_mut(keeps);
    span.events = SpanEvents::default();
    span.links = SpanLinks::default();
    if matches!(span.status, Status::Error { .. }) {
        span.status = Status::error("");
    }
    Some(span)
}

/// Whether an attribute is on the list; then it gets the name by which others see it.
fn keeps(attribute: &mut KeyValue) -> bool {
    let Some((_, seen)) = spans::FIELDS.iter().find(|(field, _)| *field == attribute.key.as_str()) else {
        return false;
    };
    attribute.key = Key::from_static_str(seen);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use std::sync::{Arc, Mutex};

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().append(&mut batch);
            Ok(())
        }
    }

    #[test]
    fn nothing_passes_that_is_not_on_the_list() {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(Sieve::before(kept.clone())).build();
        let tracer = provider.tracer("test");
        tracer.start("SELECT 1").end();
        let mut span = tracer.start("batch");
        span.set_attribute(KeyValue::new("dataset", "shop.orders"));
        span.set_attribute(KeyValue::new("records", 12_i64));
        span.set_attribute(KeyValue::new("db.statement", "canary"));
        span.set_attribute(KeyValue::new("oubliette.dataset", "canary"));
        span.add_event("canary", vec![KeyValue::new("dataset", "canary")]);
        let own = span.span_context().clone();
        span.add_link(own, Vec::new());
        span.set_status(Status::error("canary"));
        span.end();
        let kept = kept.0.lock().unwrap();
        let [span] = &kept[..] else { panic!("{kept:?}") };
        let expected = vec![
            KeyValue::new("oubliette.dataset", "shop.orders"),
            KeyValue::new("oubliette.records", 12_i64),
        ];
        assert_eq!(span.attributes, expected);
        assert!(span.events.is_empty() && span.links.is_empty());
        assert_eq!(span.status, Status::error(""));
        assert!(!format!("{span:?}").contains("canary"));
    }
}
