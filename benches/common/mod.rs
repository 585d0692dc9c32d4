//! What the benchmarks share: a project around one store, and one timed `apply` in it.

#![allow(dead_code, reason = "not every benchmark needs everything")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// The dataset of a table `events` whose dates have no zone.
pub(crate) const LOCAL_EVENTS: &str = "  - name: data.events
    store: data
    table: events
    record_type: event
    events: {created: {column: created_at, zone: UTC}}
    not_personal: [customer_id, payload]
";

/// What is to be applied.
pub(crate) struct Job<'a> {
    /// Records that are due, about.
    pub(crate) expected: u64,
    /// The store of the settings.
    pub(crate) store: &'a str,
    /// The datasets of the data map.
    pub(crate) map: &'a str,
    pub(crate) disposition: &'a str,
}

/// [`apply_in`] for a store that needs nothing in the project.
pub(crate) fn apply(job: &Job<'_>) -> Applied {
    apply_in(job, |_| {})
}

/// What one `apply` took.
pub(crate) struct Applied {
    /// Since the epoch.
    pub(crate) began: Duration,
    pub(crate) time: Duration,
    /// Peak of resident memory, in KiB.
    pub(crate) peak_kib: u64,
}

/// Time and peak memory of `apply` alone, in a fresh project. `prepare` is given the directory of the project
/// before anything is planned.
pub(crate) fn apply_in(job: &Job<'_>, prepare: impl FnOnce(&Path)) -> Applied {
    let Job { expected, store, map, disposition } = *job;
    let directory = tempfile::tempdir().unwrap();
    let project = directory.path().join("project");
    run(Command::new(env!("CARGO_BIN_EXE_oubliette")).arg("init").arg(&project));
    prepare(&project);
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
    fs::write(project.join("policies/bench.yaml"), format!("{POLICY}    disposition: {disposition}\n"))
        .unwrap();
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oubliette"));
        command.arg("--config").arg(project.join("oubliette.yaml")).args(arguments);
        command
    };
    run(&mut command(&["plan"]));
    run(&mut command(&["approve", "latest", "--as", "dpo"]));
    let began = since_epoch();
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
    // Partial, where the dead rows are left to the server and nobody can say until when they stay.
    assert!(matches!(status.code(), Some(0 | 3)), "{text}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let done = sum_of(&answer, "purged") + sum_of(&answer, "anonymized");
    assert!(done.abs_diff(expected) <= expected / 25, "{done} done, {expected} expected");
    assert_eq!(sum_of(&answer, "failed"), 0, "{text}");
    run(&mut command(&[
        "verify",
        project.join("certificates").to_str().unwrap(),
        "--trust-root",
        project.join("trust-root.json").to_str().unwrap(),
    ]));
    Applied { began, time, peak_kib: peak }
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
";

pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

pub(crate) fn run(command: &mut Command) {
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
