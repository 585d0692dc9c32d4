//! How a run beside a foreign writer is judged: every row that it removed stands on the one certificate as
//! often as it was removed, nothing else does, and what the writer did not touch is as after an undisturbed
//! run.
//!
//! One exception is told apart: a key that the writer took up again before the run looked it up. A certificate
//! claims nothing to be gone that was seen to be there; it counts such a row as failed.

use super::account::{Account, Row};
use super::story::{Story, commitments, committed_each};
use crate::scenario::certified;
use crate::support::{Project, files};
use connectors::RecordKey;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Failures that a writer brings about: rows that became due behind the walk, and rows that came again under
/// the key of a purged one before that was looked up.
const OF_THE_WRITER: [&str; 3] = ["still_present", "linked_object_kept", "there_again"];

/// What was found after the run came to its end.
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) in_part: bool,
    /// Rows whose key the writer took up again before it was looked up.
    pub(super) taken_up: u64,
    pub(super) faults: Vec<String>,
}

pub(super) fn account(story: &Story, project: &Project) -> Found {
    let database = project.database.as_ref().unwrap();
    let account = Account::of(&story.rows_before, database);
    let mut faults = account.faults.clone();
    untouched(story, project, &account, &mut faults);
    let removed = removed(story, project, &account);
    let taken_up = account.taken_up();
    let (in_part, taken_up) = certificate(story, project, (&removed, &taken_up), &mut faults);
    Found { account, in_part, taken_up, faults }
}

/// What the writer left alone is as after an undisturbed run.
fn untouched(story: &Story, project: &Project, account: &Account, faults: &mut Vec<String>) {
    let gone: BTreeSet<Row> = account.gone().into_keys().collect();
    let touched_order = |line: &Row| {
        let order = story.rows_before[line].split('~').next().unwrap().parse().unwrap();
        account.touched.contains(&("shop.orders".to_owned(), order))
    };
    for row in story.rows_before.keys() {
        let depends = match row.0.as_str() {
            "shop.order_lines" => touched_order(row),
            // Those who ordered: whether an order is left depends on the writer's, too.
            "shop.customers" => row.1 <= 30,
            _ => false,
        };
        if !depends && !account.touched.contains(row) && gone.contains(row) != story.goes(row) {
            faults.push(format!("I3: {row:?} is not as after an undisturbed run"));
        }
    }
    if files(&project.path("files")) != story.files_after {
        faults.push("I3: the files are not those of an undisturbed run".to_owned());
    }
}

/// Everything that went, by dataset and canonical key, and how often.
fn removed(story: &Story, project: &Project, account: &Account) -> BTreeMap<(String, String), u64> {
    let mut removed: BTreeMap<(String, String), u64> = account
        .gone()
        .into_iter()
        .map(|((dataset, id), times)| ((dataset, RecordKey::int(id).canonical()), times))
        .collect();
    let left = files(&project.path("files"));
    for name in files(&story.project.path("files")).into_iter().filter(|name| !left.contains(name)) {
        let dataset = name.split('/').next().unwrap();
        removed.insert((format!("files.{dataset}"), RecordKey::text(name.clone()).canonical()), 1);
    }
    removed
}

type Times = BTreeMap<(String, String), u64>;

/// The one certificate states exactly this. Answers whether it says that the run was done in part, and how
/// many rows it does not claim because their keys were taken up again.
fn certificate(
    story: &Story,
    project: &Project,
    (removed, taken_up): (&Times, &Times),
    faults: &mut Vec<String>,
) -> (bool, u64) {
    let root = project.path("trust-root.json");
    let verified =
        project.run(&["--format", "json", "verify", "certificates", "--trust-root", root.to_str().unwrap()]);
    if verified.code != Some(0) {
        faults.push(format!("the archive does not verify: {}{}", verified.stdout, verified.stderr));
        return (false, 0);
    }
    let answer = verified.json();
    let certificates = answer["certificates"].as_array().unwrap();
    let [one] = &certificates[..] else {
        faults.push(format!("I2: there are {} certificates", certificates.len()));
        return (false, 0);
    };
    let id = one["certificate_id"].as_str().unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", id]).expect(0).json();
    let predicate = &shown["statement"]["predicate"];
    let unclaimed = claims(story, project, id, (removed, taken_up), faults);
    for (dataset, count) in &unclaimed {
        let told: u64 =
            failures(predicate, Some(dataset)).iter().filter_map(|one| one["count"].as_u64()).sum();
        if told < *count {
            faults.push(format!("I2: {count} of {dataset} went, are not claimed, and only {told} are told"));
        }
    }
    (outcome(predicate, faults), unclaimed.values().sum())
}

/// Compares the commitments of the certificate, and its counts, with what went. Answers with the rows, by
/// dataset, that are not claimed because their keys were taken up again.
fn claims(
    story: &Story,
    project: &Project,
    id: &str,
    (removed, taken_up): (&Times, &Times),
    faults: &mut Vec<String>,
) -> BTreeMap<String, u64> {
    let claimed: BTreeSet<[u8; 32]> = commitments(project, id).into_iter().collect();
    let mut matched = 0;
    let (mut expected, mut unclaimed) = (BTreeMap::new(), BTreeMap::new());
    for (record, each) in committed_each(project, id, removed) {
        let found = each.iter().take_while(|one| claimed.contains(*one)).count() as u64;
        let missing = each.len() as u64 - found;
        matched += found;
        if found > 0 {
            *expected.entry(record.0.clone()).or_default() += found;
        }
        if missing > taken_up.get(&record).copied().unwrap_or(0) {
            faults.push(format!("I2: {record:?} went {} times and is claimed {found} times", each.len()));
        } else if missing > 0 {
            *unclaimed.entry(record.0).or_default() += missing;
        }
    }
    if matched != claimed.len() as u64 {
        faults.push(format!("I2: {} records are claimed that did not go", claimed.len() as u64 - matched));
    }
    let stated = certified(project, id, &story.plan);
    if stated != expected {
        faults.push(format!("I2: the commitments are {expected:?} and the counts {stated:?}"));
    }
    unclaimed
}

fn failures<'v>(predicate: &'v Value, dataset: Option<&str>) -> Vec<&'v Value> {
    predicate["evidence"]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|target| dataset.is_none_or(|dataset| target["dataset"] == dataset))
        .filter_map(|target| target["failures"].as_array())
        .flatten()
        .collect()
}

fn outcome(predicate: &Value, faults: &mut Vec<String>) -> bool {
    let failures = failures(predicate, None);
    for failure in &failures {
        let by_writer = failure["code"].as_str().is_some_and(|code| OF_THE_WRITER.contains(&code));
        if !by_writer || failure["count"] == 0 {
            faults.push(format!("the run failed though the server came back: {failure}"));
        }
    }
    let in_part = predicate["outcome"] == "partial";
    if in_part == failures.is_empty() {
        faults.push(format!("I8: the outcome is {} and the failures are {failures:?}", predicate["outcome"]));
    }
    in_part
}
