//! The least rights that the reader and the writer of a database server need, as statements for its
//! administrator. Nothing here runs them.

use super::{Ident, SqlError, marks};
use crate::dataset::{DatasetAddress, Location};
use std::collections::BTreeSet;

/// Whose statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Postgres,
    Mysql,
}

/// What happens to the rows of one table.
#[derive(Debug, Clone)]
pub struct TableNeed {
    pub address: DatasetAddress,
    /// Rows go.
    pub purged: bool,
    /// Columns that get other values; and, where rows must be locked, one of the key.
    pub updated: BTreeSet<String>,
}

/// The roles that the statements name; an administrator puts in their own.
pub const READER: &str = "oubliette_reader";
pub const WRITER: &str = "oubliette_writer";

/// The statements, tables in the order given.
///
/// # Errors
/// A name that cannot be quoted.
pub fn statements(server: Server, needs: &[TableNeed]) -> Result<Vec<String>, SqlError> {
    let mut statements = Vec::new();
    if server == Server::Postgres {
        let schemas: BTreeSet<&str> = needs.iter().map(|need| schema_of(&need.address)).collect();
        for schema in schemas {
            let schema = quoted(server, schema)?;
            statements.push(format!("GRANT USAGE ON SCHEMA {schema} TO {READER}, {WRITER};"));
        }
    }
    if server == Server::Mysql && !needs.is_empty() {
        // Without them the server hides the foreign keys and triggers of other tables, and a cascade would
        // not be seen.
        for account in [READER, WRITER] {
            let account = role(server, account);
            statements.push(format!("GRANT SELECT, REFERENCES, TRIGGER ON the_database.* TO {account};"));
        }
    }
    for need in needs {
        let table = table(server, &need.address)?;
        statements.push(format!("GRANT SELECT ON {table} TO {};", role(server, READER)));
        let mut rights = vec!["SELECT".to_owned()];
        if need.purged {
            rights.push("DELETE".to_owned());
        }
        if !need.updated.is_empty() {
            let columns: Vec<String> =
                need.updated.iter().map(|column| quoted(server, column)).collect::<Result<_, _>>()?;
            rights.push(format!("UPDATE ({})", columns.join(", ")));
        }
        statements.push(format!("GRANT {} ON {table} TO {};", rights.join(", "), role(server, WRITER)));
    }
    if needs.iter().any(|need| need.purged || !need.updated.is_empty()) {
        statements.extend(marks::statements(server));
    }
    Ok(statements)
}

fn schema_of(address: &DatasetAddress) -> &str {
    match &address.location {
        Location::Table { schema: Some(schema), .. } => schema,
        _ => "public",
    }
}

fn role(server: Server, name: &str) -> String {
    match server {
        Server::Postgres => name.to_owned(),
        Server::Mysql => format!("'{name}'@'%'"),
    }
}

fn table(server: Server, address: &DatasetAddress) -> Result<String, SqlError> {
    let Location::Table { schema, table } = &address.location else {
        return Err(SqlError::NotATable { dataset: address.dataset.clone() });
    };
    let table = quoted(server, table)?;
    Ok(match schema {
        Some(schema) => format!("{}.{table}", quoted(server, schema)?),
        None => table,
    })
}

/// In the quotes that the server's own client takes without being told.
fn quoted(server: Server, name: &str) -> Result<String, SqlError> {
    let standard = Ident::new(name)?;
    Ok(match server {
        Server::Postgres => standard.0,
        Server::Mysql => format!("`{}`", name.replace('`', "``")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(schema: Option<&str>, table: &str, purged: bool, updated: &[&str]) -> TableNeed {
        let location = Location::Table { schema: schema.map(str::to_owned), table: table.to_owned() };
        let address = DatasetAddress { store: "crm".into(), dataset: "crm.x".into(), location };
        TableNeed { address, purged, updated: updated.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn each_side_gets_what_it_needs_and_names_are_quoted() {
        let needs = [need(None, "it\"s", true, &["id"]), need(Some("app"), "notes", false, &[])];
        assert_eq!(
            statements(Server::Postgres, &needs).unwrap(),
            [
                "GRANT USAGE ON SCHEMA \"app\" TO oubliette_reader, oubliette_writer;",
                "GRANT USAGE ON SCHEMA \"public\" TO oubliette_reader, oubliette_writer;",
                "GRANT SELECT ON \"it\"\"s\" TO oubliette_reader;",
                "GRANT SELECT, DELETE, UPDATE (\"id\") ON \"it\"\"s\" TO oubliette_writer;",
                "GRANT SELECT ON \"app\".\"notes\" TO oubliette_reader;",
                "GRANT SELECT ON \"app\".\"notes\" TO oubliette_writer;",
                "CREATE TABLE public.oubliette_batch (mark VARCHAR(64) PRIMARY KEY, run VARCHAR(64) NOT NULL);",
                "GRANT SELECT, INSERT, DELETE ON public.oubliette_batch TO oubliette_writer;",
            ]
        );
        assert_eq!(
            statements(Server::Mysql, &[need(None, "a`b", true, &[])]).unwrap(),
            [
                "GRANT SELECT, REFERENCES, TRIGGER ON the_database.* TO 'oubliette_reader'@'%';",
                "GRANT SELECT, REFERENCES, TRIGGER ON the_database.* TO 'oubliette_writer'@'%';",
                "GRANT SELECT ON `a``b` TO 'oubliette_reader'@'%';",
                "GRANT SELECT, DELETE ON `a``b` TO 'oubliette_writer'@'%';",
                "CREATE TABLE oubliette_batch (mark VARCHAR(64) PRIMARY KEY, run VARCHAR(64) NOT NULL) ENGINE=InnoDB;",
                "GRANT SELECT, INSERT, DELETE ON oubliette_batch TO 'oubliette_writer'@'%';",
            ]
        );
    }
}
