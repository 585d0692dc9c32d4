//! A bucket with an inventory: plans count by it, and nothing goes that it does not list.

use super::place::{Line, Place, rule, server};
use super::{DATA_MAP, applied};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

const COLUMNS: &str = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, LastModifiedDate";

/// By the command of that name.
fn md5(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let said = Command::new("md5sum").arg(file.path()).output().unwrap().stdout;
    String::from_utf8_lossy(&said[..32]).into_owned()
}

/// Delivers an inventory of these versions, made at this time.
fn deliver(place: &Place, lines: &[Line], made_at_ms: i64) {
    let mut text = String::new();
    for (key, version) in lines {
        let key = format!("{}{key}", place.prefix);
        let at = "2020-01-01T00:00:00.000Z";
        writeln!(text, "\"{}\",\"{key}\",\"{version}\",\"true\",\"false\",\"{at}\"", place.bucket).unwrap();
    }
    place.put("lists/data/1.csv", &text);
    let manifest = serde_json::json!({
        "sourceBucket": place.bucket, "destinationBucket": format!("arn:aws:s3:::{}", place.bucket),
        "creationTimestamp": made_at_ms.to_string(), "fileFormat": "CSV", "fileSchema": COLUMNS,
        "files": [{"key": format!("{}lists/data/1.csv", place.prefix), "size": text.len(), "MD5checksum": md5(&text)}],
    });
    let manifest = manifest.to_string();
    place.put("lists/2026-03-05T01-00Z/manifest.json", &manifest);
    place.put("lists/2026-03-05T01-00Z/manifest.checksum", &md5(&manifest));
}

#[test]
fn only_what_an_inventory_lists_is_counted_and_goes() {
    let place = Place::new(false);
    let old = place.put("receipts/2018/01/1/old", "x");
    let gone = place.put("receipts/2018/01/1/gone", "x");
    sleep(Duration::from_millis(1_100));
    let made_at = chrono::Utc::now().timestamp_millis();
    sleep(Duration::from_millis(1_100));
    let new = place.put("receipts/2018/01/1/new", "x");
    deliver(&place, &[old.clone(), gone.clone()], made_at);
    place.remove(&gone);
    let inventory = format!("inventory: {{prefix: \"{}lists\"}}", place.prefix);
    let project = place.project(&server().0, &inventory, DATA_MAP, &rule("receipt"));
    let plan = project.approved();
    let item = &plan["plan"]["items"][0];
    assert_eq!(item["counts"]["due"], 2, "as the inventory says, though one is gone: {plan}");
    assert!(item["inventory_at"].is_string(), "{item}");
    let page = project.run(&["--lang", "en", "show", "latest"]).expect(0).stdout;
    assert!(
        page.contains("0 hours old when it was read") && page.contains("stays for the next run"),
        "{page}"
    );
    let grants = project.run(&["grants"]).expect(0).stdout;
    assert!(grants.contains(&format!("{}/{}lists/*", place.bucket, place.prefix)), "{grants}");
    let predicate = applied(&project, 0);
    let target = &predicate["evidence"]["targets"][0];
    assert_eq!(target["counts"]["purged"], 1, "only what was seen to go: {target}");
    let left: BTreeSet<Line> =
        place.lines().into_iter().filter(|(key, _)| key.starts_with("receipts/")).collect();
    assert_eq!(left, BTreeSet::from([new]), "what is newer stays");
    // The next inventory lists it, and it goes.
    deliver(
        &place,
        &[("receipts/2018/01/1/new".to_owned(), left.first().unwrap().1.clone())],
        made_at + 5_000,
    );
    sleep(Duration::from_secs(2));
    project.approved();
    assert_eq!(applied(&project, 0)["evidence"]["targets"][0]["counts"]["purged"], 1);
}

#[test]
fn a_bucket_whose_inventory_cannot_be_used_is_not_counted() {
    let place = Place::new(false);
    place.put("receipts/2018/01/1/old", "x");
    let inventory = format!("inventory: {{prefix: \"{}lists\", max_age: P1D}}", place.prefix);
    let project = place.project(&server().0, &inventory, DATA_MAP, &rule("receipt"));
    let plan = project.plan().to_string();
    assert!(plan.contains("none has been delivered where the settings say"), "{plan}");
    let old = chrono::Utc::now().timestamp_millis() - 2 * 86_400_000 - 1_800_000;
    deliver(&place, &[], old);
    let plan = project.plan().to_string();
    assert!(plan.contains("48 hours old, more than the 24"), "{plan}");
}
