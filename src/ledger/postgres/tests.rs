//! What is particular to a server: leases, locks, schemas, its faults.

use super::testing::{Database, LASTS};
use super::*;
use crate::hold::HoldRegister;
use crate::journal::{JournalEntry, JournalError, JournalStore, RunRecord, RunState, Sealed, Transition};
use crate::ledger::Ledger;
use crate::ledger::migrate::Migration;
use crate::ledger::store::Store;
use crate::ledger::story::{entry, hold, instant, run};
use connectors::postgres::{PostgresBackend, PostgresOptions};
use connectors::server::{Access, Backend as _};
use sqlx::Row;
use sqlx::postgres::PgConnection;

fn server(ledger: &Ledger) -> &PostgresStore {
    match &ledger.store {
        Store::Postgres(store) => store,
        Store::Sqlite(_) => panic!("not a server"),
    }
}

/// As if the owner of every lease had been paused since long before.
async fn expire_leases(database: &Database) {
    let expired = "UPDATE oubliette.lease SET expires_at = clock_timestamp() - INTERVAL '1 second'";
    database.connect().await.execute(expired).await.expect("expires them");
}

#[tokio::test]
async fn every_session_waits_for_the_disk_and_has_the_ledgers_schema() {
    let database = Database::make().await;
    // What the database says otherwise does not count.
    let lax = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
        EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''',
            current_database());
    END $$";
    database.connect().await.execute(lax).await.expect("alters");
    let ledger = database.open().await;
    for (setting, expected) in SESSION.into_iter().chain([("transaction_isolation", "read committed")]) {
        let mut work = server(&ledger).write().await.expect("begins to write");
        let row = sqlx::query("SELECT current_setting($1)").bind(setting).fetch_one(&mut *work).await;
        assert_eq!(row.expect("answers").get::<String, _>(0), expected, "{setting}");
    }
    let mut reading = server(&ledger).read().await.expect("begins to read");
    assert!(sqlx::query("DELETE FROM hold").execute(&mut *reading).await.is_err(), "a reader cannot write");
}

#[tokio::test]
async fn a_lease_that_was_taken_over_refuses_every_write_of_its_old_owner() {
    let database = Database::make().await;
    let (old, new) = (database.open().await, database.open().await);
    let mut record = run("r");
    let lease = old.acquire("any").await.expect("is free");
    old.begin_run(&record).await.expect("begins");
    old.append(&entry("r", 0, Transition::Intend)).await.expect("intends");
    expire_leases(&database).await;
    old.append(&entry("r", 0, Transition::Act)).await.expect("nobody took over yet");
    let taken = new.acquire("any").await.expect("has expired");

    let prove = entry("r", 0, Transition::Prove);
    check_lost(&old.append(&prove).await);
    check_lost(&old.append_all(&[]).await);
    check_lost(&old.begin_run(&run("other")).await);
    check_lost(&old.update_run(&record).await);
    check_lost(&old.destroy_sealed("r").await);
    check_lost(&old.put_checkpoint("log", b"an old one").await);
    old.place(&hold("h")).await.expect("a hold is placed by anybody");
    old.note_time(instant(1)).await.expect("the clock only goes forward");
    assert!(old.open_batches("r").await.expect("reading goes on").len() == 1);

    new.append(&prove).await.expect("the new owner goes on");
    record.state = RunState::Certifying;
    new.update_run(&record).await.expect("the new owner goes on");
    tokio::time::sleep(LASTS).await;
    assert!(!lease.is_held(), "the old owner knows");
    assert!(taken.is_held());
    check_lost(&old.update_run(&record).await);
    drop(lease);
    let busy = old.update_run(&record).await;
    assert!(matches!(busy, Err(JournalError::Busy { .. })), "and without a lease it may not either");
    assert!(matches!(old.acquire("any").await, Err(JournalError::Busy { .. })), "it gave back nothing");
    drop(taken);
    let again = old.acquire("any").await.expect("is free");
    old.update_run(&record).await.expect("goes on");
    drop(again);
    let row = sqlx::query("SELECT token FROM lease").fetch_one(&server(&new).pool).await.expect("reads");
    assert_eq!(row.get::<i64, _>(0), 3, "each acquisition has a token of its own");
}

#[track_caller]
fn check_lost(answer: &Result<(), JournalError>) {
    assert!(matches!(answer, Err(JournalError::LeaseLost { scope }) if scope == "any"), "{answer:?}");
}

/// The write that is under way when the lease is passed on goes first, or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_the_old_owner_comes_after_the_new_one_has_the_lease() {
    let database = Database::make().await;
    let (old, new) = (database.open().await, database.open().await);
    old.begin_run(&run("r")).await.expect("begins");
    let mut overtaken = 0;
    for _ in 0..20 {
        let lease = old.acquire("any").await.expect("is free");
        let first = old.next_batch("r", 0, 0).await.expect("a number");
        let (seen, wrote) = tokio::join!(
            async {
                expire_leases(&database).await;
                let lease = new.acquire("any").await.expect("has expired");
                let seen = new.next_batch("r", 0, 0).await.expect("a number");
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert_eq!(new.next_batch("r", 0, 0).await.expect("a number"), seen, "written afterwards");
                drop(lease);
                seen
            },
            async {
                for batch in first.. {
                    match old.append(&entry("r", batch, Transition::Intend)).await {
                        Ok(()) => {}
                        Err(JournalError::LeaseLost { .. }) => return batch - first,
                        Err(error) => panic!("{error}"),
                    }
                }
                unreachable!("the range has no end")
            }
        );
        assert_eq!(seen, first + wrote, "what was told to be written was seen");
        overtaken += u32::from(wrote > 0);
        drop(lease);
    }
    assert!(overtaken > 0, "no race happened");
}

#[tokio::test]
async fn a_lease_is_renewed_and_scopes_do_not_know_each_other() {
    let database = Database::make().await;
    let (one, other) = (database.open().await, database.open().await);
    let of_one = one.acquire("one").await.expect("is free");
    let of_other = other.acquire("other").await.expect("another scope is free");
    one.begin_run(&run("r")).await.expect("each may write");
    other.append(&entry("r", 0, Transition::Intend)).await.expect("each may write");
    tokio::time::sleep(LASTS + LASTS / 2).await;
    assert!(of_one.is_held() && of_other.is_held());
    assert!(matches!(other.acquire("one").await, Err(JournalError::Busy { .. })));
}

#[tokio::test]
async fn a_connection_that_breaks_does_not_lose_the_lease() {
    let database = Database::make().await;
    let (one, other) = (database.open().await, database.open().await);
    let lease = one.acquire("any").await.expect("is free");
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended = database.connect().await.fetch_all(ended).await.expect("ends them");
    assert!(ended.len() >= 2, "the lease has a connection of its own");
    tokio::time::sleep(LASTS * 2).await;
    assert!(lease.is_held());
    assert!(matches!(other.acquire("any").await, Err(JournalError::Busy { .. })));
    one.begin_run(&run("r")).await.expect("goes on");
}

#[tokio::test]
async fn whoever_stops_in_the_middle_of_a_write_does_not_stop_the_others_for_long() {
    let database = Database::make().await;
    let (one, other) = (database.open().await, database.open().await);
    let mut stopped = server(&one).write().await.expect("begins to write");
    other.note_time(instant(0)).await.expect("the server ends the idle transaction");
    let late = sqlx::query("UPDATE hold_register SET revision = 99").execute(&mut *stopped).await;
    late.expect_err("it is ended");
    drop(stopped);
    assert_eq!(other.revision().await.expect("a revision"), 0);
    one.note_time(instant(1)).await.expect("goes on with another connection");
}

#[tokio::test]
async fn a_ledger_that_stays_locked_is_told_as_such() {
    let database = Database::make().await;
    let ledger = database.open().await;
    let mut other = database.connect().await;
    other.execute("BEGIN; LOCK TABLE oubliette.hold_register IN ACCESS EXCLUSIVE MODE").await.expect("locks");
    assert_eq!(ledger.note_time(instant(0)).await.expect_err("refused"), LedgerError::Locked);
    other.execute("ROLLBACK").await.expect("ends");
    ledger.note_time(instant(0)).await.expect("goes on");
}

#[tokio::test]
async fn a_server_that_only_reads_is_told_as_such() {
    let database = Database::make().await;
    database.open().await.close().await;
    let alter = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
    END $$";
    database.connect().await.execute(alter).await.expect("alters");
    let mut connection = database.connect().await;
    let error = connection.execute("CREATE TABLE public.a (b INTEGER)").await.expect_err("refused");
    assert_eq!(LedgerError::from(error), LedgerError::ReadOnly);
}

#[tokio::test]
async fn destroyed_keys_are_in_no_version_of_a_row() {
    let database = Database::make().await;
    let ledger = database.open().await;
    let mut record = RunRecord { run_key_sealed: Some(b"SEALED-RUN-KEY".to_vec()), ..run("r") };
    ledger.begin_run(&record).await.expect("begins");
    let sealed = Some(Sealed(b"INTENDED-KEYS".repeat(4_000)));
    ledger.append(&JournalEntry { sealed, ..entry("r", 0, Transition::Intend) }).await.expect("intends");
    let rest = [entry("r", 0, Transition::Act), entry("r", 0, Transition::Prove)];
    ledger.append_all(&rest).await.expect("acts and proves");
    for state in [RunState::Certifying, RunState::Certified] {
        record.state = state;
        ledger.update_run(&record).await.expect("goes forward");
    }
    let mut connection = database.connect().await;
    connection.execute("CREATE EXTENSION pageinspect").await.expect("looks into pages");
    assert!(versions_with_keys(&mut connection).await >= 2, "they are there before");
    ledger.destroy_sealed("r").await.expect("destroys");
    assert_eq!(versions_with_keys(&mut connection).await, 0);
}

/// Versions of rows, old ones included, of a run with its key and of sealed keys, that the pages of the
/// tables still lead to.
async fn versions_with_keys(connection: &mut PgConnection) -> i64 {
    let versions = "SELECT count(*)
         FROM (VALUES ('oubliette.run'), ('oubliette.batch_keys')) AS tables (name),
              generate_series(0, pg_relation_size(name) / 8192 - 1) AS page,
              heap_page_items(get_raw_page(name, page::INT))
         WHERE lp_flags = 1
           AND (name = 'oubliette.batch_keys' OR position('SEALED-RUN-KEY'::BYTEA IN t_data) > 0)";
    connection.fetch_one(versions).await.expect("counts").get(0)
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_database_as_it_was() {
    static BROKEN: &[Migration] = &[
        Migration { version: 1, name: "good", text: "CREATE TABLE a (b INTEGER)" },
        Migration { version: 2, name: "bad", text: "CREATE TABLE c (d INTEGER); CREATE TABEL" },
    ];
    let database = Database::make().await;
    let pool = PgPoolOptions::new().connect_with(options(&database.address).expect("an address")).await;
    assert!(migrate::run(&pool.expect("connects"), BROKEN).await.is_err());
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'oubliette'";
    let row = database.connect().await.fetch_one(schemas).await.expect("counts");
    assert_eq!(row.get::<i64, _>(0), 0);
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_not_taken_for_a_ledger_and_an_empty_one_is_used() {
    let database = Database::make().await;
    let mut connection = database.connect().await;
    connection.execute("CREATE SCHEMA oubliette; CREATE TABLE oubliette.a (b INTEGER)").await.expect("makes");
    assert_eq!(database.try_open(7).await.expect_err("refused"), LedgerError::NotALedger);
    connection.execute("DROP TABLE oubliette.a").await.expect("drops");
    database.open().await;
}

#[tokio::test]
async fn an_address_is_never_repeated() {
    for address in [
        "postgres://u:hunter2@h/db?hunter2=1",
        "postgres://u:hunter2@h:port/db",
        "postgres://u:hunter2@127.0.0.1/db?sslmode=hunter2",
        "hunter2",
    ] {
        let error = options(address).map(drop).expect_err("refused");
        assert_eq!(error, LedgerError::BadAddress, "{address}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let database = Database::make().await;
    let wrong = format!("{}_hunter2", database.address);
    let error = super::testing::open_at(&wrong, 7).await.expect_err("no such database");
    assert_eq!(error, LedgerError::failed("its database does not exist"));
    let ledger = database.open().await;
    assert!(!format!("{ledger:?}").contains("127.0.0.1"));
}

#[tokio::test]
async fn what_is_asked_before_each_batch_can_use_an_index() {
    let database = Database::make().await;
    let ledger = database.open().await;
    let mut work = server(&ledger).write().await.expect("begins");
    // The tables are empty: without this a scan is always cheaper.
    sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *work).await.expect("sets");
    for (statement, index) in [
        (
            "EXPLAIN SELECT count(*) FROM batch
             WHERE state IN ('intended', 'acted') AND state = 'intended' AND hold_revision < 5",
            "batch_open",
        ),
        (
            "EXPLAIN SELECT max(batch) FROM batch WHERE run_id = 'r' AND item = 1 AND batch >= 0 AND batch <= 7",
            "batch_number",
        ),
        ("EXPLAIN SELECT line FROM run WHERE state <> 'certified' ORDER BY line", "run_open"),
    ] {
        let rows = sqlx::query(statement).fetch_all(&mut *work).await.expect("explains");
        let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(told.iter().any(|line| line.contains(index)), "{statement}: {told:?}");
    }
}

/// Looks for a while beside what goes on, and tells what spoke for going slower.
async fn pressed_by(database: &Database, mut work: impl AsyncFnMut()) -> Vec<String> {
    let backend =
        PostgresBackend::new("crm", &database.address, PostgresOptions::default()).expect("an address");
    let mut session = backend.connect(Access::Read).await.expect("connects");
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    let mut reasons = Vec::new();
    while tokio::time::Instant::now() < until {
        for _ in 0..4 {
            work().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pressure = backend.pressure(&mut session, 0).await.expect("looks");
        reasons.extend(pressure.reasons);
    }
    reasons
}

#[tokio::test]
async fn a_ledger_in_the_purged_database_is_not_taken_for_others() {
    let database = Database::make().await;
    let ledger = database.open().await;
    let mut ours = 0;
    let own = pressed_by(&database, async || {
        server(&ledger).write().await.expect("begins").commit().await.expect("commits");
        server(&ledger).read().await.expect("begins").rollback().await.expect("ends");
        ours += 2;
    });
    assert_eq!(own.await, [""; 0]);
    assert!(ours > 200, "only {ours} transactions of the ledger");
    let mut other = database.connect().await;
    let others = pressed_by(&database, async || {
        other.execute("SELECT count(*) FROM oubliette.hold").await.expect("reads");
    });
    assert!(!others.await.is_empty(), "others were never seen");
}
