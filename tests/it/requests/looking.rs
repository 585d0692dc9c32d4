//! `locate` and `export`: counts and copies for the person, nothing of anybody else, and never without a line in
//! the ledger.

use super::{AT_ONCE, erased, received, shop, verified};
use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use crate::support::{Answer, Project};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// The shop, with reviews in which one person speaks under the number of another.
fn shop_with_reviews() -> Project {
    let project = shop();
    let map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    let reviews = "  - {name: crm.reviews, store: crm, table: reviews, record_type: review,\n     subject: {email: author, customer_id: customer_id}, not_personal: [stars]}\n";
    project.write("data-map.yaml", &(map + reviews));
    project.sql(
        "crm.db",
        "CREATE TABLE reviews(id INTEGER PRIMARY KEY, author TEXT, customer_id INTEGER, stars INTEGER, said TEXT);
         INSERT INTO reviews VALUES (1, 'jo@example.org', 43, 5, 'Kim and I liked it'), (2, 'kim@example.org', 43, 1, 'no');",
    );
    project
}

fn located(answer: &Answer, dataset: &str) -> Value {
    let json = answer.json();
    let all = json["datasets"].as_array().unwrap();
    let mut found = all.iter().find(|one| one["dataset"] == dataset).unwrap().clone();
    found.as_object_mut().unwrap().retain(|name, _| matches!(name.as_str(), "result" | "own" | "shared"));
    found
}

fn found(own: u64, shared: u64) -> Value {
    json!({"result": "found", "own": own, "shared": shared})
}

#[track_caller]
fn exported(project: &Project, name: &str, arguments: &[&str], code: i32) -> Value {
    let path = project.path(name);
    let file = ["--out", path.to_str().unwrap()];
    project.run(&[&["export"], arguments, &file[..]].concat()).expect(code);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()
}

fn records<'a>(export: &'a Value, dataset: &str) -> &'a [Value] {
    let all = export["datasets"].as_array().unwrap();
    let one = all.iter().find(|one| one["dataset"] == dataset);
    one.map_or(&[], |one| one["records"].as_array().unwrap())
}

#[test]
fn a_person_is_located_and_given_a_copy_of_what_is_theirs() {
    let project = shop_with_reviews();
    let request = received(&project, "email=jo@example.org", &[]);
    let refused = project.run(&["locate", &request, "--as", "support"]).expect(2);
    assert!(refused.stderr.contains("not verified"), "{}", refused.stderr);
    project.run(&["requests", "verify", &request, "--as", "support", "--method", "by letter"]).expect(0);
    let answer = project.run(&["--format", "json", "locate", &request, "--as", "support"]).expect(0);
    assert_eq!(located(&answer, "crm.customers"), found(2, 0));
    assert_eq!(located(&answer, "crm.addresses"), found(1, 1));
    assert_eq!(located(&answer, "crm.reviews"), found(0, 1));
    assert_eq!(located(&answer, "billing.invoices"), found(2, 0));
    assert_eq!(located(&answer, "crm.products")["result"], "not_searched");
    assert_eq!(answer.json()["complete"], true);
    assert!(!answer.stdout.contains("jo@"), "{}", answer.stdout);

    let export = exported(&project, "jo.json", &[&request, "--as", "support"], 0);
    assert_eq!(records(&export, "crm.customers").len(), 2);
    assert_eq!(records(&export, "crm.customers")[1]["fields"]["name"], "Jo");
    assert_eq!(records(&export, "files.letters")[0]["fields"]["key"], "letters/42/a.txt");
    let shared = &records(&export, "crm.addresses")[0];
    assert_eq!(
        (&shared["shared"], &shared["fields"]["street"]),
        (&json!("named_by_others"), &json!("shared"))
    );
    let review = &records(&export, "crm.reviews")[0];
    let expected = json!({
        "fields": {"author": "jo@example.org", "stars": 5},
        "left_out": ["id", "customer_id", "said"],
        "shared": "another_identity",
    });
    assert_eq!(*review, expected);
    let rules = export["datasets"].as_array().unwrap().iter();
    let invoices = rules.clone().find(|one| one["dataset"] == "billing.invoices").unwrap();
    assert_eq!(invoices["rules"][0]["purpose"]["fr"], "Comptabilité");
    assert_eq!(invoices["rules"][0]["kept_for"], "P10Y");
    let whole = export.to_string();
    assert!(!whole.contains("kim") && !whole.contains("Kim") && !whole.contains("elsewhere"), "{whole}");

    // Nothing is overwritten, and what was asked is kept with who and why, sealed.
    let path = project.path("jo.json");
    let again = ["export", &request, "--as", "x", "--out", path.to_str().unwrap()];
    assert!(project.run(&again).expect(2).stderr.contains("jo.json"));
    let looks = project.run(&["--format", "json", "requests", "looks"]).expect(0).json();
    let looks = looks["looks"].as_array().unwrap();
    let told: Vec<_> = looks.iter().map(|look| (&look["kind"], &look["who"], &look["request_id"])).collect();
    let (locate, export, support, request) =
        (json!("locate"), json!("export"), json!("support"), json!(request));
    assert_eq!(told, [(&locate, &support, &request), (&export, &support, &request)]);
    assert_eq!(looks[1]["records"]["crm.reviews"], 1);
    assert_eq!(
        project.sql("state/ledger.db", "SELECT count(*) FROM look WHERE value LIKE '%support%';"),
        "0"
    );
}

#[test]
fn somebody_who_looks_without_a_request_says_why() {
    let project = shop();
    let who = ["locate", "--identity", "email=jo@example.org", "--as", "dpo"];
    project.run(&who).expect(2);
    let because = ["--reason", "she called"];
    let fr = project.run(&[&["--lang", "fr"], &who[..], &because[..]].concat()).expect(0).stdout;
    assert!(fr.contains("crm.customers : 2 enregistrement(s)") && fr.contains("consignée"), "{fr}");
    let looks = project.run(&["--lang", "fr", "requests", "looks"]).expect(0).stdout;
    assert!(looks.contains("she called") && looks.contains("comptage"), "{looks}");
    let nobody = ["--identity", "email=nobody@example.org", "--as", "dpo", "--reason", "r"];
    let export = exported(&project, "nobody.json", &nobody, 0);
    assert_eq!(export["datasets"], json!([]));
    let broken =
        ["export", "--identity", "passport=1", "--as", "dpo", "--reason", "r", "--out", "never.json"];
    project.run(&broken).expect(2);
    assert!(!project.path("never.json").exists(), "half an export was left");
}

#[test]
fn what_cannot_be_read_makes_a_copy_incomplete_and_is_named() {
    let project = shop();
    fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    let request = verified(&project, "email=jo@example.org", &[]);
    let answer = project.run(&["--format", "json", "locate", &request, "--as", "support"]).expect(3);
    assert_eq!(answer.json()["complete"], false);
    assert_eq!(located(&answer, "billing.invoices")["result"], "not_reached");
    let export = exported(&project, "jo.json", &[&request, "--as", "support"], 3);
    assert!(records(&export, "billing.invoices").is_empty() && !records(&export, "crm.customers").is_empty());
    let searched = export["searched"].as_array().unwrap();
    assert!(searched.iter().any(|one| one["dataset"] == "billing.lines" && one["result"] == "not_reached"));
}

#[test]
fn after_a_run_only_what_is_left_is_located() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    erased(&project, &request, 0);
    let answer = project.run(&["--format", "json", "locate", &request, "--as", "support"]).expect(0);
    assert_eq!(located(&answer, "crm.customers")["result"], "nothing_found", "{}", answer.stdout);
    assert_eq!(located(&answer, "billing.invoices"), found(1, 0));
    let left = answer.json()["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["own"].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(left, 3, "of {} that went", AT_ONCE.len());
}

/// The same on a server: as many orders as its own client counts.
fn on_a_server(server: Server) {
    let project = scenario::shop_on(Database::new(server), SMALL, 2);
    let count = |table: &str, condition: &str| -> u64 {
        project.shop(&format!("SELECT count(*) FROM {table} WHERE {condition};")).parse().unwrap()
    };
    let who = ["--identity", "customer_id=5", "--as", "dpo", "--reason", "r"];
    let answer = project.run(&[&["--format", "json", "locate"], &who[..]].concat()).expect(0);
    let orders = count("orders", "customer_id = 5");
    assert_eq!(located(&answer, "shop.orders"), found(orders, 0));
    let lines = count("order_lines", "order_id IN (SELECT id FROM orders WHERE customer_id = 5)");
    let export = exported(&project, "five.json", &who, 0);
    assert_eq!(records(&export, "shop.order_lines").len() as u64, lines, "{}", export["searched"]);
    let email = project.shop("SELECT email FROM customers WHERE id = 5;");
    assert_eq!(records(&export, "shop.customers")[0]["fields"]["email"], email.as_str());
    let other = project.shop("SELECT email FROM customers WHERE id = 6;");
    assert!(!export.to_string().contains(&other), "somebody else is in the copy");
}

#[test]
fn a_person_is_located_on_postgresql() {
    on_a_server(Server::Postgres);
}

#[test]
fn a_person_is_located_on_mariadb() {
    on_a_server(Server::Mysql);
}
