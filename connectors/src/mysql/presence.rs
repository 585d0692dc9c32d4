//! Sessions that can be found and ended: named locks, which the server drops with their session.
//!
//! The lock is what identifies a session. The number of the connection alone could be another program's
//! by the time somebody wants to end it.

use super::MySqlBackend;
use crate::error::ConnectorError;
use crate::server::{Backend as _, SessionId};
use crate::sql::SqlText;
use crate::value::Value;
use sha2::{Digest as _, Sha256};
use sqlx::mysql::MySqlConnection;
use std::time::Duration;

/// Most sessions of one scope at a time.
const SESSIONS_MAX: u32 = 16;
/// How long an ended session may take to undo what it had begun.
const END_TIMEOUT: Duration = Duration::from_secs(10);
const END_LOOK: Duration = Duration::from_millis(50);
/// `ER_NO_SUCH_THREAD`.
const NO_SUCH_THREAD: u16 = 1094;

/// Names are at most 64 characters long, so the scope is hashed.
fn lock_name(scope: &str, place: u32) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(scope.as_bytes());
    let mut name = String::from("oubliette:");
    for byte in digest.iter().take(16) {
        let written = write!(name, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    format!("{name}:{place}")
}

fn text(text: &str) -> SqlText {
    SqlText::value(Value::Text(text.to_owned()))
}

fn session_id(number: i64, lock: &str) -> SessionId {
    SessionId(format!("{number}/{lock}"))
}

pub(super) async fn enlist(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    scope: &str,
) -> Result<SessionId, ConnectorError> {
    for place in 0..SESSIONS_MAX {
        let lock = lock_name(scope, place);
        let sql = SqlText::fill("SELECT GET_LOCK({0}, 0), CONNECTION_ID()", &[&text(&lock)]);
        match backend.row(connection, sql).await?.as_slice() {
            [Value::Int(1), Value::Int(number)] => return Ok(session_id(*number, &lock)),
            [Value::Int(0), _] => {}
            _ => return Err(backend.failed("a named lock could not be taken")),
        }
    }
    Err(ConnectorError::Busy {
        store: backend.store().to_owned(),
        reason: format!("{SESSIONS_MAX} sessions of this run are still open"),
    })
}

pub(super) async fn enlisted(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    scope: &str,
) -> Result<Vec<SessionId>, ConnectorError> {
    let locks: Vec<String> = (0..SESSIONS_MAX).map(|place| lock_name(scope, place)).collect();
    let mut sql = SqlText::new("SELECT CONNECTION_ID()");
    for lock in &locks {
        sql.push(", ").append(&SqlText::fill("IS_USED_LOCK({0})", &[&text(lock)]));
    }
    let row = backend.row(connection, sql).await?;
    let own = row.first();
    let others = row.iter().skip(1).zip(&locks).filter(|(holder, _)| Some(*holder) != own);
    Ok(others
        .filter_map(|(holder, lock)| match holder {
            Value::Int(number) => Some(session_id(*number, lock)),
            _ => None,
        })
        .collect())
}

pub(super) async fn end(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    session: &SessionId,
) -> Result<(), ConnectorError> {
    let parsed = session.0.split_once('/').and_then(|(number, lock)| Some((number.parse().ok()?, lock)));
    let Some((number, lock)) = parsed else {
        return Err(backend.failed("a session is named in a way that is not ours"));
    };
    let mut waited = Duration::ZERO;
    let mut told = false;
    while holds(backend, connection, number, lock).await? {
        if !told {
            kill(backend, connection, number).await?;
            told = true;
        }
        if waited >= END_TIMEOUT {
            return Err(ConnectorError::Busy {
                store: backend.store().to_owned(),
                reason: "a session that was ended is still there".to_owned(),
            });
        }
        tokio::time::sleep(END_LOOK).await;
        waited += END_LOOK;
    }
    Ok(())
}

async fn holds(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    number: i64,
    lock: &str,
) -> Result<bool, ConnectorError> {
    let row = backend.row(connection, SqlText::fill("SELECT IS_USED_LOCK({0})", &[&text(lock)])).await?;
    Ok(row.first() == Some(&Value::Int(number)))
}

async fn kill(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    number: i64,
) -> Result<(), ConnectorError> {
    let sql = SqlText::fill("KILL CONNECTION {0}", &[&SqlText::value(Value::Int(number))]);
    match super::query(sql).execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) if super::fault::number(&error) == Some(NO_SUCH_THREAD) => Ok(()),
        Err(error) => Err(backend.database.fault("", &error)),
    }
}
