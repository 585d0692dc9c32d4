//! Files and objects of a person that cannot go now: they are found, told, and the request is not called done.

use super::{erased, shop, verified};
use crate::buckets::place::{Place, rule, server};
use crate::buckets::{DATA_MAP, UNTIL};
use aws_sdk_s3::types::ObjectLockRetentionMode as Mode;
use serde_json::Value;
use std::fs;

fn exceptions(statement: &Value) -> u64 {
    let letters = statement["evidence"]["targets"].as_array().unwrap().iter();
    let letters = letters.filter(|target| target["dataset"].as_str().unwrap().ends_with("letters"));
    letters.map(|target| target["counts"]["excepted"].as_u64().unwrap()).sum()
}

#[test]
fn a_file_with_two_names_and_a_link_are_found_and_kept_as_exceptions() {
    let project = shop();
    let path = |name: &str| project.path(&format!("files/letters/42/{name}"));
    project.write("files/letters/42/plain.txt", "letter");
    project.write("files/letters/42/twice.txt", "letter");
    fs::hard_link(path("twice.txt"), path("again.txt")).unwrap();
    std::os::unix::fs::symlink(path("twice.txt"), path("link.txt")).unwrap();
    let request = verified(&project, "customer_id=42", &[]);
    let (_, statement) = erased(&project, &request, 0);
    assert!(!path("plain.txt").exists());
    for kept in ["twice.txt", "again.txt", "link.txt"] {
        assert!(fs::symlink_metadata(path(kept)).is_ok(), "{kept}");
    }
    assert_eq!((exceptions(&statement), &statement["outcome"]), (3, &"complete_with_exceptions".into()));
    let reasons = statement.to_string();
    assert!(reasons.contains("several_names") && reasons.contains("no_regular_file"), "{statement:#}");
}

#[test]
fn a_person_of_whom_there_is_nothing_but_what_cannot_go_is_found() {
    let project = shop();
    project.write("files/letters/77/twice.txt", "letter");
    let path = |name: &str| project.path(&format!("files/letters/77/{name}"));
    fs::hard_link(path("twice.txt"), path("again.txt")).unwrap();
    let who = ["--format", "json", "locate", "--identity", "customer_id=77", "--as", "dpo", "--reason", "r"];
    let located = project.run(&who).expect(0).json();
    let letters =
        located["datasets"].as_array().unwrap().iter().find(|one| one["dataset"] == "files.letters");
    assert_eq!(letters.unwrap()["own"], 2, "{located:#}");
}

#[test]
fn an_object_under_a_lock_is_found_and_is_a_residual_until_it_is_free() {
    let place = Place::new(true);
    let locked = place.put("receipts/2024/05/42/locked", "x");
    place.retain(&locked, Mode::Compliance, UNTIL);
    let only = place.put("receipts/2024/05/43/only", "x");
    place.retain(&only, Mode::Compliance, UNTIL);
    place.put("receipts/2024/05/42/free", "x");
    let project = place.project(&server().0, "", DATA_MAP, &rule("receipt"));
    for (customer, purged) in [("42", 1), ("43", 0)] {
        let request = verified(&project, &format!("customer_id={customer}"), &[]);
        let (_, statement) = erased(&project, &request, 0);
        let outcome = statement["outcome"].as_str().unwrap().to_owned();
        assert!(!["complete", "nothing_found"].contains(&outcome.as_str()), "{statement:#}");
        let targets = statement["evidence"]["targets"].as_array().unwrap();
        let gone: u64 = targets.iter().map(|target| target["counts"]["purged"].as_u64().unwrap()).sum();
        assert_eq!(gone, purged, "{statement:#}");
        assert!(statement.to_string().contains("2031-01-01"), "{statement:#}");
        assert_eq!(super::state(&project, &request), "waiting");
    }
    assert_eq!(place.lines(), [locked, only].into());
}
