//! Names that mean something to a shell, to SQL or to a file system, working or harmless from end to end.

use crate::scenario::{self, counts};
use crate::support::Project;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

const TABLES: [&str; 6] =
    [r#"or"der; DROP TABLE x--"#, "select", "naïve café 表", "it's", "a.b[c]`d`", " spaces  and\ttabs "];
/// The column of the start and the column of the scope.
const COLUMNS: [(&str, &str); 6] = [
    ("when", r#"sc"ope; DELETE FROM x--"#),
    ("group", "order"),
    ("dåte", "ключ"),
    ("o'clock", "it''s"),
    ("a.b", "[x]"),
    (" at ", "?1"),
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name with dots is quoted, else it would be a schema and a table.
fn table_in_data_map(name: &str) -> String {
    if name.contains('.') { quoted(name) } else { name.to_owned() }
}

/// Text in single quotes, as SQL wants it.
fn sql_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text as YAML in double quotes.
fn yaml_text(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn project_of_strange_names() -> Project {
    let settings =
        scenario::SETTINGS.replace("  files: {kind: directory, path: files, backups_kept: P7D}\n", "");
    let mut data_map = String::from("datasets:\n");
    let (rules_start, _) = scenario::POLICY.split_once("rules:").unwrap();
    let mut policy = format!("{rules_start}rules:\n");
    let mut sql = String::from("CREATE TABLE x(id INTEGER PRIMARY KEY); INSERT INTO x VALUES (1);");
    for (number, (table, (start, scope))) in TABLES.into_iter().zip(COLUMNS).enumerate() {
        write!(
            data_map,
            "  - name: shop.t{number}\n    store: shop\n    table: {}\n    record_type: t{number}\n    events: {{seen: {{column: {}, zone: Europe/Paris}}}}\n    not_personal: [{}]\n",
            yaml_text(&table_in_data_map(table)), yaml_text(start), yaml_text(scope),
        )
        .unwrap();
        let predicate = format!("{} = 'a''b; --'", quoted(scope));
        write!(
            policy,
            "  - id: r{number}\n    record_type: t{number}\n    title: {{fr: T, en: T}}\n    purpose: {{fr: P, en: P}}\n    legal_basis: eu-gdpr:A6-1-f\n    starts_from: {{event: seen, type: operation}}\n    retain_for: P1Y\n    where: {}\n    disposition: purge\n",
            yaml_text(&predicate),
        )
        .unwrap();
        let (table, start, scope) = (quoted(table), quoted(start), quoted(scope));
        write!(
            sql,
            "CREATE TABLE {table}(\"i d\" TEXT PRIMARY KEY NOT NULL, {start} DATETIME, {scope} TEXT);
             INSERT INTO {table} VALUES ('due''; DROP TABLE x--', '2001-01-01 00:00:00', {what}), ('due \"2\"', '2002-01-01 00:00:00', {what}),
                 ('other scope', '2001-01-01 00:00:00', 'b'), ('recent', strftime('%Y-%m-%d 00:00:00', 'now', '-9 days'), {what});",
            what = sql_text("a'b; --"),
        )
        .unwrap();
    }
    let project = Project::new(&settings, &data_map, &policy);
    project.sql("shop.db", &sql);
    project
}

#[test]
fn strange_names_of_tables_and_columns_are_names_and_nothing_else() {
    let project = project_of_strange_names();
    project.run(&["check"]).expect(0);
    project.approved();
    project.apply();
    assert_eq!(project.sql("shop.db", "SELECT count(*) FROM x;"), "1");
    for table in TABLES {
        let left = project.sql("shop.db", &format!("SELECT \"i d\" FROM {} ORDER BY 1;", quoted(table)));
        assert_eq!(left, "other scope\nrecent", "{table}");
    }
    let root = project.path("trust-root.json");
    project
        .run(&[
            "verify",
            project.path("certificates").to_str().unwrap(),
            "--trust-root",
            root.to_str().unwrap(),
        ])
        .expect(0);
    project.run(&["explain", "shop.t0", "recent"]).expect(0);
}

#[test]
fn links_out_of_the_directory_are_never_followed() {
    let project = scenario::small();
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim.csv");
    fs::write(&victim, "not ours").unwrap();
    fs::create_dir_all(outside.path().join("01")).unwrap();
    fs::write(outside.path().join("01/deep.csv"), "not ours").unwrap();
    let exports = project.path("files/exports");
    fs::create_dir_all(exports.join("2018/01")).unwrap();
    symlink(&victim, exports.join("2018/01/link.csv")).unwrap();
    symlink(outside.path(), exports.join("2017")).unwrap();
    symlink(outside.path().join("01"), exports.join("2018/12")).unwrap();
    symlink("/", exports.join("2016")).unwrap();
    project.approved();
    project.apply();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "not ours");
    assert!(outside.path().join("01/deep.csv").exists());
    assert!(exports.join("2017").symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_dir(&exports).unwrap().count() >= 3, "the links are kept");
    assert!(!project.path("files/exports/2018/01").join("link.csv").exists() || victim.exists());
}

#[test]
fn a_column_that_names_files_elsewhere_reaches_none_of_them() {
    let project = scenario::small();
    project.write("secret.txt", "not ours");
    project.write("files/loose.txt", "not ours");
    let absolute = project.path("secret.txt").to_string_lossy().into_owned();
    let names = [
        "../secret.txt",
        "receipts/../../secret.txt",
        "receipts/2015/../../../secret.txt",
        "loose.txt",
        "exports/../loose.txt",
        "receipts/2015/1/..",
        "",
        ".",
        "receipts//2015/1/x.pdf",
        absolute.as_str(),
    ];
    for (number, name) in names.into_iter().enumerate() {
        let id = 10_000 + number;
        project.sql(
            "shop.db",
            &format!("INSERT INTO orders VALUES ({id}, 1, '2010-01-01 00:00:00', {});", sql_text(name)),
        );
    }
    project.approved();
    let before = counts(&project);
    let answer = project.run(&["apply"]);
    assert!(matches!(answer.code, Some(0 | 3)) && answer.stdout.contains("Certificate"), "{answer:?}");
    assert!(!answer.stderr.contains("panicked"));
    for file in ["secret.txt", "files/loose.txt", "files/unrelated.txt", "shop.db"] {
        assert!(project.path(file).exists(), "{file} is gone");
    }
    assert!(counts(&project)["files.receipts"] < before["files.receipts"], "the others went");
    assert_eq!(project.sql("shop.db", "PRAGMA foreign_key_check;"), "");
}
