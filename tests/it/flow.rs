//! The whole way through the real binary, and every count compared with the stores' own word.

use crate::scenario::{self, CANARY, certified, counts, gone, journaled, planned};
use crate::support::{Project, files, find_text, fingerprints, plan_id};
use std::fs;
use std::process::Command;

#[test]
fn what_the_stores_lost_is_what_plan_journal_and_certificate_say() {
    let project = scenario::small();
    project.run(&["check"]).expect(0);
    let before = counts(&project);
    let plan = project.approved();
    assert_eq!(counts(&project), before, "planning and approving touch nothing");
    let end = project.apply();
    let lost = gone(&before, &counts(&project));
    assert!(lost.len() == 6 && lost.values().all(|count| *count > 9), "too little happened: {lost:?}");
    assert_eq!(planned(&plan), lost, "the plan");
    assert_eq!(journaled(&project), lost, "the journal");
    let certificate = end["certificate_id"].as_str().unwrap();
    assert_eq!(certified(&project, certificate, &plan), lost, "the certificate");
    assert_eq!(project.sql("shop.db", "PRAGMA foreign_key_check; PRAGMA integrity_check;"), "ok");
}

#[test]
fn only_what_is_due_goes_and_linked_files_go_with_their_rows() {
    let project = scenario::small();
    let undecidable = "SELECT count(*) FROM prospects WHERE last_contact_at IS NULL;";
    let expected = project.sql("shop.db", undecidable);
    project.approved();
    project.apply();
    assert_eq!(project.sql("shop.db", undecidable), expected, "rows without a date stay");
    let left = project.sql(
        "shop.db",
        "SELECT count(*) FROM prospects WHERE last_contact_at < '2020-01-01' AND country IN ('FR','BE');
         SELECT count(*) FROM orders WHERE ordered_at < '2016-01-01';
         SELECT count(*) FROM order_lines WHERE order_id NOT IN (SELECT id FROM orders);
         SELECT count(*) > 5 FROM prospects WHERE country = 'US' AND last_contact_at < '2020-01-01';
         SELECT count(*) FROM customers WHERE full_name <> 'effacé' AND id NOT IN (SELECT customer_id FROM orders);",
    );
    assert_eq!(left, "0\n0\n0\n1\n0");
    let named = project.sql("shop.db", "SELECT receipt FROM orders WHERE receipt IS NOT NULL ORDER BY 1;");
    let receipts: Vec<String> =
        files(&project.path("files")).into_iter().filter(|name| name.starts_with("receipts/")).collect();
    assert_eq!(receipts.join("\n"), named, "the receipts are those of the orders that stay");
    assert!(project.path("files/unrelated.txt").exists());
    let exports = files(&project.path("files/exports"));
    assert!(exports.len() == 40 && exports.iter().all(|name| name.starts_with("2098/")), "{exports:?}");
}

#[test]
fn customers_whose_last_order_goes_are_anonymized_in_the_same_run_and_then_nothing_is_left() {
    let project = scenario::small();
    project.approved();
    project.apply();
    let orphans = "SELECT count(*) FROM customers WHERE email IS NOT NULL
                   AND id NOT IN (SELECT customer_id FROM orders);";
    assert_eq!(project.sql("shop.db", orphans), "0");
    assert!(planned(&project.plan()).is_empty());
    project.run(&["plan", "--exit-code"]).expect(0);
}

#[test]
fn exit_code_4_says_that_something_is_due() {
    scenario::small().run(&["plan", "--exit-code"]).expect(4);
}

#[test]
fn a_plan_is_applied_once() {
    let project = scenario::small();
    project.approved();
    project.apply();
    let state = scenario::state(&project);
    let again = project.run(&["apply", "latest"]).expect(5);
    assert!(again.stderr.contains("carried out already"), "{}", again.stderr);
    let shown = project.run(&["--format", "json", "show", "latest"]).expect(0).json();
    assert_eq!(shown["ready"], false);
    let resumed = project.run(&["apply", "--resume"]);
    assert!(resumed.code != Some(0) && resumed.stderr.contains("no run was interrupted"), "{resumed:?}");
    assert_eq!(scenario::state(&project), state);
}

#[test]
fn the_archive_verifies_elsewhere_with_the_trust_root_alone() {
    let project = scenario::small();
    project.approved();
    project.apply();
    let elsewhere = tempfile::tempdir().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(project.path("certificates")).arg(elsewhere.path()).status();
    assert!(copied.unwrap().success());
    fs::copy(project.path("trust-root.json"), elsewhere.path().join("trust-root.json")).unwrap();
    let verify = || {
        Command::new(crate::support::binary())
            .args(["verify", "certificates", "--trust-root", "trust-root.json"])
            .current_dir(elsewhere.path())
            .output()
            .unwrap()
    };
    let good = verify();
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stdout));
    let envelope = files(&elsewhere.path().join("certificates"))
        .into_iter()
        .find(|name| name.ends_with(".dsse.json"))
        .unwrap();
    let envelope = elsewhere.path().join("certificates").join(envelope);
    let text = fs::read_to_string(&envelope).unwrap();
    fs::write(&envelope, text.replacen('A', "B", 1)).unwrap();
    assert_eq!(verify().status.code(), Some(6));
}

#[test]
fn a_receipt_is_made_for_what_went_and_for_nothing_else() {
    let project = scenario::small();
    let due = project.sql(
        "shop.db",
        "SELECT id FROM orders WHERE ordered_at < '2016-01-01' AND receipt IS NOT NULL LIMIT 1;",
    );
    let file = project.sql("shop.db", &format!("SELECT receipt FROM orders WHERE id = {due};"));
    let kept = project.sql("shop.db", "SELECT id FROM orders WHERE ordered_at > '2016-01-01' LIMIT 1;");
    project.approved();
    let certificate = find_text(&project.apply(), "certificate_id").unwrap();
    for (dataset, key) in [("shop.orders", &due), ("files.receipts", &file)] {
        let path = project.path("receipt.json");
        let out = path.to_str().unwrap();
        project.run(&["certificates", "receipt", &certificate, dataset, key, "--out", out]).expect(0);
        let archive = project.path("certificates");
        let verify = ["certificates", "verify-receipt", out, "--archive", archive.to_str().unwrap()];
        project.run(&verify).expect(0);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("shop", "shoq", 1).replacen("receipts", "receiptt", 1)).unwrap();
        project.run(&verify).expect(6);
        fs::remove_file(&path).unwrap();
    }
    let refused = project.run(&["certificates", "receipt", &certificate, "shop.orders", &kept]).expect(2);
    assert!(refused.stderr.contains("not in certificate") && refused.stdout.is_empty(), "{refused:?}");
}

#[test]
fn explain_says_of_one_record_what_becomes_of_it_and_why() {
    let project = scenario::small();
    let explain = |dataset: &str, key: &str| {
        project.run(&["--lang", "en", "explain", dataset, key]).expect(0).stdout.to_lowercase()
    };
    let first = |condition: &str| {
        project.sql("shop.db", &format!("SELECT id FROM prospects WHERE {condition} LIMIT 1;"))
    };
    let due = explain("shop.prospects", &first("last_contact_at < '2020-01-01' AND country = 'FR'"));
    let recent = explain("shop.prospects", &first("last_contact_at > '2020-01-01' AND country = 'BE'"));
    let undated = explain("shop.prospects", &first("last_contact_at IS NULL AND country = 'FR'"));
    let foreign = explain("shop.prospects", &first("country = 'US' AND last_contact_at < '2020-01-01'"));
    assert!(due.contains("due since"), "{due}");
    assert!(undated.contains("without a start date"), "{undated}");
    assert!(recent.contains("kept") && recent.contains("due on"), "{recent}");
    assert!(foreign.contains("kept") && foreign.contains("outside the rule"), "{foreign}");
    let all = [&due, &recent, &undated, &foreign];
    assert!(all.iter().enumerate().all(|(index, page)| all[..index].iter().all(|other| other != page)));
    assert!(explain("shop.prospects", "999999").contains("no such record"));
    project.run(&["explain", "shop.nothing", "1"]).expect(2);
    let customer = explain("shop.customers", "1");
    assert!(!customer.contains(CANARY), "{customer}");
}

#[test]
fn a_row_goes_although_the_file_it_names_was_gone_before() {
    let project = scenario::small();
    let named = "SELECT receipt FROM orders WHERE receipt IS NOT NULL AND ordered_at < '2016-01-01' ORDER BY id LIMIT 3;";
    for name in project.sql("shop.db", named).lines() {
        fs::remove_file(project.path(&format!("files/{name}"))).unwrap();
    }
    let before = counts(&project);
    let plan = project.approved();
    let certificate = find_text(&project.apply(), "certificate_id").unwrap();
    let lost = gone(&before, &counts(&project));
    assert_eq!((lost["shop.orders"], lost["files.receipts"]), (40, 27));
    assert_eq!(journaled(&project), lost);
    assert_eq!(certified(&project, &certificate, &plan), lost);
}

/// A plan is approved, something changes, and `apply` must refuse with status 5 and say which.
#[track_caller]
fn check_refused(change: impl FnOnce(&Project), reason: &str) {
    refused_after(change, reason);
}

/// The same, and `show` knows it without reading the stores.
#[track_caller]
fn check_refused_and_shown(change: impl FnOnce(&Project), reason: &str) {
    let project = refused_after(change, reason);
    let shown = project.run(&["--format", "json", "show", "latest"]).expect(0).json();
    assert_eq!(shown["ready"], false);
    assert!(shown["not_ready_because"].as_str().unwrap().contains(reason), "{}", shown["not_ready_because"]);
    let page = project.run(&["--lang", "en", "show", "latest"]).expect(0).stdout;
    assert!(page.contains("cannot be applied") && !page.contains("can be applied;"), "{page}");
}

#[track_caller]
fn refused_after(change: impl FnOnce(&Project), reason: &str) -> Project {
    let project = scenario::small();
    project.approved();
    let shown = project.run(&["--format", "json", "show", "latest"]).expect(0).json();
    assert_eq!(shown["ready"], true);
    change(&project);
    let state = scenario::state(&project);
    let refused = project.run(&["apply", "latest"]).expect(5);
    assert!(refused.stderr.contains(reason), "expected {reason:?} in {}", refused.stderr);
    assert_eq!(scenario::state(&project), state, "a refused plan touches nothing");
    assert!(!project.path("certificates/checkpoint").exists(), "nothing was begun");
    project
}

#[test]
fn a_plan_is_stale_when_a_policy_changed() {
    check_refused_and_shown(
        |project| project.write("policies/policy.yaml", &scenario::POLICY.replace("P3Y", "P4Y")),
        "a policy or the data map changed",
    );
}

#[test]
fn a_plan_is_stale_when_a_hold_was_placed() {
    let add = ["hold", "add", "--dataset", "shop.orders", "--matter", "m", "--reason", "r", "--owner", "o"];
    check_refused_and_shown(
        |project| {
            project.run(&add).expect(0);
        },
        "holds were placed or released",
    );
}

#[test]
fn a_plan_is_stale_when_a_schema_changed() {
    check_refused(
        |project| {
            project.sql("shop.db", "ALTER TABLE prospects ADD COLUMN phone TEXT;");
        },
        "the tables behind dataset 'shop.prospects' changed",
    );
}

#[test]
fn a_plan_is_stale_when_counts_drifted() {
    let drift = "UPDATE prospects SET last_contact_at = '2018-01-01 00:00:00', country = 'FR';";
    check_refused(
        |project| {
            project.sql("shop.db", drift);
        },
        "records were due in the plan",
    );
}

#[test]
fn a_plan_expires() {
    let project = scenario::small();
    project
        .write("oubliette.yaml", &scenario::SETTINGS.replace("plan_valid_for: P7D", "plan_valid_for: PT2S"));
    let id = plan_id(&project.plan());
    std::thread::sleep(std::time::Duration::from_millis(2_300));
    let refused = project.run(&["apply", &id]).expect(5);
    assert!(refused.stderr.contains("expired"), "{}", refused.stderr);
    let refused = project.run(&["approve", &id, "--as", "dpo"]).expect(5);
    assert!(refused.stderr.contains("expired"), "{}", refused.stderr);
}

#[test]
fn nobody_approves_what_they_drafted_and_nothing_unapproved_is_applied() {
    let project = scenario::small();
    let id = plan_id(&project.plan());
    let state = scenario::state(&project);
    let refused = project.run(&["apply", &id]).expect(5);
    assert!(refused.stderr.contains("not approved"), "{}", refused.stderr);
    let same = project.run(&["approve", &id, "--as", "engineer"]).expect(5);
    assert!(same.stderr.contains("the same person"), "{}", same.stderr);
    project.run(&["apply", &id]).expect(5);
    assert_eq!(scenario::state(&project), state);
}

#[test]
fn a_plan_for_another_day_is_for_reading_only() {
    let project = scenario::small();
    let plan = project.run(&["--format", "json", "plan", "--as-of", "2090-01-01"]).expect(0).json();
    let refused = project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(5);
    assert!(refused.stderr.contains("simulation"), "{}", refused.stderr);
}

#[test]
fn whoever_only_reads_changes_no_byte_of_any_store() {
    let project = scenario::shop_with(scenario::SMALL, "DELETE");
    let prints = || (fingerprints(&project.path("files")), fingerprints_of_database(&project));
    let before = prints();
    for arguments in [
        &["check"][..],
        &["plan"],
        &["show", "latest"],
        &["explain", "shop.orders", "1"],
        &["explain", "files.receipts", "receipts/2015/1/none.pdf"],
        &["status"],
        &["grants"],
        &["plan", "--as-of", "2090-01-01"],
    ] {
        project.run(arguments);
        assert_eq!(prints(), before, "{arguments:?} wrote");
    }
}

/// The database, and whatever lies beside it.
fn fingerprints_of_database(project: &Project) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(project.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    let ours = names.into_iter().filter(|name| name.starts_with("shop.db"));
    ours.map(|name| (name.clone(), fs::read(project.path(&name)).unwrap())).collect()
}

#[test]
fn what_a_person_held_stays_and_the_certificate_names_the_hold() {
    let project = scenario::small();
    let held = project.sql("shop.db", "SELECT min(id) FROM orders WHERE ordered_at < '2016-01-01';");
    let customer = project.sql("shop.db", &format!("SELECT customer_id FROM orders WHERE id = {held};"));
    let subject = format!("customer_id={customer}");
    let add = [
        "--format",
        "json",
        "hold",
        "add",
        "--subject",
        &subject,
        "--matter",
        "m",
        "--reason",
        "r",
        "--owner",
        "o",
    ];
    let hold = find_text(&project.run(&add).expect(0).json(), "hold_id").unwrap();
    let theirs = format!(
        "SELECT * FROM orders WHERE customer_id = {customer}; SELECT * FROM customers WHERE id = {customer};"
    );
    let rows = project.sql("shop.db", &theirs);
    project.approved();
    let certificate = find_text(&project.apply(), "certificate_id").unwrap();
    assert_eq!(project.sql("shop.db", &theirs), rows);
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0);
    assert!(shown.stdout.contains(&hold), "{} does not name {hold}", shown.stdout);
}
