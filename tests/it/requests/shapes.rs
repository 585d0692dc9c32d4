//! Tables of every shape: keys that are no numbers, keys that name the person, and tables that refer to one another
//! in a circle.

use super::{erased, verified};
use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use crate::support::{Project, plan_id};
use std::fs;

fn project(server: Option<Server>) -> Project {
    match server {
        None => scenario::shop_with(SMALL, "DELETE"),
        Some(server) => scenario::shop_on(Database::new(server), SMALL, 2),
    }
}

#[track_caller]
fn declare(project: &Project, datasets: &str) {
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    project.write("data-map.yaml", &(map + datasets));
    project.run(&["check"]).expect(0);
}

/// What is there of the tables, a row a line.
fn rows(project: &Project, tables: &[&str]) -> Vec<String> {
    let of = |table: &&str| project.shop(&format!("SELECT email FROM {table} ORDER BY email;"));
    tables.iter().map(of).collect()
}

fn keys(server: Option<Server>) {
    let project = project(server);
    let (uuid, bytes) = match server {
        None => ("TEXT", "BLOB"),
        Some(Server::Postgres) => ("UUID", "BYTEA"),
        Some(Server::Mysql) => ("UUID", "VARBINARY(16)"),
    };
    let literal = |number: u32| match server {
        Some(Server::Postgres) => format!("'\\x00ff{number:02}'"),
        _ => format!("X'00ff{number:02}'"),
    };
    project.shop(&format!(
        "CREATE TABLE by_uuid(id {uuid} NOT NULL PRIMARY KEY, email VARCHAR(60));
         CREATE TABLE by_bytes(id {bytes} NOT NULL PRIMARY KEY, email VARCHAR(60));
         CREATE TABLE by_email(email VARCHAR(60) NOT NULL PRIMARY KEY, seen INTEGER);
         CREATE TABLE by_pair(email VARCHAR(60) NOT NULL, topic VARCHAR(20) NOT NULL, seen INTEGER, PRIMARY KEY (email, topic));
         CREATE TABLE parts(id INTEGER PRIMARY KEY, owner {uuid}, email VARCHAR(60));
         INSERT INTO by_uuid VALUES ('6f9619ff-8b86-4011-b42d-00c04fc964ff', 'Jo.Roe@example.org'),
             ('7f9619ff-8b86-4011-b42d-00c04fc964ff', 'kim@example.org');
         INSERT INTO by_bytes VALUES ({}, 'jo.roe@example.org'), ({}, 'kim@example.org');
         INSERT INTO by_email VALUES ('jo.roe@example.org', 1), ('kim@example.org', 1);
         INSERT INTO by_pair VALUES ('jo.roe@example.org', 'a', 1), ('jo.roe@example.org', 'b', 1), ('kim@example.org', 'a', 1);
         INSERT INTO parts VALUES (1, '6f9619ff-8b86-4011-b42d-00c04fc964ff', 'a'), (2, '7f9619ff-8b86-4011-b42d-00c04fc964ff', 'b');",
        literal(1),
        literal(2)
    ));
    let tables = ["by_uuid", "by_bytes", "by_email", "by_pair"];
    let of = |table: &&str| {
        format!(
            "  - {{name: shop.{table}, store: shop, table: {table}, record_type: {table}, subject: {{email: email}}}}\n"
        )
    };
    let parts = "  - {name: shop.parts, store: shop, table: parts, record_type: part, links: [{column: owner, to: shop.by_uuid.id, ownership: owns}]}\n";
    declare(&project, &(tables.iter().map(of).collect::<String>() + parts));
    let request = verified(&project, "email=jo.roe@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 0);
    assert!(!plan.to_string().contains("jo.roe"), "a key stands in the plan");
    assert_eq!(rows(&project, &tables), ["kim@example.org"; 4], "{statement:#}");
    assert_eq!(rows(&project, &["parts"]), ["b"]);
    let purged = statement["evidence"]["targets"].as_array().unwrap().iter();
    assert_eq!(purged.map(|target| target["counts"]["purged"].as_u64().unwrap()).sum::<u64>(), 6);
    assert!(!statement.to_string().contains("jo.roe"));
    let receipt = project.path("receipt.json");
    project.run(&["requests", "receipt", &request, "--out", receipt.to_str().unwrap()]).expect(0);
    project
        .run(&["certificates", "verify-receipt", receipt.to_str().unwrap(), "--archive", "certificates"])
        .expect(0);
}

#[test]
fn keys_of_every_kind_are_erased_on_sqlite() {
    keys(None);
}

#[test]
fn keys_of_every_kind_are_erased_on_postgresql() {
    keys(Some(Server::Postgres));
}

#[test]
fn keys_of_every_kind_are_erased_on_mariadb() {
    keys(Some(Server::Mysql));
}

const CIRCLE: &str =
    "  - {name: shop.people, store: shop, table: people, record_type: person, subject: {email: email},
     links: [{column: home_id, to: shop.homes.id, ownership: mentions}]}
  - {name: shop.homes, store: shop, table: homes, record_type: home,
     links: [{column: person_id, to: shop.people.id, ownership: owns}]}
";

fn make_circle(project: &Project, server: Option<Server>, null: &str) {
    let referring = "ALTER TABLE people ADD CONSTRAINT lives FOREIGN KEY (home_id) REFERENCES homes(id);";
    let (inside, after) = match server {
        None => (", FOREIGN KEY (home_id) REFERENCES homes(id)", ""),
        Some(_) => ("", referring),
    };
    let first = if null.is_empty() { "NULL" } else { "10" };
    project.shop(&format!(
        "CREATE TABLE people(id INTEGER PRIMARY KEY, email VARCHAR(60), home_id INTEGER {null}{inside});
         CREATE TABLE homes(id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, street VARCHAR(20), FOREIGN KEY (person_id) REFERENCES people(id));
         INSERT INTO people VALUES (1, 'jo.roe@example.org', {first}), (2, 'kim@example.org', {first});"
    ));
    project.shop(&format!(
        "INSERT INTO homes VALUES (10, 1, 'a'), (11, 1, 'b'), (20, 2, 'c');
         UPDATE people SET home_id = id * 10; {after}"
    ));
}

fn circle(server: Option<Server>) {
    let project = project(server);
    make_circle(&project, server, "");
    declare(&project, CIRCLE);
    let request = verified(&project, "email=jo.roe@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 0);
    let unlinking =
        plan["items"].as_array().unwrap().iter().filter(|item| item["part"] == "unlinking").count();
    assert_eq!(unlinking, 1, "{plan:#}");
    let left = project.shop("SELECT id, email, home_id FROM people;")
        + &project.shop("SELECT id, person_id FROM homes;");
    assert_eq!(left, "2|kim@example.org|2020|2", "{statement:#}");
    assert!(statement["outcome"].as_str().unwrap().starts_with("complete"), "{statement:#}");
    let letter = project.run(&["--lang", "en", "requests", "answer", &request]).expect(0).stdout;
    assert!(!letter.contains("made anonymous"), "{letter}");
}

#[test]
fn a_circle_of_references_is_opened_where_a_column_may_be_empty_on_sqlite() {
    circle(None);
}

#[test]
fn a_circle_of_references_is_opened_where_a_column_may_be_empty_on_postgresql() {
    circle(Some(Server::Postgres));
}

#[test]
fn a_circle_of_references_is_opened_where_a_column_may_be_empty_on_mariadb() {
    circle(Some(Server::Mysql));
}

#[test]
fn a_circle_without_a_column_that_may_be_empty_is_refused_with_the_way_out() {
    let project = project(None);
    make_circle(&project, None, "NOT NULL");
    declare(&project, CIRCLE);
    let request = verified(&project, "email=jo.roe@example.org", &[]);
    // Orders know people by a number alone, and nothing tells that of this one.
    let plan = project.run(&["--format", "json", "erase", &request]).expect(3).json();
    let findings = plan["plan"]["findings"].as_array().unwrap().iter();
    let refused: Vec<String> =
        findings.filter(|one| one["severity"] == "refusal").map(|one| one["message"].to_string()).collect();
    assert!(
        refused.iter().any(|message| message.contains("make one of its columns nullable")),
        "{refused:?}"
    );
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(5);
    assert_eq!(project.shop("SELECT count(*) FROM people;"), "2");
}
