//! One person in three databases and a bucket at once, while a legal duty keeps some of the records, and when it has
//! ended: everything else is as it was, by full dumps. `scripts/chinook-request` does the same on the real Chinook.

use super::{statement, verified};
use crate::buckets::place::{Place, server};
use crate::support::server::{Database, Server};
use crate::support::{Answer, Project, find_text, plan_id};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

const DATABASES: [&str; 3] = ["lite", "pg", "maria"];
const TABLES: [&str; 4] = ["customer", "invoice", "invoice_line", "line_note"];

/// Of invoices, and the parts of invoices and of those, the first alone says when its duty ends.
const DATASETS: &str = "
  - name: STORE.customers
    store: STORE
    table: customer
    record_type: STORE_customer
    subject: {customer_id: id, email: email}
  - name: STORE.invoices
    store: STORE
    table: invoice
    record_type: STORE_invoice
    events: {issued: {column: issued_at, zone: UTC}}
    links: [{column: customer_id, to: STORE.customers.id, ownership: owns}]
  - name: STORE.lines
    store: STORE
    table: invoice_line
    record_type: line
    links: [{column: invoice_id, to: STORE.invoices.id, ownership: owns}]
  - name: STORE.notes
    store: STORE
    table: line_note
    record_type: note
    links: [{column: line_id, to: STORE.lines.id, ownership: owns}]
";

const RECEIPTS: &str = r#"
  - name: exports.receipts
    store: exports
    objects: {key: "PREFIX/receipts/{customer_id}/{file}"}
    record_type: receipt
    subject: {customer_id: customer_id}
"#;

const RULES: &str = r#"  - id: STORE_invoice
    record_type: STORE_invoice
    title: {fr: Factures, en: Invoices}
    purpose: {fr: Comptabilité, en: Accounting}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: {event: issued, type: operation}
    retain_for: P10Y
    disposition: purge
  - id: STORE_customer
    record_type: STORE_customer
    title: {fr: Clients, en: Customers}
    purpose: {fr: Ventes, en: Sales}
    legal_basis: eu-gdpr:A6-1-b
    starts_from: {none_left: [STORE_invoice]}
    retain_for: P0D
    disposition:
      anonymize: {name: {replace: erased}, email: {replace: "nobody@example.invalid"}}
"#;

const MADE: &str = "
CREATE TABLE customer(id INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40) NOT NULL);
CREATE TABLE invoice(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, issued_at TIME_TYPE NOT NULL, total DECIMAL(10,2),
  FOREIGN KEY (customer_id) REFERENCES customer(id));
CREATE TABLE invoice_line(id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL, what VARCHAR(20),
  FOREIGN KEY (invoice_id) REFERENCES invoice(id));
CREATE TABLE line_note(id INTEGER PRIMARY KEY, line_id INTEGER NOT NULL, FOREIGN KEY (line_id) REFERENCES invoice_line(id));
INSERT INTO customer VALUES (4, 'kim@example.org', 'Kim'), (5, 'Jo@Example.org', 'Jo'), (6, 'jo@example.orgs', 'Lou');
INSERT INTO invoice VALUES (1, 5, '2010-05-01 00:00:00', 1.98), (2, 5, 'SOON', 0.99), (3, 5, 'SOON', 0.99), (4, 4, 'SOON', 5.5),
  (5, 6, '2010-05-01 00:00:00', 3);
INSERT INTO invoice_line VALUES (10, 1, 'a'), (11, 1, 'b'), (20, 2, 'c'), (30, 3, 'd'), (40, 4, 'e'), (50, 5, 'f');
INSERT INTO line_note VALUES (100, 10), (200, 20), (400, 40);
";

pub(super) struct Everywhere {
    pub(super) project: Project,
    place: Place,
    pub(super) servers: [Database; 2],
}

fn date(format: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", format, "+%Y-%m-%d %H:%M:%S"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Everywhere {
    /// The duty of the newer invoices ends in ten minutes.
    fn new() -> Self {
        Self::issued(&date(&format!("{} UTC - 10 years", date("10 minutes"))))
    }

    /// The newer invoices were issued then.
    pub(super) fn issued(soon: &str) -> Self {
        let place = Place::new(false);
        for key in ["receipts/4/a", "receipts/5/a", "receipts/5/a", "receipts/5/b", "receipts/55/a"] {
            place.put(key, key);
        }
        place.hide("receipts/5/b");
        let mut map = "datasets:".to_owned();
        map.extend(DATABASES.map(|store| DATASETS.replace("STORE", store)));
        let rules: String = DATABASES.map(|store| RULES.replace("STORE", store)).concat();
        let project = place.project(&server().0, "", &(map + RECEIPTS), &rules);
        let servers = [Database::new(Server::Postgres), Database::new(Server::Mysql)];
        let mut stores = "  lite: {kind: sqlite, path: lite.db, backups_kept: P0D}\n".to_owned();
        for (name, database) in DATABASES[1..].iter().zip(&servers) {
            let (kind, address) = (database.server.kind(), database.address());
            writeln!(
                stores,
                "  {name}: {{kind: {kind}, reader: \"{address}\", writer: \"{address}\", backups_kept: P0D}}"
            )
            .unwrap();
        }
        let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
        let shop = "  shop: {kind: sqlite, path: shop.db, backups_kept: P0D}\n";
        assert!(settings.contains(shop));
        project.write("oubliette.yaml", &(settings.replace(shop, &stores) + "clock_tolerance: PT14M\n"));
        let made = MADE.replace("SOON", soon);
        project.sql("lite.db", &made.replace("TIME_TYPE", "DATETIME"));
        servers[0].sql(&made.replace("TIME_TYPE", "TIMESTAMP"));
        servers[1].sql(&made.replace("TIME_TYPE", "DATETIME"));
        project.run(&["check"]).expect(0);
        Self { project, place, servers }
    }

    fn ask(&self, store: &str, statement: &str) -> String {
        match store {
            "lite" => self.project.sql("lite.db", statement),
            "pg" => self.servers[0].sql(statement),
            _ => self.servers[1].sql(statement),
        }
    }

    /// A row, or a version of an object, a line.
    pub(super) fn dump(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for store in DATABASES {
            for table in TABLES {
                let rows = self.ask(store, &format!("SELECT * FROM {table};"));
                lines.extend(rows.lines().map(|row| format!("{store} {table} {row}")));
            }
        }
        lines.extend(self.place.listing().into_iter().map(|((key, part), told)| {
            let part = if part.starts_with("~marker") { "marker" } else { "version" };
            format!("{key} {part} {told}")
        }));
        lines
    }

    /// The program twelve minutes from now, which the stores' own clocks still accept.
    fn later(&self, arguments: &[&str]) -> Answer {
        let inner = self.project.command(arguments);
        let mut moved = Command::new("faketime");
        moved.args(["-f", "+12m"]).arg(inner.get_program()).args(inner.get_args());
        moved.current_dir(self.project.path("")).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Answer::of(&moved.output().expect("the command faketime is needed: run ./scripts/test"))
    }
}

/// What is new, and what is gone; of objects without what the store tells of them.
pub(super) fn changes(before: &[String], after: &[String]) -> [Vec<String>; 2] {
    let less = |some: &[String], others: &[String]| {
        let mut left: Vec<String> = some.iter().filter(|line| !others.contains(line)).cloned().collect();
        for line in &mut left {
            if let Some(at) = line.find(" Some(") {
                line.truncate(at);
            }
        }
        left.sort();
        left
    };
    [less(after, before), less(before, after)]
}

fn in_each(rows: &[&str]) -> Vec<String> {
    let mut all: Vec<String> =
        DATABASES.iter().flat_map(|store| rows.iter().map(move |row| format!("{store} {row}"))).collect();
    all.sort();
    all
}

fn exceptions(statement: &Value, code: &str) -> u64 {
    let targets = statement["evidence"]["targets"].as_array().unwrap().iter();
    let all = targets.flat_map(|target| target["exceptions"].as_array().unwrap());
    all.filter(|one| one["code"] == code).map(|one| one["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_person_leaves_three_databases_and_a_bucket_but_for_what_a_duty_keeps_until_it_ends() {
    let all = Everywhere::new();
    let (project, before) = (&all.project, all.dump());
    // In what the bucket tells of a marker, its time is all there is.
    let keys = |lines: &[String]| lines.iter().filter(|line| line.starts_with("receipts/")).count();
    assert_eq!(keys(&before), 6);
    let request = verified(project, "email=jo@example.org", &[]);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    let kept = plan["plan"]["request"]["kept"].as_array().unwrap();
    // Told as days of the policy's zone, where the day may end before it does in UTC.
    let until =
        (chrono::Utc::now() + chrono::TimeDelta::minutes(10)).with_timezone(&chrono_tz::Europe::Paris);
    let until = until.format("%Y-%m-%d").to_string();
    assert!(kept.len() == 3 && kept.iter().all(|one| one["records"] == 2), "{kept:?}");
    assert!(kept.iter().all(|one| one["until_on"].as_str().unwrap() <= until.as_str()), "{kept:?}");
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan_id(&plan)]).expect(0).json();
    let first = statement(project, &end);
    assert_eq!(first["outcome"], "complete_with_exceptions", "{first:#}");
    let [new, gone] = changes(&before, &all.dump());
    assert_eq!(new.len(), 3, "{new:?}");
    assert!(new.iter().all(|row| row.contains(" customer 5|") && row.ends_with("|erased")), "{new:?}");
    let at_once =
        ["customer 5|Jo@Example.org|Jo", "invoice_line 10|1|a", "invoice_line 11|1|b", "line_note 100|10"];
    let mut expected = in_each(&at_once);
    expected
        .extend(["receipts/5/a version", "receipts/5/a version", "receipts/5/b version"].map(str::to_owned));
    let is_paper = |line: &&String| line.contains(" invoice 1|") || line.ends_with("marker");
    assert_eq!(gone.iter().filter(is_paper).count(), 4, "{gone:?}");
    let gone: Vec<&String> = gone.iter().filter(|line| !is_paper(line)).collect();
    assert_eq!(gone, expected.iter().collect::<Vec<_>>(), "a kept invoice keeps its lines and their notes");
    assert_eq!(exceptions(&first, "eu-gdpr:JustificationA17LegallyRequired"), 6, "{first:#}");
    assert_eq!(exceptions(&first, "kept_with_retained"), 9, "two lines and a note each: {first:#}");

    let queued = all.later(&["--format", "json", "erase", "--due"]).expect(0).json();
    assert_eq!(queued["planned"].as_array().unwrap().len(), 1, "{queued}");
    all.later(&["approve", &plan_id(&queued), "--as", "dpo"]).expect(0);
    let end = all.later(&["--format", "json", "apply", &plan_id(&queued)]).expect(0).json();
    let id = find_text(&end, "certificate_id").unwrap();
    let second = all.later(&["--format", "json", "certificates", "show", &id]).expect(0).json();
    let second = &second["statement"]["predicate"];
    // Write-ahead logs and old versions of the servers go with time, and are stated with their dates.
    assert_eq!(second["outcome"], "complete_residuals_pending", "{second:#}");
    assert_eq!(second["relatesTo"][0]["relation"], "continues");
    assert_eq!(second["relatesTo"][0]["certificateId"], first["certificateId"]);
    let shown = all.later(&["--format", "json", "requests", "show", &request]).expect(0).json();
    assert_eq!(shown["state"], "done");
    let [new, gone] = changes(&before, &all.dump());
    assert_eq!((new.len(), gone.len()), (3, 3 * (1 + 3 + 4 + 2) + 4), "{new:?} {gone:?}");
    let of_others = |line: &&String| line.contains("invoice 4|") || line.contains("invoice 5|");
    assert_eq!(gone.iter().find(of_others), None);
    all.later(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
}

#[test]
fn what_is_part_of_a_held_invoice_stays_with_it() {
    let all = Everywhere::new();
    let project = &all.project;
    let request = verified(project, "email=jo@example.org", &[]);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    // The hold comes between the approval and the run.
    let why = ["--matter", "m", "--reason", "r", "--owner", "o"];
    project
        .run(&[&["hold", "add", "--dataset", "lite.invoices", "--where", "id = 1"], &why[..]].concat())
        .expect(0);
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    project.run(&["apply", &plan_id(&plan)]).expect(5);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    project.run(&["--format", "json", "apply", &plan_id(&plan)]).expect(0);
    assert_eq!(all.ask("lite", "SELECT count(*) FROM invoice_line WHERE invoice_id = 1;"), "2");
    assert_eq!(all.ask("lite", "SELECT count(*) FROM line_note;"), "3");
    assert_eq!(all.ask("pg", "SELECT count(*) FROM invoice_line WHERE invoice_id = 1;"), "0");
}
