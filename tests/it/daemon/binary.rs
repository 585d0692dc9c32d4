//! The real process: schedules that are due each second, signals, kills, and `--once`.

use super::stage::{DATA_MAP, SETTINGS, policy};
use crate::support::Project;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// A daemon process, killed when dropped.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub(super) fn logging(mut command: Command, log: File) -> Self {
        Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// Whether it is stopped (SIGSTOP).
    pub(super) fn is_stopped(&self) -> bool {
        self.state() == Some('T')
    }

    /// Whether it has ended, killed or not.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state(), None | Some('Z' | 'X'))
    }

    /// Resident memory in KiB, and open files.
    pub(super) fn needs(&self) -> (u64, u64) {
        let process = format!("/proc/{}", self.0.id());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let files = std::fs::read_dir(format!("{process}/fd")).unwrap().count() as u64;
        (resident.trim().trim_end_matches(" kB").parse().unwrap(), files)
    }

    pub(super) fn signal(&self, signal: Signal) {
        // One that has ended already is as good.
        let _ended = kill_process(Pid::from_child(&self.0), signal);
    }

    #[track_caller]
    pub(super) fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

#[track_caller]
pub(super) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came to pass: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Rows due and not, a standing approval, and a schedule every two seconds.
pub(super) fn project(due: u32) -> Project {
    let settings = SETTINGS.replace("0 30 2 * * *", "*/2 * * * * *");
    let project = Project::new(&settings, DATA_MAP, &policy("shop", "Europe/Paris", 30));
    project.sql(
        "shop.db",
        "PRAGMA journal_mode=WAL; CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TEXT)",
    );
    fill(&project, due);
    project.sql("shop.db", "INSERT INTO visits (seen_at) VALUES (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))");
    project.run(&["approve", "--standing", "shop/visit", "--as", "dpo"]).expect(0);
    project
}

fn fill(project: &Project, due: u32) {
    project.sql(
        "shop.db",
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {due})
             INSERT INTO visits (seen_at) SELECT '2020-01-01T08:00:00Z' FROM n"
        ),
    );
}

fn left(project: &Project) -> u32 {
    project.sql("shop.db", "SELECT count(*) FROM visits").parse().unwrap()
}

pub(super) fn certificates(project: &Project) -> Vec<String> {
    let list = project.run(&["--format", "json", "certificates", "list"]).expect(0).json();
    let all = list["certificates"].as_array().unwrap();
    all.iter().map(|one| one["certificate_id"].as_str().unwrap().to_owned()).collect()
}

/// How many records the signed statements count as purged, over all of them.
pub(super) fn certified(project: &Project) -> u64 {
    let ids = certificates(project);
    ids.iter()
        .map(|id| {
            let shown = project.run(&["--format", "json", "certificates", "show", id]).expect(0).json();
            let targets = shown["statement"]["predicate"]["evidence"]["targets"].as_array().unwrap().clone();
            targets.iter().map(|target| target["counts"]["purged"].as_u64().unwrap()).sum::<u64>()
        })
        .sum()
}

#[test]
fn a_daemon_does_its_schedule_and_ends_when_asked() {
    let project = project(40);
    let mut daemon = Running::start(project.command(&["daemon"]));
    eventually("what is due goes", || left(&project) == 1);
    fill(&project, 7);
    eventually("what becomes due later goes too", || left(&project) == 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert_eq!(certified(&project), 47);
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    let all = project.run(&["--format", "json", "schedule"]).expect(0).json();
    assert_eq!(all["schedules"][0]["schedule"], "nightly");
    assert!(all["schedules"][0]["record"]["last_success_at"].is_string(), "{all}");
    let page = project.run(&["--lang", "fr", "schedule"]).expect(0).stdout;
    assert!(page.contains("Prochaine échéance") && page.contains("Europe/Paris"), "{page}");
}

#[test]
fn a_stop_ends_between_batches_and_the_next_start_goes_on() {
    let project = project(300);
    let slow = |project: &Project| {
        let mut command = project.command(&["daemon"]);
        command.env("OUBLIETTE_BATCH_RECORDS", "1");
        command
    };
    let mut daemon = Running::start(slow(&project));
    eventually("a run begins", || left(&project) < 295);
    daemon.signal(Signal::INT);
    assert_eq!(daemon.ended().code(), Some(0));
    let stopped_at = left(&project);
    assert!(stopped_at > 1, "it did not stop between batches");
    assert_eq!(certified(&project), 0);
    let mut daemon = Running::start(project.command(&["daemon"]));
    eventually("the run goes on", || left(&project) == 1);
    eventually("it is certified", || certified(&project) == 300);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_killed_daemon_is_taken_up_by_the_next() {
    let project = project(120);
    for point in ["after-intent:1", "after-prove:1", "before-destroy:1"] {
        let mut command = project.command(&["daemon"]);
        command.env("OUBLIETTE_BATCH_RECORDS", "10").env("OUBLIETTE_FAILPOINT", point);
        let mut daemon = Running::start(command);
        assert_eq!(daemon.ended().signal(), Some(9), "{point}");
    }
    let mut daemon = Running::start(project.command(&["daemon"]));
    eventually("everything is certified", || left(&project) == 1 && certified(&project) == 120);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
}

#[test]
fn once_does_what_is_due_and_a_second_daemon_waits() {
    let project = project(5);
    // The first time a schedule is seen nothing is caught up.
    let answer = project.run(&["daemon", "--once"]);
    assert!(answer.stderr.contains("Everything that was scheduled is done"), "{}", answer.stderr);
    project.sql(
        "state/ledger.db",
        "UPDATE schedule SET handled_at = '2020-01-01T00:00:00.000000000Z', due_at = NULL",
    );
    project.run(&["daemon", "--once"]).expect(0);
    assert_eq!(left(&project), 1);
    let daemon = Running::start(project.command(&["daemon"]));
    eventually("it acts", || {
        let answer = project.run(&["daemon", "--once"]);
        answer.stderr.contains("Another daemon acts")
    });
    drop(daemon);
}

#[test]
fn a_scan_says_what_is_beyond_its_time_also_when_nothing_is() {
    let project = project(4);
    let seen = project.run(&["--format", "json", "scan"]).expect(0).json();
    assert_eq!(seen["overdue"], 4);
    assert_eq!(seen["scan"]["rules"][0]["due"], 4);
    project.sql("shop.db", "DELETE FROM visits WHERE seen_at < '2021'");
    let page = project.run(&["scan"]).expect(0).stdout;
    assert!(page.contains("nothing is beyond its time"), "{page}");
    assert_eq!(project.sql("state/ledger.db", "SELECT count(*) FROM scan"), "2");
}
