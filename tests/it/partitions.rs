//! Whole partitions of a PostgreSQL table go at once, with the same evidence as row by row: every record on
//! the certificate, nothing lost that was written meanwhile, and the same end after a kill anywhere.

use crate::support::Project;
use crate::support::server::{Database, Server};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const DATA_MAP: &str = r"
datasets:
  - name: log.visits
    store: log
    table: visits
    record_type: visit
    subject: {email: email}
    events: {visited: visited_on}
";

const POLICY: &str = r#"
policy: log
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
  - id: visit
    record_type: visit
    title: {fr: "Visites", en: "Visits"}
    purpose: {fr: "Statistiques", en: "Statistics"}
    legal_basis: eu-gdpr:A6-1-f
    starts_from: {event: visited, type: collection}
    retain_for: P3Y
    disposition: purge
    guards: {max_share: 100%, max_records: 10000000}
"#;

/// In each year's partition.
const ROWS: u64 = 90;

/// A partitioned table: 2015 and 2016 are past their time, 2017 has rows without a date of the past beside
/// those that are, the last is of now, and there is a default.
fn visits(partitions: &str) -> Project {
    let database = Database::new(Server::Postgres);
    let address = database.address();
    let settings = format!(
        "controller: {{name: \"Boutique Exemple SAS\", contact: dpo@boutique.example}}
ledger: sqlite://state/ledger.db
archive: {{directory: certificates}}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
author: engineer
stores:
  log: {{kind: postgres, reader: \"{address}\", writer: \"{address}\", backups_kept: P0D{partitions}}}
drift: {{max_share: 100%, max_records: 1000000}}
"
    );
    database.sql(&format!(
        "CREATE TABLE visits(id BIGINT, visited_on DATE NOT NULL, born_on DATE, email TEXT, PRIMARY KEY (id, visited_on))
           PARTITION BY RANGE (visited_on);
         CREATE TABLE visits_2015 PARTITION OF visits FOR VALUES FROM ('2015-01-01') TO ('2016-01-01');
         CREATE TABLE visits_2016(email TEXT, born_on DATE, visited_on DATE NOT NULL, id BIGINT NOT NULL);
         ALTER TABLE visits ATTACH PARTITION visits_2016 FOR VALUES FROM ('2016-01-01') TO ('2017-01-01');
         CREATE TABLE visits_mixed PARTITION OF visits FOR VALUES FROM ('2017-01-01') TO ('2120-01-01');
         CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
         INSERT INTO visits SELECT y * 1000 + i, make_date(y, 1 + i % 12, 1 + i % 28), NULL, 'v' || i || '@example.org'
           FROM generate_series(2014, 2017) y, generate_series(1, {ROWS}) i;
         INSERT INTO visits SELECT i, current_date - i, NULL, 'now' || i || '@example.org' FROM generate_series(1, 20) i;"
    ));
    // Rows that are as young as a transaction which is still running could be its own: they go row by row.
    let written = database.sql("SELECT pg_current_xact_id();");
    let settled = format!("SELECT pg_snapshot_xmin(pg_current_snapshot()) > '{written}'::xid8;");
    while database.sql(&settled) != "t" {
        thread::sleep(Duration::from_millis(50));
    }
    let mut project = Project::new(&settings, DATA_MAP, POLICY);
    project.database = Some(database);
    project
}

fn count(project: &Project, what: &str) -> u64 {
    project.shop(&format!("SELECT count(*) FROM {what};")).parse().unwrap()
}

fn is_there(project: &Project, table: &str) -> bool {
    project.shop(&format!("SELECT to_regclass('{table}') IS NOT NULL;")) == "t"
}

/// The target of the newest certificate, and the number of its commitments.
fn certified(project: &Project) -> (Value, u64) {
    let listed = project.run(&["--format", "json", "certificates", "list"]).expect(0).json();
    let certificates = listed["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 1, "{listed}");
    let id = certificates[0]["certificate_id"].as_str().unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", id]).expect(0).json();
    let evidence = &shown["statement"]["predicate"]["evidence"];
    project.run(&["verify", "certificates"]).expect(0);
    (evidence["targets"][0].clone(), evidence["recordSet"]["count"].as_u64().unwrap())
}

#[test]
fn wholly_expired_partitions_go_at_once_and_the_others_row_by_row() {
    let project = visits(", partitions: drop");
    let plan = project.approved();
    let planned = &plan["plan"]["items"][0]["partitions"];
    assert_eq!(planned[0]["name"], "public.visits_2015");
    assert_eq!(planned[1], serde_json::json!({"name": "public.visits_2016", "records": ROWS}));
    assert_eq!(planned.as_array().unwrap().len(), 2, "neither the default nor what is due in part");
    let french = project.run(&["--lang", "fr", "show", "latest"]).expect(0).stdout;
    assert!(french.contains("Partitions supprimées d'un bloc : public.visits_2015 (90)"), "{french}");
    assert!(french.contains("2 partition(s), 180 enregistrements"), "{french}");

    project.apply();
    assert!(!is_there(&project, "visits_2015") && !is_there(&project, "visits_2016"));
    assert!(is_there(&project, "visits_mixed") && is_there(&project, "visits_rest"));
    assert_eq!(count(&project, "visits"), 20);
    let (target, committed) = certified(&project);
    assert_eq!(target["counts"]["purged"], 4 * ROWS);
    assert_eq!(committed, 4 * ROWS);
    assert_eq!(target["residueSteps"][0], "sql.drop_partition", "{target}");
    assert_eq!(target["verification"]["remaining"], 0);
}

#[test]
fn without_the_setting_partitions_are_emptied_and_the_plan_says_what_could_be() {
    let project = visits("");
    let plan = project.approved();
    assert_eq!(plan["plan"]["items"][0]["partitions"], Value::Null);
    let findings = plan["plan"]["findings"].as_array().unwrap();
    let could = findings.iter().find(|finding| finding["code"] == "partitions_could").unwrap();
    assert!(
        could["message"]
            .as_str()
            .unwrap()
            .contains("'public.visits_2015', 'public.visits_2016' (2 with 180 records)")
    );
    project.apply();
    assert!(is_there(&project, "visits_2015"));
    assert_eq!(count(&project, "visits"), 20);
    let (target, _) = certified(&project);
    assert_eq!(target["counts"]["purged"], 4 * ROWS);
    assert_ne!(target["residueSteps"][0], "sql.drop_partition");
}

#[test]
fn a_held_row_keeps_its_partition_and_the_rest_of_it_goes() {
    let project = visits(", partitions: drop");
    let hold = [
        "hold",
        "add",
        "--subject",
        "email=v7@example.org",
        "--matter",
        "m",
        "--reason",
        "r",
        "--owner",
        "o",
    ];
    project.run(&hold).expect(0);
    let plan = project.approved();
    assert_eq!(plan["plan"]["items"][0]["partitions"], Value::Null, "each year has a visit of that person");
    project.apply();
    assert_eq!(count(&project, "visits_2015"), 1);
    assert_eq!(count(&project, "visits"), 24);
}

#[test]
fn what_changes_after_the_plan_keeps_the_partition() {
    // A row of another time cannot stand there; one that others refer to, fire on or subscribe to can.
    let obstacles = [
        ("CREATE PUBLICATION p FOR TABLE visits;", true),
        ("CREATE VIEW of_2015 AS SELECT * FROM visits_2015;", false),
    ];
    for (statement, both) in obstacles {
        let project = visits(", partitions: drop");
        project.approved();
        project.shop(statement);
        project.apply();
        assert!(is_there(&project, "visits_2015"), "{statement}");
        assert_eq!(is_there(&project, "visits_2016"), both, "{statement}");
        assert_eq!(count(&project, "visits"), 20, "{statement}");
        assert_eq!(certified(&project).1, 4 * ROWS, "{statement}");
    }
}

#[test]
fn a_writer_without_ownership_empties_the_partitions() {
    let project = visits(", partitions: drop");
    let role = format!("writer_{}", std::process::id());
    project.shop(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT, DELETE ON visits, visits_2015, visits_2016, visits_mixed, visits_rest TO {role};"
    ));
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    project.write(
        "oubliette.yaml",
        &settings.replace("writer: \"postgres://postgres@", &format!("writer: \"postgres://{role}@")),
    );
    project.approved();
    let answer = project.run(&["--format", "json", "apply"]);
    assert!(is_there(&project, "visits_2015"));
    assert_eq!(count(&project, "visits"), 20, "{}", answer.stderr);
    assert_eq!(certified(&project).1, 4 * ROWS);
    project.shop(&format!("DROP OWNED BY {role}; DROP ROLE {role};"));
}

/// What is written while a partition is on its way out is either still there in the end, or on the
/// certificate, or was deleted by who wrote it.
#[test]
fn nothing_that_is_written_meanwhile_is_lost() {
    for trial in 0..4 {
        let project = visits(", partitions: drop");
        project.approved();
        let (stop, inserted, deleted) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let database = project.database.as_ref().unwrap();
                let mut number = 9_000_000;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    let insert = format!("INSERT INTO visits VALUES ({number}, '2015-05-05', NULL, 'w');");
                    inserted.fetch_add(u64::from(database.try_sql(&insert).is_ok()), Ordering::SeqCst);
                    let delete = format!("WITH d AS (DELETE FROM visits WHERE id = 2016001 + {number} % 80 RETURNING 1) SELECT count(*) FROM d;");
                    let gone = database.try_sql(&delete).map_or(0, |gone| gone.parse().unwrap());
                    deleted.fetch_add(gone, Ordering::SeqCst);
                }
            });
            thread::sleep(Duration::from_millis(40 * trial));
            let ended = project
                .command(&["--format", "json", "apply"])
                .env("OUBLIETTE_BATCH_RECORDS", "2")
                .env("OUBLIETTE_IGNORE_PRESSURE", "1")
                .output()
                .unwrap();
            assert!(matches!(ended.status.code(), Some(0 | 3)), "{ended:?}");
            stop.store(true, Ordering::SeqCst);
            writer.join().unwrap();
        });
        let written = 4 * ROWS + 20 + inserted.load(Ordering::SeqCst) - deleted.load(Ordering::SeqCst);
        let (target, committed) = certified(&project);
        assert_eq!(written, count(&project, "visits") + committed, "trial {trial}: {target}");
        println!(
            "trial {trial}: {inserted:?} inserted, {deleted:?} deleted meanwhile, dropped: {:?}",
            ["visits_2015", "visits_2016"].map(|table| !is_there(&project, table))
        );
    }
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn killed_anywhere_a_partition_is_gone_with_every_record_certified_or_still_whole() {
    let points = [
        "before-intent:1",
        "after-intent:1",
        "after-intent:4",
        "after-intent:9",
        "partition-told:1",
        "partition-told:2",
        "partition-before-commit:1",
        "partition-before-commit:2",
        "partition-after-commit:1",
        "partition-after-commit:2",
        "partition-after-dispose:1",
        "before-prove:1",
        "before-prove:3",
        "after-prove:2",
        "before-statement:1",
    ];
    for close in [false, true] {
        for point in points.into_iter().step_by(if close { 3 } else { 1 }) {
            let project = visits(", partitions: drop");
            project.approved();
            let before = count(&project, "visits");
            let apply = |arguments: &[&str], point: &str| {
                project
                    .command(&[&["--format", "json", "apply"], arguments].concat())
                    .env("OUBLIETTE_BATCH_RECORDS", "20")
                    .env("OUBLIETTE_IGNORE_PRESSURE", "1")
                    .env("OUBLIETTE_FAILPOINT", point)
                    .output()
                    .unwrap()
            };
            let killed = apply(&[], point);
            assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
            if !is_there(&project, "visits_2015") {
                // Made anew under its name: it is not the one that went.
                project.shop("CREATE TABLE visits_2015 PARTITION OF visits FOR VALUES FROM ('2015-01-01') TO ('2016-01-01');");
            }
            let ended = apply(&[if close { "--close" } else { "--resume" }], "none:1");
            assert!(matches!(ended.status.code(), Some(0 | 3)), "{point}: {ended:?}");
            let (target, committed) = certified(&project);
            assert_eq!(before - count(&project, "visits"), committed, "{point}: {target}");
            if !close {
                assert_eq!(count(&project, "visits"), 20, "{point}");
                assert!(!is_there(&project, "visits_2016"), "{point}");
            }
        }
    }
}
