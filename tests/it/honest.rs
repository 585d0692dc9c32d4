//! What a certificate and the commands say of records that did not go, and why.

use crate::support::{Project, find_text};
use serde_json::Value;
use std::fmt::Write as _;

/// One database and a rule for each table: what it is disposed of by, as the policy spells it.
pub(crate) fn project(tables: &[(&str, &str)], schema: &str) -> Project {
    let settings = crate::scenario::SETTINGS
        .replace("  files: {kind: directory, path: files, backups_kept: P7D}\n", "")
        .replace("P35D", "P0D");
    let (head, _) = crate::scenario::POLICY.split_once("rules:").unwrap();
    let mut data_map = String::from("datasets:\n");
    let mut policy = format!("{head}rules:\n");
    for (table, disposition) in tables {
        writeln!(
            data_map,
            "  - {{name: {table}, store: shop, table: {table}, record_type: {table}, events: {{seen: d}}}}"
        )
        .unwrap();
        writeln!(
            policy,
            "  - id: {table}\n    record_type: {table}\n    title: {{fr: T, en: T}}\n    \
             purpose: {{fr: P, en: P}}\n    legal_basis: eu-gdpr:A6-1-f\n    starts_from: seen\n    \
             retain_for: P3Y\n    disposition: {disposition}"
        )
        .unwrap();
    }
    let project = Project::new(&settings, &data_map, &policy);
    project.sql("shop.db", schema);
    project
}

/// Applies what is due: the answer of `apply` and the signed statement.
#[track_caller]
fn applied(project: &Project, code: i32) -> (Value, Value) {
    project.approved();
    let end = project.run(&["--format", "json", "apply"]).expect(code).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    let archive = project.path("certificates");
    project.run(&["verify", archive.to_str().unwrap(), "--trust-root", "trust-root.json"]).expect(0);
    (end, shown["statement"]["predicate"].clone())
}

/// Twenty old rows and one that is not due, in a table of which every change is refused.
fn refused_by_a_constraint() -> Project {
    project(
        &[("chk", r#"{anonymize: {s: {replace: "toolong"}}}"#)],
        "CREATE TABLE chk(id INTEGER PRIMARY KEY, d DATE, s TEXT CHECK (length(s) < 5));
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20)
         INSERT INTO chk SELECT i, '2010-01-01', 's' FROM n;
         INSERT INTO chk VALUES (21, date('now'), 's');",
    )
}

#[test]
fn records_that_a_constraint_keeps_are_still_there_on_the_certificate() {
    let (_, predicate) = applied(&refused_by_a_constraint(), 3);
    let target = &predicate["evidence"]["targets"][0];
    assert_eq!(target["counts"]["failed"], 20);
    assert_eq!(target["verification"]["method"], "re_query");
    assert_eq!(target["verification"]["remaining"], 20, "{target}");
    assert_eq!(predicate["outcome"], "failed");
    assert_eq!(predicate["schemaVersion"], 2);
}

/// A store that refuses is no run that was interrupted, and a run that was killed is one.
#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn only_a_run_that_was_interrupted_is_said_to_have_been() {
    let (_, predicate) = applied(&refused_by_a_constraint(), 3);
    assert_eq!(predicate["evidence"]["basis"], "observed");
    for point in ["after-intent:1", "after-commit:1"] {
        let project = project(
            &[("ok", "purge")],
            "CREATE TABLE ok(id INTEGER PRIMARY KEY, d DATE);
             INSERT INTO ok VALUES (1, '2010-01-01'), (2, date('now'));",
        );
        project.approved();
        let killed = project.command(&["apply"]).env("OUBLIETTE_FAILPOINT", point).output().unwrap();
        assert_eq!(killed.status.code(), None, "{point} was not reached");
        let end = project.run(&["--format", "json", "apply", "--resume"]).expect(0).json();
        let certificate = find_text(&end, "certificate_id").unwrap();
        let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
        assert_eq!(shown["statement"]["predicate"]["evidence"]["basis"], "reconciled", "{point}");
    }
}

#[test]
fn a_change_that_a_trigger_undoes_is_still_there_on_the_certificate() {
    let project = project(
        &[("tr", r#"{anonymize: {email: {replace: "gone"}}}"#), ("ok", "purge")],
        "CREATE TABLE tr(id INTEGER PRIMARY KEY, d DATE, email TEXT);
         CREATE TABLE ok(id INTEGER PRIMARY KEY, d DATE);
         CREATE TRIGGER undo AFTER UPDATE ON tr WHEN new.email = 'gone'
             BEGIN UPDATE tr SET email = old.email WHERE id = old.id; END;
         INSERT INTO tr VALUES (1, '2010-01-01', 'e@example.org');
         INSERT INTO ok VALUES (1, '2010-01-01');",
    );
    let (_, predicate) = applied(&project, 3);
    let targets = predicate["evidence"]["targets"].as_array().unwrap();
    let of = |name: &str| targets.iter().find(|target| target["dataset"] == name).unwrap();
    assert_eq!(of("tr")["verification"]["remaining"], 1, "{}", of("tr"));
    assert_eq!(of("ok")["verification"]["remaining"], 0, "{}", of("ok"));
    assert_eq!(predicate["outcome"], "partial");
}

#[test]
fn held_and_undecidable_records_are_still_there_and_excepted() {
    let project = project(
        &[("t", "purge")],
        "CREATE TABLE t(id INTEGER PRIMARY KEY, d DATE);
         INSERT INTO t VALUES (1, '2010-01-01'), (2, '2010-01-01'), (3, NULL), (4, date('now'));",
    );
    let hold = ["hold", "add", "--dataset", "t", "--where", "id = 1", "--matter", "m"];
    project.run(&[&hold[..], &["--reason", "r", "--owner", "o"]].concat()).expect(0);
    let (_, predicate) = applied(&project, 0);
    let target = &predicate["evidence"]["targets"][0];
    assert_eq!(target["counts"]["excepted"], 2);
    assert_eq!(target["verification"]["remaining"], 2, "{target}");
    assert_eq!(predicate["outcome"], "complete_with_exceptions");
}

#[test]
fn apply_and_the_certificate_say_why_records_failed_in_both_languages() {
    let project = refused_by_a_constraint();
    project.approved();
    let fr = project.run(&["--lang", "fr", "apply"]).expect(3).stdout;
    assert!(fr.contains("chk : 20 enregistrement(s), refusés par une contrainte"), "{fr}");
    let list = project.run(&["--format", "json", "certificates", "list"]).expect(0).json();
    let certificate = find_text(&list, "certificate_id").unwrap();
    let en = project.run(&["--lang", "en", "certificates", "show", &certificate]).expect(0).stdout;
    assert!(en.contains("chk: 20 record(s), refused by a constraint of the store (constraint)"), "{en}");
    let (end, _) = applied(&project, 3);
    assert_eq!(end["totals"][0]["failures"], serde_json::json!([{"code": "constraint", "count": 20}]));
}
