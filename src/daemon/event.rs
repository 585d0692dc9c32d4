//! What the loop hears, and from whom.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Everything that the loop is moved by. Closed: what is not here cannot happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Time passed.
    Tick,
    /// Somebody asks the process to stop (SIGTERM, SIGINT): between batches. The second time: at once.
    Stop,
    /// Somebody asks to read the documents again (SIGHUP).
    Reload,
    /// A document changed.
    FilesChanged,
    /// The work under way ended.
    WorkEnded,
}

/// What the loop waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Work is under way: only then may the answer stay out for long.
    pub busy: bool,
    /// Nothing is due before this instant, unless something else happens; `None`: nothing is.
    pub until: Option<DateTime<Utc>>,
}

/// Where events come from. Dropping an unfinished call loses nothing.
#[async_trait]
pub trait EventSource: Send {
    async fn next(&mut self, waiting: Waiting) -> Event;
}
