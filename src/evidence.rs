//! Evidence: what was *seen* after a run, the only value a certificate is made from.
//!
//! Floor 5. Evidence holds opaque codes, public aliases, instants and counts. It has no field in
//! which a record's key or value could stand, and no free text of ours: the few texts a reader sees
//! (a rule's title, a citation, the controller's name) come from the policy and the settings and
//! are checked to be short and printable. Nothing here does IO.
//!
//! # How the outcome is derived
//!
//! The outcome is never typed in; [`Outcome::derive`] reads it off the counts and the residuals.
//! The first line that fits wins:
//!
//! | outcome | when |
//! |---|---|
//! | `failed` | something went wrong and nothing at all was done, found absent or kept on purpose |
//! | `partial` | a failure (also one whose number of records is unknown, such as a store that could not be reached); a claim that was not read back; more records still there than were kept on purpose; a residual without a date, without a control or of unknown status; records only pseudonymized where the rule asked for more, or on behalf of a person |
//! | `nothing_found` | no record matched |
//! | `complete_with_exceptions` | some records were kept on purpose (a hold, a legal duty); open dated residuals do not change this word, they are listed beside it |
//! | `complete_residuals_pending` | everything is gone from the stores; copies remain, each with a date and a control |
//! | `complete` | everything matched is gone and nothing remains |
//!
//! Exceptions outrank dated residuals because they need a person's decision to end, while a dated
//! residual ends by itself.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::digest::Digest32;

mod check;
mod outcome;
mod text;
mod together;

pub use check::{EvidenceError, LIST_ENTRIES_MAX};
pub use outcome::Outcome;
pub use text::{Code, PublicText, TextError};
pub use together::{REQUESTS_MAX, RequestEvidence, RequestPart};

/// Everything that was seen of one run. [`Evidence::check`] must pass before anything is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// An opaque id of the run.
    pub run_id: Code,
    pub kind: Kind,
    pub controller: Controller,
    /// For a person's request only: its opaque reference and dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// For persons whose requests were carried out together: each with its own counts and outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestEvidence>,
    pub policies: Vec<PolicyReference>,
    /// The digest of the published plan file.
    pub plan_digest: Digest32,
    pub approvals: Vec<Approval>,
    /// The index of the intent in the archive's log.
    pub intent_log_index: u64,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    pub tool: Tool,
    /// Whether every count was seen as it happened, or put together again after a crash.
    pub basis: Basis,
    pub targets: Vec<TargetEvidence>,
    #[serde(default)]
    pub residuals: Vec<Residual>,
    #[serde(default)]
    pub downstream: Vec<Recipient>,
    pub record_set: RecordSetEvidence,
}

/// Why records were disposed of (GDPR art. 5(1)(e), 17, 28(3)(g)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    RetentionExpiry,
    ErasureRequest,
    ConsentWithdrawal,
    ProcessorReturnOrDelete,
    ReErasureAfterRestore,
    ResidualClosure,
    Correction,
}

impl Kind {
    /// Whether it was done on behalf of one person, who is owed erasure and not a pseudonym.
    #[must_use]
    pub fn is_for_a_person(self) -> bool {
        matches!(self, Self::ErasureRequest | Self::ConsentWithdrawal | Self::ReErasureAfterRestore)
    }
}

/// Who answers for the data (GDPR art. 4(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controller {
    pub name: PublicText,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Code>,
    /// The address of a role (`dpo@…`), never of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<PublicText>,
}

/// A person's request, by its opaque reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    pub reference: Code,
    pub received_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub legal_basis: Code,
}

/// The policy as it stood: `digest` is that of its YAML file, kept in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyReference {
    pub name: Code,
    pub version: u64,
    pub digest: Digest32,
}

/// Somebody said yes to exactly this plan. Roles and hashed ids, never names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    pub role: Code,
    pub kind: ApprovalKind,
    pub approved_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// A person approved this very plan.
    Plan,
    /// An approval of the rule and its guards, given beforehand.
    Standing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tool {
    pub name: Code,
    pub version: Code,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    Observed,
    Reconciled,
}

/// One rule in one dataset of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetEvidence {
    /// Public aliases: a table's name can itself say something about people.
    pub store: Code,
    pub dataset: Code,
    pub record_type: Code,
    pub rule: RuleReference,
    pub action: Action,
    /// How, as a code: `sql.delete`, `file.unlink`, `sql.update`.
    pub technique: Code,
    pub counts: Counts,
    /// `None`: nobody looked afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Clean-up that was done afterwards, as codes: `vacuum`, `wal.checkpoint`.
    #[serde(default)]
    pub residue_steps: Vec<Code>,
    /// All records of the dataset before and after, where the store can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_before: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_after: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleReference {
    pub id: Code,
    /// The version of the policy the rule stands in.
    pub version: u64,
    /// The retention period, ISO 8601 (`P3Y`).
    pub period: Code,
    pub starts_from: Code,
    pub legal_basis: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<PublicText>,
    /// The rule's title by language (`fr`, `en`), as the policy has it.
    #[serde(default)]
    pub title: BTreeMap<Code, PublicText>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Purge,
    Anonymize,
    Pseudonymize,
}

/// What became of the matched records, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    pub matched: u64,
    pub purged: u64,
    pub anonymized: u64,
    /// Never counted as erased: the person can still be found with the key.
    pub pseudonymized: u64,
    pub already_absent: u64,
    pub excepted: u64,
    pub failed: u64,
}

/// The read-back: what was looked at after the act, and what was still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Verification {
    pub method: VerificationMethod,
    /// Records looked at: by a query those in the rule's scope that are there, by key those claimed.
    pub checked: u64,
    /// Records concerned that were found still there, also those counted as excepted or failed. (In
    /// schema version 1: beyond those.)
    pub remaining: u64,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationMethod {
    /// The rule's own selection was asked again.
    ReQuery,
    /// Every record was looked up by its key.
    KeyLookup,
    /// Only a part was looked at; never enough for `complete`.
    Sample,
}

/// Records kept on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exception {
    /// `legal_hold`, `legal_obligation`, `restriction`, or a code such as `eu-gdpr:A17-3-e`.
    pub code: Code,
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ref: Option<Code>,
    /// The day on which the first of them may go, where that is not the day of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_from: Option<chrono::NaiveDate>,
    /// The day on which all of them may go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_on: Option<chrono::NaiveDate>,
}

impl Exception {
    /// Without an end that is known.
    #[must_use]
    pub fn new(code: Code, count: u64) -> Self {
        Self { code, count, hold_ref: None, review_from: None, review_on: None }
    }

    /// Kept until these days: the first of them, and the last.
    #[must_use]
    pub fn until(self, days: Option<(chrono::NaiveDate, chrono::NaiveDate)>) -> Self {
        let (first, last) = days.unzip();
        Self { review_from: first.filter(|_| first != last), review_on: last, ..self }
    }

    /// The first and the last day until which they are kept, as far as that is known.
    #[must_use]
    pub fn days(&self) -> Option<(chrono::NaiveDate, chrono::NaiveDate)> {
        self.review_on.map(|last| (self.review_from.unwrap_or(last), last))
    }
}

/// Records that should have gone and did not. `count` 0 means that their number is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    pub code: Code,
    pub count: u64,
}

/// A copy that outlives the record: backup, write-ahead log, object version, processor's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Residual {
    /// `backup`, `wal_archive`, `replica`, `dead_tuples`, `object_version`, `snapshot`, …
    pub kind: Code,
    pub location: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    pub control: ResidualControl,
    pub status: ResidualStatus,
    /// On a closure only: how it is known that the copy has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<ResidualKnowledge>,
}

/// How it is known that a copy has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualKnowledge {
    /// The store was looked at, and nothing of it is there any more.
    SeenGone,
    /// The time that was declared for it has passed; nobody looked.
    DeclaredEnd,
}

impl Residual {
    /// Whether both are the same copy, whatever has become of it since.
    #[must_use]
    pub fn is_same_copy(&self, other: &Self) -> bool {
        self.kind == other.kind && self.location == other.location && self.expires_at == other.expires_at
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualControl {
    /// The copy ends by its own schedule.
    ExpiresOnSchedule,
    /// If the copy is restored, the erasure is done again.
    ReapplyOnRestore,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualStatus {
    Expiring,
    Closed,
    Unknown,
}

/// A recipient who was told (GDPR art. 17(2), 19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipient {
    pub alias: Code,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// The set of commitments to the records that were changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordSetEvidence {
    pub mode: RecordSetMode,
    pub count: u64,
    /// The RFC 6962 root over the sorted commitments.
    pub root: Digest32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordSetMode {
    /// One commitment a record.
    PerRecord,
}

impl Counts {
    /// Records that are gone or changed because of this run.
    #[must_use]
    pub fn disposed(&self) -> u64 {
        self.purged.saturating_add(self.anonymized).saturating_add(self.pseudonymized)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            matched: self.matched.saturating_add(more.matched),
            purged: self.purged.saturating_add(more.purged),
            anonymized: self.anonymized.saturating_add(more.anonymized),
            pseudonymized: self.pseudonymized.saturating_add(more.pseudonymized),
            already_absent: self.already_absent.saturating_add(more.already_absent),
            excepted: self.excepted.saturating_add(more.excepted),
            failed: self.failed.saturating_add(more.failed),
        }
    }

    pub(super) fn parts(&self) -> [u64; 6] {
        [self.purged, self.anonymized, self.pseudonymized, self.already_absent, self.excepted, self.failed]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetentionExpiry => "retention_expiry",
            Self::ErasureRequest => "erasure_request",
            Self::ConsentWithdrawal => "consent_withdrawal",
            Self::ProcessorReturnOrDelete => "processor_return_or_delete",
            Self::ReErasureAfterRestore => "re_erasure_after_restore",
            Self::ResidualClosure => "residual_closure",
            Self::Correction => "correction",
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
