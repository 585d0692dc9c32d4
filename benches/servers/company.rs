//! What a purge does to others on the same PostgreSQL server: what they wait for, and what an old snapshot of theirs
//! costs the purge.
//!
//! `pgbench` works at a fixed rate, so that whatever is late counts (its times begin when a transaction was due).
//! In each of the runs it works alone for a while, and then beside `apply`, on the same data.

use super::common::{Applied, since_epoch};
use super::postgres::{self, Case};
use super::runs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Time in which others are let work until it counts.
const WARM_UP: Duration = Duration::from_secs(2);
/// Time in which others work alone.
const ALONE: Duration = Duration::from_secs(8);
/// Time in which `apply` must come to its end.
const BESIDE: Duration = Duration::from_secs(50);
/// Fewer runs tell nothing of the ends of a distribution.
const RUNS_MIN: u64 = 5;

/// Others who change a record and note it: some wait for rows of a batch, and each commits something, whether its
/// record is gone or not.
const ON_THE_TABLE: &str = "\\set id random(1, :rows)
BEGIN;
UPDATE events SET customer_id = customer_id + 1 WHERE id = :id;
INSERT INTO touched VALUES (:id);
COMMIT;
";

/// Others on the purged table, and then on other tables of its database.
pub(super) fn company(rows: u64) {
    let case = postgres::purge_case(
        rows,
        "CREATE TABLE touched(id bigint);
         CREATE TABLE accounts(aid int PRIMARY KEY, abalance int, filler char(84));
         CREATE TABLE history(aid int, delta int, at timestamptz);
         INSERT INTO accounts SELECT i, 0, '' FROM generate_series(1, 500000) AS i;
         VACUUM (ANALYZE, FREEZE) accounts;",
    );
    case.fill(rows);
    let on_others = "\\set aid random(1, 500000)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM accounts WHERE aid = :aid;
INSERT INTO history VALUES (:aid, :delta, now());
COMMIT;
";
    compare("others on the purged table", &case, ON_THE_TABLE, 200, rows);
    compare("others on another table", &case, on_others, 300, rows);
}

/// A session that holds an old snapshot: nothing that is deleted can be cleaned away meanwhile.
pub(super) fn snapshot(rows: u64) {
    let case = postgres::purge_case(rows, "");
    case.fill(rows);
    println!("PostgreSQL: purge while another session holds an old snapshot");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..runs() {
        postgres::copy();
        without.push(case.apply(1).time);
        postgres::copy();
        let mut session = postgres::client("bench").stdin(Stdio::piped()).spawn().unwrap();
        let input = session.stdin.as_mut().unwrap();
        input.write_all(b"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM events LIMIT 1;\n").unwrap();
        input.flush().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        with.push(case.apply(1).time);
        drop(session.stdin.take());
        session.wait().unwrap();
    }
    let (without, with) = (super::median(&mut without), super::median(&mut with));
    println!("  {without:.2} s without, {with:.2} s with it: {:.2} times", with / without);
}

/// The times of others, in milliseconds, in order.
#[derive(Debug)]
struct Times(Vec<f64>);

impl Times {
    /// The time that `share` of the transactions did not pass.
    fn at(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (self.0.len() as f64 * share) as usize;
        self.0[place.min(self.0.len() - 1)]
    }
}

fn compare(title: &str, case: &Case<'_>, script: &str, rate: u32, rows: u64) {
    println!("PostgreSQL: {title}, {rate} transactions per second");
    let mut ratios: [Vec<f64>; 3] = Default::default();
    let (mut speeds, mut worst, mut worst_alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs().max(RUNS_MIN) {
        let (alone, beside, applied) = one_run(case, script, rate, rows);
        let speed = case.records as f64 / applied.time.as_secs_f64();
        let mut shares = Vec::new();
        for (place, share) in [0.5, 0.95, 0.99].into_iter().enumerate() {
            let (alone, beside) = (alone.at(share), beside.at(share));
            ratios[place].push(beside / alone);
            shares.push(format!("p{:.0} {alone:.1} -> {beside:.1} ms", share * 100.0));
        }
        let (longest_alone, longest) = (alone.at(1.0), beside.at(1.0));
        println!("  {speed:.0} records/s; {}; most {longest_alone:.0} -> {longest:.0} ms", shares.join(", "));
        speeds.push(speed);
        worst.push(longest);
        worst_alone.push(longest_alone);
    }
    let [p50, p95, p99] = ratios.each_mut().map(|ratios| middle(ratios));
    println!(
        "  median: {:.0} records/s; p50 {p50:.2}, p95 {p95:.2}, p99 {p99:.2} times what it is alone; longest of all {:.0} ms (alone {:.0} ms)",
        middle(&mut speeds),
        most(&worst),
        most(&worst_alone)
    );
}

fn one_run(case: &Case<'_>, script: &str, rate: u32, rows: u64) -> (Times, Times, Applied) {
    postgres::copy();
    let directory = tempfile::tempdir().unwrap();
    let others = begin(directory.path(), script, rate, rows);
    std::thread::sleep(WARM_UP);
    let first = since_epoch();
    std::thread::sleep(ALONE);
    let second = since_epoch();
    let applied = case.apply(1);
    // What belongs to `apply` alone: planning before it, and verifying after it, read as well.
    let ended = applied.began + applied.time;
    end(others);
    let log = read(directory.path());
    let between = |from: Duration, to: Duration| {
        let within = |(begun, _): &&(Duration, f64)| *begun >= from && *begun < to;
        let mut times: Vec<f64> = log.iter().filter(within).map(|(_, time)| *time).collect();
        assert!(times.len() > 100, "{} transactions", times.len());
        times.sort_by(f64::total_cmp);
        Times(times)
    };
    (between(first, second), between(applied.began, ended), applied)
}

fn begin(directory: &Path, script: &str, rate: u32, rows: u64) -> Child {
    std::fs::write(directory.join("script"), script).unwrap();
    let seconds = (WARM_UP + ALONE + BESIDE).as_secs();
    Command::new("pgbench")
        .current_dir(directory)
        .args(["-n", "-f", "script", "-c", "4", "-l", "--log-prefix=times"])
        .args(["-R", &rate.to_string(), "-T", &seconds.to_string(), "-D", &format!("rows={rows}")])
        .arg(postgres::address_of("bench"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(others: Child) {
    let output = others.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// When each transaction was due, and how long after that it ended, in milliseconds.
fn read(directory: &Path) -> Vec<(Duration, f64)> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("times") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let number = |place: usize| fields[place].parse::<u64>().unwrap();
            let took = Duration::from_micros(number(2));
            let ended = Duration::from_secs(number(4)) + Duration::from_micros(number(5));
            times.push((ended.saturating_sub(took), took.as_secs_f64() * 1000.0));
        }
    }
    times
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
