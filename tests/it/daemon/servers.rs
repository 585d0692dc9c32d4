//! Several daemons on one ledger on PostgreSQL, killed, paused and cut off at random: every record that goes
//! stands on exactly one certificate.
//!
//! `OUBLIETTE_DAEMON_TRIAL_SECONDS` sets for how long (600 is the trial), `OUBLIETTE_SEED` repeats a series.

use super::binary::{certificates, certified, eventually};
use super::fleet::{BACKLOG_MAX, Fleet};
use super::stage::{DATA_MAP, policy};
use crate::support::Project;
use crate::support::commitments::{self, Records};
use crate::support::server::{Database, Server};
use connectors::RecordKey;
use std::time::{Duration, Instant};

const SECONDS: u64 = 12;
/// After every so many rows one that is too young to go.
const YOUNG_EVERY: u64 = 10;
const IS_DUE: &str = "id % 10 <> 0";

pub(super) const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: "postgres://${env:LEDGER}"
stores:
  shop: {kind: postgres, reader: "${env:SHOP}", writer: "${env:SHOP}", backups_kept: P0D, logs_kept: P0D}
guards: {max_share: 100%, empty_dataset: allow, max_records: 1000000}
daemon: {jump: {floor: 1000000}}
drift: {max_share: 100%, max_records: 1000000}
schedules:
  often: {cron: "*/2 * * * * *", time_zone: UTC, policies: [shop]}
"#;

pub(super) fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

/// Stores and ledger on the server, a schedule every two seconds.
fn project(shop: &Database, ledger: &Database) -> Project {
    let mut project = Project::new(SETTINGS, DATA_MAP, &policy("shop", "Europe/Paris", 30));
    project.environment = vec![("LEDGER", ledger.without_scheme()), ("SHOP", shop.address())];
    project
}

/// Rows by number; every tenth is too young.
fn add(shop: &Database, from: u64, to: u64) {
    shop.sql(&format!(
        "INSERT INTO visits SELECT n, CASE WHEN n % {YOUNG_EVERY} = 0 THEN now() ELSE '2020-01-01T08:00:00Z' END
         FROM generate_series({from}, {to}) n;"
    ));
}

pub(super) fn count(shop: &Database, condition: &str) -> u64 {
    shop.sql(&format!("SELECT count(*) FROM visits WHERE {condition};")).parse().unwrap()
}

#[test]
fn three_daemons_killed_paused_and_cut_off_leave_every_record_on_one_certificate() {
    let (shop, ledger) = (Database::new(Server::Postgres), Database::new(Server::Postgres));
    shop.sql("CREATE TABLE visits (id BIGINT PRIMARY KEY, seen_at TIMESTAMPTZ NOT NULL);");
    let project = project(&shop, &ledger);
    project.run(&["approve", "--standing", "shop/visit", "--as", "dpo"]).expect(0);
    let trial = Duration::from_secs(number("OUBLIETTE_DAEMON_TRIAL_SECONDS", SECONDS));
    let mut fleet = Fleet::start(project, 3, number("OUBLIETTE_SEED", 11));
    let (mut added, began) = (0, Instant::now());
    while began.elapsed() < trial {
        // Now and then so much that the others help.
        let more = if fleet.below(4) == 0 { 400 + fleet.below(400) } else { 20 + fleet.below(60) };
        if count(&shop, IS_DUE) < BACKLOG_MAX {
            add(&shop, added + 1, added + more);
            added += more;
        }
        std::thread::sleep(Duration::from_millis(500 + fleet.below(2_000)));
        fleet.disturb();
    }
    eventually("everything due is gone", || count(&shop, IS_DUE) == 0);
    eventually("every run is certified", || {
        ledger.sql("SELECT count(*) FROM oubliette.run WHERE state <> 'certified';") == "0"
    });
    fleet.end();
    assert_eq!(count(&shop, "true"), added / YOUNG_EVERY, "one went that was too young");
    let gone: Records = (1..=added)
        .filter(|id| id % YOUNG_EVERY != 0)
        .map(|id| ("shop.visits".to_owned(), RecordKey::int(i64::try_from(id).unwrap()).canonical()))
        .collect();
    let project = &fleet.project;
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    assert_eq!(certified(project), gone.len() as u64);
    let ids = certificates(project);
    let faults = commitments::faults(&project.path("sealed"), &ids, &gone);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!(
        "{trial:?}: {} records went, {} batches of them by helpers, {:?}, {} certificates, {} takeovers",
        gone.len(),
        ledger.sql("SELECT count(*) FROM oubliette.batch WHERE part >= 2097152 AND state = 'proven';"),
        fleet.befell,
        ids.len(),
        ledger.sql("SELECT token FROM oubliette.lease WHERE scope = 'daemon';"),
    );
}
