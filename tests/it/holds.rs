//! Holds: what they cover, that a release ends them, and that one placed while a run is going on is
//! heeded from the moment its command returned.

use crate::scenario::{self, CANARY, Size};
use crate::support::server::{Database, Server};
use crate::support::{Project, find_text};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const TRIES_PER_RUN: usize = 8;

const WHY: [&str; 6] = ["--matter", "2026-017", "--reason", "dispute", "--owner", "legal"];

/// Places a hold; its id and how many batches had overtaken it.
fn place(project: &Project, scope: &[&str]) -> (String, u64) {
    let placed = project.run(&[&["--format", "json", "hold", "add"], scope, &WHY].concat()).expect(0).json();
    (find_text(&placed, "hold_id").unwrap(), placed["overtaken_batches"].as_u64().unwrap())
}

fn due(project: &Project, dataset: &str) -> u64 {
    let plan = project.plan();
    let items = plan["plan"]["items"].as_array().unwrap();
    items.iter().find(|item| item["dataset"] == dataset).unwrap()["counts"]["due"].as_u64().unwrap()
}

/// Under the hold exactly `kept` of the due prospects stay; after its release they are due again.
#[track_caller]
fn check(scope: &[&str], kept: &str) {
    let project = scenario::small();
    let due_rows = "last_contact_at < '2020-01-01' AND country IN ('FR', 'BE')";
    let expected = project.sql("shop.db", &format!("SELECT * FROM prospects WHERE {due_rows} AND ({kept});"));
    let before = due(&project, "shop.prospects");
    let (hold, _) = place(&project, scope);
    let held = expected.lines().count() as u64;
    assert!(held > 0 && due(&project, "shop.prospects") == before - held, "{held} of {before} are held");
    project.approved();
    let certificate = find_text(&project.apply(), "certificate_id").unwrap();
    assert_eq!(project.sql("shop.db", &format!("SELECT * FROM prospects WHERE {due_rows};")), expected);
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0);
    assert!(shown.stdout.contains(&hold), "the certificate does not name the hold");
    project.run(&["hold", "release", &hold]).expect(0);
    assert_eq!(due(&project, "shop.prospects"), held, "a release makes the records due again");
    project.approved();
    project.apply();
    assert_eq!(project.sql("shop.db", &format!("SELECT count(*) FROM prospects WHERE {due_rows};")), "0");
}

#[test]
fn a_hold_on_a_dataset_keeps_all_of_it() {
    check(&["--dataset", "shop.prospects"], "1");
}

#[test]
fn a_hold_by_predicate_keeps_what_it_says() {
    check(
        &["--dataset", "shop.prospects", "--where", "country = 'FR' AND id > 100"],
        "country = 'FR' AND id > 100",
    );
}

#[test]
fn a_hold_on_a_person_finds_their_address_in_any_case() {
    let address = format!("email={}.P12@Example.ORG", CANARY.to_uppercase());
    check(&["--subject", &address], "id = 12");
}

#[test]
fn a_hold_that_reaches_nothing_or_cannot_be_read_is_refused() {
    let project = scenario::small();
    for scope in [
        &["--dataset", "shop.nothing"][..],
        &["--subject", "passport=1"],
        &["--dataset", "shop.prospects", "--where", "no_such_column = 1"],
        &["--dataset", "shop.prospects", "--where", "id IN (SELECT 1)"],
    ] {
        let refused = project.run(&[&["hold", "add"], scope, &WHY].concat()).expect(2);
        assert!(refused.stderr.contains("error: "), "{}", refused.stderr);
    }
    let listed = project.run(&["--format", "json", "hold", "list"]).expect(0).json();
    assert_eq!(listed["holds"].as_array().unwrap().len(), 0);
    project.run(&["hold", "release", "hold-unknown"]).expect(2);
}

/// One hold that was placed while a run was going on.
struct Tried {
    rows: String,
    /// Rows that it covers, as they were before and after its command.
    before: usize,
    held: String,
    overtaken: u64,
}

impl Tried {
    /// The run was at these very rows when the hold came.
    fn is_close(&self) -> bool {
        self.overtaken > 0 || self.held.lines().count() < self.before
    }
}

/// Due records that a batch is to have.
const BATCH_RECORDS: &str = "5";
/// Never more, since a server is asked for a range of at most eight times as many records.
const BATCH: usize = 40;

#[test]
fn a_hold_placed_during_a_run_is_heeded_from_when_its_command_returned() {
    race(&scenario::shop(RACE), 30);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_hold_placed_during_a_run_over_postgres_is_heeded_from_when_its_command_returned() {
    race(&scenario::shop_on(Database::new(Server::Postgres), RACE, 2), 20);
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_hold_placed_during_a_run_over_mariadb_is_heeded_from_when_its_command_returned() {
    race(&scenario::shop_on(Database::new(Server::Mysql), RACE, 2), 20);
}

const RACE: Size = Size { prospects: 2_000, orders: 60, exports: 0 };

/// Places holds during runs until there were as many as wanted (`OUBLIETTE_HOLD_TRIES=1000` asks for more
/// than the usual run of the tests makes), and prints the figures.
fn race(template: &Project, usual: usize) {
    let wanted = std::env::var("OUBLIETTE_HOLD_TRIES").ok().and_then(|text| text.parse().ok());
    let wanted = wanted.unwrap_or(usual);
    let (mut tries, mut close, mut kept_rows, mut lost_rows) = (0, 0, 0, 0);
    let mut rounds = 0_usize;
    while tries < wanted {
        assert!(rounds < 8 + wanted, "only {tries} holds came during a run");
        let tried = one_run(&template.copy(), u32::try_from(rounds).unwrap());
        rounds += 1;
        tries += tried.len();
        for (one, left) in tried {
            kept_rows += left.lines().count();
            close += usize::from(one.is_close());
            let lost = one.held.lines().filter(|row| !left.lines().any(|left| left == *row)).count();
            // A batch that was under way when the hold came may have taken its rows with it.
            let excused = usize::try_from(one.overtaken).unwrap() * BATCH;
            assert!(lost <= excused, "{lost} held rows went, {} batches had begun before", one.overtaken);
            lost_rows += lost;
        }
    }
    let kind =
        template.database.as_ref().map_or("SQLite".to_owned(), |database| format!("{:?}", database.server));
    report(&format!(
        "{kind}: {tries} holds placed during {rounds} runs, {close} of them close to the batches under way; \
         {kept_rows} rows kept by them, {lost_rows} went with batches that had begun before, 0 went against a hold"
    ));
    assert!(kept_rows > 3 * wanted, "only {kept_rows} rows were ever held in time");
    assert!(wanted < 100 || close > 0, "no hold came close");
}

/// Applies a plan and places holds meanwhile. Answers with those that came before its end, and with what is
/// left of their rows.
fn one_run(project: &Project, round: u32) -> Vec<(Tried, String)> {
    project.approved();
    let mut child = project
        .command(&["apply", "--quiet"])
        .env("OUBLIETTE_BATCH_RECORDS", BATCH_RECORDS)
        .env("OUBLIETTE_IGNORE_PRESSURE", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut tried = Vec::new();
    // A hold that comes before the run has begun makes the plan stale, as it should.
    while child.try_wait().unwrap().is_none()
        && project.sql("state/ledger.db", "SELECT count(*) FROM run;") == "0"
    {
        thread::sleep(Duration::from_millis(5));
    }
    // Prospects come last: the run is on its way to them.
    thread::sleep(Duration::from_millis(100));
    // Each hold makes the next batches look at more: a few per run, in several runs.
    while child.try_wait().unwrap().is_none() && tried.len() < TRIES_PER_RUN {
        let tried_now =
            try_one(project, round.wrapping_mul(7).wrapping_add(u32::try_from(tried.len()).unwrap()));
        if child.try_wait().unwrap().is_none() {
            tried.push(tried_now);
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "the run ended badly");
    tried
        .into_iter()
        .map(|one| {
            let left = project.shop(&one.rows);
            (one, left)
        })
        .collect()
}

/// Places one hold, now by predicate and now by person, and looks at what it covers.
fn try_one(project: &Project, number: u32) -> Tried {
    let first = 2 + number.wrapping_mul(977) % 1_950;
    let rows = if number.is_multiple_of(3) {
        format!("SELECT id FROM prospects WHERE email = '{CANARY}.p{first}@example.org';")
    } else {
        format!("SELECT id FROM prospects WHERE id BETWEEN {first} AND {};", first + 40)
    };
    let before = project.shop(&rows).lines().count();
    let (_, overtaken) = if number.is_multiple_of(3) {
        place(project, &["--subject", &format!("email={}.p{first}@example.org", CANARY.to_uppercase())])
    } else {
        let predicate = format!("id BETWEEN {first} AND {}", first + 40);
        place(project, &["--dataset", "shop.prospects", "--where", &predicate])
    };
    Tried { before, held: project.shop(&rows), rows, overtaken }
}

/// Past the capture of the test harness: the figures are part of what this test is for.
fn report(line: &str) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}
