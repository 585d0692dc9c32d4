//! What a real server is set up to keep of erased values stands on the plan, in both languages, and what
//! still holds them after the run stands on the certificate with its date.
//!
//! The settings of a server are changed, so each test starts a server of its own.

use crate::scenario::{self, SMALL};
use crate::support::server::{Database, Server};
use crate::support::{Project, find_text};
use crate::tidy::root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Servers that nobody else uses.
struct Own(TempDir);

impl Own {
    /// One after the other: between finding a free port and taking it another server could.
    fn start() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = TempDir::new().unwrap();
        // The server's own user must reach it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let own = Self(directory);
        own.script("start");
        own
    }

    fn run_directory(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn script(&self, action: &str) {
        let output = Command::new(root().join("scripts/servers"))
            .arg(action)
            .arg(self.run_directory())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.0.path().join("script.log")).unwrap())
            .status()
            .unwrap();
        let said = std::fs::read_to_string(self.0.path().join("script.log")).unwrap_or_default();
        assert!(output.success(), "scripts/servers {action}: {said}");
    }

    fn database(&self, server: Server) -> Database {
        let variable = match server {
            Server::Postgres => "OUBLIETTE_TEST_POSTGRES=",
            Server::Mysql => "OUBLIETTE_TEST_MYSQL=",
        };
        let env = std::fs::read_to_string(self.run_directory().join("env")).unwrap();
        let line = env.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable));
        let address = line.expect("the server of this test is installed: run ./scripts/test");
        Database::at(server, address.to_owned())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.script("stop");
    }
}

/// Replaces the periods that the settings declare of the shop.
fn declare(project: &Project, terms: &str) {
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    let shop = settings.lines().find(|line| line.trim_start().starts_with("shop:")).unwrap().to_owned();
    let (before, _) = shop.split_once(", backups_kept").unwrap();
    project.write("oubliette.yaml", &settings.replace(&shop, &format!("{before}, {terms}}}")));
}

/// The codes of the findings about what keeps or copies, each with its severity.
fn told(plan: &Value) -> BTreeMap<String, String> {
    let codes = [
        "statements_logged",
        "statements_counted",
        "rows_logged",
        "log_archived",
        "slot_keeps_log",
        "changes_sent",
        "replica_follows",
        "trigger_copies",
        "leak_unseen",
    ];
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = plan["plan"]["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| (text(finding, "code"), text(finding, "severity")))
        .filter(|(code, _)| codes.contains(&code.as_str()))
        .collect()
}

fn signs(plan: &Value, kind: &str) -> String {
    let leaks = plan["plan"]["leaks"].as_array().unwrap().iter().filter(|leak| leak["kind"] == kind);
    leaks.map(|leak| leak["signs"].to_string()).collect()
}

/// What is certified to remain in the shop: kinds with the days until their end, where that is known.
fn remaining(project: &Project, end: &Value) -> BTreeMap<String, Option<i64>> {
    let certificate = find_text(end, "certificate_id").unwrap();
    let shown = project.run(&["--format", "json", "certificates", "show", &certificate]).expect(0).json();
    let evidence = &shown["statement"]["predicate"]["evidence"];
    let instant =
        |value: &Value| value.as_str().and_then(|text| text.parse::<chrono::DateTime<chrono::Utc>>().ok());
    let finished_at = instant(&evidence["finishedAt"]).unwrap();
    let of_shop =
        evidence["residuals"].as_array().unwrap().iter().filter(|residual| residual["location"] == "shop");
    of_shop
        .map(|residual| {
            let days = instant(&residual["expiresAt"]).map(|at| (at - finished_at).num_days());
            (residual["kind"].as_str().unwrap().to_owned(), days)
        })
        .collect()
}

/// Applies the newest plan; how it ended and the exit status.
fn applied(project: &Project) -> (Value, Option<i32>) {
    project.approved();
    let answer = project.run(&["--format", "json", "apply"]);
    (answer.json(), answer.code)
}

fn keys(map: &BTreeMap<String, String>) -> BTreeSet<&str> {
    map.keys().map(String::as_str).collect()
}

#[test]
fn postgres_tells_of_its_logs_archive_slots_subscribers_and_copying_triggers() {
    let own = Own::start();
    let project = scenario::shop_on(own.database(Server::Postgres), SMALL, 1);
    let quiet = project.plan();
    assert!(told(&quiet).is_empty(), "{:?}", told(&quiet));

    for setting in [
        "wal_level = 'logical'",
        "archive_mode = 'on'",
        "archive_command = '/bin/true'",
        "shared_preload_libraries = pg_stat_statements, auto_explain",
        "log_statement = 'all'",
    ] {
        project.shop(&format!("ALTER SYSTEM SET {setting};"));
    }
    project.shop("LOAD 'auto_explain'; ALTER SYSTEM SET auto_explain.log_min_duration = 5000;");
    own.script("crash-postgres");
    project.shop(
        "SELECT pg_create_physical_replication_slot('behind', true);
         CREATE PUBLICATION outbound FOR TABLE prospects;
         CREATE TABLE audit(was text);
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO audit VALUES (OLD.email); RETURN OLD; END';
         CREATE TRIGGER keeps_all BEFORE DELETE ON prospects FOR EACH ROW EXECUTE FUNCTION keep();",
    );
    let plan = project.plan();
    let found = told(&plan);
    let expected = [
        "changes_sent",
        "log_archived",
        "slot_keeps_log",
        "statements_counted",
        "statements_logged",
        "trigger_copies",
    ];
    assert_eq!(keys(&found), BTreeSet::from(expected));
    assert_eq!(found["statements_logged"], "needs_approval");
    assert_eq!(found["trigger_copies"], "needs_approval");
    assert_eq!(found["log_archived"], "note");
    assert!(signs(&plan, "statement_log").contains("log_statement = all"));
    assert!(signs(&plan, "statement_log").contains("auto_explain.log_min_duration = 5000"));
    assert!(signs(&plan, "replication_slot").contains("behind (physical, inactive, keeps "));
    assert!(signs(&plan, "change_stream").contains("outbound"));
    assert_eq!(signs(&plan, "copying_trigger"), "[\"keeps_all\"]");
    let french = project.run(&["--lang", "fr", "show", "latest"]).expect(0).stdout;
    for words in [
        "un slot de réplication garde le journal",
        "« shop.prospects » : keeps_all",
        "le journal de transactions, qui contient les valeurs effacées, est archivé",
    ] {
        assert!(french.contains(words), "{words}: {french}");
    }
    assert!(!french.contains("détail, en anglais : store"), "{french}");

    let (end, code) = applied(&project);
    assert_eq!(code, Some(3), "{end}");
    let remains = remaining(&project, &end);
    assert_eq!(remains["backup"], Some(35));
    assert_eq!(remains["wal_archive"], Some(35));
    assert_eq!(remains["write_ahead_log"], Some(35));
    for kind in ["replication_slot", "change_stream", "trigger_copy", "statement_log"] {
        assert_eq!(remains[kind], None, "{kind}");
    }
    assert_ne!(project.shop("SELECT count(*) FROM audit;"), "0", "the trigger did copy");
}

#[test]
fn a_postgres_role_with_few_rights_sees_the_same_and_a_declared_time_ends_it() {
    let own = Own::start();
    let project = scenario::shop_on(own.database(Server::Postgres), SMALL, 1);
    project.shop(
        "ALTER SYSTEM SET log_min_duration_statement = 0; SELECT pg_reload_conf();
        CREATE ROLE few LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO few;
        GRANT DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO few;",
    );
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    project.write("oubliette.yaml", &settings.replace("postgres://postgres@", "postgres://few@"));
    declare(&project, "backups_kept: P0D, logs_kept: P7D");
    let plan = project.plan();
    assert_eq!(keys(&told(&plan)), BTreeSet::from(["statements_logged"]));
    assert!(signs(&plan, "statement_log").contains("log_parameter_max_length = -1 (of the reader)"));
    let (end, _) = applied(&project);
    let remains = remaining(&project, &end);
    assert_eq!(remains["statement_log"], Some(7));
    assert_eq!(remains["write_ahead_log"], Some(7));
    assert!(!remains.contains_key("backup"));
    // The role may not vacuum what is not its own, and the certificate says so.
    assert_eq!(remains["dead_rows"], None);
}

#[test]
fn an_administrators_sessions_keep_their_values_out_of_the_log() {
    let own = Own::start();
    let project = scenario::shop_on(own.database(Server::Postgres), SMALL, 1);
    project.shop("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf();");
    declare(&project, "backups_kept: P0D");
    let (end, code) = applied(&project);
    assert_eq!(code, Some(0), "{end}");
    assert!(remaining(&project, &end).is_empty(), "{:?}", remaining(&project, &end));
    let log = std::fs::read_to_string(own.run_directory().join("postgres/log")).unwrap();
    assert!(log.contains("DELETE FROM"), "our statements are in the log");
    assert!(!log.contains("canari7391.p"), "without their values");
    let deleting = log.lines().skip_while(|line| !line.contains("DELETE FROM")).take(3).collect::<String>();
    assert!(!deleting.contains("parameters:"), "{deleting}");
}

#[test]
fn mariadb_tells_of_its_logs_and_of_what_its_reader_may_not_see() {
    let own = Own::start();
    let project = scenario::shop_on(own.database(Server::Mysql), SMALL, 1);
    declare(&project, "backups_kept: P0D");
    let usual = project.plan();
    assert_eq!(keys(&told(&usual)), BTreeSet::from(["rows_logged"]));
    assert!(signs(&usual, "binary_log").contains("binlog_row_image = FULL"));
    let (end, code) = applied(&project);
    assert_eq!(
        (remaining(&project, &end), code),
        (BTreeMap::from([("binary_log".to_owned(), Some(7))]), Some(0))
    );

    let project = scenario::shop_on(own.database(Server::Mysql), SMALL, 1);
    declare(&project, "backups_kept: P0D");
    project.shop(
        "SET GLOBAL general_log = ON; SET GLOBAL binlog_expire_logs_seconds = 0;
         CREATE TABLE audit(was VARCHAR(200));
         CREATE TRIGGER keeps_all BEFORE DELETE ON prospects FOR EACH ROW INSERT INTO audit VALUES (OLD.email);
         CREATE TRIGGER counts BEFORE UPDATE ON customers FOR EACH ROW SET NEW.full_name = trim(NEW.full_name);",
    );
    let plan = project.plan();
    assert_eq!(keys(&told(&plan)), BTreeSet::from(["rows_logged", "statements_logged", "trigger_copies"]));
    assert_eq!(signs(&plan, "copying_trigger"), "[\"keeps_all\"]");
    let (end, code) = applied(&project);
    assert_eq!(code, Some(3), "{end}");
    let remains = remaining(&project, &end);
    let unknown = ["binary_log", "statement_log", "trigger_copy"].map(|kind| (kind.to_owned(), None));
    assert_eq!(remains, BTreeMap::from(unknown));

    // Who may read, and nothing else.
    let address = project.database.as_ref().unwrap().address();
    let name = address.rsplit_once('/').unwrap().1.to_owned();
    project.shop(&format!(
        "CREATE USER few@'127.0.0.1'; GRANT SELECT, REFERENCES ON {name}.* TO few@'127.0.0.1'; FLUSH PRIVILEGES;"
    ));
    let settings = std::fs::read_to_string(project.path("oubliette.yaml")).unwrap();
    let reader = format!("reader: \"{address}\"");
    assert!(settings.contains(&reader));
    project.write("oubliette.yaml", &settings.replace(&reader, &reader.replace("root@", "few@")));
    project.shop("UPDATE prospects SET last_contact_at = '2019-01-01 00:00:00' WHERE id = 1;");
    let plan = project.plan();
    assert!(told(&plan).contains_key("leak_unseen"), "{:?}", told(&plan));
    assert_eq!(signs(&plan, "copying_trigger"), "[\"TRIGGER\"]");
    let french = project.run(&["--lang", "fr", "show", "latest"]).expect(0).stdout;
    assert!(french.contains("déclencheurs qui recopient : TRIGGER"), "{french}");
}
