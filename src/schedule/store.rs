//! The port that remembers what was done about each schedule (floor 1).
//!
//! Due times are computed anew each time; this remembers up to which of them was acted, so that what
//! was missed is caught up once and nothing is done twice.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How an occurrence of a schedule ended, or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleOutcome {
    /// Everything due was disposed of and certified, save what was excepted.
    Complete,
    /// Nothing was due.
    NothingDue,
    /// Certified, but not whole.
    Partial,
    /// A plan waits for a person.
    Waiting,
    /// In the dry-run mode: a plan was drafted, and nothing else.
    DryRun,
    /// Stopped between batches; goes on in the window or the next one.
    Interrupted,
    /// Nothing was begun, or it could not go on; tried again in the window.
    Failed,
    /// Its window was over before it could begin.
    Missed,
}

impl ScheduleOutcome {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NothingDue => "nothing_due",
            Self::Partial => "partial",
            Self::Waiting => "waiting",
            Self::DryRun => "dry_run",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Missed => "missed",
        }
    }

    /// The other way.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [
            Self::Complete,
            Self::NothingDue,
            Self::Partial,
            Self::Waiting,
            Self::DryRun,
            Self::Interrupted,
            Self::Failed,
            Self::Missed,
        ]
        .into_iter()
        .find(|outcome| outcome.word() == word)
    }
}

/// What is remembered of one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleRecord {
    pub schedule: String,
    /// Due times up to here are dealt with, or being dealt with.
    pub handled_at: DateTime<Utc>,
    /// The due time that is being dealt with; `None` between two.
    pub due_at: Option<DateTime<Utc>>,
    /// Until when it may be worked on; `None` is without end.
    pub until: Option<DateTime<Utc>>,
    /// Failed attempts at it.
    pub attempts: u32,
    /// Not before this it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    pub last_began_at: Option<DateTime<Utc>>,
    pub last_ended_at: Option<DateTime<Utc>>,
    pub last_outcome: Option<ScheduleOutcome>,
    /// The last time that everything was done that was to do.
    pub last_success_at: Option<DateTime<Utc>>,
    pub last_plan_id: Option<String>,
    pub last_certificate_id: Option<String>,
}

impl ScheduleRecord {
    /// One that begins now: nothing before is caught up.
    #[must_use]
    pub fn new(schedule: &str, now: DateTime<Utc>) -> Self {
        Self {
            schedule: schedule.to_owned(),
            handled_at: now,
            due_at: None,
            until: None,
            attempts: 0,
            retry_at: None,
            last_began_at: None,
            last_ended_at: None,
            last_outcome: None,
            last_success_at: None,
            last_plan_id: None,
            last_certificate_id: None,
        }
    }
}

/// What one scheduled plan found due for one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCount {
    pub policy: String,
    pub rule: String,
    /// Over all its datasets.
    pub due: u64,
}

/// The due counts of a plan that a schedule drafted and that nothing kept from being carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCounts {
    pub schedule: String,
    pub plan_id: String,
    pub at: DateTime<Utc>,
    /// On standing approvals alone.
    pub unattended: bool,
    pub counts: Vec<DueCount>,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScheduleStoreError {
    /// Another process has the right to act. Nothing was written.
    #[error("another process acts on the schedules")]
    NotOurs,
    #[error("the ledger has no room left")]
    Full,
    #[error("the ledger failed: {reason}")]
    Failed { reason: String },
}

/// Keeps schedules. Whatever returned `Ok` is durable. Only the process with the right to act writes.
#[async_trait]
pub trait ScheduleStore: Send + Sync + std::fmt::Debug {
    /// By name.
    async fn schedules(&self) -> Result<Vec<ScheduleRecord>, ScheduleStoreError>;
    /// Adds or replaces.
    async fn put_schedule(&self, record: &ScheduleRecord) -> Result<(), ScheduleStoreError>;
    /// Remembers the counts of a plan, once.
    async fn put_due_counts(&self, counts: &DueCounts) -> Result<(), ScheduleStoreError>;
    /// The last counts of a rule, the newest first, at most `limit`: of plans whose run began, and those
    /// of none.
    async fn due_history(&self, policy: &str, rule: &str, limit: u32)
    -> Result<Vec<u64>, ScheduleStoreError>;
    /// What plans whose run began were to dispose of by a rule unattended, from an instant on.
    async fn unattended_since(
        &self,
        policy: &str,
        rule: &str,
        from: DateTime<Utc>,
    ) -> Result<u64, ScheduleStoreError>;
    /// An instant remembered under a name.
    async fn mark(&self, name: &str) -> Result<Option<DateTime<Utc>>, ScheduleStoreError>;
    /// Remembers it, or with `None` forgets it.
    async fn put_mark(&self, name: &str, at: Option<DateTime<Utc>>) -> Result<(), ScheduleStoreError>;
    /// The last scan as its JSON.
    async fn last_scan(&self) -> Result<Option<String>, ScheduleStoreError>;
    async fn put_scan(&self, at: DateTime<Utc>, json: &str) -> Result<(), ScheduleStoreError>;
}
