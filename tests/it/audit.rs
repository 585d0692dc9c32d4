//! Attacks that once succeeded: each test is the shortest way to what must not happen.

use crate::scenario::{certified, counts, gone, small};
use crate::support::{Answer, Project, files, find_text, plan_id};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Starts `apply` so that the process kills itself at the named point.
#[track_caller]
fn killed_at(project: &Project, failpoint: &str, plan: &Value) {
    let output = project.command(&["apply", &plan_id(plan)]).env("OUBLIETTE_FAILPOINT", failpoint).output();
    assert_eq!(output.unwrap().status.code(), None, "the failpoint '{failpoint}' was not reached");
}

/// The statement on the certificate that an answer of `apply` names.
#[track_caller]
fn statement(project: &Project, end: &Value) -> Value {
    let id = find_text(end, "certificate_id").expect("a certificate");
    project.run(&["--format", "json", "certificates", "show", &id]).expect(0).json()
}

#[track_caller]
fn outcome(project: &Project, end: &Value) -> String {
    statement(project, end)["statement"]["predicate"]["outcome"].as_str().unwrap().to_owned()
}

fn json(project: &Project, arguments: &[&str]) -> Answer {
    project.run(&[&["--format", "json"], arguments].concat())
}

fn sum(one: BTreeMap<String, u64>, other: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut sum = one;
    for (dataset, count) in other {
        *sum.entry(dataset).or_default() += count;
    }
    sum
}

#[test]
fn files_that_are_missing_or_held_do_not_stop_the_others_of_their_batch() {
    let project = small();
    let named = project.sql("shop.db", "SELECT id, receipt FROM orders WHERE id IN (1, 2);");
    let mut named = named.lines().map(|line| line.split_once('|').unwrap().1);
    fs::remove_file(project.path(&format!("files/{}", named.next().unwrap()))).unwrap();
    let held = format!("key = '{}'", named.next().unwrap());
    let hold = ["hold", "add", "--dataset", "files.receipts", "--where", &held];
    let why = ["--matter", "m", "--reason", "r", "--owner", "legal"];
    project.run(&[hold.as_slice(), why.as_slice()].concat()).expect(0);
    let before = counts(&project);
    let plan = project.approved();
    let end = json(&project, &["apply"]).expect(3).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    assert_eq!(certified(&project, &certificate, &plan), gone(&before, &counts(&project)));
    assert_eq!(outcome(&project, &end), "partial");
    assert_eq!(project.sql("shop.db", "SELECT group_concat(id) FROM orders WHERE id IN (1, 2);"), "2");
}

#[test]
fn records_of_an_interrupted_run_are_not_claimed_by_a_second_one_too() {
    let project = small();
    let before = counts(&project);
    let first = project.approved();
    killed_at(&project, "after-intent:1", &first);
    let second = project.approved();
    let refused = json(&project, &["apply", &plan_id(&second)]).expect(5);
    assert!(refused.stderr.contains("has no certificate yet"), "{}", refused.stderr);
    let one = find_text(&json(&project, &["apply", "--close"]).expect(3).json(), "certificate_id").unwrap();
    let end = json(&project, &["apply", &plan_id(&second)]).expect(0).json();
    let other = find_text(&end, "certificate_id").unwrap();
    let claimed = sum(certified(&project, &one, &first), certified(&project, &other, &second));
    assert_eq!(claimed, gone(&before, &counts(&project)));
    project.run(&["verify", "certificates"]).expect(0);
}

#[test]
fn a_plan_that_cannot_be_compiled_or_proven_begins_no_run() {
    let check = |break_it: &dyn Fn(&Project), code: i32, saying: &str| {
        let project = small();
        project.sql("shop.db", "DELETE FROM prospects WHERE last_contact_at < '2020-01-01';");
        let before = counts(&project);
        project.approved();
        break_it(&project);
        let refused = project.run(&["apply"]).expect(code);
        assert!(refused.stderr.contains(saying), "{}", refused.stderr);
        assert_eq!(counts(&project), before);
        assert_eq!(project.sql("state/ledger.db", "SELECT count(*) FROM run;"), "0");
    };
    check(
        &|project| drop(project.sql("shop.db", "ALTER TABLE prospects ADD COLUMN note TEXT;")),
        5,
        "not as they were in the plan",
    );
    let another = small_with_other_keys();
    let foreign = fs::read(another.path("keys/certificate.key")).unwrap();
    check(
        &|project| fs::write(project.path("keys/certificate.key"), &foreign).unwrap(),
        6,
        "which the trust root does not name",
    );
}

fn small_with_other_keys() -> Project {
    use crate::scenario::{DATA_MAP, POLICY, SETTINGS};
    Project::new(SETTINGS, DATA_MAP, POLICY)
}

#[track_caller]
fn lengthen_a_period(project: &Project) {
    let policy = fs::read_to_string(project.path("policies/policy.yaml")).unwrap();
    assert!(policy.contains("P5Y"));
    project.write("policies/policy.yaml", &policy.replace("P5Y", "P6Y"));
}

#[test]
fn a_run_whose_plan_no_longer_fits_is_closed_with_a_certificate_of_what_it_did() {
    let spoil: [&dyn Fn(&Project); 2] = [&lengthen_a_period, &|project| {
        drop(project.sql("shop.db", "ALTER TABLE orders ADD COLUMN note TEXT;"));
    }];
    for spoil in spoil {
        let project = small();
        let before = counts(&project);
        let plan = project.approved();
        // In the second transaction of the shop: orders with their lines and receipts.
        killed_at(&project, "after-commit:1", &plan);
        spoil(&project);
        let refused = project.run(&["apply", "--resume"]).expect(5);
        assert!(refused.stderr.contains("cannot go on") && refused.stderr.contains("--close"));
        let end = json(&project, &["apply", "--close"]).expect(3).json();
        assert_eq!(outcome(&project, &end), "partial");
        let certificate = find_text(&end, "certificate_id").unwrap();
        let went = gone(&before, &counts(&project));
        assert!(went["shop.orders"] > 0 && went["files.receipts"] > 0, "{went:?}");
        assert_eq!(certified(&project, &certificate, &plan), went);
        project.run(&["verify", "certificates"]).expect(0);
        project.run(&["apply", "--resume"]).expect(2);
    }
}

#[test]
fn a_revoked_standing_approval_stops_a_run_and_its_work_is_certified() {
    let project = small();
    let policy = fs::read_to_string(project.path("policies/policy.yaml")).unwrap();
    project.write(
        "policies/policy.yaml",
        &policy.replace("    disposition:", "    guards: {max_share: 100%}\n    disposition:"),
    );
    for rule in ["prospect", "order", "customer", "export"] {
        project.run(&["approve", "--standing", &format!("shop/{rule}"), "--as", "dpo"]).expect(0);
    }
    let before = counts(&project);
    let plan = project.plan();
    killed_at(&project, "after-commit:1", &plan);
    project.run(&["approve", "--revoke", "shop/order"]).expect(0);
    project.run(&["apply", "--resume"]).expect(5);
    let end = json(&project, &["apply", "--close"]).expect(3).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    assert_eq!(certified(&project, &certificate, &plan), gone(&before, &counts(&project)));
}

#[test]
fn a_store_that_could_not_be_read_for_the_plan_makes_the_run_partial() {
    let project = small();
    for name in ["shop.db", "shop.db-wal", "shop.db-shm"] {
        drop(fs::rename(project.path(name), project.path(&format!("away-{name}"))));
    }
    project.approved();
    let end = json(&project, &["apply"]).expect(3).json();
    assert_eq!(outcome(&project, &end), "partial");
    let targets = &statement(&project, &end)["statement"]["predicate"]["evidence"]["targets"];
    let unreachable = |target: &&Value| target["failures"][0]["code"] == "unreachable";
    assert_eq!(targets.as_array().unwrap().iter().filter(unreachable).count(), 3);
}

#[test]
fn a_certificate_that_is_stated_is_archived_whatever_becomes_of_the_policy() {
    let project = small();
    killed_at(&project, "after-statement:1", &project.approved());
    lengthen_a_period(&project);
    project.run(&["apply", "--resume"]).expect(0);
    project.run(&["verify", "certificates"]).expect(0);
}

#[test]
fn an_older_copy_of_the_ledger_takes_over_the_certificate_that_the_archive_has() {
    let project = small();
    let plan = project.approved();
    killed_at(&project, "after-commit:1", &plan);
    let copy = |from: &str, to: &str| {
        for name in files(&project.path(from)) {
            fs::create_dir_all(project.path(to)).unwrap();
            fs::copy(project.path(from).join(&name), project.path(to).join(&name)).unwrap();
        }
    };
    copy("state", "older");
    let end = json(&project, &["apply", "--resume"]).expect(0).json();
    fs::remove_dir_all(project.path("state")).unwrap();
    copy("older", "state");
    project.sql("shop.db", "INSERT INTO prospects VALUES (9999, 'x', 'FR', '2019-01-01 00:00:00');");
    let again = json(&project, &["apply", "--resume"]).expect(0).json();
    assert_eq!(find_text(&again, "certificate_id"), find_text(&end, "certificate_id"));
    assert_eq!(project.sql("shop.db", "SELECT count(*) FROM prospects WHERE id = 9999;"), "1");
    project.run(&["verify", "certificates"]).expect(0);
    assert_eq!(project.sql("state/ledger.db", "SELECT state FROM run;"), "certified");
}

#[test]
fn a_trigger_may_not_remove_or_bring_back_rows_of_the_tables_of_the_batch() {
    let check = |event: &str, body: &str| {
        let project = small();
        project.sql("shop.db", &format!("CREATE TRIGGER meddles AFTER DELETE ON {event} BEGIN {body}; END;"));
        let before = counts(&project);
        let plan = project.approved();
        let end = json(&project, &["apply"]).expect(3).json();
        assert_eq!(outcome(&project, &end), "partial", "{body}");
        let certificate = find_text(&end, "certificate_id").unwrap();
        assert_eq!(certified(&project, &certificate, &plan), gone(&before, &counts(&project)), "{body}");
    };
    check("prospects", "DELETE FROM prospects WHERE id = OLD.id + 1");
    check("prospects", "INSERT INTO prospects VALUES (OLD.id, OLD.email, OLD.country, OLD.last_contact_at)");
    check("order_lines", "DELETE FROM order_lines WHERE order_id = 3");
}

#[test]
fn a_trigger_that_keeps_a_log_elsewhere_does_not_stop_a_run() {
    let project = small();
    project.sql(
        "shop.db",
        "CREATE TABLE deletions(id INTEGER);
         CREATE TRIGGER logs AFTER DELETE ON prospects BEGIN INSERT INTO deletions VALUES (OLD.id); END;",
    );
    project.approved();
    let end = project.apply();
    assert_eq!(outcome(&project, &end), "complete_with_exceptions");
    assert_ne!(project.sql("shop.db", "SELECT count(*) FROM deletions;"), "0");
}

/// A command of the program with its clock moved, such as `-2h` (libfaketime).
fn with_clock_moved(project: &Project, by: &str, arguments: &[&str]) -> Answer {
    let direct = project.command(arguments);
    let mut moved = std::process::Command::new("faketime");
    moved.args(["-f", by]).arg(direct.get_program()).args(direct.get_args());
    moved.current_dir(project.path("")).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Answer::of(&moved.output().expect("the command faketime is needed: run ./scripts/test"))
}

#[test]
fn a_run_is_not_resumed_by_a_clock_that_was_set_back() {
    let project = small();
    killed_at(&project, "after-commit:1", &project.approved());
    let before = counts(&project);
    let refused = with_clock_moved(&project, "-2h", &["apply", "--resume"]).expect(1);
    assert!(refused.stderr.contains("the clock cannot be trusted"), "{}", refused.stderr);
    assert_eq!(counts(&project), before);
    // Within the tolerance it goes on, and does not end before it began.
    with_clock_moved(&project, "-3m", &["apply", "--resume"]).expect(0);
    project.run(&["verify", "certificates"]).expect(0);
}

#[test]
fn a_file_that_a_kept_row_names_too_stays_and_so_does_the_due_row() {
    let project = small();
    // Order 1 is due; order 3 is not, and order 2 is held: both name a file of a due one.
    let named = project.sql("shop.db", "SELECT receipt FROM orders WHERE id IN (1, 5) ORDER BY id;");
    let (of_first, of_fifth) = named.split_once('\n').unwrap();
    project.sql("shop.db", &format!("UPDATE orders SET receipt = '{of_first}' WHERE id = 3;"));
    project.sql("shop.db", &format!("UPDATE orders SET receipt = '{of_fifth}' WHERE id = 2;"));
    let hold = ["hold", "add", "--dataset", "shop.orders", "--where", "id = 2"];
    let why = ["--matter", "m", "--reason", "r", "--owner", "legal"];
    project.run(&[hold.as_slice(), why.as_slice()].concat()).expect(0);
    let before = counts(&project);
    let plan = project.approved();
    let end = json(&project, &["apply"]).expect(3).json();
    for file in [of_first, of_fifth] {
        assert!(project.path(&format!("files/{file}")).exists(), "{file}");
    }
    assert_eq!(project.sql("shop.db", "SELECT count(*) FROM orders WHERE id IN (1, 2, 3, 5);"), "4");
    let certificate = find_text(&end, "certificate_id").unwrap();
    assert_eq!(certified(&project, &certificate, &plan), gone(&before, &counts(&project)));
}

#[test]
fn a_trigger_asks_for_a_person_because_what_it_does_elsewhere_is_not_certified() {
    let project = small();
    project.sql(
        "shop.db",
        "CREATE TABLE gone(id INTEGER PRIMARY KEY, what TEXT);
         CREATE TRIGGER prospects_gone AFTER DELETE ON prospects
             BEGIN INSERT INTO gone(what) VALUES ('a prospect'); END;",
    );
    let plan = project.run(&["--format", "json", "plan"]).expect(0).json();
    let findings = plan["plan"]["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == "triggers_fire").unwrap();
    assert_eq!(found["severity"], "needs_approval");
}
