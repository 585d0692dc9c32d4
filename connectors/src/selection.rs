//! What may be disposed of: a closed description that a store evaluates itself.
//!
//! A selection holds everything that decides whether one record may be touched: the scope of the
//! rule, the cutoff, the other rules that claim the record, the holds, what must be gone before. A
//! store repeats all of it in the statement that destroys (invariant I1). The cutoff was computed by
//! the caller; there is no clock here.

use crate::dataset::{DatasetAddress, DatasetShape};
use crate::predicate::{Field, Predicate};
use crate::transform::Disposal;
use crate::value::RecordKey;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub struct Selection {
    pub address: DatasetAddress,
    /// As inspected when the selection was made.
    pub shape: DatasetShape,
    /// The records that the rule speaks of.
    pub scope: Predicate,
    pub start: StartCondition,
    /// Scopes of the other rules over the same dataset: a record that one of them claims too is
    /// undecidable.
    pub conflicts: Vec<Predicate>,
    pub holds: Vec<Exclusion>,
    /// Other tables of the same store in which no record may refer to this one any more.
    pub none_left: Vec<NoneLeft>,
    /// Children that go first, in the same transaction.
    pub dependents: Vec<Dependent>,
    /// Columns that name an object which goes before the row.
    pub link_columns: Vec<String>,
    /// For objects: what was changed after this instant is not what the reviewer saw, and is kept.
    pub unchanged_since: Option<DateTime<Utc>>,
    pub disposal: Disposal,
}

/// From when the period runs, and until when it must have begun for the record to be due.
#[derive(Debug, Clone, PartialEq)]
pub enum StartCondition {
    Event {
        field: Field,
        encoding: StartEncoding,
        /// Due are the starts at or before this instant.
        cutoff_at: DateTime<Utc>,
        /// Due are the civil dates at or before this one (a day belongs to its period whole).
        cutoff_on: NaiveDate,
        /// A start after this instant lies in the future and is undecidable.
        as_of: DateTime<Utc>,
        /// The civil date of `as_of` in the policy's zone.
        as_of_on: NaiveDate,
        /// Starts at or before these are overdue: retention period and margin have both passed.
        overdue_at: DateTime<Utc>,
        overdue_on: NaiveDate,
    },
    /// The state itself is the start: every [`Selection::none_left`] holds.
    NoneLeft,
    /// No start of its own: an object that goes because the row that names it goes. Only with
    /// [`crate::Batch::only_keys`].
    Linked,
    /// No period: the records are a person's who asked for their erasure. The scope names them; one that
    /// names every record is refused.
    OnRequest,
}

/// How a start event is written in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartEncoding {
    /// A native instant, such as the last modification of an object.
    Instant,
    /// ISO 8601 text with `Z` or an offset; a time without one is unreadable. Text that is exactly a
    /// `YYYY-MM-DD` is a civil date, whose whole day counts.
    InstantText,
    /// ISO 8601 text, `T` or space between date and time, without offset, in this zone. A time
    /// that occurs twice is read as the later one, one that never occurs as the end of the gap. Text
    /// that is exactly a `YYYY-MM-DD` is a civil date, whose whole day counts.
    LocalText {
        zone: Tz,
    },
    /// `YYYY-MM-DD`.
    CivilDate,
    /// `YYYY-MM`: read as the last day of the month, so that nothing goes early.
    CivilMonth,
    /// `YYYY`: read as 31 December.
    CivilYear,
    EpochSeconds,
    EpochMillis,
}

/// One legal hold as an exclusion. A record for which the predicate is unknown counts as held.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclusion {
    pub hold_id: String,
    pub predicate: Predicate,
}

/// No record of `address` may refer to this one: `pairs` are (column there, column here).
#[derive(Debug, Clone)]
pub struct NoneLeft {
    pub address: DatasetAddress,
    pub shape: DatasetShape,
    pub pairs: Vec<(String, String)>,
    /// At plan time only: records there that the same plan disposes of do not count. `None` when
    /// executing: what is still there counts.
    pub disregarding: Option<Box<Selection>>,
}

/// Children that go with their parent: `pairs` are (column of the child, column of the parent).
#[derive(Debug, Clone)]
pub struct Dependent {
    pub address: DatasetAddress,
    pub shape: DatasetShape,
    pub pairs: Vec<(String, String)>,
    /// A held child keeps its parent.
    pub holds: Vec<Exclusion>,
    /// Who else owns the child: it goes only when each of them that is there goes too, and keeps its
    /// parent until then.
    pub co_owners: Vec<CoOwner>,
    pub dependents: Vec<Dependent>,
}

/// A further way in which a child is owned; `pairs` are (column of the child, column of the owner).
#[derive(Debug, Clone)]
pub struct CoOwner {
    pub address: DatasetAddress,
    pub shape: DatasetShape,
    pub pairs: Vec<(String, String)>,
    /// By what the same plan purges owners, each with its holds and without co-owners that go; empty
    /// when it purges none.
    pub going: Vec<Selection>,
}

impl Selection {
    /// Whether the scope leaves any record out by itself.
    #[must_use]
    pub fn names_records(&self) -> bool {
        self.scope != Predicate::always()
    }

    /// The ways down to every dependent, each parent before its children; the dependent is the last of
    /// its way.
    #[must_use]
    pub fn paths(&self) -> Vec<Vec<&Dependent>> {
        let mut paths: Vec<Vec<&Dependent>> = Vec::new();
        let mut open: Vec<Vec<&Dependent>> = self.dependents.iter().rev().map(|one| vec![one]).collect();
        while let Some(path) = open.pop() {
            if let Some(last) = path.last() {
                open.extend(last.dependents.iter().rev().map(|child| {
                    let mut longer = path.clone();
                    longer.push(child);
                    longer
                }));
            }
            paths.push(path);
        }
        paths
    }

    /// Datasets of dependents that others own too, in the order of [`Selection::paths`].
    pub fn co_owned(&self) -> impl Iterator<Item = &str> {
        let last = self.paths().into_iter().filter_map(|path| path.last().copied());
        last.filter(|child| !child.co_owners.is_empty()).map(|child| child.address.dataset.as_str())
    }

    /// The datasets that [`RecordFacts::referenced`] speaks of, in its order.
    #[must_use]
    pub fn keepers(&self) -> Vec<&str> {
        let referring = self.none_left.iter().map(|entry| entry.address.dataset.as_str());
        referring.chain(self.co_owned()).collect()
    }
}

/// A lock by which a store keeps a record, whoever asks for its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    pub kind: LockKind,
    /// When it ends by itself; `None`: when somebody lifts it.
    pub until: Option<DateTime<Utc>>,
}

/// What kind of lock. Of several over one record the last in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// A retention that some may bypass.
    Governance,
    /// A retention that nobody may bypass or shorten.
    Compliance,
    /// A retention that begins with an event which was not told yet.
    EventHold,
    /// A hold that the owner of the store placed there.
    LegalHold,
}

/// Records under one kind of lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedRecords {
    pub count: u64,
    /// When the last of them that has an end is free; `None`: none has.
    pub until: Option<DateTime<Utc>>,
}

/// Where one record falls. The order of the variants is the order of precedence: the first that
/// applies is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The rule does not speak of it.
    OutOfScope,
    Undecidable(DoubtReason),
    NotYetDue,
    /// Records that must go first still refer to it, or one that would go along has another owner that
    /// stays.
    Referenced,
    /// The disposal would change nothing.
    AlreadyDone,
    /// Changed after the plan was drafted.
    ChangedSincePlan,
    /// Due, but for a hold on it or on one of its dependents.
    Held,
    /// Due, but the store keeps it under a lock of its own.
    Locked,
    Due,
}

/// Why nothing certain can be said of a record. The order is the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtReason {
    /// Another rule claims the record too.
    Conflict,
    StartMissing,
    StartUnreadable,
    StartInFuture,
    /// A row whose key is NULL in part, or a path that is too long or too deep: it cannot be named.
    NotGovernable,
    /// In the place of a file: a symbolic link, a socket, a pipe, a device or a mount point.
    NoRegularFile,
    /// A file with several names (hard links): its content would live on under the others.
    SeveralNames,
    /// The name of a file is not UTF-8.
    NameUnreadable,
}

/// The counts of a selection over its whole dataset, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// Of a selection with [`StartCondition::OnRequest`] it may be those in scope alone.
    pub total: u64,
    pub in_scope: u64,
    pub due: u64,
    pub overdue: u64,
    /// Due but for a hold.
    pub held: u64,
    /// The same by hold; a record under two holds counts for both.
    pub held_by: BTreeMap<String, u64>,
    pub not_yet_due: u64,
    pub referenced: u64,
    pub already_done: u64,
    pub changed_since_plan: u64,
    /// Due but for a lock of the store.
    pub locked: u64,
    /// The same by kind of lock.
    pub locks: BTreeMap<LockKind, LockedRecords>,
    pub undecidable: BTreeMap<DoubtReason, u64>,
    /// A few keys each, in key order; the caller masks them.
    pub undecidable_samples: BTreeMap<DoubtReason, Vec<RecordKey>>,
    pub due_samples: Vec<RecordKey>,
    /// Start of the due records, as instants (a civil date as its midnight in UTC).
    pub oldest_due_at: Option<DateTime<Utc>>,
    pub newest_due_at: Option<DateTime<Utc>>,
    /// Estimated bytes of the due records.
    pub due_bytes: u64,
    /// Rows of each dependent dataset that would go along.
    pub dependents: BTreeMap<String, u64>,
    /// Rows of the due records that name an object, by link column.
    pub linked: BTreeMap<String, u64>,
}

impl Survey {
    /// Counts records of one class.
    pub(crate) fn add(&mut self, class: Class, count: u64) {
        self.total += count;
        let counter = match class {
            Class::OutOfScope => return,
            Class::Undecidable(reason) => {
                self.in_scope += count;
                if count > 0 {
                    *self.undecidable.entry(reason).or_default() += count;
                }
                return;
            }
            Class::NotYetDue => &mut self.not_yet_due,
            Class::Referenced => &mut self.referenced,
            Class::AlreadyDone => &mut self.already_done,
            Class::ChangedSincePlan => &mut self.changed_since_plan,
            Class::Held => &mut self.held,
            Class::Locked => &mut self.locked,
            Class::Due => &mut self.due,
        };
        *counter += count;
        self.in_scope += count;
    }
}

/// Of what inventory the counts of a survey are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InventoryNote {
    /// What was written later is not in the counts.
    pub made_at: DateTime<Utc>,
    /// By the clock of the store.
    pub age_seconds: u64,
    /// Versions and markers of the dataset that it lists.
    pub listed: u64,
    /// Further ones that it lists although they were written later; not counted.
    pub newer: u64,
}

/// Most keys in one sample of a survey.
pub const SAMPLE_KEYS_MAX: usize = 5;

/// One page of due records in key order.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub records: Vec<PageRecord>,
    /// Nothing due is left after the last record of this page.
    pub exhausted: bool,
}

/// One page of rows with values, in key order.
#[derive(Debug, Clone, Default)]
pub struct RowPage {
    pub rows: Vec<RowValues>,
    /// Nothing in scope is left after the last row of this page. A page can be empty and not the last.
    pub exhausted: bool,
}

/// One row with the values asked for, in their order.
#[derive(Debug, Clone)]
pub struct RowValues {
    pub key: RecordKey,
    pub values: Vec<crate::value::Value>,
}

impl RowValues {
    /// The row of a record of which these are the facts.
    #[must_use]
    pub(crate) fn of_facts(key: RecordKey, facts: &RecordFacts, columns: &[String]) -> Self {
        let value = |column: &String| facts.fields.get(column).cloned().unwrap_or(crate::value::Value::Null);
        Self { key, values: columns.iter().map(value).collect() }
    }
}

#[derive(Debug, Clone)]
pub struct PageRecord {
    pub key: RecordKey,
    /// The values of [`Selection::link_columns`], in that order; `None` for NULL or empty text.
    pub links: Vec<Option<String>>,
}

/// All that is known of one record, for the oracle and for `explain`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordFacts {
    /// Every column or attribute by name, as stored.
    pub fields: BTreeMap<String, crate::value::Value>,
    /// For each of [`Selection::keepers`], in order, whether some record there keeps this one: it still
    /// refers to it (records that `disregarding` names do not count), or it would go along and has
    /// another owner that stays.
    pub referenced: Vec<bool>,
    /// Ids of the holds over some dependent of this record.
    pub dependent_holds: Vec<String>,
    /// Objects: the latest of modification and status change.
    pub changed_at: Option<DateTime<Utc>>,
    /// A lock of the store that stands now.
    pub lock: Option<Lock>,
}
