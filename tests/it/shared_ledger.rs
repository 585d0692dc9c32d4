//! The ledger on a PostgreSQL server, through the real binary: the same way as with a file, and a
//! process that takes over from one that was killed.

use crate::scenario::{self, CANARY, certified, counts, gone, planned};
use crate::support::Project;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

/// A password that the server, which trusts its own machine, does not ask for.
const PASSWORD: &str = "hunter2-of-the-ledger";

/// A database of its own, dropped at the end.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn make() -> Self {
        let server = std::env::var("OUBLIETTE_TEST_POSTGRES").unwrap_or_else(|_| {
            panic!(
                "OUBLIETTE_TEST_POSTGRES names no server: `scripts/servers start DIR` starts one and writes DIR/env"
            )
        });
        let random = tempfile::Builder::new().prefix("").rand_bytes(12).tempdir().unwrap();
        let random = random.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let database = Self { server, name: format!("shared_{random}_{}", std::process::id()) };
        psql(&database.server, &format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Its address.
    fn address(&self) -> String {
        let (before, _) = self.server.rsplit_once('/').unwrap();
        format!("{before}/{}", self.name)
    }

    fn sql(&self, statement: &str) -> String {
        psql(&self.address(), statement)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

#[track_caller]
fn psql(address: &str, statement: &str) -> String {
    let arguments = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement];
    let output = Command::new("psql").arg(address).args(arguments).output().expect("psql is installed");
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The small shop, with its ledger in the database and the password in a file beside the settings.
fn small(database: &Database) -> Project {
    let project = scenario::small();
    let address = database.address();
    let (user, rest) = address.split_once('@').expect("an address with a user");
    assert!(!user.trim_start_matches("postgres://").contains(':'), "the server trusts its own machine");
    let ledger = format!("ledger: \"{user}:${{file:keys/ledger-password}}@{rest}\"");
    project.write("oubliette.yaml", &scenario::SETTINGS.replace("ledger: sqlite://state/ledger.db", &ledger));
    project.write("keys/ledger-password", &format!("{PASSWORD}\n"));
    project
}

#[test]
fn the_whole_way_with_a_ledger_on_a_server() {
    let database = Database::make();
    let project = small(&database);
    let checked = project.run(&["check"]).expect(0);
    let before = counts(&project);
    let plan = project.approved();
    let end = project.apply();
    let lost = gone(&before, &counts(&project));
    assert!(lost.len() == 6, "too little happened: {lost:?}");
    assert_eq!(planned(&plan), lost, "the plan");
    let certificate = end["certificate_id"].as_str().unwrap();
    assert_eq!(certified(&project, certificate, &plan), lost, "the certificate");
    project.run(&["verify", "certificates"]).expect(0);
    let status = project.run(&["status"]).expect(0);
    assert!(!project.path("state/ledger.db").exists());
    assert_eq!(database.sql("SELECT state FROM oubliette.run"), "certified");
    assert_eq!(database.sql("SELECT count(*) FROM oubliette.batch_keys"), "0");
    for told in [checked.stdout, checked.stderr, status.stdout, status.stderr] {
        assert!(!told.contains(PASSWORD));
    }
}

#[test]
fn nothing_personal_is_in_the_database() {
    let database = Database::make();
    let project = small(&database);
    let hold = ["hold", "add", "--matter", CANARY, "--reason", CANARY, "--owner", CANARY];
    let scope = ["--subject", "email=canary@example.org"];
    project.run(&[hold.as_slice(), &scope].concat()).expect(0);
    project.approved();
    let killed = project.command(&["apply"]).env("OUBLIETTE_FAILPOINT", "after-prove:1").status().unwrap();
    assert_eq!(killed.signal(), Some(9));
    // Bytes are written as hexadecimal digits.
    let dump = Command::new("pg_dump").arg(database.address()).output().expect("pg_dump is installed");
    assert!(dump.status.success());
    let dump = String::from_utf8_lossy(&dump.stdout);
    assert!(dump.contains("files.exports"), "what is in clear is found");
    for personal in [CANARY, "canary@example.org", PASSWORD] {
        let digits: Vec<String> = personal.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(personal) && !dump.contains(&digits.concat()), "{personal}");
    }
}

#[test]
fn another_process_goes_on_when_one_was_killed_once_its_lease_expired() {
    let database = Database::make();
    let project = small(&database);
    let before = counts(&project);
    let plan = project.approved();
    let killed = project.command(&["apply"]).env("OUBLIETTE_FAILPOINT", "after-intent:2").status().unwrap();
    assert_eq!(killed.signal(), Some(9));
    let refused = project.run(&["apply", "--resume"]).expect(1);
    assert!(refused.stderr.contains("applied by another process"), "{}", refused.stderr);
    database.sql("UPDATE oubliette.lease SET expires_at = clock_timestamp()");
    let end = project.run(&["--format", "json", "apply", "--resume"]).expect(0).json();
    let lost = gone(&before, &counts(&project));
    assert_eq!(planned(&plan), lost, "the plan");
    assert_eq!(certified(&project, end["certificate_id"].as_str().unwrap(), &plan), lost);
    assert_eq!(database.sql("SELECT token FROM oubliette.lease"), "2");
}
