//! The table of a selection, the condition under which its records are due, and what goes with them.

use super::backend::Backend;
use super::session::Lease;
use super::table::{KeyedTable, Restriction};
use crate::error::ConnectorError;
use crate::port::Reach;
use crate::selection::{Class, Dependent, Selection};
use crate::sql::{SqlText, class};
use crate::value::{RecordKey, Value};

/// The table of a selection and the condition under which a record of it is due.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) selection: &'a Selection,
    pub(super) table: KeyedTable<'a>,
    pub(super) due: SqlText,
}

impl<'a> Target<'a> {
    pub(super) fn of<B: Backend>(
        lease: &Lease<'_, B>,
        selection: &'a Selection,
    ) -> Result<Self, ConnectorError> {
        let backend = lease.backend();
        let alias = match &selection.address.location {
            crate::dataset::Location::Table { table, .. } => backend.row_alias(table),
            crate::dataset::Location::Objects { .. } => backend.row_alias(""),
        };
        let table = lease.table(&selection.address, &selection.shape, &alias)?;
        let due = lease.written(class::due_condition(backend.dialect(), selection, &alias))?;
        Ok(Self { selection, table, due })
    }

    pub(super) fn dataset(&self) -> &'a str {
        &self.selection.address.dataset
    }

    /// True for the due records of `restriction`.
    pub(super) fn due_within<B: Backend>(
        &self,
        lease: &Lease<'_, B>,
        restriction: &Restriction,
    ) -> Result<SqlText, ConnectorError> {
        let within = lease.written(self.table.within(lease.backend(), restriction))?;
        Ok(SqlText::fill("{0} AND {1}", &[&within, &self.due]))
    }

    /// The first due keys after `after`, in key order.
    pub(super) async fn due_after<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        after: Option<&RecordKey>,
        keys_max: u32,
    ) -> Result<Vec<RecordKey>, ConnectorError> {
        let range = Restriction::Range { after: after.cloned(), last: None };
        let condition = self.due_within(lease, &range)?;
        first_keys(lease, self.dataset(), &self.table, &condition, Some(keys_max)).await
    }

    /// The key of the last record of the reach after `after`; `None` if there are not so many.
    pub(super) async fn bound_after<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        after: Option<&RecordKey>,
        reach: Reach,
    ) -> Result<Option<RecordKey>, ConnectorError> {
        let range = Restriction::Range { after: after.cloned(), last: None };
        let (records, condition) = match reach {
            Reach::Due(records) => (records, self.due_within(lease, &range)?),
            Reach::Records(records) => {
                // All of them may be due.
                let records = records.min(lease.backend().capabilities().batch_records_max);
                (records, lease.written(self.table.within(lease.backend(), &range))?)
            }
        };
        let skipped = SqlText::value(Value::Int(i64::from(records.max(1)) - 1));
        let sql = SqlText::fill(
            "SELECT {0} FROM {1} WHERE {2} ORDER BY {3} LIMIT 1 OFFSET {4}",
            &[&self.table.list(lease.backend()), &self.table.from, &condition, &self.table.order(), &skipped],
        );
        Ok(lease.keys(self.dataset(), sql).await?.pop())
    }

    /// The class of each of these records that is there, in no order; locked, if they are to be changed.
    pub(super) async fn classes_of<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        keys: &[RecordKey],
        locking: &'static str,
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        let backend = lease.backend();
        let class = lease.written(class::class_case(backend.dialect(), self.selection, &self.table.alias))?;
        let among = lease.written(self.table.among(backend, keys))?;
        let mut sql = SqlText::fill(
            "SELECT {0}, {1} FROM {2} WHERE {3}",
            &[&self.table.list(backend), &class, &self.table.from, &among],
        );
        sql.push(locking);
        let rows = lease.rows(self.dataset(), sql).await?;
        rows.into_iter()
            .map(|mut row| {
                let code = row.pop().and_then(|code| whole(&code));
                let class = code.and_then(class::class_of_code).ok_or_else(|| lease.unexpected())?;
                Ok((lease.key(row)?, class))
            })
            .collect()
    }
}

/// A whole number, however the server counts it.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(truth) => Some(i64::from(*truth)),
        #[expect(clippy::cast_possible_truncation, reason = "counts are whole and far inside the range")]
        Value::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        _ => None,
    }
}

/// Keys of the table for which `condition` holds, in key order, at most `keys_max`.
pub(super) async fn first_keys<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    table: &KeyedTable<'_>,
    condition: &SqlText,
    keys_max: Option<u32>,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let mut sql = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} ORDER BY {3}",
        &[&table.list(lease.backend()), &table.from, condition, &table.order()],
    );
    if let Some(keys_max) = keys_max {
        sql.push(" LIMIT ").bind(Value::Int(i64::from(keys_max)));
    }
    lease.keys(dataset, sql).await
}

/// One table of dependents, with the condition under which a row of it goes with a due record.
#[derive(Debug)]
pub(super) struct Companion<'a> {
    pub(super) dependent: &'a Dependent,
    pub(super) table: KeyedTable<'a>,
    pub(super) condition: SqlText,
}

/// The dependents of the due records of `restriction`, children before their parents.
pub(super) fn companions<'a, B: Backend>(
    lease: &Lease<'_, B>,
    target: &Target<'a>,
    restriction: &Restriction,
) -> Result<Vec<Companion<'a>>, ConnectorError> {
    let mut found = Vec::new();
    let parents = target.due_within(lease, restriction)?;
    // Depth first, each parent put down before its children; reversed at the end.
    let mut open: Vec<(&Dependent, KeyedTable<'a>, SqlText, Option<&Restriction>, usize)> = target
        .selection
        .dependents
        .iter()
        .map(|dependent| (dependent, target.table.clone(), parents.clone(), Some(restriction), 1))
        .collect();
    while let Some((dependent, parent, parents, restriction, depth)) = open.pop() {
        let alias = alias_of_depth(lease, dependent, depth)?;
        let table = lease.table(&dependent.address, &dependent.shape, &alias)?;
        let column = |alias: &str, name: &str| lease.written(SqlText::column(alias, name));
        let pairs = dependent.pairs.iter();
        let of_child: Vec<SqlText> =
            pairs.clone().map(|pair| column(&table.alias, &pair.0)).collect::<Result<_, _>>()?;
        let of_parent: Vec<SqlText> =
            pairs.clone().map(|pair| column(&parent.alias, &pair.1)).collect::<Result<_, _>>()?;
        let referred: Vec<&String> = pairs.map(|pair| &pair.1).collect();
        let over = parent.is_keyed_by(&referred).then(|| parent.clone().over(of_child.clone()));
        let of_parents = SqlText::fill(
            "{0} IN (SELECT {1} FROM {2} WHERE {3})",
            &[&tuple(&of_child), &SqlText::list(&of_parent), &parent.from, &parents],
        );
        let condition = match (over, restriction) {
            // They are locked: no need to look once more whether they are due.
            (Some(over), Some(keys @ Restriction::Keys(_))) if parent.is_integer() => {
                lease.written(over.within(lease.backend(), keys))?
            }
            // The range of the parents' key is that of the children's foreign key: the server needs not find out.
            (Some(over), Some(range @ Restriction::Range { .. })) => {
                let within = lease.written(over.within(lease.backend(), range))?;
                SqlText::fill("{0} AND {1}", &[&within, &of_parents])
            }
            _ => of_parents,
        };
        for child in &dependent.dependents {
            open.push((child, table.clone(), condition.clone(), None, depth + 1));
        }
        found.push(Companion { dependent, table, condition });
    }
    found.reverse();
    Ok(found)
}

const DEPTH_MAX: usize = 8;

fn alias_of_depth<B: Backend>(
    lease: &Lease<'_, B>,
    dependent: &Dependent,
    depth: usize,
) -> Result<String, ConnectorError> {
    if depth > DEPTH_MAX {
        return Err(ConnectorError::NotSupported {
            store: dependent.address.store.clone(),
            reason: format!("dependents are nested deeper than {DEPTH_MAX} levels"),
        });
    }
    Ok(match &dependent.address.location {
        crate::dataset::Location::Table { table, .. } => {
            let own = lease.backend().row_alias(table);
            if own == *table { own } else { format!("d{depth}") }
        }
        crate::dataset::Location::Objects { .. } => format!("d{depth}"),
    })
}

/// `a` or `(a, b)`.
pub(super) fn tuple(columns: &[SqlText]) -> SqlText {
    match columns {
        [single] => single.clone(),
        _ => SqlText::fill("({0})", &[&SqlText::list(columns)]),
    }
}
