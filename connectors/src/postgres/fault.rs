//! Turns errors of the driver into what a caller can do about them.
//!
//! A floor below the statements of this store. The server's message is never passed on: it quotes values
//! (`Key (email)=(…) is not present`). What is told is the SQLSTATE and its meaning
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use crate::error::ConnectorError;

/// The error of the driver, said for the named store and dataset.
pub(super) fn from_driver(store: &str, dataset: &str, error: &sqlx::Error) -> ConnectorError {
    let owned = store.to_owned();
    let unreachable = |reason: String| ConnectorError::Unreachable { store: owned.clone(), reason };
    let failed = |reason: &str| ConnectorError::Failed { store: owned.clone(), reason: reason.to_owned() };
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => from_code(store, dataset, &code),
            None => failed("an error without an SQLSTATE"),
        },
        // How the driver tells a certificate that it does not trust.
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            unreachable("its certificate was not accepted, or its answer is not understood".to_owned())
        }
        sqlx::Error::Io(io) => unreachable(format!("the connection failed ({})", io.kind())),
        sqlx::Error::Tls(_) => unreachable("the connection could not be encrypted as asked for".to_owned()),
        sqlx::Error::Protocol(_) => {
            unreachable("the server gave an answer that is not understood".to_owned())
        }
        sqlx::Error::WorkerCrashed => unreachable("the connection ended".to_owned()),
        sqlx::Error::Configuration(_) => failed("the address or a certificate of it cannot be read"),
        sqlx::Error::RowNotFound => failed("an answer had no row"),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. } => failed("an answer had an unexpected type"),
        _ => failed("the driver failed"),
    }
}

/// Whether a row has been changed since the snapshot of the transaction (`serialization_failure`).
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database) if database.code().as_deref() == Some("40001"))
}

/// Maps one SQLSTATE. Split from [`from_driver`] so that every code can be tested.
fn from_code(store: &str, dataset: &str, code: &str) -> ConnectorError {
    // Five characters of the server, and nothing else of it.
    let code =
        if code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) { code } else { "?????" };
    let said = |text: &str| format!("{text} (SQLSTATE {code})");
    let owned = store.to_owned();
    let table = dataset.to_owned();
    match code {
        "57014" => {
            ConnectorError::Busy { store: owned, reason: said("a statement took too long or was cancelled") }
        }
        "55P03" => ConnectorError::Busy { store: owned, reason: said("a lock was not to be had in time") },
        "40001" | "40P01" => {
            ConnectorError::Busy { store: owned, reason: said("another transaction was in the way") }
        }
        "53300" => ConnectorError::Busy { store: owned, reason: said("there are too many connections") },
        "55006" => ConnectorError::Busy { store: owned, reason: said("an object is in use") },
        "25P03" => {
            ConnectorError::Unreachable { store: owned, reason: said("the server ended an idle transaction") }
        }
        "3D000" => ConnectorError::Unreachable { store: owned, reason: said("there is no such database") },
        "53100" | "53200" => {
            ConnectorError::Full { store: owned, reason: said("the server has no room left") }
        }
        "42501" => ConnectorError::Denied {
            store: owned,
            reason: said("a right is missing, or row-level security would hide rows from this role"),
        },
        "25006" => {
            ConnectorError::Denied { store: owned, reason: said("the session or the server is read-only") }
        }
        "0A000" => ConnectorError::NotSupported {
            store: owned,
            reason: said("the server does not do this, or a table changed meanwhile"),
        },
        "P0001" => {
            ConnectorError::Constraint { dataset: table, reason: said("a trigger or function refused") }
        }
        "42P01" | "42703" | "42704" | "42804" | "42809" | "42883" | "42725" | "3F000" => {
            ConnectorError::SchemaDrift {
                dataset: table,
                reason: said("a table, a column, a type or a function of the statement is not there"),
            }
        }
        _ => from_class(owned, table, code, &said),
    }
}

fn from_class(store: String, dataset: String, code: &str, said: &impl Fn(&str) -> String) -> ConnectorError {
    match code.get(..2).unwrap_or_default() {
        "08" | "57" => ConnectorError::Unreachable { store, reason: said("the server ended the connection") },
        "28" => ConnectorError::Denied { store, reason: said("the role or its password was refused") },
        "22" => ConnectorError::Constraint { dataset, reason: said("a value does not fit its column") },
        "23" | "27" | "44" => ConnectorError::Constraint { dataset, reason: said(constraint(code)) },
        _ => ConnectorError::Failed { store, reason: said("the statement failed") },
    }
}

fn constraint(code: &str) -> &'static str {
    match code {
        "23001" | "23503" => "a foreign key",
        "23502" => "a NOT NULL constraint",
        "23505" => "a UNIQUE constraint",
        "23514" => "a CHECK constraint",
        "23P01" => "an exclusion constraint",
        "27000" => "a trigger changes the row that is being changed",
        "44000" => "the CHECK OPTION of a view",
        _ => "a constraint",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &str) {
        assert_eq!(from_code("crm", "crm.people", code).to_string(), expected);
    }

    #[test]
    fn each_sqlstate_says_what_the_caller_can_do() {
        check("55P03", "store 'crm' is busy: a lock was not to be had in time (SQLSTATE 55P03)");
        check("28P01", "store 'crm' refused: the role or its password was refused (SQLSTATE 28P01)");
        check("53100", "store 'crm' has no room left: the server has no room left (SQLSTATE 53100)");
        check("08006", "store 'crm' cannot be reached: the server ended the connection (SQLSTATE 08006)");
        check(
            "23503",
            "a rule of the store forbids this for dataset 'crm.people': a foreign key (SQLSTATE 23503)",
        );
        check(
            "42P01",
            "dataset 'crm.people' is not as declared: a table, a column, a type or a function of the statement is \
             not there (SQLSTATE 42P01)",
        );
        check("XX000", "store 'crm' failed: the statement failed (SQLSTATE XX000)");
        check("a@b.c", "store 'crm' failed: the statement failed (SQLSTATE ?????)");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        for code in ["40001", "40P01", "55P03", "57014", "53300", "08006", "57P01", "57P03", "25P03", "3D000"]
        {
            assert!(from_code("crm", "", code).is_transient(), "{code}");
        }
        for code in ["23505", "42501", "42P01", "22001", "53100", "25006", "XX001", "P0001", "0A000"] {
            assert!(!from_code("crm", "", code).is_transient(), "{code}");
        }
    }
}
