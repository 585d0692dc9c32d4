//! Whether a search for identities can use an index, asked of the server's own planner.
//!
//! An identity is compared without regard to case and blanks. No ordinary index of a column of text serves that; an
//! index of the very expression does.

use super::connect::{PostgresConnection, Server};
use super::rows;
use crate::dataset::{DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::predicate::{Field, Predicate};
use crate::sql::postgres::{Postgres, identity_of};
use crate::sql::{Ident, Row, SqlError, SqlText, predicate};
use crate::value::Value;

/// A smaller table is read in a moment.
const LARGE_BYTES: i64 = 16 << 20;
const ALIAS: &str = "r";

/// The statement that makes the index; `None` where one serves the search, or the table is small.
pub(super) async fn search_advice(
    server: &Server,
    connection: &mut PostgresConnection,
    (address, shape): (&DatasetAddress, &DatasetShape),
    column: &str,
) -> Result<Option<String>, ConnectorError> {
    let fault = |error: sqlx::Error| server.fault(&address.dataset, &error);
    let unwritable = |error: SqlError| ConnectorError::NotSupported {
        store: address.store.clone(),
        reason: error.to_string(),
    };
    let Some(found) = shape.column(column) else { return Ok(None) };
    let table = SqlText::table(address).map_err(unwritable)?;
    let name = SqlText::value(Value::Text(table.text().to_owned()));
    let size = SqlText::fill("SELECT pg_relation_size(to_regclass(CAST({0} AS text)))", &[&name]);
    let size = connection.rows(size).await.map_err(fault)?;
    let size = size.first().map(rows::values).transpose().map_err(fault)?;
    if !matches!(size.as_deref(), Some([Value::Int(bytes)]) if *bytes >= LARGE_BYTES) {
        return Ok(None);
    }
    let field = Field { name: found.name.clone(), value_type: found.value_type };
    let anybody = Predicate::one_of_identities(field, ["0".to_owned()]);
    let row = Row { alias: ALIAS, shape };
    let condition = predicate::render(&Postgres, &anybody, row).map_err(unwritable)?;
    let alias = SqlText::ident(&Ident::new(ALIAS).map_err(unwritable)?);
    let explain = SqlText::fill(
        "EXPLAIN (COSTS OFF) SELECT 1 FROM {0} AS {1} WHERE {2}",
        &[&table, &alias, &condition],
    );
    // Whether an index can serve it is asked, not whether it pays today.
    connection.execute(SqlText::new("SET LOCAL enable_seqscan = off")).await.map_err(fault)?;
    for line in &connection.rows(explain).await.map_err(fault)? {
        let line = rows::values(line).map_err(fault)?;
        if line.iter().any(|value| matches!(value, Value::Text(text) if text.contains("Index Cond:"))) {
            return Ok(None);
        }
    }
    let own = SqlText::ident(&Ident::new(column).map_err(unwritable)?);
    let made_of = identity_of(found, &own).unwrap_or(own);
    Ok(Some(SqlText::fill("CREATE INDEX ON {0} (({1}))", &[&table, &made_of]).text().to_owned()))
}
