//! What the catalogue says, and what is refused as a dataset.

use super::*;
use crate::dataset::ReferentialAction;

const SCHEMA: &str = "
    CREATE TABLE Parent(
        a INTEGER PRIMARY KEY, b VARCHAR(20) COLLATE NOCASE NOT NULL UNIQUE,
        g TEXT AS (b || 'x') STORED, v AS (a + 1), n NUMERIC, d DATE, i TIMESTAMP, CHECK (n > 0 OR \"d\" IS NULL));
    CREATE TABLE child(
        id INT, part TEXT, pid REFERENCES parent ON DELETE CASCADE, q TEXT REFERENCES Parent(B), w BLOB,
        PRIMARY KEY (part, id)) WITHOUT ROWID;
    CREATE INDEX child_pid ON child(pid, w);
    CREATE TABLE loose(x BOOL);
    CREATE VIEW seen AS SELECT * FROM parent;
    CREATE VIRTUAL TABLE found USING fts5(x);
    CREATE TABLE typed(id INTEGER PRIMARY KEY, x ANY) STRICT;
    CREATE TRIGGER on_delete AFTER DELETE ON parent BEGIN SELECT 1; END;
    CREATE TRIGGER on_insert AFTER INSERT ON parent BEGIN DELETE FROM loose; END;
    CREATE TABLE \"it's \"\"x\"\"; DROP TABLE loose; --\"(\"key \"\"1\" TEXT PRIMARY KEY)";

#[tokio::test]
async fn columns_are_described_as_the_catalogue_has_them() {
    let store = Store::new(SCHEMA).await;
    let source = store.source().await;
    let shape = source.inspect(&address("PARENT")).await.unwrap();
    let told: Vec<String> = shape
        .columns
        .iter()
        .map(|column| {
            let flags = [
                (column.nullable, "nullable"),
                (column.unique, "unique"),
                (column.generated, "generated"),
                (column.checked, "checked"),
            ];
            let flags: Vec<&str> = flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect();
            format!("{} {:?} {}", column.name, column.value_type, flags.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "a Int unique",
            "b Text unique",
            "g Text nullable generated",
            "v Unknown nullable generated",
            "n Real nullable checked",
            "d Date nullable checked",
            "i Instant nullable",
        ]
    );
    assert_eq!(shape.key, ["a"]);
    assert_eq!(shape.triggers, ["on_delete"]);
}

#[tokio::test]
async fn foreign_keys_are_seen_from_both_sides() {
    let store = Store::new(SCHEMA).await;
    let source = store.source().await;
    let parent = source.inspect(&address("parent")).await.unwrap();
    let child = source.inspect(&address("child")).await.unwrap();
    assert_eq!(child.key, ["part", "id"]);
    assert_eq!(parent.referenced_by, child.references);
    assert!(child.referenced_by.is_empty() && parent.references.is_empty());
    let told: Vec<_> = child
        .references
        .iter()
        .map(|key| {
            let names = format!(
                "{}{:?} {}{:?}",
                key.child_table, key.child_columns, key.parent_table, key.parent_columns
            );
            (names, key.on_delete, key.child_indexed)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("child[\"q\"] Parent[\"b\"]".to_owned(), ReferentialAction::NoAction, false),
            ("child[\"pid\"] Parent[\"a\"]".to_owned(), ReferentialAction::Cascade, true),
        ]
    );
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_a_reason() {
    let store = Store::new(SCHEMA).await;
    let source = store.source().await;
    let refusal = async |address: DatasetAddress| source.inspect(&address).await.unwrap_err().to_string();
    assert_eq!(
        refusal(address("seen")).await,
        "not supported by store 'shop': dataset 'shop.seen' is a view: name the tables behind it"
    );
    for name in ["found", "found_data"] {
        assert!(refusal(address(name)).await.ends_with("is a virtual table, or belongs to one"));
    }
    for name in ["nothing", "sqlite_schema", ""] {
        assert!(refusal(address(name)).await.ends_with("there is no such table"), "{name}");
    }
    let location = Location::Table { schema: Some("temp".into()), table: "parent".into() };
    assert_eq!(
        refusal(DatasetAddress { location, ..address("parent") }).await,
        "dataset 'shop.parent' is not as declared: SQLite has only the schema 'main'"
    );
}

#[tokio::test]
async fn every_table_is_discovered_whatever_its_name() {
    let store = Store::new(SCHEMA).await;
    let found = store.source().await.discover().await.unwrap();
    let names: Vec<&str> = found.iter().map(|(address, _)| address.dataset.as_str()).collect();
    assert_eq!(
        names,
        ["shop.child", "shop.it's \"x\"; DROP TABLE loose; --", "shop.loose", "shop.Parent", "shop.typed"]
    );
    assert_eq!(found[1].1.key, ["key \"1"]);
    assert!(found[2].1.key.is_empty(), "no declared key, no key");
}

#[tokio::test]
async fn a_table_without_a_declared_key_cannot_be_governed() {
    let store = Store::new("CREATE TABLE t(made TEXT); INSERT INTO t VALUES ('2019-01-01')").await;
    let selection = store.selection("t").await;
    let surveyed = store.source().await.survey(&selection).await.unwrap_err();
    let disposed = store.dispose(&selection).await.unwrap_err();
    for error in [surveyed, disposed] {
        assert_eq!(
            error.to_string(),
            "not supported by store 'shop': dataset 'shop.t' has no declared primary key, and row \
             identifiers may change"
        );
    }
}

#[tokio::test]
async fn a_record_whose_key_is_null_is_counted_and_kept() {
    let store = Store::new(
        "CREATE TABLE t(k TEXT, n INT, made TEXT, PRIMARY KEY (k, n));
         INSERT INTO t VALUES ('a', 1, '2019-01-01'), (NULL, 1, '2019-01-01'), ('a', NULL, '2019-01-01'),
           ('b', 1, '2019-01-01'), (NULL, NULL, '2030-01-01'), ('c', NULL, '2022-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let survey = store.source().await.survey(&selection).await.unwrap();
    assert_eq!((survey.total, survey.in_scope, survey.due, survey.not_yet_due), (6, 6, 2, 0));
    let doubts: Vec<_> = survey.undecidable.into_iter().collect();
    assert_eq!(doubts, [(crate::DoubtReason::StartInFuture, 1), (crate::DoubtReason::NotGovernable, 3)]);
    store.dispose(&selection).await.unwrap();
    assert_eq!(store.text("SELECT count(*) || ' ' || sum(k IS NULL OR n IS NULL) FROM t").await, "4 4");
}

#[tokio::test]
async fn keys_keep_their_storage_class() {
    let store = Store::new(
        "CREATE TABLE t(k INT PRIMARY KEY, made TEXT) WITHOUT ROWID;
         INSERT INTO t SELECT column1, '2019-01-01' FROM (VALUES (1), (2.5), ('x''y'), (x'31'), (-0.1))",
    )
    .await;
    let selection = store.selection("t").await;
    let source = store.source().await;
    let page = source.page(&selection, None, 100).await.unwrap();
    let keys: Vec<String> = page.records.iter().map(|record| record.key.canonical()).collect();
    assert_eq!(
        keys,
        ["[\"f64:bfb999999999999a\"]", "[1]", "[\"f64:4004000000000000\"]", "[\"x'y\"]", "[\"\\\\x31\"]"]
    );
    let facts = source.facts(&selection, &page.records[4].key).await.unwrap().unwrap();
    assert!(matches!(facts.fields["k"], crate::Value::Bytes(_)));
    let outcome = store.dispose(&selection).await.unwrap();
    assert_eq!(outcome.groups[0].disposed.len(), 5);
    let group = crate::DatasetKeys { dataset: "shop.t".into(), keys: outcome.groups[0].disposed.clone() };
    let seen = source.observe(&selection, &group).await.unwrap();
    assert!(seen.iter().all(|observation| observation.state == crate::ObservedState::Absent));
}

#[tokio::test]
async fn text_that_is_not_unicode_is_read_as_bytes_and_not_taken_as_a_key() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, x TEXT);
         INSERT INTO t VALUES (1, '2019-01-01', CAST(x'ff41' AS TEXT));
         CREATE TABLE u(k TEXT PRIMARY KEY, made TEXT);
         INSERT INTO u VALUES (CAST(x'ff41' AS TEXT), '2019-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let facts = store.source().await.facts(&selection, &crate::RecordKey::int(1)).await.unwrap().unwrap();
    assert_eq!(facts.fields["x"], crate::Value::Bytes(vec![0xff, 0x41]));
    let refused = store.dispose(&store.selection("u").await).await;
    assert!(matches!(refused, Err(ConnectorError::Failed { .. })), "{refused:?}");
    assert_eq!(store.text("SELECT '' || count(*) FROM u").await, "1");
}
