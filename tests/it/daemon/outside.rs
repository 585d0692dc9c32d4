//! The daemon as others see it: the HTTP interface, notices to a real receiver, and the shipped example.

use super::binary::{Running, eventually};
use super::stage::{DATA_MAP, SETTINGS, policy};
use crate::support::sink::{Sink, answer};
use crate::support::{Answer, Project, files};
use oubliette::notify::webhook::{SigningKey, signature};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A project whose rule has no standing approval, with visits of Jo that are due.
fn project(more: &str) -> Project {
    let settings = format!("{}{more}", SETTINGS.replace("0 30 2 * * *", "*/2 * * * * *"));
    let project = Project::new(&settings, DATA_MAP, &policy("shop", "Europe/Paris", 30));
    project.sql(
        "shop.db",
        "PRAGMA journal_mode=WAL; CREATE TABLE visits (id INTEGER PRIMARY KEY, seen_at TEXT, who TEXT);
         INSERT INTO visits (seen_at, who) VALUES ('2020-01-01T08:00:00Z', 'jo.canary@example.org'),
             ('2020-01-02T08:00:00Z', 'jo.canary@example.org')",
    );
    project
}

fn webhook(sink: &Sink) -> String {
    format!(
        "notification:\n  least: info\n  webhooks:\n    \
         ops: {{url: \"http://{}/hook?token=t0k3n\", secret: \"${{env:OPS_SECRET}}\"}}\n",
        sink.address
    )
}

fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env("OPS_SECRET", SECRET);
    command
}

fn run(project: &Project, arguments: &[&str]) -> Answer {
    Answer::of(&command(project, arguments).output().unwrap())
}

/// A port that nobody has at this moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Status and body; `None` while nobody listens.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn health_readiness_and_metrics_are_answered_while_it_runs() {
    let port = free_port();
    let project = project(&format!("http: {{listen: \"127.0.0.1:{port}\"}}\npause_file: paused\n"));
    let mut daemon = Running::start(project.command(&["daemon"]));
    eventually("it is alive", || get(port, "/healthz").is_some_and(|(code, _)| code == 200));
    let has = |line: &str| get(port, "/metrics").is_some_and(|(_, page)| page.lines().any(|one| one == line));
    eventually("what is due is counted", || {
        has("oubliette_records_due{policy=\"shop\",rule=\"visit\",dataset=\"shop.visits\"} 2")
    });
    eventually("a scan was made", || has("oubliette_scan_records_overdue 2"));
    let (code, ready) = get(port, "/readyz").unwrap();
    assert_eq!((code, &json(&ready)["role"], &json(&ready)["ready"]), (200, &"acting".into(), &true.into()));
    let (code, page) = get(port, "/metrics").unwrap();
    assert_eq!(code, 200);
    for line in
        ["oubliette_ready 1", "oubliette_acting 1", "oubliette_open_runs 0", "oubliette_notices_waiting 0"]
    {
        assert!(page.lines().any(|one| one == line), "{line} is not in\n{page}");
    }
    assert!(page.ends_with("# EOF\n") && !page.contains("canary"), "{page}");
    assert_eq!(get(port, "/").unwrap().0, 404);

    project.write("paused", "");
    eventually("it says that it is paused", || {
        let (code, ready) = get(port, "/readyz").unwrap();
        code == 503 && json(&ready)["troubles"][0]["code"] == "paused"
    });
    assert_eq!(get(port, "/healthz").unwrap().0, 200, "paused on purpose is no reason to start it again");
    assert!(has("oubliette_trouble{code=\"paused\"} 1"));
    fs::remove_file(project.path("paused")).unwrap();
    eventually("it is ready again", || get(port, "/readyz").is_some_and(|(code, _)| code == 200));

    // A second one has no port: it says so, and does not run unseen.
    let second = project.run(&["daemon"]).expect(2);
    assert!(second.stderr.contains("cannot listen"), "{}", second.stderr);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_notice_reaches_a_receiver_that_was_away_under_one_id_and_comes_once() {
    let sink = Sink::answering(&[&answer("503 Busy")]);
    let project = project(&webhook(&sink));
    let mut daemon = Running::start(command(&project, &["daemon"]));
    let waits = |one: &&crate::support::sink::Received| one.body.contains("\"oubliette.plan_waits\"");
    let count = || sink.received().iter().filter(waits).count();
    eventually("it is tried", || count() == 1);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    let left = "SELECT count(*) FROM outbox_delivery WHERE state = 'waiting' AND attempts > 0";
    assert_ne!(project.sql("state/ledger.db", left), "0", "what was refused for now is kept");
    let kept = project.sql("state/ledger.db", "SELECT value FROM outbox");
    assert!(!kept.contains("canary") && !kept.contains("t0k3n"), "{kept}");

    // The receiver is back, and the wait is over; another process goes on.
    sink.answer_from_now(&answer("204 No Content"));
    project.sql("state/ledger.db", "UPDATE outbox_delivery SET next_at = '2020-01-01T00:00:00.000000000Z'");
    let mut daemon = Running::start(command(&project, &["daemon"]));
    let waiting = "SELECT count(*) FROM outbox_delivery WHERE state = 'waiting'";
    eventually("everything is delivered", || project.sql("state/ledger.db", waiting) == "0");
    // More plans wait in the next seconds, about which nobody is told again.
    let plans = || project.sql("state/ledger.db", "SELECT count(*) FROM plan").parse::<u32>().unwrap();
    let before = plans();
    eventually("another plan is drafted", || plans() > before);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(0));
    let received: Vec<_> = sink.received().into_iter().filter(|one| waits(&one)).collect();
    assert_eq!(received.len(), 2, "once refused, once taken");
    let [first, last] = [&received[0], &received[1]];
    let id = last.header("webhook-id").unwrap();
    assert_eq!(first.header("webhook-id"), Some(id));
    let at = last.header("webhook-timestamp").unwrap().parse().unwrap();
    let own = signature(&SigningKey::parse(SECRET).unwrap(), id, at, last.body.as_bytes());
    assert_eq!(last.header("webhook-signature"), Some(own.as_str()));
    let body = json(&last.body);
    assert_eq!(body["data"]["notice"]["reason"], "not_approved");
    assert_eq!(body["data"]["notice"]["due"], 2);
    assert!(sink.received().iter().all(|one| !one.body.contains("canary")));
}

#[test]
fn notify_test_says_who_has_it_and_who_has_not() {
    let sink = Sink::answering(&[&answer("200 OK"), &answer("404 Not Found")]);
    let project = project(&webhook(&sink));
    let told = run(&project, &["--format", "json", "notify", "test"]).expect(0).json();
    assert_eq!(told["receivers"][0]["receiver"], "webhook:ops");
    assert_eq!(told["receivers"][0]["delivered"], true);
    assert_eq!(json(&sink.received()[0].body)["type"], "oubliette.test");
    let failed = run(&project, &["--lang", "fr", "notify", "test"]).expect(1);
    assert!(failed.stdout.contains("webhook:ops : PAS reçu"), "{}", failed.stdout);
    assert!(!format!("{failed:?}").contains("t0k3n"), "the address may hold a token: {failed:?}");
    assert_eq!(sink.received().len(), 2, "a refusal is not tried again");
    // Without the secret nothing is sent, and it says which name is missing.
    let unset = project.run(&["notify", "test"]).expect(1);
    assert!(unset.stdout.contains("OPS_SECRET"), "{unset:?}");
    let nobody = self::project("").run(&["notify", "test"]).expect(2);
    assert!(nobody.stderr.contains("nobody to notify"), "{}", nobody.stderr);
}

#[test]
fn the_shipped_example_runs_unattended_to_its_first_certificate() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/example");
    let read = |file: &str| fs::read_to_string(shipped.join(file)).unwrap();
    let settings = read("oubliette.yaml");
    let port = free_port();
    let own = settings.replace("127.0.0.1:9188", &format!("127.0.0.1:{port}"));
    assert_ne!(own, settings);
    let project = Project::new(&own, &read("data-map.yaml"), &read("policies/example.yaml"));
    fs::create_dir_all(project.path("data")).unwrap();
    project.sql("data/example.db", &read("example.sql"));
    project.run(&["check"]).expect(0);
    project.run(&["approve", "--standing", "example/prospect", "--as", "dpo"]).expect(0);
    // As if it had been installed the year before.
    project.run(&["daemon", "--once"]);
    let past = "UPDATE schedule SET handled_at = '2020-01-01T00:00:00.000000000Z', due_at = NULL";
    project.sql("state/ledger.db", past);
    project.write("oubliette.yaml", &own.replace("window: PT4H", "missed: at_once"));
    let done = project.run(&["--format", "json", "daemon", "--once"]).expect(0);
    assert_eq!(
        project.sql("data/example.db", "SELECT group_concat(id) FROM prospects"),
        "2,3,4,5,6",
        "{done:?}"
    );
    assert!(files(&project.path("certificates")).len() > 1);
    project.run(&["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
}
