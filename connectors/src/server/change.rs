//! The statements that destroy: what one batch does inside its transaction.
//!
//! Every statement repeats the whole condition under which a record is due and is confined to the batch.
//! Which keys it touched is taken from its own answer where the server gives one; otherwise they are listed
//! under a lock first and must be exactly those that change. The cheaper form of a server that has snapshots is in
//! `snapshot`.

use super::backend::{Backend, Returning};
use super::session::Lease;
use super::table::{KeyedTable, Restriction};
use super::target::{self, Target};
use crate::batch::DatasetKeys;
use crate::error::ConnectorError;
use crate::failpoint;
use crate::selection::Selection;
use crate::sql::{Ident, SqlText};
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use crate::value::{RecordKey, Value};

/// Keeps the rows of a query as they are until the transaction ends.
pub(super) const LOCKING: &str = " FOR UPDATE";

/// What a batch is to do.
pub(super) struct Change<'a> {
    pub(super) target: Target<'a>,
    pub(super) restriction: Restriction,
    pub(super) hash_key: Option<&'a [u8; 32]>,
}

impl Change<'_> {
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.restriction, Restriction::Keys(keys) if keys.is_empty())
    }

    /// Changes exactly what is due in the batch. Answers with the keys, dependents first; nothing is
    /// committed here.
    pub(super) async fn carry_out<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
    ) -> Result<Vec<DatasetKeys>, ConnectorError> {
        let mut groups = Vec::new();
        let mut restriction = self.restriction.clone();
        let locks_first = locks_first(lease.backend(), self.target.selection);
        let mut locked = None;
        if locks_first {
            let keys = self.lock(lease, &restriction).await?;
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            if !self.target.selection.dependents.is_empty() {
                // The same records as are locked, whatever becomes due in the range meanwhile.
                restriction = Restriction::Keys(keys.clone());
            }
            locked = Some(keys);
        }
        self.dependents(lease, &restriction, &mut groups).await?;
        let keys = match &self.target.selection.disposal {
            Disposal::Purge => self.purge(lease, &restriction, locked.as_deref()).await?,
            Disposal::Anonymize { fields, marker } => {
                self.anonymize(lease, &restriction, (fields, marker.as_ref()), locked.as_deref()).await?
            }
        };
        self.expect_as_locked(&keys, locked.as_deref())?;
        groups.push(DatasetKeys { dataset: self.target.dataset().to_owned(), keys });
        Ok(groups)
    }

    /// The due keys of the restriction, in key order, locked.
    async fn lock<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        restriction: &Restriction,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let condition = self.target.due_within(lease, restriction)?;
        let (dataset, table) = (self.target.dataset(), &self.target.table);
        if let Some(gathered) = lease.backend().gathered_numbers().filter(|_| table.is_integer()) {
            let (read, _) = lease.written(table.named(lease.backend()))?;
            let mut locking = SqlText::fill(
                "SELECT {0} FROM {1} WHERE {2} ORDER BY {3}",
                &[&read.defined, &table.from, &condition, &table.order()],
            );
            locking.push(LOCKING);
            let sql = SqlText::fill(gathered, &[&locking, &read.names]);
            return Ok(in_order(lease.numbers(dataset, sql).await?));
        }
        lease.keys(dataset, locking_list(lease.backend(), table, &condition)).await
    }

    async fn dependents<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        restriction: &Restriction,
        groups: &mut Vec<DatasetKeys>,
    ) -> Result<(), ConnectorError> {
        for companion in target::companions(lease, &self.target, restriction)? {
            let dataset = companion.dependent.address.dataset.as_str();
            let keys = delete(lease, dataset, &companion.table, &companion.condition, None).await?;
            add_group(groups, dataset, keys);
            failpoint::hit("after-dependents");
        }
        Ok(())
    }

    async fn purge<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        restriction: &Restriction,
        locked: Option<&[RecordKey]>,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let condition = self.target.due_within(lease, restriction)?;
        delete(lease, self.target.dataset(), &self.target.table, &condition, locked).await
    }

    async fn anonymize<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        restriction: &Restriction,
        (fields, marker): (&[FieldTransform], Option<&Marker>),
        locked: Option<&[RecordKey]>,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let dataset = self.target.dataset();
        if one_by_one(self.target.selection) {
            let (Some(hash_key), Some(keys)) = (self.hash_key, locked) else {
                return Err(ConnectorError::NotSupported {
                    store: self.target.selection.address.store.clone(),
                    reason: "a hash needs the key of the run, which was not given".to_owned(),
                });
            };
            for key in keys {
                self.one(lease, key, (fields, marker), hash_key).await?;
            }
            return Ok(keys.to_vec());
        }
        let sql = self.update(lease, restriction, (fields, marker))?;
        let table = &self.target.table;
        if lease.backend().returning() == Returning::DeletedAndUpdated {
            return returned(lease, dataset, table, &sql).await;
        }
        let changed = lease.execute(dataset, sql).await?;
        let keys = locked.unwrap_or_default();
        expect_count(&self.target.selection.address.store, dataset, changed, keys.len())?;
        Ok(keys.to_vec())
    }

    /// The statement that changes what is due within the restriction, and `among`, if it is told.
    pub(super) fn statement<B: Backend>(
        &self,
        lease: &Lease<'_, B>,
        restriction: &Restriction,
        among: Option<&SqlText>,
    ) -> Result<SqlText, ConnectorError> {
        let mut statement = match &self.target.selection.disposal {
            Disposal::Purge => {
                let condition = self.target.due_within(lease, restriction)?;
                deletion(lease, &self.target.table, &condition)?
            }
            Disposal::Anonymize { fields, marker } => {
                self.update(lease, restriction, (fields, marker.as_ref()))?
            }
        };
        if let Some(among) = among {
            statement.push(" AND ").append(among);
        }
        Ok(statement)
    }

    /// The statement that anonymizes what is due within the restriction.
    pub(super) fn update<B: Backend>(
        &self,
        lease: &Lease<'_, B>,
        restriction: &Restriction,
        (fields, marker): (&[FieldTransform], Option<&Marker>),
    ) -> Result<SqlText, ConnectorError> {
        let condition = self.target.due_within(lease, restriction)?;
        let mut assignments = Vec::with_capacity(fields.len() + 1);
        let dialect = lease.backend().dialect();
        for field in fields {
            let value = lease.written(dialect.transform(field, self.target.table.row()))?;
            let value = value.ok_or_else(|| lease.unexpected())?;
            assignments.push(assign(lease, &field.column, &value)?);
        }
        assignments.extend(self.marking(lease, marker)?);
        Ok(SqlText::fill(
            "UPDATE {0} SET {1} WHERE {2}",
            &[&self.target.table.from, &SqlText::list(&assignments), &condition],
        ))
    }

    /// For a transform that the store cannot carry out: reads the record, and writes it back.
    async fn one<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        key: &RecordKey,
        (fields, marker): (&[FieldTransform], Option<&Marker>),
        hash_key: &[u8; 32],
    ) -> Result<(), ConnectorError> {
        let (dataset, table) = (self.target.dataset(), &self.target.table);
        let condition = self.target.due_within(lease, &Restriction::Keys(vec![key.clone()]))?;
        let mut read = Vec::with_capacity(fields.len());
        let mut shapes = Vec::with_capacity(fields.len());
        for field in fields {
            let column = lease.written(SqlText::column(&table.alias, &field.column))?;
            let shape = table.shape.column(&field.column).ok_or_else(|| lease.unexpected())?;
            read.push(lease.backend().stored(shape, &column));
            shapes.push(shape);
        }
        let sql =
            SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &[&SqlText::list(&read), &table.from, &condition]);
        let stored = lease.row(dataset, sql).await?;
        let mut assignments = Vec::with_capacity(fields.len() + 1);
        for ((field, shape), value) in fields.iter().zip(shapes).zip(&stored) {
            let value = field.transform.apply(value, field.value_type, Some(hash_key));
            let value = lease.written(lease.backend().assigned(shape, &value, table.row()))?;
            assignments.push(assign(lease, &field.column, &value)?);
        }
        assignments.extend(self.marking(lease, marker)?);
        let sql = SqlText::fill(
            "UPDATE {0} SET {1} WHERE {2}",
            &[&table.from, &SqlText::list(&assignments), &condition],
        );
        let changed = lease.execute(dataset, sql).await?;
        expect_count(&self.target.selection.address.store, dataset, changed, 1)
    }

    /// The marker of an anonymized record, set in the same statement as its fields.
    fn marking<B: Backend>(
        &self,
        lease: &Lease<'_, B>,
        marker: Option<&Marker>,
    ) -> Result<Option<SqlText>, ConnectorError> {
        let Some(marker) = marker else { return Ok(None) };
        let shape = self.target.table.shape.column(&marker.column).ok_or_else(|| lease.unexpected())?;
        let at = lease.written(lease.backend().assigned(
            shape,
            &Value::Instant(marker.at),
            self.target.table.row(),
        ))?;
        assign(lease, &marker.column, &at).map(Some)
    }

    /// What changed must be what was locked: somebody else's row among them was never looked at.
    fn expect_as_locked(
        &self,
        keys: &[RecordKey],
        locked: Option<&[RecordKey]>,
    ) -> Result<(), ConnectorError> {
        let Some(locked) = locked else { return Ok(()) };
        let changed = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        expect_count(&self.target.selection.address.store, self.target.dataset(), changed, locked.len())
    }
}

/// Where rows of other tables refer to these, a row that comes to refer to one of them between the reading of a
/// statement and its deletion would be taken along by a cascade, unseen. With the records locked none can come,
/// and the next statement sees all that came before.
pub(super) fn locks_first<B: Backend>(backend: &B, selection: &Selection) -> bool {
    let purges = matches!(selection.disposal, Disposal::Purge);
    let answers = match backend.returning() {
        Returning::Nothing => false,
        Returning::Deleted => purges,
        Returning::DeletedAndUpdated => true,
    };
    !answers || !is_alone(selection)
}

/// Whether one statement can change the records of a selection, without a look at the rows of other tables that
/// would go along.
pub(super) fn is_alone(selection: &Selection) -> bool {
    let purges = matches!(selection.disposal, Disposal::Purge);
    let has_company =
        purges && (!selection.shape.referenced_by.is_empty() || !selection.dependents.is_empty());
    !has_company && !one_by_one(selection)
}

/// Whether records are changed one by one: a hash is made here.
fn one_by_one(selection: &Selection) -> bool {
    match &selection.disposal {
        Disposal::Purge => false,
        Disposal::Anonymize { fields, .. } => {
            fields.iter().any(|field| matches!(field.transform, Transform::Hash { .. }))
        }
    }
}

/// The statement that lists the keys for which `condition` holds, in key order.
pub(super) fn list<B: Backend>(backend: &B, table: &KeyedTable<'_>, condition: &SqlText) -> SqlText {
    SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} ORDER BY {3}",
        &[&table.list(backend), &table.from, condition, &table.order()],
    )
}

fn locking_list<B: Backend>(backend: &B, table: &KeyedTable<'_>, condition: &SqlText) -> SqlText {
    let mut sql = list(backend, table, condition);
    sql.push(LOCKING);
    sql
}

/// Deletes the rows for which `condition` holds. Answers with their keys in key order.
async fn delete<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    table: &KeyedTable<'_>,
    condition: &SqlText,
    locked: Option<&[RecordKey]>,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let backend = lease.backend();
    match backend.returning() {
        Returning::DeletedAndUpdated => {
            let statement = deletion(lease, table, condition)?;
            let Some(locked) = locked else { return returned(lease, dataset, table, &statement).await };
            // To answer with each row would cost the server as much as half of deleting it.
            let changed = lease.execute(dataset, statement).await?;
            expect_count(backend.store(), dataset, changed, locked.len())?;
            Ok(locked.to_vec())
        }
        Returning::Deleted => {
            let (mut sql, list) = (deletion(lease, table, condition)?, table.list(backend));
            if table.is_integer() {
                // To be told the order costs the server a sorting of rows before it deletes any.
                sql.push(" RETURNING ").append(&list);
                return Ok(in_order(lease.keys(dataset, sql).await?));
            }
            sql.append(&SqlText::fill(" ORDER BY {0} RETURNING {1}", &[&table.order(), &list]));
            lease.keys(dataset, sql).await
        }
        Returning::Nothing => {
            let listed;
            let keys = if let Some(locked) = locked {
                locked
            } else {
                listed = lease.keys(dataset, locking_list(backend, table, condition)).await?;
                &listed
            };
            let changed = lease.execute(dataset, deletion(lease, table, condition)?).await?;
            expect_count(backend.store(), dataset, changed, keys.len())?;
            Ok(keys.to_vec())
        }
    }
}

/// The statement that deletes the rows for which `condition` holds.
fn deletion<B: Backend>(
    lease: &Lease<'_, B>,
    table: &KeyedTable<'_>,
    condition: &SqlText,
) -> Result<SqlText, ConnectorError> {
    Ok(match lease.backend().returning() {
        Returning::DeletedAndUpdated => SqlText::fill("DELETE FROM {0} WHERE {1}", &[&table.from, condition]),
        // Its alias is the name of the table, so that the condition holds without one.
        Returning::Deleted => SqlText::fill("DELETE FROM {0} WHERE {1}", &[&table.plain, condition]),
        Returning::Nothing => {
            let alias = SqlText::ident(&lease.written(Ident::new(&table.alias))?);
            SqlText::fill("DELETE {0} FROM {1} WHERE {2}", &[&alias, &table.from, condition])
        }
    })
}

/// The keys of the rows that a statement changes, in key order.
async fn returned<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    table: &KeyedTable<'_>,
    statement: &SqlText,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let backend = lease.backend();
    if table.is_integer() {
        let keys = if let Some(gathered) = backend.gathered_numbers() {
            let (read, _) = lease.written(table.named(backend))?;
            let returning = SqlText::fill("{0} RETURNING {1}", &[statement, &read.defined]);
            lease.numbers(dataset, SqlText::fill(gathered, &[&returning, &read.names])).await?
        } else {
            let sql = SqlText::fill("{0} RETURNING {1}", &[statement, &table.list(backend)]);
            lease.keys(dataset, sql).await?
        };
        return Ok(in_order(keys));
    }
    // Only the server knows the order of what is no number.
    let (read, order) = lease.written(table.named(backend))?;
    let sql = SqlText::fill(
        "WITH changed AS ({0} RETURNING {1}, {2}) SELECT {3} FROM changed ORDER BY {4}",
        &[statement, &read.defined, &order.defined, &read.names, &order.names],
    );
    lease.keys(dataset, sql).await
}

/// Keys that are whole numbers, in their order.
pub(super) fn in_order(mut keys: Vec<RecordKey>) -> Vec<RecordKey> {
    keys.sort_unstable_by_key(number);
    keys
}

/// The whole number that a key is.
pub(super) fn number(key: &RecordKey) -> i64 {
    match key.0.first() {
        Some(Value::Int(number)) => *number,
        _ => i64::MIN,
    }
}

/// `"column" = value`; SQL wants the column without its table.
fn assign<B: Backend>(
    lease: &Lease<'_, B>,
    column: &str,
    value: &SqlText,
) -> Result<SqlText, ConnectorError> {
    let column = SqlText::ident(&lease.written(Ident::new(column))?);
    Ok(SqlText::fill("{0} = {1}", &[&column, value]))
}

/// Somebody changed rows of the batch while it was under way: nothing of it stays, and the next attempt
/// sees them.
fn expect_count(store: &str, dataset: &str, changed: u64, expected: usize) -> Result<(), ConnectorError> {
    if u64::try_from(expected).is_ok_and(|expected| expected == changed) {
        return Ok(());
    }
    Err(ConnectorError::Busy {
        store: store.to_owned(),
        reason: format!(
            "dataset '{dataset}' changed under the batch: {expected} rows were listed and {changed} would have changed; nothing was"
        ),
    })
}

/// Adds keys to the group of their dataset; one that two ways lead to was deleted by the first.
fn add_group(groups: &mut Vec<DatasetKeys>, dataset: &str, keys: Vec<RecordKey>) {
    if keys.is_empty() {
        return;
    }
    match groups.iter_mut().find(|group| group.dataset == dataset) {
        Some(group) => group.keys.extend(keys),
        None => groups.push(DatasetKeys { dataset: dataset.to_owned(), keys }),
    }
}
