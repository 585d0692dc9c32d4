//! The server itself is killed, or the connections to it, or our process, while a plan is applied and a
//! foreign writer works on the same tables: the run goes on by itself or is resumed, and in the end every
//! row is accounted for.
//!
//! `OUBLIETTE_SERVER_KILLS=500` asks for more kills than the usual run of the tests makes. These tests start
//! servers of their own, which nobody else uses.

use super::beside;
use super::story::{self, Story};
use super::writer::ForeignWriter;
use super::{End, Numbers, end_of, number, report};
use crate::support::Project;
use crate::support::proxy::Proxy;
use crate::support::server::{Database, Server};
use crate::support::victim::Victim;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Kills in the life of one process, at most.
const KILLS_PER_PROCESS: u32 = 3;
/// Times that a project is applied or resumed before it must have come to its end.
const PROCESSES_MAX: u32 = 10;
/// Of one trial.
const VIOLATIONS_TOLD_MAX: usize = 5;
/// The last ones are left alone.
const PROCESSES_KILLED_MAX: u32 = 5;

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_postgres_server_that_dies_or_hangs_up_loses_nothing_beside_a_foreign_writer() {
    series(Server::Postgres);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_mariadb_server_that_dies_or_hangs_up_loses_nothing_beside_a_foreign_writer() {
    series(Server::Mysql);
}

/// The server and the way to it.
struct Scene {
    victim: Victim,
    proxy: Proxy,
    story: Story,
}

/// What one trial came to.
#[derive(Debug, Default)]
struct Told {
    kills: BTreeMap<&'static str, u64>,
    changes: usize,
    removals: usize,
    in_part: u64,
    taken_up: u64,
    violations: Vec<String>,
}

impl Told {
    fn add(&mut self, other: Self) {
        for (kind, count) in other.kills {
            *self.kills.entry(kind).or_default() += count;
        }
        self.changes += other.changes;
        self.removals += other.removals;
        self.in_part += other.in_part;
        self.taken_up += other.taken_up;
        self.violations.extend(other.violations);
    }

    fn all_kills(&self) -> u64 {
        self.kills.values().sum()
    }
}

fn series(server: Server) {
    let wanted = number("OUBLIETTE_SERVER_KILLS", 20);
    let seed = number("OUBLIETTE_SEED", 4_217);
    let victim = Victim::start(server);
    let proxy = Proxy::to(victim.port());
    let story = Story::tell_beside(Database::at(server, victim.administrator()));
    let scene = Scene { victim, proxy, story };
    let began = Instant::now();
    let (mut sum, mut trials) = (Told::default(), 0);
    while sum.all_kills() < wanted {
        trials += 1;
        assert!(trials < wanted * 4 + 20, "most runs end before anything happens to them");
        let told = one_trial(&scene, trials, seed);
        for violation in &told.violations {
            report(&format!("VIOLATION: {violation}"));
        }
        sum.add(told);
        if trials % 20 == 0 {
            report(&format!("{server:?}: {} kills in {} s", sum.all_kills(), began.elapsed().as_secs()));
        }
    }
    report(&format!(
        "{server:?}: {} kills {:?}, trials: {trials}, seconds: {}, foreign changes: {}, rows removed: {}, keys taken up again before they were looked up: {}, finished in part: {}, violations: {}",
        sum.all_kills(),
        sum.kills,
        began.elapsed().as_secs(),
        sum.changes,
        sum.removals,
        sum.taken_up,
        sum.in_part,
        sum.violations.len()
    ));
    assert!(sum.violations.is_empty(), "seed {seed}:\n{}", sum.violations.join("\n"));
    assert!(sum.changes > 0 && sum.removals > 0, "{sum:?}");
}

fn one_trial(scene: &Scene, trial: u64, seed: u64) -> Told {
    let mut numbers = Numbers(seed ^ trial.wrapping_mul(0x1000_0000_01B3));
    let project = scene.story.project.copy();
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    let (direct, around) = (format!(":{}/", scene.victim.port()), format!(":{}/", scene.proxy.port));
    assert!(settings.contains(&direct));
    project.write("oubliette.yaml", &settings.replace(&direct, &around));
    project.approved();
    let (mut told, mut said, mut writer) = (Told::default(), Vec::new(), None);
    let mut resume = false;
    for process in 0..PROCESSES_MAX {
        let mut child = apply(&project, resume);
        if writer.is_none() && begun(&project, &mut child) {
            writer = Some(ForeignWriter::start(project.database.as_ref().unwrap(), numbers.next()));
        }
        let wanted = if process < PROCESSES_KILLED_MAX { 1 + numbers.below(KILLS_PER_PROCESS) } else { 0 };
        for _ in 0..wanted {
            thread::sleep(numbers.share_of(scene.story.took, 600));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            let kind = kill(scene, &project, &mut child, numbers.below(6));
            *told.kills.entry(kind).or_default() += 1;
        }
        let end = end_of(&mut child);
        scene.proxy.cut();
        match end {
            End::Killed => resume = true,
            End::Ended(0 | 3, text) if text.contains("Certificate ") => {
                said.push(text);
                return account(scene, &project, (trial, &said), writer, told);
            }
            End::Ended(_, text) if text.contains("carried out already") => {
                return account(scene, &project, (trial, &said), writer, told);
            }
            End::Ended(_, text) if text.contains("no run was interrupted") => resume = false,
            End::Ended(code, text) => {
                said.push(format!("{code}: {text}"));
                resume = true;
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    told.violations.push(format!("trial {trial}: never came to an end: {}", said.join("; ")));
    told
}

fn apply(project: &Project, resume: bool) -> Child {
    let arguments: &[&str] = if resume { &["apply", "--resume"] } else { &["apply", "latest"] };
    project
        .command(arguments)
        .env("OUBLIETTE_BATCH_RECORDS", story::BATCH_RECORDS)
        .env("OUBLIETTE_IGNORE_PRESSURE", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the run has begun: before, a writer would make the plan stale, as it should.
fn begun(project: &Project, child: &mut Child) -> bool {
    while child.try_wait().unwrap().is_none() {
        if project.sql("state/ledger.db", "SELECT count(*) FROM run;") != "0" {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    project.sql("state/ledger.db", "SELECT count(*) FROM run;") != "0"
}

fn kill(scene: &Scene, project: &Project, child: &mut Child, kind: u32) -> &'static str {
    match kind {
        0 | 1 => {
            scene.victim.crash();
            "server killed"
        }
        2 => {
            scene.victim.cut(project);
            "sessions ended"
        }
        3 => {
            scene.proxy.cut();
            "connections cut"
        }
        4 => {
            scene.proxy.lose();
            "connections lost at one end"
        }
        _ => {
            child.kill().unwrap();
            "process killed"
        }
    }
}

fn account(
    scene: &Scene,
    project: &Project,
    (trial, said): (u64, &[String]),
    writer: Option<ForeignWriter>,
    mut told: Told,
) -> Told {
    if let Some(writer) = writer {
        writer.stop();
    }
    let found = beside::account(&scene.story, project);
    told.changes = found.account.changes;
    told.removals = found.account.removals.len();
    told.in_part = u64::from(found.in_part);
    told.taken_up = found.taken_up;
    let kills = &told.kills;
    told.violations = found
        .faults
        .into_iter()
        .take(VIOLATIONS_TOLD_MAX)
        .map(|fault| format!("trial {trial} ({kills:?}): {fault} ({})", said.join("; ")))
        .collect();
    told
}
