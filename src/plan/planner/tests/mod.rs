//! Plans over real SQLite files and directories.
#![expect(clippy::disallowed_methods, reason = "these tests make real files")]

mod approved;
mod oracle;

use super::*;
use crate::hold::{Hold, HoldScope};
use crate::plan::testing::{at, catalog};
use crate::plan::{EffectKind, ItemCounts};
use connectors::DoubtReason;
use connectors::directory::DirectorySource;
use connectors::sqlite::{SqliteOptions, SqliteSource};
use sqlx::{Connection as _, SqliteConnection};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const SETTINGS: &str = r#"
controller: {name: "Shop", contact: dpo@example.org}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
signing_key: keys/certificate.key
stores:
  shop: {kind: sqlite, path: shop.db, backups_kept: P35D}
  files: {kind: directory, path: files}
"#;

const POLICY: &str = r"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@example.org
next_review: 2027-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
";

const SCHEMA: &str = "
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE);
CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id),
  issued_at TEXT, receipt TEXT);
CREATE INDEX invoice_customer ON invoice (customer_id);
CREATE TABLE line (id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL REFERENCES invoice(id), label TEXT);
CREATE INDEX line_invoice ON line (invoice_id);
INSERT INTO customer VALUES (1001, 'Anna', 'anna@example.org'), (1002, 'Bob', 'bob@example.org'),
  (1003, 'Cleo', 'cleo@example.org'), (1004, 'Dan', NULL);
INSERT INTO invoice VALUES
  (5001, 1001, '2015-03-01 10:00:00', 'a.pdf'), (5002, 1001, '2016-03-01 10:00:00', NULL),
  (5003, 1002, '2016-05-01 10:00:00', 'b.pdf'), (5004, 1002, '2025-05-01 10:00:00', NULL),
  (5005, 1003, NULL, NULL), (5006, 1003, '2030-01-01 00:00:00', NULL), (5007, 1003, 'soon', NULL);
INSERT INTO line VALUES (1, 5001, 'x'), (2, 5001, 'y'), (3, 5003, 'z'), (4, 5004, 'w');
";

const CUSTOMERS: &str = "  - {name: shop.customers, store: shop, table: customer, record_type: customer, subject: {customer_id: id, email: email}, fields: {name: user.name}}\n";
const INVOICES: &str = "  - {name: shop.invoices, store: shop, table: invoice, record_type: invoice, subject: {customer_id: customer_id}, events: {issued: {column: issued_at, zone: Europe/Paris}}}\n";
const LINES: &str = "  - {name: shop.lines, store: shop, table: line, record_type: invoice_line, links: [{column: invoice_id, to: shop.invoices, ownership: owns}]}\n";

const INVOICE_RULE: &str = "
  - id: invoice
    record_type: invoice
    title: {en: Invoices}
    purpose: {en: Accounting}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: issued
    retain_for: P5Y
    disposition: purge
    guards: {max_share: 100%}
";

const CUSTOMER_RULE: &str = "
  - id: customer
    record_type: customer
    title: {en: Customers}
    purpose: {en: Sales}
    legal_basis: eu-gdpr:A6-1-b
    starts_from: {none_left: [invoice]}
    retain_for: P0D
    disposition: purge
    guards: {max_share: 100%}
";

struct Shop {
    directory: TempDir,
    sources: Sources,
    catalog: Catalog,
    holds: HoldBook,
}

impl Shop {
    async fn new(schema: &str, datasets: &[&str], rules: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        run(&path, schema).await;
        std::fs::create_dir(directory.path().join("files")).unwrap();
        let yaml = format!("{SETTINGS}\ndatasets:\n{}\n{POLICY}{}", datasets.concat(), rules.concat());
        let mut sources = Sources::new();
        let shop =
            SqliteSource::open("shop", path.to_str().unwrap(), SqliteOptions::default()).await.unwrap();
        sources.insert("shop".to_owned(), Arc::new(shop));
        let files = DirectorySource::open("files", &directory.path().join("files")).unwrap();
        sources.insert("files".to_owned(), Arc::new(files));
        Self { directory, sources, catalog: catalog(&yaml), holds: HoldBook::default() }
    }

    async fn run(&self, sql: &str) {
        run(&self.directory.path().join("shop.db"), sql).await;
    }

    fn hold(&mut self, scope: HoldScope) {
        let hold_id = format!("hold-{}", self.holds.holds.len() + 1);
        self.holds.revision += 1;
        self.holds.holds.push(Hold {
            hold_id,
            matter: "m".to_owned(),
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            placed_at: at("2026-01-01T00:00:00Z"),
            review_on: None,
            released_at: None,
            scope,
        });
    }

    fn input(&self) -> DraftInput<'_> {
        DraftInput {
            catalog: &self.catalog,
            sources: &self.sources,
            holds: &self.holds,
            policies: None,
            as_of: at("2026-06-15T12:00:00.5Z"),
            drafted_at: at("2026-06-15T12:00:00.5Z"),
            valid_for: Duration::days(1),
            plan_id: "plan-1".to_owned(),
            author: "anna".to_owned(),
            tool_version: "0".to_owned(),
            simulated: false,
            clock: ClockMarks { last_seen_at: None, last_run_at: None, tolerance: Duration::minutes(5) },
            previous: None,
            depth: Depth::Review,
        }
    }

    async fn draft(&self) -> Plan {
        let plan = draft(self.input()).await.unwrap();
        let read = crate::plan::file::parse_plan(&plan.canonical()).unwrap();
        assert_eq!(read, plan, "a plan comes back from its file");
        plan
    }
}

async fn run(path: &Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn refusals(plan: &Plan) -> Vec<(FindingCode, String)> {
    plan.findings
        .iter()
        .filter(|finding| finding.severity == FindingSeverity::Refusal)
        .map(|finding| (finding.code, finding.message.clone()))
        .collect()
}

#[track_caller]
fn check_refused(plan: &Plan, code: FindingCode, words: &str) {
    let found = refusals(plan);
    assert!(found.iter().any(|(other, text)| *other == code && text.contains(words)), "{found:#?}");
}

fn counts<'a>(plan: &'a Plan, dataset: &str) -> &'a ItemCounts {
    &plan.items.iter().find(|item| item.dataset == dataset).unwrap().counts
}

#[tokio::test]
async fn a_plan_counts_every_record_and_shows_what_goes_along() {
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, CUSTOMER_RULE]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let names: Vec<_> = plan.items.iter().map(|item| item.dataset.as_str()).collect();
    assert_eq!(names, ["shop.invoices", "shop.customers"], "children go before parents");
    let invoices = counts(&plan, "shop.invoices");
    assert_eq!((invoices.total, invoices.due, invoices.not_yet_due), (7, 3, 1));
    assert_eq!(
        invoices.undecidable,
        BTreeMap::from([
            (DoubtReason::StartMissing, 1),
            (DoubtReason::StartUnreadable, 1),
            (DoubtReason::StartInFuture, 1)
        ])
    );
    assert_eq!(plan.items[0].due_samples, ["…01", "…02", "…03"]);
    let effects: Vec<_> = plan.items[0]
        .effects
        .iter()
        .map(|effect| (effect.kind, effect.dataset.as_str(), effect.records))
        .collect();
    assert_eq!(effects, [(EffectKind::Dependents, "shop.lines", 3)]);
    // Anna's invoices all go, Dan never had one; Bob and Cleo keep some.
    let customers = counts(&plan, "shop.customers");
    assert_eq!((customers.due, customers.referenced), (2, 2));
}

#[tokio::test]
async fn a_held_child_keeps_its_parent_and_a_held_row_is_counted() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, CUSTOMER_RULE]).await;
    shop.hold(HoldScope::Subject { identity: "customer_id".to_owned(), value: "1001".to_owned() });
    shop.hold(HoldScope::Predicate { dataset: "shop.lines".to_owned(), text: "label = 'z'".to_owned() });
    let plan = shop.draft().await;
    let invoices = counts(&plan, "shop.invoices");
    assert_eq!((invoices.due, invoices.held), (0, 3));
    assert_eq!(invoices.held_by, BTreeMap::from([("hold-1".to_owned(), 2), ("hold-2".to_owned(), 1)]));
    assert_eq!(counts(&plan, "shop.customers").referenced, 3);
}

#[tokio::test]
async fn texts_without_a_zone_are_dates_or_undecidable_with_a_hint() {
    let unzoned = INVOICES.replace("{column: issued_at, zone: Europe/Paris}", "{column: issued_at}");
    let schema = SCHEMA.replace("'2015-03-01 10:00:00'", "'2015-03-01'");
    let shop = Shop::new(&schema, &[CUSTOMERS, &unzoned, LINES], &[INVOICE_RULE]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let invoices = counts(&plan, "shop.invoices");
    assert_eq!((invoices.due, invoices.undecidable[&DoubtReason::StartUnreadable]), (1, 5));
    let hints = plan.findings.iter().filter(|finding| finding.code == FindingCode::StartUnresolved);
    let hints: Vec<_> =
        hints.map(|hint| (hint.severity, hint.message.contains("name their 'zone'"))).collect();
    assert_eq!(hints, [(FindingSeverity::Note, true)]);
}

#[tokio::test]
async fn an_unreadable_hold_refuses() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    shop.hold(HoldScope::Predicate { dataset: "shop.lines".to_owned(), text: "gone = 1".to_owned() });
    check_refused(&shop.draft().await, FindingCode::HoldUnreadable, "hold-1");
}

#[tokio::test]
async fn undeclared_children_refuse_by_what_the_store_would_do() {
    let shop = Shop::new(SCHEMA, &[INVOICES], &[INVOICE_RULE]).await;
    check_refused(&shop.draft().await, FindingCode::ForeignKeyBlocks, "3 rows of table 'line'");
    let none =
        SCHEMA.replace("INSERT INTO line", "CREATE TABLE other (a); -- ").replace("(1, 5001, 'x')", "");
    let shop = Shop::new(&none, &[INVOICES], &[INVOICE_RULE]).await;
    assert_eq!(refusals(&shop.draft().await), [], "nothing refers to a due record");
    for (action, code) in
        [("CASCADE", FindingCode::CascadeUndeclared), ("SET NULL", FindingCode::CascadeUndeclared)]
    {
        let schema =
            SCHEMA.replace("REFERENCES invoice(id)", &format!("REFERENCES invoice(id) ON DELETE {action}"));
        let shop = Shop::new(&schema, &[INVOICES], &[INVOICE_RULE]).await;
        check_refused(&shop.draft().await, code, "'line'");
    }
}

#[tokio::test]
async fn a_child_without_a_key_cannot_go_along() {
    let schema = SCHEMA.replace("line (id INTEGER PRIMARY KEY,", "line (id INTEGER,");
    let shop = Shop::new(&schema, &[INVOICES, LINES], &[INVOICE_RULE]).await;
    check_refused(&shop.draft().await, FindingCode::KeyMissing, "'shop.lines'");
}

#[tokio::test]
async fn a_large_child_without_an_index_is_refused_with_the_statement_to_run() {
    let schema = SCHEMA.replace("CREATE INDEX line_invoice ON line (invoice_id);", "");
    let shop = Shop::new(&schema, &[INVOICES, LINES], &[INVOICE_RULE]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), [], "a small child is scanned quickly");
    assert!(plan.findings.iter().any(|finding| finding.code == FindingCode::ForeignKeyNotIndexed));
    shop.run(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 10010)
         INSERT INTO line SELECT i, 5004, '' FROM n",
    )
    .await;
    let statement = "CREATE INDEX \"line_invoice_id\" ON \"line\" (\"invoice_id\");";
    check_refused(&shop.draft().await, FindingCode::ForeignKeyNotIndexed, statement);
}

#[tokio::test]
async fn a_declared_child_that_nothing_governs_keeps_its_parent() {
    let lines = LINES.replace(", links: [{column: invoice_id, to: shop.invoices, ownership: owns}]", "");
    let shop = Shop::new(SCHEMA, &[INVOICES, &lines], &[INVOICE_RULE]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let invoices = counts(&plan, "shop.invoices");
    assert_eq!((invoices.due, invoices.referenced), (1, 2));
    assert!(plan.findings.iter().any(|finding| finding.code == FindingCode::ForeignKeyBlocks));
}

#[tokio::test]
async fn a_table_that_refers_to_itself_refuses_only_when_that_matters() {
    let schema = "CREATE TABLE invoice (id INTEGER PRIMARY KEY, customer_id INTEGER,
        corrects INTEGER REFERENCES invoice(id), issued_at TEXT);
        CREATE INDEX corrects ON invoice(corrects);
        INSERT INTO invoice VALUES (1, 1, NULL, '2015-01-01 00:00:00');";
    let shop = Shop::new(schema, &[INVOICES], &[INVOICE_RULE]).await;
    assert_eq!(refusals(&shop.draft().await), []);
    shop.run("INSERT INTO invoice VALUES (2, 1, 1, '2015-01-02 00:00:00')").await;
    check_refused(&shop.draft().await, FindingCode::ForeignKeyBlocks, "refer to each other");
}

#[tokio::test]
async fn a_circle_of_governed_tables_refuses() {
    let schema = SCHEMA
        .replace("email TEXT UNIQUE", "email TEXT UNIQUE, last_invoice INTEGER REFERENCES invoice(id)")
        .replace("'anna@example.org')", "'anna@example.org', NULL)")
        .replace("'bob@example.org')", "'bob@example.org', NULL)")
        .replace("'cleo@example.org')", "'cleo@example.org', NULL)")
        .replace("'Dan', NULL)", "'Dan', NULL, NULL)");
    let shop = Shop::new(&schema, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, CUSTOMER_RULE]).await;
    check_refused(&shop.draft().await, FindingCode::ForeignKeyBlocks, "circle");
}

#[tokio::test]
async fn anonymizing_against_a_constraint_is_refused_with_the_fix() {
    let rule = CUSTOMER_RULE.replace(
        "disposition: purge",
        "disposition: {anonymize: {name: \"null\", email: {replace: x}, id: {replace: \"1\"}}}",
    );
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, &rule]).await;
    let plan = shop.draft().await;
    for words in ["NOT NULL", "must be unique", "part of the key"] {
        check_refused(&plan, FindingCode::ConstraintViolated, words);
    }
    let rule = CUSTOMER_RULE
        .replace("disposition: purge", "disposition: {anonymize: {name: {replace: gone}, email: \"null\"}}");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, &rule]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    assert_eq!(counts(&plan, "shop.customers").due, 2);
}

#[tokio::test]
async fn the_start_of_a_record_cannot_be_anonymized_away() {
    let rule = INVOICE_RULE.replace("disposition: purge", "disposition: {anonymize: {issued_at: \"null\"}}");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[&rule]).await;
    check_refused(&shop.draft().await, FindingCode::ConstraintViolated, "from which its period runs");
}

#[tokio::test]
async fn files_of_rows_that_go_along_must_not_be_left_behind() {
    let lines = LINES.replace("links: [", "links: [{column: label, to: files.receipts, ownership: owns}, ");
    let files =
        "  - {name: files.receipts, store: files, objects: {key: \"{file}\"}, record_type: receipt}\n";
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, &lines, files], &[INVOICE_RULE]).await;
    check_refused(&shop.draft().await, FindingCode::LinkedStay, "'label'");
}

#[tokio::test]
async fn two_rules_over_the_same_records_leave_them_undecidable() {
    let other = INVOICE_RULE.replace("id: invoice", "id: invoice-2\n    where: \"id = 5001\"");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, &other]).await;
    let plan = shop.draft().await;
    assert_eq!(counts(&plan, "shop.invoices").undecidable[&DoubtReason::Conflict], 1);
    assert!(plan.findings.iter().any(|finding| finding.code == FindingCode::RulesConflict));
}

#[tokio::test]
async fn what_cannot_be_read_makes_the_plan_incomplete() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    shop.sources.remove("shop");
    let plan = shop.draft().await;
    assert_eq!(
        plan.unreachable.iter().map(|lost| lost.dataset.as_str()).collect::<Vec<_>>(),
        ["shop.invoices"]
    );
    assert!(plan.items.is_empty());
}

#[tokio::test]
async fn a_doubtful_clock_refuses() {
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    let clock = ClockMarks { last_seen_at: Some(at("2026-06-15T12:06:00Z")), ..shop.input().clock };
    let plan = draft(DraftInput { clock, ..shop.input() }).await.unwrap();
    check_refused(&plan, FindingCode::ClockDoubtful, "behind");
    let later = draft(DraftInput { as_of: at("2026-06-16T00:00:00Z"), ..shop.input() }).await;
    assert!(matches!(later, Err(PlanError::AsOfInFuture)));
}

#[tokio::test]
async fn a_shorter_period_than_in_the_last_plan_needs_a_person() {
    let before = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await.draft().await;
    let shorter = INVOICE_RULE.replace("P5Y", "P1Y");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[&shorter]).await;
    let plan = draft(DraftInput { previous: Some(&before), ..shop.input() }).await.unwrap();
    assert!(plan.findings.iter().any(|finding| {
        finding.code == FindingCode::PeriodShortened && finding.severity == FindingSeverity::NeedsApproval
    }));
}

#[tokio::test]
async fn files_are_planned_by_the_dates_in_their_keys() {
    let files = "  - {name: files.receipts, store: files, objects: {key: \"{year}/{month}/{file}\"}, record_type: receipt, events: {issued: \"{year}-{month}\"}}\n";
    let rule = INVOICE_RULE.replace("record_type: invoice", "record_type: receipt");
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, files], &[&rule]).await;
    for key in ["2015/01/a.pdf", "2021/05/b.pdf", "2021/06/c.pdf", "2015/13/d.pdf"] {
        let path = shop.directory.path().join("files").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let receipts = counts(&plan, "files.receipts");
    assert_eq!((receipts.total, receipts.due, receipts.not_yet_due), (4, 2, 1));
    assert_eq!(receipts.undecidable, BTreeMap::from([(DoubtReason::StartUnreadable, 1)]));
    assert_eq!(plan.items[0].due_samples[0], "2…(13)");
    shop.hold(HoldScope::Predicate {
        dataset: "files.receipts".to_owned(),
        text: "file = 'a.pdf'".to_owned(),
    });
    assert_eq!(counts(&shop.draft().await, "files.receipts").held, 1);
}

#[tokio::test]
async fn anonymized_customers_are_already_done_in_the_next_plan() {
    let rule = CUSTOMER_RULE
        .replace("disposition: purge", "disposition: {anonymize: {name: {replace: gone}, email: \"null\"}}");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, &rule]).await;
    shop.run("UPDATE customer SET name = 'gone', email = NULL WHERE id = 1004").await;
    let plan = shop.draft().await;
    let customers = counts(&plan, "shop.customers");
    assert_eq!((customers.due, customers.already_done, customers.referenced), (1, 1, 2));
}

#[tokio::test]
async fn a_state_that_no_reference_leads_to_is_refused() {
    let rule = CUSTOMER_RULE.replace("none_left: [invoice]", "none_left: [invoice_line]");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[&rule]).await;
    check_refused(&shop.draft().await, FindingCode::StartUnresolved, "neither a foreign key nor a link");
}

#[tokio::test]
async fn no_value_of_a_record_gets_into_a_plan() {
    let schema = "CREATE TABLE invoice (customer_id TEXT PRIMARY KEY, issued_at TEXT);
        INSERT INTO invoice VALUES ('canary@example.org', '2015-01-01 00:00:00'),
          ('doubtful@example.org', 'canary text');";
    let mut shop = Shop::new(schema, &[INVOICES], &[INVOICE_RULE]).await;
    shop.hold(HoldScope::Subject {
        identity: "customer_id".to_owned(),
        value: "held@example.org".to_owned(),
    });
    let plan = shop.draft().await;
    assert_eq!(plan.items[0].due_samples, ["c…(18)"]);
    let text = String::from_utf8(plan.canonical()).unwrap();
    for canary in ["canary", "doubtful", "held@", "@example"] {
        assert!(!text.contains(canary), "{canary}");
    }
}

#[tokio::test]
async fn what_several_rules_set_free_waits_for_the_next_plan() {
    let one = INVOICE_RULE.replace("retain_for", "where: \"id <= 5001\"\n    retain_for");
    let other = INVOICE_RULE
        .replace("retain_for", "where: \"id > 5001\"\n    retain_for")
        .replace("id: invoice", "id: invoice-2");
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[&one, &other, CUSTOMER_RULE]).await;
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let names: Vec<_> = plan.items.iter().map(|item| item.dataset.as_str()).collect();
    assert_eq!(names, ["shop.customers", "shop.invoices", "shop.invoices"]);
    let customers = counts(&plan, "shop.customers");
    assert_eq!((customers.due, customers.referenced), (1, 3), "only who has no invoice now");
}
