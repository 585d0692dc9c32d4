//! Small promises of the commands, each broken once.

use crate::honest::project;
use crate::support::{Project, binary, find_text};
use std::process::Command;

fn one_row() -> Project {
    project(
        &[("t", "purge")],
        "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);
         INSERT INTO t VALUES (1, '2010-01-01'), (2, date('now')), (3, date('now')), (4, date('now')),
             (5, date('now')), (6, date('now'));",
    )
}

#[test]
fn a_plan_whose_file_exists_is_not_drafted() {
    let project = one_row();
    project.write("plan.json", "mine");
    let refused = project.run(&["plan", "--out", "plan.json"]).expect(2);
    assert!(refused.stderr.contains("exists already") && refused.stderr.contains("name another file"));
    assert!(!refused.stderr.contains("directory"), "{}", refused.stderr);
    let status = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status["plans"], serde_json::json!([]));
    project.run(&["plan", "--out", "other.json"]).expect(0);
}

#[test]
fn completions_are_json_when_json_is_asked_for() {
    let answer = Command::new(binary()).args(["--format", "json", "completions", "bash"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!((&json["format_version"], &json["shell"]), (&1.into(), &"bash".into()));
    assert!(json["script"].as_str().unwrap().contains("oubliette"));
}

#[test]
fn a_dataset_that_cannot_be_counted_is_not_said_to_have_nothing() {
    let project = project(
        &[("t", "purge")],
        "CREATE TABLE t(id INTEGER, d DATE); INSERT INTO t VALUES (1, '2010-01-01');",
    );
    let page = project.run(&["--lang", "en", "plan"]).expect(0);
    assert!(page.stdout.contains("Not counted"), "{}", page.stdout);
    assert!(!page.stdout.contains("0 of 0") && !page.stderr.contains("Nothing is due"), "{page:?}");
}

#[test]
fn a_store_that_is_gone_is_said_to_be_so_once() {
    let project = one_row();
    std::fs::remove_file(project.path("shop.db")).unwrap();
    let said = project.run(&["plan"]).expect(0).stdout;
    assert!(said.contains("store 'shop' cannot be reached"), "{said}");
    assert!(!said.contains("cannot be reached: store"), "{said}");
}

#[test]
fn a_hold_that_is_refused_names_no_hold() {
    let project = one_row();
    let add = ["hold", "add", "--dataset", "t", "--where", "nothing = 1", "--matter", "m"];
    let refused = project.run(&[&add[..], &["--reason", "r", "--owner", "o"]].concat()).expect(2);
    assert!(refused.stderr.contains("the hold was not placed"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hold-"), "{}", refused.stderr);
    let holds = project.run(&["--format", "json", "hold", "list"]).expect(0).json();
    assert_eq!(find_text(&holds, "hold_id"), None);
}

#[test]
fn a_plan_under_a_standing_approval_is_approved_in_the_status() {
    let project = one_row();
    project.run(&["approve", "--standing", "shop/t", "--as", "dpo"]).expect(0);
    project.plan();
    let approved =
        || project.run(&["--format", "json", "status"]).expect(0).json()["plans"][0]["approved"].clone();
    assert_eq!(approved(), true);
    project.apply();
    assert_eq!(approved(), true);
    let other = one_row();
    other.plan();
    let status = other.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status["plans"][0]["approved"], false);
}

#[test]
fn an_archive_in_which_nothing_was_certified_yet_is_said_to_be_empty() {
    let project = one_row();
    std::fs::create_dir_all(project.path("certificates")).unwrap();
    let said = project.run(&["verify", "certificates"]).expect(6);
    assert!(said.stdout.contains("The archive is empty: nothing was applied"), "{}", said.stdout);
    assert!(!said.stdout.contains("NOT good"), "{}", said.stdout);
    project.approved();
    project.apply();
    project.run(&["verify", "certificates"]).expect(0);
}
