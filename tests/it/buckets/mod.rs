//! Buckets through the whole program, on a real server: every version gone that is due, nothing else, and
//! nothing claimed that the store keeps.

mod archive;
mod faults;
mod inventory;
mod kills;
pub(crate) mod place;
mod proxy;

use crate::support::{Project, find_text};
use aws_sdk_s3::types::ObjectLockRetentionMode as Mode;
use oubliette::certificate::CommitmentKey;
use place::{Line, Place, is_past, rule, server, year};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

/// Keys that break other programs; without `//` and the backslash, of which SeaweedFS makes other keys.
const ODD: &[&str] = &[
    "a b+c",
    "a%2Fb",
    "%",
    "+",
    "a&<>\"'b",
    "é中🦀",
    "e\u{301}",
    "trailing ",
    "tab\there",
    "line\nbreak",
    "cr\rhere",
    "=;,?#",
    "'",
    "*",
    "deep/er/still",
    "upload;x",
    "null;1;x",
];

pub(crate) const DATA_MAP: &str = r#"
datasets:
  - name: exports.receipts
    store: exports
    objects: {key: "PREFIX/receipts/{year}/{month}/{customer_id}/{file*}"}
    record_type: receipt
    subject: {customer_id: customer_id}
    events: {made: "{year}-{month}"}
"#;

/// 1 January 2031, in seconds.
pub(crate) const UNTIL: i64 = 1_924_992_000;

/// The signed predicate of the newest certificate, after `apply` ended with this code.
#[track_caller]
fn applied(project: &Project, code: i32) -> Value {
    let end = project.run(&["--format", "json", "apply"]).expect(code).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    let archive = project.path("certificates");
    project.run(&["verify", archive.to_str().unwrap(), "--trust-root", "trust-root.json"]).expect(0);
    shown["statement"]["predicate"].clone()
}

/// The commitments of a certificate, and those to these records computed anew.
fn commitments(project: &Project, id: &str, place: &Place, gone: &BTreeSet<Line>) -> [Vec<[u8; 32]>; 2] {
    let bytes = fs::read(project.path(&format!("sealed/{id}/record-commitments.bin"))).unwrap();
    let stated = bytes.as_chunks::<32>().0.to_vec();
    let seed = fs::read(project.path(&format!("sealed/{id}/seed"))).unwrap();
    let key = CommitmentKey::new(seed.try_into().unwrap());
    let mut expected: Vec<[u8; 32]> =
        gone.iter().map(|line| key.commit("exports", "exports.receipts", &place.canonical(line))).collect();
    expected.sort_unstable();
    [stated, expected]
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A place with five versions of each object, a tenth of those that are due under each kind of retention.
struct Filled {
    place: Place,
    go: BTreeSet<Line>,
    stay: BTreeSet<Line>,
    /// Versions under governance, and under compliance.
    locked: [Vec<Line>; 2],
}

fn filled(objects: usize) -> Filled {
    let place = Place::new(true);
    let mut keys: Vec<String> = (0..objects)
        .map(|at| {
            let (year, month, customer) = (year(at), 1 + at % 9, at % 7);
            format!("receipts/{year}/{month:02}/{customer}/{at:06}.pdf")
        })
        .collect();
    keys.extend(ODD.iter().map(|odd| format!("receipts/2018/03/1/{odd}")));
    keys.push(format!("receipts/2018/03/1/{}", "k".repeat(1024 - place.prefix.len() - 19)));
    let mut lines = Vec::new();
    for _ in 0..5 {
        lines.extend(place.put_all(&keys));
    }
    let others: Vec<String> = ODD.iter().map(|odd| format!("others/2018/03/1/{odd}")).collect();
    let mut stay: BTreeSet<Line> = place.put_all(&others).into_iter().collect();
    stay.insert(place.put("receipts/2018/03/no-customer", "x"));
    let mut go = BTreeSet::new();
    let mut locked = [Vec::new(), Vec::new()];
    for (at, line) in lines.iter().enumerate() {
        let parts: Vec<&str> = line.0.split('/').collect();
        let is_due = is_past(parts[1].parse().unwrap()) && parts[3] != "3";
        match at % 10 {
            4 if is_due => {
                place.retain(line, Mode::Governance, UNTIL);
                locked[0].push(line.clone());
            }
            7 if is_due => {
                place.retain(line, Mode::Compliance, UNTIL + 86_400);
                locked[1].push(line.clone());
            }
            _ if is_due => {
                go.insert(line.clone());
                continue;
            }
            _ => {}
        }
        stay.insert(line.clone());
    }
    // A marker goes with the last of its versions, and stays over one that stays.
    let kept: BTreeSet<String> = stay.iter().map(|(key, _)| key.clone()).collect();
    for key in keys.iter().step_by(5) {
        let marker = place.hide(key);
        if kept.contains(key) {
            stay.insert(marker)
        } else {
            go.insert(marker)
        };
    }
    go.insert(place.begin_upload("receipts/2019/01/1/unfinished"));
    stay.insert(place.begin_upload("receipts/2099/01/1/unfinished"));
    assert_eq!(place.lines(), go.union(&stay).cloned().collect());
    Filled { place, go, stay, locked }
}

/// `OUBLIETTE_S3_OBJECTS=20000` asks for more objects than the usual run of the tests makes.
#[test]
fn everything_due_and_free_goes_and_what_is_locked_is_certified_with_its_date() {
    let Filled { place, go, stay, locked: locked_lines } = filled(number("OUBLIETTE_S3_OBJECTS", 150));
    let locked = [0, 1].map(|kind: usize| locked_lines[kind].len());
    let mut before = place.listing();
    let began = Instant::now();
    let project = place.project(&server().0, "", DATA_MAP, &rule("receipt"));
    let hold =
        ["hold", "add", "--subject", "customer_id=3", "--matter", "m", "--reason", "r", "--owner", "o"];
    project.run(&hold).expect(0);
    let plan = project.approved();
    let counts = &plan["plan"]["items"][0]["counts"];
    assert_eq!(counts["due"], go.len(), "{counts}");
    assert_eq!(counts["locks"]["governance"]["count"], locked[0], "{counts}");
    let page = project.run(&["--lang", "en", "show", "latest"]).expect(0).stdout;
    assert!(page.contains("compliance retention of Object Lock, until 2031-01-02"), "{page}");
    let predicate = applied(&project, 0);
    let took = began.elapsed().as_secs();
    let after = place.listing();
    assert!(after.keys().eq(stay.iter()), "what is left is what must stay");
    before.retain(|line, _| stay.contains(line));
    let both = after.iter().map(|(line, told)| (line, before.get(line), told));
    let changed: Vec<_> = both.filter(|(_, before, after)| *before != Some(after)).take(3).collect();
    assert!(after == before, "what stays is as it was: {changed:?}");
    for (kind, lines) in locked_lines.iter().enumerate() {
        let expected = [(Mode::Governance, UNTIL), (Mode::Compliance, UNTIL + 86_400)][kind].clone();
        assert!(lines.iter().all(|line| place.retention(line) == expected), "locks are as they were");
    }
    eprintln!("went: {}, stayed: {}, of them locked: {locked:?}, seconds: {took}", go.len(), stay.len());
    let target = &predicate["evidence"]["targets"][0];
    assert_eq!(target["counts"]["purged"], go.len());
    assert_eq!(target["technique"], "s3.delete-version");
    let exceptions = target["exceptions"].as_array().unwrap();
    let kept = |code: &str| exceptions.iter().find(|one| one["code"] == code).unwrap();
    assert_eq!(kept("object_lock.governance")["count"], locked[0]);
    assert_eq!(kept("object_lock.governance")["reviewOn"], "2031-01-01");
    assert_eq!(kept("object_lock.compliance")["count"], locked[1]);
    let residuals = predicate["evidence"]["residuals"].as_array().unwrap();
    assert_eq!(residuals.len(), 1, "{residuals:?}");
    assert_eq!(residuals[0]["kind"], "object_version");
    assert!(residuals[0]["expiresAt"].as_str().unwrap().starts_with("2031-01-02T00:00:00"), "{residuals:?}");
    assert_eq!(predicate["outcome"], "complete_with_exceptions");
    let id = find_text(&predicate, "certificateId").unwrap();
    let [stated, expected] = commitments(&project, &id, &place, &go);
    assert!(stated == expected, "the commitments are those to what went");
}

#[test]
fn a_hold_of_the_store_makes_the_certificate_partial() {
    let place = Place::new(true);
    let held = place.put("receipts/2018/01/1/held", "x");
    place.put("receipts/2018/01/1/free", "x");
    place.hold(&held);
    let project = place.project(&server().0, "", DATA_MAP, &rule("receipt"));
    project.approved();
    let predicate = applied(&project, 3);
    assert_eq!(predicate["outcome"], "partial");
    assert_eq!(predicate["evidence"]["residuals"][0]["status"], "unknown");
    assert_eq!(place.lines(), BTreeSet::from([held]));
}

#[test]
fn governance_is_bypassed_only_when_the_settings_say_so_and_a_person_agrees() {
    let place = Place::new(true);
    for mode in [Mode::Governance, Mode::Compliance] {
        let line = place.put(&format!("receipts/2018/01/1/{}", mode.as_str()), "x");
        place.retain(&line, mode, UNTIL);
    }
    let project = place.project(&server().0, "bypass_governance: true", DATA_MAP, &rule("receipt"));
    let plan = project.approved();
    let findings = plan["plan"]["findings"].as_array().unwrap();
    let bypass = findings.iter().find(|finding| finding["code"] == "lock_bypassed").unwrap();
    assert_eq!(bypass["severity"], "needs_approval");
    let predicate = applied(&project, 0);
    let target = &predicate["evidence"]["targets"][0];
    assert_eq!(target["technique"], "s3.delete-version.bypass-governance");
    assert_eq!(target["counts"]["purged"], 1);
    let left: Vec<String> = place.lines().into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["receipts/2018/01/1/COMPLIANCE"]);
}

#[test]
fn objects_that_rows_name_go_before_the_rows() {
    let place = Place::new(false);
    for name in ["1", "2", "3", "3-b"] {
        for content in ["old", "new"] {
            place.put(&format!("notes/{name}"), content);
        }
    }
    place.hide("notes/2");
    let data_map = r#"
datasets:
  - {name: a, store: shop, table: a, record_type: a, events: {made: made}, links: [{column: path, to: exports.notes, ownership: owns}]}
  - {name: b, store: shop, table: b, record_type: b, links: [{column: path, to: exports.notes, ownership: shared}]}
  - {name: exports.notes, store: exports, objects: {key: "PREFIX/notes/{file}"}, record_type: note}
"#;
    let project = place.project(&server().0, "", data_map, &rule("a"));
    let prefix = &place.prefix;
    project.shop(&format!(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, made DATE, path TEXT); CREATE TABLE b(id INTEGER PRIMARY KEY, path TEXT);
         INSERT INTO a VALUES (1,'2010-01-01','{prefix}notes/1'),(2,'2010-01-01','{prefix}notes/2'),(3,'2010-01-01','{prefix}notes/3'),
           (4,'2010-01-01','{prefix}notes/none'),(5,'2010-01-01',NULL),(6,'2026-01-01','{prefix}notes/1x');
         INSERT INTO b VALUES (1,'{prefix}notes/3');"
    ));
    let checked = project.run(&["--lang", "en", "check"]).expect(0).stdout;
    for words in ["2 records of dataset 'a' name in column 'path' an object", "1 of the 4 objects of dataset"]
    {
        assert!(checked.contains(words), "{words:?} is not in\n{checked}");
    }
    project.approved();
    // The row that another keeps stays, so the run is finished in part.
    let predicate = applied(&project, 3);
    let purged: u64 = predicate["evidence"]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|target| target["technique"] == "s3.delete-version")
        .map(|target| target["counts"]["purged"].as_u64().unwrap())
        .sum();
    assert_eq!(purged, 5, "two versions each, and a marker");
    let left: BTreeSet<String> = place.lines().into_iter().map(|(key, _)| key).collect();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["notes/3", "notes/3-b"]);
    assert_eq!(project.shop("SELECT group_concat(id) FROM a;"), "3,6");
}

#[test]
fn what_the_reader_and_the_writer_may_do_is_printed_as_policies() {
    let place = Place::new(false);
    let project = place.project(&server().0, "", DATA_MAP, &rule("receipt"));
    let grants = project.run(&["--format", "json", "grants"]).expect(0).json();
    let stores = grants["stores"].as_array().unwrap();
    let statements = &stores.iter().find(|store| store["kind"] == "s3").unwrap()["statements"];
    let policies: Vec<Value> = statements
        .as_array()
        .unwrap()
        .iter()
        .map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(policies.len(), 2);
    let allowed = |policy: &Value| policy["Statement"][1]["Action"].to_string();
    assert!(
        !allowed(&policies[0]).contains("Delete") && allowed(&policies[1]).contains("s3:DeleteObjectVersion")
    );
    let resource = policies[1]["Statement"][1]["Resource"][0].as_str().unwrap();
    assert_eq!(resource, format!("arn:aws:s3:::{}/{}receipts/*", place.bucket, place.prefix));
    project.run(&["check"]).expect(0);
}
