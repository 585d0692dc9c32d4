//! Sessions: what they may do, how they are found and ended, and what their errors say.

use super::{Scratch, block_on, url_of};
use crate::error::ConnectorError;
use crate::mysql::{MySqlBackend, MySqlOptions};
use crate::server::{Access, Backend as _, SessionId};
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::MySqlConnection;
use std::time::Duration;
use tokio::sync::MutexGuard;

const TABLE: &str =
    "CREATE TABLE p (id INT PRIMARY KEY, name VARCHAR(10) NOT NULL UNIQUE, n TINYINT CHECK (n > 0))";

#[test]
fn a_reader_cannot_write() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut writer = scratch.writer().await;
        scratch.setup(&mut writer, &[TABLE, "INSERT INTO p VALUES (1, 'a', 1)"]).await;
        let mut reader = scratch.open(Access::Read).await;
        for sql in [
            "DELETE FROM p",
            "UPDATE p SET n = 2",
            "INSERT INTO p VALUES (2, 'b', 1)",
            "TRUNCATE TABLE p",
            "DROP TABLE p",
            "CREATE TRIGGER x BEFORE DELETE ON p FOR EACH ROW SET @x = 1",
        ] {
            let error = scratch.backend.execute(&mut reader, "p", SqlText::new(sql)).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Denied { .. }), "{sql}: {error}");
        }
        // Neither outside of a transaction nor inside of one.
        scratch.backend.execute(&mut reader, "p", SqlText::new("START TRANSACTION")).await.unwrap();
        let error =
            scratch.backend.execute(&mut reader, "p", SqlText::new("DELETE FROM p")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
        let rows = scratch.rows(&mut writer, SqlText::new("SELECT count(*) FROM p")).await;
        assert!(rows == vec![vec![Value::Int(1)]]);
    });
}

#[test]
fn a_session_has_our_settings_whatever_the_address_says() {
    block_on(async {
        let scratch = Scratch::new().await;
        let url =
            format!("{}?timezone=%2B05:00&charset=latin1&collation=latin1_swedish_ci", url_of(&scratch.name));
        let backend = MySqlBackend::new("crm", &url, MySqlOptions::default()).unwrap();
        let mut connection = backend.connect(Access::Write).await.unwrap();
        let sql = "SELECT @@time_zone, @@character_set_client, @@character_set_results, @@character_set_connection, \
                   @@sql_mode, @@autocommit, @@foreign_key_checks, @@innodb_lock_wait_timeout, 'a' || 'b', '\\'";
        let row = backend.rows(&mut connection, "", SqlText::new(sql)).await.unwrap().remove(0);
        let text = |at: usize| match &row[at] {
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            _ => String::new(),
        };
        assert_eq!([text(0), text(1), text(2), text(3)], ["+00:00", "utf8mb4", "utf8mb4", "utf8mb4"]);
        assert!(text(4).contains("ANSI_QUOTES") && text(4).contains("NO_BACKSLASH_ESCAPES"));
        assert_eq!([text(5), text(6), text(7), text(8), text(9)], ["1", "1", "5", "ab", "\\"]);
    });
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_being_repeated() {
    for url in ["mysql://u:s3cret@h:port/db", "mysql://u:s3cret@h", "postgres://u:s3cret@h/db", "s3cret"] {
        let error = MySqlBackend::new("crm", url, MySqlOptions::default()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    let backend = MySqlBackend::new("crm", "mysql://u:s3cret@h/db", MySqlOptions::default()).unwrap();
    assert!(!format!("{backend:?}").contains("s3cret"));
}

#[test]
fn a_server_that_is_not_there_and_a_password_that_is_wrong_are_told_apart() {
    block_on(async {
        let scratch = Scratch::new().await;
        let gone = MySqlBackend::new("crm", "mysql://root@127.0.0.1:1/x", MySqlOptions::default()).unwrap();
        let error = gone.connect(Access::Read).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error}");
        let url = url_of(&scratch.name).replace("root@", "root:s3cret@");
        let wrong = MySqlBackend::new("crm", &url, MySqlOptions::default()).unwrap();
        let error = wrong.connect(Access::Read).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Denied { .. }), "{error}");
    });
}

#[test]
fn errors_say_their_kind_and_no_value() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &[TABLE, "INSERT INTO p VALUES (1, 'Sophie', 1)"]).await;
        let constraint = [
            "INSERT INTO p VALUES (2, 'Sophie', 1)",
            "UPDATE p SET name = NULL",
            "UPDATE p SET n = -1",
            "UPDATE p SET n = 1000",
            "UPDATE p SET name = 'Sophie Martin'",
            "UPDATE p SET n = 'Sophie'",
        ];
        for sql in constraint {
            let error = scratch.backend.execute(&mut connection, "p", SqlText::new(sql)).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Constraint { .. }), "{sql}: {error}");
            assert!(!format!("{error} {error:?}").contains("Sophie"), "{error}");
        }
        for sql in ["SELECT x FROM p", "SELECT 1 FROM q"] {
            let error = scratch.backend.rows(&mut connection, "p", SqlText::new(sql)).await.unwrap_err();
            assert!(matches!(error, ConnectorError::SchemaDrift { .. }), "{sql}: {error}");
        }
        let error =
            scratch.backend.rows(&mut connection, "p", SqlText::new("SELECT Sophie FROM")).await.unwrap_err();
        assert!(
            matches!(error, ConnectorError::Failed { .. }) && !error.to_string().contains("Sophie"),
            "{error}"
        );
    });
}

#[test]
fn locks_and_long_statements_end_as_busy() {
    block_on(async {
        let options = MySqlOptions {
            lock_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(2),
            ..MySqlOptions::default()
        };
        let scratch = Scratch::with(options).await;
        let (mut one, mut two) = (scratch.writer().await, scratch.writer().await);
        scratch
            .setup(
                &mut one,
                &[TABLE, "INSERT INTO p VALUES (1, 'a', 1)", "START TRANSACTION", "DELETE FROM p"],
            )
            .await;
        let error =
            scratch.backend.execute(&mut two, "p", SqlText::new("UPDATE p SET n = 2")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Busy { .. }), "{error}");
        let waiting = SqlText::new(
            "WITH RECURSIVE q AS (SELECT 1 AS s UNION ALL SELECT s + 1 FROM q WHERE s < 900) \
             SELECT count(*) FROM q AS a, q AS b, q AS c, q AS d WHERE a.s + b.s + c.s + d.s = 7",
        );
        let error = scratch.backend.rows(&mut two, "p", waiting).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Busy { .. }), "{error}");
    });
}

#[test]
fn sessions_of_a_run_are_found_and_ended_with_what_they_began() {
    block_on(async {
        let scratch = Scratch::new().await;
        let scope = format!("run {}", scratch.name);
        let (mut one, mut two, mut other) =
            (scratch.writer().await, scratch.writer().await, scratch.writer().await);
        let mut looking = scratch.writer().await;
        let first = scratch.backend.enlist(&mut one, &scope).await.unwrap();
        let second = scratch.backend.enlist(&mut two, &scope).await.unwrap();
        scratch.backend.enlist(&mut other, "another run").await.unwrap();
        let own = scratch.backend.enlist(&mut looking, &scope).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(
            scratch.backend.enlisted(&mut looking, &scope).await.unwrap(),
            [first.clone(), second.clone()]
        );
        assert_eq!(scratch.backend.enlisted(&mut one, &scope).await.unwrap(), [second.clone(), own]);

        scratch
            .setup(
                &mut one,
                &[TABLE, "INSERT INTO p VALUES (1, 'a', 1)", "START TRANSACTION", "DELETE FROM p"],
            )
            .await;
        scratch.backend.end_session(&mut looking, &first).await.unwrap();
        // Its locks are free and its deletion never was.
        let rows = scratch.rows(&mut looking, SqlText::new("SELECT count(*) FROM p FOR UPDATE")).await;
        assert!(rows == vec![vec![Value::Int(1)]]);
        let error = scratch.backend.execute(&mut one, "p", SqlText::new("COMMIT")).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error}");
        let left = scratch.backend.enlisted(&mut looking, &scope).await.unwrap();
        assert_eq!(left, std::slice::from_ref(&second));

        // One that went by itself is ended; so is one that is ended twice.
        drop(two);
        scratch.backend.end_session(&mut looking, &second).await.unwrap();
        scratch.backend.end_session(&mut looking, &first).await.unwrap();
        assert_eq!(scratch.backend.enlisted(&mut looking, &scope).await.unwrap(), []);
    });
}

/// The number of a session may be another program's by now: without its lock it is not ours.
#[test]
fn a_session_without_our_lock_is_left_alone() {
    block_on(async {
        let scratch = Scratch::new().await;
        let (mut bystander, mut looking) = (scratch.writer().await, scratch.writer().await);
        let row = scratch.rows(&mut bystander, SqlText::new("SELECT CONNECTION_ID()")).await.remove(0);
        let [Value::Int(number)] = row.as_slice() else { panic!("a number") };
        let session = SessionId(format!("{number}/oubliette:00:0"));
        scratch.backend.end_session(&mut looking, &session).await.unwrap();
        assert_eq!(scratch.rows(&mut bystander, SqlText::new("SELECT 1")).await.len(), 1);
        for odd in ["", "7", "x/y"] {
            assert!(scratch.backend.end_session(&mut looking, &SessionId(odd.to_owned())).await.is_err());
        }
    });
}

/// Waits are counted for the whole server: those of one test are strangers to another.
static WAITS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The first of three sessions has deleted a row and not committed it; whoever waits for it waits long. Nobody else has
/// one in the time of the guard.
async fn one_has_a_row() -> (Scratch, [MySqlConnection; 3], MutexGuard<'static, ()>) {
    let alone = WAITS.lock().await;
    let options = MySqlOptions { lock_timeout: Duration::from_secs(30), ..MySqlOptions::default() };
    let scratch = Scratch::with(options).await;
    let mut one = scratch.writer().await;
    let statements = [TABLE, "INSERT INTO p VALUES (1, 'a', 1)", "START TRANSACTION", "DELETE FROM p"];
    scratch.setup(&mut one, &statements).await;
    let others = (scratch.writer().await, scratch.writer().await);
    (scratch, [one, others.0, others.1], alone)
}

#[test]
fn waiting_for_a_row_is_pressure() {
    block_on(async {
        let (scratch, [mut one, mut two, mut looking], _alone) = one_has_a_row().await;
        let backend = &scratch.backend;
        // Not by way of the backend: it is another program that waits.
        let waiting = scratch.setup(&mut two, &["UPDATE p SET n = 2"]);
        let looked = async {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let pressure = backend.pressure(&mut looking, 0).await.unwrap();
                if pressure.reasons.iter().any(|reason| reason.contains("row locks")) {
                    assert!(pressure.pause_ms >= 100);
                    scratch.setup(&mut one, &["ROLLBACK"]).await;
                    return;
                }
            }
            panic!("a session that waits for a row was never seen");
        };
        tokio::join!(waiting, looked);
    });
}

#[test]
fn a_batch_of_ours_that_waits_for_another_one_is_no_pressure() {
    block_on(async {
        let (scratch, [mut one, mut two, mut looking], _alone) = one_has_a_row().await;
        let backend = &scratch.backend;
        let waiting = backend.execute(&mut two, "p", SqlText::new("UPDATE p SET n = 2"));
        let looked = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let reasons = backend.pressure(&mut looking, 0).await.unwrap().reasons;
                assert!(reasons.iter().all(|reason| !reason.contains("row locks")), "{reasons:?}");
            }
            scratch.setup(&mut one, &["ROLLBACK"]).await;
        };
        let began = tokio::time::Instant::now();
        let (done, ()) = tokio::join!(waiting, looked);
        done.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait");
    });
}
