//! Bringing the tables of a ledger on PostgreSQL up to date.
//!
//! Floor 6. Under a lock of the database, so that many may open a new ledger at once.

use super::SCHEMA;
use crate::ledger::LedgerError;
use crate::ledger::migrate::{Migration, check_applied, digest};
use sqlx::postgres::PgPool;
use sqlx::{Executor, PgTransaction, Row};

/// In order, from 1, without gaps.
pub(in crate::ledger) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "ledger",
        text: include_str!("../../../migrations/postgres/0001_ledger.sql"),
    },
    Migration {
        version: 2,
        name: "clock",
        text: include_str!("../../../migrations/postgres/0002_clock.sql"),
    },
    Migration {
        version: 3,
        name: "requests",
        text: include_str!("../../../migrations/postgres/0003_requests.sql"),
    },
    Migration {
        version: 4,
        name: "person",
        text: include_str!("../../../migrations/postgres/0004_person.sql"),
    },
    Migration {
        version: 5,
        name: "closures",
        text: include_str!("../../../migrations/postgres/0005_closures.sql"),
    },
    Migration {
        version: 6,
        name: "schedules",
        text: include_str!("../../../migrations/postgres/0006_schedules.sql"),
    },
    Migration {
        version: 7,
        name: "suppression",
        text: include_str!("../../../migrations/postgres/0007_suppression.sql"),
    },
    Migration {
        version: 8,
        name: "notices",
        text: include_str!("../../../migrations/postgres/0008_notices.sql"),
    },
    Migration {
        version: 9,
        name: "outbox",
        text: include_str!("../../../migrations/postgres/0009_outbox.sql"),
    },
    Migration {
        version: 10,
        name: "together",
        text: include_str!("../../../migrations/postgres/0010_together.sql"),
    },
    Migration { version: 11, name: "help", text: include_str!("../../../migrations/postgres/0011_help.sql") },
];

/// Names the lock: "oubliett" in ASCII.
const LOCK: i64 = 0x6f75_626c_6965_7474;

/// Applies the migrations that the ledger does not have yet.
pub(super) async fn run(pool: &PgPool, migrations: &'static [Migration]) -> Result<(), LedgerError> {
    let mut work = pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *work).await?;
    make_schema(&mut work).await?;
    let applied = sqlx::query("SELECT version, sha256 FROM schema_version ORDER BY version")
        .fetch_all(&mut *work)
        .await?;
    for row in &applied {
        check_applied(row.try_get(0)?, row.try_get(1)?, migrations)?;
    }
    for migration in migrations.iter().skip(applied.len()) {
        work.execute(sqlx::raw_sql(migration.text)).await?;
        sqlx::query("INSERT INTO schema_version (version, name, sha256) VALUES ($1, $2, $3)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(digest(migration.text))
            .execute(&mut *work)
            .await?;
    }
    Ok(work.commit().await?)
}

/// Makes the schema and its table of versions, unless they are there. Both are looked for first, so
/// that a user who may not make a schema can be given an empty one.
async fn make_schema(work: &mut PgTransaction<'_>) -> Result<(), LedgerError> {
    let known = "SELECT
            (SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1),
            (SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'schema_version'),
            (SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $1)";
    let row = sqlx::query(known).bind(SCHEMA).fetch_one(&mut **work).await?;
    let (schemas, versions, tables): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if versions > 0 {
        return Ok(());
    }
    if tables > 0 {
        return Err(LedgerError::NotALedger);
    }
    if schemas == 0 {
        work.execute("CREATE SCHEMA oubliette").await?;
    }
    let table = "CREATE TABLE oubliette.schema_version (
        version BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL)";
    work.execute(table).await?;
    Ok(())
}
