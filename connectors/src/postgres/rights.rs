//! What the role of a session may do to rows, by the server's own word.

use super::connect::{PostgresConnection, Server};
use super::upkeep::names_of;
use crate::dataset::DatasetAddress;
use crate::error::ConnectorError;

/// Whether the role may delete or change rows of the table: by a right of its own, of a role that it is a member of,
/// or because it owns the table or everything.
pub(super) async fn is_writable(
    server: &Server,
    connection: &mut PostgresConnection,
    address: &DatasetAddress,
) -> Result<bool, ConnectorError> {
    const WRITES: &str = "SELECT coalesce(bool_or(has_table_privilege(c.oid, 'DELETE, TRUNCATE') \
           OR has_any_column_privilege(c.oid, 'UPDATE')), false) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    let (schema, table) = names_of(address);
    let query = sqlx::query_scalar::<_, bool>(WRITES).bind(schema.to_owned()).bind(table.to_owned());
    connection.one(query).await.map_err(|error| server.fault(&address.dataset, &error))
}
