//! What systemd is told: ready, alive, stopping, and one line of status (floor 8).
//!
//! Without `NOTIFY_SOCKET` nothing is told. The watchdog hears of the loop and not of this task: when the
//! loop stands still, systemd ends and starts the process again, which is safe at any instant.

use super::is_alive;
use crate::clock::Clock;
use crate::daemon::DaemonStatus;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Without a watchdog, how often the line of status is told.
const USUAL_PERIOD: Duration = Duration::from_secs(10);

/// Tells systemd from now on, until the process ends.
pub fn tell(mut status: watch::Receiver<DaemonStatus>, clock: Arc<dyn Clock>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice as often as it must, as sd_watchdog_enabled(3) advises.
    let period = watchdog.map_or(USUAL_PERIOD, |period| period / 2);
    tokio::spawn(async move {
        let mut is_ready_told = false;
        loop {
            let now = status.borrow_and_update().clone();
            let mut states = Vec::new();
            if !is_ready_told {
                states.push(NotifyState::Ready);
                is_ready_told = true;
            }
            if is_alive(&now, clock.now()) {
                states.push(NotifyState::Watchdog);
            }
            if now.stopping {
                states.push(NotifyState::Stopping);
            }
            let line = line(&now);
            states.push(NotifyState::Status(&line));
            if let Err(error) = sd_notify::notify(&states) {
                tracing::warn!(%error, "systemd cannot be told");
            }
            drop(states);
            // Whatever changed waits for the next turn of this task, but a stop.
            let stopped = status.wait_for(|status| status.stopping && !now.stopping);
            let gone = matches!(tokio::time::timeout(period, stopped).await, Ok(Err(_)));
            if gone {
                return;
            }
        }
    });
}

/// One line: what it is at.
fn line(status: &DaemonStatus) -> String {
    if let Some(trouble) = status.troubles.first() {
        return format!("not ready: {}", trouble.code.word());
    }
    match &status.work {
        Some(work) => format!("{}: {} of {} records", work.schedule, work.disposed, work.planned),
        None => "waiting".to_owned(),
    }
}
