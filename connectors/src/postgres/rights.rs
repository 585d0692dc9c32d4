//! What the role of a session may do to rows, by the server's own word.

use super::connect::{PostgresConnection, Server};
use super::shape::DEFAULT_SCHEMA;
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;

/// Of these tables those of which the role may delete or change rows: by a right of its own, of a role that it is
/// a member of, or because it owns the table or everything.
pub(super) async fn writable(
    server: &Server,
    connection: &mut PostgresConnection,
    tables: &[DatasetAddress],
) -> Result<Vec<DatasetAddress>, ConnectorError> {
    const WRITES: &str = "SELECT coalesce(bool_or(has_table_privilege(c.oid, 'DELETE, TRUNCATE') \
           OR has_any_column_privilege(c.oid, 'UPDATE')), false) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    let mut writable = Vec::new();
    for address in tables {
        let Location::Table { schema, table } = &address.location else { continue };
        let schema = schema.as_deref().unwrap_or(DEFAULT_SCHEMA).to_owned();
        let query = sqlx::query_scalar::<_, bool>(WRITES).bind(schema).bind(table.clone());
        let fault = |error: sqlx::Error| server.fault(&address.dataset, &error);
        if connection.one(query).await.map_err(fault)? {
            writable.push(address.clone());
        }
    }
    Ok(writable)
}
