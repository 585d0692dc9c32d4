//! What a purge costs beside the store's own single statement, in one run on one machine.
//!
//! `cargo bench --bench purge` prints ratios and the peak of resident memory, for 1 000 000 of 2 000 000
//! rows in SQLite against one `DELETE` of the same rows, and for 100 000 files against `find -delete`.
//! `BENCH_ROWS` and `BENCH_FILES` make it smaller. The time of `apply` holds everything: the check that
//! the plan is not stale, the journal, reading back, commitments, certificate and archive.

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

use common::{Job, LOCAL_EVENTS, apply_in, number, run};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Alternating runs; the median counts.
const RUNS: usize = 3;

fn main() {
    // `cargo test --all-targets` also starts benches, to see that they run: not the place to measure.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = number("BENCH_ROWS", 2_000_000);
    let files = number("BENCH_FILES", 100_000);
    println!("machine: {} cores", std::thread::available_parallelism().unwrap());
    sqlite(rows);
    directory(files);
}

fn sqlite(rows: u64) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.db");
    println!("sqlite: {rows} rows, half of them due");
    fill(&data, rows);
    let (mut single, mut ours, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        single.push(single_delete(directory.path(), &data, rows));
        let applied = apply_in(&job(rows / 2, DATABASE_STORE, LOCAL_EVENTS), |project| {
            fs::copy(&data, project.join("data.db")).unwrap();
        });
        ours.push(applied.time);
        peak = peak.max(applied.peak_kib);
    }
    report("single DELETE", &mut single, &mut ours, rows / 2, peak);
}

/// 200 bytes of payload, an index on the date. The due rows, of 2010 to 2019, are at random places: half of
/// every page of the table, and scattered over the index.
fn fill(path: &Path, rows: u64) {
    let statements = format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
         CREATE TABLE events(id INTEGER PRIMARY KEY, customer_id INTEGER, created_at DATETIME, payload TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {rows})
         INSERT INTO events SELECT i, (i * 7919) % 100003,
             CASE WHEN (i * 2654435761) % 4294967296 < 2147483648
                  THEN datetime(1262304000 + (i * 40503 * 7919) % 315360000, 'unixepoch')
                  ELSE datetime('now', '-' || (1 + (i * 40503) % 25920000) || ' seconds') END,
             hex(zeroblob(100)) FROM n;
         CREATE INDEX events_created ON events(created_at);
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    sql(path, &statements);
}

fn sql(path: &Path, statements: &str) -> String {
    use std::io::Write as _;
    let mut child =
        Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn single_delete(directory: &Path, data: &Path, rows: u64) -> Duration {
    let copy = directory.join("single.db");
    fs::copy(data, &copy).unwrap();
    let before = Instant::now();
    let left = sql(
        &copy,
        "DELETE FROM events WHERE created_at < '2020-01-01 00:00:00'; SELECT count(*) FROM events;",
    );
    let time = before.elapsed();
    let left: u64 = left.trim().parse().unwrap();
    assert!(left.abs_diff(rows / 2) < rows / 50, "{left} rows left");
    for suffix in ["", "-wal", "-shm"] {
        let file = directory.join(format!("single.db{suffix}"));
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
    }
    time
}

fn job<'a>(expected: u64, store: &'a str, map: &'a str) -> Job<'a> {
    Job { expected, store, map, disposition: "purge" }
}

const DATABASE_STORE: &str = "{kind: sqlite, reader: data.db, writer: data.db, backups_kept: P0D}";
const FILES_STORE: &str = "{kind: directory, path: files, backups_kept: P0D}";
const FILES_MAP: &str = "  - name: data.files
    store: data
    objects: {key: \"{year}/{part}/{file}\"}
    record_type: event
    events: {created: \"{year}\"}
";

fn directory(files: u64) {
    let directory = tempfile::tempdir().unwrap();
    println!("directory: {files} files, all but a thousandth due");
    let (mut single, mut ours, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let tree = directory.path().join("tree");
        plant(&tree, files);
        let before = Instant::now();
        run(Command::new("find").arg(tree.join("2015")).args(["-type", "f", "-delete"]));
        single.push(before.elapsed());
        fs::remove_dir_all(&tree).unwrap();
        let applied =
            apply_in(&job(files, FILES_STORE, FILES_MAP), |project| plant(&project.join("files"), files));
        ours.push(applied.time);
        peak = peak.max(applied.peak_kib);
    }
    report("find -delete", &mut single, &mut ours, files, peak);
}

fn plant(tree: &Path, files: u64) {
    for part in 0..100 {
        let folder = tree.join(format!("2015/{part:02}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..files / 100 {
            fs::write(folder.join(format!("receipt-{number:06}.txt")), "content").unwrap();
        }
    }
    // Kept: without them the plan would empty the dataset.
    fs::create_dir_all(tree.join("2098/00")).unwrap();
    for number in 0..files.div_ceil(1_000) {
        fs::write(tree.join(format!("2098/00/{number}.txt")), "content").unwrap();
    }
}

fn report(single_name: &str, single: &mut [Duration], ours: &mut [Duration], records: u64, peak: u64) {
    single.sort();
    ours.sort();
    let (single, ours) = (single[single.len() / 2].as_secs_f64(), ours[ours.len() / 2].as_secs_f64());
    println!("  {single_name}: {single:.2} s (median of {RUNS})");
    let rate = records as f64 / ours;
    println!("  apply, evidence and certificate included: {ours:.2} s, {rate:.0} records/s");
    println!("  ratio {:.2}, peak of resident memory {:.1} MB", ours / single, peak as f64 / 1024.0);
}
