//! One run over two daemons: each does a part, and whatever becomes of either, what went stands on one certificate.

use super::binary::{Running, certificates, certified, eventually};
use super::servers::{SETTINGS, count};
use super::stage::{DATA_MAP, policy};
use crate::support::Project;
use crate::support::commitments::{self, Records};
use crate::support::server::{Database, Server};
use connectors::RecordKey;
use rustix::process::Signal;
use std::cell::Cell;
use std::process::Command;

/// Rows that come at once: enough batches that the second daemon may come in time for some of them.
const ROWS: u64 = 1_500;
const BATCH_RECORDS: &str = "10";
/// For tests: a daemon that died is replaced in seconds.
const LEASE_SECONDS: &str = "4";

struct Pair {
    shop: Database,
    ledger: Database,
    project: Project,
    /// So many rows there were.
    rows: Cell<u64>,
}

impl Pair {
    fn new(kind: Server, settings: &str) -> Self {
        let (shop, ledger) = (Database::new(kind), Database::new(Server::Postgres));
        let instant = if kind == Server::Postgres { "TIMESTAMP" } else { "DATETIME" };
        shop.sql(&format!("CREATE TABLE visits (id BIGINT PRIMARY KEY, seen_at {instant} NOT NULL);"));
        // Several batches at once, in either daemon.
        let settings = settings.replace("kind: postgres", &format!("kind: {}, connections: 3", kind.kind()));
        let map = DATA_MAP.replace("{column: seen_at}", "{column: seen_at, zone: UTC}");
        let mut project = Project::new(&settings, &map, &policy("shop", "Europe/Paris", 30));
        project.environment = vec![("LEDGER", ledger.without_scheme()), ("SHOP", shop.address())];
        project.run(&["approve", "--standing", "shop/visit", "--as", "dpo"]).expect(0);
        Self { shop, ledger, project, rows: Cell::new(0) }
    }

    /// Rows that are due.
    fn fill(&self) {
        let from = self.rows.replace(self.rows.get() + ROWS);
        let ids = from + 1..=from + ROWS;
        let rows: Vec<String> = ids.map(|id| format!("({id}, '2020-01-01 08:00:00')")).collect();
        self.shop.sql(&format!("INSERT INTO visits VALUES {};", rows.join(", ")));
    }

    /// Something to do, and more of it as often as it was done before something came to pass.
    fn fill_until(&self, what: &str, has_come: impl Fn() -> bool) {
        for _ in 0..40 {
            self.fill();
            eventually("everything is gone, or it has come to pass", || has_come() || self.is_through());
            if has_come() {
                return;
            }
        }
        panic!("it never came to pass: {what}");
    }

    fn command(&self, failpoint: Option<&str>) -> Command {
        let mut command = self.project.command(&["--log", "info", "daemon"]);
        command.env("OUBLIETTE_LEASE_SECONDS", LEASE_SECONDS).env("OUBLIETTE_BATCH_RECORDS", BATCH_RECORDS);
        if let Some(failpoint) = failpoint {
            command.env("OUBLIETTE_FAILPOINT", failpoint);
        }
        command
    }

    /// A leader, then a second daemon.
    fn start(&self, leader: Option<&str>, helper: Option<&str>) -> (Running, Running) {
        let first = Running::start(self.command(leader));
        eventually("one acts", || {
            let owners =
                "SELECT count(*) FROM oubliette.lease WHERE scope = 'daemon' AND expires_at > now();";
            self.ledger.sql(owners) == "1"
        });
        (first, Running::start(self.command(helper)))
    }

    fn is_through(&self) -> bool {
        let open = "SELECT count(*) FROM oubliette.run WHERE state <> 'certified';";
        count(&self.shop, "true") == 0 && self.ledger.sql(open) == "0"
    }

    /// Waits until everything is gone: every record on one certificate, and nothing of the help left in the ledger.
    fn check(&self) {
        eventually("everything is gone and certified", || self.is_through());
        let project = &self.project;
        let gone: Records = (1..=self.rows.get())
            .map(|id| ("shop.visits".to_owned(), RecordKey::int(i64::try_from(id).unwrap()).canonical()))
            .collect();
        project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
        assert_eq!(certified(project), self.rows.get());
        let faults = commitments::faults(&project.path("sealed"), &certificates(project), &gone);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        eventually("sealed ranges are destroyed", || {
            self.ledger.sql("SELECT count(*) FROM oubliette.offer;") == "0"
        });
    }

    /// Proven batches of helpers.
    fn helped(&self) -> u64 {
        let helped = "SELECT count(*) FROM oubliette.batch WHERE part >= 2097152 AND state = 'proven';";
        self.ledger.sql(helped).parse().unwrap()
    }

    fn led(&self) -> u64 {
        let led = "SELECT count(*) FROM oubliette.batch WHERE part = 0 AND state = 'proven';";
        self.ledger.sql(led).parse().unwrap()
    }
}

fn end(mut daemons: Vec<Running>) {
    for daemon in &daemons {
        daemon.signal(Signal::TERM);
    }
    for daemon in &mut daemons {
        assert_eq!(daemon.ended().code(), Some(0));
    }
}

fn both_do_a_part(kind: Server) {
    let pair = Pair::new(kind, SETTINGS);
    let (first, second) = pair.start(None, None);
    pair.fill_until("both did a part", || pair.helped() > 0 && pair.led() > 0);
    pair.check();
    println!("{kind:?}: {} batches by the helper, {} led", pair.helped(), pair.led());
    end(vec![first, second]);
}

#[test]
fn two_daemons_share_a_run_on_postgresql() {
    both_do_a_part(Server::Postgres);
}

#[test]
fn two_daemons_share_a_run_on_mariadb() {
    both_do_a_part(Server::Mysql);
}

#[test]
fn a_daemon_that_is_told_so_does_not_help() {
    let settings = SETTINGS.replace("daemon: {", "daemon: {helps: false, ");
    let pair = Pair::new(Server::Postgres, &settings);
    let (first, second) = pair.start(None, None);
    pair.fill();
    pair.check();
    assert_eq!(pair.helped(), 0);
    end(vec![first, second]);
}

#[test]
fn a_helper_that_is_killed_anywhere_leaves_nothing_open() {
    for point in ["after-intent:1", "before-commit:1", "after-commit:1", "before-prove:1"] {
        let pair = Pair::new(Server::Postgres, SETTINGS);
        let (first, second) = pair.start(None, Some(point));
        pair.fill_until(point, || second.has_ended());
        pair.check();
        end(vec![first]);
    }
}

#[test]
fn a_helper_that_is_paused_longer_than_its_right_lasts_does_nothing_afterwards() {
    for point in ["before-intent:1:stop", "before-commit:1:stop"] {
        let pair = Pair::new(Server::Postgres, SETTINGS);
        let (first, second) = pair.start(None, Some(point));
        pair.fill_until(point, || second.is_stopped());
        eventually("the leader does it all", || pair.is_through());
        let helped = pair.helped();
        second.signal(Signal::CONT);
        pair.check();
        end(vec![first, second]);
        assert_eq!(pair.helped(), helped, "{point}: it wrote something after it was dismissed");
        pair.check();
    }
}

#[test]
fn a_helper_takes_over_when_its_leader_is_killed() {
    for point in ["before-prove:60", "after-commit:60"] {
        let pair = Pair::new(Server::Postgres, SETTINGS);
        let (first, second) = pair.start(Some(point), None);
        pair.fill_until(point, || first.has_ended());
        pair.check();
        end(vec![second]);
    }
}

#[test]
fn a_hold_that_comes_while_two_share_a_run_is_honoured_by_both() {
    let pair = Pair::new(Server::Postgres, SETTINGS);
    let (first, second) = pair.start(None, None);
    pair.fill_until("both are at it", || pair.helped() > 3 && pair.led() > 3);
    pair.fill();
    let held = format!("id > {}", pair.rows.get() - 500);
    let why = ["--matter", "m", "--reason", "r", "--owner", "o"];
    let placed = [&["hold", "add", "--dataset", "shop.visits", "--where", &held][..], &why].concat();
    pair.project.run(&placed).expect(0);
    // A batch whose intent was before the hold may still be under way.
    eventually("what was intended before is over", || {
        let before = "SELECT count(*) FROM oubliette.batch WHERE state IN ('intended', 'acted')
            AND hold_revision < (SELECT revision FROM oubliette.hold_register);";
        pair.ledger.sql(before) == "0"
    });
    let when_placed = count(&pair.shop, &held);
    assert!(when_placed > 0, "the hold came too late");
    eventually("everything else is gone", || count(&pair.shop, &format!("NOT ({held})")) == 0);
    assert_eq!(count(&pair.shop, &held), when_placed);
    end(vec![first, second]);
    pair.project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
}
