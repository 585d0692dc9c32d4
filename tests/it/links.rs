//! Rows that name no object and objects that no row names, as `check` and a plan tell them, for a directory, on
//! every kind of database. Buckets have theirs in `buckets`.

use crate::kin;
use crate::support::Project;
use crate::support::server::Server;

const DATA_MAP: &str = r#"
datasets:
  - {name: a, store: shop, table: a, record_type: a, events: {made: made}, links: [{column: path, to: files.notes, ownership: owns}]}
  - {name: b, store: shop, table: b, record_type: b, links: [{column: path, to: files.notes, ownership: mentions}]}
  - {name: files.notes, store: files, objects: {key: "notes/{file}"}, record_type: note, events: {made: last_modified}}
"#;

/// Of 2, 3 and `é` there is no file; `A` is another name than `a`.
const ROWS: &str = "
CREATE TABLE a(id INTEGER PRIMARY KEY, made DATE, path VARCHAR(100));
CREATE TABLE b(id INTEGER PRIMARY KEY, path VARCHAR(100));
INSERT INTO a VALUES (1,'2010-01-01','notes/a'),(2,'2026-01-01','notes/2'),(3,'2026-01-01','notes/2'),(4,'2026-01-01','notes/3'),
  (5,'2026-01-01',NULL),(6,'2026-01-01',''),(7,'2026-01-01','elsewhere/x'),(8,'2026-01-01','notes/É');
INSERT INTO b VALUES (1,'notes/c'),(2,'notes/é');
";

fn shop(server: Option<Server>) -> Project {
    let project = kin::project(server, DATA_MAP, &["a"], ROWS);
    for name in ["a", "A", "b", "c", "É"] {
        project.write(&format!("files/notes/{name}"), "note");
    }
    project
}

/// Code and message of everything that `check` says of links.
fn told(project: &Project) -> Vec<(String, String)> {
    let found = project.run(&["--format", "json", "check"]).expect(0).json();
    let codes = ["dangling-rows", "foreign-names", "orphan-objects", "links-not-compared"];
    let all = found["diagnostics"].as_array().unwrap_or_else(|| panic!("{found}")).iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.map(|one| (text(&one["code"]), text(&one["message"])))
        .filter(|(code, _)| codes.contains(&code.as_str()))
        .collect()
}

#[track_caller]
fn is_told(project: &Project) {
    let found = told(project);
    let expected = [
        (
            "dangling-rows",
            "3 records of dataset 'a' name in column 'path' an object of dataset 'files.notes'",
        ),
        ("foreign-names", "1 records of dataset 'a' hold in column 'path'"),
        ("dangling-rows", "1 records of dataset 'b' name in column 'path'"),
        ("orphan-objects", "2 of the 5 objects of dataset 'files.notes' are named by no record (n…(7)"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (code, words) in expected {
        assert!(
            found.iter().any(|(own, text)| own == code && text.contains(words)),
            "{code} {words}: {found:#?}"
        );
    }
    let plan = project.plan();
    let findings = plan["plan"]["findings"].as_array().unwrap();
    let orphans: Vec<_> = findings.iter().filter(|one| one["code"] == "orphan_objects").collect();
    assert_eq!(orphans.len(), 1, "{findings:?}");
    assert!(orphans[0]["message"].as_str().unwrap().starts_with("2 of the 5 objects"), "{orphans:?}");
    let page = project.run(&["--lang", "fr", "show", "latest"]).expect(0).stdout;
    assert!(page.contains("nul enregistrement ne nomme"), "{page}");
}

#[test]
fn rows_without_a_file_and_files_without_a_row_are_told_on_sqlite() {
    is_told(&shop(None));
}

#[test]
fn rows_without_a_file_and_files_without_a_row_are_told_on_postgres() {
    is_told(&shop(Some(Server::Postgres)));
}

#[test]
fn rows_without_a_file_and_files_without_a_row_are_told_on_mariadb() {
    is_told(&shop(Some(Server::Mysql)));
}

#[test]
fn files_with_a_rule_of_their_own_are_no_finding_of_a_plan() {
    let project = kin::project(None, DATA_MAP, &["a", "note"], ROWS);
    project.write("files/notes/b", "note");
    let plan = project.plan().to_string();
    assert!(!plan.contains("orphan_objects"), "{plan}");
    let found = told(&project);
    assert!(found.iter().any(|(code, _)| code == "orphan-objects"), "{found:?}");
}

#[test]
fn what_cannot_be_read_leaves_no_file_without_a_row() {
    let project = shop(None);
    project.shop("ALTER TABLE b RENAME COLUMN path TO other;");
    let found = project.run(&["--format", "json", "check"]).expect(2).stdout;
    assert!(found.contains("links-not-compared") && !found.contains("orphan-objects"), "{found}");
}
