//! The server itself is killed, or the connections to it, while a plan is applied: the run goes on by itself
//! or is resumed, and what is left in the end must be what an undisturbed run leaves.
//!
//! These tests start servers of their own, which nobody else uses.

use super::story::{self, Story};
use super::{End, Numbers, end_of, number, report};
use crate::support::Project;
use crate::support::server::{Database, Server};
use crate::tidy::root;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// One server that may be killed.
struct Victim {
    server: Server,
    directory: TempDir,
}

impl Victim {
    fn start(server: Server) -> Self {
        let directory = TempDir::new().unwrap();
        // The server's own user must reach it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let victim = Self { server, directory };
        victim.script("start");
        victim
    }

    fn run_directory(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    fn script(&self, action: &str) {
        let done = Command::new(root().join("scripts/servers"))
            .arg(action)
            .arg(self.run_directory())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "scripts/servers {action}");
    }

    fn administrator(&self) -> String {
        let variable = match self.server {
            Server::Postgres => "OUBLIETTE_TEST_POSTGRES=",
            Server::Mysql => "OUBLIETTE_TEST_MYSQL=",
        };
        let env = std::fs::read_to_string(self.run_directory().join("env")).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable));
        line.expect("the server of this test is installed: run ./scripts/test").to_owned()
    }

    /// Ends the server at once and starts it again.
    fn crash(&self) {
        self.script(match self.server {
            Server::Postgres => "crash-postgres",
            Server::Mysql => "crash-mysql",
        });
    }

    /// Ends every session on the project's database.
    fn cut(&self, project: &Project) {
        let database = project.database.as_ref().unwrap();
        match self.server {
            Server::Postgres => {
                database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid();",
                );
            }
            Server::Mysql => {
                let sessions = database.sql(
                    "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id();",
                );
                for id in sessions.lines() {
                    // It may have ended by itself.
                    let _gone = database.try_sql(&format!("KILL {id};"));
                }
            }
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.script("stop");
    }
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_postgres_server_that_dies_or_hangs_up_loses_nothing() {
    series(Server::Postgres);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_mariadb_server_that_dies_or_hangs_up_loses_nothing() {
    series(Server::Mysql);
}

fn series(server: Server) {
    let wanted = number("OUBLIETTE_SERVER_KILLS", 20);
    let seed = number("OUBLIETTE_SEED", 4_217);
    let victim = Victim::start(server);
    let story = Story::tell_at(Database::at(server, victim.administrator()), 2);
    let began = Instant::now();
    let (mut kills, mut trials) = (0, 0);
    let mut violations = Vec::new();
    while kills < wanted {
        trials += 1;
        assert!(trials < wanted * 4 + 20, "most runs end before anything happens to them");
        let told = one_trial(&victim, &story, trials, seed);
        kills += told.0;
        violations.extend(told.1);
    }
    report(&format!(
        "{server:?}: {kills} kills of servers and connections, trials: {trials}, seconds: {}, violations: {}",
        began.elapsed().as_secs(),
        violations.len()
    ));
    assert!(violations.is_empty(), "seed {seed}:\n{}", violations.join("\n"));
}

fn one_trial(victim: &Victim, story: &Story, trial: u64, seed: u64) -> (u64, Vec<String>) {
    let mut numbers = Numbers(seed ^ trial.wrapping_mul(0x1000_0000_01B3));
    let project = story.project.copy();
    project.approved();
    let (mut kills, mut resume) = (0, false);
    let mut said_before = Vec::new();
    for attempt in 0..8 {
        let arguments: &[&str] = if resume { &["apply", "--resume"] } else { &["apply", "latest"] };
        let mut command = project.command(arguments);
        command
            .env("OUBLIETTE_BATCH_RECORDS", story::BATCH_RECORDS)
            .env("OUBLIETTE_IGNORE_PRESSURE", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        thread::sleep(numbers.share_of(story.took, 1_100));
        // The last attempts are left alone.
        if attempt < 4 && child.try_wait().unwrap().is_none() {
            if numbers.below(2) == 0 {
                victim.crash();
            } else {
                victim.cut(&project);
            }
            kills += 1;
        }
        match end_of(&mut child) {
            End::Ended(0, _) => return (kills, faults(story, &project, trial, &said_before)),
            End::Ended(_, said) if said.contains("carried out already") => {
                return (kills, faults(story, &project, trial, &said_before));
            }
            End::Ended(_, said) if said.contains("no run was interrupted") => resume = false,
            // Certified as far as it came: that must not happen to a server that comes back.
            End::Ended(3, said) if said.contains("Certificate ") => {
                return (kills, vec![format!("trial {trial}: finished in part: {said}")]);
            }
            End::Ended(code, said) => {
                said_before.push(format!("{code}: {said}"));
                resume = true;
            }
            End::Killed => return (kills, vec![format!("trial {trial}: killed by somebody else")]),
        }
        thread::sleep(Duration::from_millis(200));
    }
    (kills, vec![format!("trial {trial}: never came to an end: {}", said_before.join("; "))])
}

fn faults(story: &Story, project: &Project, trial: u64, said: &[String]) -> Vec<String> {
    let faults = story.faults(project);
    faults.into_iter().map(|fault| format!("trial {trial}: {fault} ({})", said.join("; "))).collect()
}
