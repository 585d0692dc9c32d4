//! What can stop a use case, by what the caller can do.

use crate::archive::ArchiveError;
use crate::certificate::CertificateError;
use crate::diagnostic::Diagnostics;
use crate::erasure::request::RequestError;
use crate::execution::ExecutionError;
use crate::hold::HoldError;
use crate::ids::RandomnessError;
use crate::journal::JournalError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::plan::approval::CompileError;
use crate::plan::explain::ExplainError;
use crate::plan::staleness::StaleReason;
use crate::plan::store::PlanStoreError;
use crate::plan::{ApprovalError, FindingCode, PlanError, PlanFileError};
use crate::schedule::store::ScheduleStoreError;
use chrono::{DateTime, Utc};
use connectors::ConnectorError;
use std::io::ErrorKind;
use thiserror::Error;

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppError {
    /// Every fault of every document.
    #[error("the documents have errors")]
    Documents(Diagnostics),
    /// Something is full while a run is open, which goes on once there is room.
    #[error("{0}")]
    FullInRun(Box<AppError>),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error("the plan is stale: {}", reasons(.0))]
    Stale(Vec<StaleReason>),
    #[error("the plan cannot be carried out as it was approved: {0}")]
    Compile(#[from] CompileError),
    #[error("there is no plan '{reference}'")]
    NoSuchPlan { reference: String },
    #[error("'{reference}' could be several plans")]
    AmbiguousPlan { reference: String },
    #[error("plan '{plan_id}' in the ledger is not the one that was approved")]
    PlanDamaged { plan_id: String },
    #[error("the plan was carried out already: certificate {certificate_id}")]
    AlreadyApplied { certificate_id: String },
    #[error("run '{run_id}' of this plan was interrupted")]
    Interrupted { run_id: String },
    /// Two open runs could claim the same records.
    #[error("run '{run_id}' of plan '{plan_id}' was interrupted and has no certificate yet")]
    OtherRunOpen { run_id: String, plan_id: String },
    /// The plan cannot be carried out any more as it was when the run began.
    #[error("run '{run_id}' cannot go on: {reason}")]
    NotAsBegun { run_id: String, reason: Box<AppError> },
    #[error("no run was interrupted")]
    NothingToResume,
    #[error("several runs were interrupted: {}", plan_ids.join(", "))]
    SeveralToResume { plan_ids: Vec<String> },
    /// invariant I6: a wrong clock destroys nothing.
    #[error("the clock cannot be trusted: {reason}")]
    ClockDoubtful { reason: String },
    /// The clock is wrong now, or was ahead once.
    #[error("the clock cannot be trusted: it shows {now}, but the ledger has seen {seen} already")]
    ClockBehind { now: DateTime<Utc>, seen: DateTime<Utc> },
    #[error("there is no rule '{rule}' in policy '{policy}'")]
    NoSuchRule { policy: String, rule: String },
    #[error("there is no dataset '{dataset}' in the data map")]
    NoSuchDataset { dataset: String },
    #[error("there is no certificate '{certificate_id}' in the archive")]
    NoSuchCertificate { certificate_id: String },
    #[error("the record is not in certificate '{certificate_id}'")]
    NotInCertificate { certificate_id: String },
    /// A hold, a key or another argument that cannot be read.
    #[error("{reason}")]
    Argument { reason: String, hint: Option<String> },
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error(transparent)]
    Store(#[from] ConnectorError),
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    #[error(transparent)]
    Hold(#[from] HoldError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    PlanStore(#[from] PlanStoreError),
    #[error(transparent)]
    PlanFile(#[from] PlanFileError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    RequestPlan(#[from] crate::erasure::planner::RequestPlanError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Schedule(#[from] ScheduleStoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

fn reasons(reasons: &[StaleReason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

const CLOCK_HINT: &str = "set the clock of this machine right; if it is right now and was ahead once, say so with \
     `oubliette accept-clock --as NAME --reason TEXT` and draft the plan again; nothing was touched";

impl AppError {
    /// Whether there was no room for what had to be written.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::FullInRun(_)
            | Self::Journal(JournalError::Full)
            | Self::Ledger(LedgerError::Full)
            | Self::PlanStore(PlanStoreError::Full)
            | Self::Schedule(ScheduleStoreError::Full)
            | Self::Hold(HoldError::Full)
            | Self::Execution(ExecutionError::Journal(JournalError::Full)) => true,
            Self::Store(error)
            | Self::Execution(ExecutionError::Store(error) | ExecutionError::InDoubt { error, .. }) => {
                matches!(error, ConnectorError::Full { .. })
            }
            Self::Archive(ArchiveError::Io { source, .. }) => {
                matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Approval(ApprovalError::Expired { .. }) | Self::Stale(_) | Self::Compile(_) => {
                "draft the plan again with `oubliette plan`, or with `oubliette erase REQUEST` where it is of a request, and have it \
approved"
            }
            Self::Approval(ApprovalError::Refused { findings, .. })
                if findings.iter().any(|finding| finding.code == FindingCode::ClockDoubtful) =>
            {
                CLOCK_HINT
            }
            Self::Approval(ApprovalError::Signature(_)) => {
                "the approver signs what `oubliette approve PLAN --as NAME --to-sign` prints with `ssh-keygen -Y sign \
                 -n oubliette-approval`; then `oubliette approve PLAN --as NAME --signature FILE`"
            }
            Self::Approval(_) => "see `oubliette show`; approve with `oubliette approve PLAN --as NAME`",
            Self::NoSuchPlan { .. } | Self::AmbiguousPlan { .. } => "`oubliette status` lists the plans",
            Self::Interrupted { .. } => "go on with `oubliette apply --resume`",
            Self::OtherRunOpen { .. } => {
                "go on with it by `oubliette apply --resume`, or end it by `oubliette apply --close`"
            }
            Self::NotAsBegun { .. } => {
                "put back what changed and resume, or certify what was done and end the run with \
                 `oubliette apply --close`"
            }
            Self::SeveralToResume { .. } => "name the plan: `oubliette apply PLAN --resume`",
            Self::NoSuchCertificate { .. } => "`oubliette certificates list` has them all",
            Self::ClockBehind { .. } => CLOCK_HINT,
            Self::ClockDoubtful { .. } => "set the clock of this machine right; nothing was touched",
            Self::FullInRun(_) => "free space, then go on with `oubliette apply --resume`",
            // Whether a run is open is not known here: it may be the ledger that cannot be opened.
            error if error.is_full() => {
                "free space, then try again; `oubliette status` shows whether a run was interrupted"
            }
            Self::Journal(JournalError::Busy { .. }) => "another process is applying a plan; wait for it",
            Self::Journal(JournalError::LeaseLost { .. })
            | Self::Execution(ExecutionError::Journal(JournalError::LeaseLost { .. })) => {
                "nothing more was written; the process that took over goes on with the run"
            }
            Self::Ledger(LedgerError::BadAddress) => {
                "write postgres://USER:${env:NAME}@HOST:PORT/DATABASE; docs/settings.md has its parameters"
            }
            Self::Store(error)
            | Self::Execution(ExecutionError::Store(error) | ExecutionError::InDoubt { error, .. }) => {
                return error.hint().map(str::to_owned);
            }
            Self::Archive(ArchiveError::Outrun | ArchiveError::Locked) => {
                "nothing was lost: try again; a run that was begun goes on with `oubliette apply --resume`"
            }
            Self::Archive(ArchiveError::NoConditions { .. }) => {
                "two writers could fork the log there: keep the archive in a directory, or in another store"
            }
            Self::Request(RequestError::NotVerified { .. }) => {
                "check who the person is, then `oubliette requests verify REQUEST --as NAME --method TEXT`"
            }
            Self::Request(_) => "`oubliette requests show REQUEST` tells where it stands",
            Self::Argument { hint, .. } => return hint.clone(),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
