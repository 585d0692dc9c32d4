//! Stopping and pausing: looked at before each batch, never inside one.

use crate::clock::Clock;
use crate::execution::Interruption;
use chrono::{DateTime, Utc};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stop switch, the pause file and the window of one run.
#[derive(Clone, Default)]
pub struct Control {
    stop: Arc<AtomicBool>,
    pause_file: Option<PathBuf>,
    window: Option<Window>,
}

/// Until when batches are begun, and by which clock.
#[derive(Clone)]
struct Window {
    clock: Arc<dyn Clock>,
    until: DateTime<Utc>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Control")
            .field("interruption", &self.interruption())
            .field("until", &self.window.as_ref().map(|window| window.until))
            .finish_non_exhaustive()
    }
}

impl Control {
    #[must_use]
    pub fn new(pause_file: Option<PathBuf>) -> Self {
        Self { stop: Arc::default(), pause_file, window: None }
    }

    /// Begins no batch from `until` on.
    #[must_use]
    pub fn with_window(self, clock: Arc<dyn Clock>, until: DateTime<Utc>) -> Self {
        Self { window: Some(Window { clock, until }), ..self }
    }

    /// Asks the run to stop after the batch that is under way.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Why the run must stop now, if it must.
    #[must_use]
    pub fn interruption(&self) -> Option<Interruption> {
        if self.stop.load(Ordering::SeqCst) {
            return Some(Interruption::StopRequested);
        }
        if self.window.as_ref().is_some_and(|window| window.clock.now() >= window.until) {
            return Some(Interruption::WindowOver);
        }
        let paused = self.pause_file.as_ref().is_some_and(|file| file.exists());
        paused.then_some(Interruption::PauseFile)
    }
}
