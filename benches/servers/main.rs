//! What a purge costs on database servers beside their own single statement, in one run on one machine.
//!
//! `cargo bench --bench servers` with `OUBLIETTE_TEST_POSTGRES` and `OUBLIETTE_TEST_MYSQL` set (see
//! `scripts/servers`, with `OUBLIETTE_SERVER_MEMORY=1024`, so that the data is cached) prints ratios for 1 000 000 of
//! 2 000 000 rows. `BENCH_ROWS` and `BENCH_RUNS` make it smaller, `BENCH_ONLY` names some of `postgres`, `kin` (a parent
//! with a cascading child), `anonymize`, `company` (what others on the server wait for, with `pgbench`), `snapshot`
//! (while another session holds an old one) and `mysql`. The time of `apply` holds everything: the check that the plan is
//! not stale, the journal, reading back, commitments, certificate and archive. With `pt-archiver` on the path MariaDB
//! is measured against that too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

#[path = "../common/mod.rs"]
mod common;
mod company;
mod mysql;
mod postgres;

use common::{Applied, number};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Alternating runs; the median counts.
fn runs() -> u64 {
    number("BENCH_RUNS", 3)
}

fn main() {
    // `cargo test --all-targets` also starts benches, to see that they run: not the place to measure.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = number("BENCH_ROWS", 2_000_000);
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    println!(
        "machine: {} cores; {rows} rows, half of them due",
        std::thread::available_parallelism().unwrap()
    );
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    if wanted("postgres") {
        postgres::purge(rows);
    }
    if wanted("kin") {
        postgres::kin(rows);
    }
    if wanted("anonymize") {
        postgres::anonymize(rows);
    }
    if wanted("company") {
        company::company(rows);
    }
    if wanted("snapshot") {
        company::snapshot(rows);
    }
    if wanted("mysql") {
        mysql::purge(rows);
    }
}

fn address(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: see scripts/servers"))
}

/// Answers of one command-line client, as text.
fn ask(command: &mut Command, statements: &str) -> String {
    use std::io::Write as _;
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn server_store(kind: &str, variable: &str, connections: usize, more: &str) -> String {
    let administrator = address(variable);
    let (server, _) = administrator.rsplit_once('/').unwrap();
    let address = format!("{server}/bench");
    format!(
        "{{kind: {kind}, reader: \"{address}\", writer: \"{address}\", connections: {connections}, backups_kept: P0D{more}}}"
    )
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn report(connections: usize, applied: &mut [Applied], single: f64, records: u64) -> f64 {
    let peak = applied.iter().map(|applied| applied.peak_kib).max().unwrap_or(0);
    applied.sort_by_key(|applied| applied.time);
    let ours = applied[applied.len() / 2].time.as_secs_f64();
    println!(
        "  apply with {connections} connection(s): {ours:.2} s, {:.0} records/s, {:.2} of the throughput of the single statement, peak {:.1} MB",
        records as f64 / ours,
        single / ours,
        peak as f64 / 1024.0
    );
    ours
}
