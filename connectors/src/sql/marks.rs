//! The table in which each batch leaves a mark ([`crate::server`]), as an administrator makes it.

use super::grants::{Server, WRITER};

/// In the schema `public` of PostgreSQL, in the database of MySQL.
pub const TABLE: &str = "oubliette_batch";

/// The statements that make the table and let the writer use it.
#[must_use]
pub fn statements(server: Server) -> Vec<String> {
    let (schema, engine, writer) = match server {
        Server::Postgres => ("public.", "", WRITER.to_owned()),
        Server::Mysql => ("", " ENGINE=InnoDB", format!("'{WRITER}'@'%'")),
    };
    let columns = "mark VARCHAR(64) PRIMARY KEY, run VARCHAR(64) NOT NULL";
    vec![
        format!("CREATE TABLE {schema}{TABLE} ({columns}){engine};"),
        format!("GRANT SELECT, INSERT, DELETE ON {schema}{TABLE} TO {writer};"),
    ]
}
