//! How the daemon is seen from outside: `/healthz`, `/readyz`, `/metrics` over HTTP, and systemd (floor 8).
//!
//! It only reads: the status that the loop puts up, and a few figures of the ledger. Nothing personal is in
//! any answer: names of policies, rules, datasets and schedules, codes, counts, dates. It asks nobody who they
//! are, so it listens on this very machine unless the settings say otherwise.

mod listener;
pub mod metrics;
pub mod systemd;

use crate::app::{App, AppError, Figures};
use crate::clock::Clock;
use crate::daemon::DaemonStatus;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, TimeDelta, Utc};
use listener::BoundedListener;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// A loop that did not turn for so long stands still. Between two pieces of work, and between two batches of
/// one, it turns within seconds.
const TURNS_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// The ledger has so long to answer.
const FIGURES_WAIT: Duration = Duration::from_secs(5);
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the interface shows.
pub struct Shown {
    status: watch::Receiver<DaemonStatus>,
    app: Arc<App>,
    clock: Arc<dyn Clock>,
    /// Of many who ask at once one reads the ledger.
    reading: Mutex<()>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    #[must_use]
    pub fn new(status: watch::Receiver<DaemonStatus>, app: Arc<App>, clock: Arc<dyn Clock>) -> Self {
        Self { status, app, clock, reading: Mutex::new(()) }
    }

    /// Copied at once: the loop must not wait for who looks.
    fn status(&self) -> DaemonStatus {
        self.status.borrow().clone()
    }

    async fn figures(&self) -> Option<Figures> {
        let read = async {
            let _one = self.reading.lock().await;
            self.app.figures().await
        };
        match tokio::time::timeout(FIGURES_WAIT, read).await {
            Ok(Ok(figures)) => Some(figures),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the figures of the ledger cannot be read");
                None
            }
            Err(_) => {
                tracing::warn!("the ledger did not give its figures in time");
                None
            }
        }
    }
}

/// Whether the loop turns.
#[must_use]
pub fn is_alive(status: &DaemonStatus, now: DateTime<Utc>) -> bool {
    // A clock that was set back says nothing of the loop.
    now - status.turned_at < TURNS_WITHIN
}

/// Listens; the answers are given until the returned task is dropped with the process.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(listen: SocketAddr, shown: Arc<Shown>) -> Result<SocketAddr, AppError> {
    let listener = BoundedListener::bind(listen).await.map_err(|error| AppError::Argument {
        reason: format!("the HTTP interface cannot listen on {listen}: {error}"),
        hint: Some("name another address in `http.listen`".to_owned()),
    })?;
    let address = listener.address();
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(shown);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the HTTP interface ended");
        }
    });
    tracing::info!(%address, "the HTTP interface listens");
    Ok(address)
}

async fn healthz(State(shown): State<Arc<Shown>>) -> Response {
    let status = shown.status();
    let alive = is_alive(&status, shown.clock.now());
    let json = json!({ "alive": alive, "turned_at": status.turned_at, "version": status.version });
    answer(alive, &json)
}

async fn readyz(State(shown): State<Arc<Shown>>) -> Response {
    let status = shown.status();
    let alive = is_alive(&status, shown.clock.now());
    // Looked at now and not by the loop: it is the one thing that this process itself needs.
    let ledger = shown.figures().await.is_some();
    let ready = status.is_ready() && alive && ledger;
    let mut troubles: Vec<serde_json::Value> = status
        .troubles
        .iter()
        .map(|trouble| json!({ "code": trouble.code, "detail": trouble.detail }))
        .collect();
    if !alive {
        troubles.push(json!({ "code": "loop", "detail": "the loop stands still" }));
    }
    if !ledger && !status.troubles.iter().any(|trouble| trouble.code == crate::daemon::TroubleCode::Ledger) {
        troubles.push(json!({ "code": "ledger", "detail": "the ledger did not answer" }));
    }
    let json = json!({
        "ready": ready,
        "role": status.role,
        "mode": status.mode,
        "stopping": status.stopping,
        "troubles": troubles,
    });
    answer(ready, &json)
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    let figures = shown.figures().await;
    let page = metrics::page(&shown.status(), figures.as_ref(), shown.clock.now());
    match page {
        Ok(page) => (headers(METRICS_TYPE), page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn answer(good: bool, json: &serde_json::Value) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, headers("application/json"), format!("{json}\n")).into_response()
}

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ])
}
