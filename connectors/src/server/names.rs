//! The names that the rows of a table have in a column, in the order of their bytes.

use super::backend::Backend;
use super::session::Lease;
use super::target::whole;
use crate::error::ConnectorError;
use crate::names::{NameCount, NamePage, counted, name_of, naming_column};
use crate::selection::Selection;
use crate::sql::SqlText;
use crate::value::{Value, ValueType};

/// Alias of the table.
const ROW: &str = "r";

/// Reads the table once for each page, unless an index serves that order.
pub(super) async fn names<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    after: Option<&str>,
    names_max: u32,
) -> Result<NamePage, ConnectorError> {
    lease.verify(selection).await?;
    let name = naming_column(selection)?;
    let dataset = selection.address.dataset.as_str();
    let shape = selection.shape.column(name).ok_or_else(|| lease.unexpected())?;
    if !matches!(shape.value_type, ValueType::Text | ValueType::Int) {
        return name_of(Value::Bool(false), dataset).map(|_| NamePage::default());
    }
    let table = lease.table(&selection.address, &selection.shape, ROW)?;
    let column = lease.written(SqlText::column(ROW, name))?;
    let order = lease.backend().byte_order(&column);
    let backend = lease.backend();
    let text = |text: &str| backend.byte_order(&SqlText::value(Value::Text(text.to_owned())));
    let limit = SqlText::value(Value::Int(names_max.into()));
    let sql = SqlText::fill(
        "SELECT {0} FROM {1} WHERE {0} > {2} ORDER BY {0} LIMIT {3}",
        &[&order, &table.from, &text(after.unwrap_or_default()), &limit],
    );
    let rows = lease.rows(dataset, sql).await?;
    let cut = u32::try_from(rows.len()).is_ok_and(|found| found >= names_max);
    let names = rows.into_iter().flatten().map(|value| name_of(in_text(value), dataset));
    let names: Vec<Option<String>> = names.collect::<Result<_, _>>()?;
    match counted(names.into_iter().flatten().collect(), cut) {
        Ok(page) => Ok(page),
        Err(name) => {
            let sql = SqlText::fill(
                "SELECT count(*) FROM {1} WHERE {0} = {2}",
                &[&order, &table.from, &text(&name)],
            );
            let row = lease.row(dataset, sql).await?;
            let records = row.first().and_then(whole).and_then(|records| u64::try_from(records).ok());
            let records = records.ok_or_else(|| lease.unexpected())?;
            Ok(NamePage { names: vec![NameCount { name, records }], exhausted: false })
        }
    }
}

/// Bytes of UTF-8 as the text that they are.
fn in_text(value: Value) -> Value {
    match value {
        Value::Bytes(bytes) => {
            String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text)
        }
        other => other,
    }
}
