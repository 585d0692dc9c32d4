//! Tests of `plan::linkage`: counts against sets of the same names.

use super::*;
use crate::plan::testing::catalog;
use connectors::directory::DirectorySource;
use connectors::sqlite::{SqliteOptions, SqliteSource};
use sqlx::{Connection as _, SqliteConnection};
use std::path::Path;

const DOCUMENTS: &str = r#"
controller: {name: "Shop", contact: dpo@example.org}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
signing_key: keys/certificate.key
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: P35D}
  files: {kind: directory, path: files, backups_kept: P35D}
datasets:
  - {name: a, store: shop, table: a, record_type: a, links: [{column: path, to: notes, ownership: owns}]}
  - {name: b, store: shop, table: b, record_type: b, links: [{column: path, to: notes, ownership: mentions}, {column: other, to: scans, ownership: shared}]}
  - {name: notes, store: files, objects: {key: "notes/{file*}"}, record_type: note}
  - {name: scans, store: files, objects: {key: "scans/{file}"}, record_type: scan}
"#;

/// Names whose order by bytes is not that of any collation, and which collations take for one another.
const ODD: &[&str] =
    &["a", "A", "á", "e\u{301}", "é", "a ", "a-b", "a.b", "a/x", "a0", "Z", "_", "中", "~", "\u{ffff}"];

async fn shop(directory: &Path, statements: &str) -> (Catalog, Sources) {
    let path = directory.join("shop.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let tables = "CREATE TABLE a(id INTEGER PRIMARY KEY, path TEXT COLLATE NOCASE); \
                  CREATE TABLE b(id INTEGER PRIMARY KEY, path, other TEXT);";
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{tables}{statements}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let source = SqliteSource::open("shop", path.to_str().unwrap(), SqliteOptions::default()).await.unwrap();
    let files = DirectorySource::open("files", &directory.join("files")).unwrap();
    let mut sources = Sources::new();
    sources.insert("shop".to_owned(), Arc::new(source));
    sources.insert("files".to_owned(), Arc::new(files));
    (catalog(DOCUMENTS), sources)
}

#[expect(clippy::disallowed_methods, reason = "a test makes the files that it looks for")]
fn files(directory: &Path, names: &[String]) {
    for name in names {
        let path = directory.join("files").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
}

async fn linkage(directory: &Path, statements: &str, objects: &str) -> Linkage {
    let (catalog, sources) = shop(directory, statements).await;
    let world = World::inspect(&catalog, &sources).await;
    compare(&catalog, &world, &sources, catalog.dataset(objects).unwrap()).await.unwrap()
}

fn insert(table: &str, names: &[String]) -> String {
    let quoted =
        |name: &String| format!("INSERT INTO {table}(path) VALUES ('{}');", name.replace('\'', "''"));
    names.iter().map(quoted).collect()
}

#[tokio::test]
async fn whatever_the_names_and_wherever_a_page_ends_the_counts_are_those_of_sets() {
    let directory = tempfile::tempdir().unwrap();
    let of = |skip: usize, step: usize| -> Vec<String> {
        ODD.iter().skip(skip).step_by(step).map(|odd| format!("notes/{odd}.")).collect()
    };
    let there = of(0, 2);
    files(directory.path(), &there);
    let mut rows = insert("a", &of(0, 3));
    for _ in 0..8 {
        rows.push_str(&insert("a", &of(1, 4)));
    }
    rows.push_str(&insert("b", &of(2, 5)));
    rows.push_str("INSERT INTO b(path) VALUES (17), (NULL), (''), ('elsewhere/x'); INSERT INTO b(other) VALUES ('notes/a-b.');");
    let found = linkage(directory.path(), &rows, "notes").await;
    let missing = |names: &[String]| names.iter().filter(|name| !there.contains(name)).count() as u64;
    assert_eq!(found.columns[0].dangling.count, missing(&of(0, 3)) + 8 * missing(&of(1, 4)));
    assert_eq!(found.columns[1].dangling.count, missing(&of(2, 5)));
    assert_eq!((found.columns[0].foreign.count, found.columns[1].foreign.count), (0, 2));
    let mut named = [of(0, 3), of(1, 4), of(2, 5)].concat();
    named.push("notes/a-b.".to_owned());
    let orphans = there.iter().filter(|name| !named.contains(name)).count() as u64;
    assert!(orphans > 0 && missing(&of(0, 3)) > 0 && missing(&of(2, 5)) > 0, "a fair case");
    assert_eq!((found.objects, found.orphans.count), (there.len() as u64, orphans));
    let samples = found.orphans.samples.iter().chain(&found.columns[0].dangling.samples);
    assert!(
        samples.clone().count() > 1 && samples.into_iter().all(|sample| sample.starts_with("n…(")),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_stands_in_the_place_of_an_object_is_there_and_no_orphan() {
    let directory = tempfile::tempdir().unwrap();
    files(directory.path(), &["notes/a".to_owned()]);
    std::os::unix::fs::symlink("a", directory.path().join("files/notes/link")).unwrap();
    std::os::unix::fs::symlink("a", directory.path().join("files/notes/other")).unwrap();
    let found = linkage(directory.path(), "INSERT INTO a(path) VALUES ('notes/link');", "notes").await;
    assert_eq!((found.objects, found.orphans.count, found.columns[0].dangling.count), (1, 1, 0));
}

#[tokio::test]
async fn a_dataset_that_cannot_be_read_leaves_no_object_an_orphan() {
    let directory = tempfile::tempdir().unwrap();
    files(directory.path(), &["notes/a".to_owned(), "scans/b".to_owned()]);
    let found = linkage(directory.path(), "DROP TABLE a;", "notes").await;
    assert_eq!(found.unread, ["a"]);
    let catalog = catalog(DOCUMENTS);
    let linked = |name: &str| is_linked(&catalog, catalog.dataset(name).unwrap());
    assert!(linked("notes") && linked("scans") && !linked("a"));
}

#[tokio::test]
async fn a_name_that_is_no_text_is_an_error_and_not_a_missing_object() {
    let directory = tempfile::tempdir().unwrap();
    files(directory.path(), &["notes/a".to_owned()]);
    let (catalog, sources) = shop(directory.path(), "INSERT INTO b(path) VALUES (x'ff');").await;
    let world = World::inspect(&catalog, &sources).await;
    let found = compare(&catalog, &world, &sources, catalog.dataset("notes").unwrap()).await;
    assert!(matches!(found, Err(LinkageError::Store(ConnectorError::SchemaDrift { .. }))), "{found:?}");
}
