//! Requests of persons whose data are on database servers.

use super::{erased, state, together, verified};
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

/// Three of them by one plan: each has its own counts, and nobody else's rows change.
fn together_on_a_server(server: Server) {
    let project = scenario::shop_on(Database::new(server), SMALL, 2);
    let ask = |statement: &str| project.shop(statement);
    let whose = "(5, 7, 11)";
    let of_others = [
        format!("SELECT * FROM customers WHERE id NOT IN {whose} ORDER BY id;"),
        format!("SELECT * FROM orders WHERE customer_id NOT IN {whose} ORDER BY id;"),
        format!(
            "SELECT * FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE customer_id NOT IN {whose}) ORDER BY id;"
        ),
        "SELECT * FROM prospects ORDER BY id;".to_owned(),
    ];
    let before: Vec<String> = of_others.iter().map(|statement| ask(statement)).collect();
    let orders_of = |id: u32| format!("SELECT count(*) FROM orders WHERE customer_id = {id};");
    let orders: Vec<u64> = [5, 7, 11].map(|id| ask(&orders_of(id)).parse().unwrap()).to_vec();
    let ids = together::verified(&project, "customer_id=5\ncustomer_id=7\ncustomer_id=11\n");
    let (planned, statement) = together::erased(&project, (0, 0));
    assert_eq!(planned["left"].as_array().unwrap().len(), 0, "{planned:#}");
    let after: Vec<String> = of_others.iter().map(|statement| ask(statement)).collect();
    assert_eq!(after, before);
    assert_eq!([5, 7, 11].map(|id| ask(&orders_of(id))), ["0", "0", "0"]);
    let emptied = format!(
        "SELECT count(*) FROM customers WHERE id IN {whose} AND email IS NULL AND full_name = 'effacé';"
    );
    assert_eq!(ask(&emptied), "3");
    let evidence = &statement["evidence"];
    let among = evidence["requests"].as_array().unwrap();
    assert_eq!(among.len(), 3, "{statement:#}");
    for (id, orders) in ids.iter().zip(orders) {
        let own = among.iter().find(|one| one["reference"] == **id).unwrap();
        let counts = own["parts"].as_array().unwrap().iter().filter(|part| {
            let target = usize::try_from(part["target"].as_u64().unwrap()).unwrap();
            evidence["targets"][target]["dataset"].as_str().unwrap().ends_with("orders")
        });
        let purged: u64 = counts.map(|part| part["purged"].as_u64().unwrap_or(0)).sum();
        assert_eq!(purged, orders, "{own:#}");
        assert_eq!(state(&project, id), "done");
    }
}

#[test]
fn persons_are_erased_together_on_postgresql() {
    together_on_a_server(Server::Postgres);
}

#[test]
fn persons_are_erased_together_on_mariadb() {
    together_on_a_server(Server::Mysql);
}
