//! Bringing the tables of a ledger on SQLite up to date.
//!
//! Floor 6.

use crate::ledger::LedgerError;
use crate::ledger::migrate::{Migration, check_applied, digest};
use sqlx::Row;
use sqlx::sqlite::SqlitePool;

/// In order, from 1, without gaps.
pub(in crate::ledger) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "ledger",
        text: include_str!("../../../migrations/sqlite/0001_ledger.sql"),
    },
    Migration { version: 2, name: "clock", text: include_str!("../../../migrations/sqlite/0002_clock.sql") },
    Migration {
        version: 3,
        name: "requests",
        text: include_str!("../../../migrations/sqlite/0003_requests.sql"),
    },
    Migration {
        version: 4,
        name: "person",
        text: include_str!("../../../migrations/sqlite/0004_person.sql"),
    },
    Migration {
        version: 5,
        name: "closures",
        text: include_str!("../../../migrations/sqlite/0005_closures.sql"),
    },
    Migration {
        version: 6,
        name: "schedules",
        text: include_str!("../../../migrations/sqlite/0006_schedules.sql"),
    },
    Migration {
        version: 7,
        name: "suppression",
        text: include_str!("../../../migrations/sqlite/0007_suppression.sql"),
    },
    Migration {
        version: 8,
        name: "notices",
        text: include_str!("../../../migrations/sqlite/0008_notices.sql"),
    },
    Migration {
        version: 9,
        name: "outbox",
        text: include_str!("../../../migrations/sqlite/0009_outbox.sql"),
    },
    Migration {
        version: 10,
        name: "together",
        text: include_str!("../../../migrations/sqlite/0010_together.sql"),
    },
    Migration { version: 11, name: "help", text: include_str!("../../../migrations/sqlite/0011_help.sql") },
];

/// Applies the migrations that the ledger does not have yet.
pub(super) async fn run(pool: &SqlitePool, migrations: &'static [Migration]) -> Result<(), LedgerError> {
    let mut work = pool.begin_with("BEGIN IMMEDIATE").await?;
    let known = "SELECT count(*) FILTER (WHERE name = 'schema_version'), count(*) FROM sqlite_schema";
    let row = sqlx::query(known).fetch_one(&mut *work).await?;
    match (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?) {
        (0, 0) => {
            let table = "CREATE TABLE schema_version (
                version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT";
            sqlx::raw_sql(table).execute(&mut *work).await?;
        }
        (0, _) => return Err(LedgerError::NotALedger),
        _ => {}
    }
    let applied = sqlx::query("SELECT version, sha256 FROM schema_version ORDER BY version")
        .fetch_all(&mut *work)
        .await?;
    for row in &applied {
        check_applied(row.try_get(0)?, row.try_get(1)?, migrations)?;
    }
    for migration in migrations.iter().skip(applied.len()) {
        sqlx::raw_sql(migration.text).execute(&mut *work).await?;
        sqlx::query("INSERT INTO schema_version (version, name, sha256) VALUES (?, ?, ?)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(digest(migration.text))
            .execute(&mut *work)
            .await?;
    }
    Ok(work.commit().await?)
}
