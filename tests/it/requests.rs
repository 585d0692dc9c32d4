//! Requests of persons through the real program: what goes, what stays and until when, what is said when
//! a store is down, and that nobody else's row changes by a byte.

mod again;
mod beyond;
mod everywhere;
mod exempt;
mod interrupted;
mod kept;
mod looking;
mod receipts;
mod servers;
mod shapes;
mod speed;
mod status;
mod stuck;
mod texts;
mod together;

use crate::support::{Answer, Project, find_text, plan_id};
use serde_json::Value;
use std::fs;
use std::process::Command;

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
author: engineer
stores:
  crm: {kind: sqlite, reader: crm.db, writer: crm.db, backups_kept: P0D}
  billing: {kind: sqlite, reader: billing.db, writer: billing.db, backups_kept: P0D}
  files: {kind: directory, path: files, backups_kept: P0D}
approvals: {approver_not_author: true, plan_valid_for: P7D}
"#;

const DATA_MAP: &str = r#"
datasets:
  - name: crm.customers
    store: crm
    table: customers
    record_type: customer
    subject: {email: email, customer_id: id}
    links: [{column: address_id, to: crm.addresses.id, ownership: shared}]
  - {name: crm.addresses, store: crm, table: addresses, record_type: address}
  - name: crm.visits
    store: crm
    table: visits
    record_type: visit
    links: [{column: customer_id, to: crm.customers.id, ownership: owns}]
  - name: crm.newsletter
    store: crm
    table: newsletter
    record_type: newsletter
    subject: {email: email}
    events: {subscribed: since}
  - name: billing.invoices
    store: billing
    table: invoices
    record_type: invoice
    subject: {customer_id: customer}
    events: {issued: issued_on}
    links: [{column: pdf, to: files.receipts, ownership: shared}]
  - name: billing.lines
    store: billing
    table: lines
    record_type: invoice
    events: {issued: issued_on}
    links: [{column: invoice_id, to: billing.invoices.id, ownership: owns}]
  - name: files.receipts
    store: files
    objects: {key: "receipts/{customer_id}/{file}"}
    record_type: receipt
    subject: {customer_id: customer_id}
  - name: files.letters
    store: files
    objects: {key: "letters/{customer_id}/{file}"}
    record_type: letter
    subject: {customer_id: customer_id}
  - {name: crm.products, store: crm, table: products, record_type: product}
"#;

const POLICY: &str = r#"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
  - id: invoice
    record_type: invoice
    title: {fr: "Factures", en: "Invoices"}
    purpose: {fr: "Comptabilité", en: "Accounting"}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: {event: issued, type: operation}
    retain_for: P10Y
    disposition: purge
  - id: newsletter
    record_type: newsletter
    title: {fr: "Lettre d'information", en: "Newsletter"}
    purpose: {fr: "Prospection", en: "Marketing"}
    legal_basis: eu-gdpr:A6-1-a
    starts_from: {event: subscribed, type: collection}
    retain_for: P20Y
    disposition: purge
"#;

/// Customer 42 is the one who asks; 43 lives at the same address, 44 has nearly the same e-mail address.
const CRM: &str = "
CREATE TABLE addresses(id INTEGER PRIMARY KEY, street TEXT);
INSERT INTO addresses VALUES (1, 'shared'), (2, 'only hers'), (3, 'elsewhere');
CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT, name TEXT, address_id INTEGER REFERENCES addresses(id));
INSERT INTO customers VALUES (41, 'jo@example.org', 'Jo again', 2), (42, ' JO@Example.org', 'Jo', 1), (43, 'kim@example.org', 'Kim', 1), (44, 'jo@example.orgs', 'Other', 3);
CREATE TABLE visits(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), page TEXT);
INSERT INTO visits VALUES (1, 41, 'a'), (2, 42, 'b'), (3, 43, 'c');
CREATE TABLE newsletter(id INTEGER PRIMARY KEY, email TEXT, since DATE);
INSERT INTO newsletter VALUES (1, 'jo@example.org', '2024-01-01'), (2, 'kim@example.org', '2024-01-01');
CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO products VALUES (1, 'chair');";

/// An invoice of 2010 is past its ten years; the others are not. The customer is text here.
const BILLING: &str = "
CREATE TABLE invoices(id INTEGER PRIMARY KEY, customer TEXT, issued_on DATE, pdf TEXT);
INSERT INTO invoices VALUES (1, '42', '2010-05-01', 'receipts/42/old.pdf'), (2, '42', '{last}', 'receipts/42/new.pdf'),
    (3, '43', '{last}', 'receipts/43/k.pdf'), (4, '99', '{last}', NULL);
CREATE TABLE lines(id INTEGER PRIMARY KEY, invoice_id INTEGER REFERENCES invoices(id), issued_on DATE, what TEXT);
INSERT INTO lines VALUES (1, 1, '2010-05-01', 'x'), (2, 2, '{last}', 'y'), (3, 3, '{last}', 'z');";

/// The day on which the later invoices were issued, and the one on which they may go.
fn days(project: &Project) -> (String, String) {
    let year: u32 = project.sql("crm.db", "SELECT strftime('%Y', 'now');").parse().unwrap();
    (format!("{}-05-01", year - 1), format!("{}-05-02", year + 9))
}

fn shop() -> Project {
    let project = Project::new(SETTINGS, DATA_MAP, POLICY);
    project.sql("crm.db", CRM);
    project.sql("billing.db", &BILLING.replace("{last}", &days(&project).0));
    for file in [
        "receipts/42/old.pdf",
        "receipts/42/new.pdf",
        "receipts/43/k.pdf",
        "letters/42/a.txt",
        "letters/43/b.txt",
    ] {
        project.write(&format!("files/{file}"), file);
    }
    project.run(&["check"]).expect(0);
    project
}

#[track_caller]
pub(crate) fn received(project: &Project, identity: &str, more: &[&str]) -> String {
    let arguments = [&["--format", "json", "requests", "receive", "--identity", identity], more].concat();
    find_text(&project.run(&arguments).expect(0).json(), "request_id").unwrap()
}

#[track_caller]
pub(crate) fn verified(project: &Project, identity: &str, more: &[&str]) -> String {
    let request = received(project, identity, more);
    let method = ["--as", "support", "--method", "answered from the address on file"];
    project.run(&[&["requests", "verify", &request], &method[..]].concat()).expect(0);
    request
}

/// A command of the program eleven years from now.
fn later(project: &Project, arguments: &[&str]) -> Answer {
    let inner = project.command(arguments);
    let mut moved = Command::new("faketime");
    moved.args(["-f", "+11y"]).arg(inner.get_program()).args(inner.get_args());
    moved.current_dir(project.path("")).env("LANG", "en_US.UTF-8").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Answer::of(&moved.output().expect("the command faketime is needed: run ./scripts/test"))
}

/// Plans, approves and applies; the plan, and the statement of the certificate.
#[track_caller]
pub(crate) fn erased(project: &Project, request: &str, code: i32) -> (Value, Value) {
    let plan = project.run(&["--format", "json", "erase", request]);
    assert!(matches!(plan.code, Some(0 | 3)), "{}", plan.stderr);
    let plan = plan.json();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan_id(&plan)]).expect(code).json();
    (plan["plan"].clone(), statement(project, &end))
}

#[track_caller]
fn statement(project: &Project, end: &Value) -> Value {
    let certificate = find_text(end, "certificate_id").unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    let archive = project.path("certificates");
    project.run(&["verify", archive.to_str().unwrap(), "--trust-root", "trust-root.json"]).expect(0);
    shown["statement"]["predicate"].clone()
}

fn state(project: &Project, request: &str) -> String {
    let shown = project.run(&["--format", "json", "requests", "show", request]).expect(0).json();
    shown["state"].as_str().unwrap().to_owned()
}

/// Everything in the stores, row by row and file by file.
fn dump(project: &Project) -> Vec<String> {
    let mut lines = Vec::new();
    for (file, tables) in [
        ("crm.db", &["addresses", "customers", "visits", "newsletter", "products"][..]),
        ("billing.db", &["invoices", "lines"]),
    ] {
        for table in tables {
            let rows = project.sql(
                file,
                &format!("SELECT quote({table}), * FROM (SELECT '{table}' AS {table}, * FROM {table});"),
            );
            lines.extend(rows.lines().map(str::to_owned));
        }
    }
    lines.extend(crate::support::files(&project.path("files")));
    lines
}

fn gone(before: &[String], after: &[String]) -> Vec<String> {
    assert!(after.iter().all(|line| before.contains(line)), "something changed: {after:?}");
    before.iter().filter(|line| !after.contains(line)).map(|line| line.replace('\'', "")).collect()
}

/// What goes at once; the later invoice, its line and its receipt stay.
const AT_ONCE: [&str; 10] = [
    "addresses|addresses|2|only hers",
    "customers|customers|41|jo@example.org|Jo again|2",
    "customers|customers|42| JO@Example.org|Jo|1",
    "invoices|invoices|1|42|2010-05-01|receipts/42/old.pdf",
    "letters/42/a.txt",
    "lines|lines|1|1|2010-05-01|x",
    "newsletter|newsletter|1|jo@example.org|2024-01-01",
    "receipts/42/old.pdf",
    "visits|visits|1|41|a",
    "visits|visits|2|42|b",
];

#[test]
fn a_person_is_gone_but_for_what_the_law_keeps_until_its_day() {
    let project = shop();
    let (last, until) = days(&project);
    let before = dump(&project);
    let request = verified(&project, "email=jo@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 0);
    let mut went = gone(&before, &dump(&project));
    went.sort();
    assert_eq!(went, AT_ONCE);
    assert_eq!(statement["outcome"], "complete_with_exceptions", "{statement:#}");
    assert_eq!(statement["evidence"]["kind"], "erasure_request");
    assert_eq!(statement["evidence"]["request"]["reference"], request.as_str());
    let kept = &plan["request"]["kept"];
    assert_eq!(kept.as_array().unwrap().len(), 2, "{kept}");
    assert!(kept.as_array().unwrap().iter().all(|kept| kept["until_on"] == until.as_str()), "{kept}");
    let searched = |name: &str| {
        let all = plan["request"]["datasets"].as_array().unwrap();
        all.iter().find(|one| one["dataset"] == name).unwrap()["search"].clone()
    };
    assert_eq!(searched("crm.products"), "not_searched");
    assert_eq!(searched("crm.addresses"), serde_json::json!({"found": {"own": 1, "shared": 1}}));
    assert_eq!(state(&project, &request), "waiting");

    let letter = project.run(&["--lang", "fr", "requests", "answer", &request]).expect(0).stdout;
    for said in [
        "Factures : 2 enregistrement(s) effacé(s)",
        &format!("jusqu'au 2 mai {}", &until[..4]),
        "obligation légale",
        "CNIL",
        "d'autres personnes",
    ] {
        assert!(letter.contains(said), "{said} is not in\n{letter}");
    }
    // When the duty has ended the rest goes, although what led there is gone long since.
    let none = project.run(&["--format", "json", "erase", "--due"]).expect(0).json();
    assert_eq!(none["planned"], serde_json::json!([]), "nothing is due today");
    let plan = later(&project, &["--format", "json", "erase", "--due"]).expect(0).json();
    assert_eq!(plan["planned"].as_array().unwrap().len(), 1, "{plan}");
    later(&project, &["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let end = later(&project, &["--format", "json", "apply", &plan_id(&plan)]).expect(0).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    let shown = later(&project, &["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    let predicate = &shown["statement"]["predicate"];
    assert_eq!(predicate["outcome"], "complete_with_exceptions", "the address is Kim's too: {predicate:#}");
    assert_eq!(predicate["relatesTo"][0]["relation"], "continues");
    assert_eq!(predicate["relatesTo"][0]["certificateId"], statement["certificateId"]);
    let mut went = gone(&before, &dump(&project));
    went.sort();
    assert!(went.contains(&format!("invoices|invoices|2|42|{last}|receipts/42/new.pdf")), "{went:?}");
    assert!(went.contains(&"receipts/42/new.pdf".to_owned()) && went.len() == 13, "{went:?}");
    let shown = later(&project, &["--format", "json", "requests", "show", &request]).expect(0).json();
    assert_eq!(shown["state"], "done");
    let left = project.sql(
        "state/ledger.db",
        "SELECT count(*) FROM request WHERE sealed IS NOT NULL; SELECT count(*) FROM request_identity;
         SELECT count(*) FROM request_plan WHERE sealed IS NOT NULL;",
    );
    assert_eq!(left, "0\n0\n0", "what named the person is destroyed");
    let again = later(&project, &["erase", &request]).expect(2);
    assert!(again.stderr.contains("is done"), "{}", again.stderr);
}

#[test]
fn a_person_whom_nobody_knows_is_said_to_be_unknown() {
    let project = shop();
    let before = dump(&project);
    let request = verified(&project, "email=nobody@example.org", &[]);
    let (_, statement) = erased(&project, &request, 0);
    assert_eq!(statement["outcome"], "nothing_found");
    assert!(gone(&before, &dump(&project)).is_empty());
    assert_eq!(state(&project, &request), "done");
    let letter = project.run(&["--lang", "en", "requests", "answer", &request]).expect(0).stdout;
    assert!(letter.contains("found nothing") && !letter.contains("nobody@"), "{letter}");
}

#[test]
fn nothing_is_planned_for_somebody_who_was_not_verified() {
    let project = shop();
    let request = received(&project, "email=jo@example.org", &[]);
    let refused = project.run(&["erase", &request]).expect(2);
    assert!(refused.stderr.contains("is not verified") && refused.stderr.contains("requests verify"));
    // A second request that says nothing new is the same one, and still not verified.
    let again = ["--format", "json", "requests", "receive", "--identity", "email= JO@example.org"];
    let again = project.run(&again).expect(0).json();
    assert_eq!((&again["joined"], again["request_id"].as_str()), (&true.into(), Some(request.as_str())));
    // One that brings another identity is its own.
    let other = ["--identity", "customer_id=43"];
    let other = received(&project, "email=jo@example.org", &other);
    assert_ne!(other, request);
    let method = ["--as", "support", "--method", "by letter"];
    project.run(&[&["requests", "verify", &other], &method[..]].concat()).expect(0);
    assert_eq!(state(&project, &request), "received", "another request verifies nothing here");
    project.run(&["requests", "refuse", &request, "--reason", "identity-not-verified"]).expect(0);
    assert_eq!(state(&project, &request), "refused");
    project.run(&["requests", "verify", &request, "--as", "a", "--method", "b"]).expect(2);
    let unknown = project.run(&["requests", "receive", "--identity", "passport=X1"]).expect(2);
    assert!(unknown.stderr.contains("declares this kind") && !unknown.stderr.contains("X1"));
}

#[test]
fn a_store_that_is_down_makes_the_answer_partial_and_is_done_later() {
    let project = shop();
    let before = dump(&project);
    fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    let request = verified(&project, "email=jo@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 3);
    assert_eq!(statement["outcome"], "partial");
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let lost = targets.iter().filter(|target| target["failures"][0]["code"] == "unreachable");
    let lost: Vec<&str> = lost.map(|target| target["dataset"].as_str().unwrap()).collect();
    assert_eq!(lost, ["billing.invoices", "billing.lines"]);
    assert!(plan["unreachable"].as_array().unwrap().len() == 2);
    assert_eq!(state(&project, &request), "partial");
    fs::rename(project.path("away"), project.path("billing.db")).unwrap();
    // The customer's row, from which the number was read, is gone; the number is not forgotten.
    let again = project.run(&["--format", "json", "erase", "--due"]).expect(0).json();
    assert_eq!(again["planned"].as_array().unwrap().len(), 1, "{again}");
    assert_eq!(state(&project, &request), "planned");
    project.run(&["approve", &plan_id(&again), "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan_id(&again)]).expect(0).json();
    let statement = super::requests::statement(&project, &end);
    assert_eq!(statement["outcome"], "complete_with_exceptions", "{statement:#}");
    let went = gone(&before, &dump(&project));
    assert!(went.contains(&"invoices|invoices|1|42|2010-05-01|receipts/42/old.pdf".to_owned()), "{went:?}");
}

#[test]
fn what_changed_between_plan_and_run_is_neither_touched_wrongly_nor_passed_over() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    // A visit turns out to be Kim's, and Jo subscribes once more.
    project.sql(
        "crm.db",
        "UPDATE visits SET customer_id = 43 WHERE id = 2; INSERT INTO newsletter VALUES (3, 'Jo@example.org', '2024-01-01');",
    );
    let end = project.run(&["--format", "json", "apply", &plan_id(&plan)]).expect(3).json();
    let statement = statement(&project, &end);
    assert_eq!(statement["outcome"], "partial");
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let again = targets.iter().filter(|target| target["failures"][0]["code"] == "found_again");
    let again: Vec<&str> = again.map(|target| target["dataset"].as_str().unwrap()).collect();
    assert_eq!(again, ["crm.newsletter"]);
    assert_eq!(project.sql("crm.db", "SELECT id, customer_id FROM visits;"), "2|43\n3|43");
    assert_eq!(project.sql("crm.db", "SELECT count(*) FROM customers WHERE id IN (41, 42);"), "0");
    erased(&project, &request, 0);
    assert_eq!(project.sql("crm.db", "SELECT id FROM newsletter;"), "2");
}

#[test]
fn a_held_record_stays_and_the_request_waits() {
    let project = shop();
    let why = ["--matter", "m", "--reason", "r", "--owner", "o"];
    let hold =
        [&["--format", "json", "hold", "add", "--dataset", "crm.visits", "--where", "id = 2"], &why[..]]
            .concat();
    let hold = find_text(&project.run(&hold).expect(0).json(), "hold_id").unwrap();
    let before = dump(&project);
    let request = verified(&project, "email=jo@example.org", &[]);
    let (_, statement) = erased(&project, &request, 0);
    let went = gone(&before, &dump(&project));
    assert!(
        !went
            .iter()
            .any(|line| line.starts_with("visits|visits|2") || line.starts_with("customers|customers|42"))
    );
    assert!(went.iter().any(|line| line.starts_with("customers|customers|41")), "{went:?}");
    assert_eq!(statement["outcome"], "complete_with_exceptions");
    assert_eq!(state(&project, &request), "waiting");
    project.run(&["hold", "release", &hold]).expect(0);
    erased(&project, &request, 0);
    let went = gone(&before, &dump(&project));
    assert!(went.iter().any(|line| line.starts_with("customers|customers|42")), "{went:?}");
}

#[test]
fn only_the_newest_plan_of_a_request_is_carried_out_and_once() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    let older = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    project.run(&["approve", &plan_id(&older), "--as", "dpo"]).expect(0);
    let newer = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    let refused = project.run(&["apply", &plan_id(&older)]).expect(2);
    assert!(refused.stderr.contains("a newer plan"), "{}", refused.stderr);
    project.run(&["approve", &plan_id(&newer), "--as", "dpo"]).expect(0);
    project.run(&["apply", &plan_id(&newer)]).expect(0);
    project.run(&["apply", &plan_id(&newer)]).expect(5);
    assert_eq!(state(&project, &request), "waiting");
    let status = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status["open_runs"], serde_json::json!([]), "nothing was begun in vain");
}

#[test]
fn a_standing_approval_of_a_rule_covers_no_request() {
    let project = shop();
    project.run(&["approve", "--standing", "shop/newsletter", "--as", "dpo"]).expect(0);
    let request = verified(&project, "email=jo@example.org", &["--kind", "consent-withdrawal"]);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    project.run(&["apply", &plan_id(&plan)]).expect(5);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_request_that_was_killed_anywhere_ends_as_one_that_was_not() {
    let whole = shop();
    let request = verified(&whole, "email=jo@example.org", &[]);
    erased(&whole, &request, 0);
    let expected = dump(&whole);
    for point in [
        "after-begin-run:1",
        "after-intent-published:1",
        "before-intent:2",
        "after-intent:3",
        "before-commit:2",
        "after-commit:1",
        "after-commit:4",
        "after-dispose:5",
        "before-prove:3",
        "after-prove:6",
        "before-statement:1",
        "after-statement:1",
        "after-publish:1",
        "after-certified:1",
    ] {
        let project = shop();
        let request = verified(&project, "email=jo@example.org", &[]);
        let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
        project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
        let killed = project.command(&["apply", &plan_id(&plan)]).env("OUBLIETTE_FAILPOINT", point).output();
        assert_eq!(killed.unwrap().status.code(), None, "{point} was not reached");
        let end = project.run(&["--format", "json", "apply", "--resume"]);
        if point == "after-certified:1" {
            // It was whole already; only what it named is still to be destroyed.
            assert_eq!(end.code, Some(2), "{end:?}");
        } else {
            assert_eq!(
                statement(&project, &end.expect(0).json())["outcome"],
                "complete_with_exceptions",
                "{point}"
            );
        }
        assert_eq!(dump(&project), expected, "{point}");
        assert_eq!(state(&project, &request), "waiting", "{point}");
    }
}
