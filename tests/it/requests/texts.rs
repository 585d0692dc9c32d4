//! Texts in which a person may be named: searched when everything else is gone, and never passed over.

use super::{erased, shop, state, verified};
use crate::scenario::{self, SMALL};
use crate::support::Project;
use crate::support::server::{Database, Server};
use serde_json::Value;
use std::fs;

#[track_caller]
fn declare(project: &Project, dataset: &str) {
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    project.write("data-map.yaml", &(map + dataset));
    project.run(&["check"]).expect(0);
}

/// The failures of the target of a dataset, as (code, count).
fn failures(statement: &Value, dataset: &str) -> Vec<(String, u64)> {
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let own = targets.iter().filter(|target| target["dataset"] == dataset);
    own.flat_map(|target| target["failures"].as_array().unwrap().clone())
        .map(|one| (one["code"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap()))
        .collect()
}

fn notes(plan: &Value) -> Vec<String> {
    let findings = plan["findings"].as_array().unwrap().iter();
    let named = findings.filter(|one| one["code"] == "named_in_text");
    named.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_text_that_still_names_the_person_makes_the_erasure_partial_until_it_is_cleaned() {
    let project = shop();
    project.sql(
        "crm.db",
        "CREATE TABLE tickets(id INTEGER PRIMARY KEY, title TEXT, notes TEXT);
         INSERT INTO tickets VALUES (1, 'a', 'forwarded to JO@Example.org.'), (2, 'b', 'jo@example.orgs is another'),
             (3, '100% jo@example.org', NULL), (4, 'c', 'customer 42');",
    );
    declare(
        &project,
        "  - {name: crm.tickets, store: crm, table: tickets, record_type: ticket, search_text: [title, notes]}\n",
    );
    let before = project.sql("crm.db", "SELECT * FROM tickets;");
    let request = verified(&project, "email=jo@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 3);
    assert!(
        notes(&plan)[0].contains("1 records of dataset \"crm.tickets\"")
            || notes(&plan)[0].contains("crm.tickets")
    );
    assert_eq!(statement["outcome"], "partial");
    assert_eq!(failures(&statement, "crm.tickets"), [("found_in_text".to_owned(), 2)]);
    assert_eq!(project.sql("crm.db", "SELECT * FROM tickets;"), before, "a text was touched");
    assert_eq!(state(&project, &request), "partial");
    let letter = project.run(&["--lang", "fr", "requests", "answer", &request]).expect(0).stdout;
    assert!(letter.contains("encore nommée dans des textes"), "{letter}");
    project.sql(
        "crm.db",
        "UPDATE tickets SET notes = 'forwarded'; UPDATE tickets SET title = 'x' WHERE id = 3;",
    );
    let (plan, statement) = erased(&project, &request, 0);
    assert!(notes(&plan).is_empty());
    assert_eq!(statement["outcome"], "complete_with_exceptions", "{statement:#}");
}

#[test]
fn only_columns_of_text_can_be_searched() {
    let project = shop();
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    project.write("data-map.yaml", &(map + "    search_text: [id]\n"));
    let files =
        "  - {name: x, store: files, objects: {key: \"x/{file}\"}, record_type: x, search_text: [file]}\n";
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    let map = map
        .replace("record_type: product}\n    search_text: [id]", "record_type: product, search_text: [id]}");
    project.write("data-map.yaml", &map);
    let said = project.run(&["check"]).expect(2).stdout;
    assert!(said.contains("in which no text can be searched"), "{said}");
    project.write("data-map.yaml", &(map + files));
    let said = project.run(&["check", "--offline"]).expect(2).stdout;
    assert!(said.contains("no `search_text`"), "{said}");
}

fn on_a_server(server: Server) {
    let project = scenario::shop_on(Database::new(server), SMALL, 2);
    let email = project.shop("SELECT email FROM customers WHERE id = 5;");
    project.shop(&format!(
        "CREATE TABLE tickets(id INTEGER PRIMARY KEY, notes VARCHAR(200));
         INSERT INTO tickets VALUES (1, 'for {}, urgent'), (2, 'for x{email}'), (3, NULL);",
        email.to_uppercase()
    ));
    declare(
        &project,
        "  - {name: shop.tickets, store: shop, table: tickets, record_type: ticket, search_text: [notes]}\n",
    );
    let request = verified(&project, "customer_id=5", &["--identity", &format!("email={email}")]);
    let (_, statement) = erased(&project, &request, 3);
    assert_eq!(failures(&statement, "shop.tickets"), [("found_in_text".to_owned(), 1)], "{statement:#}");
    project.shop("UPDATE tickets SET notes = NULL WHERE id = 1;");
    let (_, statement) = erased(&project, &request, 0);
    assert!(failures(&statement, "shop.tickets").is_empty());
}

#[test]
fn texts_are_searched_on_postgresql() {
    on_a_server(Server::Postgres);
}

#[test]
fn texts_are_searched_on_mariadb() {
    on_a_server(Server::Mysql);
}
