//! Turns errors of the driver into what a caller can do about them.
//!
//! A floor below the statements of this store. The driver's message is never passed on: SQLite
//! quotes values in some of them. What is told is the result code and its meaning
//! (<https://www.sqlite.org/rescode.html>).

use crate::error::ConnectorError;

// Primary result codes, <https://www.sqlite.org/rescode.html#primary_result_code_list>.
const ERROR: i32 = 1;
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const SCHEMA: i32 = 17;
const CONSTRAINT: i32 = 19;
const AUTH: i32 = 23;
const NOTADB: i32 = 26;

/// The shared-memory file of the write-ahead log could not grow: the volume is full.
const IOERR_SHMSIZE: i32 = IOERR | (19 << 8);

/// The error of the driver, said for the named store and dataset.
pub(super) fn from_driver(store: &str, dataset: &str, error: &sqlx::Error) -> ConnectorError {
    let reason = |text: &str| text.to_owned();
    let store = store.to_owned();
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse::<i32>().ok());
            match code {
                Some(code) => from_code(store, dataset, code),
                None => ConnectorError::Failed { store, reason: reason("an error without a result code") },
            }
        }
        sqlx::Error::Io(io) => {
            ConnectorError::Unreachable { store, reason: format!("input or output failed ({})", io.kind()) }
        }
        sqlx::Error::WorkerCrashed => {
            ConnectorError::Failed { store, reason: reason("the thread of the connection ended") }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            ConnectorError::Failed { store, reason: reason("an answer had an unexpected type") }
        }
        _ => ConnectorError::Failed { store, reason: reason("the driver failed") },
    }
}

/// Maps one (extended) result code. Split from [`from_driver`] so that every code can be tested.
fn from_code(store: String, dataset: &str, code: i32) -> ConnectorError {
    let said = |text: &str| format!("{text} (SQLite result code {code})");
    match code & 0xff {
        BUSY | LOCKED => ConnectorError::Busy { store, reason: said("the database is locked") },
        READONLY => ConnectorError::Denied { store, reason: said("the database cannot be written") },
        PERM | AUTH => ConnectorError::Denied { store, reason: said("access was refused") },
        FULL => ConnectorError::Full { store, reason: said("the disk or the database is full") },
        IOERR if code == IOERR_SHMSIZE => {
            ConnectorError::Full { store, reason: said("no room for the shared-memory file") }
        }
        IOERR => ConnectorError::Failed { store, reason: said("input or output failed") },
        CANTOPEN => ConnectorError::Unreachable { store, reason: said("the file cannot be opened") },
        NOTADB => ConnectorError::NotSupported {
            store,
            reason: said("the file is not an SQLite database, or it is encrypted"),
        },
        CORRUPT => ConnectorError::Failed { store, reason: said("the database is corrupt") },
        ERROR | SCHEMA => ConnectorError::SchemaDrift {
            dataset: dataset.to_owned(),
            reason: said("a table, a column or a function of the statement is not there"),
        },
        CONSTRAINT => {
            ConnectorError::Constraint { dataset: dataset.to_owned(), reason: said(constraint(code)) }
        }
        _ => ConnectorError::Failed { store, reason: said("the statement failed") },
    }
}

/// Which kind of constraint an extended code of `SQLITE_CONSTRAINT` names.
fn constraint(code: i32) -> &'static str {
    match code >> 8 {
        1 => "a CHECK constraint",
        3 => "a foreign key",
        5 => "a NOT NULL constraint",
        6 => "a primary key",
        7 => "a trigger",
        8 => "a UNIQUE constraint",
        10 => "the row identifier",
        12 => "the declared type of a STRICT table",
        _ => "a constraint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, expected: &str) {
        let error = from_code("crm".into(), "crm.people", code);
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn each_result_code_says_what_the_caller_can_do() {
        check(5, "store 'crm' is busy: the database is locked (SQLite result code 5)");
        check(261, "store 'crm' is busy: the database is locked (SQLite result code 261)");
        check(8, "store 'crm' refused: the database cannot be written (SQLite result code 8)");
        check(13, "store 'crm' has no room left: the disk or the database is full (SQLite result code 13)");
        check(
            4874,
            "store 'crm' has no room left: no room for the shared-memory file (SQLite result code 4874)",
        );
        check(14, "store 'crm' cannot be reached: the file cannot be opened (SQLite result code 14)");
        check(
            26,
            "not supported by store 'crm': the file is not an SQLite database, or it is encrypted (SQLite result code 26)",
        );
        check(
            787,
            "a rule of the store forbids this for dataset 'crm.people': a foreign key (SQLite result code 787)",
        );
        check(
            2067,
            "a rule of the store forbids this for dataset 'crm.people': a UNIQUE constraint (SQLite result code 2067)",
        );
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        for code in 1..=28 {
            let transient = from_code("crm".into(), "crm.people", code).is_transient();
            assert_eq!(transient, [BUSY, LOCKED, CANTOPEN].contains(&code), "code {code}");
        }
    }
}
