//! Stopping and pausing: looked at before each batch, never inside one.

use crate::execution::Interruption;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The stop switch and the pause file of one process.
#[derive(Debug, Clone, Default)]
pub struct Control {
    stop: Arc<AtomicBool>,
    pause_file: Option<PathBuf>,
}

impl Control {
    #[must_use]
    pub fn new(pause_file: Option<PathBuf>) -> Self {
        Self { stop: Arc::default(), pause_file }
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
        let paused = self.pause_file.as_ref().is_some_and(|file| file.exists());
        paused.then_some(Interruption::PauseFile)
    }
}
