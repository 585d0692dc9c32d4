//! Files that rows name: none goes that a row which stays names too, whatever dataset that row is of, and
//! the plan says beforehand what will go.

use crate::kin;
use crate::support::{Project, files};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;

const NAMING: &str = r#"
datasets:
  - {name: a, store: shop, table: a, record_type: a, events: {made: made}, links: [{column: path, to: files.notes, ownership: owns}]}
  - {name: b, store: shop, table: b, record_type: b, events: {made: made}, subject: {who: who}, links: [{column: path, to: files.notes, ownership: owns}]}
  - {name: s, store: shop, table: s, record_type: s, events: {made: made}, subject: {who: who}, links: [{column: path, to: files.notes, ownership: shared}]}
  - {name: m, store: shop, table: m, record_type: m, links: [{column: path, to: files.notes, ownership: mentions}]}
  - {name: files.notes, store: files, objects: {key: "notes/{year}/{file}"}, record_type: note, events: {made: "{year}"}}
"#;

const TABLES: &str = "
CREATE TABLE a(id INTEGER PRIMARY KEY, made DATE, path TEXT);
CREATE TABLE b(id INTEGER PRIMARY KEY, made DATE, who TEXT, path TEXT);
CREATE TABLE s(id INTEGER PRIMARY KEY, made DATE, who TEXT, path TEXT);
CREATE TABLE m(id INTEGER PRIMARY KEY, path TEXT);
";

fn shop(rules: &[&str], rows: &str, names: &[&str]) -> Project {
    let project = kin::project(None, NAMING, rules, &format!("{TABLES}{rows}"));
    for name in names {
        project.write(&format!("files/notes/2010/{name}"), "note");
    }
    let hold = ["hold", "add", "--subject", "who=held", "--matter", "m", "--reason", "r", "--owner", "o"];
    project.run(&hold).expect(0);
    project
}

/// Applies to the end that the counts allow: 0, or 3 when rows stay because their file does.
#[track_caller]
fn apply(project: &Project, code: i32) {
    project.run(&["apply"]).expect(code);
}

fn item<'p>(plan: &'p Value, dataset: &str) -> &'p Value {
    let items = plan["plan"]["items"].as_array().unwrap();
    items.iter().find(|item| item["dataset"] == dataset).unwrap_or_else(|| panic!("{plan}"))
}

fn left(project: &Project) -> Vec<String> {
    files(&project.path("files")).iter().map(|name| name.replace("notes/2010/", "")).collect()
}

/// Rows of `a` are all due. 1 to 4 name files that a row of another dataset names too, which is not due or
/// held; 5 one that a due row of `b` names, 6 one that is only mentioned, 7 one that a due row of `s` names.
const ROWS: &str = "
INSERT INTO a SELECT value, '2010-01-01', 'notes/2010/' || value FROM json_each('[1,2,3,4,5,6,7]');
INSERT INTO b VALUES (1,'2026-01-01','w','notes/2010/1'),(2,'2010-01-01','held','notes/2010/2'),(5,'2010-01-01','w','notes/2010/5');
INSERT INTO s VALUES (3,'2026-01-01','w','notes/2010/3'),(4,'2010-01-01','held','notes/2010/4'),(7,'2010-01-01','w','notes/2010/7');
INSERT INTO m VALUES (6,'notes/2010/6');
";

const NAMES: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

#[test]
fn a_file_stays_while_a_row_of_any_dataset_that_stays_names_it() {
    let project = shop(&["a", "b", "s"], ROWS, &NAMES);
    let plan = project.approved();
    let named = &item(&plan, "a")["named"][0];
    let count = |name: &str| named[name].as_u64().unwrap();
    assert_eq!((count("going"), count("kept_by_rows"), count("rows_staying")), (3, 4, 4), "{named}");
    assert_eq!(item(&plan, "a")["effects"][0]["records"], 3);
    let page = project.run(&["--lang", "en", "show", "latest"]).expect(0).stdout;
    assert!(
        page.contains("4 that a row which stays names too") && page.contains("4 due rows stay"),
        "{page}"
    );
    apply(&project, 3);
    assert_eq!(left(&project), ["1", "2", "3", "4"]);
    let rows = project.shop("SELECT group_concat(id) FROM a UNION ALL SELECT group_concat(id) FROM b UNION ALL SELECT group_concat(id) FROM s;");
    assert_eq!(rows, "1,2,3,4\n1,2\n3,4");
}

#[test]
fn a_row_without_a_rule_keeps_the_file_it_names() {
    let project = shop(&["a"], ROWS, &NAMES);
    project.approved();
    apply(&project, 3);
    assert_eq!(left(&project), ["1", "2", "3", "4", "5", "7"]);
}

#[test]
fn a_row_that_comes_after_the_plan_keeps_its_file() {
    let project = shop(&["a", "b", "s"], ROWS, &NAMES);
    project.approved();
    project.shop("INSERT INTO s VALUES (6,'2026-01-01','w','notes/2010/6');");
    apply(&project, 3);
    assert_eq!(left(&project), ["1", "2", "3", "4", "6"]);
}

#[test]
fn a_dataset_that_cannot_be_read_keeps_every_file() {
    let project = shop(&["a"], ROWS, &NAMES);
    project.shop("DROP TABLE s;");
    let plan = project.plan();
    assert_eq!(item(&plan, "a")["named"][0]["kept_by_rows"], 7, "{plan}");
    assert!(plan.to_string().contains("may name the same files and cannot be read"), "{plan}");
    project.run(&["approve", "latest", "--as", "dpo"]).expect(0);
    apply(&project, 3);
    assert_eq!(left(&project), NAMES);
}

#[test]
fn a_file_with_a_rule_of_its_own_stays_while_a_row_that_stays_names_it() {
    let project = shop(&["a", "b", "note"], ROWS, &[&NAMES[..], &["8"]].concat());
    let plan = project.approved();
    let counts = &item(&plan, "files.notes")["counts"];
    // 7 is named by a row of `s` without a rule.
    assert_eq!(
        (&counts["due"], &counts["overdue"], &counts["referenced"]),
        (&3.into(), &3.into(), &5.into())
    );
    apply(&project, 3);
    assert_eq!(left(&project), ["1", "2", "3", "4", "7"]);
    assert_eq!(project.shop("SELECT group_concat(id) FROM a;"), "1,2,3,4,7", "rows whose files went go too");
}

#[test]
fn a_plan_counts_files_and_not_their_names() {
    let rows = "
INSERT INTO a VALUES (1,'2010-01-01','notes/2010/1'),(2,'2010-01-01','notes/2010/1'),(3,'2010-01-01','../outside'),
 (4,'2010-01-01','/etc/hostname'),(5,'2010-01-01','notes/2010/missing'),(6,'2010-01-01','notes/2010/link'),
 (7,'2010-01-01','notes/2010/hard'),(8,'2010-01-01','notes//2010/2'),(9,'2010-01-01',NULL),(10,'2010-01-01','');";
    let project = shop(&["a"], rows, &["1", "2"]);
    project.write("outside", "not ours");
    project.write("files/other/hard", "two names");
    fs::hard_link(project.path("files/other/hard"), project.path("files/notes/2010/hard")).unwrap();
    symlink("../../other/hard", project.path("files/notes/2010/link")).unwrap();
    let plan = project.approved();
    let a = item(&plan, "a");
    let count = |name: &str| a["named"][0][name].as_u64().unwrap();
    assert_eq!(["going", "absent", "cannot_go", "rows_staying"].map(count), [1, 1, 5, 5], "{a}");
    assert_eq!((&a["effects"][0]["records"], &a["counts"]["due"]), (&1.into(), &10.into()));
    apply(&project, 3);
    assert_eq!(project.shop("SELECT group_concat(id) FROM a;"), "3,4,6,7,8");
    assert_eq!(left(&project), ["2", "hard", "link", "other/hard"]);
    assert!(project.path("outside").exists());
}

const TWO_FILES: &str = r#"
datasets:
  - name: t
    store: shop
    table: t
    record_type: t
    events: {made: made}
    links:
      - {column: one, to: files.notes, ownership: owns}
      - {column: two, to: files.notes, ownership: owns}
  - {name: files.notes, store: files, objects: {key: "notes/{year}/{file}"}, record_type: note}
"#;

#[test]
fn a_row_that_one_file_keeps_keeps_its_other_files_and_the_rows_that_name_those() {
    let rows = "CREATE TABLE t(id INTEGER PRIMARY KEY, made DATE, one TEXT, two TEXT);
INSERT INTO t VALUES (1,'2010-01-01','notes/2010/1','notes/2010/hard'),(2,'2010-01-01','notes/2010/2','notes/2010/1'),
 (3,'2010-01-01',NULL,'notes/2010/2'),(4,'2010-01-01','notes/2010/4','notes/2010/missing'),(5,'2026-01-01','notes/2010/missing',NULL);";
    let project = kin::project(None, TWO_FILES, &["t"], rows);
    for name in ["1", "2", "4", "hard"] {
        project.write(&format!("files/notes/2010/{name}"), "note");
    }
    fs::hard_link(project.path("files/notes/2010/hard"), project.path("files/twin")).unwrap();
    let plan = project.approved();
    let named = item(&plan, "t")["named"].as_array().unwrap();
    let count = |name: &str| named.iter().map(|link| link[name].as_u64().unwrap()).collect::<Vec<_>>();
    // 1 stays with 'hard', 2 with 1, 3 with 2; each column is counted by itself.
    assert_eq!((count("going"), count("kept_by_rows")), (vec![1, 0], vec![2, 2]), "{named:?}");
    assert_eq!((count("cannot_go"), count("absent")), (vec![0, 1], vec![0, 1]));
    apply(&project, 3);
    assert_eq!(left(&project), ["1", "2", "hard", "twin"]);
    assert_eq!(project.shop("SELECT group_concat(id) FROM t;"), "1,2,3,5");
}

#[track_caller]
fn explained(project: &Project, dataset: &str, key: &str, words: &str) {
    let page = project.run(&["--lang", "en", "explain", dataset, key]).expect(0).stdout;
    assert!(page.contains(words), "{dataset} {key}: {words:?} is not in\n{page}");
}

#[test]
fn explain_says_of_a_file_what_its_rows_do_to_it_and_of_a_row_what_its_file_does() {
    let project = shop(&["a", "b", "s"], ROWS, &NAMES);
    explained(&project, "files.notes", "notes/2010/5", "it would be purged with them");
    explained(&project, "files.notes", "notes/2010/6", "Rows of 'a' name this file");
    explained(&project, "files.notes", "notes/2010/2", "Kept: a row that stays names it");
    explained(
        &project,
        "a",
        "1",
        "Kept: due, but the file that 'path' names stays: a row that stays names it",
    );
    explained(&project, "a", "5", "it would be purged");
    project.write("files/notes/2010/8", "nobody names it");
    explained(&project, "files.notes", "notes/2010/8", "No rule speaks of");
    fs::hard_link(project.path("files/notes/2010/6"), project.path("files/hard")).unwrap();
    explained(&project, "a", "6", "stays: it is no file of the dataset, or cannot go");
    let ruled = shop(&["a", "b", "note"], ROWS, &NAMES);
    explained(&ruled, "files.notes", "notes/2010/1", "Kept: a row that stays names it");
    explained(&ruled, "files.notes", "notes/2010/5", "Due since");
    explained(&ruled, "a", "5", "a rule of its own decides on it");
}

#[test]
fn what_stands_in_the_place_of_a_file_is_counted_and_called_by_its_kind() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = shop(&["note"], "", &["1", "2"]);
    let place = project.path("files/notes/2010");
    symlink("1", place.join("link")).unwrap();
    fs::write(place.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    fs::hard_link(place.join("2"), project.path("files/twin")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(place.join("pipe")).status().unwrap().success());
    let plan = project.approved();
    let counts = &item(&plan, "files.notes")["counts"];
    assert_eq!((&counts["total"], &counts["due"]), (&5.into(), &1.into()));
    let doubts = serde_json::json!({"no_regular_file": 2, "several_names": 1, "name_unreadable": 1});
    assert_eq!(counts["undecidable"], doubts);
    let page = project.run(&["--lang", "en", "show", "latest"]).expect(0).stdout;
    for words in ["2 that are no regular files", "1 that have several names", "1 whose name is not UTF-8"] {
        assert!(page.contains(words), "{words:?} is not in\n{page}");
    }
    apply(&project, 0);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 4);
    let certificate = fs::read_to_string(find_page(&project.path("certificates/certificates"))).unwrap();
    for words in ["a link or special file", "file with several names", "name cannot be read"] {
        assert!(certificate.contains(words), "{words:?} is not in the certificate");
    }
}

fn find_page(under: &std::path::Path) -> std::path::PathBuf {
    let name = files(under).into_iter().find(|name| name.ends_with("certificate.html"));
    under.join(name.expect("a certificate has a page"))
}
