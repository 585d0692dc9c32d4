//! A long while on real servers under load: three daemons over PostgreSQL, MariaDB and SeaweedFS, while daemons
//! and servers are killed at random. What is due and free goes, nothing else does, each record stands on exactly
//! one certificate, and a daemon that is never killed needs no more memory and files at the end than before.
//!
//! `OUBLIETTE_SOAK_SECONDS` sets for how long (1800 is the trial), `OUBLIETTE_SEED` repeats a series.

use super::binary::{certificates, certified, eventually};
use super::fleet::{BACKLOG_MAX, Fleet};
use super::load::{Load, Servers};
use super::needs::Needs;
use super::servers::number;
use crate::support::commitments;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const SECONDS: u64 = 25;
/// Seconds between two looks at what the first daemon needs.
const LOOK_EVERY: u64 = 10;
/// Turns between two new holds.
const HOLD_EVERY: u64 = 20;

#[test]
fn daemons_and_servers_die_under_load_and_every_record_is_accounted_for() {
    let trial = Duration::from_secs(number("OUBLIETTE_SOAK_SECONDS", SECONDS));
    let servers = Servers::start();
    let mut load = Load::new(&servers);
    let project = load.project();
    let mut fleet = Fleet::start(project, 3, number("OUBLIETTE_SEED", 5)).steady();
    let (began, mut crashed) = (Instant::now(), BTreeMap::<&str, u64>::new());
    let mut needs = Needs::default();
    let mut turn = 0;
    while began.elapsed() < trial {
        if turn % HOLD_EVERY == 1 {
            load.hold(&fleet.project);
        }
        let more = [40, 40, 10].map(|most| 5 + fleet.below(most));
        if load.due_and_free() < BACKLOG_MAX {
            load.add(more);
        }
        std::thread::sleep(Duration::from_millis(500 + fleet.below(1_500)));
        match fleet.below(8) {
            0 => *crashed.entry(servers.crash_one(fleet.below(3))).or_default() += 1,
            _ => fleet.disturb(),
        }
        if needs.look(began.elapsed(), LOOK_EVERY, || fleet.needs()) {
            println!("{} {} left", needs.last(), load.due_and_free());
        }
        turn += 1;
    }
    eventually("everything due and free is gone", || load.due_and_free() == 0);
    eventually("every run is certified", || load.open_runs() == 0);
    fleet.end();
    load.check_what_is_left();
    let gone = load.gone();
    let project = &fleet.project;
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    assert_eq!(certified(project), gone.len() as u64);
    let ids = certificates(project);
    let faults = commitments::faults(&project.path("sealed"), &ids, &gone);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!(
        "{trial:?}: {} records went, {:?} held, {:?}, servers killed: {crashed:?}, {} certificates\n{needs}",
        gone.len(),
        load.held(),
        fleet.befell,
        ids.len(),
    );
    needs.assert_steady();
}
