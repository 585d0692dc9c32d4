//! The plan: what would be done, as a value.
//!
//! Floor 3. A plan is drafted by reading only; it names counts, cutoffs and effects, never a
//! record. Its digest is what a person approves. [`crate::plan::approval::ApprovedPlan`] is the only
//! way from a plan to execution.

pub mod approval;
pub mod compile;
pub mod digest;
pub mod executable;
pub mod explain;
pub mod file;
pub mod findings;
mod item;
pub mod keeping;
pub mod leaks;
pub mod linkage;
pub mod mask;
pub mod named;
pub mod order;
pub mod planner;
pub mod request;
pub mod signature;
pub mod staleness;
pub mod store;
pub mod survey;
#[cfg(test)]
pub(crate) mod testing;
pub mod world;

pub use approval::{ApprovalError, ApprovalRules, ApprovedPlan};
pub use compile::{ExecutableItem, LinkedItem};
pub use file::PlanFileError;
pub use item::reference_of;
pub use leaks::PlanLeak;
pub use named::NamedObjects;
pub use planner::{DraftInput, PlanError, draft};
pub use request::{BeyondReach, KeptByDuty, MemberPlan, RequestPlan, Search, SearchedDataset};

use crate::spans::TargetNames;
use chrono::{DateTime, NaiveDate, Utc};
use connectors::{DoubtReason, LockKind, LockedRecords, Transform, TransformClass};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the plan file format. A reader refuses any other.
pub const PLAN_FORMAT_VERSION: u32 = 1;

/// A drafted plan. Serialised as canonical JSON (RFC 8785); [`Plan::digest`] covers every byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub format_version: u32,
    pub plan_id: String,
    pub tool_version: String,
    /// Who drafted it: an identity of staff as configured, shown in the approval check.
    pub author: String,
    pub drafted_at: DateTime<Utc>,
    /// The instant for which the plan was made.
    pub as_of: DateTime<Utc>,
    /// After this instant the plan is stale.
    pub expires_at: DateTime<Utc>,
    pub catalog_digest: String,
    pub policies: Vec<PolicyReference>,
    /// Revision of the hold register when the plan was drafted.
    pub hold_revision: u64,
    /// In the order of execution: what refers to others goes first.
    pub items: Vec<PlanItem>,
    pub findings: Vec<PlanFinding>,
    /// Datasets that could not be read; a plan with any is incomplete and says so.
    pub unreachable: Vec<UnreachableDataset>,
    /// What keeps or copies erased values in the stores where something is due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaks: Vec<PlanLeak>,
    /// Drafted with `--as-of`: for reading only, never approved.
    pub simulated: bool,
    /// Of a plan for one person's request: which, and where they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestPlan>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyReference {
    pub policy: String,
    pub version: u32,
    /// SHA-256 of the policy's canonical form, lower-case hexadecimal.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreachableDataset {
    pub dataset: String,
    pub store: String,
    /// A [`connectors::ConnectorError`] in words; never a value of a record.
    pub reason: String,
}

/// What of its records an item is about. Only requests have items that are not about whole records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemPart {
    #[default]
    Whole,
    /// Of records that a duty keeps: the fields that it does not cover.
    BesideDuty,
    /// The columns that close a circle of references: emptied so that the records can go one after another.
    Unlinking,
}

impl ItemPart {
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// One rule on one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanItem {
    #[serde(default, skip_serializing_if = "ItemPart::is_whole")]
    pub part: ItemPart,
    /// Position in [`Plan::items`], from 0.
    pub item: u32,
    pub rule: RuleReference,
    pub record_type: String,
    pub store: String,
    pub dataset: String,
    /// Names for the certificate, because a table name can itself tell something.
    pub store_alias: String,
    pub dataset_alias: String,
    /// SHA-256 of the dataset's shape and of its dependents' shapes.
    pub schema_digest: String,
    pub disposition: Disposition,
    /// Due are starts at or before these; `None` when the state itself is the start.
    pub cutoff: Option<Cutoff>,
    pub counts: ItemCounts,
    /// The counts are of an inventory that was made then: what was written later is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory_at: Option<DateTime<Utc>>,
    /// Masked keys, a few for each kind of doubt.
    pub undecidable_samples: BTreeMap<DoubtReason, Vec<String>>,
    pub due_samples: Vec<String>,
    pub oldest_due_at: Option<DateTime<Utc>>,
    pub newest_due_at: Option<DateTime<Utc>>,
    pub due_bytes: u64,
    /// Rows of other datasets that go along or are changed, by dataset.
    pub effects: Vec<Effect>,
    /// The objects that due rows name, by column.
    pub named: Vec<NamedObjects>,
    /// Partitions in which every record is due, and which are dropped as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PlanPartition>,
    pub guards: GuardLimits,
    /// ISO 8601 period; `None` is unknown.
    pub backups_kept: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleReference {
    pub policy: String,
    pub policy_version: u32,
    pub rule: String,
    /// SHA-256 over the rule, its guards and the datasets it lives in: what a standing approval binds.
    pub digest: String,
    /// Title by language.
    pub title: BTreeMap<String, String>,
    pub legal_basis: String,
    pub starts_from: String,
    pub rounding: Option<String>,
    pub retain_for: String,
    pub delete_within: Option<String>,
    pub time_zone: String,
    pub citations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Disposition {
    Purge,
    Anonymize { fields: Vec<FieldPlan>, marker: Option<String> },
    Pseudonymize { fields: Vec<FieldPlan>, marker: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPlan {
    pub column: String,
    pub transform: Transform,
    pub class: TransformClass,
}

impl FieldPlan {
    /// The fields of a rule as plans say them.
    #[must_use]
    pub fn of(fields: &BTreeMap<String, Transform>) -> Vec<Self> {
        let plan = |(column, transform): (&String, &Transform)| Self {
            column: column.clone(),
            transform: transform.clone(),
            class: transform.class(),
        };
        fields.iter().map(plan).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cutoff {
    pub cutoff_at: DateTime<Utc>,
    pub cutoff_on: NaiveDate,
    pub overdue_at: DateTime<Utc>,
    pub overdue_on: NaiveDate,
    /// The civil date of `as_of` in the policy's time zone.
    pub as_of_on: NaiveDate,
    /// With which of the two a start is compared; `None` in plans of earlier programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_by: Option<CountedBy>,
}

/// What the starts of a dataset are, and so what they are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedBy {
    /// Civil dates: a whole day is due or none of it.
    Days,
    Instants,
    /// Texts that name a time, or a day alone.
    InstantsOrDays,
}

/// Where every record of the dataset falls. They add up: see [`ItemCounts::adds_up`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemCounts {
    pub total: u64,
    pub in_scope: u64,
    pub due: u64,
    pub overdue: u64,
    pub held: u64,
    pub held_by: BTreeMap<String, u64>,
    pub not_yet_due: u64,
    pub referenced: u64,
    pub already_done: u64,
    /// Due, but the store keeps them under locks of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub locks: BTreeMap<LockKind, LockedRecords>,
    pub undecidable: BTreeMap<DoubtReason, u64>,
}

impl ItemCounts {
    #[must_use]
    pub fn undecidable_total(&self) -> u64 {
        self.undecidable.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    #[must_use]
    pub fn locked_total(&self) -> u64 {
        self.locks.values().fold(0, |sum, locked| sum.saturating_add(locked.count))
    }

    /// Every record in scope has exactly one verdict.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let parts = [
            self.due,
            self.held,
            self.not_yet_due,
            self.referenced,
            self.already_done,
            self.locked_total(),
            self.undecidable_total(),
        ];
        // A plan file is hostile: a sum that overflows is no sum.
        let sum = parts.into_iter().try_fold(0_u64, u64::checked_add);
        sum == Some(self.in_scope) && self.in_scope <= self.total && self.overdue <= self.due
    }
}

impl Plan {
    /// Records that are due, over all items.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.counts.due))
    }
}

impl PlanItem {
    /// The names by which others may know it.
    #[must_use]
    pub fn names(&self) -> TargetNames<'_> {
        TargetNames {
            policy: &self.rule.policy,
            rule: &self.rule.rule,
            dataset: &self.dataset_alias,
            store: &self.store_alias,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    pub kind: EffectKind,
    pub dataset: String,
    pub dataset_alias: String,
    pub records: u64,
}

/// A partition that goes as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPartition {
    /// `schema.table`.
    pub name: String,
    pub records: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Children that are purged first, in the same transaction.
    Dependents,
    /// Objects that rows name, purged before the row.
    LinkedObjects,
    /// A trigger fires for each record; what it does cannot be foreseen.
    Trigger,
}

/// Limits over which a plan needs an approval of that very plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardLimits {
    /// Most records due in one plan.
    pub records_max: u64,
    /// Greatest share of the dataset, in percent.
    pub share_max_percent: u8,
    /// Keep at least this many of the newest records, whatever their age.
    pub keep_newest: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFinding {
    pub severity: FindingSeverity,
    pub code: FindingCode,
    pub item: Option<u32>,
    /// English, without values of records.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// What the approver must know.
    Note,
    /// A standing approval does not cover it: this very plan must be approved by a person.
    NeedsApproval,
    /// The plan cannot be applied.
    Refusal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    GuardRecords,
    GuardShare,
    GuardWholeDataset,
    GuardKeepNewest,
    ShareUndecidable,
    StartNeverSet,
    DatasetUnreachable,
    RulesConflict,
    TriggersFire,
    ForeignKeyBlocks,
    CascadeUndeclared,
    ForeignKeyNotIndexed,
    ConstraintViolated,
    BackupsUnknown,
    ClockDoubtful,
    PeriodShortened,
    NothingDue,
    /// The start event cannot be found, or could be read in two ways.
    StartUnresolved,
    /// The scope of a rule does not fit the columns of the dataset.
    ScopeUnreadable,
    /// A hold that cannot be checked: nothing of the dataset may be touched.
    HoldUnreadable,
    /// No primary key: no record can be named.
    KeyMissing,
    /// Files that a row names and that do not go with it.
    LinkedStay,
    /// Files that no row names, where nothing but a row would take them along.
    OrphanObjects,
    /// Rows that would go along have another owner that stays, so they and the record stay.
    SharedChildren,
    /// Whole partitions are dropped.
    PartitionsGo,
    /// Whole partitions could be dropped, and are emptied row by row.
    PartitionsCould,
    /// The values bound to statements are written to a log of the server.
    StatementsLogged,
    StatementsCounted,
    /// The binary log keeps changed rows.
    RowsLogged,
    LogArchived,
    SlotKeepsLog,
    ChangesSent,
    ReplicaFollows,
    TriggerCopies,
    /// The reader may not see whether something keeps or copies erased values.
    LeakUnseen,
    /// Records that are other people's too: kept, and listed.
    SharedWithOthers,
    /// Given by the person after they were erased: kept.
    GivenAnew,
    /// Records of the person that rows which stay refer to.
    ReferredTo,
    /// Whether rows that refer to the person's are theirs is not declared.
    OwnershipUndeclared,
    /// Texts that are not the person's records name them, and will when those are gone.
    NamedInText,
    /// Several datasets speak of one table, so that none can answer for it.
    SameTableTwice,
    /// The store keeps records under locks of its own.
    LockedByStore,
    /// The counts are of an inventory of the store.
    CountsOfInventory,
    /// A lock of the store is bypassed, because the settings say so.
    LockBypassed,
    /// The way the store is set up lets something survive, or costs.
    StoreSetUp,
    /// The way the store is set up makes every removal fail.
    StoreForbids,
}
