//! What an account may do to rows, by the server's own word.
//!
//! What comes to it by a role that is not its own is not seen: the server shows each account only what was granted to
//! the account itself.

use super::MySqlBackend;
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::MySqlConnection;

/// Whether the account may delete or change rows of the table.
pub(super) async fn is_writable(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    address: &DatasetAddress,
) -> Result<bool, ConnectorError> {
    const WRITES: &str = "SELECT count(*) FROM (\
         SELECT PRIVILEGE_TYPE AS p FROM information_schema.USER_PRIVILEGES \
         UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE {0} LIKE TABLE_SCHEMA ESCAPE '\\' \
         UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = {1} \
         UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = {0} AND TABLE_NAME = {1}\
         ) AS r WHERE p IN ('DELETE', 'UPDATE', 'DROP')";
    let Location::Table { schema, table } = &address.location else { return Ok(false) };
    let text = |text: &str| SqlText::value(Value::Text(text.to_owned()));
    let names = [text(schema.as_deref().unwrap_or(&backend.database.name)), text(table)];
    let count = SqlText::fill(WRITES, &[&names[0], &names[1]]);
    Ok(backend.row(connection, count).await?.first() != Some(&Value::Int(0)))
}
