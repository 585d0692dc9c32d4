//! What a session is, what it may do, and how it ends.

use super::{PostgresBackend, PostgresOptions, Session, VARIABLE, with_database};
use crate::error::ConnectorError;
use crate::port::Pressure;
use crate::server::{Access, Backend as _, SessionId};
use crate::sql::SqlText;
use crate::value::Value;

const SCHEMA: &str = "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE CHECK (name <> 'x')); INSERT INTO t VALUES (1, 'secret-name'), (2, 'b')";

#[test]
fn a_session_has_its_settings_and_a_reader_cannot_write() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let backend = database.backend();
        let mut reader = backend.connect(Access::Read).await.unwrap();
        let sql = "SELECT current_setting('TimeZone') || ' ' || current_setting('row_security') || ' ' || \
             current_setting('default_transaction_read_only') || ' ' || current_setting('lock_timeout') || ' ' || \
             current_setting('statement_timeout') || ' ' || current_setting('application_name') || ' ' || \
             current_setting('plan_cache_mode') || ' ' || current_setting('transaction_isolation')";
        let settings = backend.rows(&mut reader, "t", SqlText::new(sql)).await.unwrap();
        let expected = "UTC off on 100ms 1h oubliette force_custom_plan read committed";
        assert!(settings == [[Value::Text(expected.to_owned())]]);
        for sql in
            ["DELETE FROM t", "UPDATE t SET name = NULL", "CREATE TABLE u (x int)", "BEGIN; DELETE FROM t"]
        {
            let refused = backend.execute(&mut reader, "t", SqlText::new(sql)).await;
            assert!(refused.is_err(), "{sql}");
        }
        let deleted = backend.execute(&mut reader, "t", SqlText::new("DELETE FROM t")).await.unwrap_err();
        assert!(matches!(deleted, ConnectorError::Denied { .. }), "{deleted}");
        let mut writer = database.open().await;
        assert_eq!(writer.execute(SqlText::new("DELETE FROM t WHERE id = 2")).await.unwrap(), 1);
    });
}

#[test]
fn faults_tell_codes_and_no_value() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        for (sql, expected) in [
            ("INSERT INTO t VALUES (3, 'secret-name')", "a UNIQUE constraint (SQLSTATE 23505)"),
            ("UPDATE t SET name = 'x' WHERE id = 1", "a CHECK constraint (SQLSTATE 23514)"),
            ("SELECT name::int FROM t", "a value does not fit its column (SQLSTATE 22P02)"),
            ("SELECT 1 FROM secret_name", "is not there (SQLSTATE 42P01)"),
            ("SELECT secret_name FROM t", "is not there (SQLSTATE 42703)"),
        ] {
            let error = session.execute(SqlText::new(sql)).await.unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(error.to_string().ends_with(expected), "{error}");
            assert!(!told.contains("secret"), "{told}");
        }
        let unread = session
            .backend
            .rows(&mut session.connection, "t", SqlText::new("SELECT '1 day'::interval"))
            .await;
        assert!(matches!(unread, Err(ConnectorError::Failed { .. })), "{unread:?}");
    });
}

#[test]
fn a_lock_of_another_session_makes_the_store_busy() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let (mut one, mut other) = (database.open().await, database.open().await);
        one.execute(SqlText::new("BEGIN")).await.unwrap();
        one.execute(SqlText::new("UPDATE t SET name = 'c' WHERE id = 1")).await.unwrap();
        let busy = other.execute(SqlText::new("DELETE FROM t WHERE id = 1")).await.unwrap_err();
        assert!(matches!(busy, ConnectorError::Busy { .. }) && busy.is_transient(), "{busy}");
    });
}

async fn enlist(session: &mut Session, scope: &str) -> SessionId {
    session.backend.enlist(&mut session.connection, scope).await.unwrap()
}

#[test]
fn the_sessions_of_a_run_are_found_and_ended() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let (mut one, mut two, mut three) =
            (database.open().await, database.open().await, database.open().await);
        let (first, second) = (enlist(&mut one, "run-1").await, enlist(&mut two, "run-1").await);
        let other = enlist(&mut three, "run-2").await;
        assert_eq!(
            two.backend.enlisted(&mut two.connection, "run-1").await.unwrap(),
            std::slice::from_ref(&first)
        );
        assert_eq!(one.backend.enlisted(&mut one.connection, "run-2").await.unwrap(), [other]);
        assert_eq!(one.backend.enlisted(&mut one.connection, "run-3").await.unwrap(), []);
        one.execute(SqlText::new("BEGIN")).await.unwrap();
        one.execute(SqlText::new("DELETE FROM t")).await.unwrap();
        // Also from within a transaction, where the server shows an old list of sessions.
        two.execute(SqlText::new("BEGIN")).await.unwrap();
        two.backend.end_session(&mut two.connection, &first).await.unwrap();
        two.backend.end_session(&mut two.connection, &first).await.unwrap();
        assert_eq!(two.backend.enlisted(&mut two.connection, "run-1").await.unwrap(), []);
        let gone = one.execute(SqlText::new("COMMIT")).await.unwrap_err();
        assert!(matches!(gone, ConnectorError::Unreachable { .. }), "{gone}");
        assert!(two.rows(SqlText::new("SELECT count(*) FROM t")).await == [[Value::Int(2)]]);
        // The number of a process that began at another time is another session.
        let began = second.0.split_once(' ').map(|(pid, _)| SessionId(format!("{pid} 1"))).unwrap();
        three.backend.end_session(&mut three.connection, &began).await.unwrap();
        assert!(two.rows(SqlText::new("SELECT 1")).await == [[Value::Int(1)]]);
        let unread = three.backend.end_session(&mut three.connection, &SessionId("x".to_owned())).await;
        assert!(matches!(unread, Err(ConnectorError::Failed { .. })));
    });
}

#[test]
fn nobody_else_at_work_is_no_pressure_and_a_waiting_session_is() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let (mut one, mut two) = (database.open().await, database.open().await);
        let idle = one.backend.pressure(&mut one.connection, 0).await.unwrap();
        assert_eq!(idle, Pressure::default());
        one.execute(SqlText::new("BEGIN")).await.unwrap();
        one.execute(SqlText::new("UPDATE t SET name = 'c' WHERE id = 1")).await.unwrap();
        two.execute(SqlText::new("SET lock_timeout = '5s'")).await.unwrap();
        let waiting = two.execute(SqlText::new("DELETE FROM t WHERE id = 1"));
        let looking = async {
            let mut seen = Pressure::default();
            for _ in 0..100 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                seen = one.backend.pressure(&mut one.connection, 0).await.unwrap();
                if !seen.reasons.is_empty() {
                    break;
                }
            }
            one.execute(SqlText::new("COMMIT")).await.unwrap();
            seen
        };
        let (deleted, seen) = tokio::join!(waiting, looking);
        assert_eq!(deleted.unwrap(), 1);
        assert!(seen.reasons.iter().any(|reason| reason.contains("waiting for locks")), "{seen:?}");
        assert!(seen.pause_ms > 0);
    });
}

#[test]
fn an_address_is_checked_and_its_password_is_never_told() {
    let open = |url: &str| PostgresBackend::new("shop", url, PostgresOptions::default());
    for url in [
        "mysql://u:hunter2@h/d",
        "postgres://u:hunter2@h/d?pasword=hunter2",
        "postgres://u:hunter2@h:port/d",
        "postgres://u:hunter2@h/d?sslmode=hunter2",
    ] {
        let error = open(url).unwrap_err();
        assert!(matches!(error, ConnectorError::NotSupported { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{VARIABLE}");
    }
    let backend = open("postgres://u:hunter2@127.0.0.1:1/d?sslmode=disable").unwrap();
    assert!(!format!("{backend:?}").contains("hunter2"));
    let error = super::block_on(backend.connect(Access::Read)).unwrap_err();
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error}");
}

#[test]
fn a_unix_socket_is_named_by_its_directory() {
    with_database(async |database| {
        let mut session = database.open().await;
        let sql = "SELECT split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user::text";
        let row = session.rows(SqlText::new(sql)).await.remove(0);
        let [Value::Text(directory), Value::Text(port), Value::Text(user)] = row.as_slice() else {
            panic!("three texts")
        };
        let directory = directory.replace('/', "%2F");
        let url = format!("postgres://{user}@{directory}:{port}/{}", database.name);
        let backend = PostgresBackend::new("shop", &url, PostgresOptions::default()).unwrap();
        let mut connection = backend.connect(Access::Write).await.unwrap();
        let rows =
            backend.rows(&mut connection, "t", SqlText::new("SELECT inet_client_addr() IS NULL")).await;
        assert!(rows.unwrap() == [[Value::Bool(true)]]);
    });
}
