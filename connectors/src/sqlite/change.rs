//! The statements that destroy: what a batch plans under the lock, and how it is carried out.
//!
//! Every statement repeats the whole condition under which a record is due, is confined to the batch,
//! and must change exactly as many rows as were intended; otherwise the transaction ends without effect.

use super::keys::Restriction;
use super::rows;
use super::select::{self, Companion, ROW, Target};
use super::session::Lease;
use crate::batch::{DatasetKeys, Intended};
use crate::error::ConnectorError;
use crate::failpoint;
use crate::sql::{Ident, SqlText, sqlite as dialect};
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use crate::value::{RecordKey, Value};
use sqlx::Row as _;
use std::collections::{BTreeMap, HashSet};

/// A batch whose keys are known, inside its transaction.
pub(super) struct Planned<'a> {
    target: Target<'a>,
    restriction: Restriction,
    /// Children first; with each the keys that no earlier one of the same table has.
    companions: Vec<(Companion<'a>, Vec<RecordKey>)>,
}

impl<'a> Planned<'a> {
    /// Lists what goes with the due records `due` of the restriction.
    pub(super) async fn of(
        lease: &mut Lease<'_>,
        target: Target<'a>,
        restriction: Restriction,
        due: &[RecordKey],
    ) -> Result<Self, ConnectorError> {
        let restriction = match restriction {
            // More may have become due in the range than fit into the batch.
            Restriction::Range { after, last } => {
                Restriction::Range { after, last: due.last().cloned().unwrap_or(last) }
            }
            Restriction::All | Restriction::Keys(_) => Restriction::Keys(due.to_vec()),
        };
        let mut companions: Vec<(Companion<'_>, Vec<RecordKey>)> = Vec::new();
        for companion in select::companions(lease, &target, &restriction).await? {
            let dataset = companion.dependent.address.dataset.as_str();
            let mut keys =
                select::first_keys(lease, dataset, &companion.table, &companion.condition, None).await?;
            let listed: HashSet<String> = companions
                .iter()
                .filter(|(earlier, _)| earlier.dependent.address.dataset == dataset)
                .flat_map(|(_, keys)| keys.iter().map(RecordKey::canonical))
                .collect();
            if !listed.is_empty() {
                keys.retain(|key| !listed.contains(&key.canonical()));
            }
            companions.push((companion, keys));
        }
        Ok(Self { target, restriction, companions })
    }

    /// The keys of the dependents, one group for each dataset that has any.
    pub(super) fn groups(&self) -> Vec<DatasetKeys> {
        let mut groups = Vec::new();
        for (companion, keys) in &self.companions {
            if !keys.is_empty() {
                let dataset = companion.dependent.address.dataset.clone();
                groups = with_dataset(groups, DatasetKeys { dataset, keys: keys.clone() });
            }
        }
        groups
    }

    /// Changes exactly the intended rows, or fails; nothing is committed here.
    pub(super) async fn carry_out(
        &self,
        lease: &mut Lease<'_>,
        intended: &Intended,
        hash_key: Option<&[u8; 32]>,
    ) -> Result<(), ConnectorError> {
        let before = lease.total_changes().await?;
        let rows_before = self.rows_of_tables_with_triggers(lease).await?;
        for (companion, keys) in &self.companions {
            let sql =
                SqlText::fill("DELETE FROM {0} WHERE {1}", &[&companion.table.from, &companion.condition]);
            let dataset = companion.dependent.address.dataset.as_str();
            let changed = lease.change(dataset, sql).await?;
            self.expect_rows(dataset, changed, keys.len())?;
            failpoint::hit("after-dependents");
        }
        let own = intended.groups.last().map(|group| group.keys.as_slice()).unwrap_or_default();
        let changed = match &self.target.selection.disposal {
            Disposal::Purge => self.purge(lease).await?,
            Disposal::Anonymize { fields, marker } => {
                let one_by_one = fields.iter().any(|field| matches!(field.transform, Transform::Hash { .. }));
                match (one_by_one, hash_key) {
                    (false, _) => self.anonymize(lease, fields, marker.as_ref()).await?,
                    (true, Some(hash_key)) => {
                        self.anonymize_one_by_one(lease, fields, marker.as_ref(), (own, hash_key)).await?
                    }
                    (true, None) => return Err(no_hash_key(&self.target.selection.address.store)),
                }
            }
        };
        self.expect_rows(self.target.dataset(), changed, own.len())?;
        let after = lease.total_changes().await?;
        self.expect_no_more(after - before, intended)?;
        let rows_after = self.rows_of_tables_with_triggers(lease).await?;
        self.expect_rows_gone(&rows_before, &rows_after, intended)
    }

    /// How many rows each table of the batch has, if a trigger could change that.
    async fn rows_of_tables_with_triggers(
        &self,
        lease: &mut Lease<'_>,
    ) -> Result<BTreeMap<String, i64>, ConnectorError> {
        let mut rows = BTreeMap::new();
        if !self.has_trigger() {
            return Ok(rows);
        }
        let own = (self.target.dataset(), &self.target.table);
        let along = self.companions.iter();
        let along =
            along.map(|(companion, _)| (companion.dependent.address.dataset.as_str(), &companion.table));
        for (dataset, table) in along.chain([own]) {
            if !rows.contains_key(dataset) {
                let row =
                    lease.row(dataset, SqlText::fill("SELECT count(*) FROM {0}", &[&table.from])).await?;
                rows.insert(dataset.to_owned(), lease.decoded(dataset, row.try_get(0))?);
            }
        }
        Ok(rows)
    }

    /// A trigger that removes other rows of these tables, or puts rows back, would make the certificate
    /// untrue: exactly the intended rows must be missing.
    fn expect_rows_gone(
        &self,
        before: &BTreeMap<String, i64>,
        after: &BTreeMap<String, i64>,
        intended: &Intended,
    ) -> Result<(), ConnectorError> {
        let stays = matches!(self.target.selection.disposal, Disposal::Anonymize { .. });
        for (dataset, rows) in before {
            let group = intended.groups.iter().find(|group| &group.dataset == dataset);
            let keys = group.map_or(0, |group| group.keys.len());
            let going = if stays { 0 } else { i64::try_from(keys).unwrap_or(i64::MAX) };
            if after.get(dataset).is_none_or(|left| rows - left != going) {
                return Err(ConnectorError::Constraint {
                    dataset: dataset.clone(),
                    reason: "a trigger would remove or add rows that are not part of the batch; nothing was \
                             changed"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    fn has_trigger(&self) -> bool {
        !self.target.selection.shape.triggers.is_empty()
            || self.companions.iter().any(|(companion, _)| !companion.dependent.shape.triggers.is_empty())
    }

    async fn purge(&self, lease: &mut Lease<'_>) -> Result<u64, ConnectorError> {
        let condition = self.target.due_within(&self.restriction)?;
        let sql = SqlText::fill("DELETE FROM {0} WHERE {1}", &[&self.target.table.from, &condition]);
        lease.change(self.target.dataset(), sql).await
    }

    async fn anonymize(
        &self,
        lease: &mut Lease<'_>,
        fields: &[FieldTransform],
        marker: Option<&Marker>,
    ) -> Result<u64, ConnectorError> {
        let mut assignments = Vec::with_capacity(fields.len() + 1);
        for field in fields {
            let column = column(lease, &field.column)?;
            let value = dialect::transform(field, ROW).map_err(|error| lease.unwritable(&error))?;
            let value = value.ok_or_else(|| no_hash_key(&self.target.selection.address.store))?;
            assignments.push(SqlText::fill("{0} = {1}", &[&column, &value]));
        }
        assignments.extend(marking(lease, marker)?);
        let condition = self.target.due_within(&self.restriction)?;
        let assignments = SqlText::list(&assignments);
        let sql = SqlText::fill(
            "UPDATE {0} SET {1} WHERE {2}",
            &[&self.target.table.from, &assignments, &condition],
        );
        lease.change(self.target.dataset(), sql).await
    }

    /// For a transform that the store cannot carry out: reads each record, and writes it back.
    async fn anonymize_one_by_one(
        &self,
        lease: &mut Lease<'_>,
        fields: &[FieldTransform],
        marker: Option<&Marker>,
        (due, hash_key): (&[RecordKey], &[u8; 32]),
    ) -> Result<u64, ConnectorError> {
        let dataset = self.target.dataset();
        let columns: Vec<SqlText> = fields
            .iter()
            .map(|field| SqlText::column(ROW, &field.column).map_err(|error| lease.unwritable(&error)))
            .collect::<Result<_, _>>()?;
        let mut changed = 0;
        for key in due {
            let one = Restriction::Keys(vec![key.clone()]);
            let condition = self.target.due_within(&one)?;
            let from = &self.target.table.from;
            let read =
                SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &[&SqlText::list(&columns), from, &condition]);
            let row = lease.row(dataset, read).await?;
            let mut assignments = Vec::with_capacity(fields.len() + 1);
            for (place, field) in fields.iter().enumerate() {
                let stored = lease.decoded(dataset, rows::value(&row, place))?;
                let value = field.transform.apply(&stored, field.value_type, Some(hash_key));
                let column = column(lease, &field.column)?;
                assignments.push(SqlText::fill("{0} = {1}", &[&column, &SqlText::value(value)]));
            }
            assignments.extend(marking(lease, marker)?);
            let assignments = SqlText::list(&assignments);
            let write = SqlText::fill("UPDATE {0} SET {1} WHERE {2}", &[from, &assignments, &condition]);
            changed += lease.change(dataset, write).await?;
        }
        Ok(changed)
    }

    fn expect_rows(&self, dataset: &str, changed: u64, intended: usize) -> Result<(), ConnectorError> {
        if u64::try_from(intended).is_ok_and(|intended| intended == changed) {
            return Ok(());
        }
        Err(ConnectorError::Failed {
            store: self.target.selection.address.store.clone(),
            reason: format!(
                "dataset '{dataset}': {intended} rows were intended and {changed} would have changed; nothing was"
            ),
        })
    }

    /// A cascade that nobody planned shows in the count of all changed rows. What triggers change
    /// counts there too, so with a trigger only the rows of the batch's own tables are counted.
    fn expect_no_more(&self, changed: i64, intended: &Intended) -> Result<(), ConnectorError> {
        let keys: usize = intended.groups.iter().map(|group| group.keys.len()).sum();
        if self.has_trigger() || i64::try_from(keys).is_ok_and(|keys| keys == changed) {
            return Ok(());
        }
        Err(ConnectorError::Constraint {
            dataset: self.target.dataset().to_owned(),
            reason: "a foreign key would change rows that are not part of the batch; nothing was changed"
                .to_owned(),
        })
    }
}

/// The marker of an anonymized record, set in the same statement as its fields.
fn marking(lease: &Lease<'_>, marker: Option<&Marker>) -> Result<Option<SqlText>, ConnectorError> {
    let Some(marker) = marker else { return Ok(None) };
    let column = column(lease, &marker.column)?;
    let at = SqlText::value(Value::Instant(marker.at));
    Ok(Some(SqlText::fill("{0} = {1}", &[&column, &at])))
}

/// The name of a column to be set, which SQL wants without its table.
fn column(lease: &Lease<'_>, name: &str) -> Result<SqlText, ConnectorError> {
    let ident = Ident::new(name).map_err(|error| lease.unwritable(&error))?;
    Ok(SqlText::ident(&ident))
}

fn no_hash_key(store: &str) -> ConnectorError {
    ConnectorError::NotSupported {
        store: store.to_owned(),
        reason: "a hash needs the key of the run, which was not given".to_owned(),
    }
}

/// Adds a group, or its keys to the group of the same dataset that is there.
pub(super) fn with_dataset(mut groups: Vec<DatasetKeys>, added: DatasetKeys) -> Vec<DatasetKeys> {
    match groups.iter_mut().find(|group| group.dataset == added.dataset) {
        Some(group) => group.keys.extend(added.keys),
        None => groups.push(added),
    }
    groups
}
