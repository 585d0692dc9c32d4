//! What can go wrong with the ledger, and how that shows through the ports.
//!
//! Floor 6. The driver's own messages are dropped: they may quote a value. What stays is the result
//! code of SQLite (<https://www.sqlite.org/rescode.html>) or the SQLSTATE of PostgreSQL.

use super::postgres::of_state;
use crate::hold::HoldError;
use crate::journal::JournalError;
use crate::plan::store::PlanStoreError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use std::io;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Update the program.
    #[error("the ledger was written by a newer program: its schema is {found}, this one knows {known}")]
    Newer { found: i64, known: i64 },
    /// A migration that this program carries is not the one that was applied.
    #[error("the ledger's schema {version} is not the one this program knows")]
    OtherSchema { version: i64 },
    /// Name another path.
    #[error("what is there is not a ledger")]
    NotALedger,
    /// It is not repeated, because it may hold a password.
    #[error("the address of the ledger cannot be read")]
    BadAddress,
    #[error("the sealing key is not the ledger's, or a sealed text in it was changed")]
    WrongKey,
    /// Make room and go on: nothing was half written.
    #[error("the ledger has no room left")]
    Full,
    /// Try again.
    #[error("the ledger is locked by another process")]
    Locked,
    #[error("the ledger cannot be written: it is read-only")]
    ReadOnly,
    /// Restore it.
    #[error("the ledger is damaged")]
    Damaged,
    #[error("the ledger failed: {reason}")]
    Failed { reason: String },
}

impl LedgerError {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed { reason: reason.to_owned() }
    }

    /// The words after "the ledger failed:".
    fn reason(self) -> String {
        let told = match self {
            Self::Failed { reason } => return reason,
            Self::Locked => "it is locked by another process",
            Self::ReadOnly => "it is read-only",
            Self::Damaged => "it is damaged",
            Self::WrongKey => "a sealed text in it cannot be opened",
            other => return other.to_string(),
        };
        told.to_owned()
    }

    fn of_answer(error: &(dyn DatabaseError + 'static)) -> Self {
        if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
            return of_state(error.code());
        }
        let code = error.code().and_then(|code| code.parse().ok());
        code.map_or_else(|| Self::failed("an unknown answer of SQLite"), Self::of_code)
    }

    /// From SQLite's extended result code, whose low byte is the primary one.
    fn of_code(code: u32) -> Self {
        /// The index of the write-ahead log could not grow: in practice, no room.
        const IOERR_SHMSIZE: u32 = 4874;
        if code == IOERR_SHMSIZE {
            return Self::Full;
        }
        match code & 0xff {
            5 | 6 => Self::Locked,
            8 => Self::ReadOnly,
            11 => Self::Damaged,
            13 => Self::Full,
            14 => Self::failed("its file cannot be opened"),
            26 => Self::NotALedger,
            _ => Self::Failed { reason: format!("result code {code} of SQLite") },
        }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::of_answer(&*error),
            sqlx::Error::Io(error) => error.into(),
            sqlx::Error::Tls(_) => Self::failed("its server is not reached by TLS"),
            sqlx::Error::Configuration(_) => Self::BadAddress,
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::failed("it is closed"),
            sqlx::Error::RowNotFound => Self::Damaged,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::failed("a row cannot be read")
            }
            _ => Self::failed("the driver failed"),
        }
    }
}

impl From<io::Error> for LedgerError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            kind => Self::Failed { reason: kind.to_string() },
        }
    }
}

impl From<LedgerError> for JournalError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full => Self::Full,
            other => Self::Failed { reason: other.reason() },
        }
    }
}

impl From<LedgerError> for PlanStoreError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full => Self::Full,
            other => Self::Failed { reason: other.reason() },
        }
    }
}

impl From<LedgerError> for HoldError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Full => Self::Full,
            other => Self::Failed { reason: other.reason() },
        }
    }
}

impl From<sqlx::Error> for JournalError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<sqlx::Error> for PlanStoreError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

impl From<sqlx::Error> for HoldError {
    fn from(error: sqlx::Error) -> Self {
        LedgerError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u32, expected: &LedgerError) {
        assert_eq!(&LedgerError::of_code(code), expected, "code {code}");
    }

    #[test]
    fn a_result_code_says_what_can_be_done() {
        check(5, &LedgerError::Locked);
        check(517, &LedgerError::Locked); // SQLITE_BUSY_SNAPSHOT
        check(1032, &LedgerError::ReadOnly); // SQLITE_READONLY_DBMOVED
        check(779, &LedgerError::Damaged); // SQLITE_CORRUPT_INDEX
        check(13, &LedgerError::Full);
        check(4874, &LedgerError::Full);
        check(778, &LedgerError::failed("result code 778 of SQLite")); // SQLITE_IOERR_WRITE
    }

    #[test]
    fn a_port_tells_a_full_ledger_apart_and_the_rest_in_words() {
        assert!(matches!(JournalError::from(LedgerError::Full), JournalError::Full));
        assert!(matches!(PlanStoreError::from(LedgerError::Full), PlanStoreError::Full));
        assert!(matches!(HoldError::from(LedgerError::Full), HoldError::Full));
        let told = JournalError::from(LedgerError::Damaged).to_string();
        assert_eq!(told, "the ledger failed: it is damaged");
    }
}
