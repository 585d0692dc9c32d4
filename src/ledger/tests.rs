//! What holds for both kinds of ledger, told on each.

use super::postgres::testing::Database;
use super::story::{self, entry, hold, instant, run};
use super::*;
use crate::hold::{HoldError, HoldRegister};
use crate::ids::RandomIds;
use crate::journal::seal::KEY_BYTES;
use crate::journal::{JournalStore, Transition};
use tempfile::TempDir;

/// Where a test has its ledger.
enum Place {
    Sqlite(TempDir),
    Postgres(Box<Database>),
}

impl Place {
    fn on_sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a folder"))
    }

    async fn try_open(&self, key: u8) -> Result<Ledger, LedgerError> {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("ledger.db");
                Ledger::open_sqlite(&path, RunKey::new([key; KEY_BYTES]), Arc::new(RandomIds)).await
            }
            Self::Postgres(database) => database.try_open(key).await,
        }
    }

    async fn open(&self) -> Ledger {
        self.try_open(7).await.expect("the ledger opens")
    }
}

/// One statement, as somebody who tampers with the ledger would give it.
async fn tamper(ledger: &Ledger, text: &'static str) -> Result<u64, LedgerError> {
    let mut work = ledger.store.write().await?;
    let done = statement(text).execute(&mut work).await?;
    work.commit().await?;
    Ok(done)
}

/// A test for each kind of ledger out of one.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::Place::on_sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::Place::Postgres(Box::new(super::Database::make().await))).await;
            })*
        }
    };
}

on_both! {
    the_ledger_keeps_its_contract
    no_intent_slips_past_a_hold_in_a_thousand_tries
    a_ledger_of_a_newer_program_is_refused
    a_migration_that_was_edited_is_noticed
    a_wrong_key_is_told_when_opening
    a_hold_that_cannot_be_opened_closes_the_whole_register
    the_journal_is_never_edited
    errors_say_nothing_of_values
    the_clock_and_the_checkpoints_are_remembered
    a_clock_is_set_back_only_by_somebody_who_says_why
    many_may_open_a_new_ledger_at_once
    destroying_what_is_destroyed_in_part_goes_on
    a_right_is_given_back_when_it_is_dropped
    the_outbox_keeps_its_contract
}

async fn the_outbox_keeps_its_contract(place: &Place) {
    super::outbox::tests::contract(&place.open().await).await;
}

async fn the_ledger_keeps_its_contract(place: &Place) {
    story::tell_all(async || place.open().await).await;
}

async fn no_intent_slips_past_a_hold_in_a_thousand_tries(place: &Place) {
    story::no_intent_slips_past_a_hold(async || place.open().await, 1_000).await;
}

async fn a_ledger_of_a_newer_program_is_refused(place: &Place) {
    let ledger = place.open().await;
    let newer = "INSERT INTO schema_version (version, name, sha256) VALUES (99, 'later', '')";
    tamper(&ledger, newer).await.expect("inserts");
    let known = sqlite::MIGRATIONS.len().try_into().expect("few");
    assert_eq!(place.try_open(7).await.expect_err("refused"), LedgerError::Newer { found: 99, known });
}

async fn a_migration_that_was_edited_is_noticed(place: &Place) {
    let ledger = place.open().await;
    tamper(&ledger, "UPDATE schema_version SET sha256 = 'other'").await.expect("updates");
    assert_eq!(place.try_open(7).await.expect_err("refused"), LedgerError::OtherSchema { version: 1 });
}

async fn a_wrong_key_is_told_when_opening(place: &Place) {
    place.open().await.close().await;
    assert_eq!(place.try_open(8).await.expect_err("refused"), LedgerError::WrongKey);
}

async fn a_hold_that_cannot_be_opened_closes_the_whole_register(place: &Place) {
    let ledger = place.open().await;
    ledger.place(&hold("one")).await.expect("places");
    ledger.place(&hold("two")).await.expect("places");
    ledger.book().await.expect("can be read");
    let moved = "UPDATE hold SET sealed = (SELECT sealed FROM hold WHERE hold_id = 'one')";
    tamper(&ledger, moved).await.expect("moves a sealed text");
    let error = ledger.book().await.expect_err("refused");
    assert!(matches!(error, HoldError::Failed { .. }), "{error}");
}

async fn the_journal_is_never_edited(place: &Place) {
    let ledger = place.open().await;
    ledger.begin_run(&run("r")).await.expect("begins");
    ledger.append(&entry("r", 0, Transition::Intend)).await.expect("intends");
    for text in ["UPDATE journal SET at = ''", "DELETE FROM journal"] {
        assert!(tamper(&ledger, text).await.is_err(), "{text}");
    }
    tamper(&ledger, "UPDATE batch SET at = ''").await.expect("what is derived may be");
}

async fn errors_say_nothing_of_values(place: &Place) {
    let ledger = place.open().await;
    let text = "INSERT INTO hold_register (one, revision) SELECT 2, count(*) FROM hold WHERE hold_id = $1";
    let mut work = ledger.store.write().await.expect("begins to write");
    let error = statement(text).bind("alice@example.org").execute(&mut work).await.expect_err("refused");
    let told = format!("{error:?} {error}");
    assert!(told.contains("275 of SQLite") || told.contains("SQLSTATE 23514"), "{told}");
    assert!(!told.contains("alice") && !told.contains("hold_register"), "{told}");
}

async fn the_clock_and_the_checkpoints_are_remembered(place: &Place) {
    let ledger = place.open().await;
    assert_eq!(ledger.last_seen().await.expect("reads"), None);
    assert_eq!(ledger.checkpoint("log").await.expect("reads"), None);
    for second in [5, 9, 7] {
        ledger.note_time(instant(second)).await.expect("notes");
        ledger.put_checkpoint("log", second.to_string().as_bytes()).await.expect("puts");
    }
    ledger.put_checkpoint("other log", b"other").await.expect("puts");
    let again = place.open().await;
    assert_eq!(again.last_seen().await.expect("reads"), Some(instant(9)), "it never goes back");
    assert_eq!(again.checkpoint("log").await.expect("reads"), Some(b"7".to_vec()));
}

async fn a_clock_is_set_back_only_by_somebody_who_says_why(place: &Place) {
    let ledger = place.open().await;
    ledger.note_time(instant(9)).await.expect("notes");
    assert!(ledger.clock_acceptances().await.expect("reads").is_empty());
    let accepted = ClockAcceptance {
        seen_at: instant(9),
        accepted_at: instant(4),
        who: "alice".into(),
        why: "it ran ahead".into(),
    };
    ledger.accept_clock(&accepted).await.expect("accepts");
    let again = place.open().await;
    assert_eq!(again.last_seen().await.expect("reads"), Some(instant(4)));
    assert_eq!(again.clock_acceptances().await.expect("reads"), [accepted]);
}

async fn many_may_open_a_new_ledger_at_once(place: &Place) {
    let openers = (0..12).map(|_| place.open());
    let mut open: Vec<_> = openers.map(Box::pin).collect();
    // All are polled in turn by one task, so that each is under way before the first is done.
    let mut opened = 0;
    std::future::poll_fn(|context| {
        open.retain_mut(|opener| {
            let pending = opener.as_mut().poll(context).is_pending();
            opened += usize::from(!pending);
            pending
        });
        if open.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(opened, 12);
}

/// As after a process that died between the run's key and what it sealed.
async fn destroying_what_is_destroyed_in_part_goes_on(place: &Place) {
    let ledger = place.open().await;
    let mut record = run("r");
    ledger.begin_run(&record).await.expect("begins");
    let sealed = Some(crate::journal::Sealed(b"keys".to_vec()));
    let intended = crate::journal::JournalEntry { sealed, ..entry("r", 0, Transition::Intend) };
    let rest = [entry("r", 0, Transition::Act), entry("r", 0, Transition::Prove)];
    ledger.append(&intended).await.expect("intends");
    ledger.append_all(&rest).await.expect("acts and proves");
    for state in [crate::journal::RunState::Certifying, crate::journal::RunState::Certified] {
        record.state = state;
        ledger.update_run(&record).await.expect("goes forward");
    }
    tamper(&ledger, "UPDATE run SET run_key_sealed = NULL").await.expect("destroys the first part");
    assert_eq!(place.open().await.undestroyed_runs().await.expect("runs"), ["r"]);
    assert!(ledger.batches("r", None, 1).await.expect("batches")[0].intended.is_some());
    ledger.destroy_sealed("r").await.expect("destroys the rest");
    assert_eq!(ledger.undestroyed_runs().await.expect("runs"), [""; 0]);
    assert_eq!(ledger.batches("r", None, 1).await.expect("batches")[0].intended, None);
}

async fn a_right_is_given_back_when_it_is_dropped(place: &Place) {
    let (one, other) = (place.open().await, place.open().await);
    for _ in 0..3 {
        for (mine, theirs) in [(&one, &other), (&other, &one)] {
            let lease = mine.acquire("any").await.expect("is free");
            assert!(lease.is_held());
            for ledger in [mine, theirs] {
                let busy = ledger.acquire("any").await;
                assert!(matches!(busy, Err(JournalError::Busy { scope }) if scope == "any"));
            }
            drop(lease);
        }
    }
}
