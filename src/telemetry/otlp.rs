//! Sends spans to a collector: OTLP over HTTP, in protobuf.
//!
//! Floor 8. Only where the environment names an endpoint in the variables that OpenTelemetry has for it; those
//! for sampling, queues, headers and the resource are read by its own library. What goes is what [`sieve`] lets
//! through: spans of ours, with the fields of [`spans::FIELDS`]. Log lines are never sent, nor are spans of
//! libraries. Nothing waits for a collector but the end of the program, and that for a moment only; what cannot be
//! sent is lost, and the log says once that it is. Times and ids of spans are the library's own: nothing of ours stands
//! on them.

mod open;
mod post;
mod sieve;

use super::Listener;
use crate::spans;
use open::OpenSpans;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use post::{Post, Reach};
use sieve::Sieve;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::{Layer, Registry};

/// How long the end waits for spans that others still hold: a thread of a driver holds the span of its last
/// statement a moment longer than whoever asked for it.
const CLOSING_MAX: Duration = Duration::from_millis(500);
/// How long the end waits for the collector.
const SENDING_MAX: Duration = Duration::from_secs(1);
/// The name of this program, unless the environment gives another.
const SERVICE: &str = "oubliette";
const SERVICE_NAME: &str = "service.name";

/// Spans on their way.
#[derive(Debug)]
pub(super) struct Sending {
    provider: SdkTracerProvider,
    open: OpenSpans,
    reach: Arc<Reach>,
}

impl Sending {
    /// `None` where nobody asked for it.
    ///
    /// # Errors
    /// Why the collector cannot be used. The reason does not repeat its address, which may hold a token.
    pub(super) fn begin(
        variable: &dyn Fn(&str) -> Option<String>,
        runtime: &Handle,
    ) -> Result<Option<Self>, String> {
        let Some(endpoint) = endpoint(variable) else { return Ok(None) };
        let reach = Arc::new(Reach::default());
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Post::new(&endpoint, runtime.clone(), Arc::clone(&reach))?)
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(endpoint)
            .build()
            .map_err(|_| "the collector cannot be used by what the environment says of it".to_owned())?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(Sieve::before(exporter))
            .build();
        Ok(Some(Self { provider, open: OpenSpans::default(), reach }))
    }

    pub(super) fn listeners(&self) -> Vec<Listener> {
        let sends = tracing_opentelemetry::layer::<Registry>()
            .with_tracer(self.provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(ours());
        let counts = Layer::<Registry>::with_filter(self.open.clone(), ours());
        // In this order: what is counted as closed is on its way.
        vec![Box::new(sends), Box::new(counts)]
    }

    pub(super) fn finish(self) {
        self.open.wait(CLOSING_MAX);
        if self.provider.shutdown_with_timeout(SENDING_MAX).is_err() {
            self.reach.lost("it did not answer before the end of the program");
        }
    }
}

/// Spans of this program; no event, and nothing of a library.
fn ours() -> FilterFn {
    let is_ours: fn(&Metadata<'_>) -> bool =
        |metadata| metadata.is_span() && metadata.target() == spans::TARGET;
    filter_fn(is_ours).with_max_level_hint(LevelFilter::INFO)
}

/// Where spans go, if anywhere.
fn endpoint(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let says = |name: &str, word: &str| variable(name).is_some_and(|said| said.eq_ignore_ascii_case(word));
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
        let every_signal = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", every_signal.trim_end_matches('/')))
    })
}

/// Who sends. What the library finds out by itself are its own name and version and what the environment says;
/// neither machine nor process nor command line.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get_ref(&Key::from_static_str(SERVICE_NAME));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let own = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if is_named { own.build() } else { own.with_service_name(SERVICE).build() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Option<&str>) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(endpoint(&variable).as_deref(), expected);
    }

    #[test]
    fn spans_go_where_the_environment_says_and_else_nowhere() {
        let (all, traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        check(&[], None);
        check(&[(all, "http://c:4318")], Some("http://c:4318/v1/traces"));
        check(&[(all, "http://c:4318/otlp/")], Some("http://c:4318/otlp/v1/traces"));
        check(&[(all, "http://c:4318"), (traces, "http://t:1/x")], Some("http://t:1/x"));
        check(&[(traces, "http://t:1/x"), ("OTEL_SDK_DISABLED", "True")], None);
        check(&[(traces, "http://t:1/x"), ("OTEL_TRACES_EXPORTER", "none")], None);
        check(&[(traces, "http://t:1/x"), ("OTEL_TRACES_EXPORTER", "otlp")], Some("http://t:1/x"));
    }

    #[test]
    fn a_program_without_another_name_has_its_own() {
        let resource = resource();
        let of = |key: &'static str| resource.get(&Key::from_static_str(key)).map(|value| value.to_string());
        assert_eq!(of(SERVICE_NAME).as_deref(), Some(SERVICE));
        assert_eq!(of("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let mut others = resource.iter().filter(|(key, _)| !key.as_str().starts_with("service."));
        assert!(others.all(|(key, _)| key.as_str().starts_with("telemetry.sdk.")), "{resource:?}");
    }
}
