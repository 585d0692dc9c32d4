//! What is heard while work is under way: stops, ticks, and what has to wait.
//!
//! Floor 7.

use super::event::{Event, EventSource, Waiting};
use super::status::StatusBoard;
use super::work::Done;
use crate::clock::Clock;
use crate::execution::Control;
use crate::journal::RunLease;
use std::pin::Pin;

/// What is heard while work is under way.
pub(super) struct Listening<'a> {
    pub(super) control: &'a Control,
    pub(super) lease: Option<&'a dyn RunLease>,
    pub(super) clock: &'a dyn Clock,
    pub(super) board: &'a StatusBoard,
    pub(super) stop_within: std::time::Duration,
    /// On the monotonic clock.
    pub(super) asked_at: Option<std::time::Duration>,
    pub(super) reload_wanted: bool,
    /// The work can be left at any time: documents that changed do not wait for its end.
    pub(super) leaves_to_reload: bool,
}

impl Listening<'_> {
    /// Until the work ended; `None` when it was dropped where it was, which is safe: the journal tells.
    pub(super) async fn until(
        &mut self,
        mut work: Pin<Box<dyn Future<Output = Done> + Send + '_>>,
        events: &mut dyn EventSource,
    ) -> Option<Done> {
        loop {
            let mut ended = None;
            let event = tokio::select! {
                biased;
                done = &mut work => {
                    ended = Some(done);
                    Event::WorkEnded
                }
                event = events.next(Waiting { busy: true, until: None }) => event,
            };
            match event {
                Event::WorkEnded => return ended,
                Event::Stop if self.asked_at.is_some() => return None,
                Event::Stop => {
                    self.asked_at = Some(self.clock.monotonic());
                    self.control.request_stop();
                    self.board.change(|status| status.stopping = true);
                }
                Event::Reload | Event::FilesChanged => {
                    self.reload_wanted = true;
                    if self.leaves_to_reload {
                        self.control.request_stop();
                    }
                }
                Event::Tick => {
                    if self.ticked() {
                        return None;
                    }
                }
            }
        }
    }

    /// Whether the work is no longer waited for.
    fn ticked(&self) -> bool {
        let now = self.clock.now();
        self.board.change(|status| status.turned_at = now);
        if self.lease.is_some_and(|lease| !lease.is_held()) {
            // Somebody else may act by now: not one more batch.
            self.control.request_stop();
        }
        let waited = self.asked_at.map(|asked_at| self.clock.monotonic().saturating_sub(asked_at));
        waited.is_some_and(|waited| waited >= self.stop_within)
    }
}
