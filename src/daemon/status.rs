//! What is seen of the daemon from outside: one value, replaced as a whole.
//!
//! Plain: names, codes, counts and dates. The loop writes it to a [`StatusBoard`]; whoever shows it (HTTP,
//! metrics) holds a receiver and never asks the loop.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::watch;

use crate::schedule::store::ScheduleRecord;

/// Which of several daemons on one ledger this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Another process acts; this one waits for its right.
    Standby,
    Acting,
}

/// Whether anything is disposed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Enforce,
    /// Plans are drafted and nothing is carried out.
    DryRun,
}

/// Why the daemon could not do its work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleCode {
    Clock,
    Ledger,
    Archive,
    Key,
    DiskFull,
    Documents,
    Store,
    /// The pause file exists: on purpose, but nothing goes on.
    Paused,
}

impl TroubleCode {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Ledger => "ledger",
            Self::Archive => "archive",
            Self::Key => "key",
            Self::DiskFull => "disk_full",
            Self::Documents => "documents",
            Self::Store => "store",
            Self::Paused => "paused",
        }
    }
}

/// One trouble, in words without values of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub code: TroubleCode,
    pub detail: String,
}

/// A schedule with what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleStatus {
    pub record: ScheduleRecord,
    pub time_zone: String,
    /// With its jitter.
    pub next_at: Option<DateTime<Utc>>,
}

/// What was last seen of one rule at one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    pub policy: String,
    pub rule: String,
    pub dataset: String,
    pub due: u64,
    pub overdue: u64,
    pub held: u64,
    pub undecidable: u64,
    pub oldest_due_at: Option<DateTime<Utc>>,
    /// When that was counted.
    pub counted_at: DateTime<Utc>,
    /// Disposed of and certified since this process began.
    pub disposed: u64,
    /// The last time that everything due was disposed of, or nothing was due, as far as this process saw.
    pub last_success_at: Option<DateTime<Utc>>,
}

/// The run under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkStatus {
    pub schedule: String,
    pub began_at: DateTime<Utc>,
    pub until: Option<DateTime<Utc>>,
    /// Of the item under way.
    pub dataset: Option<String>,
    pub disposed: u64,
    pub planned: u64,
    pub slowed_by: Vec<String>,
}

/// Of the last certificate that this process saw issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateStatus {
    pub certificate_id: String,
    pub outcome: String,
    pub at: DateTime<Utc>,
}

/// Sums since this process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub runs_complete: u64,
    pub runs_partial: u64,
    pub runs_interrupted: u64,
    pub failures: u64,
    pub disposed: u64,
    pub plans_waiting: u64,
}

/// Of the last scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanStatus {
    pub at: DateTime<Utc>,
    pub overdue: u64,
    pub oldest_due_at: Option<DateTime<Utc>>,
    pub unreachable: Vec<String>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonStatus {
    pub version: &'static str,
    pub started_at: DateTime<Utc>,
    /// The last turn of the loop: a daemon whose loop stands still is not alive.
    pub turned_at: DateTime<Utc>,
    pub role: Role,
    pub mode: Mode,
    pub dry_run_since: Option<DateTime<Utc>>,
    pub stopping: bool,
    /// Empty: ready.
    pub troubles: Vec<Trouble>,
    pub catalog_digest: String,
    pub documents_loaded_at: DateTime<Utc>,
    pub schedules: Vec<ScheduleStatus>,
    pub rules: Vec<RuleStatus>,
    pub open_runs: u64,
    pub work: Option<WorkStatus>,
    pub last_certificate: Option<CertificateStatus>,
    pub last_scan: Option<ScanStatus>,
    pub totals: Totals,
}

impl DaemonStatus {
    #[must_use]
    pub fn new(now: DateTime<Utc>, mode: Mode, catalog_digest: String) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: now,
            turned_at: now,
            role: Role::Standby,
            mode,
            dry_run_since: None,
            stopping: false,
            troubles: Vec::new(),
            catalog_digest,
            documents_loaded_at: now,
            schedules: Vec::new(),
            rules: Vec::new(),
            open_runs: 0,
            work: None,
            last_certificate: None,
            last_scan: None,
            totals: Totals::default(),
        }
    }

    /// Whether it could do its work now. One on standby is ready to take over.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.troubles.is_empty() && !self.stopping
    }
}

/// Where the loop puts its status.
#[derive(Debug)]
pub struct StatusBoard {
    sender: watch::Sender<DaemonStatus>,
}

impl StatusBoard {
    #[must_use]
    pub fn new(first: DaemonStatus) -> Self {
        Self { sender: watch::Sender::new(first) }
    }

    /// For whoever shows it.
    #[must_use]
    pub fn receiver(&self) -> watch::Receiver<DaemonStatus> {
        self.sender.subscribe()
    }

    #[must_use]
    pub fn get(&self) -> DaemonStatus {
        self.sender.borrow().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut DaemonStatus)) {
        self.sender.send_modify(change);
    }
}
