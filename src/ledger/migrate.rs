//! What migrations of both kinds of ledger have in common. Rules: `migrations/README.md`.
//!
//! Floor 6. Forward only, all in one transaction, and nothing is written to a ledger of a newer
//! program or to a database that is not a ledger.

use super::LedgerError;
use sha2::{Digest, Sha256};

pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// Whether this program knows the migration that was applied.
pub(super) fn check_applied(version: i64, sha256: &str, migrations: &[Migration]) -> Result<(), LedgerError> {
    let known = migrations.last().map_or(0, |last| last.version);
    if version > known {
        return Err(LedgerError::Newer { found: version, known });
    }
    let same =
        migrations.iter().any(|migration| migration.version == version && digest(migration.text) == sha256);
    if same { Ok(()) } else { Err(LedgerError::OtherSchema { version }) }
}

pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let written = write!(hex, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
        hex
    })
}

#[cfg(test)]
mod tests {
    use crate::ledger::{postgres, sqlite};

    #[test]
    fn both_kinds_of_ledger_have_the_same_versions() {
        let of_sqlite = sqlite::MIGRATIONS.iter().map(|one| (one.version, one.name));
        let of_postgres = postgres::MIGRATIONS.iter().map(|one| (one.version, one.name));
        assert!(of_sqlite.eq(of_postgres));
        assert!(sqlite::MIGRATIONS.iter().zip(1..).all(|(migration, number)| migration.version == number));
    }
}
