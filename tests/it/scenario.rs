//! A small shop with everything in it: rows with dependents and linked files, rows to anonymize, a
//! directory with a rule of its own, holds, undecidable and foreign records.

use crate::support::server::{Database, Server};
use crate::support::{Project, files};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

pub(crate) const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
author: engineer
stores:
  shop: {kind: sqlite, reader: shop.db, writer: shop.db, backups_kept: P35D}
  files: {kind: directory, path: files, backups_kept: P7D}
approvals: {approver_not_author: true, plan_valid_for: P7D}
"#;

pub(crate) const DATA_MAP: &str = r#"
datasets:
  - name: shop.prospects
    store: shop
    table: prospects
    record_type: prospect
    subject: {email: email}
    events: {last_contact: {column: last_contact_at, zone: Europe/Paris}}
    not_personal: [country]
  - name: shop.customers
    store: shop
    table: customers
    record_type: customer
    subject: {customer_id: id, email: email}
    fields: {full_name: user.name}
  - name: shop.orders
    store: shop
    table: orders
    record_type: order
    subject: {customer_id: customer_id}
    events: {ordered: {column: ordered_at, zone: Europe/Paris}}
    links:
      - {column: receipt, to: files.receipts, ownership: owns}
  - name: shop.order_lines
    store: shop
    table: order_lines
    record_type: order_line
    links: [{column: order_id, to: shop.orders.id, ownership: owns}]
  - name: files.receipts
    store: files
    objects: {key: "receipts/{year}/{customer_id}/{file}"}
    record_type: receipt
    subject: {customer_id: customer_id}
  - name: files.exports
    store: files
    objects: {key: "exports/{year}/{month}/{file}"}
    record_type: export
    events: {exported: "{year}-{month}"}
"#;

pub(crate) const POLICY: &str = r#"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
  - id: prospect
    record_type: prospect
    title: {fr: "Prospects", en: "Prospects"}
    purpose: {fr: "Prospection", en: "Marketing"}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: {event: last_contact, type: operation}
    retain_for: P3Y
    delete_within: P30D
    where: "country IN ('FR', 'BE')"
    disposition: purge
  - id: order
    record_type: order
    title: {fr: "Commandes", en: "Orders"}
    purpose: {fr: "Ventes", en: "Sales"}
    legal_basis: eu-gdpr:A6-1-b
    starts_from: {event: ordered, type: operation}
    retain_for: P5Y
    disposition: purge
  - id: customer
    record_type: customer
    title: {fr: "Clients sans commande", en: "Customers without orders"}
    purpose: {fr: "Gestion des clients", en: "Customer management"}
    legal_basis: eu-gdpr:A6-1-b
    starts_from: {none_left: [order]}
    retain_for: P0D
    disposition:
      anonymize: {full_name: {replace: "effacé"}, email: "null"}
  - id: export
    record_type: export
    title: {fr: "Exports", en: "Exports"}
    purpose: {fr: "Échanges", en: "Exchange"}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: {event: exported, type: collection}
    retain_for: P1Y
    disposition: purge
"#;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) prospects: u32,
    pub(crate) orders: u32,
    pub(crate) exports: u32,
}

pub(crate) const SMALL: Size = Size { prospects: 400, orders: 60, exports: 80 };

/// A value that may appear nowhere but in the stores themselves.
pub(crate) const CANARY: &str = "canari7391";

/// The shop, filled; nothing planned yet.
pub(crate) fn shop(size: Size) -> Project {
    shop_with(size, "WAL")
}

pub(crate) fn shop_with(size: Size, journal_mode: &str) -> Project {
    let project = Project::new(SETTINGS, DATA_MAP, POLICY);
    project.sql("shop.db", &schema(journal_mode));
    project.sql("shop.db", &rows(size));
    receipts_and_exports(&project, size);
    project
}

/// The same shop with its tables on a database server: the order of the columns, the rows and the documents
/// are the same, and the lines of an order have a foreign key that would cascade.
pub(crate) fn shop_on(database: Database, size: Size, connections: u32) -> Project {
    let address = database.address();
    let store = format!(
        "shop: {{kind: {}, reader: \"{address}\", writer: \"{address}\", connections: {connections}, backups_kept: P35D}}",
        database.server.kind()
    );
    let settings = SETTINGS
        .replace("shop: {kind: sqlite, reader: shop.db, writer: shop.db, backups_kept: P35D}", &store);
    assert_ne!(settings, SETTINGS);
    let mut project = Project::new(&settings, DATA_MAP, POLICY);
    let time = if database.server == Server::Postgres { "TIMESTAMP" } else { "DATETIME" };
    database.sql(&format!(
        "CREATE TABLE prospects(id BIGINT PRIMARY KEY, email VARCHAR(200), country VARCHAR(2), last_contact_at {time} NULL);
         CREATE TABLE customers(id BIGINT PRIMARY KEY, full_name VARCHAR(200) NOT NULL, email VARCHAR(200));
         CREATE TABLE orders(id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, ordered_at {time} NOT NULL,
             receipt VARCHAR(200), FOREIGN KEY (customer_id) REFERENCES customers(id));
         CREATE INDEX orders_customer ON orders(customer_id);
         CREATE TABLE order_lines(id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, label VARCHAR(20),
             FOREIGN KEY (order_id) REFERENCES orders(id) ON DELETE CASCADE);
         CREATE INDEX lines_order ON order_lines(order_id);"
    ));
    // The rows are those of the SQLite shop.
    project.sql("shop.db", &schema("DELETE"));
    project.sql("shop.db", &rows(size));
    for table in ["prospects", "customers", "orders", "order_lines"] {
        let inserts = project.sql("shop.db", &format!(".mode insert {table}\nSELECT * FROM {table};"));
        database.sql(&inserts);
    }
    fs::remove_file(project.path("shop.db")).unwrap();
    project.database = Some(database);
    receipts_and_exports(&project, size);
    project
}

fn schema(journal_mode: &str) -> String {
    format!(
        "PRAGMA journal_mode={journal_mode};
         CREATE TABLE prospects(id INTEGER PRIMARY KEY, email TEXT, country TEXT, last_contact_at DATETIME);
         CREATE TABLE customers(id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, email TEXT);
         CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id),
             ordered_at DATETIME NOT NULL, receipt TEXT);
         CREATE INDEX orders_customer ON orders(customer_id);
         CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders(id),
             label TEXT);
         CREATE INDEX lines_order ON order_lines(order_id);"
    )
}

/// Half of the prospects are past three years; every tenth has no date, every seventh lives where the
/// rule does not speak. Two thirds of the orders are past five years. A quarter of the customers never
/// ordered anything.
fn rows(size: Size) -> String {
    let Size { prospects, orders, .. } = size;
    let customers = orders / 2;
    format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {prospects})
         INSERT INTO prospects SELECT i, '{CANARY}.p' || i || '@example.org',
             CASE WHEN i % 7 = 0 THEN 'US' WHEN i % 2 = 0 THEN 'FR' ELSE 'BE' END,
             CASE WHEN i % 10 = 0 THEN NULL
                  WHEN i % 2 = 0 THEN '2019-03-31 10:20:30' ELSE '2099-01-01 00:00:00' END FROM n;
         UPDATE prospects SET last_contact_at = strftime('%Y-%m-%d 08:00:00','now','-3 days')
             WHERE last_contact_at > '2090-01-01';
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {customers})
         INSERT INTO customers SELECT i, '{CANARY} Client ' || i, '{CANARY}.c' || i || '@example.org' FROM n;
         INSERT INTO customers SELECT id + {customers}, full_name, email FROM customers WHERE id % 3 = 0;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {orders})
         INSERT INTO orders SELECT i, 1 + i % {customers},
             CASE WHEN i % 3 = 0 THEN strftime('%Y-%m-%d 09:00:00','now','-20 days')
                  ELSE '2015-06-' || printf('%02d', 1 + i % 28) || ' 12:00:00' END,
             CASE WHEN i % 4 = 0 THEN NULL
                  ELSE 'receipts/2015/' || (1 + i % {customers}) || '/{CANARY}-' || i || '.pdf' END FROM n;
         INSERT INTO order_lines SELECT id * 2, id, 'a' FROM orders UNION ALL SELECT id * 2 + 1, id, 'b' FROM orders;"
    )
}

fn receipts_and_exports(project: &Project, size: Size) {
    let named = project.shop("SELECT receipt FROM orders WHERE receipt IS NOT NULL;");
    for name in named.lines() {
        project.write(&format!("files/{name}"), "receipt");
    }
    for number in 0..size.exports {
        let year = if number % 2 == 0 { "2018" } else { "2098" };
        project.write(&format!("files/exports/{year}/0{}/{CANARY}-{number}.csv", 1 + number % 9), "export");
    }
    project.write("files/unrelated.txt", "nobody declared this");
    fs::create_dir_all(project.path("files/exports/2018/empty")).unwrap();
}

/// The shop of the usual size, made once: copies are cheap.
pub(crate) fn small() -> Project {
    static TEMPLATE: LazyLock<Project> = LazyLock::new(|| shop(SMALL));
    TEMPLATE.copy()
}

/// How many rows and files there are: the stores' own word.
pub(crate) fn counts(project: &Project) -> BTreeMap<&'static str, u64> {
    let rows = project.shop(
        "SELECT count(*) FROM prospects; SELECT count(*) FROM customers WHERE email IS NOT NULL;
         SELECT count(*) FROM orders; SELECT count(*) FROM order_lines;",
    );
    let mut rows = rows.lines().map(|line| line.parse().unwrap());
    let names = files(&project.path("files"));
    let below = |folder: &str| names.iter().filter(|name| name.starts_with(folder)).count() as u64;
    BTreeMap::from([
        ("shop.prospects", rows.next().unwrap()),
        ("shop.customers", rows.next().unwrap()),
        ("shop.orders", rows.next().unwrap()),
        ("shop.order_lines", rows.next().unwrap()),
        ("files.receipts", below("receipts/")),
        ("files.exports", below("exports/")),
    ])
}

/// What went between two counts, by dataset.
pub(crate) fn gone(
    before: &BTreeMap<&'static str, u64>,
    after: &BTreeMap<&'static str, u64>,
) -> BTreeMap<String, u64> {
    before
        .iter()
        .map(|(dataset, count)| ((*dataset).to_owned(), count - after[dataset]))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// What a plan says will go, by dataset; `plan` is the answer of the command in JSON.
pub(crate) fn planned(plan: &Value) -> BTreeMap<String, u64> {
    let mut planned = BTreeMap::new();
    for item in plan["plan"]["items"].as_array().unwrap() {
        *planned.entry(item["dataset"].as_str().unwrap().to_owned()).or_default() +=
            item["counts"]["due"].as_u64().unwrap();
        for effect in item["effects"].as_array().unwrap() {
            *planned.entry(effect["dataset"].as_str().unwrap().to_owned()).or_default() +=
                effect["records"].as_u64().unwrap();
        }
    }
    planned.retain(|_, count| *count > 0);
    planned
}

/// What the journal has as proven, by dataset, read with `sqlite3`.
pub(crate) fn journaled(project: &Project) -> BTreeMap<String, u64> {
    let rows = project.sql(
        "state/ledger.db",
        "SELECT c.key, sum(json_extract(c.value, '$.disposed')) FROM batch, json_each(batch.counts) c
         WHERE batch.state = 'proven' GROUP BY 1 HAVING sum(json_extract(c.value, '$.disposed')) > 0;",
    );
    rows.lines()
        .map(|row| row.split_once('|').unwrap())
        .map(|(dataset, count)| (dataset.to_owned(), count.parse().unwrap()))
        .collect()
}

/// What one certificate states as disposed of, by the dataset's name instead of its alias.
pub(crate) fn certified(project: &Project, certificate: &str, plan: &Value) -> BTreeMap<String, u64> {
    let shown = project.run(&["--format", "json", "certificates", "show", certificate]).expect(0).json();
    let mut names = BTreeMap::new();
    for item in plan["plan"]["items"].as_array().unwrap() {
        for named in item["effects"].as_array().unwrap().iter().chain([item]) {
            names.insert(named["dataset_alias"].as_str().unwrap(), named["dataset"].as_str().unwrap());
        }
    }
    let mut counts = BTreeMap::new();
    for target in shown["statement"]["predicate"]["evidence"]["targets"].as_array().unwrap() {
        let dataset = names
            .get(target["dataset"].as_str().unwrap())
            .unwrap_or_else(|| panic!("unknown alias in {target}"));
        let count = |name: &str| target["counts"][name].as_u64().unwrap();
        *counts.entry((*dataset).to_owned()).or_default() += count("purged") + count("anonymized");
    }
    counts.retain(|_, count: &mut u64| *count > 0);
    counts
}

/// Everything that the stores hold, as text: what two end states are compared by.
pub(crate) fn state(project: &Project) -> String {
    let mut text = match &project.database {
        None => project.sql("shop.db", ".dump"),
        Some(database) => database.sql(
            "SELECT * FROM prospects ORDER BY id; SELECT * FROM customers ORDER BY id;
             SELECT * FROM orders ORDER BY id; SELECT * FROM order_lines ORDER BY id;",
        ),
    };
    for file in files(&project.path("files")) {
        text.push('\n');
        text.push_str(&file);
    }
    text
}
