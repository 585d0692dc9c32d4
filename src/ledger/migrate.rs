//! Bringing the ledger's tables up to date. Rules: `migrations/README.md`.
//!
//! Floor 6. Forward only, all in one transaction, and nothing is written to a ledger of a newer
//! program or to a database that is not a ledger.

use super::LedgerError;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::SqlitePool;

pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// In order, from 1, without gaps.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "ledger",
    text: include_str!("../../migrations/sqlite/0001_ledger.sql"),
}];

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

fn check_applied(version: i64, sha256: &str, migrations: &[Migration]) -> Result<(), LedgerError> {
    let known = migrations.last().map_or(0, |last| last.version);
    if version > known {
        return Err(LedgerError::Newer { found: version, known });
    }
    let same =
        migrations.iter().any(|migration| migration.version == version && digest(migration.text) == sha256);
    if same { Ok(()) } else { Err(LedgerError::OtherSchema { version }) }
}

fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let written = write!(hex, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
        hex
    })
}
