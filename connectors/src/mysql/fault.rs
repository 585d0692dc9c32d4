//! Turns errors of the driver into what a caller can do about them.
//!
//! The server's message is never passed on: it quotes values (`Duplicate entry '…'`). What is told is the
//! error number and its meaning (<https://mariadb.com/kb/en/mariadb-error-codes/>).

use crate::error::ConnectorError;
use sqlx::mysql::MySqlDatabaseError;

/// The error of the driver, said for the named store and dataset.
pub(super) fn from_driver(store: &str, dataset: &str, error: &sqlx::Error) -> ConnectorError {
    let store = store.to_owned();
    let reason = |text: &str| text.to_owned();
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(database) => from_number(store, dataset, database.number()),
            None => ConnectorError::Failed { store, reason: reason("an error without a number") },
        },
        sqlx::Error::Io(io) => {
            ConnectorError::Unreachable { store, reason: format!("the connection failed ({})", io.kind()) }
        }
        sqlx::Error::Tls(_) => {
            ConnectorError::Unreachable { store, reason: reason("no secure connection could be made") }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            ConnectorError::Failed { store, reason: reason("an answer had an unexpected type") }
        }
        sqlx::Error::Configuration(_) => {
            ConnectorError::NotSupported { store, reason: reason("the address cannot be used") }
        }
        _ => ConnectorError::Failed { store, reason: reason("the driver failed") },
    }
}

/// The number of an error of the server; `None` for one of the connection or the driver.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    match error {
        sqlx::Error::Database(database) => {
            database.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
        }
        _ => None,
    }
}

/// Maps one error number. Split from [`from_driver`] so that every number can be tested.
fn from_number(store: String, dataset: &str, number: u16) -> ConnectorError {
    let said = |text: &str| format!("{text} (MySQL error {number})");
    let dataset = dataset.to_owned();
    match number {
        1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 3169 => {
            ConnectorError::Unreachable { store, reason: said("the server ended the session") }
        }
        1129 | 1130 => ConnectorError::Denied { store, reason: said("this machine may not connect") },
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1698 => {
            ConnectorError::Denied { store, reason: said("a right is missing") }
        }
        1290 | 1792 | 1836 => ConnectorError::Denied { store, reason: said("nothing may be written") },
        1049 => ConnectorError::NotSupported { store, reason: said("there is no such database") },
        1205 => ConnectorError::Busy { store, reason: said("a lock was waited for too long") },
        1213 => ConnectorError::Busy { store, reason: said("two programs waited for each other") },
        1969 | 3024 => ConnectorError::Busy { store, reason: said("a statement ran too long") },
        1040 | 1203 | 1226 => ConnectorError::Busy { store, reason: said("too many sessions") },
        1317 => ConnectorError::Busy { store, reason: said("a statement was interrupted") },
        1021 | 1114 => ConnectorError::Full { store, reason: said("the disk or the table is full") },
        1451 | 1452 | 1216 | 1217 | 1834 => {
            ConnectorError::Constraint { dataset, reason: said("a foreign key") }
        }
        1022 | 1062 | 1586 => ConnectorError::Constraint { dataset, reason: said("a unique key") },
        1048 | 1263 => ConnectorError::Constraint { dataset, reason: said("a column is NOT NULL") },
        3819 | 4025 => ConnectorError::Constraint { dataset, reason: said("a CHECK constraint") },
        1644 => ConnectorError::Constraint { dataset, reason: said("a trigger or routine") },
        1264 | 1265 | 1292 | 1366 | 1406 | 1690 => {
            ConnectorError::Constraint { dataset, reason: said("a value does not fit its column") }
        }
        1054 | 1091 | 1146 | 1305 | 1932 => ConnectorError::SchemaDrift {
            dataset,
            reason: said("a table, a column or a function of the statement is not there"),
        },
        _ => ConnectorError::Failed { store, reason: said("the statement failed") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_says_what_the_caller_can_do() {
        let check = |number, expected: &str| {
            assert_eq!(from_number("crm".into(), "people", number).to_string(), expected);
        };
        check(1205, "store 'crm' is busy: a lock was waited for too long (MySQL error 1205)");
        check(1213, "store 'crm' is busy: two programs waited for each other (MySQL error 1213)");
        check(1927, "store 'crm' cannot be reached: the server ended the session (MySQL error 1927)");
        check(1792, "store 'crm' refused: nothing may be written (MySQL error 1792)");
        check(1142, "store 'crm' refused: a right is missing (MySQL error 1142)");
        check(1114, "store 'crm' has no room left: the disk or the table is full (MySQL error 1114)");
        check(
            1451,
            "a rule of the store forbids this for dataset 'people': a foreign key (MySQL error 1451)",
        );
        check(
            1146,
            "dataset 'people' is not as declared: a table, a column or a function of the statement is not there (MySQL error 1146)",
        );
        check(9999, "store 'crm' failed: the statement failed (MySQL error 9999)");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        for number in [1205, 1213, 1969, 3024, 1040, 1317, 1053, 2006, 2013, 1927] {
            assert!(from_number("crm".into(), "people", number).is_transient(), "{number}");
        }
        for number in [1044, 1045, 1048, 1054, 1062, 1064, 1114, 1146, 1292, 1451, 1644, 1792] {
            assert!(!from_number("crm".into(), "people", number).is_transient(), "{number}");
        }
    }
}
