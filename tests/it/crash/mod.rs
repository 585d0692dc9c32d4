//! Kills: the real process dies by SIGKILL at named points and at random times while it applies a
//! plan, again while it resumes, and what is left in the end must be what an undisturbed run leaves.
//!
//! `OUBLIETTE_KILLS=500` asks for more kills than the usual run of the tests makes; `OUBLIETTE_SEED`
//! repeats a series.

mod account;
mod beside;
mod lost;
mod reuse;
mod servers;
mod story;
mod writer;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use story::Story;

use crate::support::Project;
use crate::support::server::Server;

/// Every named point, in the order of a run.
const POINTS: &[&str] = &[
    "before-begin-run",
    "after-begin-run",
    "after-tiles",
    "after-checkpoint",
    "after-intent-published",
    "before-intent",
    "after-intent",
    "after-dependents",
    "before-commit",
    "after-commit",
    "after-unlink",
    "before-sync",
    "after-dispose",
    "before-prove",
    "after-prove",
    "before-statement",
    "after-statement",
    "after-envelope",
    "before-proof",
    "after-publish",
    "after-certified",
    "before-destroy",
    "after-destroy",
];

/// The hit at which a point kills: the first ones, and some in the middle of the run.
const HITS: &[u64] = &[1, 2, 3, 5, 8, 13, 21, 34, 45];

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A small generator of numbers that are the same in every series (splitmix64, Steele et al. 2014).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit.max(1))).unwrap()
    }

    /// Up to so many thousandths of a time.
    fn share_of(&mut self, whole: Duration, thousandths_max: u32) -> Duration {
        whole * self.below(thousandths_max) / 1_000
    }
}

/// How one process is killed.
#[derive(Debug, Clone)]
enum Kill {
    AtPoint(&'static str, u64),
    After(Duration),
}

/// What one process came to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Killed,
    Ended(i32, String),
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_and_resumed_the_end_is_that_of_an_undisturbed_run() {
    let stories = [Story::tell("WAL"), Story::tell("WAL"), Story::tell("DELETE")];
    series(&stories, number("OUBLIETTE_KILLS", 150));
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_over_postgres_the_end_is_that_of_an_undisturbed_run() {
    let stories = [Story::tell_on(Server::Postgres, 1), Story::tell_on(Server::Postgres, 2)];
    series(&stories, number("OUBLIETTE_KILLS", 60));
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_over_mariadb_the_end_is_that_of_an_undisturbed_run() {
    let stories = [Story::tell_on(Server::Mysql, 1), Story::tell_on(Server::Mysql, 2)];
    series(&stories, number("OUBLIETTE_KILLS", 60));
}

/// Kills until there were as many as wanted, over these stories in turn, and prints the figures.
fn series(stories: &[Story], wanted: u64) {
    let seed = number("OUBLIETTE_SEED", 7_391);
    let (trial, kills, reached) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    let violations = Mutex::new(Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while kills.load(Ordering::SeqCst) < wanted {
                    let number = trial.fetch_add(1, Ordering::SeqCst);
                    assert!(number < wanted * 3 + 50, "most trials end before they are killed");
                    let story = &stories[usize::try_from(number).unwrap() % stories.len()];
                    let told = one_trial(story, number, seed);
                    let before = kills.fetch_add(told.kills, Ordering::SeqCst);
                    if before / 50 != (before + told.kills) / 50 {
                        report(&format!("{} kills in {} s", before + told.kills, began.elapsed().as_secs()));
                    }
                    reached.lock().unwrap().extend(told.points);
                    violations.lock().unwrap().extend(told.violations);
                }
            });
        }
    });
    let (trials, kills) = (trial.into_inner(), kills.into_inner());
    let violations = violations.into_inner().unwrap();
    report(&format!(
        "kills: {kills}, trials: {trials}, seconds: {}, violations: {}",
        began.elapsed().as_secs(),
        violations.len()
    ));
    assert!(violations.is_empty(), "seed {seed}:\n{}", violations.join("\n"));
    let reached = reached.into_inner().unwrap();
    let never: Vec<&&str> = POINTS.iter().filter(|point| !reached.contains(*point)).collect();
    assert!(never.is_empty() || wanted < 100, "no process was ever killed at {never:?}");
}

/// Past the capture of the test harness: the figure is part of what this test is for.
fn report(line: &str) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}

/// What one trial came to.
#[derive(Debug, Default)]
struct Told {
    kills: u64,
    points: Vec<&'static str>,
    violations: Vec<String>,
}

fn one_trial(story: &Story, number: u64, seed: u64) -> Told {
    let mut numbers = Numbers(seed ^ number.wrapping_mul(0x1000_0000_01B3));
    let project = story.project.copy();
    // Not in the copied shop: a copied file is newer than a plan made before, and is kept therefore.
    project.approved();
    let first = if number.is_multiple_of(2) {
        let turn = usize::try_from(number / 2).unwrap();
        Kill::AtPoint(POINTS[turn % POINTS.len()], HITS[(turn / POINTS.len()) % HITS.len()])
    } else {
        Kill::After(numbers.share_of(story.took, 1_000))
    };
    let mut told = Told::default();
    let mut deaths = vec![format!("{first:?}")];
    let mut kill = Some(first);
    let mut resume = false;
    for attempt in 0..8 {
        let end = run(&project, resume, kill.as_ref());
        match (&end, &kill) {
            (End::Killed, Some(Kill::AtPoint(point, _))) => told.points.push(*point),
            (End::Killed, Some(Kill::After(_))) => {}
            (End::Killed, None) => told.violations.push(format!("trial {number}: killed by somebody else")),
            (End::Ended(0, _), _) => {
                told.violations.extend(
                    story
                        .faults(&project)
                        .into_iter()
                        .map(|fault| format!("trial {number} ({}): {fault}", deaths.join(", "))),
                );
                return told;
            }
            // It died before the run began, or after it was certified.
            (End::Ended(_, said), _) if said.contains("no run was interrupted") => resume = false,
            (End::Ended(_, said), _) if said.contains("carried out already") => {
                told.violations.extend(
                    story
                        .faults(&project)
                        .into_iter()
                        .map(|fault| format!("trial {number} ({}; certified): {fault}", deaths.join(", "))),
                );
                return told;
            }
            (End::Ended(code, said), _) => {
                told.violations
                    .push(format!("trial {number} ({}): ended with {code}: {said}", deaths.join(", ")));
                return told;
            }
        }
        if end == End::Killed {
            told.kills += 1;
            resume = true;
        }
        // A third of those that go on are killed again.
        kill = (attempt < 5 && numbers.below(3) == 0).then(|| Kill::After(numbers.share_of(story.took, 700)));
        deaths.extend(kill.iter().map(|kill| format!("{kill:?}")));
    }
    told.violations.push(format!("trial {number} ({}): never came to an end", deaths.join(", ")));
    told
}

fn run(project: &Project, resume: bool, kill: Option<&Kill>) -> End {
    let arguments: &[&str] = if resume { &["apply", "--resume"] } else { &["apply", "latest"] };
    let mut command = project.command(arguments);
    command
        .env("OUBLIETTE_BATCH_RECORDS", story::BATCH_RECORDS)
        .env("OUBLIETTE_IGNORE_PRESSURE", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(Kill::AtPoint(point, hit)) = kill {
        command.env("OUBLIETTE_FAILPOINT", format!("{point}:{hit}"));
    }
    let mut child = command.spawn().unwrap();
    if let Some(Kill::After(pause)) = kill {
        thread::sleep(*pause);
        child.kill().unwrap();
    }
    end_of(&mut child)
}

fn end_of(child: &mut Child) -> End {
    use std::io::Read as _;
    let began = Instant::now();
    let mut hangs = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            hangs = true;
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        thread::sleep(Duration::from_millis(3));
    };
    if status.signal() == Some(9) && !hangs {
        return End::Killed;
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    if hangs {
        return End::Ended(-1, format!("it hung, and had said: {said}"));
    }
    End::Ended(status.code().unwrap_or(-1), said)
}
