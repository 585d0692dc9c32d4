//! A clock that ran ahead once, and the deliberate way out.

use crate::honest::project;
use crate::support::{Answer, Project, binary};
use std::process::Command;

/// The program with the machine's clock two years ahead.
#[track_caller]
fn in_two_years(project: &Project, arguments: &[&str]) {
    let output = Command::new("faketime")
        .args(["-f", "+2y", binary(), "--config"])
        .arg(project.path("oubliette.yaml"))
        .args(arguments)
        .current_dir(project.path(""))
        .output()
        .expect("the command faketime is needed: run ./scripts/test");
    Answer::of(&output).expect(0);
}

/// A project that was run once while the clock was two years ahead; a row is due since.
fn ahead() -> Project {
    let project = project(
        &[("t", "purge")],
        "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);
         INSERT INTO t VALUES (1, '2010-01-01'), (2, date('now'));",
    );
    in_two_years(&project, &["plan", "--author", "engineer"]);
    in_two_years(&project, &["approve", "latest", "--as", "dpo"]);
    in_two_years(&project, &["apply"]);
    project.sql("shop.db", "INSERT INTO t VALUES (3, '2011-01-01');");
    project
}

#[test]
fn a_ledger_that_has_seen_the_future_refuses_until_a_person_accepts_the_clock() {
    let project = ahead();
    let id = crate::support::plan_id(&project.plan());
    let refused = project.run(&["approve", &id, "--as", "dpo"]).expect(5);
    assert!(refused.stderr.contains("oubliette accept-clock --as NAME --reason TEXT"), "{}", refused.stderr);
    let refused = project.run(&["apply"]).expect(1);
    assert!(refused.stderr.contains("the ledger has seen"), "{}", refused.stderr);
    assert!(refused.stderr.contains("oubliette accept-clock --as NAME --reason TEXT"), "{}", refused.stderr);
    let status = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status["clock_behind"], true);
    let shown = project.run(&["--format", "json", "show"]).expect(0).json();
    assert_eq!(shown["ready"], false);
    for incomplete in [
        &["accept-clock"][..],
        &["accept-clock", "--as", "ops"],
        &["accept-clock", "--as", "ops", "--reason", ""],
    ] {
        project.run(incomplete).expect(2);
    }
    let accepted = project.run(&["accept-clock", "--as", "ops", "--reason", "woke in the future"]).expect(0);
    assert!(accepted.stdout.contains("ops: woke in the future"), "{}", accepted.stdout);
    project.approved();
    project.apply();
    assert_eq!(project.sql("shop.db", "SELECT id FROM t;"), "2");
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    let status = project.run(&["--lang", "fr", "status"]).expect(0).stdout;
    assert!(status.contains("par ops : woke in the future"), "{status}");
    let json = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(json["clock_behind"], false);
    assert_eq!(json["clock_acceptances"][0]["why"], "woke in the future");
    // Who and why is nobody's to read in the ledger's file.
    let ledger = std::fs::read(project.path("state/ledger.db")).unwrap();
    assert!(!ledger.windows(18).any(|bytes| bytes == b"woke in the future"));
}

#[test]
fn a_clock_that_is_not_behind_is_not_accepted() {
    let project = project(&[("t", "purge")], "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);");
    let refused = project.run(&["accept-clock", "--as", "ops", "--reason", "r"]).expect(2);
    assert!(refused.stderr.contains("nothing to accept"), "{}", refused.stderr);
}

#[test]
fn a_plan_from_the_future_is_not_the_latest_for_ever() {
    let project = ahead();
    in_two_years(&project, &["plan"]);
    let id = crate::support::plan_id(&project.plan());
    let shown = project.run(&["--format", "json", "show", "latest"]).expect(0).json();
    assert_eq!(crate::support::plan_id(&shown), id);
}
