//! Kills over a bucket: the real process dies by SIGKILL at named points and at random times, again while it
//! resumes, and what is left in the end must be what an undisturbed run leaves.
//!
//! `OUBLIETTE_KILLS=200` asks for more kills than the usual run of the tests makes.

use super::{DATA_MAP, commitments, number};
use crate::buckets::place::{Line, Place, is_past, rule, server, year};
use crate::support::Project;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const POINTS: &[&str] = &[
    "after-begin-run",
    "before-intent",
    "after-intent",
    "after-unlink",
    "before-sync",
    "after-dispose",
    "before-prove",
    "after-prove",
    "before-statement",
    "after-statement",
    "after-publish",
    "after-certified",
];
const HITS: &[u64] = &[1, 2, 3, 5, 8];
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(90);

/// A filled place, what must go of it and what must stay.
pub(super) struct Story {
    pub(super) place: Place,
    pub(super) go: BTreeSet<Line>,
    pub(super) stay: BTreeSet<Line>,
}

impl Story {
    pub(super) fn tell() -> Self {
        let place = Place::new(false);
        let keys: Vec<String> = (0..26)
            .map(|at| format!("receipts/{}/0{}/{}/file {at}+é", year(at), 1 + at % 3, at % 5))
            .collect();
        let lines: Vec<Line> = (0..2).flat_map(|_| place.put_all(&keys)).collect();
        let is_due = |key: &str| {
            let parts: Vec<&str> = key.split('/').collect();
            is_past(parts[1].parse().unwrap()) && parts[3] != "3"
        };
        let (mut go, mut stay): (BTreeSet<Line>, BTreeSet<Line>) =
            lines.into_iter().partition(|(key, _)| is_due(key));
        for key in keys.iter().step_by(4) {
            let marker = place.hide(key);
            if is_due(key) {
                go.insert(marker)
            } else {
                stay.insert(marker)
            };
        }
        go.insert(place.begin_upload("receipts/2017/01/1/unfinished"));
        stay.insert(place.put("others/2017/01/1/x", "x"));
        Self { place, go, stay }
    }

    pub(super) fn project(&self, endpoint: &str) -> Project {
        let project = self.place.project(endpoint, "", DATA_MAP, &rule("receipt"));
        let hold =
            ["hold", "add", "--subject", "customer_id=3", "--matter", "m", "--reason", "r", "--owner", "o"];
        project.run(&hold).expect(0);
        project
    }

    /// Everything that is not as it must be after one run came to its end.
    pub(super) fn faults(&self, project: &Project) -> Vec<String> {
        let mut faults = Vec::new();
        let left = self.place.lines();
        if left != self.stay {
            let lost = self.stay.difference(&left).count();
            let there = left.difference(&self.stay).count();
            faults
                .push(format!("I1, I3, I4: {lost} that must stay are gone, {there} that must go are there"));
        }
        let archive = project.path("certificates");
        let verified = project.run(&[
            "--format",
            "json",
            "verify",
            archive.to_str().unwrap(),
            "--trust-root",
            "trust-root.json",
        ]);
        if verified.code != Some(0) {
            faults.push(format!("the archive does not verify: {}{}", verified.stdout, verified.stderr));
            return faults;
        }
        let certificates = verified.json()["certificates"].clone();
        let ids: Vec<String> = certificates
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["certificate_id"].as_str().map(str::to_owned))
            .collect();
        let mut stated = 0;
        let mut known = BTreeSet::new();
        for id in &ids {
            let [own, all] = commitments(project, id, &self.place, &self.go);
            stated += own.len();
            // Of the lines that went, those that this certificate commits to.
            let own: BTreeSet<[u8; 32]> = own.into_iter().collect();
            let all: BTreeSet<[u8; 32]> = all.into_iter().collect();
            if !own.is_subset(&all) {
                faults.push("I2: a certificate claims what did not go".to_owned());
            }
            for line in &self.go {
                let [_, one] = commitments(project, id, &self.place, &BTreeSet::from([line.clone()]));
                if own.contains(&one[0]) && !known.insert(line.clone()) {
                    faults.push("I2: a record stands on two certificates".to_owned());
                }
            }
        }
        if stated != self.go.len() || known.len() != self.go.len() {
            faults.push(format!(
                "I2: {} went, {stated} are stated on {} certificates",
                self.go.len(),
                ids.len()
            ));
        }
        faults
    }
}

/// A small generator of numbers (splitmix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// `None` if it was killed.
fn run(
    project: &Project,
    resume: bool,
    point: Option<(&str, u64)>,
    after: Option<Duration>,
) -> Option<(i32, String)> {
    let arguments: &[&str] = if resume { &["apply", "--resume"] } else { &["apply", "latest"] };
    let mut command = project.command(arguments);
    command
        .env("OUBLIETTE_BATCH_RECORDS", "5")
        .env("OUBLIETTE_SETTLE_MS", "400")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some((point, hit)) = point {
        command.env("OUBLIETTE_FAILPOINT", format!("{point}:{hit}"));
    }
    let mut child = command.spawn().unwrap();
    if let Some(after) = after {
        thread::sleep(after);
        child.kill().unwrap();
    }
    let began = Instant::now();
    let mut hangs = false;
    while !hangs && child.try_wait().unwrap().is_none() {
        hangs = began.elapsed() > PATIENCE;
        thread::sleep(Duration::from_millis(5));
    }
    if hangs {
        child.kill().unwrap();
    }
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
    if hangs {
        return Some((-1, format!("it hung, and had said: {said}")));
    }
    if ended.status.signal() == Some(9) {
        return None;
    }
    Some((ended.status.code().unwrap_or(-1), said))
}

/// Kills of one story, and what was not as it must be.
fn trial(number: usize) -> (usize, Vec<String>) {
    let mut numbers = Numbers(number as u64 + 7_391);
    let story = Story::tell();
    let project = story.project(&server().0);
    project.approved();
    let (mut kills, mut resume) = (0, false);
    for attempt in 0..8 {
        let is_killed = attempt == 0 || (attempt < 5 && numbers.below(3) == 0);
        let point = (is_killed && number.is_multiple_of(2) && attempt == 0)
            .then(|| (POINTS[number / 2 % POINTS.len()], HITS[number / 2 / POINTS.len() % HITS.len()]));
        let after = (is_killed && point.is_none()).then(|| Duration::from_millis(50 + numbers.below(1_500)));
        match run(&project, resume, point, after) {
            None => {
                kills += 1;
                resume = true;
            }
            Some((0, _)) => return (kills, story.faults(&project)),
            Some((_, said)) if said.contains("no run was interrupted") => resume = false,
            Some((_, said)) if said.contains("carried out already") => {
                return (kills, story.faults(&project));
            }
            Some((code, said)) => return (kills, vec![format!("ended with {code}: {said}")]),
        }
    }
    (kills, vec!["never came to an end".to_owned()])
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_over_a_bucket_the_end_is_that_of_an_undisturbed_run() {
    let wanted = number("OUBLIETTE_KILLS", 24);
    let (next, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let violations = Mutex::new(Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while kills.load(Ordering::SeqCst) < wanted {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    assert!(number < wanted * 3 + 30, "most trials end before they are killed");
                    let (own, faults) = trial(number);
                    kills.fetch_add(own, Ordering::SeqCst);
                    violations
                        .lock()
                        .unwrap()
                        .extend(faults.into_iter().map(|one| format!("trial {number}: {one}")));
                }
            });
        }
    });
    let violations = violations.into_inner().unwrap();
    eprintln!(
        "kills: {}, trials: {}, seconds: {}, violations: {}",
        kills.into_inner(),
        next.into_inner(),
        began.elapsed().as_secs(),
        violations.len()
    );
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
