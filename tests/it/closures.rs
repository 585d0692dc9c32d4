//! Copies that outlived a run: closed by a further certificate when their date has passed, once, and only as
//! far as it is known.

use crate::buckets::place::{Place, rule, server};
use crate::support::{Project, find_text};
use aws_sdk_s3::types::ObjectLockRetentionMode as Mode;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::thread::sleep;
use std::time::Duration;

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: KEPT}
"#;

const DATA_MAP: &str = "datasets: [{name: a, store: shop, table: a, record_type: a, events: {made: made}}]\n";

const POLICY: &str = r"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
";

/// A project whose rows that are due are gone, while backups live for as long.
fn purged(kept: &str) -> Project {
    let project = Project::new(&SETTINGS.replace("KEPT", kept), DATA_MAP, &format!("{POLICY}{}", rule("a")));
    project.shop(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, made DATE);
         INSERT INTO a VALUES (1,'2010-01-01'),(2,'2010-01-01'),(3,'2026-01-01');",
    );
    project.approved();
    project.apply();
    project
}

#[track_caller]
fn closed(project: &Project) -> Vec<Value> {
    let answer = project.run(&["--format", "json", "certificates", "close-residuals"]).expect(0).json();
    answer["closures"].as_array().unwrap().clone()
}

/// The certificates of an archive in which nothing is to be found fault with.
#[track_caller]
fn certificates(project: &Project) -> usize {
    let report = project.run(&["--format", "json", "verify"]).expect(0).json();
    assert_eq!(report["findings"], json!([]), "{report}");
    report["certificates"].as_array().unwrap().len()
}

fn open(project: &Project) -> Value {
    project.run(&["--format", "json", "status"]).expect(0).json()["open_residuals"].clone()
}

#[test]
fn a_backup_whose_time_has_passed_is_closed_by_declaration_and_once() {
    let project = purged("PT2S");
    assert_eq!(open(&project)[0]["residuals"][0]["kind"], "backup");
    sleep(Duration::from_secs(3));
    let said = project.run(&["status"]).expect(0).stdout;
    assert!(said.contains("Remaining copies not closed: 1") && said.contains("close-residuals"), "{said}");
    let ends = closed(&project);
    assert_eq!(ends.len(), 1);
    assert_eq!(
        (&ends[0]["outcome"], &ends[0]["residuals"][0]["known"]),
        (&json!("complete"), &json!("declared_end"))
    );
    assert_eq!(open(&project), json!([]));
    assert_eq!(closed(&project), Vec::<Value>::new(), "nothing new, nothing written");
    assert_eq!(certificates(&project), 2);
    let id = find_text(&ends[0], "certificate_id").unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", &id]).expect(0).json();
    let predicate = &shown["statement"]["predicate"];
    assert_eq!(predicate["evidence"]["kind"], "residual_closure");
    assert_eq!(predicate["relatesTo"][0]["relation"], "closes_residual");
    let directory = find_text(&ends[0], "directory").unwrap();
    let page = fs::read_to_string(format!("{directory}/certificate.html")).unwrap();
    for words in
        ["its declared time has passed; nobody could look", "terme déclaré atteint", "Closed", "Clos"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(
        !page.contains("read back, and it is gone") && !page.contains("vérifié par relecture"),
        "nobody looked"
    );
}

#[test]
fn what_has_no_end_yet_or_none_at_all_stays_open() {
    for (kept, open_count) in [("P30D", 1), ("P0D", 0)] {
        let project = purged(kept);
        assert_eq!(open(&project).as_array().unwrap().len(), open_count);
        assert_eq!(closed(&project), Vec::<Value>::new());
        assert_eq!(certificates(&project), 1);
    }
}

#[test]
fn a_version_is_closed_only_when_a_run_has_taken_it() {
    let place = Place::new(true);
    let line = place.put("receipts/2018/01/1/locked", "x");
    let until = chrono::Utc::now().timestamp() + 12;
    place.retain(&line, Mode::Governance, until);
    let data_map = "datasets:\n  - {name: exports.receipts, store: exports, objects: {key: \"PREFIX/receipts/{year}/{month}/{customer_id}/{file*}\"}, record_type: receipt, events: {made: \"{year}-{month}\"}}\n";
    let project = place.project(&server().0, "", data_map, &rule("receipt"));
    project.approved();
    project.run(&["apply"]).expect(0);
    assert_eq!(open(&project)[0]["residuals"][0]["kind"], "object_version");
    let left = until + 1 - chrono::Utc::now().timestamp();
    sleep(Duration::from_secs(u64::try_from(left).unwrap_or(0)));
    assert_eq!(closed(&project), Vec::<Value>::new(), "free to go, and still there");
    assert_eq!(place.lines().len(), 1, "a closure removes nothing");
    project.approved();
    project.run(&["apply", "latest"]).expect(0);
    let ends = closed(&project);
    assert_eq!((ends.len(), &ends[0]["residuals"][0]["known"]), (1, &json!("seen_gone")));
    assert_eq!(certificates(&project), 3);
    assert_eq!(open(&project), json!([]));
}

const POINTS: &[&str] = &[
    "before-closure-fixed",
    "after-closure-fixed",
    "after-plan-filed",
    "after-entry",
    "after-checkpoint",
    "after-closure-announced",
    "after-envelope",
    "before-proof",
    "after-closure-published",
];

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_while_closing_there_is_one_closure() {
    let model = purged("PT1S");
    sleep(Duration::from_secs(2));
    for point in POINTS {
        let project = model.copy();
        let mut command = project.command(&["certificates", "close-residuals"]);
        let ended = command.env("OUBLIETTE_FAILPOINT", format!("{point}:1")).output().unwrap();
        assert_eq!(ended.status.signal(), Some(9), "{point}");
        let ends = closed(&project);
        assert!(ends.len() <= 1, "{point}: {ends:?}");
        assert_eq!(certificates(&project), 2, "{point}");
        assert_eq!((open(&project), closed(&project)), (json!([]), vec![]), "{point}");
    }
}
