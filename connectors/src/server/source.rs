//! The reading port over one database, opened with the reader's credentials.

use super::backend::{Access, Backend};
use super::session::{Lease, Sessions};
use super::target::{Target, whole};
use super::{names, observe, partition, stretch, survey};
use crate::batch::{DatasetKeys, Observation};
use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::names::{NamePage, name_of};
use crate::partition::Partition;
use crate::port::{Pressure, Reach, RecordSource, Stretch};
use crate::selection::{Class, Page, PageRecord, RecordFacts, RowPage, RowValues, Selection, Survey};
use crate::sql::{SqlText, class};
use crate::value::{RecordKey, Value};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// Keys whose classes one statement tells.
const KEYS_AT_ONCE: usize = 1_000;

/// Reads records of one database. Its sessions are read-only and it knows no writer's credentials.
#[derive(Debug)]
pub struct ServerSource<B: Backend> {
    sessions: Sessions<B>,
    /// Batches of other processes of ours that are under way, now and at the last look.
    company: AtomicU32,
    company_before: AtomicU32,
}

impl<B: Backend> ServerSource<B> {
    /// Connects with the reader's credentials, which `backend` holds.
    ///
    /// # Errors
    /// `Unreachable`, `Denied`: as the server answers.
    pub async fn open(backend: B) -> Result<Self, ConnectorError> {
        let sessions = Sessions::open(backend, Access::Read, None).await?;
        Ok(Self { sessions, company: AtomicU32::new(0), company_before: AtomicU32::new(0) })
    }
}

#[cfg(all(test, feature = "testkit"))]
impl<B: Backend> ServerSource<B> {
    /// In the session that reads next.
    pub(crate) async fn run_for_tests(&self, sql: crate::sql::SqlText) {
        let mut lease = self.sessions.lease().await.unwrap();
        let done = lease.execute("", sql).await;
        lease.end(done).unwrap();
    }
}

/// Runs `$work` on a leased connection; once more on a new one when the server has hung up meanwhile: reading again
/// changes nothing.
macro_rules! looking {
    ($self:expr, |$lease:ident| $work:expr) => {{
        let mut again = true;
        loop {
            let mut $lease = $self.sessions.lease().await?;
            let result = $work.await;
            let result = $lease.end(result);
            if again && matches!(result, Err(ConnectorError::Unreachable { .. })) {
                $self.sessions.forget_idle();
                again = false;
                continue;
            }
            break result;
        }
    }};
}

/// The same in one read transaction.
macro_rules! reading {
    ($self:expr, $dataset:expr, |$lease:ident| $work:expr) => {
        looking!($self, |$lease| async {
            for statement in $lease.backend().begin_reading() {
                $lease.run($dataset, statement).await?;
            }
            let answer = $work.await?;
            $lease.run($dataset, "COMMIT").await?;
            Ok(answer)
        })
    };
}

#[async_trait]
impl<B: Backend> RecordSource for ServerSource<B> {
    fn capabilities(&self) -> Capabilities {
        self.sessions.backend.capabilities()
    }

    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        reading!(self, &address.dataset, |lease| lease.inspect(address))
    }

    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        reading!(self, "", |lease| lease.discover())
    }

    async fn survey(&self, selection: &Selection) -> Result<Survey, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| survey::survey(&mut lease, selection))
    }

    async fn due_count(&self, selection: &Selection) -> Result<u64, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| survey::due_count(&mut lease, selection))
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| {
            page(&mut lease, selection, after, records_max.max(1))
        })
    }

    async fn rows(
        &self,
        selection: &Selection,
        columns: &[String],
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<RowPage, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| {
            next_due(&mut lease, selection, columns, (after, records_max.max(1)))
        })
    }

    async fn stretch(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        reach: Reach,
    ) -> Result<Stretch, ConnectorError> {
        // One statement, on whose answer nothing rests: who acts on it looks at the tables once more.
        let stretch = looking!(self, |lease| stretch::stretch(&mut lease, selection, after, reach));
        if stretch.as_ref().is_err_and(|error| !error.is_transient()) {
            // They may have changed, which says more than that.
            reading!(self, &selection.address.dataset, |lease| lease.verify(selection))?;
        }
        stretch
    }

    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| facts(&mut lease, selection, key))
    }

    async fn classes(
        &self,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| classes(&mut lease, selection, keys))
    }

    async fn names_to_keep(
        &self,
        selection: &Selection,
        names: &[String],
    ) -> Result<Vec<String>, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| names_to_keep(&mut lease, selection, names))
    }

    async fn names(
        &self,
        selection: &Selection,
        after: Option<&str>,
        names_max: u32,
    ) -> Result<NamePage, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| {
            names::names(&mut lease, selection, after, names_max.max(1))
        })
    }

    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError> {
        reading!(self, &group.dataset, |lease| observe::observe(&mut lease, selection, group))
    }

    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        reading!(self, "", |lease| lease.clock()).map(Some)
    }

    async fn partitions(&self, selection: &Selection) -> Result<Vec<Partition>, ConnectorError> {
        reading!(self, &selection.address.dataset, |lease| partition::partitions(&mut lease, selection))
    }

    async fn has_partition(&self, selection: &Selection, mark: &RecordKey) -> Result<bool, ConnectorError> {
        let dataset = selection.address.dataset.as_str();
        reading!(self, dataset, |lease| partition::is_there(&mut lease, dataset, mark))
    }

    async fn search_advice(
        &self,
        address: &DatasetAddress,
        shape: &DatasetShape,
        column: &str,
    ) -> Result<Option<String>, ConnectorError> {
        reading!(self, &address.dataset, |lease| lease.search_advice(address, shape, column))
    }

    /// Outside a transaction: what a missing right refuses would end it.
    async fn leaks(&self, tables: &[DatasetAddress], look: LeakLook) -> Result<Vec<Leak>, ConnectorError> {
        let mut lease = self.sessions.lease().await?;
        let leaks = lease.leaks(tables, look).await;
        lease.end(leaks)
    }

    async fn writable(&self, tables: &[DatasetAddress]) -> Result<Vec<DatasetAddress>, ConnectorError> {
        let mut lease = self.sessions.lease().await?;
        let writable = lease.writable(tables).await;
        lease.end(writable)
    }

    fn expect_company(&self, batches: u32) {
        self.company.store(batches, Ordering::Relaxed);
    }

    async fn pressure(&self) -> Result<Pressure, ConnectorError> {
        let mut lease = self.sessions.lease().await?;
        // What was under way at the last look is counted since.
        let company = self.company.load(Ordering::Relaxed);
        let before = self.company_before.swap(company, Ordering::Relaxed);
        let pressure = lease.pressure(company.max(before)).await;
        lease.end(pressure)
    }

    async fn let_go(&self) {
        self.sessions.backend().let_go().await;
    }
}

async fn page<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    after: Option<&RecordKey>,
    records_max: u32,
) -> Result<Page, ConnectorError> {
    let found = next_due(lease, selection, &selection.link_columns, (after, records_max)).await?;
    let dataset = &selection.address.dataset;
    let mut records = Vec::with_capacity(found.rows.len());
    for RowValues { key, values } in found.rows {
        let links = values.into_iter().map(|value| name_of(value, dataset)).collect::<Result<_, _>>()?;
        records.push(PageRecord { key, links });
    }
    Ok(Page { records, exhausted: found.exhausted })
}

/// The next due records in key order, with what these columns hold.
async fn next_due<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    columns: &[String],
    (after, records_max): (Option<&RecordKey>, u32),
) -> Result<RowPage, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection)?;
    let (backend, parts) = (lease.backend(), target.table.parts());
    let mut asked = target.table.list(backend);
    for name in columns {
        asked.push(", ").append(&stored(lease, selection, name, &target.table.alias)?);
    }
    let range = super::table::Restriction::Range { after: after.cloned(), last: None };
    let sql = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} ORDER BY {3} LIMIT {4}",
        &[
            &asked,
            &target.table.from,
            &target.due_within(lease, &range)?,
            &target.table.order(),
            &SqlText::value(Value::Int(i64::from(records_max))),
        ],
    );
    let found = lease.rows(target.dataset(), sql).await?;
    let exhausted = u32::try_from(found.len()).is_ok_and(|found| found < records_max);
    let mut rows = Vec::with_capacity(found.len());
    for mut row in found {
        let values = row.split_off(parts.min(row.len()));
        rows.push(RowValues { key: lease.key(row)?, values });
    }
    Ok(RowPage { rows, exhausted })
}

/// Reads the table once for each link column, unless an index leads there.
async fn names_to_keep<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    names: &[String],
) -> Result<Vec<String>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection)?;
    let keys: Vec<RecordKey> = names.iter().map(RecordKey::text).collect();
    let mut kept = Vec::new();
    for name in &selection.link_columns {
        let shape = shape_of(lease, selection, name)?;
        let column = lease.written(SqlText::column(&target.table.alias, name))?;
        let key = super::backend::KeyColumn { text: &column, shape };
        let named = lease.written(lease.backend().among(&[key], &keys))?;
        let sql = SqlText::fill(
            "SELECT DISTINCT {0} FROM {1} WHERE {2} AND ({3}) IS NOT TRUE",
            &[&lease.backend().stored(shape, &column), &target.table.from, &named, &target.due],
        );
        for row in lease.rows(target.dataset(), sql).await? {
            for value in row {
                kept.extend(name_of(value, target.dataset())?);
            }
        }
    }
    Ok(kept)
}

async fn classes<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    keys: &[RecordKey],
) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection)?;
    let mut classes = Vec::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_AT_ONCE) {
        classes.extend(target.classes_of(lease, keys, "").await?);
    }
    Ok(classes)
}

fn shape_of<'s, B: Backend>(
    lease: &Lease<'_, B>,
    selection: &'s Selection,
    name: &str,
) -> Result<&'s ColumnShape, ConnectorError> {
    selection.shape.column(name).ok_or_else(|| lease.unexpected())
}

fn stored<B: Backend>(
    lease: &Lease<'_, B>,
    selection: &Selection,
    name: &str,
    alias: &str,
) -> Result<SqlText, ConnectorError> {
    let column = lease.written(SqlText::column(alias, name))?;
    Ok(lease.backend().stored(shape_of(lease, selection, name)?, &column))
}

async fn facts<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    key: &RecordKey,
) -> Result<Option<RecordFacts>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection)?;
    let (backend, alias) = (lease.backend(), target.table.alias.as_str());
    let referenced = lease.written(class::referenced(backend.dialect(), selection, alias))?;
    let holds = lease.written(class::dependent_holds(backend.dialect(), &selection.dependents, alias))?;
    let mut asked = target.table.list(backend);
    for column in &selection.shape.columns {
        asked.push(", ").append(&stored(lease, selection, &column.name, alias)?);
    }
    for condition in referenced.iter().chain(holds.values()) {
        asked.append(&SqlText::fill(", CASE WHEN {0} THEN 1 ELSE 0 END", &[condition]));
    }
    let among = lease.written(target.table.among(backend, std::slice::from_ref(key)))?;
    let sql = SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &[&asked, &target.table.from, &among]);
    for mut row in lease.rows(target.dataset(), sql).await? {
        let mut values = row.split_off(target.table.parts().min(row.len())).into_iter();
        // A collation may take another spelling for the same key.
        if lease.key(row)?.canonical() != key.canonical() {
            continue;
        }
        let names = selection.shape.columns.iter().map(|column| column.name.clone());
        let fields: BTreeMap<String, Value> = names.zip(values.by_ref()).collect();
        let mut truths: Vec<bool> = values.map(|value| whole(&value) == Some(1)).collect();
        let held = truths.split_off(referenced.len().min(truths.len()));
        let dependent_holds =
            holds.into_keys().zip(held).filter(|(_, held)| *held).map(|(hold_id, _)| hold_id).collect();
        return Ok(Some(RecordFacts {
            fields,
            referenced: truths,
            dependent_holds,
            ..RecordFacts::default()
        }));
    }
    Ok(None)
}
