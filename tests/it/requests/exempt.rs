//! An exception that covers some fields: the others are anonymized at once, and the record goes when the duty ends.

use super::{POLICY, days, erased, later, shop, state, verified};
use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use crate::support::{Project, plan_id};
use serde_json::Value;
use std::fs;

const EXEMPT: &str = r#"    applies_to: [billing.invoices]
    erasure:
      exception: eu-gdpr:JustificationA17LegallyRequired
      citation: "Code de commerce, art. L123-22"
      keeps: [customer]
      meanwhile: {name: {replace: "Client effacé"}, email: {replace: "efface@example.invalid"}}
"#;

const LINES: &str = r#"  - id: line
    record_type: invoice
    applies_to: [billing.lines]
    title: {fr: "Lignes", en: "Lines"}
    purpose: {fr: "Comptabilité", en: "Accounting"}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: {event: issued, type: operation}
    retain_for: P10Y
    disposition: purge
"#;

/// The shop, whose invoices have a name and an e-mail address.
fn shop_with_names(exempt: &str) -> Project {
    let project = shop();
    project.sql(
        "billing.db",
        "ALTER TABLE invoices ADD COLUMN name TEXT; ALTER TABLE invoices ADD COLUMN email TEXT;
         UPDATE invoices SET name = 'Jo', email = 'jo@example.org' WHERE customer = '42';
         UPDATE invoices SET name = 'Kim', email = 'kim@example.org' WHERE customer = '43';",
    );
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    project.write(
        "data-map.yaml",
        &map.replace("{customer_id: customer}", "{customer_id: customer, email: email}"),
    );
    let policy =
        POLICY.replacen("    disposition: purge\n", &format!("    disposition: purge\n{exempt}{LINES}"), 1);
    project.write("policies/policy.yaml", &policy);
    project
}

fn invoices(project: &Project) -> String {
    project.sql("billing.db", "SELECT id, customer, name, email FROM invoices ORDER BY id;")
}

/// Records that were anonymized beside a duty, and those kept by one.
fn beside(statement: &Value) -> (u64, u64) {
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let beside = targets.iter().filter(|target| target["technique"] == "sql.update.beside_duty");
    let anonymized = beside.map(|target| target["counts"]["anonymized"].as_u64().unwrap()).sum();
    let kept = targets
        .iter()
        .filter(|target| target["dataset"] == "billing.invoices" || target["dataset"] == "shop.bills");
    (anonymized, kept.map(|target| target["counts"]["excepted"].as_u64().unwrap()).sum())
}

#[test]
fn fields_that_the_law_does_not_want_kept_go_at_once_and_the_rest_in_time() {
    let project = shop_with_names(EXEMPT);
    project.run(&["check"]).expect(0);
    let request = verified(&project, "email=jo@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 0);
    let others = "3|43|Kim|kim@example.org\n4|99||";
    assert_eq!(invoices(&project), format!("2|42|Client effacé|efface@example.invalid\n{others}"));
    assert_eq!(statement["outcome"], "complete_with_exceptions", "{statement:#}");
    assert_eq!(beside(&statement), (1, 1), "{statement:#}");
    let kept = plan["request"]["kept"].as_array().unwrap();
    assert!(kept.iter().all(|kept| kept["until_on"] == days(&project).1.as_str()), "{kept:?}");
    let citations = plan["items"].as_array().unwrap().iter().any(|item| {
        item["rule"]["citations"].as_array().unwrap().contains(&"Code de commerce, art. L123-22".into())
    });
    assert!(citations, "{plan:#}");
    let letter = project.run(&["--lang", "fr", "requests", "answer", &request]).expect(0).stdout;
    assert!(letter.contains("tout ce que la loi ne nous oblige pas à garder"), "{letter}");
    assert_eq!(state(&project, &request), "waiting");

    // Once more changes nothing.
    let (_, again) = erased(&project, &request, 0);
    assert_eq!(beside(&again), (0, 1), "{again:#}");

    let plan = later(&project, &["--format", "json", "erase", "--due"]).expect(0).json();
    later(&project, &["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    later(&project, &["apply", &plan_id(&plan)]).expect(0);
    assert_eq!(invoices(&project), others);
}

#[test]
fn a_column_of_which_nothing_is_said_is_asked_for_before_anything_is_done() {
    let project = shop_with_names(&EXEMPT.replace(", email: {replace: \"efface@example.invalid\"}", ""));
    let request = verified(&project, "email=jo@example.org", &[]);
    let before = invoices(&project);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    let findings = plan["plan"]["findings"].as_array().unwrap();
    let refused = findings.iter().find(|one| one["severity"] == "refusal").unwrap();
    assert!(
        refused["message"].as_str().unwrap().contains("does not say what becomes of columns"),
        "{refused}"
    );
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(5);
    assert_eq!(invoices(&project), before);
    let said = |exempt: &str| {
        let project = shop_with_names(exempt);
        project.run(&["check", "--offline"]).expect(2).stdout
    };
    assert!(
        said(&EXEMPT.replace("keeps: [customer]", "keeps: [customer, name]")).contains("under `meanwhile`")
    );
    let hashed = EXEMPT.replace("{replace: \"Client effacé\"}", "{hash: {hex_length: 32}}");
    assert!(said(&hashed).contains("still personal"));
    assert!(said(&EXEMPT.replace("      keeps: [customer]\n", "")).contains("go together"));
}

fn on_a_server(server: Server) {
    let project = scenario::shop_on(Database::new(server), SMALL, 2);
    project.shop(
        "CREATE TABLE bills(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, name VARCHAR(40), total INTEGER, issued_on DATE);
         INSERT INTO bills VALUES (1, 5, 'Jo', 10, '2001-01-01'), (2, 5, 'Jo', 20, '2095-01-01'), (3, 6, 'Kim', 30, '2095-01-01');",
    );
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    let bills = "  - {name: shop.bills, store: shop, table: bills, record_type: bill, subject: {customer_id: customer_id}, events: {issued: issued_on}}\n";
    project.write("data-map.yaml", &(map + bills));
    let head = POLICY.split("rules:").next().unwrap().replace("policy: shop", "policy: bills");
    let rule = r#"rules:
  - id: bill
    record_type: bill
    title: {fr: "Factures", en: "Bills"}
    purpose: {fr: "Comptabilité", en: "Accounting"}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: {event: issued, type: operation}
    retain_for: P10Y
    disposition: purge
    erasure:
      exception: eu-gdpr:JustificationA17LegallyRequired
      keeps: [customer_id, total]
      meanwhile: {name: "null"}
"#;
    project.write("policies/bills.yaml", &(head + rule));
    // An instant of the far future is in doubt, not due: the bill stays.
    let year: u32 = project.sql("state/any.db", "SELECT strftime('%Y', 'now');").parse().unwrap();
    project.shop(&format!("UPDATE bills SET issued_on = '{}-01-01' WHERE id > 1;", year - 1));
    let request = verified(&project, "customer_id=5", &[]);
    let (_, statement) = erased(&project, &request, 0);
    let bills = project.shop("SELECT id, customer_id, coalesce(name, '-'), total FROM bills ORDER BY id;");
    assert_eq!(bills, "2|5|-|20\n3|6|Kim|30", "{statement:#}");
    assert_eq!(beside(&statement), (1, 1), "{statement:#}");
    assert_eq!(state(&project, &request), "waiting");
}

#[test]
fn fields_go_at_once_on_postgresql() {
    on_a_server(Server::Postgres);
}

#[test]
fn fields_go_at_once_on_mariadb() {
    on_a_server(Server::Mysql);
}
