//! Several daemons on one ledger on PostgreSQL, killed and paused at random: every record that goes stands on
//! exactly one certificate.
//!
//! `OUBLIETTE_DAEMON_TRIAL_SECONDS` sets for how long (600 is the trial).

use super::binary::{Running, certified, eventually};
use super::chance::Chance;
use super::stage::{DATA_MAP, policy};
use crate::support::Project;
use crate::support::server::{Database, Server};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const SECONDS: u64 = 12;

fn trial() -> Duration {
    let seconds = std::env::var("OUBLIETTE_DAEMON_TRIAL_SECONDS").ok();
    Duration::from_secs(seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap()))
}

/// Stores and ledger on the server, a schedule every two seconds.
fn project(shop: &Database, ledger: &Database) -> Project {
    let (shop, ledger) = (shop.address(), ledger.address());
    let settings = format!(
        "controller: {{name: \"Boutique Exemple SAS\", contact: dpo@boutique.example}}\nledger: \"{ledger}\"\n\
         stores:\n  shop: {{kind: postgres, reader: \"{shop}\", writer: \"{shop}\", backups_kept: P0D, logs_kept: P0D}}\n\
         guards: {{max_share: 100%, empty_dataset: allow, max_records: 1000000}}\n\
         daemon: {{jump: {{floor: 1000000}}}}\n\
         drift: {{max_share: 100%, max_records: 1000000}}\n\
         schedules:\n  often: {{cron: \"*/2 * * * * *\", time_zone: UTC, policies: [shop]}}\n"
    );
    Project::new(&settings, DATA_MAP, &policy("shop", "Europe/Paris", 30))
}

fn daemon(project: &Project) -> Running {
    let mut command = project.command(&["daemon"]);
    command.env("OUBLIETTE_LEASE_SECONDS", "4").env("OUBLIETTE_BATCH_RECORDS", "7");
    Running::start(command)
}

fn add(shop: &Database, count: u64) {
    shop.sql(&format!(
        "INSERT INTO visits (seen_at) SELECT '2020-01-01T08:00:00Z' FROM generate_series(1, {count});"
    ));
}

fn left(shop: &Database) -> u64 {
    shop.sql("SELECT count(*) FROM visits;").parse().unwrap()
}

#[test]
fn three_daemons_killed_and_paused_leave_every_record_on_one_certificate() {
    let (shop, ledger) = (Database::new(Server::Postgres), Database::new(Server::Postgres));
    shop.sql("CREATE TABLE visits (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seen_at TIMESTAMPTZ NOT NULL);");
    let project = project(&shop, &ledger);
    project.run(&["approve", "--standing", "shop/visit", "--as", "dpo"]).expect(0);
    let mut chance = Chance::new(11);
    let mut daemons: Vec<Running> = (0..3).map(|_| daemon(&project)).collect();
    let (mut added, mut killed, mut paused, began) = (0, 0, 0, Instant::now());
    while began.elapsed() < trial() {
        let count = 20 + chance.below(60);
        add(&shop, count);
        added += count;
        std::thread::sleep(Duration::from_millis(500 + chance.below(2_000)));
        let one = usize::try_from(chance.below(3)).unwrap();
        if chance.below(2) == 0 {
            daemons[one] = daemon(&project);
            killed += 1;
        } else {
            daemons[one].signal(Signal::STOP);
            // Longer than the lease, or shorter.
            std::thread::sleep(Duration::from_millis(500 + chance.below(7_000)));
            daemons[one].signal(Signal::CONT);
            paused += 1;
        }
    }
    eventually("everything due is gone", || left(&shop) == 0);
    eventually("every run is certified", || {
        ledger.sql("SELECT count(*) FROM oubliette.run WHERE state <> 'certified';") == "0"
    });
    for running in &daemons {
        running.signal(Signal::TERM);
    }
    for running in &mut daemons {
        running.ended();
    }
    assert_eq!(certified(&project), added);
    let certificates = project.run(&["--format", "json", "certificates", "list"]).expect(0).json();
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    println!(
        "{:?}: {added} records, {killed} killed, {paused} paused, {} certificates, {} takeovers",
        trial(),
        certificates["certificates"].as_array().unwrap().len(),
        ledger.sql("SELECT token FROM oubliette.lease WHERE scope = 'daemon';"),
    );
}
