//! Requests of persons whose data are on database servers.

use super::{erased, state, verified};
use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use serde_json::Value;

/// The shop of the other tests on a server: the orders of a customer go with their lines and receipts, and
/// the customer's own row is anonymized by its rule.
fn on_a_server(server: Server) {
    let project = scenario::shop_on(Database::new(server), SMALL, 2);
    let ask = |statement: &str| project.shop(statement);
    let of_others = [
        "SELECT * FROM customers WHERE id <> 5 ORDER BY id;",
        "SELECT * FROM orders WHERE customer_id <> 5 ORDER BY id;",
        "SELECT * FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id <> 5) ORDER BY id;",
        "SELECT * FROM prospects ORDER BY id;",
    ];
    let before = of_others.map(ask);
    let lines = || ask("SELECT count(*) FROM order_lines;").parse::<u64>().unwrap();
    let own =
        "SELECT count(*) FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id = 5);";
    let (lines_before, own_lines) = (lines(), ask(own).parse::<u64>().unwrap());
    assert!(own_lines > 0);
    let request = verified(&project, "customer_id=5", &[]);
    let (_, statement) = erased(&project, &request, 0);
    assert_eq!(of_others.map(ask), before);
    assert_eq!(lines(), lines_before - own_lines);
    assert_eq!(ask("SELECT count(*) FROM orders WHERE customer_id = 5;"), "0");
    let emptied = "SELECT count(*) FROM customers WHERE id = 5 AND email IS NULL AND full_name = 'effacé';";
    assert_eq!(ask(emptied), "1");
    assert_eq!(statement["outcome"], "complete_residuals_pending", "{statement:#}");
    let targets = statement["evidence"]["targets"].as_array().unwrap();
    let is_anonymized =
        |target: &Value| target["action"] == "anonymize" && target["counts"]["anonymized"] == 1;
    assert!(targets.iter().any(is_anonymized));
    assert_eq!(state(&project, &request), "done");
}

#[test]
fn a_person_is_erased_on_postgresql() {
    on_a_server(Server::Postgres);
}

#[test]
fn a_person_is_erased_on_mariadb() {
    on_a_server(Server::Mysql);
}
