//! Several real daemons on one ledger, each with lines of its own to the servers, and what befalls them: they
//! are killed, paused, and cut off.

use super::binary::Running;
use super::chance::Chance;
use crate::support::Project;
use crate::support::proxy::Proxy;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::File;
use std::thread::sleep;
use std::time::Duration;

/// For tests: a daemon that died is replaced in seconds.
const LEASE_SECONDS: &str = "8";
const HOST: &str = "127.0.0.1:";
/// What is due and not gone yet, at most, when more comes: a slow machine works on less, and comes to an end.
pub(super) const BACKLOG_MAX: u64 = 300;

/// One daemon.
struct Member {
    number: usize,
    running: Running,
    /// To each server.
    lines: Vec<Proxy>,
}

pub(super) struct Fleet {
    pub(super) project: Project,
    members: Vec<Member>,
    /// This one is never killed.
    steady: Option<usize>,
    chance: Chance,
    /// What befell them, and how often.
    pub(super) befell: BTreeMap<&'static str, u64>,
}

impl Fleet {
    /// So many daemons. Where the servers are the environment of the project says: a standing approval binds
    /// what the settings say, which is the same for all.
    pub(super) fn start(project: Project, count: usize, seed: u64) -> Self {
        let member = |number: usize| {
            let lines: Vec<Proxy> =
                project.environment.iter().map(|(_, way)| Proxy::to(port_of(way))).collect();
            let running = begin(&project, number, &lines);
            Member { number, running, lines }
        };
        let members = (0..count).map(member).collect();
        Self { project, members, steady: None, chance: Chance::new(seed), befell: BTreeMap::new() }
    }

    /// The first one is never killed: what it needs is looked at over the whole time.
    pub(super) fn steady(mut self) -> Self {
        self.steady = Some(0);
        self
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    fn milliseconds(&mut self, least: u64, more: u64) -> Duration {
        Duration::from_millis(least + self.chance.below(more))
    }

    /// One thing befalls one of them.
    pub(super) fn disturb(&mut self) {
        let one = usize::try_from(self.chance.below(self.members.len() as u64)).unwrap();
        let line = usize::try_from(self.chance.below(self.members[one].lines.len() as u64)).unwrap();
        let what = match self.chance.below(8) {
            0..=2 if self.steady != Some(one) => self.kill(one),
            0..=3 => self.pause(one),
            4 => {
                self.members[one].lines[line].cut();
                "cut off"
            }
            5 => {
                self.members[one].lines[line].lose();
                "lost at one end"
            }
            6 => self.hold(one, &[line]),
            _ => {
                let all: Vec<usize> = (0..self.members[one].lines.len()).collect();
                self.hold(one, &all)
            }
        };
        *self.befell.entry(what).or_default() += 1;
    }

    fn kill(&mut self, one: usize) -> &'static str {
        // Dropped first, which kills it.
        let member = &mut self.members[one];
        member.running.kill();
        member.running = begin(&self.project, member.number, &member.lines);
        "killed"
    }

    /// Longer than the lease, or shorter.
    fn pause(&mut self, one: usize) -> &'static str {
        self.members[one].running.signal(Signal::STOP);
        sleep(self.milliseconds(500, 12_000));
        self.members[one].running.signal(Signal::CONT);
        "paused"
    }

    /// Nothing arrives for a while, and then all of it, late.
    fn hold(&mut self, one: usize, lines: &[usize]) -> &'static str {
        let hold = |held: bool| lines.iter().for_each(|line| self.members[one].lines[*line].hold(held));
        hold(true);
        let pause = Duration::from_millis(500) + Duration::from_millis(self.chance.below(12_000));
        sleep(pause);
        hold(false);
        if lines.len() > 1 { "all held up" } else { "held up" }
    }

    /// Resident memory in KiB and open files of the one that is never killed.
    pub(super) fn needs(&self) -> (u64, u64) {
        self.members[self.steady.unwrap()].running.needs()
    }

    /// Every one of them ends as asked.
    pub(super) fn end(&mut self) {
        for member in &self.members {
            member.running.signal(Signal::TERM);
        }
        for member in &mut self.members {
            let status = member.running.ended();
            assert_eq!(status.code(), Some(0), "daemon {}", member.number);
        }
    }
}

/// The port in an address of this machine.
fn port_of(address: &str) -> u16 {
    let (_, rest) = address.split_once(HOST).unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}

/// `OUBLIETTE_DAEMON_LOGS` names a directory in which what they say is kept.
fn begin(project: &Project, number: usize, lines: &[Proxy]) -> Running {
    let mut command = project.command(&["--log", "info", "daemon"]);
    for ((name, way), line) in project.environment.iter().zip(lines) {
        command.env(name, way.replace(&format!("{HOST}{}", port_of(way)), &format!("{HOST}{}", line.port)));
    }
    command.env("OUBLIETTE_LEASE_SECONDS", LEASE_SECONDS).env("OUBLIETTE_BATCH_RECORDS", "7");
    let Ok(logs) = std::env::var("OUBLIETTE_DAEMON_LOGS") else { return Running::start(command) };
    let path = std::path::Path::new(&logs).join(format!("daemon-{number}.log"));
    let log: File = File::options().create(true).append(true).open(path).unwrap();
    Running::logging(command, log)
}
