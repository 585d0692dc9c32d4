//! What the people responsible must hear of, as values (floor 1).
//!
//! A notice says what happened in names, codes, counts and dates: never a value of a record. How it reaches
//! somebody is the business of whoever implements [`Notices`]; what it says in words is in `views`.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeSeverity {
    /// Worth knowing; nobody has to do anything.
    Info,
    /// Somebody has to do something in the next days.
    Warning,
    /// Something does not work as it must.
    Alarm,
}

/// Why a plan waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// Not every rule with something due has a standing approval.
    NotApproved,
    /// The rule changed since its standing approval.
    StandingVoid,
    /// A guard was hit, or the plan says something that only a person may decide.
    NeedsPerson,
    /// The plan cannot be carried out as it is.
    Refused,
    /// More is due than ten times what usually is, or what the settings say instead.
    Jumped,
    /// More would go today than the rule may dispose of unattended in a day.
    DailyCeiling,
    /// The clock moved in a way that nothing confirms.
    ClockDoubtful,
}

/// One thing to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// A schedule drafted a plan that only a person may let go.
    PlanWaits { schedule: String, plan_id: String, reason: WaitReason, rules: Vec<String>, due: u64 },
    /// An erasure request was planned again, because what was kept may go now.
    RequestWaits { request_id: String, plan_id: String },
    /// The answer to a request is due soon, or late (negative).
    DeadlineNear { request_id: String, due_on: NaiveDate, days_left: i64 },
    /// A run is certified and whole.
    RunComplete { schedule: String, run_id: String, certificate_id: String, outcome: String, disposed: u64 },
    /// A run is certified, and not whole.
    RunPartial { schedule: String, run_id: String, certificate_id: String, outcome: String, failed: u64 },
    /// A run stopped between batches and will go on.
    RunInterrupted { schedule: String, run_id: String, reason: String },
    /// A run could not go on as it was approved: what it did is certified, and it ended there.
    RunClosed { run_id: String, certificate_id: Option<String>, reason: String },
    /// A schedule did not do its work; it is tried again, if there is a time.
    ScheduleFailed { schedule: String, reason: String, retry_at: Option<DateTime<Utc>> },
    /// The window of a due time was over before anything could be begun.
    ScheduleMissed { schedule: String, due_at: DateTime<Utc>, times: u32 },
    /// A rule or its datasets changed, so nothing of it goes unattended until it is approved again.
    StandingVoid { policy: String, rule: String },
    /// Changed documents have faults; the old ones stay in force.
    DocumentsFaulty { faults: usize, first: String },
    /// Changed documents are in force.
    DocumentsLoaded { catalog_digest: String },
    /// The daemon cannot work, and why.
    NotReady { trouble: String, detail: String },
    /// It can again.
    ReadyAgain,
    /// The daemon has only pretended for so many days.
    DryRunLeftOn { since: DateTime<Utc>, days: i64 },
    /// A verification scan ended; `overdue` is what is beyond its time, over all rules.
    Scanned { overdue: u64, oldest_due_at: Option<DateTime<Utc>>, unreachable: Vec<String> },
}

impl Notice {
    /// What kind it is: stable, snake case.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PlanWaits { .. } => "plan_waits",
            Self::RequestWaits { .. } => "request_waits",
            Self::DeadlineNear { .. } => "deadline_near",
            Self::RunComplete { .. } => "run_complete",
            Self::RunPartial { .. } => "run_partial",
            Self::RunInterrupted { .. } => "run_interrupted",
            Self::RunClosed { .. } => "run_closed",
            Self::ScheduleFailed { .. } => "schedule_failed",
            Self::ScheduleMissed { .. } => "schedule_missed",
            Self::StandingVoid { .. } => "standing_void",
            Self::DocumentsFaulty { .. } => "documents_faulty",
            Self::DocumentsLoaded { .. } => "documents_loaded",
            Self::NotReady { .. } => "not_ready",
            Self::ReadyAgain => "ready_again",
            Self::DryRunLeftOn { .. } => "dry_run_left_on",
            Self::Scanned { .. } => "scanned",
        }
    }

    #[must_use]
    pub fn severity(&self) -> NoticeSeverity {
        match self {
            Self::RunComplete { .. }
            | Self::RunInterrupted { .. }
            | Self::DocumentsLoaded { .. }
            | Self::ReadyAgain => NoticeSeverity::Info,
            Self::Scanned { overdue: 0, unreachable, .. } if unreachable.is_empty() => NoticeSeverity::Info,
            Self::DeadlineNear { days_left, .. } if *days_left < 0 => NoticeSeverity::Alarm,
            Self::PlanWaits { .. }
            | Self::RequestWaits { .. }
            | Self::DeadlineNear { .. }
            | Self::RunClosed { .. }
            | Self::ScheduleMissed { .. }
            | Self::StandingVoid { .. }
            | Self::DryRunLeftOn { .. } => NoticeSeverity::Warning,
            Self::RunPartial { .. }
            | Self::ScheduleFailed { .. }
            | Self::DocumentsFaulty { .. }
            | Self::NotReady { .. }
            | Self::Scanned { .. } => NoticeSeverity::Alarm,
        }
    }

    /// What it is about: two notices with the same kind and key speak of the same matter.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::PlanWaits { schedule, .. }
            | Self::ScheduleFailed { schedule, .. }
            | Self::ScheduleMissed { schedule, .. } => schedule.clone(),
            Self::RequestWaits { request_id, plan_id } => format!("{request_id}/{plan_id}"),
            Self::DeadlineNear { request_id, due_on, .. } => format!("{request_id}/{due_on}"),
            Self::RunComplete { run_id, .. }
            | Self::RunPartial { run_id, .. }
            | Self::RunInterrupted { run_id, .. }
            | Self::RunClosed { run_id, .. } => run_id.clone(),
            Self::StandingVoid { policy, rule } => format!("{policy}/{rule}"),
            Self::DocumentsFaulty { first, .. } => first.clone(),
            Self::DocumentsLoaded { catalog_digest } => catalog_digest.clone(),
            Self::NotReady { trouble, .. } => trouble.clone(),
            Self::ReadyAgain | Self::DryRunLeftOn { .. } | Self::Scanned { .. } => String::new(),
        }
    }
}

/// A notice and when it arose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announcement {
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub notice: Notice,
}

/// Where notices go. It never fails towards the daemon: whoever cannot deliver at once keeps it, tries
/// again, and says so by its own means. It must answer soon, because the daemon waits.
#[async_trait]
pub trait Notices: Send + Sync {
    async fn announce(&self, announcement: &Announcement);
}

/// Several at once.
#[async_trait]
impl Notices for Vec<std::sync::Arc<dyn Notices>> {
    async fn announce(&self, announcement: &Announcement) {
        for one in self {
            one.announce(announcement).await;
        }
    }
}

/// The log: what there always is.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoggedNotices;

#[async_trait]
impl Notices for LoggedNotices {
    async fn announce(&self, announcement: &Announcement) {
        let notice = &announcement.notice;
        let (kind, key) = (notice.kind(), notice.key());
        // Its own words: names, codes, counts and dates.
        let detail = serde_json::to_string(notice).unwrap_or_default();
        match notice.severity() {
            NoticeSeverity::Info => tracing::info!(target: "oubliette::notice", kind, key, %detail),
            NoticeSeverity::Warning => tracing::warn!(target: "oubliette::notice", kind, key, %detail),
            NoticeSeverity::Alarm => tracing::error!(target: "oubliette::notice", kind, key, %detail),
        }
    }
}
