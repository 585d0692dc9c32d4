//! Tests of `check::live`.

use super::*;
use crate::plan::testing::{at, catalog_and_places};
use connectors::sqlite::{SqliteOptions, SqliteSource};
use sqlx::{Connection as _, SqliteConnection};
use std::sync::Arc;

const SCHEMA: &str = "
CREATE TABLE person (id INTEGER PRIMARY KEY, first_name TEXT, email TEXT, joined INTEGER, seen_at TEXT);
CREATE TABLE visit (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES person(id) ON DELETE CASCADE);
CREATE TABLE newsletter (courriel TEXT PRIMARY KEY);
CREATE TABLE stock (id INTEGER PRIMARY KEY, amount INTEGER, warehouse INTEGER REFERENCES warehouse(id));
INSERT INTO person VALUES (1, 'Anna', 'anna@example.org', 1, NULL);
";

const DOCUMENTS: &str = r#"
controller: {name: "Shop", contact: dpo@example.org}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
signing_key: keys/certificate.key
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: P35D}
datasets:
  - {name: people, store: shop, table: person, record_type: person, subject: {email: emial}, events: {seen: {column: seen_at, zone: Europe/Paris}, joined: joined}}
  - {name: visitors, store: shop, table: visits, record_type: visitor}
  - {name: stock, store: shop, table: stock, record_type: stock}
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@example.org
next_review: 2027-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
  - id: person
    record_type: person
    title: {en: People}
    purpose: {en: Sales}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: seen
    retain_for: P3Y
    disposition: purge
  - id: stock
    record_type: stock
    title: {en: Stock}
    purpose: {en: Sales}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: {none_left: [person]}
    retain_for: P0D
    where: "amounts > 3"
    disposition: purge
"#;

async fn found() -> Vec<(&'static str, String, Option<String>)> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let source = SqliteSource::open("shop", path.to_str().unwrap(), SqliteOptions::default()).await.unwrap();
    let mut sources = Sources::new();
    sources.insert("shop".to_owned(), Arc::new(source));
    let (catalog, places) = catalog_and_places(DOCUMENTS);
    let diagnostics = check_live(LiveCheck {
        catalog: &catalog,
        sources: &sources,
        holds: &HoldBook::default(),
        as_of: at("2026-06-15T12:00:00Z"),
        places: &places,
    })
    .await;
    let line = |text: &str| DOCUMENTS.lines().position(|line| line.contains(text)).unwrap() + 1;
    for (code, words, text) in [
        ("unknown-column", "'emial'", "emial"),
        ("dataset-unreadable", "'visitors'", "visitors"),
        ("scope-unreadable", "amounts", "amounts"),
    ] {
        let told = diagnostics
            .items()
            .iter()
            .find(|item| item.code == code && item.message.contains(words))
            .unwrap();
        assert_eq!((told.file.as_str(), told.line), ("all.yaml", line(text)), "{told:?}");
    }
    diagnostics.items().iter().map(|item| (item.code, item.message.clone(), item.hint.clone())).collect()
}

#[tokio::test]
async fn everything_that_does_not_fit_is_told_at_once() {
    let found = found().await;
    let expected = [
        ("unknown-column", "'emial'", Some("'email'")),
        ("dataset-unreadable", "'visitors'", Some("'visit'")),
        ("start-unreadable", "their 'unit'", None),
        ("undeclared-child", "'visit'", Some("person_id")),
        ("cascade-undeclared", "'visit'", None),
        ("undeclared-personal-column", "'first_name'", None),
        ("undeclared-table", "'courriel'", None),
        ("start-never-set", "'people'", None),
        ("dangling-foreign-key", "'warehouse'", None),
        ("scope-unreadable", "amounts", None),
    ];
    for (code, words, hint) in expected {
        let told = found.iter().find(|(other, text, _)| *other == code && text.contains(words));
        let told = told.unwrap_or_else(|| panic!("{code} {words} is not in {found:#?}"));
        if let Some(words) = hint {
            assert!(told.2.as_ref().is_some_and(|text| text.contains(words)), "{told:?}");
        }
    }
    assert!(!found.iter().any(|(_, text, _)| text.contains("anna")), "no value is shown");
}

#[tokio::test]
async fn the_same_fault_is_told_once() {
    let found = found().await;
    let messages: BTreeSet<_> = found.iter().map(|(_, text, _)| text).collect();
    assert_eq!(messages.len(), found.len());
}
