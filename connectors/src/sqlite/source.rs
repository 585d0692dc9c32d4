//! The reading port over one database file, opened read-only.

use super::connect::{Access, Database, SqliteOptions};
use super::select::{ROW, Target};
use super::session::{Lease, Session};
use super::{CAPABILITIES, shape, survey};
use super::{names, observe, rows};
use crate::batch::{DatasetKeys, Observation};
use crate::capability::Capabilities;
use crate::dataset::{DatasetAddress, DatasetShape, Location};
use crate::error::ConnectorError;
use crate::names::{NamePage, name_of};
use crate::port::{Pressure, RecordSource};
use crate::selection::{Class, Page, PageRecord, RecordFacts, RowPage, RowValues, Selection, Survey};
use crate::sql::{SqlText, sqlite as dialect};
use crate::value::{RecordKey, Value};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Longest pause that [`RecordSource::pressure`] asks for at once, in milliseconds.
const PAUSE_MS_MAX: u64 = 2_000;
/// Keys whose classes one statement tells.
const KEYS_AT_ONCE: usize = 1_000;
/// Pause for a write-ahead log of exactly the limit, in milliseconds.
const PAUSE_MS_AT_LIMIT: u64 = 250;

/// Reads records of one SQLite database. It holds no handle that could write.
#[derive(Debug)]
pub struct SqliteSource {
    session: Session,
}

impl SqliteSource {
    /// Opens an existing database read-only. `location` is a path, or `sqlite:` and a path.
    ///
    /// # Errors
    /// `Unreachable` when there is no such file, `NotSupported` when it is no database, `Denied` when it
    /// may not be read.
    pub async fn open(store: &str, location: &str, options: SqliteOptions) -> Result<Self, ConnectorError> {
        let database = Database::new(store, location, options)?;
        Ok(Self { session: Session::open(database, Access::Read).await? })
    }
}

/// Runs `$work` in one read transaction on a leased connection.
macro_rules! reading {
    ($session:expr, $dataset:expr, |$lease:ident| $work:expr) => {{
        let mut $lease = $session.lease().await?;
        let result = async {
            $lease.run($dataset, "BEGIN").await?;
            let answer = $work.await?;
            $lease.run($dataset, "COMMIT").await?;
            Ok(answer)
        }
        .await;
        $lease.end(result).await
    }};
}

#[cfg(all(test, feature = "testkit"))]
impl SqliteSource {
    pub(super) fn session_for_tests(&self) -> &Session {
        &self.session
    }
}

#[async_trait]
impl RecordSource for SqliteSource {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        reading!(self.session, &address.dataset, |lease| inspect(&mut lease, address))
    }

    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        reading!(self.session, "", |lease| discover(&mut lease))
    }

    async fn survey(&self, selection: &Selection) -> Result<Survey, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| survey::survey(&mut lease, selection))
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| {
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
        reading!(self.session, &selection.address.dataset, |lease| {
            rows_of(&mut lease, selection, columns, (after, records_max.max(1)))
        })
    }

    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| facts(&mut lease, selection, key))
    }

    async fn classes(
        &self,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| classes(&mut lease, selection, keys))
    }

    async fn names_to_keep(
        &self,
        selection: &Selection,
        names: &[String],
    ) -> Result<Vec<String>, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| {
            names_to_keep(&mut lease, selection, names)
        })
    }

    async fn names(
        &self,
        selection: &Selection,
        after: Option<&str>,
        names_max: u32,
    ) -> Result<NamePage, ConnectorError> {
        reading!(self.session, &selection.address.dataset, |lease| {
            names::names(&mut lease, selection, after, names_max.max(1))
        })
    }

    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError> {
        reading!(self.session, &group.dataset, |lease| observe::observe(&mut lease, selection, group))
    }

    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        Ok(None)
    }

    async fn pressure(&self) -> Result<Pressure, ConnectorError> {
        let wal_bytes = self.session.database.wal_bytes()?;
        let limit = self.session.database.options.wal_bytes_max;
        if wal_bytes <= limit {
            return Ok(Pressure::default());
        }
        // It grows while readers keep an old state alive; a pause lets a checkpoint catch up.
        let times = wal_bytes / limit.max(1);
        Ok(Pressure {
            reasons: vec![format!("write-ahead log {} MB", wal_bytes / 1_000_000)],
            pause_ms: PAUSE_MS_AT_LIMIT.saturating_mul(times).min(PAUSE_MS_MAX),
        })
    }
}

async fn inspect(lease: &mut Lease<'_>, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
    let catalogue = lease.catalogue().await?;
    Ok(shape::shape_of(&catalogue, shape::find(&catalogue, address)?))
}

async fn discover(lease: &mut Lease<'_>) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
    let catalogue = lease.catalogue().await?;
    let store = &lease.database.store;
    let mut found = Vec::new();
    for table in catalogue.tables.values() {
        let address = DatasetAddress {
            store: store.clone(),
            dataset: format!("{store}.{}", table.name),
            location: Location::Table { schema: None, table: table.name.clone() },
        };
        if shape::find(&catalogue, &address).is_ok() {
            found.push((address, shape::shape_of(&catalogue, table)));
        }
    }
    Ok(found)
}

async fn page(
    lease: &mut Lease<'_>,
    selection: &Selection,
    after: Option<&RecordKey>,
    records_max: u32,
) -> Result<Page, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    if selection.link_columns.is_empty() {
        let keys = target.due_after(lease, after, records_max).await?;
        let exhausted = u32::try_from(keys.len()).is_ok_and(|found| found < records_max);
        let records = keys.into_iter().map(|key| PageRecord { key, links: Vec::new() }).collect();
        return Ok(Page { records, exhausted });
    }
    let dataset = target.dataset();
    let parts = target.table.parts();
    let links = columns(lease, &selection.link_columns)?;
    let sql = SqlText::fill(
        "SELECT {0}, {1} FROM {2} WHERE {3} AND {4} ORDER BY {0} LIMIT {5}",
        &[
            &target.table.list(),
            &SqlText::list(&links),
            &target.table.from,
            &target.table.after(after),
            &target.due,
            &SqlText::value(Value::Int(i64::from(records_max))),
        ],
    );
    let rows = lease.rows(dataset, sql).await?;
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        let key = lease.decoded(dataset, rows::key(row, parts))?;
        let links = (parts..parts + links.len())
            .map(|place| name_of(lease.decoded(dataset, rows::value(row, place))?, dataset))
            .collect::<Result<_, _>>()?;
        records.push(PageRecord { key, links });
    }
    let exhausted = u32::try_from(records.len()).is_ok_and(|found| found < records_max);
    Ok(Page { records, exhausted })
}

async fn rows_of(
    lease: &mut Lease<'_>,
    selection: &Selection,
    names: &[String],
    (after, records_max): (Option<&RecordKey>, u32),
) -> Result<RowPage, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let (dataset, parts) = (target.dataset(), target.table.parts());
    let mut asked = vec![target.table.list()];
    asked.extend(columns(lease, names)?);
    let sql = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} AND {3} ORDER BY {4} LIMIT {5}",
        &[
            &SqlText::list(&asked),
            // The values asked for may have an index of their own.
            target.table.any_way(),
            &target.table.after(after),
            &target.due,
            &target.table.list(),
            &SqlText::value(Value::Int(i64::from(records_max))),
        ],
    );
    let mut found = Vec::new();
    for row in &lease.rows(dataset, sql).await? {
        let key = lease.decoded(dataset, rows::key(row, parts))?;
        let values = (parts..parts + names.len())
            .map(|place| lease.decoded(dataset, rows::value(row, place)))
            .collect::<Result<_, _>>()?;
        found.push(RowValues { key, values });
    }
    let exhausted = u32::try_from(found.len()).is_ok_and(|found| found < records_max);
    Ok(RowPage { rows: found, exhausted })
}

/// Reads the table once for each link column, unless an index leads there.
async fn names_to_keep(
    lease: &mut Lease<'_>,
    selection: &Selection,
    names: &[String],
) -> Result<Vec<String>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let dataset = target.dataset();
    let keys: Vec<RecordKey> = names.iter().map(RecordKey::text).collect();
    let mut kept = Vec::new();
    for column in columns(lease, &selection.link_columns)? {
        let named = target.table.has_value_among(&column, &keys)?;
        let sql = SqlText::fill(
            "SELECT DISTINCT {0} FROM {1} WHERE {2} AND ({3}) IS NOT TRUE",
            &[&column, target.table.any_way(), &named, &target.due],
        );
        for row in lease.rows(dataset, sql).await? {
            kept.extend(name_of(lease.decoded(dataset, rows::value(&row, 0))?, dataset)?);
        }
    }
    Ok(kept)
}

fn columns(lease: &Lease<'_>, names: &[String]) -> Result<Vec<SqlText>, ConnectorError> {
    let columns: Result<Vec<_>, _> = names.iter().map(|name| SqlText::column(ROW, name)).collect();
    columns.map_err(|error| lease.unwritable(&error))
}

async fn facts(
    lease: &mut Lease<'_>,
    selection: &Selection,
    key: &RecordKey,
) -> Result<Option<RecordFacts>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let dataset = target.dataset();
    let names: Vec<String> = selection.shape.columns.iter().map(|column| column.name.clone()).collect();
    let referenced = dialect::referenced(selection, ROW).map_err(|error| lease.unwritable(&error))?;
    let holds =
        dialect::dependent_holds(&selection.dependents, ROW).map_err(|error| lease.unwritable(&error))?;
    let mut asked = columns(lease, &selection.shape.key)?;
    asked.extend(columns(lease, &names)?);
    asked.extend(referenced.iter().map(truth));
    asked.extend(holds.values().map(truth));
    let among = target.table.among(std::slice::from_ref(key))?;
    let sql =
        SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &[&SqlText::list(&asked), &target.table.from, &among]);
    for row in lease.rows(dataset, sql).await? {
        let parts = target.table.parts();
        // A collation may take another spelling for the same key.
        if lease.decoded(dataset, rows::key(&row, parts))?.canonical() != key.canonical() {
            continue;
        }
        let mut fields = BTreeMap::new();
        for (place, name) in names.into_iter().enumerate() {
            fields.insert(name, lease.decoded(dataset, rows::value(&row, parts + place))?);
        }
        let mut truths = Vec::new();
        for place in parts + fields.len()..parts + fields.len() + referenced.len() + holds.len() {
            truths.push(lease.decoded(dataset, row.try_get::<bool, _>(place))?);
        }
        let held = truths.split_off(referenced.len());
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

async fn classes(
    lease: &mut Lease<'_>,
    selection: &Selection,
    keys: &[RecordKey],
) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let mut classes = Vec::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_AT_ONCE) {
        classes.extend(target.classes_of(lease, keys).await?);
    }
    Ok(classes)
}

fn truth(condition: &SqlText) -> SqlText {
    SqlText::fill("({0}) IS TRUE", &[condition])
}
