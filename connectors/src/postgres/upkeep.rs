//! What belongs to a batch and to the end of a run besides the rows: the schema stays as it is, dead rows go.

use super::connect::{PostgresConnection, Server};
use super::shape::DEFAULT_SCHEMA;
use super::{leaks, rows};
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::sql::{SqlError, SqlText};
use crate::value::Value;
use std::time::Duration;

/// New columns, constraints and triggers wait until the transaction has ended. The mode is that of a
/// deletion, which comes anyway.
pub(super) async fn hold_schema(
    server: &Server,
    connection: &mut PostgresConnection,
    tables: &[&DatasetAddress],
) -> Result<(), ConnectorError> {
    let names = tables.iter().map(|address| SqlText::table(address)).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|error| unwritable(server, &error))?;
    let sql = SqlText::fill("LOCK TABLE {0} IN ROW EXCLUSIVE MODE", &[&SqlText::list(&names)]);
    let dataset = tables.first().map_or("", |address| address.dataset.as_str());
    connection.execute(sql).await.map(drop).map_err(|error| server.fault(dataset, &error))
}

/// Of one table, the catalogue rows that its shape is made of, told by how many there are and which
/// transaction wrote the last of them.
const MARK: &str = "SELECT concat_ws('/', c.oid, c.xmin, \
     (SELECT concat(count(*), ':', max(CAST(CAST(a.xmin AS text) AS bigint))) FROM pg_attribute a WHERE a.attrelid = c.oid), \
     (SELECT concat(count(*), ':', max(CAST(CAST(k.xmin AS text) AS bigint))) FROM pg_constraint k \
       WHERE k.conrelid = c.oid OR k.confrelid = c.oid), \
     (SELECT concat(count(*), ':', max(CAST(CAST(t.xmin AS text) AS bigint))) FROM pg_trigger t WHERE t.tgrelid = c.oid), \
     (SELECT concat(count(*), ':', max(CAST(CAST(i.xmin AS text) AS bigint))) FROM pg_index i WHERE i.indrelid = c.oid)) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {0} AND c.relname = {1}";

/// Changes whenever the shape of one of the tables may have changed.
pub(super) async fn schema_mark(
    server: &Server,
    connection: &mut PostgresConnection,
    tables: &[&DatasetAddress],
) -> Result<String, ConnectorError> {
    let mut all = SqlText::default();
    for (position, address) in tables.iter().enumerate() {
        if position > 0 {
            all.push(" UNION ALL ");
        }
        let (schema, table) = names_of(address);
        let text =
            |name: &str| SqlText::fill("CAST({0} AS text)", &[&SqlText::value(Value::Text(name.to_owned()))]);
        all.append(&SqlText::fill(MARK, &[&text(schema), &text(table)]));
    }
    let dataset = tables.first().map_or("", |address| address.dataset.as_str());
    let found = connection.rows_again(all).await.map_err(|error| server.fault(dataset, &error))?;
    let mut mark = String::new();
    for row in &found {
        for value in rows::values(row).map_err(|error| server.fault(dataset, &error))? {
            if let Value::Text(text) = value {
                mark.push_str(&text);
                mark.push(';');
            }
        }
    }
    Ok(mark)
}

/// A count that runs in several processes leaves others none for its time. Whoever did something in the last second, in
/// any database of the server, may do so again; one session alone may be monitoring that asks now and then.
const SPARE_THOSE_SEEN: &str = "SELECT set_config('max_parallel_workers_per_gather', '0', true) FROM (\
     SELECT count(*) FILTER (WHERE state = 'active') AS active, \
     count(*) FILTER (WHERE state_change > clock_timestamp() - interval '1 second') AS recent \
     FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name NOT LIKE 'oubliette%' \
     ) AS s WHERE active > 0 OR recent > 1";
const SPARE_OTHERS: &str = "SELECT set_config('max_parallel_workers_per_gather', '0', true)";

/// `felt`: others were at work when the server was last asked, which also sees those that it hides from this role.
pub(super) async fn spare_others(
    server: &Server,
    connection: &mut PostgresConnection,
    felt: bool,
) -> Result<(), ConnectorError> {
    let sql = if felt { SPARE_OTHERS } else { SPARE_THOSE_SEEN };
    let set = connection.rows(SqlText::new(sql)).await;
    set.map(drop).map_err(|error| server.fault("", &error))
}

/// Where a good part of the rows is dead, an index alone does not tell which: looking each of them up, in the
/// order of the index, takes many times as long as reading the table.
const READ_THE_TABLE: &str = "SELECT set_config('enable_indexonlyscan', 'off', true) FROM pg_stat_all_tables \
     WHERE schemaname = {0} AND relname = {1} AND n_dead_tup > n_live_tup / 20";

pub(super) async fn prepare_survey(
    server: &Server,
    connection: &mut PostgresConnection,
    table: &DatasetAddress,
) -> Result<(), ConnectorError> {
    let (schema, name) = names_of(table);
    let [schema, name] = [schema, name]
        .map(|name| SqlText::fill("CAST({0} AS text)", &[&SqlText::value(Value::Text(name.to_owned()))]));
    let sql = SqlText::fill(READ_THE_TABLE, &[&schema, &name]);
    connection.rows(sql).await.map(drop).map_err(|error| server.fault(&table.dataset, &error))
}

/// The schema and the name of a table; nothing has the names of what is no table.
pub(super) fn names_of(address: &DatasetAddress) -> (&str, &str) {
    match &address.location {
        Location::Table { schema, table } => (schema.as_deref().unwrap_or(DEFAULT_SCHEMA), table),
        Location::Objects { .. } => ("", ""),
    }
}

/// Dead rows keep the erased values until a vacuum: in the table, in its indexes, in the statistics of the
/// planner. A role that may not vacuum a table is only warned, so the right is looked at first.
pub(super) async fn clean_up(
    server: &Server,
    connection: &mut PostgresConnection,
    tables: &[DatasetAddress],
) -> Result<Vec<&'static str>, ConnectorError> {
    let fault = |error: sqlx::Error| server.fault("", &error);
    let mut codes = Vec::new();
    if leaks::keeps_values_from_log(connection).await.map_err(fault)? {
        codes.push("statement-values-not-logged");
    }
    if !server.vacuums() {
        codes.push("vacuum-left-to-server");
        return Ok(codes);
    }
    let mut add = |code: &'static str| {
        if !codes.contains(&code) {
            codes.push(code);
        }
    };
    let held = held_back(server, connection).await?;
    for address in tables {
        let fault = |error: sqlx::Error| server.fault(&address.dataset, &error);
        let (schema, name) = names_of(address);
        let owns = sqlx::query_scalar::<_, bool>(OWNS).bind(schema.to_owned()).bind(name.to_owned());
        if !connection.one(owns).await.map_err(fault)? {
            add("vacuum-not-permitted");
            continue;
        }
        let table = SqlText::table(address).map_err(|error| unwritable(server, &error))?;
        connection.unlimited().await.map_err(fault)?;
        connection.execute(SqlText::fill("VACUUM (ANALYZE) {0}", &[&table])).await.map_err(fault)?;
        add(if held { "vacuum-held-back" } else { "vacuum-analyze" });
    }
    Ok(codes)
}

/// Whether somebody may still see rows that were deleted before now: a vacuum would have to leave them.
/// Who is in a transaction that began before gets a moment to end it.
async fn held_back(server: &Server, connection: &mut PostgresConnection) -> Result<bool, ConnectorError> {
    const TRIES: u32 = 10;
    const PAUSE: Duration = Duration::from_millis(200);
    let fault = |error: sqlx::Error| server.fault("", &error);
    let now = sqlx::query_scalar::<_, String>("SELECT pg_current_xact_id()::xid::text");
    let now = connection.one(now).await.map_err(fault)?;
    for _ in 0..TRIES {
        let older = sqlx::query_scalar::<_, bool>(OLDER).bind(now.clone());
        if !connection.one(older).await.map_err(fault)? {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}

/// Sessions of this database (as far as our role may see them), standbys, prepared transactions and
/// replication slots that hold the rows of transactions before `$1`.
const OLDER: &str = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity a \
       WHERE a.pid <> pg_backend_pid() AND (a.datname = current_database() OR a.backend_type = 'walsender') \
       AND a.backend_type <> 'autovacuum worker' \
       AND age(coalesce(a.backend_xmin, a.backend_xid)) > age(CAST($1 AS xid))) \
     OR EXISTS (SELECT 1 FROM pg_prepared_xacts p WHERE p.database = current_database() \
       AND age(p.transaction) > age(CAST($1 AS xid))) \
     OR EXISTS (SELECT 1 FROM pg_replication_slots s WHERE age(s.xmin) > age(CAST($1 AS xid)))";

/// Whether the role may vacuum the table: as its owner, the database's, or a superuser
/// (<https://www.postgresql.org/docs/current/sql-vacuum.html>).
const OWNS: &str = "SELECT coalesce(bool_or(pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE')), false) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_database d \
     WHERE n.nspname = $1 AND c.relname = $2 AND d.datname = current_database()";

fn unwritable(server: &Server, error: &SqlError) -> ConnectorError {
    ConnectorError::NotSupported { store: server.store().to_owned(), reason: error.to_string() }
}
