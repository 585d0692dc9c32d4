//! A server that dies right after the statement of a batch and before its commit: the batch is lost, and so is
//! the number of its transaction, which the server gives to somebody else, who commits. Whoever asked for the
//! number's status would be told that the batch is committed. The run looks instead.

use super::story::{BATCH_RECORDS, Story};
use super::writer::TABLES;
use super::{End, beside, end_of, report};
use crate::support::Project;
use crate::support::server::{Database, Server};
use crate::support::victim::Victim;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

/// Who goes on after the crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heir {
    /// The process that began the batch, whose commit fails.
    Same,
    /// Another one, since that was killed.
    Next,
}

const TRIES_MAX: u32 = 10;
/// One of the first batches of prospects.
const LOST_BATCH: &str = "before-commit:8:stop";

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_transaction_id_that_somebody_else_got_after_a_crash_claims_nothing() {
    let victim = Victim::start(Server::Postgres);
    let administrator = Database::at(Server::Postgres, victim.administrator());
    // What is not committed is to be lost: nobody writes it out by the way.
    administrator.sql("ALTER SYSTEM SET wal_writer_delay = '10s';");
    administrator.sql("ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf();");
    let story = Story::tell_beside(Database::at(Server::Postgres, victim.administrator()));
    for heir in [Heir::Same, Heir::Next] {
        let mut reused = 0;
        for _ in 0..TRIES_MAX {
            reused += u32::from(one(&victim, &story, heir));
            if reused == 2 {
                break;
            }
        }
        report(&format!("Postgres: {reused} transaction ids were given away again, {heir:?} process"));
        assert!(reused > 0, "no server gave the lost id away: the test shows nothing");
    }
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_batch_that_a_mariadb_server_lost_claims_nothing() {
    let victim = Victim::start(Server::Mysql);
    let story = Story::tell_beside(Database::at(Server::Mysql, victim.administrator()));
    for heir in [Heir::Same, Heir::Next] {
        one(&victim, &story, heir);
    }
}

/// Crashes the server while our process stands right before its commit, lets others commit, one of them also
/// removing a row of the lost batch, and goes on. Answers whether the lost id was given away.
fn one(victim: &Victim, story: &Story, heir: Heir) -> bool {
    let project = story.project.copy();
    project.approved();
    let mut child = apply(&project, false, Some(LOST_BATCH));
    wait_until_stopped(&child);
    let lost = lost_id(&project);
    victim.crash();
    let database = project.database.as_ref().unwrap();
    let reused = others(database, &lost);
    if heir == Heir::Next {
        child.kill().unwrap();
        assert_eq!(end_of(&mut child), End::Killed);
        child = apply(&project, true, None);
    } else {
        signal(&child, "-CONT");
    }
    let end = end_of(&mut child);
    assert!(matches!(end, End::Ended(0, _)), "{end:?}");
    let found = beside::account(story, &project);
    assert!(found.faults.is_empty(), "{heir:?}, reused: {reused}: {}\n{end:?}", found.faults.join("\n"));
    assert!(!found.in_part && found.taken_up == 0, "{end:?}");
    reused
}

pub(super) fn apply(project: &Project, resume: bool, failpoint: Option<&str>) -> Child {
    let arguments: &[&str] = if resume { &["apply", "--resume"] } else { &["apply", "latest"] };
    let mut command = project.command(arguments);
    command
        .env("OUBLIETTE_BATCH_RECORDS", BATCH_RECORDS)
        .env("OUBLIETTE_IGNORE_PRESSURE", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(failpoint) = failpoint {
        command.env("OUBLIETTE_FAILPOINT", failpoint);
    }
    command.spawn().unwrap()
}

/// By the state of its main thread in `/proc`.
pub(super) fn wait_until_stopped(child: &Child) {
    for _ in 0..2_000 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        if stat.rsplit_once(") ").unwrap().1.starts_with('T') {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the process never came to its failpoint");
}

pub(super) fn signal(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The ids of the transactions that are about to commit.
fn lost_id(project: &Project) -> Vec<String> {
    if project.database.as_ref().unwrap().server == Server::Mysql {
        return Vec::new();
    }
    let ids = project.shop(
        "SELECT backend_xid FROM pg_stat_activity WHERE application_name LIKE 'oubliette %'
         AND backend_xid IS NOT NULL AND datname = current_database();",
    );
    assert!(!ids.is_empty(), "no transaction is open");
    ids.lines().map(str::to_owned).collect()
}

/// Others commit their transactions, until one of them has had a lost id; the first removes some of the
/// prospects of the lost batch.
fn others(database: &Database, lost: &[String]) -> bool {
    let (_, _, image) = TABLES[0];
    database.sql(
        &format!("BEGIN; INSERT INTO foreign_log SELECT 1, 'delete', 'shop.prospects', id, {image}, NULL FROM prospects
             WHERE id < 100 AND id % 4 = 0 FOR UPDATE;
         DELETE FROM prospects WHERE id < 100 AND id % 4 = 0; COMMIT;"),
    );
    if database.server == Server::Mysql {
        return false;
    }
    for _ in 0..20 {
        database.sql("SELECT pg_current_xact_id();");
    }
    lost.iter().any(|id| database.sql(&format!("SELECT pg_xact_status('{id}');")) == "committed")
}
