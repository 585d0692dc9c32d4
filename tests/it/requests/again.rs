//! Requests that are planned again by themselves: when a duty ends, and when nobody approved the plan in time.

use super::{Answer, Command, POLICY, Project, erased, shop, state, verified};
use crate::support::plan_id;
use serde_json::{Value, json};

/// A command of the program this many days from now.
fn in_days(project: &Project, days: u32, arguments: &[&str]) -> Answer {
    let inner = project.command(arguments);
    let mut moved = Command::new("faketime");
    moved.args(["-f", &format!("+{days}d")]).arg(inner.get_program()).args(inner.get_args());
    moved.current_dir(project.path("")).env("LANG", "en_US.UTF-8").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Answer::of(&moved.output().expect("the command faketime is needed: run ./scripts/test"))
}

/// How many requests `erase --due` plans on that day.
#[track_caller]
pub(super) fn planned_in(project: &Project, days: u32) -> usize {
    let due = in_days(project, days, &["--format", "json", "erase", "--due"]).expect(0).json();
    due["planned"].as_array().unwrap().iter().filter(|one| one["plan_id"].is_string()).count()
}

/// Eleven years: every duty to keep has ended.
const ENDED: u32 = 11 * 366;

#[test]
fn a_plan_that_nobody_approved_in_time_is_drafted_again() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    erased(&project, &request, 0);
    // Somebody plans what waits long before it may go: that plan expires too, and the day of the duty is kept.
    project.run(&["erase", &request]).expect(0);
    assert_eq!(state(&project, &request), "planned");
    assert_eq!(planned_in(&project, 8), 0, "nothing may go yet");
    assert_eq!(planned_in(&project, ENDED), 1);
    assert_eq!(planned_in(&project, ENDED + 1), 0, "its plan waits to be approved");
    assert_eq!(planned_in(&project, ENDED + 8), 1, "its plan has expired");
    let plan = in_days(&project, ENDED + 9, &["--format", "json", "show", "latest"]).expect(0).json();
    in_days(&project, ENDED + 9, &["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    in_days(&project, ENDED + 9, &["apply", &plan_id(&plan)]).expect(0);
    assert_eq!(project.sql("billing.db", "SELECT id FROM invoices ORDER BY id;"), "3\n4");
}

#[test]
fn what_could_not_be_done_is_planned_again_when_its_plan_has_expired() {
    let project = shop();
    std::fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    let request = verified(&project, "email=jo@example.org", &[]);
    erased(&project, &request, 3);
    std::fs::rename(project.path("away"), project.path("billing.db")).unwrap();
    assert_eq!(planned_in(&project, 1), 1);
    assert_eq!(planned_in(&project, 2), 0);
    assert_eq!(planned_in(&project, 9), 1);
}

#[test]
fn the_first_plan_of_a_request_is_for_its_staff_to_draft() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    project.run(&["erase", &request]).expect(0);
    assert_eq!(planned_in(&project, 9), 0);
}

/// What a plan leaves out is told by the exit status and by name, however many requests the plan is for.
#[test]
fn a_plan_that_leaves_something_out_ends_in_part() {
    let project = shop();
    let request = verified(&project, "email=jo@example.org", &[]);
    project.run(&["erase", &request]).expect(0);
    std::fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    for arguments in [&["erase", &request][..], &["erase", "--together"]] {
        let answer = project.run(arguments).expect(3);
        assert!(answer.stderr.contains("not looked for in billing.invoices, billing.lines"), "{answer:?}");
    }
    std::fs::rename(project.path("away"), project.path("billing.db")).unwrap();
    project.run(&["requests", "cancel", &request]).expect(0);
    // Nothing tells the number of somebody whom no customer's row names, and files are known by it alone.
    let request = verified(&project, "email=nobody@example.org", &[]);
    let answer = project.run(&["--lang", "fr", "erase", &request]).expect(3);
    let said = "n'a pas été cherchée dans billing.invoices, files.letters.";
    assert!(answer.stderr.contains(said), "{answer:?}");
    let help = project.run(&["erase", "--help"]).expect(0).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("Exit status: 0 when") && help.contains("3 when a plan was drafted"), "{help}");
}

/// A later plan of the request tells what there is of the person now, and not what an earlier run found.
#[test]
fn what_was_erased_before_is_not_told_as_the_persons() {
    let project = shop();
    let anonymize = "    retain_for: P20Y\n    disposition: {anonymize: {email: {replace: \"nobody@example.invalid\"}}}\n";
    let policy = POLICY.replace("    retain_for: P20Y\n    disposition: purge\n", anonymize);
    assert_ne!(policy, POLICY);
    project.write("policies/policy.yaml", &policy);
    let request = verified(&project, "email=jo@example.org", &[]);
    let (plan, _) = erased(&project, &request, 0);
    assert_eq!(found(&plan, "crm.customers"), json!({"found": {"own": 2, "shared": 0}}));
    assert_eq!(found(&plan, "crm.newsletter"), json!({"found": {"own": 1, "shared": 0}}));
    let again = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    for dataset in ["crm.customers", "crm.visits", "crm.newsletter", "files.letters"] {
        assert_eq!(found(&again["plan"], dataset), "nothing_found", "{dataset}");
    }
    for dataset in ["billing.invoices", "billing.lines", "files.receipts"] {
        assert_eq!(found(&again["plan"], dataset), json!({"found": {"own": 1, "shared": 0}}), "{dataset}");
    }
    assert!(!again["plan"]["findings"].to_string().contains("crm.visits refer"), "{again:#}");
}

fn found(plan: &Value, dataset: &str) -> Value {
    let datasets = plan["request"]["datasets"].as_array().unwrap();
    datasets.iter().find(|one| one["dataset"] == dataset).unwrap()["search"].clone()
}

#[test]
fn a_store_that_is_away_when_the_run_looks_once_more_makes_it_partial() {
    let project = shop();
    project.sql("crm.db", "INSERT INTO customers VALUES (50, 'zoe@example.org', 'Zoe', NULL);");
    let request = verified(&project, "email=zoe@example.org", &[]);
    let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
    project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    // Nothing of the plan is in that store, but something came since.
    project.sql("billing.db", "INSERT INTO invoices VALUES (77, '50', '2001-01-01', NULL);");
    std::fs::rename(project.path("billing.db"), project.path("away")).unwrap();
    project.run(&["apply", &plan_id(&plan)]).expect(3);
    assert_eq!(state(&project, &request), "partial");
    std::fs::rename(project.path("away"), project.path("billing.db")).unwrap();
    erased(&project, &request, 0);
    assert_eq!(project.sql("billing.db", "SELECT count(*) FROM invoices WHERE id = 77;"), "0");
    assert_eq!(state(&project, &request), "done");
}
