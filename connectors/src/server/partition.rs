//! Counts what of each partition is due, and drops one in which everything is.
//!
//! The keys are read and told first, without a lock. Then, in one short transaction under the lock that
//! dropping needs anyway, the partition must still be exactly what was told: as many rows, each of them
//! due by the whole condition, none written since the first key was read. Only then it goes. So nothing
//! written meanwhile is lost, and others wait no longer than for one reading of the partition.
//!
//! What is not done here: a partition is not detached first. `DETACH … CONCURRENTLY` cannot stand in a
//! transaction: between it and the drop rows would be neither in the table nor gone.

use super::backend::Backend;
use super::session::Lease;
use super::table::{KeyedTable, Restriction};
use super::target::{self, Target, whole};
use crate::batch::{DatasetKeys, Intended, IntentSink};
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::failpoint;
use crate::partition::{KeptPartition, Obstacle, PARTITION_RECORDS_MAX, Partition, PartitionEnd};
use crate::selection::Selection;
use crate::sql::{SqlText, class};
use crate::transform::Disposal;
use crate::value::{RecordKey, Value};
use std::time::Duration;
use tokio::time::Instant;

/// A partition as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFacts {
    /// What `tableoid` of its rows is.
    pub id: i64,
    pub schema: String,
    pub table: String,
    /// By the role that asks.
    pub owned: bool,
    pub obstacle: Option<Obstacle>,
}

impl PartitionFacts {
    fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }

    /// The partition in the place of the table it belongs to.
    fn address(&self, of: &DatasetAddress) -> DatasetAddress {
        let location = Location::Table { schema: Some(self.schema.clone()), table: self.table.clone() };
        DatasetAddress { location, ..of.clone() }
    }
}

/// How long the partition may take to be read, and others to wait for that. (The statement under the lock
/// is ended by the server after twice this time.)
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Whether records of the selection are on their own, so that a table may go with them: nothing goes along,
/// nothing refers to them, nothing fires when one is deleted.
fn stands_alone(selection: &Selection) -> bool {
    matches!(selection.disposal, Disposal::Purge)
        && selection.dependents.is_empty()
        && selection.none_left.is_empty()
        && selection.link_columns.is_empty()
        && selection.shape.referenced_by.is_empty()
        && selection.shape.triggers.is_empty()
}

/// The partitions of a selection that can be looked at in this way; none if its records do not stand alone.
pub(super) async fn partitions<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
) -> Result<Vec<Partition>, ConnectorError> {
    if !stands_alone(selection) {
        return Ok(Vec::new());
    }
    let facts = lease.partitions(&selection.address).await?;
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let target = Target::of(lease, selection)?;
    let place = lease.written(SqlText::column(&target.table.alias, "tableoid"))?;
    let sql = SqlText::fill(
        "SELECT CAST({0} AS bigint), count(*), sum(CASE WHEN {1} THEN 1 ELSE 0 END) FROM {2} GROUP BY {0}",
        &[&place, &target.due, &target.table.from],
    );
    let mut partitions = Vec::new();
    for row in lease.rows(target.dataset(), sql).await? {
        let [id, records, due] = row.as_slice() else { return Err(lease.unexpected()) };
        let counted = |value: &Value| whole(value).and_then(|count| u64::try_from(count).ok());
        let (Some(records), Some(due)) = (counted(records), counted(due)) else {
            return Err(lease.unexpected());
        };
        let Some(facts) = facts.iter().find(|facts| Some(facts.id) == whole(id)) else { continue };
        let too_large = (records > PARTITION_RECORDS_MAX).then_some(Obstacle::TooLarge);
        partitions.push(Partition {
            name: facts.name(),
            records,
            due,
            obstacle: facts.obstacle.or(too_large),
        });
    }
    partitions.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(partitions)
}

/// Whether the table that pieces were told of is still there, as a partition or not: by its number, which a
/// table made anew under its name does not have.
pub(super) async fn is_there<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    mark: &RecordKey,
) -> Result<bool, ConnectorError> {
    const THERE: &str = "SELECT count(*) FROM pg_class WHERE oid = CAST(CAST({0} AS bigint) AS oid)";
    let [id @ Value::Int(_)] = mark.0.as_slice() else { return Err(lease.unexpected()) };
    let row = lease.row(dataset, SqlText::fill(THERE, &[&SqlText::value(id.clone())])).await?;
    Ok(row.first().and_then(whole) != Some(0))
}

/// Drops the partition if everything in it is due.
pub(super) async fn drop_partition<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    name: &str,
    piece_records: u32,
    intent: &dyn IntentSink,
) -> Result<PartitionEnd, ConnectorError> {
    lease.verify(selection).await?;
    let facts = lease.partitions(&selection.address).await?;
    let Some(facts) = facts.into_iter().find(|facts| facts.name() == name) else {
        return Ok(PartitionEnd::Absent);
    };
    if let Some(obstacle) = facts.obstacle.or((!stands_alone(selection)).then_some(Obstacle::Related)) {
        return Ok(PartitionEnd::Kept(KeptPartition::Obstacle(obstacle)));
    }
    if !facts.owned {
        return Ok(PartitionEnd::Kept(KeptPartition::NotOwned));
    }
    let part = Part::of(lease, selection, &facts)?;
    let began = part.look(lease, None).await?;
    if began.kept_back > 0 || began.records == 0 {
        return Ok(PartitionEnd::Kept(KeptPartition::NotWhollyDue));
    }
    if began.records > PARTITION_RECORDS_MAX {
        return Ok(PartitionEnd::Kept(KeptPartition::Obstacle(Obstacle::TooLarge)));
    }
    let told = part.tell(lease, piece_records, intent).await?;
    failpoint::hit("partition-told");
    // The same without a lock: what was written meanwhile shows already, and how long others would wait.
    let looking = Instant::now();
    let seen = part.look(lease, Some(&began.horizon)).await?;
    if seen.records != told || seen.kept_back > 0 {
        return Ok(PartitionEnd::Kept(KeptPartition::NotWhollyDue));
    }
    if looking.elapsed() > WAIT_MAX {
        return Ok(PartitionEnd::Kept(KeptPartition::Obstacle(Obstacle::TooLarge)));
    }
    part.drop(lease, told, &began.horizon).await
}

/// One partition as a table of its own.
struct Part<'a> {
    selection: &'a Selection,
    id: i64,
    table: KeyedTable<'a>,
    /// True for a due record of it.
    due: SqlText,
}

/// What one reading of a partition found.
struct Looked {
    records: u64,
    /// Rows that are not due, or were written at or after the horizon.
    kept_back: u64,
    /// A transaction number: whatever is written from now on has this one or a later one.
    horizon: String,
}

impl<'a> Part<'a> {
    fn of<B: Backend>(
        lease: &Lease<'_, B>,
        selection: &'a Selection,
        facts: &PartitionFacts,
    ) -> Result<Self, ConnectorError> {
        let alias = lease.backend().row_alias(&facts.table);
        let address = facts.address(&selection.address);
        let table = lease.table(&address, &selection.shape, &alias)?;
        let due = lease.written(class::due_condition(lease.backend().dialect(), selection, &alias))?;
        Ok(Self { selection, id: facts.id, table, due })
    }

    fn dataset(&self) -> &str {
        &self.selection.address.dataset
    }

    /// Counts the rows, and those that keep the partition back. The horizon is read by a statement before
    /// the rows: nothing can be written in between that has an earlier number and is not seen as such.
    async fn look<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        horizon: Option<&str>,
    ) -> Result<Looked, ConnectorError> {
        const HORIZON: &str = "SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS xid) AS text)";
        let mut row = lease.row(self.dataset(), SqlText::new(HORIZON)).await?;
        let Some(Value::Text(now)) = row.pop() else { return Err(lease.unexpected()) };
        let mut kept = SqlText::fill("({0}) IS NOT TRUE", &[&self.due]);
        if let Some(horizon) = horizon {
            let written = lease.written(SqlText::column(&self.table.alias, "xmin"))?;
            let horizon = SqlText::value(Value::Text(horizon.to_owned()));
            // A smaller age is a later number.
            kept.append(&SqlText::fill(
                " OR age({0}) <= age(CAST(CAST({1} AS text) AS xid))",
                &[&written, &horizon],
            ));
        }
        let sql = SqlText::fill(
            "SELECT count(*), count(*) FILTER (WHERE {0}) FROM {1}",
            &[&kept, &self.table.from],
        );
        let row = lease.row(self.dataset(), sql).await?;
        let counted =
            |place: usize| row.get(place).and_then(whole).and_then(|count| u64::try_from(count).ok());
        let (Some(records), Some(kept_back)) = (counted(0), counted(1)) else {
            return Err(lease.unexpected());
        };
        Ok(Looked { records, kept_back, horizon: now })
    }

    /// Tells every key, piece by piece in key order; how many there were.
    async fn tell<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        piece_records: u32,
        intent: &dyn IntentSink,
    ) -> Result<u64, ConnectorError> {
        let mut told = 0;
        let mut after: Option<RecordKey> = None;
        loop {
            let range = Restriction::Range { after: after.clone(), last: None };
            let condition = lease.written(self.table.within(lease.backend(), &range))?;
            let keys =
                target::first_keys(lease, self.dataset(), &self.table, &condition, Some(piece_records))
                    .await?;
            let Some(last) = keys.last() else { return Ok(told) };
            after = Some(last.clone());
            told += keys.len() as u64;
            let groups = vec![DatasetKeys { dataset: self.dataset().to_owned(), keys }];
            // By which it is found out whether the table went.
            let last_key = Some(RecordKey::of(vec![Value::Int(self.id)]));
            intent.intend(&Intended { groups, last_key, mark: None }).await?;
        }
    }

    /// Under the lock: looks once more, and drops. The table is locked before its partition, as whoever
    /// writes to it does, so that nobody waits in a circle; and not for long, since others queue behind.
    async fn drop<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        told: u64,
        horizon: &str,
    ) -> Result<PartitionEnd, ConnectorError> {
        let dataset = self.dataset().to_owned();
        let whole_table = lease.written(SqlText::table(&self.selection.address))?;
        lease.run(&dataset, "BEGIN").await?;
        lease.run(&dataset, "SET LOCAL lock_timeout = '250ms'").await?;
        lease.run(&dataset, "SET LOCAL statement_timeout = '4s'").await?;
        let lock = SqlText::fill("LOCK TABLE ONLY {0} IN ACCESS EXCLUSIVE MODE", &[&whole_table]);
        lease.execute(&dataset, lock).await?;
        let lock = SqlText::fill("LOCK TABLE ONLY {0} IN ACCESS EXCLUSIVE MODE", &[&self.table.plain]);
        lease.execute(&dataset, lock).await?;
        let partitions = lease.partitions(&self.selection.address).await?;
        let is_still = partitions.iter().any(|facts| facts.id == self.id && facts.obstacle.is_none());
        let seen = self.look(lease, Some(horizon)).await?;
        if !is_still || seen.records != told || seen.kept_back > 0 {
            lease.run(&dataset, "ROLLBACK").await?;
            return Ok(PartitionEnd::Kept(KeptPartition::NotWhollyDue));
        }
        let drop = SqlText::fill("DROP TABLE {0}", &[&self.table.plain]);
        lease.execute(&dataset, drop).await?;
        failpoint::hit("partition-before-commit");
        lease.run(&dataset, "COMMIT").await?;
        failpoint::hit("partition-after-commit");
        Ok(PartitionEnd::Dropped)
    }
}
