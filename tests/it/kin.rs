//! Rows that go along with others, and what keeps them: through the real program, on every kind of database.

use crate::support::Project;
use crate::support::server::{Database, Server};

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
stores:
  shop: {STORE, backups_kept: P0D}
  files: {kind: directory, path: files, backups_kept: P0D}
"#;

const POLICY: &str = r"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
";

fn rule(record_type: &str) -> String {
    format!(
        "  - {{id: {record_type}, record_type: {record_type}, title: {{en: \"{record_type}\"}}, purpose: {{en: x}}, \
         legal_basis: eu-gdpr:A6-1-f, starts_from: made, retain_for: P3Y, disposition: purge, \
         guards: {{max_share: 100%}}}}\n"
    )
}

/// A project over one database; `None` is SQLite.
pub(crate) fn project(server: Option<Server>, data_map: &str, rules: &[&str], rows: &str) -> Project {
    let database = server.map(Database::new);
    let store = match &database {
        None => "kind: sqlite, path: shop.db".to_owned(),
        Some(database) => {
            let address = database.address();
            format!("kind: {}, reader: \"{address}\", writer: \"{address}\"", database.server.kind())
        }
    };
    let rules: String = rules.iter().map(|one| rule(one)).collect();
    let mut project = Project::new(&SETTINGS.replace("STORE", &store), data_map, &format!("{POLICY}{rules}"));
    project.database = database;
    std::fs::create_dir_all(project.path("files")).unwrap();
    project.shop(rows);
    project
}

const OWNERS: &str = r"
datasets:
  - {name: parents, store: shop, table: parents, record_type: parent, events: {made: made}, subject: {pid: id}}
  - {name: boxes, store: shop, table: boxes, record_type: box, events: {made: made}}
  - name: kids
    store: shop
    table: kids
    record_type: kid
    links:
      - {column: a, to: parents, ownership: owns}
      - {column: b, to: parents, ownership: owns}
      - {column: c, to: boxes, ownership: owns}
";

/// 1 and 5 to 8 are due, 2 is due and held, 3 is not due.
const FAMILY: &str = "
CREATE TABLE parents(id BIGINT PRIMARY KEY, made DATE);
CREATE TABLE boxes(id BIGINT PRIMARY KEY, made DATE);
CREATE TABLE kids(id BIGINT PRIMARY KEY, a BIGINT, b BIGINT, c BIGINT,
  FOREIGN KEY (a) REFERENCES parents(id), FOREIGN KEY (b) REFERENCES parents(id), FOREIGN KEY (c) REFERENCES boxes(id));
CREATE INDEX kids_a ON kids(a); CREATE INDEX kids_b ON kids(b); CREATE INDEX kids_c ON kids(c);
INSERT INTO parents VALUES (1,'2010-01-01'),(2,'2010-01-01'),(3,'2026-01-01'),(4,'2010-01-01'),
  (5,'2010-01-01'),(6,'2010-01-01'),(7,'2010-01-01'),(8,'2010-01-01'),(9,'2010-01-01');
INSERT INTO boxes VALUES (1,'2010-01-01'),(2,'2026-01-01');
INSERT INTO kids VALUES (12,1,2,NULL),(43,4,3,NULL),(41,4,4,NULL),(55,5,5,NULL),(67,6,7,NULL),(81,8,NULL,1),(92,NULL,9,2);
";

/// Plans and applies with parent 2 held. Answers with what of the parents was due, held and kept by others,
/// and with the rows left of each table.
#[track_caller]
fn carry_out(project: &Project) -> ([u64; 3], [String; 3]) {
    let hold = ["hold", "add", "--subject", "pid=2", "--matter", "m", "--reason", "r", "--owner", "o"];
    project.run(&hold).expect(0);
    let plan = project.approved();
    let items = plan["plan"]["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["dataset"] == "parents").unwrap_or_else(|| panic!("{plan}"));
    let counts = ["due", "held", "referenced"].map(|name| item["counts"][name].as_u64().unwrap());
    assert!(plan.to_string().contains("may have several owners"), "{plan}");
    project.apply();
    let left = ["parents", "kids", "boxes"]
        .map(|table| project.shop(&format!("SELECT id FROM {table} ORDER BY id;")).replace('\n', " "));
    (counts, left)
}

#[test]
fn a_child_of_several_goes_only_with_all_of_them() {
    let project = project(None, OWNERS, &["parent", "box"], FAMILY);
    // 1, 4 and 9 are kept by a child whose other owner is held or not due.
    let expected = ["1 2 3 4 9", "12 41 43 92", "2"].map(str::to_owned);
    assert_eq!(carry_out(&project), ([4, 1, 3], expected));
}

#[track_caller]
fn a_child_of_two(server: Server) {
    let boxless = OWNERS.replace("      - {column: c, to: boxes, ownership: owns}\n", "");
    assert_ne!(boxless, OWNERS);
    let project = project(Some(server), &boxless, &["parent"], FAMILY);
    let expected = ["1 2 3 4", "12 41 43", "1 2"].map(str::to_owned);
    assert_eq!(carry_out(&project), ([5, 1, 2], expected));
}

#[test]
fn a_child_of_two_goes_only_with_both_on_postgres() {
    a_child_of_two(Server::Postgres);
}

#[test]
fn a_child_of_two_goes_only_with_both_on_mysql() {
    a_child_of_two(Server::Mysql);
}

const DIAMOND: &str = r"
datasets:
  - {name: orders, store: shop, table: orders, record_type: order, events: {made: made}}
  - {name: items, store: shop, table: items, record_type: item, links: [{column: o, to: orders, ownership: owns}]}
  - {name: parcels, store: shop, table: parcels, record_type: parcel, links: [{column: o, to: orders, ownership: owns}]}
  - name: packed
    store: shop
    table: packed
    record_type: packed
    links: [{column: i, to: items, ownership: owns}, {column: p, to: parcels, ownership: owns}]
";

/// Order 1 has all its own; 2 and 3 share a parcel's content with each other, and 3 is not due.
const PARCELS: &str = "
CREATE TABLE orders(id BIGINT PRIMARY KEY, made DATE);
CREATE TABLE items(id BIGINT PRIMARY KEY, o BIGINT, FOREIGN KEY (o) REFERENCES orders(id));
CREATE TABLE parcels(id BIGINT PRIMARY KEY, o BIGINT, FOREIGN KEY (o) REFERENCES orders(id));
CREATE TABLE packed(id BIGINT PRIMARY KEY, i BIGINT, p BIGINT,
  FOREIGN KEY (i) REFERENCES items(id), FOREIGN KEY (p) REFERENCES parcels(id));
CREATE INDEX items_o ON items(o); CREATE INDEX parcels_o ON parcels(o);
CREATE INDEX packed_i ON packed(i); CREATE INDEX packed_p ON packed(p);
INSERT INTO orders VALUES (1,'2010-01-01'),(2,'2010-01-01'),(3,'2026-01-01');
INSERT INTO items VALUES (1,1),(2,1),(3,2);
INSERT INTO parcels VALUES (1,1),(2,3);
INSERT INTO packed VALUES (1,1,1),(2,2,1),(3,3,2);
";

#[track_caller]
fn a_row_two_ways_down(server: Option<Server>) {
    let project = project(server, DIAMOND, &["order"], PARCELS);
    project.approved();
    project.apply();
    let left = |table: &str| project.shop(&format!("SELECT id FROM {table} ORDER BY id;")).replace('\n', " ");
    assert_eq!([left("orders"), left("items"), left("parcels"), left("packed")], ["2 3", "3", "2", "3"]);
}

#[test]
fn what_two_ways_lead_to_goes_when_both_are_of_one_record_on_sqlite() {
    a_row_two_ways_down(None);
}

#[test]
fn what_two_ways_lead_to_goes_when_both_are_of_one_record_on_postgres() {
    a_row_two_ways_down(Some(Server::Postgres));
}

#[test]
fn what_two_ways_lead_to_goes_when_both_are_of_one_record_on_mysql() {
    a_row_two_ways_down(Some(Server::Mysql));
}

#[test]
fn explain_says_of_a_child_that_it_goes_along() {
    let project = project(None, OWNERS, &["parent", "box"], FAMILY);
    let explain = |key: &str| project.run(&["--lang", "en", "explain", "kids", key]).expect(0).stdout;
    let page = explain("55");
    assert!(page.contains("part of a record of 'parents'") && page.contains("it would be purged"), "{page}");
    let page = explain("43");
    assert!(page.contains("still referred to from kids") && page.contains("Kept: due on"), "{page}");
    assert!(!page.contains("would be purged") && !page.contains("No rule speaks"), "{page}");
    project.shop("INSERT INTO kids VALUES (99, NULL, NULL, NULL);");
    assert!(explain("99").contains("No rule speaks"));
    let two = kin_two_deep();
    let page = two.run(&["--lang", "en", "explain", "packed", "1"]).expect(0).stdout;
    assert!(page.contains("part of a record of 'orders'") && page.contains("it would be purged"), "{page}");
}

fn kin_two_deep() -> Project {
    project(None, DIAMOND, &["order"], PARCELS)
}
