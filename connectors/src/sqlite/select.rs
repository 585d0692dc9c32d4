//! Lists keys of one table: the due ones of a selection, or those of its dependents.
//!
//! Between the statements' conditions and the two ports. The keys of a batch come as one value where
//! they are integers: a row of the driver costs far more than the row of the database behind it.

use super::keys::{KeyedTable, Restriction, tuple};
use super::rows;
use super::session::Lease;
use crate::error::ConnectorError;
use crate::selection::{Class, Dependent, Selection};
use crate::sql::{SqlText, sqlite as dialect};
use crate::value::{RecordKey, Value};
use sqlx::Row as _;

/// Alias of the table of the selection in every statement.
pub(super) const ROW: &str = "r";

/// The table of a selection and the condition under which a record of it is due.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) selection: &'a Selection,
    pub(super) table: KeyedTable,
    pub(super) due: SqlText,
}

impl<'a> Target<'a> {
    pub(super) async fn of(lease: &mut Lease<'_>, selection: &'a Selection) -> Result<Self, ConnectorError> {
        let table = lease.keyed(&selection.address, &selection.shape, ROW).await?;
        let due = dialect::due_condition(selection, ROW).map_err(|error| lease.unwritable(&error))?;
        // A record that cannot be named is not disposed of.
        let due = SqlText::fill("({0} AND {1})", &[&table.is_named(), &due]);
        Ok(Self { selection, table, due })
    }

    pub(super) fn dataset(&self) -> &'a str {
        &self.selection.address.dataset
    }

    /// True for the due records of `restriction`.
    pub(super) fn due_within(&self, restriction: &Restriction) -> Result<SqlText, ConnectorError> {
        Ok(SqlText::fill("{0} AND {1}", &[&self.table.within(restriction)?, &self.due]))
    }

    /// The first due keys after `after`, in key order.
    pub(super) async fn due_after(
        &self,
        lease: &mut Lease<'_>,
        after: Option<&RecordKey>,
        keys_max: u32,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let condition = SqlText::fill("{0} AND {1}", &[&self.table.after(after), &self.due]);
        first_keys(lease, self.dataset(), &self.table, &condition, Some(keys_max)).await
    }
}

impl Target<'_> {
    /// The class of each of these records that is there, in no order.
    pub(super) async fn classes_of(
        &self,
        lease: &mut Lease<'_>,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        let class = dialect::class_case(self.selection, ROW).map_err(|error| lease.unwritable(&error))?;
        let among = self.table.among(keys)?;
        let sql = SqlText::fill(
            "SELECT {0}, {1} FROM {2} WHERE {3}",
            &[&self.table.list(), &class, &self.table.from, &among],
        );
        let rows = lease.rows(self.dataset(), sql).await?;
        rows.iter()
            .map(|row| {
                let key = lease.decoded(self.dataset(), rows::key(row, self.table.parts()))?;
                let code: i64 = lease.decoded(self.dataset(), row.try_get(self.table.parts()))?;
                Ok((key, class_of(lease, code)?))
            })
            .collect()
    }
}

pub(super) fn class_of(lease: &Lease<'_>, code: i64) -> Result<Class, ConnectorError> {
    dialect::class_of_code(code).ok_or_else(|| ConnectorError::Failed {
        store: lease.database.store.clone(),
        reason: "a record got a class that does not exist".to_owned(),
    })
}

/// Keys of the table for which `condition` holds, in key order, at most `keys_max`.
pub(super) async fn first_keys(
    lease: &mut Lease<'_>,
    dataset: &str,
    table: &KeyedTable,
    condition: &SqlText,
    keys_max: Option<u32>,
) -> Result<Vec<RecordKey>, ConnectorError> {
    // A negative limit is none (<https://www.sqlite.org/lang_select.html#the_limit_clause>).
    let limit = SqlText::value(Value::Int(keys_max.map_or(-1, i64::from)));
    let found = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} ORDER BY {0} LIMIT {3}",
        &[&table.list(), &table.from, condition, &limit],
    );
    if table.may_be_integers {
        let found = SqlText::fill(
            "SELECT {0} AS k FROM {1} WHERE {2} ORDER BY {0} LIMIT {3}",
            &[&table.list(), &table.from, condition, &limit],
        );
        let joined = SqlText::fill(
            "SELECT count(*), coalesce(sum(typeof(k) = 'integer'), 0), coalesce(group_concat(k), '') FROM ({0})",
            &[&found],
        );
        let row = lease.row(dataset, joined).await?;
        let (all, integers): (i64, i64) =
            (lease.decoded(dataset, row.try_get(0))?, lease.decoded(dataset, row.try_get(1))?);
        if all == integers {
            let list: &str = lease.decoded(dataset, row.try_get(2))?;
            if let Some(mut keys) = rows::integers(list) {
                // The order in which an aggregate sees its rows is not promised.
                keys.sort_unstable_by_key(|key| match key.0.first() {
                    Some(Value::Int(number)) => *number,
                    _ => i64::MIN,
                });
                return Ok(keys);
            }
        }
    }
    let rows = lease.rows(dataset, found).await?;
    rows.iter().map(|row| lease.decoded(dataset, rows::key(row, table.parts()))).collect()
}

/// One table of dependents, with the condition under which a row of it goes with a due record.
#[derive(Debug)]
pub(super) struct Companion<'a> {
    pub(super) dependent: &'a Dependent,
    pub(super) table: KeyedTable,
    pub(super) condition: SqlText,
}

/// The dependents of the due records of `restriction`, children before their parents.
pub(super) async fn companions<'a>(
    lease: &mut Lease<'_>,
    target: &Target<'a>,
    restriction: &Restriction,
) -> Result<Vec<Companion<'a>>, ConnectorError> {
    let mut found = Vec::new();
    let parents = target.due_within(restriction)?;
    // Depth first, each parent put down before its children; reversed at the end.
    let mut open: Vec<(&Dependent, KeyedTable, &str, SqlText, usize)> = target
        .selection
        .dependents
        .iter()
        .map(|dependent| (dependent, target.table.clone(), ROW, parents.clone(), 1))
        .collect();
    while let Some((dependent, parent, parent_alias, parents, depth)) = open.pop() {
        let alias = alias_of_depth(depth).ok_or_else(|| ConnectorError::NotSupported {
            store: dependent.address.store.clone(),
            reason: format!("dependents are nested deeper than {} levels", ALIASES.len()),
        })?;
        let table = lease.keyed(&dependent.address, &dependent.shape, alias).await?;
        let columns = |alias: &str, pick: fn(&(String, String)) -> &String| {
            let columns: Result<Vec<SqlText>, _> =
                dependent.pairs.iter().map(|pair| SqlText::column(alias, pick(pair))).collect();
            columns.map_err(|error| lease.unwritable(&error))
        };
        let (of_child, of_parent) = (columns(alias, |pair| &pair.0)?, columns(parent_alias, |pair| &pair.1)?);
        let condition = SqlText::fill(
            "{0} IN (SELECT {1} FROM {2} WHERE {3})",
            &[&tuple(&of_child), &SqlText::list(&of_parent), &parent.from, &parents],
        );
        // The way down from the parents goes over the index of the foreign key.
        let table = table.with_any_index();
        for child in &dependent.dependents {
            open.push((child, table.clone(), alias, condition.clone(), depth + 1));
        }
        found.push(Companion { dependent, table, condition });
    }
    found.reverse();
    Ok(found)
}

const ALIASES: [&str; 8] = ["d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"];

fn alias_of_depth(depth: usize) -> Option<&'static str> {
    ALIASES.get(depth.checked_sub(1)?).copied()
}
