//! What a purge costs on database servers beside their own single statement, in one run on one machine.
//!
//! `cargo bench --bench servers` with `OUBLIETTE_TEST_POSTGRES` and `OUBLIETTE_TEST_MYSQL` set (see
//! `scripts/servers`) prints ratios for 1 000 000 of 2 000 000 rows; `BENCH_ROWS` makes it smaller,
//! `BENCH_ONLY=postgres` or `mysql` does one. The time of `apply` holds everything: the check that the plan
//! is not stale, the journal, reading back, commitments, certificate and archive. With `pt-archiver` on the
//! path MariaDB is measured against that too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and stops when it cannot go on"
)]

mod common;

use common::{Applied, apply, number, run};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Alternating runs; the median counts.
const RUNS: usize = 3;
const MAP: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: created_at}
    not_personal: [customer_id, payload]
";
const LOCAL_MAP: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: {column: created_at, zone: UTC}}
    not_personal: [customer_id, payload]
";

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
    if only.is_empty() || only == "postgres" {
        postgres(rows);
    }
    if only.is_empty() || only == "mysql" {
        mysql(rows);
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

fn in_postgres(database: &str) -> Command {
    let administrator = address("OUBLIETTE_TEST_POSTGRES");
    let (server, _) = administrator.rsplit_once('/').unwrap();
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]).arg(format!("{server}/{database}"));
    command
}

/// 200 bytes of payload, an index on the date; the due rows, of 2010 to 2019, at random places.
fn postgres(rows: u64) {
    ask(&mut in_postgres("postgres"), "DROP DATABASE IF EXISTS bench_full; CREATE DATABASE bench_full;");
    ask(
        &mut in_postgres("bench_full"),
        &format!(
            "CREATE TABLE events(id bigint PRIMARY KEY, customer_id bigint, created_at timestamptz NOT NULL, payload text);
             INSERT INTO events SELECT i, (i * 7919) % 100003,
               CASE WHEN (i * 2654435761) % 4294967296 < 2147483648
                 THEN to_timestamp(1262304000 + (i * 40503 * 7919) % 315360000)
                 ELSE now() - make_interval(secs => 1 + (i * 40503) % 25920000) END,
               repeat('0', 200) FROM generate_series(1::bigint, {rows}) AS i;
             CREATE INDEX events_created ON events(created_at);
             VACUUM (ANALYZE, FREEZE) events;"
        ),
    );
    println!("PostgreSQL");
    let mut single = Vec::new();
    let mut ours: [Vec<Applied>; 2] = [Vec::new(), Vec::new()];
    let mut wal = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        postgres_copy();
        let (time, bytes) = timed_wal(|| {
            ask(&mut in_postgres("bench"), "DELETE FROM events WHERE created_at < '2020-01-01';");
        });
        single.push(time);
        wal[0].push(bytes);
        for connections in [1, 2] {
            postgres_copy();
            let store =
                server_store("postgres", "OUBLIETTE_TEST_POSTGRES", connections, ", vacuum: left_to_server");
            let mut applied = None;
            let (_, bytes) = timed_wal(|| applied = Some(apply(rows / 2, &store, MAP)));
            ours[connections - 1].push(applied.unwrap());
            wal[connections].push(bytes);
        }
    }
    let single = median(&mut single);
    println!("  single DELETE: {single:.2} s (median of {RUNS})");
    for (place, applied) in ours.iter_mut().enumerate() {
        report(place + 1, applied, single, rows / 2);
        let (mine, theirs) = (median_bytes(&mut wal[place + 1]), median_bytes(&mut wal[0]));
        println!(
            "    WAL {:.3} times that of the single DELETE, surveys and all",
            mine as f64 / theirs as f64
        );
    }
}

fn postgres_copy() {
    ask(
        &mut in_postgres("postgres"),
        "DROP DATABASE IF EXISTS bench; CREATE DATABASE bench TEMPLATE bench_full STRATEGY FILE_COPY; CHECKPOINT;",
    );
    // Everything cached, as in the purge of a live table.
    ask(&mut in_postgres("bench"), "SELECT count(payload), sum(id) FROM events;");
}

/// The time of an act and the bytes that it added to the write-ahead log.
fn timed_wal(act: impl FnOnce()) -> (Duration, u64) {
    let position =
        || ask(&mut in_postgres("postgres"), "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn;");
    let before: u64 = position().trim().parse().unwrap();
    let began = Instant::now();
    act();
    let time = began.elapsed();
    let after: u64 = position().trim().parse().unwrap();
    (time, after - before)
}

fn in_mysql(database: &str) -> Command {
    let administrator = address("OUBLIETTE_TEST_MYSQL");
    let port = port_of(&administrator);
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-N", "-B", "-h", "127.0.0.1", "-u", "root", "-P", &port, database]);
    command
}

fn port_of(administrator: &str) -> String {
    let (server, _) = administrator.rsplit_once('/').unwrap();
    server.rsplit_once(':').unwrap().1.to_owned()
}

fn mysql(rows: u64) {
    ask(
        &mut in_mysql("mysql"),
        &format!(
            "CREATE DATABASE IF NOT EXISTS bench;
             DROP TABLE IF EXISTS bench.full; DROP TABLE IF EXISTS bench.events;
             SET GLOBAL innodb_buffer_pool_size = 1073741824;
             CREATE TABLE bench.full(id BIGINT PRIMARY KEY, customer_id BIGINT, created_at DATETIME NOT NULL, payload VARCHAR(255), KEY created(created_at));
             INSERT INTO bench.full SELECT seq, (seq * 7919) % 100003,
               IF((seq * 2654435761) % 4294967296 < 2147483648,
                  '2010-01-01' + INTERVAL (seq * 40503 * 7919) % 315360000 SECOND,
                  UTC_TIMESTAMP() - INTERVAL 1 + (seq * 40503) % 25920000 SECOND), repeat('0', 200)
             FROM mysql.seq_1_to_{rows};"
        ),
    );
    println!("MariaDB");
    let (mut single, mut archiver) = (Vec::new(), Vec::new());
    let mut ours: [Vec<Applied>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..RUNS {
        mysql_copy();
        let began = Instant::now();
        ask(&mut in_mysql("bench"), "DELETE FROM events WHERE created_at < '2020-01-01';");
        single.push(began.elapsed());
        if let Some(time) = pt_archiver() {
            archiver.push(time);
        }
        for connections in [1, 2] {
            mysql_copy();
            let store = server_store("mysql", "OUBLIETTE_TEST_MYSQL", connections, "");
            ours[connections - 1].push(apply(rows / 2, &store, LOCAL_MAP));
        }
    }
    let single = median(&mut single);
    println!("  single DELETE: {single:.2} s (median of {RUNS})");
    let archiver = if archiver.is_empty() { None } else { Some(median(&mut archiver)) };
    for (place, applied) in ours.iter_mut().enumerate() {
        let time = report(place + 1, applied, single, rows / 2);
        if let Some(archiver) = archiver {
            println!(
                "    {:.2} times the throughput of pt-archiver --bulk-delete ({archiver:.2} s)",
                archiver / time
            );
        }
    }
}

fn mysql_copy() {
    ask(
        &mut in_mysql("bench"),
        "DROP TABLE IF EXISTS events; CREATE TABLE events LIKE full; INSERT INTO events SELECT * FROM full ORDER BY id; ANALYZE TABLE events;",
    );
    settle_mysql();
}

/// Waits until InnoDB has purged what the statements before left behind.
fn settle_mysql() {
    for _ in 0..600 {
        let status = ask(&mut in_mysql("bench"), "SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length';");
        let length: u64 = status.split_whitespace().nth(1).map_or(0, |text| text.parse().unwrap());
        if length < 1_000 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn pt_archiver() -> Option<Duration> {
    let found =
        Command::new("pt-archiver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("  pt-archiver is not installed: not compared");
        return None;
    }
    mysql_copy();
    let port = port_of(&address("OUBLIETTE_TEST_MYSQL"));
    let began = Instant::now();
    run(Command::new("pt-archiver").args([
        "--source",
        &format!("h=127.0.0.1,P={port},u=root,D=bench,t=events,i=PRIMARY"),
        "--where",
        "created_at < '2020-01-01'",
        "--purge",
        "--limit",
        "1000",
        "--commit-each",
        "--bulk-delete",
        "--primary-key-only",
        "--no-check-charset",
    ]));
    Some(began.elapsed())
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

fn median_bytes(bytes: &mut [u64]) -> u64 {
    bytes.sort_unstable();
    bytes[bytes.len() / 2]
}

fn report(connections: usize, applied: &mut [Applied], single: f64, records: u64) -> f64 {
    let peak = applied.iter().map(|applied| applied.peak_kib).max().unwrap_or(0);
    applied.sort_by_key(|applied| applied.time);
    let ours = applied[applied.len() / 2].time.as_secs_f64();
    println!(
        "  apply with {connections} connection(s): {ours:.2} s, {:.0} records/s, {:.2} of the throughput of the single DELETE, peak {:.1} MB",
        records as f64 / ours,
        single / ours,
        peak as f64 / 1024.0
    );
    ours
}
