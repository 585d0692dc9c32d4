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

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn sqlite(rows: u64) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.db");
    println!("sqlite: {rows} rows, half of them due");
    fill(&data, rows);
    let (mut single, mut ours, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        single.push(single_delete(directory.path(), &data, rows));
        let (time, memory) = apply(directory.path(), rows / 2, |project| {
            fs::copy(&data, project.join("data.db")).unwrap();
            (DATABASE_STORE, DATABASE_MAP)
        });
        ours.push(time);
        peak = peak.max(memory);
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

const DATABASE_STORE: &str = "{kind: sqlite, reader: data.db, writer: data.db, backups_kept: P0D}";
const DATABASE_MAP: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: {column: created_at, zone: UTC}}
    not_personal: [customer_id, payload]
";
const FILES_STORE: &str = "{kind: directory, path: files, backups_kept: P0D}";
const FILES_MAP: &str = "  - name: data.files
    store: data
    objects: {key: \"{year}/{part}/{file}\"}
    record_type: event
    events: {created: \"{year}\"}
";

/// Time and peak memory (KiB) of `apply` alone, in a fresh project.
fn apply(
    directory: &Path,
    expected: u64,
    prepare: impl FnOnce(&Path) -> (&'static str, &'static str),
) -> (Duration, u64) {
    let project = directory.join("project");
    run(Command::new(env!("CARGO_BIN_EXE_oubliette")).arg("init").arg(&project));
    let (store, map) = prepare(&project);
    fs::write(
        project.join("oubliette.yaml"),
        format!(
            "controller: {{name: Bench, contact: dpo@bench.example}}\nledger: sqlite://state/ledger.db\n\
             archive: {{directory: certificates}}\nsealed: sealed\nsigning_key: keys/certificate.key\n\
             log_key: keys/log.key\nsealing_key: keys/sealing.key\nauthor: bench\nstores:\n  data: {store}\n"
        ),
    )
    .unwrap();
    fs::write(project.join("data-map.yaml"), format!("datasets:\n{map}")).unwrap();
    fs::remove_dir_all(project.join("policies")).unwrap();
    fs::create_dir(project.join("policies")).unwrap();
    fs::write(project.join("policies/bench.yaml"), POLICY).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oubliette"));
        command.arg("--config").arg(project.join("oubliette.yaml")).args(arguments);
        command
    };
    run(&mut command(&["plan"]));
    run(&mut command(&["approve", "latest", "--as", "dpo"]));
    let before = Instant::now();
    let mut child =
        command(&["apply", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let time = before.elapsed();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(status.success(), "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let purged = sum_of(&answer, "purged");
    assert!(purged.abs_diff(expected) <= expected / 25, "{purged} purged, {expected} expected");
    run(&mut command(&[
        "verify",
        project.join("certificates").to_str().unwrap(),
        "--trust-root",
        project.join("trust-root.json").to_str().unwrap(),
    ]));
    fs::remove_dir_all(&project).unwrap();
    (time, peak)
}

const POLICY: &str = "policy: bench
version: 1
effective_from: 2020-01-01
owner: dpo@bench.example
next_review: 2099-01-01
jurisdictions: [FR]
time_zone: UTC
rules:
  - id: event
    record_type: event
    title: {fr: Événements, en: Events}
    purpose: {fr: Mesure, en: Measuring}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: {event: created, type: collection}
    retain_for: P1Y
    disposition: purge
";

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn sum_of(value: &serde_json::Value, key: &str) -> u64 {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .map(|(name, inner)| if name == key { inner.as_u64().unwrap_or(0) } else { sum_of(inner, key) })
            .sum(),
        serde_json::Value::Array(list) => list.iter().map(|inner| sum_of(inner, key)).sum(),
        _ => 0,
    }
}

/// Peak of resident memory so far, in KiB.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

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
        let (time, memory) = apply(directory.path(), files, |project| {
            plant(&project.join("files"), files);
            (FILES_STORE, FILES_MAP)
        });
        ours.push(time);
        peak = peak.max(memory);
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
