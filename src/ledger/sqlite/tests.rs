//! What is particular to SQLite: the files, their bytes, their faults.

#![expect(clippy::disallowed_methods, reason = "these tests look at the ledger's files")]

use super::*;
use crate::hold::HoldRegister;
use crate::ids::RandomIds;
use crate::journal::seal::KEY_BYTES;
use crate::journal::{
    BatchState, JournalEntry, JournalError, JournalStore, RunKey, RunRecord, RunState, Sealed, Transition,
};
use crate::ledger::Ledger;
use crate::ledger::migrate::Migration;
use crate::ledger::store::Store;
use crate::ledger::story::{entry, hold, instant, plan, run};
use crate::plan::store::{Approval, PlanStore, StandingApproval};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tempfile::TempDir;

async fn try_open(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open_sqlite(path, RunKey::new([7; KEY_BYTES]), Arc::new(RandomIds)).await
}

pub(in crate::ledger) async fn open(path: &Path) -> Ledger {
    try_open(path).await.expect("the ledger opens")
}

fn file(ledger: &Ledger) -> &SqliteStore {
    match &ledger.store {
        Store::Sqlite(store) => store,
        Store::Postgres(_) => panic!("not a file"),
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    (folder, path)
}

/// The bytes of every file in the folder, by name.
fn files(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    fs::read_dir(folder.path())
        .expect("reads")
        .map(|file| file.expect("a file").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("reads")))
        .collect()
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    let (folder, path) = place();
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    let _lease = ledger.acquire("r").await.expect("is free");
    for file in fs::read_dir(folder.path()).expect("reads") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn every_connection_waits_for_the_disk_and_zeroes_what_it_deletes() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    for pool in [&file(&ledger).writer, &file(&ledger).readers] {
        for (pragma, expected) in
            [("PRAGMA synchronous", 2), ("PRAGMA secure_delete", 1), ("PRAGMA foreign_keys", 1)]
        {
            let row = sqlx::query(pragma).fetch_one(pool).await.expect("answers");
            assert_eq!(row.get::<i64, _>(0), expected, "{pragma}");
        }
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(pool).await.expect("answers");
        assert_eq!(row.get::<String, _>(0), "wal");
    }
    assert!(
        sqlx::query("DELETE FROM hold").execute(&file(&ledger).readers).await.is_err(),
        "a reader cannot write"
    );
}

#[tokio::test]
async fn nothing_personal_is_in_any_file_of_the_ledger() {
    let (folder, path) = place();
    let ledger = open(&path).await;
    ledger.place(&hold("h-1")).await.expect("places");
    ledger.release("h-1", instant(1)).await.expect("releases");
    ledger.save_plan(&plan("p"), b"{}", "d").await.expect("saves");
    let approval = Approval {
        plan_id: "p".into(),
        plan_digest: "d".into(),
        approver: "martin@example.org".into(),
        approved_at: instant(0),
        note: Some("asked Alice".into()),
        signature: None,
    };
    ledger.approve(&approval).await.expect("approves");
    let standing = StandingApproval {
        policy: "customers-fr".into(),
        rule: "prospect".into(),
        rule_digest: "r".into(),
        approver: "martin@example.org".into(),
        approved_at: instant(0),
        revoked_at: None,
        signature: None,
    };
    ledger.approve_standing(&standing).await.expect("approves");
    let all = files(&folder);
    assert!(all.iter().any(|(_, bytes)| contains(bytes, b"h-1")), "what is in clear is found");
    for personal in ["Dupont", "litigation", "counsel@", "alice@example.org", "email", "martin@", "Alice"] {
        for (name, bytes) in &all {
            assert!(!contains(bytes, personal.as_bytes()), "{personal} in {name}");
        }
    }
}

#[tokio::test]
async fn destroyed_keys_are_in_no_file() {
    let (folder, path) = place();
    let ledger = open(&path).await;
    let mut record = RunRecord { run_key_sealed: Some(b"SEALED-RUN-KEY".to_vec()), ..run("r") };
    ledger.begin_run(&record).await.expect("begins");
    // Larger than a page, so that overflow pages are among what must be zeroed.
    let large = |mark: &[u8]| Some(Sealed(mark.repeat(4_000)));
    let intended = JournalEntry { sealed: large(b"INTENDED-KEYS"), ..entry("r", 0, Transition::Intend) };
    let acted = JournalEntry { sealed: large(b"OUTCOME-KEYS"), ..entry("r", 0, Transition::Act) };
    ledger.append_all(&[intended, acted, entry("r", 0, Transition::Prove)]).await.expect("appends");
    let found = |mark: &[u8]| files(&folder).iter().any(|(_, bytes)| contains(bytes, mark));
    for mark in [b"SEALED-RUN-KEY".as_slice(), b"INTENDED-KEYS", b"OUTCOME-KEYS"] {
        assert!(found(mark), "it is there before");
    }
    // Part of it is in the database and part in the log.
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&file(&ledger).writer).await.expect("checkpoints");
    for state in [RunState::Certifying, RunState::Certified] {
        record.state = state;
        ledger.update_run(&record).await.expect("goes forward");
    }
    ledger.destroy_sealed("r").await.expect("destroys");
    for mark in [b"SEALED-RUN-KEY".as_slice(), b"INTENDED-KEYS", b"OUTCOME-KEYS"] {
        assert!(!found(mark), "{} is still there", String::from_utf8_lossy(mark));
    }
}

#[tokio::test]
async fn a_process_that_dies_leaves_all_that_it_was_told_is_durable() {
    let (folder, path) = place();
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for batch in 0..20 {
        ledger.append(&entry("r", batch, Transition::Intend)).await.expect("intends");
        ledger.append(&entry("r", batch, Transition::Act)).await.expect("acts");
        ledger.append(&entry("r", batch, Transition::Prove)).await.expect("proves");
    }
    // As after kill -9: the files as they are, nothing closed, the shared memory lost.
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).expect("copies");
    let log = fs::read(folder.path().join("ledger.db-wal")).expect("reads the log");
    fs::write(folder.path().join("copy.db-wal"), &log).expect("writes");
    let batches = open(&copy).await.batches("r", None, 100).await.expect("batches");
    assert_eq!(batches.len(), 20);
    assert!(batches.iter().all(|batch| batch.state == BatchState::Proven));
}

#[tokio::test]
async fn a_log_cut_anywhere_leaves_a_prefix_of_the_journal() {
    let (folder, path) = place();
    open(&path).await.close().await;
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for batch in 0..4 {
        ledger.append(&entry("r", batch, Transition::Intend)).await.expect("intends");
        ledger
            .append_all(&[entry("r", batch, Transition::Act), entry("r", batch, Transition::Prove)])
            .await
            .expect("acts and proves");
    }
    let log = fs::read(folder.path().join("ledger.db-wal")).expect("reads the log");
    let mut lengths = std::collections::BTreeSet::new();
    for cut in (0..log.len()).step_by(log.len() / 40) {
        let copy = folder.path().join(format!("cut-{cut}.db"));
        fs::copy(&path, &copy).expect("copies");
        fs::write(folder.path().join(format!("cut-{cut}.db-wal")), &log[..cut]).expect("writes");
        let batches = open(&copy).await.batches("r", None, 100).await.expect("batches");
        let states: Vec<BatchState> = batches.iter().map(|batch| batch.state).collect();
        let proven = states.iter().take_while(|state| **state == BatchState::Proven).count();
        let rest = &states[proven..];
        assert!(matches!(rest, [] | [BatchState::Intended]), "cut at {cut}: {states:?}");
        lengths.insert((proven, rest.len()));
    }
    assert!(lengths.len() >= 6, "the cuts fell between entries: {lengths:?}");
}

#[tokio::test]
async fn a_ledger_of_a_newer_program_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    sqlx::query("INSERT INTO schema_version (version, name, sha256) VALUES (99, 'later', '')")
        .execute(&file(&ledger).writer)
        .await
        .expect("inserts");
    ledger.close().await;
    let before = fs::read(&path).expect("reads");
    let refused = try_open(&path).await.expect_err("refused");
    let known = MIGRATIONS.len().try_into().expect("few");
    assert_eq!(refused, LedgerError::Newer { found: 99, known });
    assert_eq!(fs::read(&path).expect("reads"), before);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_ledger_as_it_was() {
    static BROKEN: &[Migration] = &[
        Migration { version: 1, name: "good", text: "CREATE TABLE a (b INTEGER) STRICT" },
        Migration { version: 2, name: "bad", text: "CREATE TABLE c (d INTEGER); CREATE TABEL" },
    ];
    let (_folder, path) = place();
    make_private(&path).expect("makes");
    let writer = pool(1).connect_with(SqliteConnectOptions::new().filename(&path)).await.expect("connects");
    assert!(migrate::run(&writer, BROKEN).await.is_err());
    let row = sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&writer).await.expect("reads");
    assert_eq!(row.get::<i64, _>(0), 0);
}

#[tokio::test]
async fn other_files_are_not_taken_for_a_ledger() {
    let (folder, path) = place();
    fs::write(&path, "this is a letter, not a database, and it is long enough".repeat(40)).expect("writes");
    assert_eq!(try_open(&path).await.expect_err("refused"), LedgerError::NotALedger);
    let path = folder.path().join("shop.db");
    make_private(&path).expect("makes");
    let shop = pool(1).connect_with(SqliteConnectOptions::new().filename(&path)).await.expect("connects");
    sqlx::query("CREATE TABLE customer (id INTEGER)").execute(&shop).await.expect("creates");
    assert_eq!(try_open(&path).await.expect_err("refused"), LedgerError::NotALedger);
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_nothing_is_half_written() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    let row = sqlx::query("PRAGMA page_count").fetch_one(&file(&ledger).writer).await.expect("answers");
    assert!(row.get::<i64, _>(0) < 110);
    sqlx::query("PRAGMA max_page_count = 110").execute(&file(&ledger).writer).await.expect("limits");
    let large = JournalEntry { sealed: Some(Sealed(vec![1; 500_000])), ..entry("r", 0, Transition::Intend) };
    assert!(matches!(ledger.append(&large).await, Err(JournalError::Full)));
    assert_eq!(ledger.batches("r", None, 10).await.expect("batches"), []);
    let row =
        sqlx::query("SELECT count(*) FROM journal").fetch_one(&file(&ledger).readers).await.expect("answers");
    assert_eq!(row.get::<i64, _>(0), 0);
    // The limit was the old connection's; the next one has room.
    ledger.append(&large).await.expect("goes on once there is room");
}

#[tokio::test]
async fn a_ledger_that_another_process_writes_to_is_told_as_locked() {
    let (_folder, path) = place();
    let (ledger, other) = (open(&path).await, open(&path).await);
    ledger.begin_run(&run("r")).await.expect("begins");
    sqlx::query("PRAGMA busy_timeout = 20").execute(&file(&ledger).writer).await.expect("waits less");
    let writing = file(&other).write().await.expect("begins to write");
    assert_eq!(ledger.note_time(instant(0)).await.expect_err("refused"), LedgerError::Locked);
    let error = ledger.append(&entry("r", 0, Transition::Intend)).await.expect_err("refused");
    assert_eq!(error.to_string(), "the ledger failed: it is locked by another process");
    assert_eq!(ledger.open_runs().await.expect("reading goes on").len(), 1);
    drop(writing);
    ledger.append(&entry("r", 0, Transition::Intend)).await.expect("goes on");
}

#[tokio::test]
async fn keys_that_somebody_still_reads_are_not_told_to_be_destroyed() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for state in [RunState::Certifying, RunState::Certified] {
        ledger.update_run(&RunRecord { state, ..run("r") }).await.expect("goes forward");
    }
    let other = open(&path).await;
    let mut reading = file(&other).read().await.expect("begins to read");
    sqlx::query("SELECT * FROM run").fetch_all(&mut *reading).await.expect("reads");
    sqlx::query("PRAGMA busy_timeout = 20").execute(&file(&ledger).writer).await.expect("waits less");
    assert!(ledger.destroy_sealed("r").await.is_err(), "the log still has them");
    assert_eq!(ledger.undestroyed_runs().await.expect("runs"), ["r"]);
    drop(reading);
    ledger.destroy_sealed("r").await.expect("destroys");
    assert_eq!(ledger.undestroyed_runs().await.expect("runs"), [""; 0]);
}

#[tokio::test]
async fn a_read_only_file_is_told_as_such() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    sqlx::query("PRAGMA query_only = ON").execute(&file(&ledger).writer).await.expect("is read-only now");
    assert_eq!(ledger.note_time(instant(0)).await.expect_err("refused"), LedgerError::ReadOnly);
}

#[tokio::test]
async fn a_damaged_file_is_told_and_no_message_quotes_it() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    ledger.place(&hold("h")).await.expect("places");
    ledger.close().await;
    let mut bytes = fs::read(&path).expect("reads");
    bytes[4_096..].fill(0xff);
    fs::write(&path, bytes).expect("writes");
    let error = try_open(&path).await.expect_err("refused");
    assert_eq!(error, LedgerError::Damaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_ledger_at_once() {
    for _ in 0..10 {
        let (_folder, path) = place();
        let openers: Vec<_> = (0..16)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { try_open(&path).await.map(|_| ()) })
            })
            .collect();
        for opener in openers {
            opener.await.expect("ends").expect("opens");
        }
    }
}

#[tokio::test]
async fn what_is_asked_before_each_batch_uses_an_index() {
    let (_folder, path) = place();
    let ledger = open(&path).await;
    for (statement, index) in [
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM batch
             WHERE state IN ('intended', 'acted') AND state = 'intended' AND hold_revision < 5",
            "batch_open",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM batch
             WHERE run_id = 'r' AND state IN ('intended', 'acted')",
            "batch_open",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT max(batch) FROM batch WHERE run_id = 'r' AND item = 1 AND batch >= 0 AND batch <= 7",
            "batch_number",
        ),
        ("EXPLAIN QUERY PLAN SELECT * FROM run WHERE state <> 'certified' ORDER BY line", "run_open"),
    ] {
        let rows = sqlx::query(statement).fetch_all(&file(&ledger).readers).await.expect("explains");
        let told: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(told.iter().any(|line| line.contains(index)), "{statement}: {told:?}");
    }
}
