//! After a restore: erased persons are found again by hashes alone, erased again, and told of by every run;
//! what they gave anew, what a duty keeps and what is somebody else's by now stays.

use crate::requests::{erased, verified};
use crate::support::server::{Database, Server};
use crate::support::{Project, find_text, plan_id};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
ledger: sqlite://state/ledger.db
archive: {directory: certificates}
sealed: sealed
signing_key: keys/certificate.key
log_key: keys/log.key
sealing_key: keys/sealing.key
author: engineer
stores:
  crm: {STORE, backups_kept: P35D}
  billing: {kind: sqlite, reader: billing.db, writer: billing.db, backups_kept: P0D}
approvals: {approver_not_author: true, plan_valid_for: P7D}
"#;

const DATA_MAP: &str = r"
datasets:
  - name: crm.customers
    store: crm
    table: customers
    record_type: customer
    subject: {email: email, customer_id: id}
    events: {collection: {column: created_at, zone: UTC}}
  - name: crm.visits
    store: crm
    table: visits
    record_type: visit
    links: [{column: customer_id, to: crm.customers.id, ownership: owns}]
  - name: crm.newsletter
    store: crm
    table: newsletter
    record_type: newsletter
    subject: {email: email, phone: phone}
  - name: billing.invoices
    store: billing
    table: invoices
    record_type: invoice
    subject: {customer_id: customer}
    events: {issued: issued_on}
";

const POLICY: &str = r#"
policy: shop
version: 1
effective_from: 2020-01-01
owner: dpo@boutique.example
next_review: 2099-01-31
jurisdictions: [FR]
time_zone: Europe/Paris
rules:
  - id: invoice
    record_type: invoice
    title: {fr: "Factures", en: "Invoices"}
    purpose: {fr: "Comptabilité", en: "Accounting"}
    legal_basis: eu-gdpr:A6-1-c
    starts_from: {event: issued, type: operation}
    retain_for: P10Y
    disposition: purge
"#;

const TABLES: &str = "
CREATE TABLE customers(id INTEGER PRIMARY KEY, email VARCHAR(200), created_at TIME_TYPE);
CREATE TABLE visits(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), page VARCHAR(20));
CREATE TABLE newsletter(id INTEGER PRIMARY KEY, email VARCHAR(200), phone VARCHAR(40));";

/// Persons of the drill who are erased; as many again are not. The variable asks for more.
const PEOPLE: u32 = 3;
const PEOPLE_VARIABLE: &str = "OUBLIETTE_TEST_REPLAY_PEOPLE";

/// Of each person two customers' rows with differing spelling, three visits, a newsletter.
fn rows(people: u32) -> String {
    let mut text = String::new();
    let mut add = |table: &str, row: String| {
        text.push_str(&["INSERT INTO ", table, " VALUES (", &row, ");\n"].concat());
    };
    for one in 1..=people {
        let (a, b, mail) = (one * 10, one * 10 + 1, format!("p{one}@example.org"));
        add("customers", format!("{a}, '{mail}', '2024-02-03 04:05:06'"));
        add("customers", format!("{b}, ' {}', '2024-02-03 04:05:06'", mail.to_uppercase()));
        for visit in 0..3 {
            add("visits", format!("{}, {}, 'page'", one * 10 + visit, if visit == 0 { b } else { a }));
        }
        add("newsletter", format!("{one}, '{mail}', '+336123{one:05}'"));
    }
    text
}

fn project(store: &str) -> Project {
    Project::new(&SETTINGS.replace("STORE", store), DATA_MAP, POLICY)
}

fn on_sqlite(people: u32) -> Project {
    let project = project("kind: sqlite, reader: crm.db, writer: crm.db");
    project.sql("crm.db", &TABLES.replace("TIME_TYPE", "TEXT"));
    project.sql("crm.db", &rows(people));
    invoices(&project);
    project
}

fn invoices(project: &Project) {
    project
        .sql("billing.db", "CREATE TABLE invoices(id INTEGER PRIMARY KEY, customer TEXT, issued_on DATE);");
}

fn on_server(server: Server, people: u32) -> Project {
    let database = Database::new(server);
    let address = database.address();
    let store = format!("kind: {}, reader: \"{address}\", writer: \"{address}\"", server.kind());
    let mut project = project(&store);
    let time = if server == Server::Postgres { "TIMESTAMP" } else { "DATETIME" };
    database.sql(&TABLES.replace("TIME_TYPE", time));
    database.sql(&rows(people));
    invoices(&project);
    project.database = Some(database);
    project
}

fn ask(project: &Project, statement: &str) -> String {
    match &project.database {
        Some(database) => database.sql(statement),
        None => project.sql("crm.db", statement),
    }
}

/// Everything in the store, row by row.
fn dump(project: &Project) -> String {
    ["customers", "visits", "newsletter"]
        .map(|table| ask(project, &format!("SELECT * FROM {table} ORDER BY id;")))
        .join("\n")
}

/// A backup by the means of the store itself.
fn saved(project: &Project) {
    let Some(database) = &project.database else {
        fs::copy(project.path("crm.db"), project.path("backup")).unwrap();
        return;
    };
    let mut dump = match database.server {
        Server::Postgres => {
            let mut dump = Command::new("pg_dump");
            dump.args(["--clean", "--if-exists", "--no-owner"]).arg(database.address());
            dump
        }
        Server::Mysql => {
            let address = database.address();
            let (server, name) = address.rsplit_once('/').unwrap();
            let mut dump = Command::new("mariadb-dump");
            dump.args(["--no-defaults", "-h", "127.0.0.1", "-u", "root", "-P"]);
            dump.arg(server.rsplit_once(':').unwrap().1).arg(name);
            dump
        }
    };
    let output = dump.output().expect("the dump of the server is needed: run ./scripts/test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    project.write("backup", &String::from_utf8(output.stdout).unwrap());
}

fn restored(project: &Project) {
    match &project.database {
        None => drop(fs::copy(project.path("backup"), project.path("crm.db")).unwrap()),
        Some(database) => drop(database.sql(&fs::read_to_string(project.path("backup")).unwrap())),
    }
}

fn now() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%NZ"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[track_caller]
fn replayed(project: &Project, more: &[&str]) -> Value {
    project.run(&[&["--format", "json", "replay"], more].concat()).expect(0).json()
}

/// Approves and applies the plan of a replay; the predicate of its certificate.
#[track_caller]
fn applied(project: &Project, replay: &Value, code: i32) -> Value {
    let plan = replay["planned"][0]["plan_id"].as_str().unwrap();
    project.run(&["approve", plan, "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", plan]).expect(code).json();
    let certificate = find_text(&end, "certificate_id").unwrap();
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    shown["statement"]["predicate"].clone()
}

/// Warnings of `check` that speak of erased persons.
fn warnings(project: &Project) -> Vec<String> {
    let found = project.run(&["--format", "json", "check"]).expect(0).json();
    let all = found["diagnostics"].as_array().unwrap().iter();
    let ours = all.filter(|one| one["code"] == "erased-person-again");
    ours.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

fn seen(look: &Value) -> Value {
    look["datasets"].clone()
}

/// The drill: snapshot, erase, restore, replay; none is left, and the certificates are linked.
fn drill(make: impl Fn(u32) -> Project) {
    let people: u32 =
        std::env::var(PEOPLE_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(PEOPLE);
    let project = make(people * 2);
    let whole = dump(&project);
    let since = now();
    saved(&project);
    let mut certificates = Vec::new();
    let mut requests = Vec::new();
    for one in 1..=people {
        let request = verified(&project, &format!("email=p{one}@example.org"), &[]);
        let (_, statement) = erased(&project, &request, 0);
        certificates.push(statement["certificateId"].as_str().unwrap().to_owned());
        requests.push(request);
    }
    let clean = dump(&project);
    assert_ne!(clean, whole);
    assert_eq!(warnings(&project), [""; 0]);
    restored(&project);
    assert_eq!(dump(&project), whole, "everybody is back");
    let count = u64::from(people);
    assert_eq!(
        warnings(&project),
        [
            format!("dataset 'crm.customers' has {} records of erased persons again", count * 2),
            format!(
                "dataset 'crm.newsletter' has {count} records that name erased persons, and nothing says whether they came back"
            )
        ]
    );
    let status = project.run(&["--format", "json", "status"]).expect(0).json();
    assert_eq!(status["erased_seen_again"]["datasets"][0]["came_back"], count * 2);

    let replay = replayed(&project, &["--since", &since]);
    assert_eq!(replay["persons"], count);
    assert_eq!(replay["planned"].as_array().unwrap().len(), usize::try_from(people.div_ceil(100)).unwrap());
    let predicate = applied(&project, &replay, 0);
    assert_eq!(dump(&project), clean, "nobody who was erased is left, and nobody else is touched");
    assert_eq!(predicate["evidence"]["kind"], "re_erasure_after_restore");
    assert_eq!(predicate["outcome"], "complete_residuals_pending", "{predicate:#}");
    let linked = predicate["relatesTo"].as_array().unwrap();
    assert!(linked.iter().all(|one| one["relation"] == "continues"));
    let mut linked: Vec<&str> = linked.iter().map(|one| one["certificateId"].as_str().unwrap()).collect();
    linked.sort_unstable();
    certificates.sort();
    assert_eq!(linked, certificates);
    let story = project.run(&["--format", "json", "requests", "show", &requests[0]]).expect(0).json();
    assert!(story["events"].as_array().unwrap().iter().any(|event| event["event"] == "erased_again"));
    let again = replayed(&project, &["--since", &since]);
    assert_eq!((&again["persons"], &again["planned"]), (&json!(0), &json!([])));
    let left = "SELECT count(*) FROM request WHERE sealed IS NOT NULL;";
    assert_eq!(project.sql("state/ledger.db", left), "0", "what named the persons is destroyed again");
}

#[test]
fn a_restored_file_is_erased_again() {
    drill(on_sqlite);
}

#[test]
fn a_restored_postgresql_is_erased_again() {
    drill(|people| on_server(Server::Postgres, people));
}

#[test]
fn a_restored_mariadb_is_erased_again() {
    drill(|people| on_server(Server::Mysql, people));
}

#[test]
fn what_was_given_anew_is_told_and_kept_unless_a_person_decides() {
    let project = on_sqlite(2);
    saved(&project);
    let request = verified(&project, "email=p1@example.org", &[]);
    erased(&project, &request, 0);
    restored(&project);
    // She comes back as a customer, of her own will, and subscribes; nothing says when.
    project.sql(
        "crm.db",
        "INSERT INTO customers VALUES (77, 'p1@example.org', strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 second'));
         INSERT INTO visits VALUES (77, 77, 'new'); INSERT INTO newsletter VALUES (77, 'P1@example.org', NULL);",
    );
    let before = dump(&project);
    let replay = replayed(&project, &["--request", &request]);
    let expected = json!([
        {"dataset": "crm.customers", "came_back": 2, "given_anew": 1, "in_doubt": 0},
        {"dataset": "crm.newsletter", "came_back": 0, "given_anew": 0, "in_doubt": 2},
    ]);
    assert_eq!(seen(&replay["seen"]), expected);
    let predicate = applied(&project, &replay, 0);
    assert_eq!(predicate["outcome"], "complete_with_exceptions", "{predicate:#}");
    let exceptions: Vec<&Value> = predicate["evidence"]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|target| target["exceptions"].as_array().unwrap())
        .collect();
    assert!(exceptions.iter().all(|one| one["code"] == "given_anew") && exceptions.len() == 2);
    let gone: Vec<String> =
        before.lines().filter(|line| !dump(&project).contains(line)).map(str::to_owned).collect();
    assert_eq!(gone.len(), 5, "two customers with three visits: {gone:?}");
    assert_eq!(ask(&project, "SELECT count(*) FROM visits WHERE customer_id = 77;"), "1");
    assert_eq!(ask(&project, "SELECT id FROM newsletter ORDER BY id;"), "1\n2\n77");
    // Whoever decides that it goes too says so, and the plan is approved as such.
    let again = replayed(&project, &["--request", &request]);
    assert_eq!((&again["planned"], &again["kept_persons"]), (&json!([]), &json!(1)));
    let replay = replayed(&project, &["--request", &request, "--include-new"]);
    applied(&project, &replay, 0);
    assert_eq!(ask(&project, "SELECT count(*) FROM customers WHERE lower(email) LIKE '%p1@%';"), "0");
    assert_eq!(ask(&project, "SELECT id FROM newsletter ORDER BY id;"), "2");
}

#[test]
fn whoever_got_the_number_of_an_erased_person_is_left_alone() {
    let project = on_sqlite(2);
    project.sql("billing.db", "INSERT INTO invoices VALUES (1, '10', '2012-05-01');");
    saved(&project);
    let request = verified(&project, "email=p1@example.org", &[]);
    erased(&project, &request, 0);
    project.sql(
        "crm.db",
        "INSERT INTO customers VALUES (10, 'kim@example.org', strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 second'));
         INSERT INTO newsletter VALUES (50, 'kim@example.org', NULL); INSERT INTO visits VALUES (50, 10, 'kim');",
    );
    project.sql("billing.db", "INSERT INTO invoices VALUES (2, '10', '2012-05-01');");
    let before = dump(&project);
    let replay = replayed(&project, &["--request", &request]);
    assert_eq!((&replay["persons"], &replay["planned"]), (&json!(0), &json!([])));
    let invoices = json!([{"dataset": "billing.invoices", "came_back": 0, "given_anew": 0, "in_doubt": 1}]);
    assert_eq!(seen(&replay["seen"]), invoices, "nobody knows whose it is");
    // Her own record comes back beside it: it goes, and nothing of Kim.
    project.sql("crm.db", "INSERT INTO newsletter VALUES (51, 'p1@example.org', NULL);");
    let replay = replayed(&project, &["--request", &request]);
    applied(&project, &replay, 0);
    assert_eq!(dump(&project), before);
    assert_eq!(project.sql("billing.db", "SELECT count(*) FROM invoices;"), "1");
}

#[test]
fn what_a_duty_keeps_is_not_told_as_a_return_but_its_restored_neighbour_is() {
    let project = on_sqlite(2);
    let recent: u32 = project.sql("crm.db", "SELECT strftime('%Y', 'now');").parse().unwrap();
    let row = |id: u32| format!("INSERT INTO invoices VALUES ({id}, '10', '{}-05-01');", recent - 1);
    project.sql("billing.db", &row(1));
    let request = verified(&project, "email=p1@example.org", &[]);
    let (_, statement) = erased(&project, &request, 0);
    assert_eq!(statement["outcome"], "complete_with_exceptions");
    assert_eq!(warnings(&project), [""; 0], "the invoice is where it should be");
    // A run of retention looks too, and says what it saw.
    project.sql("crm.db", "INSERT INTO newsletter VALUES (9, NULL, '06 12 30 00 01');");
    project.approved();
    let end = project.apply();
    let newsletter = json!([{"dataset": "crm.newsletter", "came_back": 0, "given_anew": 0, "in_doubt": 1}]);
    assert_eq!(seen(&end["erased_seen_again"]), newsletter);
    let replay = replayed(&project, &["--request", &request]);
    let predicate = applied(&project, &replay, 0);
    assert_eq!(predicate["outcome"], "complete_residuals_pending", "{predicate:#}");
    assert_eq!(ask(&project, "SELECT id FROM newsletter;"), "2");
    assert_eq!(project.sql("billing.db", "SELECT count(*) FROM invoices;"), "1");
    let shown =
        |request: &str| project.run(&["--format", "json", "requests", "show", request]).expect(0).json();
    assert_eq!(shown(&request)["state"], "waiting", "the first request still waits for its invoice");
    let again = replay["planned"][0]["request_id"].as_str().unwrap();
    assert_eq!(shown(again)["state"], "done");
}

#[test]
fn hashes_end_and_then_nobody_is_known() {
    let project = on_sqlite(2);
    let settings = fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    project.write("oubliette.yaml", &(settings.clone() + "suppression: {kept_for: P36D}\n"));
    let request = verified(&project, "email=p1@example.org", &[]);
    erased(&project, &request, 0);
    let count = |project: &Project| {
        project.sql(
            "state/ledger.db",
            "SELECT count(*) > 0 FROM suppression_identity; SELECT count(*) FROM suppression;",
        )
    };
    assert_eq!(count(&project), "1\n1");
    let inner = project.command(&["replay", "--request", &request]);
    let mut moved = Command::new("faketime");
    moved.args(["-f", "+37d"]).arg(inner.get_program()).args(inner.get_args());
    moved.current_dir(project.path("")).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let answer = crate::support::Answer::of(&moved.output().unwrap()).expect(2);
    assert!(answer.stderr.contains("found again"), "{}", answer.stderr);
    assert_eq!(count(&project), "0\n0");
    // Shorter than the backups live is possible, and warned of.
    project.write("oubliette.yaml", &(settings + "suppression: {kept_for: P5D, look: when_asked}\n"));
    let found = project.run(&["--format", "json", "check", "--offline"]).expect(0).json();
    assert!(
        found["diagnostics"].as_array().unwrap().iter().any(|one| one["code"] == "suppression-too-short")
    );
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_replay_that_was_killed_goes_on_and_a_certified_erasure_is_never_without_its_hashes() {
    for point in ["before-statement:1", "after-statement:1", "after-publish:1", "after-certified:1"] {
        let project = on_sqlite(2);
        saved(&project);
        let request = verified(&project, "email=p1@example.org", &[]);
        let plan = project.run(&["--format", "json", "erase", &request]).expect(0).json();
        project.run(&["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
        let killed = project.command(&["apply", &plan_id(&plan)]).env("OUBLIETTE_FAILPOINT", point).output();
        assert_eq!(killed.unwrap().status.code(), None, "{point} was not reached");
        project.run(&["apply", "--resume"]);
        let clean = dump(&project);
        restored(&project);
        let replay = replayed(&project, &["--request", &request]);
        let plan = replay["planned"][0]["plan_id"].as_str().unwrap();
        project.run(&["approve", plan, "--as", "dpo"]).expect(0);
        let killed = project.command(&["apply", plan]).env("OUBLIETTE_FAILPOINT", "after-commit:2").output();
        assert_eq!(killed.unwrap().status.code(), None);
        project.run(&["apply", "--resume"]).expect(0);
        assert_eq!(dump(&project), clean, "{point}");
    }
}
