//! Ticks, signals and changed files of the real machine.
//!
//! Floor 7. The scheduler ticks in UTC and nothing else: what is due is computed from the clock. Files are
//! looked at every few ticks; a change counts once it stayed the same for two looks, so that a file that is
//! being written is not read half.

use super::event::{Event, EventSource, Waiting};
use crate::app::App;
use async_trait::async_trait;
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

/// Once a second.
const TICK: &str = "* * * * * *";
/// Ticks between two looks at the files.
const LOOK_EVERY: u32 = 5;

/// The events of this process.
pub struct RealEvents {
    settings_file: PathBuf,
    ticks: mpsc::Receiver<()>,
    /// Kept: it stops when dropped.
    _scheduler: JobScheduler,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    ticked: u32,
    /// What was loaded last, and what was seen at the last look.
    loaded: String,
    seen: String,
}

impl std::fmt::Debug for RealEvents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RealEvents").finish_non_exhaustive()
    }
}

impl RealEvents {
    /// Begins to listen. From now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system gives no signals, or the ticker does not start.
    pub async fn listen(settings_file: PathBuf) -> anyhow::Result<Self> {
        // One waiting tick is enough: a loop that was busy need not make up for them.
        let (sender, ticks) = mpsc::channel(1);
        let scheduler = JobScheduler::new().await?;
        let tick = Job::new_async(TICK, move |_, _| {
            let sender = sender.clone();
            // Full: the loop has one tick to hear of already.
            Box::pin(async move {
                let _one_is_waiting = sender.try_send(());
            })
        })?;
        scheduler.add(tick).await?;
        scheduler.start().await?;
        let print = App::fingerprint(&settings_file);
        Ok(Self {
            settings_file,
            ticks,
            _scheduler: scheduler,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            ticked: 0,
            loaded: print.clone(),
            seen: print,
        })
    }

    /// Whether the documents changed and have stayed so.
    fn files_changed(&mut self) -> bool {
        self.ticked = self.ticked.wrapping_add(1);
        if !self.ticked.is_multiple_of(LOOK_EVERY) {
            return false;
        }
        let print = App::fingerprint(&self.settings_file);
        let is_settled = print == self.seen;
        self.seen.clone_from(&print);
        let changed = is_settled && print != self.loaded;
        if changed {
            self.loaded = print;
        }
        changed
    }
}

#[async_trait]
impl EventSource for RealEvents {
    async fn next(&mut self, _waiting: Waiting) -> Event {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.hangup.recv() => Event::Reload,
            _ = self.ticks.recv() => {
                if self.files_changed() { Event::FilesChanged } else { Event::Tick }
            }
        }
    }
}
