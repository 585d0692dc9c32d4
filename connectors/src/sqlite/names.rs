//! The names that the rows of a table have in a column, in the order of their bytes.

use super::rows;
use super::select::ROW;
use super::session::Lease;
use crate::error::ConnectorError;
use crate::names::{NameCount, NamePage, counted, name_of, naming_column};
use crate::selection::Selection;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::Row as _;

/// Reads the table once for each page. A name may be a whole number, which is compared as its text, so that no
/// index serves the order.
pub(super) async fn names(
    lease: &mut Lease<'_>,
    selection: &Selection,
    after: Option<&str>,
    names_max: u32,
) -> Result<NamePage, ConnectorError> {
    lease.verify(selection).await?;
    let dataset = selection.address.dataset.as_str();
    let table = lease.keyed(&selection.address, &selection.shape, ROW).await?;
    let column = SqlText::column(ROW, naming_column(selection)?).map_err(|error| lease.unwritable(&error))?;
    let order = SqlText::fill("CAST({0} AS TEXT) COLLATE BINARY", &[&column]);
    let after = SqlText::value(Value::Text(after.unwrap_or_default().to_owned()));
    let sql = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {2} > {3} ORDER BY {2} LIMIT {4}",
        &[&column, table.any_way(), &order, &after, &SqlText::value(Value::Int(names_max.into()))],
    );
    let rows = lease.rows(dataset, sql).await?;
    let cut = u32::try_from(rows.len()).is_ok_and(|found| found >= names_max);
    let mut names = Vec::with_capacity(rows.len());
    for row in &rows {
        names.extend(name_of(lease.decoded(dataset, rows::value(row, 0))?, dataset)?);
    }
    match counted(names, cut) {
        Ok(page) => Ok(page),
        Err(name) => {
            let sql = SqlText::fill(
                "SELECT count(*) FROM {0} WHERE {1} = {2}",
                &[table.any_way(), &order, &SqlText::value(Value::Text(name.clone()))],
            );
            let row = lease.row(dataset, sql).await?;
            let records: i64 = lease.decoded(dataset, row.try_get(0))?;
            let records = u64::try_from(records).unwrap_or_default();
            Ok(NamePage { names: vec![NameCount { name, records }], exhausted: false })
        }
    }
}
