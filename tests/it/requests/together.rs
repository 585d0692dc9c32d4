//! Requests of many persons by one plan: what goes and stays is what goes and stays one by one, each request has its
//! own counts, outcome and papers, and a kill anywhere changes none of that.

mod speed;

use super::{BILLING, CRM, DATA_MAP, POLICY, SETTINGS, days, dump, gone, state, statement};
use crate::support::{Project, find_text, plan_id};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

/// Splitmix64 (Steele et al. 2014).
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

/// The shop of these tests with so many customers: households, visits, newsletters, invoices old and new, files.
pub(super) fn town(customers: u64, seed: u64) -> Project {
    let project = Project::new(SETTINGS, DATA_MAP, POLICY);
    let numbers = &mut Numbers(seed);
    let last = days(&project).0;
    let (mut crm, mut billing) = ("BEGIN;".to_owned(), "BEGIN;".to_owned());
    for address in 1..=customers {
        write!(crm, "INSERT INTO addresses VALUES ({}, 'street {address}');", 1_000 + address).unwrap();
    }
    let (mut visit, mut line) = (1_000, 1_000);
    for number in 1..=customers {
        let id = 1_000 + number;
        // Most live alone, some with the one before.
        let address = if number > 1 && numbers.below(4) == 0 { id - 1 } else { id };
        let email = mail(number);
        write!(crm, "INSERT INTO customers VALUES ({id}, '{email}', 'Person {number}', {address});").unwrap();
        for _ in 0..numbers.below(3) {
            visit += 1;
            write!(crm, "INSERT INTO visits VALUES ({visit}, {id}, 'page');").unwrap();
        }
        if numbers.below(2) == 0 {
            write!(crm, "INSERT INTO newsletter VALUES ({id}, '{}', '2024-01-01');", email.to_uppercase())
                .unwrap();
        }
        for (place, on) in ["2010-05-01", last.as_str()].iter().enumerate() {
            if numbers.below(2) == 0 {
                let invoice = id * 10 + place as u64;
                let pdf = format!("receipts/{id}/{invoice}.pdf");
                write!(billing, "INSERT INTO invoices VALUES ({invoice}, '{id}', '{on}', '{pdf}');").unwrap();
                line += 1;
                write!(billing, "INSERT INTO lines VALUES ({line}, {invoice}, '{on}', 'x');").unwrap();
                project.write(&format!("files/{pdf}"), &pdf);
            }
        }
        if numbers.below(3) == 0 {
            project.write(&format!("files/letters/{id}/a.txt"), "letter");
        }
    }
    let indexes = "CREATE INDEX visits_customer ON visits (customer_id); CREATE INDEX at_home ON customers (address_id);";
    project.sql("crm.db", &format!("{CRM}{indexes}{crm}COMMIT;"));
    let indexed = "CREATE INDEX lines_invoice ON lines (invoice_id);";
    project.sql("billing.db", &format!("{}{indexed}{billing}COMMIT;", BILLING.replace("{last}", &last)));
    project.run(&["check"]).expect(0);
    project
}

pub(super) fn mail(number: u64) -> String {
    format!("person{number}@example.org")
}

/// A file of persons, a line for each.
pub(super) fn lines(numbers: RangeInclusive<u64>) -> String {
    numbers.map(|number| format!("email={}\n", mail(number))).collect::<Vec<_>>().concat()
}

/// Receives and verifies these persons; their requests, in order.
#[track_caller]
pub(super) fn verified(project: &Project, persons: &str) -> Vec<String> {
    project.write("persons.txt", persons);
    let received = project.run(&["--format", "json", "requests", "receive", "--persons", "persons.txt"]);
    let received = received.expect(0).json();
    let ids: Vec<String> = received["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["request_id"].as_str().unwrap().to_owned())
        .collect();
    project.write("requests.txt", &ids.join("\n"));
    let how = ["--as", "support", "--method", "answered from the address on file"];
    project.run(&[&["requests", "verify", "--requests", "requests.txt"], &how[..]].concat()).expect(0);
    ids
}

/// Plans, approves and applies what is verified; the plan, and the statement of the certificate.
#[track_caller]
pub(super) fn erased(project: &Project, codes: (i32, i32)) -> (Value, Value) {
    let planned = project.run(&["--format", "json", "erase", "--together"]).expect(codes.0).json();
    let plan = &planned["planned"][0];
    project.run(&["approve", &plan_id(plan), "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan_id(plan)]).expect(codes.1).json();
    (planned.clone(), statement(project, &end))
}

/// What stands of a request: purged, excepted, failed, by dataset and rule; and its outcome.
fn counts_among(statement: &Value, request: &str) -> (BTreeMap<String, [u64; 3]>, String) {
    let evidence = &statement["evidence"];
    let among = evidence["requests"].as_array().unwrap();
    let own = among.iter().find(|one| one["reference"] == request).unwrap();
    let sum = |list: &Value| {
        list.as_array().map_or(0, |all| all.iter().map(|one| one["count"].as_u64().unwrap()).sum::<u64>())
    };
    let mut counts = BTreeMap::new();
    for part in own["parts"].as_array().into_iter().flatten() {
        let target = &evidence["targets"][usize::try_from(part["target"].as_u64().unwrap()).unwrap()];
        let purged = part["purged"].as_u64().unwrap_or(0);
        counts.insert(name(target), [purged, sum(&part["exceptions"]), sum(&part["failures"])]);
    }
    (counts, own["outcome"].as_str().unwrap().to_owned())
}

/// The same of a certificate of its own.
fn counts_alone(statement: &Value) -> (BTreeMap<String, [u64; 3]>, String) {
    let mut counts = BTreeMap::new();
    for target in statement["evidence"]["targets"].as_array().unwrap() {
        let of = |key: &str| target["counts"][key].as_u64().unwrap();
        if of("matched") > 0 {
            counts.insert(name(target), [of("purged"), of("excepted"), of("failed")]);
        }
    }
    (counts, statement["outcome"].as_str().unwrap().to_owned())
}

fn name(target: &Value) -> String {
    format!("{} {} {}", target["dataset"], target["rule"]["id"], target["technique"])
}

#[test]
fn together_leaves_and_counts_what_one_by_one_leaves_and_counts() {
    for seed in [1, 2, 3] {
        let project = town(12, seed);
        let alone = project.copy();
        let before = dump(&project);
        // Not everybody of the town asks.
        let persons = lines(1..=8);
        let ids = verified(&project, &persons);
        let (planned, together) = erased(&project, (0, 0));
        assert_eq!(planned["left"], json!([]));
        let mut one_by_one = Vec::new();
        for number in 1..=8 {
            let request = super::verified(&alone, &format!("email={}", mail(number)), &[]);
            one_by_one.push((super::erased(&alone, &request, 0).1, state(&alone, &request)));
        }
        assert_eq!(dump(&project), dump(&alone), "seed {seed}");
        assert!(dump(&project).len() < before.len());
        let mut disposed = 0;
        for (id, (statement, ended)) in ids.iter().zip(&one_by_one) {
            let (mut among, outcome) = counts_among(&together, id);
            let (mut own, outcome_alone) = counts_alone(statement);
            disposed += among.values().map(|counts| counts[0]).sum::<u64>();
            // An address of two who ask is listed as shared by the first, and gone with the second: of the first it is
            // not there any more when everybody is looked for again.
            let searched = "\"crm.addresses\" \"on-request\" \"search.identity\"".to_owned();
            let listed = own.remove(&searched);
            assert!(among.remove(&searched).is_none() || listed.is_some(), "seed {seed}");
            assert_eq!(among, own, "seed {seed}, {id}");
            assert!(outcome == outcome_alone || listed.is_some(), "seed {seed}: {outcome} {outcome_alone}");
            assert_eq!(&state(&project, id), ended, "seed {seed}");
        }
        assert_eq!(together["evidence"]["recordSet"]["count"], disposed, "every record is one person's");
    }
}

/// Kim and Jo live together, Lou beside somebody who does not ask, and Max is unknown.
fn household() -> (Project, Vec<String>) {
    let project = super::shop();
    project.sql(
        "crm.db",
        "INSERT INTO addresses VALUES (4, 'both ask'), (5, 'one asks');
         INSERT INTO customers VALUES (50, 'ann@example.org', 'Ann', 4), (51, 'bob@example.org', 'Bob', 4),
             (52, 'lou@example.org', 'Lou', 5), (53, 'stays@example.org', 'Stays', 5);
         INSERT INTO visits VALUES (20, 50, 'a'), (21, 53, 'a');",
    );
    let persons = "email=ann@example.org\n{\"email\": \"bob@example.org\"}\n# a remark\n\nemail=lou@example.org\tcustomer_id=52\nemail=max@example.org\n";
    let ids = verified(&project, persons);
    (project, ids)
}

#[test]
fn what_two_who_ask_share_goes_and_what_an_outsider_shares_stays() {
    let (project, ids) = household();
    let before = dump(&project);
    let (planned, statement) = erased(&project, (0, 0));
    let mut went = gone(&before, &dump(&project));
    went.sort();
    assert_eq!(
        went,
        [
            "addresses|addresses|4|both ask",
            "customers|customers|50|ann@example.org|Ann|4",
            "customers|customers|51|bob@example.org|Bob|4",
            "customers|customers|52|lou@example.org|Lou|5",
            "visits|visits|20|50|a",
        ]
    );
    let of = |place: usize| counts_among(&statement, &ids[place]);
    assert_eq!(of(0).1, "complete");
    assert_eq!(of(0).0.values().map(|counts| counts[0]).sum::<u64>(), 2, "{:?}", of(0));
    assert_eq!(of(1).0.values().map(|counts| counts[0]).sum::<u64>(), 2, "the address goes with the last");
    assert_eq!(of(2).1, "complete_with_exceptions", "the address of somebody who stays is kept and listed");
    assert_eq!(of(2).0.values().map(|counts| counts[1]).sum::<u64>(), 1);
    assert_eq!(of(3), (BTreeMap::new(), "nothing_found".to_owned()));
    assert!(ids.iter().all(|id| state(&project, id) == "done"));
    let members = planned["planned"][0]["plan"]["request"]["members"].as_array().unwrap();
    assert_eq!(members.len(), 4);

    // Each has papers of their own.
    let letter = |id: &str| project.run(&["--lang", "fr", "requests", "answer", id]).expect(0).stdout;
    assert!(
        letter(&ids[2]).contains("d'autres personnes") && !letter(&ids[0]).contains("d'autres personnes")
    );
    assert!(
        letter(&ids[3]).contains("aucune donnée") || letter(&ids[3]).contains("rien"),
        "{}",
        letter(&ids[3])
    );
    let receipt = project.run(&["requests", "receipt", &ids[0], "--out", "receipt.json"]).expect(0);
    assert!(receipt.stdout.contains('2'), "{}", receipt.stdout);
    let read: Value = serde_json::from_slice(&fs::read(project.path("receipt.json")).unwrap()).unwrap();
    let opened: BTreeSet<&str> = read["certificates"][0]["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["locator"]["key"].as_str().unwrap())
        .collect();
    assert_eq!(opened, BTreeSet::from(["[50]", "[20]"]), "nothing of anybody else is opened");
    let archive = project.path("certificates");
    let archive = archive.to_str().unwrap();
    project
        .run(&[
            "certificates",
            "verify-receipt",
            "receipt.json",
            "--archive",
            archive,
            "--trust-root",
            "trust-root.json",
        ])
        .expect(0);
    // What named them is destroyed, and hashes by which they would be known again are there.
    let left = project.sql(
        "state/ledger.db",
        "SELECT count(*) FROM request WHERE sealed IS NOT NULL; SELECT count(*) FROM request_identity;
         SELECT count(*) FROM request_plan WHERE sealed IS NOT NULL; SELECT count(*) FROM suppression;",
    );
    assert_eq!(left, "0\n0\n0\n3");
}

#[test]
fn the_plan_reads_as_one_in_both_languages() {
    let (project, _) = household();
    let planned = project.run(&["erase", "--together"]).expect(0).stdout;
    assert!(planned.contains("for 4 person(s)"), "{planned}");
    let id = planned.split_whitespace().find(|word| word.starts_with("plan-")).unwrap().to_owned();
    let shown = project.run(&["show", &id]).expect(0).stdout;
    assert!(shown.contains("4 requests together"), "{shown}");
    let shown = project.run(&["--lang", "fr", "show", &id]).expect(0).stdout;
    assert!(shown.contains("4 demandes ensemble"), "{shown}");
    // A request that is taken back meanwhile makes the plan one of the past.
    project.run(&["approve", &id, "--as", "dpo"]).expect(0);
    let request =
        find_text(&project.run(&["--format", "json", "requests", "list"]).expect(0).json(), "request_id");
    project.run(&["requests", "cancel", &request.unwrap()]).expect(0);
    let refused = project.run(&["apply", &id]).expect(2);
    assert!(refused.stderr.contains("is cancelled"), "{}", refused.stderr);
    let again = project.run(&["--format", "json", "erase", "--together"]).expect(0).json();
    assert_eq!(again["planned"][0]["plan"]["request"]["members"].as_array().unwrap().len(), 3);
}

#[test]
fn what_a_request_alone_has_to_settle_is_left_to_it() {
    let project = super::shop();
    let ids = verified(&project, "email=jo@example.org\ncustomer_id=42\nemail=kim@example.org\n");
    // The second is the first under another name.
    let planned = project.run(&["--format", "json", "erase", "--together"]).expect(3).json();
    assert_eq!(planned["left"], json!([{"request_id": ids[1], "reason": "overlaps"}]));
    let plan = plan_id(&planned["planned"][0]);
    project.run(&["approve", &plan, "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan]).expect(0).json();
    let statement = statement(&project, &end);
    assert_eq!(state(&project, &ids[0]), "waiting");
    assert_eq!(state(&project, &ids[1]), "verified");
    let (counts, outcome) = counts_among(&statement, &ids[0]);
    assert_eq!(outcome, "complete_with_exceptions");
    assert_eq!(counts.values().map(|counts| counts[0]).sum::<u64>(), super::AT_ONCE.len() as u64);
    // The invoice that stays is told with its day, to whom it concerns.
    let until = days(&project).1;
    let shown = project.run(&["--format", "json", "requests", "show", &ids[0]]).expect(0).json();
    assert_eq!(shown["next_on"], until.as_str());
    let letter = project.run(&["--lang", "en", "requests", "answer", &ids[0]]).expect(0).stdout;
    assert!(letter.contains(&format!("until 2 May {}", &until[..4])), "{letter}");
    let waiting = super::later(&project, &["--format", "json", "erase", "--due"]).expect(0).json();
    assert_eq!(waiting["planned"].as_array().unwrap().len(), 2, "each by itself: {waiting}");
}

#[test]
fn a_file_with_a_fault_keeps_nobody_and_repeats_no_value() {
    let project = super::shop();
    for (persons, said) in [
        ("email=jo@example.org\nemail=secret", "line 2: an e-mail address has one @"),
        ("email=jo@example.org\nfax=secret", "line 2: no dataset of the data map declares"),
        ("email=jo@example.org\n{\"email\": {\"secret\": 1}}", "line 2: expected a JSON object"),
        ("email=jo@example.org\nsecret", "line 2: expected KIND=VALUE"),
        ("\u{0}email=secret@example.org\nemail=a@b.c", "line 1: expected KIND=VALUE"),
        ("# nobody", "the file names nobody"),
    ] {
        project.write("persons.txt", persons);
        let refused = project.run(&["requests", "receive", "--persons", "persons.txt"]).expect(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
    }
    assert_eq!(project.sql("state/ledger.db", "SELECT count(*) FROM request;"), "0");
    fs::write(project.path("persons.txt"), [0xff, 0xfe, b'\n']).unwrap();
    project.run(&["requests", "receive", "--persons", "persons.txt"]).expect(2);
    fs::write(project.path("persons.txt"), vec![b'a'; 17 << 20]).unwrap();
    let long = project.run(&["requests", "receive", "--persons", "persons.txt"]).expect(2);
    assert!(long.stderr.contains("is longer than"), "{}", long.stderr);
    // Twice the same person is one request.
    project.write("persons.txt", "email=jo@example.org\nemail=JO@example.org\n");
    let received = project.run(&["--format", "json", "requests", "receive", "--persons", "persons.txt"]);
    let received = received.expect(0).json();
    assert_eq!(received["requests"][1]["joined"], true);
    assert_eq!(received["requests"][0]["request_id"], received["requests"][1]["request_id"]);
    project.write("requests.txt", "request-unknown\n");
    let how = ["--as", "support", "--method", "m"];
    project.run(&[&["requests", "verify", "--requests", "requests.txt"], &how[..]].concat()).expect(2);
}

#[test]
fn a_kill_anywhere_changes_nothing_of_the_end() {
    let persons = lines(1..=6);
    let whole = town(9, 7);
    let calm = whole.copy();
    let ids = verified(&calm, &persons);
    let (_, undisturbed) = erased(&calm, (0, 0));
    let expected: Vec<_> = ids.iter().map(|id| counts_among(&undisturbed, id)).collect();
    let left = dump(&calm);
    for point in [
        "after-begin-run",
        "after-intent-published",
        "after-intent",
        "after-commit",
        "before-prove",
        "before-statement",
        "after-statement",
        "after-publish",
        "after-certified",
    ] {
        let project = whole.copy();
        let ids = verified(&project, &persons);
        let planned = project.run(&["--format", "json", "erase", "--together"]).expect(0).json();
        let plan = plan_id(&planned["planned"][0]);
        project.run(&["approve", &plan, "--as", "dpo"]).expect(0);
        let mut command = project.command(&["apply", &plan]);
        command.env("OUBLIETTE_BATCH_RECORDS", "2").env("OUBLIETTE_FAILPOINT", format!("{point}:1"));
        let killed = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(killed.signal(), Some(9), "{point}");
        if point != "after-certified" {
            project.run(&["apply", "--resume"]).expect(0);
        }
        assert_eq!(dump(&project), left, "{point}");
        assert!(ids.iter().all(|id| ["done", "waiting"].contains(&state(&project, id).as_str())), "{point}");
        let shown = project.run(&["--format", "json", "requests", "show", &ids[0]]).expect(0).json();
        let certificates = shown["certificate_ids"].as_array().unwrap();
        assert_eq!(certificates.len(), 1, "{point}");
        let id = certificates[0].as_str().unwrap();
        let certificate = project.run(&["--format", "json", "certificates", "show", id]).expect(0).json();
        let statement = &certificate["statement"]["predicate"];
        let counted: Vec<_> = ids.iter().map(|id| counts_among(statement, id)).collect();
        assert_eq!(counted, expected, "{point}");
        let archive = project.path("certificates");
        project.run(&["verify", archive.to_str().unwrap(), "--trust-root", "trust-root.json"]).expect(0);
        let kept = "SELECT count(*) FROM suppression; SELECT count(*) FROM request_receipt;";
        assert_eq!(project.sql("state/ledger.db", kept), calm.sql("state/ledger.db", kept), "{point}");
    }
}

#[test]
fn what_comes_after_the_plan_makes_partial_only_whom_it_concerns() {
    let project = town(6, 11);
    let persons = lines(1..=3);
    let persons = persons + "email=nobody@example.org\n";
    let ids = verified(&project, &persons);
    let planned = project.run(&["--format", "json", "erase", "--together"]).expect(0).json();
    let plan = plan_id(&planned["planned"][0]);
    project.run(&["approve", &plan, "--as", "dpo"]).expect(0);
    project.sql(
        "crm.db",
        &format!(
            "INSERT INTO newsletter VALUES (9001, '{}', '2026-01-01'); INSERT INTO visits VALUES (9002, 1002, 'new');",
            mail(1)
        ),
    );
    let end = project.run(&["--format", "json", "apply", &plan]).expect(3).json();
    let statement = statement(&project, &end);
    assert_eq!(statement["outcome"], "partial");
    let failed =
        |place: usize| counts_among(&statement, &ids[place]).0.values().map(|one| one[2]).sum::<u64>();
    assert_eq!(counts_among(&statement, &ids[0]).1, "partial", "a letter was ordered meanwhile");
    assert_eq!(counts_among(&statement, &ids[1]).1, "partial", "a visit came meanwhile");
    assert!(failed(0) == 1 && failed(1) > 0, "{} {}", failed(0), failed(1));
    assert_ne!(counts_among(&statement, &ids[2]).1, "partial");
    assert_eq!(counts_among(&statement, &ids[3]).1, "nothing_found");
    let states: Vec<_> = ids.iter().map(|id| state(&project, id)).collect();
    assert_eq!((states[0].as_str(), states[1].as_str(), states[3].as_str()), ("partial", "partial", "done"));
    // What is left of them is for each alone, and goes.
    let again = project.run(&["--format", "json", "erase", "--together"]).expect(3).json();
    let left: BTreeSet<&str> =
        again["left"].as_array().unwrap().iter().map(|one| one["request_id"].as_str().unwrap()).collect();
    assert!(left.is_superset(&BTreeSet::from([ids[0].as_str(), ids[1].as_str()])), "{again}");
    let (_, alone) = super::erased(&project, &ids[0], 0);
    assert_eq!(alone["relatesTo"][0]["certificateId"], statement["certificateId"]);
    assert_eq!(project.sql("crm.db", "SELECT count(*) FROM newsletter WHERE id = 9001;"), "0");
}

/// Everything that the program wrote is searched for what names a person.
#[test]
fn no_identity_stands_in_clear_outside_the_stores() {
    let project = super::shop();
    project.sql(
        "crm.db",
        "INSERT INTO customers VALUES (60, 'canari60@example.org', 'Canari', NULL),
             (61, 'canari61@example.org', 'Canari', NULL);",
    );
    let persons = "email=canari60@example.org\n{\"email\": \"canari61@example.org\", \"customer_id\": 61}\n";
    let ids = verified(&project, persons);
    fs::remove_file(project.path("persons.txt")).unwrap();
    let mut said = Vec::new();
    let mut run = |arguments: &[&str]| {
        let answer = project.run(&[&["--log", "trace"], arguments].concat()).expect(0);
        said.push(answer.stderr.clone() + &answer.stdout);
        answer
    };
    let planned = run(&["--format", "json", "erase", "--together"]).json();
    let plan = plan_id(&planned["planned"][0]);
    run(&["show", &plan]);
    run(&["approve", &plan, "--as", "dpo"]);
    run(&["apply", &plan]);
    run(&["requests", "list", "--all"]);
    run(&["requests", "answer", &ids[0]]);
    for text in said {
        assert!(!text.to_lowercase().contains("canari"), "{text}");
    }
    for file in crate::support::files(&project.path("")) {
        if file.starts_with("crm.db") {
            continue;
        }
        let bytes = fs::read(project.path(&file)).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("canari"), "{file}");
    }
    assert_eq!(project.sql("crm.db", "SELECT count(*) FROM customers WHERE id >= 60;"), "0");
}
