//! A request over three databases and a bucket that is interrupted again and again: the process is killed at named
//! points and at random times, connections are cut, a store is away. In the end everything is as after a run that
//! nobody disturbed, every record stands on one certificate, and nothing of the person was forgotten on the way.
//!
//! `OUBLIETTE_TEST_REQUEST_KILLS=300` asks for more interruptions than the usual run of the tests makes.

use super::everywhere::{Everywhere, changes};
use super::{erased, state, verified};
use crate::support::{Project, plan_id};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

const KILLS: usize = 4;
const KILLS_VARIABLE: &str = "OUBLIETTE_TEST_REQUEST_KILLS";

const POINTS: [&str; 12] = [
    "after-begin-run",
    "after-intent-published",
    "before-intent",
    "after-intent",
    "before-commit",
    "after-commit",
    "after-dispose",
    "before-prove",
    "after-prove",
    "before-statement",
    "after-statement",
    "after-publish",
];
const HITS: [u64; 4] = [1, 2, 4, 7];
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Splitmix64 (Steele et al. 2014).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// How one attempt is disturbed.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// SIGKILL where the program says that it is.
    AtPoint(&'static str, u64),
    /// SIGKILL after so many milliseconds.
    After(u64),
    /// Every connection to both servers is cut, again and again for so many milliseconds.
    Cut(u64),
    /// The file of one database is not there.
    Away,
}

fn fault(trial: usize, attempt: usize, numbers: &mut Numbers) -> Fault {
    if attempt == 0 && trial.is_multiple_of(2) {
        let point = trial / 2;
        return Fault::AtPoint(POINTS[point % POINTS.len()], HITS[point / POINTS.len() % HITS.len()]);
    }
    match numbers.below(6) {
        0 => Fault::Cut(300 + numbers.below(1_500)),
        1 => Fault::Away,
        _ => Fault::After(50 + numbers.below(1_200)),
    }
}

fn cut(all: &Everywhere) {
    let [postgres, mysql] = &all.servers;
    // What is cut while it looks for what to cut has done its work.
    let _gone = postgres.try_sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid();",
    );
    let killing = mysql.try_sql(
        "SELECT group_concat(concat('KILL ', id) SEPARATOR ';') FROM information_schema.processlist
         WHERE db = database() AND id <> connection_id();",
    );
    for one in killing.unwrap_or_default().split(';').filter(|one| one.starts_with("KILL")) {
        let _gone = mysql.try_sql(&format!("{one};"));
    }
}

/// Runs a command of the program under a fault: whether it was killed, or what it said.
fn disturbed(all: &Everywhere, arguments: &[&str], fault: Option<Fault>) -> Result<(i32, String), ()> {
    let mut command = all.project.command(arguments);
    command.env("OUBLIETTE_BATCH_RECORDS", "1").env("OUBLIETTE_SETTLE_MS", "400");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(Fault::AtPoint(point, hit)) = fault {
        command.env("OUBLIETTE_FAILPOINT", format!("{point}:{hit}"));
    }
    let (there, away) = (all.project.path("lite.db"), all.project.path("away"));
    let is_away = matches!(fault, Some(Fault::Away));
    if is_away {
        fs::rename(&there, &away).unwrap();
    }
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    loop {
        match fault {
            Some(Fault::After(wait)) if began.elapsed() >= Duration::from_millis(wait) => {
                let _ended_before = child.kill();
            }
            Some(Fault::Cut(wait)) if began.elapsed() < Duration::from_millis(wait) => cut(all),
            _ => {}
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{arguments:?} hangs under {fault:?}");
        thread::sleep(Duration::from_millis(5));
    }
    if is_away {
        fs::rename(&away, &there).unwrap();
    }
    let ended = child.wait_with_output().unwrap();
    if ended.status.signal() == Some(9) {
        return Err(());
    }
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    Ok((ended.status.code().unwrap(), said))
}

fn open_runs(project: &Project) -> usize {
    let status = project.run(&["--format", "json", "status"]).expect(0).json();
    status["open_runs"].as_array().unwrap().len()
}

/// Commitments of all certificates, and how many of them are different ones.
fn stated(project: &Project) -> (usize, usize) {
    let verified = ["--format", "json", "verify", "certificates", "--trust-root", "trust-root.json"];
    let verified = project.run(&verified).expect(0).json();
    let ids = verified["certificates"].as_array().unwrap().iter();
    let (mut all, mut records) = (0, 0);
    for id in ids.filter_map(|one| one["certificate_id"].as_str()) {
        let bytes =
            fs::read(project.path(&format!("sealed/{id}/record-commitments.bin"))).unwrap_or_default();
        let own: BTreeSet<&[u8; 32]> = bytes.as_chunks::<32>().0.iter().collect();
        all += bytes.len() / 32;
        records += own.len();
    }
    (all, records)
}

/// Disturbances of one request until its end; how many there were.
fn trial(number: usize, whole: &[Vec<String>; 2], expected: &(usize, usize)) -> usize {
    let mut numbers = Numbers(number as u64 + 9_173);
    let all = Everywhere::issued(RECENT);
    let (project, before) = (&all.project, all.dump());
    let request = verified(project, "email=jo@example.org", &[]);
    let mut faults = 0;
    let mut story = Vec::new();
    // A run that ended in part leaves something to another plan.
    for plan_number in 0..8 {
        let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
        let plan = plan_id(&plan);
        project.run(&["approve", &plan, "--as", "dpo"]).expect(0);
        let mut resumes = false;
        for attempt in 0..12 {
            let is_disturbed = plan_number == 0 && attempt == 0 || faults < 5 && numbers.below(3) == 0;
            let fault = is_disturbed.then(|| fault(number, attempt, &mut numbers));
            let arguments: &[&str] = if resumes { &["apply", "--resume"] } else { &["apply", &plan] };
            let said = disturbed(&all, arguments, fault);
            story.push(format!("{arguments:?} under {fault:?}: {said:?}"));
            faults += usize::from(is_disturbed);
            if said.is_ok() && open_runs(project) == 0 && state(project, &request) != "planned" {
                break;
            }
            resumes = open_runs(project) > 0;
            assert!(attempt < 11, "trial {number} does not end: {story:#?}");
        }
        if state(project, &request) == "waiting" {
            break;
        }
        assert_eq!(state(project, &request), "partial", "trial {number}: {story:#?}");
    }
    assert_eq!(state(project, &request), "waiting", "trial {number}: {story:#?}");
    assert_eq!(changes(&before, &all.dump()), *whole, "trial {number}: {story:#?}");
    assert_eq!(stated(project), *expected, "trial {number}: {story:#?}");
    faults
}

/// Its duty goes on for years.
const RECENT: &str = "2025-05-01 00:00:00";

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_request_over_four_stores_that_is_interrupted_anywhere_ends_as_one_that_was_not() {
    let wanted = std::env::var(KILLS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let all = Everywhere::issued(RECENT);
    let before = all.dump();
    let request = verified(&all.project, "email=jo@example.org", &[]);
    erased(&all.project, &request, 0);
    let whole = changes(&before, &all.dump());
    let expected = stated(&all.project);
    // Three customers without name, and what went: of each database an invoice with two lines and a note, and the bucket's.
    let counts = [whole[0].len(), whole[1].len()];
    assert_eq!((counts, expected), ([3, 3 * 5 + 4], (3 * 5 + 4, 3 * 5 + 4)), "{whole:#?}");
    let (mut faults, mut trials) = (0, 0);
    let began = Instant::now();
    while faults < wanted {
        faults += trial(trials, &whole, &expected);
        trials += 1;
    }
    eprintln!("interruptions: {faults}, requests: {trials}, seconds: {}", began.elapsed().as_secs());
}
