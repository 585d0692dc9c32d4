//! Sessions that can be found and ended by their name on the server.
//!
//! A session of a run carries `oubliette` and a hash of the run as its application name. It is identified by
//! its process and the moment that began, since the server uses numbers of processes again.

use super::connect::{PostgresConnection, Server};
use super::own::APPLICATION;
use crate::error::ConnectorError;
use crate::server::SessionId;
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use std::fmt::Write as _;
use std::time::Duration;

const POLL: Duration = Duration::from_millis(50);
/// Ten seconds.
const POLLS_MAX: u32 = 200;

/// At most 63 bytes, which is what the server keeps of an application name.
fn name_of(scope: &str) -> String {
    let digest = Sha256::digest(scope.as_bytes());
    let mut name = format!("{APPLICATION} ");
    for byte in digest.iter().take(16) {
        let written = write!(name, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    name
}

pub(super) async fn enlist(
    connection: &mut PostgresConnection,
    scope: &str,
) -> Result<SessionId, sqlx::Error> {
    let sql = "SELECT set_config('application_name', $1, false), pg_stat_clear_snapshot()::text, \
         (SELECT pid || ' ' || (extract(epoch FROM backend_start) * 1000000)::bigint \
          FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS id";
    let rows = connection.all(sqlx::query(sql).bind(name_of(scope))).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(SessionId(row.try_get("id")?))
}

/// # Errors
/// `Denied` when the server does not tell this role when a session began: it could not be ended for sure.
pub(super) async fn enlisted(
    server: &Server,
    connection: &mut PostgresConnection,
    scope: &str,
) -> Result<Vec<SessionId>, ConnectorError> {
    let fault = |error: &sqlx::Error| server.fault("", error);
    clear(connection).await.map_err(|error| fault(&error))?;
    let sql = "SELECT pid || ' ' || (extract(epoch FROM backend_start) * 1000000)::bigint AS id \
         FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid() \
         AND datname = current_database() ORDER BY pid";
    let rows = connection.all(sqlx::query(sql).bind(name_of(scope))).await.map_err(|error| fault(&error))?;
    rows.iter()
        .map(|row| {
            let id: Option<String> = row.try_get("id").map_err(|error| fault(&error))?;
            id.map(SessionId).ok_or_else(|| ConnectorError::Denied {
                store: server.store().to_owned(),
                reason: "a session of this run belongs to another role: go on with the writer that began it"
                    .to_owned(),
            })
        })
        .collect()
}

/// Asks the server to end the session, and waits until it is gone: by then its transaction is over, one way
/// or the other.
pub(super) async fn end(
    server: &Server,
    connection: &mut PostgresConnection,
    session: &SessionId,
) -> Result<(), ConnectorError> {
    let fault = |error: &sqlx::Error| server.fault("", error);
    let unknown = || ConnectorError::Failed {
        store: server.store().to_owned(),
        reason: "the name of a session cannot be read".to_owned(),
    };
    let (pid, began) = session.0.split_once(' ').ok_or_else(unknown)?;
    let pid: i32 = pid.parse().map_err(|_| unknown())?;
    let began: i64 = began.parse().map_err(|_| unknown())?;
    for _ in 0..POLLS_MAX {
        clear(connection).await.map_err(|error| fault(&error))?;
        if !is_there(connection, pid, began).await.map_err(|error| fault(&error))? {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    let reason = "a session of an earlier run does not end".to_owned();
    Err(ConnectorError::Busy { store: server.store().to_owned(), reason })
}

/// Whether the session is there; if so it is asked to end once more, which harms nothing.
async fn is_there(connection: &mut PostgresConnection, pid: i32, began: i64) -> Result<bool, sqlx::Error> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 \
         AND coalesce((extract(epoch FROM backend_start) * 1000000)::bigint = $2, true)";
    Ok(!connection.all(sqlx::query(sql).bind(pid).bind(began)).await?.is_empty())
}

/// Within a transaction the server would show the sessions of its first look again and again.
async fn clear(connection: &mut PostgresConnection) -> Result<(), sqlx::Error> {
    connection.all(sqlx::query("SELECT pg_stat_clear_snapshot()::text")).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_and_tells_runs_apart() {
        let name = name_of(&"r".repeat(1000));
        assert!(name.len() <= 63 && name.starts_with("oubliette "));
        assert_ne!(name, name_of("another"));
    }
}
