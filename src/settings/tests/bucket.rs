//! Buckets: how they are reached, and who asks.

use super::{EXAMPLE_POLICY, EXAMPLE_SETTINGS, Files};
use crate::settings::{Bucket, BucketCredentials, Connection};

/// The faults of the example with this bucket as one more store, and what was read of it.
fn read(store: &str) -> (Vec<&'static str>, Option<Bucket>) {
    let settings = EXAMPLE_SETTINGS.replace("stores:\n", &format!("stores:\n  objects: {store}\n"));
    assert_ne!(settings, EXAMPLE_SETTINGS, "the example has stores");
    let loaded = Files::default()
        .with("docs/oubliette.yaml", settings)
        .with("docs/policy.yaml", EXAMPLE_POLICY)
        .load();
    let codes = loaded.diagnostics.items().iter().map(|item| item.code).collect();
    let bucket =
        loaded.settings.and_then(|mut settings| match settings.stores.remove("objects")?.connection {
            Connection::S3(bucket) => Some(*bucket),
            _ => None,
        });
    (codes, bucket)
}

#[track_caller]
fn check(store: &str, expected: &[&str]) {
    assert_eq!(read(store).0, expected, "{store}");
}

const KEYS: &str =
    "reader: {access_key: a, secret_key: \"${env:A}\"}, writer: {access_key: b, secret_key: \"${env:B}\"}";

#[test]
fn a_bucket_is_reached_in_each_of_the_ways() {
    let (codes, bucket) = read(&format!(
        "{{kind: s3, bucket: exports, region: eu-west-3, endpoint: \"https://s3.example.org\", path_style: true, \
         ca: ca.pem, {KEYS}, backups_kept: P0D}}"
    ));
    assert_eq!(codes, [""; 0]);
    let bucket = bucket.unwrap();
    assert_eq!(
        (bucket.name.as_str(), bucket.region.as_str(), bucket.path_style),
        ("exports", "eu-west-3", true)
    );
    assert!(matches!(bucket.reader, BucketCredentials::Static { .. }) && bucket.reader != bucket.writer);
    let (codes, bucket) = read(
        "{kind: s3, bucket: exports, reader: {anonymous: true}, writer: {profile: purge}, backups_kept: P0D}",
    );
    assert_eq!(codes, [""; 0]);
    let bucket = bucket.unwrap();
    assert_eq!(bucket.reader, BucketCredentials::Anonymous);
    assert_eq!(bucket.writer, BucketCredentials::Profile("purge".to_owned()));
    assert_eq!((bucket.region.as_str(), bucket.endpoint, bucket.path_style), ("us-east-1", None, false));
    let (_, bucket) = read("{kind: s3, bucket: exports, writer: {role: \"arn:aws:iam::1:role/purge\"}}");
    let bucket = bucket.unwrap();
    assert_eq!(bucket.reader, BucketCredentials::Environment);
    assert!(matches!(bucket.writer, BucketCredentials::Role { external_id: None, .. }));
}

#[test]
fn faults_of_buckets_are_told() {
    check("{kind: s3, backups_kept: P0D}", &["bad-bucket"]);
    check("{kind: s3, bucket: \"a/b\", backups_kept: P0D}", &["bad-bucket"]);
    check("{kind: s3, bucket: exports, backups_kept: P0D}", &["same-credentials"]);
    check(
        &format!("{{kind: s3, bucket: exports, path: x, {KEYS}, backups_kept: P0D}}"),
        &["not-for-this-kind"],
    );
    check(&format!("{{kind: s3, bucket: exports, connections: 2, {KEYS}}}"), &["not-for-this-kind"]);
    check("{kind: s3, bucket: exports, reader: x}", &["bad-credentials"]);
    check("{kind: s3, bucket: exports, reader: {access_key: a}}", &["bad-credentials"]);
    check("{kind: s3, bucket: exports, reader: {profile: a, anonymous: true}}", &["bad-credentials"]);
    check("{kind: s3, bucket: exports, reader: {session_token: a}}", &["bad-credentials"]);
    check("{kind: s3, bucket: exports, reader: {}}", &["bad-credentials"]);
    check(
        "{kind: s3, bucket: exports, reader: {access_key: a, secret_key: b}, writer: {profile: p}}",
        &["plain-secret"],
    );
    check(&format!("{{kind: s3, bucket: exports, endpoint: \"http://x\", {KEYS}}}"), &["not-encrypted"]);
    check("{kind: directory, path: x, bucket: exports}", &["not-for-this-kind"]);
    check("{kind: directory, path: x, bypass_governance: true}", &["not-for-this-kind"]);
}

#[test]
fn a_secret_of_a_bucket_is_in_no_diagnostic() {
    for store in [
        "{kind: s3, bucket: exports, reader: {access_key: a, secret_key: hunter2, more: 1}}",
        "{kind: s3, bucket: exports, reader: {secret_key: hunter2}}",
        "{kind: s3, bucket: exports, reader: {secret_key: [hunter2]}}",
        "{kind: s3, bucket: exports, reader: [hunter2]}",
        "{kind: s3, bucket: exports, reader: hunter2}",
        "{kind: s3, bucket: exports, endpoint: \"https://u:hunter2@x\"}",
    ] {
        let settings = EXAMPLE_SETTINGS.replace("stores:\n", &format!("stores:\n  objects: {store}\n"));
        let loaded = Files::default().with("docs/oubliette.yaml", settings).load();
        assert!(!loaded.diagnostics.is_empty(), "{store}");
        let said = format!("{loaded:?} {}", loaded.diagnostics);
        assert!(!said.contains("hunter2"), "{store}\n{said}");
    }
}
