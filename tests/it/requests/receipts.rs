//! The receipt of a person: it opens their records and no other, and anybody can check it.

use super::{AT_ONCE, erased, later, shop, verified};
use crate::support::{Project, binary};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

#[track_caller]
fn receipt(project: &Project, request: &str, name: &str) -> Value {
    let path = project.path(name);
    project.run(&["requests", "receipt", request, "--out", path.to_str().unwrap()]).expect(0);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()
}

/// As somebody who has the file, a copy of the archive and the trust root, and nothing else.
fn checked(project: &Project, file: &str) -> (Option<i32>, String) {
    let output = Command::new(binary())
        .args(["certificates", "verify-receipt"])
        .arg(project.path(file))
        .arg("--archive")
        .arg(project.path("certificates"))
        .arg("--trust-root")
        .arg(project.path("trust-root.json"))
        .current_dir("/")
        .env("LANG", "en_US.UTF-8")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_person_gets_a_receipt_of_what_was_erased_and_of_nothing_else() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    let none = project.run(&["requests", "receipt", &request, "--out", "none.json"]).expect(2);
    assert!(none.stderr.contains("nothing of which a receipt could be made"), "{}", none.stderr);
    let (_, statement) = erased(&project, &request, 0);
    let receipt = receipt(&project, &request, "receipt.json");
    assert_eq!(receipt["request"], request.as_str());
    let set = &receipt["certificates"][0];
    assert_eq!(set["certificateId"], statement["certificateId"]);
    assert_eq!(set["root"], statement["evidence"]["recordSet"]["root"]);
    let records = set["records"].as_array().unwrap();
    assert_eq!(records.len(), AT_ONCE.len(), "what was kept is not on it");
    assert_eq!(set["commitments"].as_array().unwrap().len(), AT_ONCE.len());
    let keys: Vec<&str> = records.iter().map(|one| one["locator"]["key"].as_str().unwrap()).collect();
    assert!(
        keys.contains(&"[41]") && keys.contains(&"[\"letters/42/a.txt\"]") && !keys.contains(&"[43]"),
        "{keys:?}"
    );
    let (code, said) = checked(&project, "receipt.json");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10 record(s)") && said.contains(&request), "{said}");

    let script =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/verify-person-receipt.sh");
    let foreign = |file: &str| {
        let output = Command::new(&script)
            .args([project.path("certificates"), project.path(file)])
            .output()
            .expect("bash, jq and openssl are needed: run ./scripts/test");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = foreign("receipt.json");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10 records"), "{said}");

    // Whatever is changed is seen, by both.
    let text = fs::read_to_string(project.path("receipt.json")).unwrap();
    let salt = records[0]["salt"].as_str().unwrap();
    let commitment = set["commitments"][3].as_str().unwrap();
    let other = |hex: &str| format!("{}{}", if hex.starts_with('0') { "1" } else { "0" }, &hex[1..]);
    for (from, to) in [
        ("\"key\":\"[41]\"", "\"key\":\"[43]\"".to_owned()),
        (salt, other(salt)),
        (commitment, other(commitment)),
        (request.as_str(), "request-0".to_owned()),
    ] {
        fs::write(project.path("changed.json"), text.replace(from, &to)).unwrap();
        let (code, said) = checked(&project, "changed.json");
        assert_eq!(code, Some(6), "{from}: {said}");
        let (code, said) = foreign("changed.json");
        assert_ne!(code, Some(0), "{from}: {said}");
    }
    let letter = project.run(&["--lang", "en", "requests", "answer", &request]).expect(0).stdout;
    assert!(letter.contains("A receipt, which only you are given"), "{letter}");
}

#[test]
fn what_receipts_are_made_of_is_destroyed_in_time_or_at_once() {
    let project = shop();
    let request = verified(&project, "email=nobody@example.org", &[]);
    erased(&project, &request, 0);
    let nothing = receipt(&project, &request, "nothing.json");
    assert_eq!(nothing["certificates"][0]["records"], serde_json::json!([]));
    assert_eq!(checked(&project, "nothing.json").0, Some(0));
    let other = verified(&project, "email=kim@example.org", &[]);
    erased(&project, &other, 0);
    let kept = || project.sql("state/ledger.db", "SELECT count(*) FROM request_receipt;");
    assert_eq!(kept(), "2");
    project.run(&["requests", "receipt", &request, "--out", "last.json", "--last"]).expect(0);
    assert_eq!(kept(), "1");
    project.run(&["requests", "receipt", &request, "--out", "more.json"]).expect(2);
    later(&project, &["requests", "list"]).expect(0);
    assert_eq!(kept(), "0");
}
