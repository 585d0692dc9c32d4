//! From the daemon's announcements to the outbox, and from there on their way, in a task of its own.
//!
//! Floor 7. The loop waits for the ledger alone, never for a receiver. Documents that were read anew count
//! for notices too.

use super::App;
use crate::notice::{Announcement, Notice, Notices};
use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the outbox is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A stop waits so long for receivers.
const LAST_ROUND: Duration = Duration::from_secs(20);

/// Where a daemon hands in its notices.
pub struct NoticePost {
    settings_file: PathBuf,
    app: Mutex<Arc<App>>,
}

impl std::fmt::Debug for NoticePost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NoticePost").finish_non_exhaustive()
    }
}

impl NoticePost {
    #[must_use]
    pub fn new(settings_file: PathBuf, app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { settings_file, app: Mutex::new(app) })
    }

    fn app(&self) -> Arc<App> {
        Arc::clone(&self.app.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Brings what is in the outbox to its receivers, until the process ends.
    pub fn deliver(self: &Arc<Self>) {
        let post = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                post.deliver_once().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    /// One round, for which somebody waits: what is not over soon is left to the next process.
    pub async fn deliver_soon(&self) {
        if tokio::time::timeout(LAST_ROUND, self.deliver_once()).await.is_err() {
            tracing::info!("notices are left to the next start");
        }
    }

    async fn deliver_once(&self) {
        if let Err(error) = self.app().deliver_notices().await {
            tracing::error!(%error, "the outbox cannot be worked on");
        }
    }
}

#[async_trait]
impl Notices for NoticePost {
    async fn announce(&self, announcement: &Announcement) {
        if matches!(announcement.notice, Notice::DocumentsLoaded { .. }) {
            match self.app().reloaded(&self.settings_file) {
                Ok(app) => *self.app.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(app),
                Err(error) => tracing::error!(%error, "notices go by the earlier settings"),
            }
        }
        if let Err(error) = self.app().post(announcement).await {
            tracing::error!(%error, "a notice cannot be kept");
        }
    }
}
