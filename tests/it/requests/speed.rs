//! A search for a person uses the indexes that are there, `check` says which one is missing, and what a run adds to
//! the server's own time.
//!
//! The numbers of tables and rows can be raised (`OUBLIETTE_TEST_WIDE_TABLES`, `OUBLIETTE_TEST_WIDE_ROWS`) to measure
//! on a quiet machine: what each whole command takes is printed, and how much of it the server was at work.

mod busy;

use super::verified;
use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use crate::support::{Project, plan_id};
use busy::Busy;
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
    // Enough bytes for `check` to call the table large.
    let pad = (18_000_000 / rows).min(900);
    let project = scenario::shop_on(Database::new(Server::Postgres), SMALL, 2);
    let mut map = fs::read_to_string(project.path("data-map.yaml")).unwrap();
    for table in 0..tables {
        project.shop(&format!(
            "CREATE TABLE wide_{table}(id BIGINT PRIMARY KEY, customer_id BIGINT, email VARCHAR(60), pad VARCHAR(1000));
             INSERT INTO wide_{table} SELECT n, n, concat('Someone', n, '@example.org'), repeat('x', {pad}) FROM generate_series(1, {rows}) AS n(n);
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

/// Makes the indexes that `check` asks for.
#[track_caller]
fn indexed(project: &Project, tables: u64) {
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
    // As tables are that have stood for a while: the server has no work of its own with them.
    project.shop("VACUUM (ANALYZE);");
    let again = project.run(&["check"]).expect(0).stdout;
    assert!(!again.contains("CREATE INDEX"), "{again}");
}

/// Rows that were read by whole tables so far, as the server counts them, which it does a moment later.
fn scans(project: &Project) -> String {
    std::thread::sleep(Duration::from_secs(2));
    project.shop("SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE relname LIKE 'wide_%';")
}

/// Entries of indexes that were read so far.
fn entries(project: &Project) -> u64 {
    let sum = "SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname LIKE 'wide_%';";
    project.shop(sum).trim().parse().unwrap()
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

/// Prints how long a command took, and how much of that the server was at work for it.
#[track_caller]
fn measured(project: &Project, busy: &Busy, what: &str, arguments: &[&str]) -> (serde_json::Value, f64, f64) {
    let (before, begun) = (busy.seconds(), Instant::now());
    let answer = project.run(arguments).expect(0).json();
    let (whole, server) = (begun.elapsed().as_secs_f64(), busy.seconds() - before);
    println!(
        "{what}: {whole:.3} s, the server at work for {server:.3} s of them, ratio {:.2}",
        whole / server
    );
    (answer, whole, server)
}

#[test]
fn a_search_and_an_erasure_on_postgresql_read_no_table_whole() {
    let (project, tables, rows) = wide();
    indexed(&project, tables);
    let (before, entries_before) = (scans(&project), entries(&project));
    let customer = located(&project, tables, &format!("customer_id={}", rows / 2));
    let email = located(&project, tables, &format!("email=SOMEONE{}@example.org", rows / 3));
    println!("{tables} tables of {rows} rows: located by number {customer:.2} s, by e-mail {email:.2} s");

    let address = project.database.as_ref().unwrap().address();
    let port = address.rsplit_once(':').unwrap().1.split_once('/').unwrap().0;
    let busy = Busy::before(port.parse().unwrap());
    let settings = fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    let through = settings.replace(&format!(":{port}/"), &format!(":{}/", busy.port));
    assert_ne!(through, settings);
    project.write("oubliette.yaml", &through);
    let request = verified(&project, &format!("email=SOMEONE{}@example.org", rows / 4), &[]);
    let (plan, ..) = measured(&project, &busy, "erase", &["--format", "json", "erase", &request]);
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let (_, whole, server) =
        measured(&project, &busy, "apply", &["--format", "json", "apply", &plan_id(&plan)]);
    assert!(server > 0.0 && whole > server, "the time in between is not seen: {whole} {server}");
    assert_eq!(scans(&project), before, "a table was read whole");
    let read = entries(&project) - entries_before;
    assert!(read < tables * 1_000, "{read} entries of indexes were read for {tables} rows");
    for table in 0..tables {
        let left = project
            .shop(&format!("SELECT count(*), count(*) FILTER (WHERE id = {}) FROM wide_{table};", rows / 4));
        assert_eq!(left, format!("{}|0", rows - 1));
    }
}
