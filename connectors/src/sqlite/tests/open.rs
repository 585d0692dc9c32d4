//! Opening, refusing to open, and what is told when the store fails.

#![expect(clippy::disallowed_methods, reason = "makes broken files")]

use super::*;
use crate::batch::{DatasetKeys, Intended, IntentSink};
use crate::value::RecordKey;

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, ConnectorError>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn what_is_no_database_is_told_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.db");
    let location = path.to_str().unwrap();
    check(
        SqliteSource::open("shop", location, options()).await,
        "store 'shop' cannot be reached: there is no such file",
    );
    check(
        SqliteDisposer::open("shop", location, options()).await,
        "store 'shop' cannot be reached: there is no such file",
    );
    assert!(!path.exists(), "no file was made");
    std::fs::write(&path, "alice@example.org, ".repeat(100)).unwrap();
    check(
        SqliteSource::open("shop", &format!("sqlite://{location}"), options()).await,
        "not supported by store 'shop': the file is not an SQLite database, or it is encrypted \
         (SQLite result code 26)",
    );
    check(
        SqliteSource::open("shop", directory.path().to_str().unwrap(), options()).await,
        "not supported by store 'shop': the database is not a regular file",
    );
    check(
        SqliteSource::open("shop", "sqlite::memory:", options()).await,
        "not supported by store 'shop': a database file is needed, not one in memory",
    );
}

#[tokio::test]
async fn a_source_cannot_write() {
    let store = Store::new("CREATE TABLE t(id INTEGER PRIMARY KEY)").await;
    let source = store.source().await;
    let mut lease = source.session_for_tests().lease().await.unwrap();
    let result = lease.run("shop.t", "DELETE FROM t").await;
    check(
        lease.end(result).await,
        "store 'shop' refused: the database cannot be written (SQLite result code 8)",
    );
}

#[tokio::test]
async fn a_locked_database_is_busy_and_works_again_afterwards() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2019-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let disposer = store.disposer().await;
    let mut other = store.connect().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let refused = dispose_with(&disposer, &selection).await;
    assert!(
        matches!(&refused, Err(error @ ConnectorError::Busy { .. }) if error.is_transient()),
        "{refused:?}"
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(dispose_with(&disposer, &selection).await.unwrap().groups[0].disposed, [RecordKey::int(1)]);
}

#[tokio::test]
async fn a_full_database_undoes_the_batch() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, x TEXT);
         INSERT INTO t VALUES (1, '2019-01-01', 'a')",
    )
    .await;
    let mut selection = store.selection("t").await;
    let text = "y".repeat(100_000);
    selection.disposal = Disposal::Anonymize {
        fields: vec![crate::FieldTransform {
            column: "x".into(),
            value_type: ValueType::Text,
            transform: crate::Transform::Replace { text },
        }],
        marker: None,
    };
    let disposer = store.disposer().await;
    let mut lease = disposer.session_for_tests().lease().await.unwrap();
    lease.run("", "PRAGMA max_page_count = 3").await.unwrap();
    lease.end(Ok(())).await.unwrap();
    let full = dispose_with(&disposer, &selection).await;
    assert!(matches!(full, Err(ConnectorError::Full { .. })), "{full:?}");
    assert_eq!(store.text("SELECT x FROM t").await, "a");
}

/// Never answers, as a ledger on a disk that hangs.
struct NoAnswer;

#[async_trait::async_trait]
impl IntentSink for NoAnswer {
    async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_batch_that_is_given_up_leaves_no_lock_and_no_change() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2019-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let disposer = store.disposer().await;
    let range = BatchRange { after: None, up_to: None, due: None, records_max: 1 };
    let batch = Batch { selection: selection.clone(), range, only_keys: None };
    let given_up =
        tokio::time::timeout(Duration::from_millis(200), disposer.dispose(&batch, &NoAnswer)).await;
    assert!(given_up.is_err());
    let outcome = dispose_with(&disposer, &selection).await.unwrap();
    assert_eq!(outcome.groups[0].disposed, [RecordKey::int(1)]);
}

/// Somebody who writes at the worst moment, on a connection of their own.
struct Intruder<'a>(&'a Store);

#[async_trait::async_trait]
impl IntentSink for Intruder<'_> {
    async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
        let options = SqliteConnectOptions::new().filename(self.0.path()).busy_timeout(Duration::ZERO);
        let mut other = options.connect().await.unwrap();
        let write = sqlx::raw_sql("UPDATE t SET made = '2023-01-01'").execute(&mut other).await;
        let code = write.unwrap_err().as_database_error().and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("5"), "nobody can write between the intent and the commit");
        Ok(())
    }
}

#[tokio::test]
async fn nobody_can_come_between_the_intent_and_the_commit() {
    for wal in [false, true] {
        let store = Store::new(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2019-01-01')",
        )
        .await;
        if wal {
            store.use_wal().await;
        }
        let selection = store.selection("t").await;
        let range = BatchRange { after: None, up_to: None, due: None, records_max: 1 };
        let batch = Batch { selection, range, only_keys: None };
        let outcome = store.disposer().await.dispose(&batch, &Intruder(&store)).await.unwrap();
        assert_eq!(outcome.groups[0].disposed, [RecordKey::int(1)]);
    }
}

#[tokio::test]
async fn finishing_tells_what_was_done_with_the_old_pages() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, x TEXT);
         INSERT INTO t VALUES (1, '2019-01-01', 'canary-6b1f'), (2, '2022-01-01', 'stays-77aa')",
    )
    .await;
    let selection = store.selection("t").await;
    assert_eq!(store.disposer().await.finish().await.unwrap(), ["secure-delete"]);
    store.use_wal().await;
    let disposer = store.disposer().await;
    dispose_with(&disposer, &selection).await.unwrap();
    assert!(contains(&store, "canary-6b1f"), "the write-ahead log is not yet in the database");
    assert_eq!(disposer.finish().await.unwrap(), ["secure-delete", "wal-truncated"]);
    assert!(!contains(&store, "canary-6b1f"), "nothing of the record is left in any file of the store");
    assert!(contains(&store, "stays-77aa"));
}

#[tokio::test]
async fn a_reader_of_an_old_state_keeps_the_log_and_finishing_says_so() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2019-01-01')",
    )
    .await;
    store.use_wal().await;
    let selection = store.selection("t").await;
    let mut reader = store.connect().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM t").execute(&mut reader).await.unwrap();
    let disposer = store.disposer().await;
    dispose_with(&disposer, &selection).await.unwrap();
    assert_eq!(disposer.finish().await.unwrap(), ["secure-delete", "wal-checkpoint-busy"]);
}

#[tokio::test]
async fn a_journal_that_another_program_left_behind_goes_too() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, x TEXT);
         INSERT INTO t VALUES (1, '2019-01-01', 'canary-91cc')",
    )
    .await;
    store.run("PRAGMA journal_mode = PERSIST; UPDATE t SET x = 'canary-02dd'").await;
    assert!(contains(&store, "canary-91cc"), "the journal keeps the old page");
    store.dispose(&store.selection("t").await).await.unwrap();
    assert!(!contains(&store, "canary-91cc") && !contains(&store, "canary-02dd"));
}

/// Whether a file of the store holds the text anywhere.
fn contains(store: &Store, text: &str) -> bool {
    std::fs::read_dir(store.directory.path()).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_long_write_ahead_log_asks_for_a_pause() {
    let store = Store::new("CREATE TABLE t(id INTEGER PRIMARY KEY)").await;
    let options = SqliteOptions { wal_bytes_max: 1_000, ..options() };
    let source = SqliteSource::open("shop", &store.path(), options).await.unwrap();
    assert_eq!(source.pressure().await.unwrap().pause_ms, 0);
    std::fs::write(format!("{}-wal", store.path()), vec![0; 3_000]).unwrap();
    let pressure = source.pressure().await.unwrap();
    assert_eq!((pressure.reasons.len(), pressure.pause_ms), (1, 750));
}

#[tokio::test]
async fn a_dataset_that_is_no_part_of_the_selection_is_not_observed() {
    let store = Store::new("CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT)").await;
    let selection = store.selection("t").await;
    let group = DatasetKeys { dataset: "shop.other".into(), keys: vec![RecordKey::int(1)] };
    check(
        store.source().await.observe(&selection, &group).await,
        "dataset 'shop.other' is not as declared: it is no part of the selection",
    );
}

#[tokio::test]
async fn what_changes_while_the_lock_is_awaited_is_seen() {
    let store = Store::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, made DATE); \
         INSERT INTO t VALUES (1, '2019-01-01'), (2, '2019-01-01'), (3, '2019-01-01')",
    )
    .await;
    store.use_wal().await;
    let selection = store.selection("t").await;
    let patient = SqliteOptions { busy_timeout: Duration::from_secs(20), ..options() };
    let disposer = SqliteDisposer::open("shop", &store.path(), patient).await.unwrap();
    let mut other = store.connect().await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE t SET made = '2024-01-01' WHERE id = 2")
        .execute(&mut other)
        .await
        .unwrap();
    let commit = async {
        // Long enough for the batch to find its records as they still are, and to wait.
        tokio::time::sleep(Duration::from_millis(500)).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(dispose_with(&disposer, &selection), commit);
    assert_eq!(outcome.unwrap().groups[0].disposed, [RecordKey::int(1), RecordKey::int(3)]);
    assert_eq!(store.text("SELECT group_concat(id) FROM t").await, "2");
}
