//! A process that is really killed (`kill -9`) while it writes: what it was told is durable is there,
//! and its lease is free: at once on SQLite, once it expired on PostgreSQL.

use super::postgres::testing::{Database, LASTS, open_at};
use super::sqlite::tests::open;
use super::story::{entry, run};
use super::*;
use crate::journal::{BatchState, JournalError, JournalStore, RunLease, Transition};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Names the ledger to the child: a path or an address.
const LEDGER: &str = "OUBLIETTE_TEST_LEDGER";

/// The child: by itself it has nothing to do. It tells each batch that it was told is durable.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a child process is told its ledger by the environment")]
async fn child() {
    let Ok(place) = std::env::var(LEDGER) else { return };
    let ledger = if place.contains("://") {
        open_at(&place, 7).await.expect("the ledger opens")
    } else {
        open(Path::new(&place)).await
    };
    let _lease = ledger.acquire("r").await.expect("is free");
    for batch in ledger.next_batch("r", 0, 0).await.expect("a number").. {
        if let Err(error) = work(&ledger, batch).await {
            writeln!(std::io::stdout(), "the end: {error}").expect("tells");
            return;
        }
        writeln!(std::io::stdout(), "batch {batch} is proven").expect("tells");
    }
}

async fn work(ledger: &Ledger, batch: u32) -> Result<(), JournalError> {
    ledger.append(&entry("r", batch, Transition::Intend)).await?;
    let rest = [entry("r", batch, Transition::Act), entry("r", batch, Transition::Prove)];
    ledger.append_all(&rest).await
}

fn start_child(place: &str) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--nocapture", "ledger::kill_tests::child"])
        .env(LEDGER, place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// What the child tells.
fn lines_of(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok)
}

/// Reads until the child told `count` batches; the last one told.
fn told(lines: &mut impl Iterator<Item = String>, count: usize) -> u32 {
    let batches = lines.filter_map(|line| {
        let rest = line.split_once("batch ")?.1;
        rest.strip_suffix(" is proven")?.parse().ok()
    });
    batches.take(count).last().expect("the child told something")
}

/// What the child was told is durable is proven, at most one batch is in doubt, and that can be settled.
async fn check_whole(ledger: &Ledger, last: u32) {
    let batches = ledger.batches("r", None, 100_000).await.expect("batches");
    let proven = batches.iter().take_while(|batch| batch.state == BatchState::Proven).count();
    assert!(proven > usize::try_from(last).expect("small"), "batch {last} was told to be durable");
    let doubt = ledger.open_batches("r").await.expect("open batches");
    assert!(batches.len() - proven == doubt.len() && doubt.len() <= 1, "at most one is in doubt");
    for batch in doubt {
        assert_eq!(batch.state, BatchState::Intended, "what acted was proven with it");
        ledger.append(&entry("r", batch.id.batch, Transition::Settle)).await.expect("settles");
        ledger.append(&entry("r", batch.id.batch, Transition::Prove)).await.expect("proves");
    }
}

#[tokio::test]
async fn a_killed_process_leaves_its_journal_whole_and_its_lease_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for round in 1..=8 {
        let mut child = start_child(path.to_str().expect("a text"));
        // Kept to the end: a child that cannot tell any more would stop by itself.
        let mut lines = lines_of(&mut child);
        let last = told(&mut lines, round * 3);
        let busy = ledger.acquire("r").await;
        assert!(matches!(busy, Err(JournalError::Busy { .. })), "the child works");
        child.kill().expect("kills");
        child.wait().expect("ends");
        let _lease = ledger.acquire("r").await.expect("is free at once");
        check_whole(&ledger, last).await;
    }
}

/// Asks until the lease is free; how often it was not.
async fn take_over(ledger: &Ledger) -> (Box<dyn RunLease>, u32) {
    for refused in 0.. {
        assert!(refused < 600, "it never expires");
        match ledger.acquire("r").await {
            Ok(lease) => return (lease, refused),
            Err(JournalError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the range has no end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_its_lease_on_a_server_when_it_expires() {
    let database = Database::make().await;
    let ledger = database.open().await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for round in 1..=3 {
        let mut child = start_child(&database.address);
        // Kept to the end: a child that cannot tell any more would stop by itself.
        let mut lines = lines_of(&mut child);
        let last = told(&mut lines, round * 3);
        let busy = ledger.acquire("r").await;
        assert!(matches!(busy, Err(JournalError::Busy { .. })), "the child works");
        child.kill().expect("kills");
        child.wait().expect("ends");
        let (_lease, refused) = take_over(&ledger).await;
        assert!(refused > 0, "the server does not see that a process died");
        check_whole(&ledger, last).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_paused_while_another_took_over_writes_nothing_more() {
    let database = Database::make().await;
    let ledger = database.open().await;
    ledger.begin_run(&run("r")).await.expect("begins");
    let mut child = start_child(&database.address);
    let mut lines = lines_of(&mut child);
    told(&mut lines, 3);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::STOP).expect("pauses");
    let (lease, _) = take_over(&ledger).await;
    let before = ledger.batches("r", None, 100_000).await.expect("batches");
    kill_process(pid, Signal::CONT).expect("resumes");
    let end = lines.find(|line| line.contains("the end: ")).expect("it says why it ends");
    // Or its connection was ended by the server in the middle of a transaction.
    let lost = JournalError::LeaseLost { scope: "r".into() }.to_string();
    assert!(end.contains(&lost) || end.contains("the ledger failed"), "{end}");
    child.wait().expect("ends");
    assert_eq!(ledger.batches("r", None, 100_000).await.expect("batches"), before, "nothing was written");
    assert!(lease.is_held(), "what the old owner gave back was not this lease");
    tokio::time::sleep(LASTS).await;
    assert!(lease.is_held(), "and it is renewed");
}
