//! A search for a person uses the indexes that are there, and `check` says which one is missing.
//!
//! The numbers of tables and rows can be raised (`OUBLIETTE_TEST_WIDE_TABLES`, `OUBLIETTE_TEST_WIDE_ROWS`) to measure
//! on a quiet machine: what the whole command takes is printed, beside the server's own time for searches of the same
//! columns.

use crate::scenario::{self, SMALL};
use crate::support::Project;
use crate::support::server::{Database, Server};
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

fn number_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// Tables with one row of each customer number, and their data map.
fn wide() -> (Project, u64, u64) {
    let tables = number_of("OUBLIETTE_TEST_WIDE_TABLES", 2);
    let rows = number_of("OUBLIETTE_TEST_WIDE_ROWS", 20_000);
    let project = scenario::shop_on(Database::new(Server::Postgres), SMALL, 2);
    let mut map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    for table in 0..tables {
        project.shop(&format!(
            "CREATE TABLE wide_{table}(id BIGINT PRIMARY KEY, customer_id BIGINT, email VARCHAR(60), pad VARCHAR(1000));
             INSERT INTO wide_{table} SELECT n, n, concat('Someone', n, '@example.org'), repeat('x', 900) FROM generate_series(1, {rows}) AS n(n);
             CREATE INDEX wide_{table}_customer ON wide_{table}(customer_id);"
        ));
        writeln!(
            map,
            "  - {{name: shop.wide_{table}, store: shop, table: wide_{table}, record_type: wide, subject: {{customer_id: customer_id, email: email}}}}"
        )
        .unwrap();
    }
    project.write("data-map.yaml", &map);
    (project, tables, rows)
}

/// Seconds of `locate`, which finds one row in each table.
#[track_caller]
fn located(project: &Project, tables: u64, identity: &str) -> f64 {
    let begun = Instant::now();
    let who = ["--format", "json", "locate", "--identity", identity, "--as", "dpo", "--reason", "r"];
    let answer = project.run(&who).expect(0).json();
    let seconds = begun.elapsed().as_secs_f64();
    let all = answer["datasets"].as_array().unwrap().iter();
    let wide = all.filter(|one| one["dataset"].as_str().unwrap().starts_with("shop.wide_"));
    let found: u64 = wide.map(|one| one["own"].as_u64().unwrap() + one["shared"].as_u64().unwrap()).sum();
    assert_eq!(found, tables, "{answer}");
    seconds
}

#[test]
fn a_search_on_postgresql_reads_no_table_whole() {
    let (project, tables, rows) = wide();
    let advised: Vec<String> = project
        .run(&["check"])
        .expect(0)
        .stdout
        .lines()
        .filter_map(|line| line.find("CREATE INDEX ").map(|at| line[at..].to_owned()))
        .collect();
    assert_eq!(advised.len() as u64, tables, "{advised:?}");
    for statement in &advised {
        project.shop(&format!("{statement};"));
    }
    project.shop("ANALYZE;");
    let again = project.run(&["check"]).expect(0).stdout;
    assert!(!again.contains("CREATE INDEX"), "{again}");
    let scans = || {
        // The server counts a moment later.
        std::thread::sleep(Duration::from_secs(2));
        project
            .shop("SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname LIKE 'wide_%';")
    };
    let before = scans();
    let customer = located(&project, tables, &format!("customer_id={}", rows / 2));
    let email = located(&project, tables, &format!("email=SOMEONE{}@example.org", rows / 3));
    assert_eq!(scans(), before, "a table was read whole");
    let begun = Instant::now();
    let own: Vec<String> = (0..tables)
        .map(|table| {
            format!(
                "SELECT id FROM wide_{table} WHERE customer_id = {0}; SELECT id FROM wide_{table} WHERE lower(btrim(CAST(email AS text) COLLATE \"C\", ' ') COLLATE \"C\") = 'someone{0}@example.org';",
                rows / 2
            )
        })
        .collect();
    project.shop(&own.concat());
    let server = begun.elapsed().as_secs_f64();
    println!(
        "{tables} tables of {rows} rows: by number {customer:.2} s, by e-mail {email:.2} s; its own client {server:.2} s"
    );
}
