//! Where log lines and spans go.
//!
//! Floor 8. Log lines go to standard error, as far as they were asked for, and nowhere else. Spans
//! ([`crate::spans`]) stand in no log; they go nowhere at all, unless the program was built with the feature
//! `opentelemetry` and the environment names a collector. Then `otlp` sends them. The environment is read by whoever
//! calls: here come its variables by name.

#[cfg(not(feature = "opentelemetry"))]
mod none;
#[cfg(feature = "opentelemetry")]
mod otlp;

#[cfg(not(feature = "opentelemetry"))]
use none::Sending;
#[cfg(feature = "opentelemetry")]
use otlp::Sending;

use crate::spans;
use tokio::runtime::Handle;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// What hears of events and spans.
type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// How the log is written.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// Such as `info` or `oubliette=debug`.
    pub filter: &'a str,
    pub json: bool,
    pub colored: bool,
}

/// What was started, to be ended when there is nothing more to tell.
#[derive(Debug)]
#[must_use = "spans that were not sent are lost without its end"]
pub struct Telemetry {
    sending: Option<Sending>,
}

/// Starts the log, and the sending of spans where `variable` names a collector. A collector that cannot be
/// used is no reason to stop: the log says so.
///
/// # Errors
/// Why the log cannot be started.
pub fn start(
    log: Log<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
    runtime: &Handle,
) -> Result<Telemetry, String> {
    let filter = log_filter(log.filter)?;
    let sending = Sending::begin(variable, runtime);
    let mut listeners = match &sending {
        Ok(Some(sending)) => sending.listeners(),
        Ok(None) | Err(_) => Vec::new(),
    };
    listeners.push(Box::new(lines(log).with_filter(filter)));
    tracing_subscriber::registry()
        .with(listeners)
        .try_init()
        .map_err(|error| format!("the log cannot be started: {error}"))?;
    let sending = sending.unwrap_or_else(|reason| {
        tracing::warn!(reason, "no spans are sent");
        None
    });
    Ok(Telemetry { sending })
}

impl Telemetry {
    /// Sends what was not sent yet. It takes two seconds at most.
    pub fn finish(self) {
        if let Some(sending) = self.sending {
            sending.finish();
        }
    }
}

fn log_filter(asked: &str) -> Result<EnvFilter, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("the log filter cannot be read: {error}");
    let filter = EnvFilter::try_new(asked).map_err(|error| unreadable(&error))?;
    let no_spans = format!("{}=off", spans::TARGET).parse::<Directive>();
    Ok(filter.add_directive(no_spans.map_err(|error| unreadable(&error))?))
}

fn lines(log: Log<'_>) -> Listener {
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(log.colored);
    if log.json { Box::new(lines.json()) } else { Box::new(lines) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_is_read_and_knows_nothing_of_spans() {
        for asked in ["", "warn", "trace", "oubliette=debug", "info,oubliette::span=trace"] {
            let filter = log_filter(asked).unwrap().to_string();
            assert!(filter.contains("oubliette::span=off"), "{asked}: {filter}");
            assert!(!filter.contains("oubliette::span=trace"), "{asked}: {filter}");
        }
        let refused = log_filter("oubliette=loud").unwrap_err();
        assert!(refused.starts_with("the log filter cannot be read"), "{refused}");
    }
}
