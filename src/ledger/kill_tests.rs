//! A process that is really killed (`kill -9`) while it writes: what it was told is durable is there,
//! and its lease is free at once.

use super::story::{entry, run};
use super::tests::open;
use super::*;
use crate::journal::{BatchState, JournalError, JournalStore, Transition};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// Names the ledger to the child.
const LEDGER: &str = "OUBLIETTE_TEST_LEDGER";

/// The child: by itself it has nothing to do. It tells each batch that it was told is durable.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a child process is told its ledger by the environment")]
async fn child() {
    let Ok(path) = std::env::var(LEDGER) else { return };
    let ledger = open(Path::new(&path)).await;
    let _lease = ledger.acquire("r").await.expect("is free");
    for batch in ledger.next_batch("r", 0).await.expect("a number").. {
        ledger.append(&entry("r", batch, Transition::Intend)).await.expect("intends");
        let rest = [entry("r", batch, Transition::Act), entry("r", batch, Transition::Prove)];
        ledger.append_all(&rest).await.expect("acts and proves");
        writeln!(std::io::stdout(), "batch {batch} is proven").expect("tells");
    }
}

fn start_child(path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "--nocapture", "ledger::kill_tests::child"])
        .env(LEDGER, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Reads until the child told `count` batches; the last one told.
fn told(child: &mut Child, count: usize) -> u32 {
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let batches = lines.filter_map(|line| {
        let rest = line.split_once("batch ")?.1;
        rest.strip_suffix(" is proven")?.parse().ok()
    });
    batches.take(count).last().expect("the child told something")
}

#[tokio::test]
async fn a_killed_process_leaves_its_journal_whole_and_its_lease_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.db");
    let ledger = open(&path).await;
    ledger.begin_run(&run("r")).await.expect("begins");
    for round in 1..=8 {
        let mut child = start_child(&path);
        let last = told(&mut child, round * 3);
        let busy = ledger.acquire("r").await;
        assert!(matches!(busy, Err(JournalError::Busy { .. })), "the child works");
        child.kill().expect("kills");
        child.wait().expect("ends");
        let lease = ledger.acquire("r").await.expect("is free at once");

        let batches = ledger.batches("r", None, 10_000).await.expect("batches");
        let proven = batches.iter().take_while(|batch| batch.state == BatchState::Proven).count();
        assert!(proven > usize::try_from(last).expect("small"), "batch {last} was told to be durable");
        let doubt = ledger.open_batches("r").await.expect("open batches");
        assert!(batches.len() - proven == doubt.len() && doubt.len() <= 1, "at most one is in doubt");
        for batch in doubt {
            assert_eq!(batch.state, BatchState::Intended, "what acted was proven with it");
            ledger.append(&entry("r", batch.id.batch, Transition::Settle)).await.expect("settles");
            ledger.append(&entry("r", batch.id.batch, Transition::Prove)).await.expect("proves");
        }
        drop(lease);
    }
}
