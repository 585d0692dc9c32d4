//! The writing port: one batch in one transaction, and what belongs to the end of a run.
//!
//! It destroys nothing that `change` was not told under the lock, and commits nothing whose intent is not
//! durable. It does not retry and does not look afterwards: that is the caller's and the source's.

use super::change::{self, Planned};
use super::connect::{Access, Database, SqliteOptions};
use super::keys::{self, Restriction};
use super::select::{self, Target};
use super::session::{Lease, Session};
use crate::batch::{Batch, BatchOutcome, DatasetKeys, DatasetOutcome, Intended, IntentSink};
use crate::drift;
use crate::error::ConnectorError;
use crate::failpoint;
use crate::port::RecordDisposer;
use crate::value::RecordKey;
use async_trait::async_trait;
use sqlx::Row as _;
use std::fmt;

/// Destroys records of one SQLite database.
pub struct SqliteDisposer {
    session: Session,
    hash_key: Option<[u8; 32]>,
}

impl fmt::Debug for SqliteDisposer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SqliteDisposer").field("session", &self.session).finish_non_exhaustive()
    }
}

impl SqliteDisposer {
    /// Opens an existing database for writing. `location` is a path, or `sqlite:` and a path.
    ///
    /// Foreign keys are enforced and freed space is overwritten (`secure_delete`) on this connection;
    /// nothing that outlives it is changed.
    ///
    /// # Errors
    /// `Unreachable` when there is no such file, `NotSupported` when it is no database, `Denied` when it
    /// may not be read. A file that may be read only is told by the first batch.
    pub async fn open(store: &str, location: &str, options: SqliteOptions) -> Result<Self, ConnectorError> {
        let database = Database::new(store, location, options)?;
        Ok(Self { session: Session::open(database, Access::Write).await?, hash_key: None })
    }

    /// Gives the run's key for [`crate::Transform::Hash`], without which a hash is refused.
    #[must_use]
    pub fn with_hash_key(mut self, hash_key: [u8; 32]) -> Self {
        self.hash_key = Some(hash_key);
        self
    }
}

#[cfg(all(test, feature = "testkit"))]
impl SqliteDisposer {
    pub(super) fn session_for_tests(&self) -> &Session {
        &self.session
    }
}

#[async_trait]
impl RecordDisposer for SqliteDisposer {
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError> {
        let mut lease = self.session.lease().await?;
        let result = dispose(&mut lease, batch, intent, self.hash_key.as_ref()).await;
        lease.end(result).await
    }

    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError> {
        let mut lease = self.session.lease().await?;
        let result = finish(&mut lease).await;
        lease.end(result).await
    }
}

/// What a batch may touch before the lock is taken: found by reading, so that nobody waits for a walk
/// over rows that are not due.
struct Candidates {
    restriction: Restriction,
    last: RecordKey,
    /// No due record was found after `last`.
    exhausted: bool,
    /// Due records of the range as they were at [`Candidates::version`]; `None` with given keys.
    found: Option<Vec<RecordKey>>,
    /// Before they were looked for.
    version: i64,
}

/// Changes when another connection has committed something since this connection looked last
/// (<https://www.sqlite.org/pragma.html#pragma_data_version>).
const DATA_VERSION: &str = "PRAGMA data_version";

async fn dispose(
    lease: &mut Lease<'_>,
    batch: &Batch,
    intent: &dyn IntentSink,
    hash_key: Option<&[u8; 32]>,
) -> Result<BatchOutcome, ConnectorError> {
    let selection = &batch.selection;
    let dataset = selection.address.dataset.as_str();
    drift::refuse_companions_of_what_stays(selection)?;
    lease.verify(selection).await?;
    let Some(mut candidates) = candidates(lease, batch).await? else {
        let last_key = batch.range.after.clone();
        return Ok(BatchOutcome { groups: Vec::new(), last_key, exhausted: true });
    };
    lease.run(dataset, "BEGIN IMMEDIATE").await?;
    // Checked at the commit, so the order of the rows inside a batch does not matter.
    lease.run(dataset, "PRAGMA defer_foreign_keys = ON").await?;
    // Again, now that nobody can change it any more.
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let mut outcome = DatasetOutcome { dataset: dataset.to_owned(), ..DatasetOutcome::default() };
    let due = if let Some(wanted) = &batch.only_keys {
        outcome.sort_out(wanted, target.classes_of(lease, wanted).await?)
    } else {
        let unchanged = lease.scalar::<i64>(DATA_VERSION).await? == candidates.version;
        match candidates.found.take() {
            // Nobody wrote since they were found, and now nobody can.
            Some(found) if unchanged => found,
            _ => {
                let condition = target.due_within(&candidates.restriction)?;
                let keys_max = Some(batch.range.records_max.max(1));
                select::first_keys(lease, dataset, &target.table, &condition, keys_max).await?
            }
        }
    };
    let mut batch_outcome =
        BatchOutcome { groups: Vec::new(), last_key: Some(candidates.last), exhausted: candidates.exhausted };
    if due.is_empty() {
        lease.run(dataset, "ROLLBACK").await?;
        if outcome != (DatasetOutcome { dataset: dataset.to_owned(), ..DatasetOutcome::default() }) {
            batch_outcome.groups.push(outcome);
        }
        return Ok(batch_outcome);
    }
    let planned = Planned::of(lease, target, candidates.restriction, &due).await?;
    let groups =
        change::with_dataset(planned.groups(), DatasetKeys { dataset: dataset.to_owned(), keys: due });
    let intended = Intended { groups, last_key: batch_outcome.last_key.clone(), mark: None };
    intent.intend(&intended).await?;
    planned.carry_out(lease, &intended, hash_key).await?;
    failpoint::hit("before-commit");
    lease.run(dataset, "COMMIT").await?;
    failpoint::hit("after-commit");
    batch_outcome.groups = outcome.answer(intended.groups);
    Ok(batch_outcome)
}

/// Looks for the next due records without a lock.
async fn candidates(lease: &mut Lease<'_>, batch: &Batch) -> Result<Option<Candidates>, ConnectorError> {
    if let Some(wanted) = &batch.only_keys {
        let last = wanted.last().cloned();
        let restriction = Restriction::Keys(wanted.clone());
        let nothing = |last| Candidates { restriction, last, exhausted: true, found: None, version: 0 };
        return Ok(last.map(nothing));
    }
    let version = lease.scalar(DATA_VERSION).await?;
    let keys_max = batch.range.records_max.max(1);
    let target = Target::of(lease, &batch.selection).await?;
    let found = target.due_after(lease, batch.range.after.as_ref(), keys_max).await?;
    let exhausted = u32::try_from(found.len()).is_ok_and(|found| found < keys_max);
    let Some(last) = found.last().cloned() else { return Ok(None) };
    // With dependents the keys are named one by one: removing one record's dependents may make another
    // of the range due that was not.
    let by_range =
        batch.selection.dependents.is_empty() && (keys::is_dense(&found) || !keys::are_compact(&found));
    let restriction = if by_range {
        Restriction::Range { after: batch.range.after.clone(), last: last.clone() }
    } else {
        Restriction::Keys(found.clone())
    };
    Ok(Some(Candidates { restriction, last, exhausted, found: Some(found), version }))
}

/// Overwritten space is no use while the old pages lie in the write-ahead log.
async fn finish(lease: &mut Lease<'_>) -> Result<Vec<&'static str>, ConnectorError> {
    let mut codes = Vec::new();
    let secure: i64 = lease.scalar("PRAGMA secure_delete").await?;
    if secure == 1 {
        codes.push("secure-delete");
    }
    let journal_mode: String = lease.scalar("PRAGMA journal_mode").await?;
    if journal_mode.eq_ignore_ascii_case("wal") {
        let row = lease.row("", crate::sql::SqlText::new("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        let busy: i64 = lease.decoded("", row.try_get(0))?;
        codes.push(if busy == 0 { "wal-truncated" } else { "wal-checkpoint-busy" });
    }
    Ok(codes)
}
