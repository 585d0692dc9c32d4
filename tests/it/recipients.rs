//! Recipients of a person's data are told of the erasure (GDPR art. 19), through the real program and a real
//! server on this machine that fails, is silent, moves away or is gone; who could not be told is said so.

use crate::requests::{received, verified};
use crate::support::sink::{Sink, answer};
use crate::support::{Answer, Project, plan_id};
use oubliette::notify::webhook::{SigningKey, signature};
use serde_json::{Value, json};
use std::process::Command;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const SETTINGS: &str = r#"
controller: {name: "Boutique Exemple SAS", contact: dpo@boutique.example}
author: engineer
stores:
  crm: {kind: sqlite, reader: crm.db, writer: crm.db, backups_kept: P0D}
recipients:
"#;

const DATA_MAP: &str = r"
datasets:
  - name: crm.customers
    store: crm
    table: customers
    record_type: customer
    subject: {email: email, customer_id: id}
    fields: {email: user.contact.email}
  - {name: crm.newsletter, store: crm, table: newsletter, record_type: newsletter, subject: {email: email}, events: {subscribed: since}}
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
  - id: newsletter
    record_type: newsletter
    title: {fr: "Lettre d'information", en: "Newsletter"}
    purpose: {fr: "Prospection", en: "Marketing"}
    legal_basis: eu-gdpr:A6-1-a
    starts_from: {event: subscribed, type: operation}
    retain_for: P20Y
    disposition: purge
"#;

const TABLES: &str = "
CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT);
INSERT INTO customers VALUES (41, 'jo@example.org'), (42, 'JO@example.org'), (43, 'kim@example.org');
CREATE TABLE newsletter(id INTEGER PRIMARY KEY, email TEXT, since DATE);
INSERT INTO newsletter VALUES (1, 'jo@example.org', '2024-01-01'), (2, 'kim@example.org', '2024-01-01');";

fn shop(recipients: &str) -> Project {
    let project = Project::new(&format!("{SETTINGS}{recipients}"), DATA_MAP, POLICY);
    project.sql("crm.db", TABLES);
    project
}

fn webhook(sink: &Sink) -> String {
    format!(
        "  mailer:\n    name: \"Mailer SARL\"\n    role: processor\n    record_types: [newsletter]\n    \
         identities: [email]\n    webhook: {{url: \"http://{}/hook?token=t0k3n\", secret: \"${{env:MAILER_SECRET}}\"}}\n",
        sink.address
    )
}

fn template(sink: &Sink) -> String {
    format!(
        "  saas:\n    name: \"CRM en ligne\"\n    alias: crm-online\n    role: joint\n    categories: [user.contact.email]\n    \
         identities: [email, customer_id]\n    http:\n      method: DELETE\n      url: \"http://{}/people/{{identity.customer_id}}\"\n      \
         headers: {{Authorization: \"Bearer ${{env:MAILER_SECRET}}\"}}\n      body: '{{\"id\": \"{{notice}}\", \"who\": [\"{{identity.email}}\"]}}'\n",
        sink.address
    )
}

const BY_HAND: &str = "  lawyer: {name: Cabinet, role: controller, datasets: [crm.customers], identities: [email], manual: true}\n  \
                       other: {name: Autre, role: processor, record_types: [customer], datasets: [crm.newsletter], identities: [customer_id], manual: true}\n";

fn run(project: &Project, arguments: &[&str]) -> Answer {
    Answer::of(&project.command(arguments).env("MAILER_SECRET", SECRET).output().unwrap())
}

/// Erases Jo, with an answer of the recipients each; the request, and what the certificate says of them.
#[track_caller]
fn jo_erased(project: &Project) -> (String, Value) {
    let request = verified(project, "email=jo@example.org", &[]);
    let plan = run(project, &["--format", "json", "erase", &request]).expect(0).json();
    run(project, &["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let end = run(project, &["--format", "json", "apply", &plan_id(&plan)]).expect(0).json();
    let certificate = end["certificate_id"].as_str().unwrap();
    let shown = run(project, &["--format", "json", "certificates", "show", certificate]).expect(0).json();
    run(project, &["verify", "certificates", "--trust-root", "trust-root.json"]).expect(0);
    (request, shown["statement"]["predicate"]["evidence"]["downstream"].clone())
}

#[track_caller]
fn standing(project: &Project, request: &str) -> Vec<Value> {
    let all = run(project, &["--format", "json", "requests", "recipients", request]).expect(0).json();
    all["recipients"].as_array().unwrap().clone()
}

fn states(standing: &[Value]) -> Vec<String> {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or("-").to_owned();
    let mut all: Vec<String> = standing
        .iter()
        .map(|one| format!("{} {} {}", text(one, "recipient"), text(one, "state"), text(one, "failure")))
        .collect();
    all.sort();
    all
}

/// Notices of which the ledger still has identities.
fn sealed(project: &Project) -> String {
    project.sql("state/ledger.db", "SELECT count(*) FROM notice WHERE sealed IS NOT NULL;")
}

#[test]
fn each_recipient_is_told_what_it_knows_and_who_failed_is_told_later_under_the_same_id() {
    let (hook, saas) = (
        Sink::answering(&[&answer("503 Busy"), &answer("204 No Content")]),
        Sink::answering(&[&answer("200 OK")]),
    );
    let project = shop(&(webhook(&hook) + &template(&saas) + BY_HAND));
    let (request, downstream) = jo_erased(&project);
    let by_alias = |alias: &str| {
        downstream.as_array().unwrap().iter().find(|one| one["alias"] == alias).unwrap()["notifiedAt"].clone()
    };
    assert_eq!(by_alias("mailer"), Value::Null, "the certificate does not say what was not so: {downstream}");
    assert!(by_alias("crm-online").is_string() && by_alias("lawyer").is_null(), "{downstream}");
    let expected =
        ["lawyer by_hand -", "mailer waiting busy", "other by_hand -", "saas told -", "saas told -"];
    assert_eq!(states(&standing(&project, &request)), expected);

    // Jo has two customer numbers: a message for each, and Kim is in none.
    let mut paths: Vec<String> =
        saas.received().iter().map(|one| one.head.lines().next().unwrap().to_owned()).collect();
    paths.sort();
    assert_eq!(paths, ["DELETE /people/41 HTTP/1.1", "DELETE /people/42 HTTP/1.1"]);
    for one in saas.received() {
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(body["who"], json!(["jo@example.org"]));
        assert_eq!(one.header("idempotency-key"), body["id"].as_str());
        assert_eq!(one.header("authorization"), Some(format!("Bearer {SECRET}").as_str()));
    }
    let letter = run(&project, &["--lang", "fr", "requests", "answer", &request]).expect(0).stdout;
    for said in [
        "Mailer SARL (sous-traitant) : pas encore informé",
        "CRM en ligne (responsable conjoint) : informé",
        "Cabinet",
    ] {
        assert!(letter.contains(said), "{said} is not in\n{letter}");
    }
    let told = run(&project, &["--format", "json", "requests", "notify", &request]).expect(0).json();
    assert_eq!(told["told"][0]["recipient"], "mailer");
    let messages = hook.received();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].header("webhook-id"), messages[1].header("webhook-id"));
    let message: Value = serde_json::from_str(&messages[1].body).unwrap();
    assert_eq!(message["identities"], json!([{"kind": "email", "value": "jo@example.org"}]), "nothing else");
    assert_eq!(message["request"], request.as_str());
    let (id, at) =
        (messages[1].header("webhook-id").unwrap(), messages[1].header("webhook-timestamp").unwrap());
    let own =
        signature(&SigningKey::parse(SECRET).unwrap(), id, at.parse().unwrap(), messages[1].body.as_bytes());
    assert_eq!(messages[1].header("webhook-signature"), Some(own.as_str()));
    run(&project, &["requests", "notify"]).expect(0);
    assert_eq!(hook.received().len(), 2, "who was told is not told again");

    // What a person has to do: they see whom to tell of, and say that they did, or why not.
    assert_eq!(sealed(&project), "2", "two wait for a person");
    let shown = run(&project, &["requests", "told", &request, "lawyer"]).expect(0).stdout;
    assert!(shown.contains("email=jo@example.org") && !shown.contains("customer_id"), "{shown}");
    run(&project, &["requests", "told", &request, "lawyer", "--as", "support"]).expect(0);
    run(&project, &["requests", "told", &request, "other", "--as", "dpo", "--not-possible", "dissolved"])
        .expect(0);
    let letter = run(&project, &["--lang", "en", "requests", "answer", &request]).expect(0).stdout;
    assert!(
        letter.contains("Autre (processor): could not be told")
            && letter.contains("Cabinet (controller): told"),
        "{letter}"
    );
    run(&project, &["requests", "told", &request, "lawyer", "--as", "support"]).expect(2);
    assert_eq!(sealed(&project), "0", "nothing names the person any more");
}

#[test]
fn who_is_gone_or_moved_is_for_a_person_and_no_redirect_is_followed() {
    let elsewhere = Sink::answering(&[&answer("200 OK")]);
    let moved =
        format!("HTTP/1.1 307 Moved\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address);
    let (hook, saas) = (Sink::answering(&[&answer("410 Gone")]), Sink::answering(&[&moved]));
    let project = shop(&(webhook(&hook) + &template(&saas)));
    let (request, _) = jo_erased(&project);
    let expected = ["mailer refused gone", "saas refused redirected", "saas refused redirected"];
    assert_eq!(states(&standing(&project, &request)), expected);
    assert!(elsewhere.received().is_empty(), "nothing went where nobody decided");
    run(&project, &["erase", "--due"]).expect(0);
    run(&project, &["requests", "notify"]).expect(0);
    assert_eq!(hook.received().len(), 1, "it is not asked again by itself");
    let page = run(&project, &["requests", "recipients", &request]).expect(0).stdout;
    assert!(page.contains("COULD NOT BE TOLD (gone)") && !page.contains("jo@"), "{page}");
    // A person who has put it right asks for it.
    hook.answer_from_now(&answer("200 OK"));
    let again = run(&project, &["--format", "json", "requests", "notify", &request]).expect(3).json();
    assert_eq!(
        (&again["told"][0]["recipient"], &again["refused"][0]["failure"]),
        (&json!("mailer"), &json!("redirected"))
    );
}

#[test]
fn who_is_silent_is_tried_again_when_the_time_comes() {
    let hook = Sink::silent();
    let project = shop(&webhook(&hook));
    let (request, _) = jo_erased(&project);
    let waiting = standing(&project, &request);
    assert_eq!(states(&waiting), ["mailer waiting no_answer"]);
    assert_eq!(waiting[0]["attempts"], 1);
    hook.answer_from_now(&answer("202 Accepted"));
    run(&project, &["erase", "--due"]).expect(0);
    assert_eq!(states(&standing(&project, &request)), ["mailer waiting no_answer"], "its time has not come");
    let inner = project.command(&["erase", "--due"]);
    let mut later = Command::new("faketime");
    later.args(["-f", "+2m"]).arg(inner.get_program()).args(inner.get_args());
    later.current_dir(project.path("")).env("MAILER_SECRET", SECRET).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Answer::of(&later.output().unwrap()).expect(0);
    assert_eq!(states(&standing(&project, &request)), ["mailer told -"]);
}

#[test]
fn only_who_had_the_data_is_told_and_a_replay_tells_nobody() {
    let hook = Sink::answering(&[&answer("204 No Content")]);
    let project = shop(&webhook(&hook));
    project.sql("crm.db", "DELETE FROM newsletter WHERE id = 1;");
    let (request, downstream) = jo_erased(&project);
    assert_eq!(
        (&downstream, standing(&project, &request)),
        (&json!([]), Vec::new()),
        "she had no newsletter"
    );
    let nobody = received(&project, "email=nobody@example.org", &[]);
    assert!(
        run(&project, &["requests", "recipients", &nobody])
            .expect(0)
            .stdout
            .contains("No declared recipient")
    );
    assert!(hook.received().is_empty());
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn a_run_that_was_killed_while_it_certified_makes_no_second_notice() {
    let hook = Sink::answering(&[&answer("204 No Content")]);
    let project = shop(&webhook(&hook));
    let request = verified(&project, "email=jo@example.org", &[]);
    let plan = run(&project, &["--format", "json", "erase", &request]).expect(0).json();
    run(&project, &["approve", &plan_id(&plan), "--as", "dpo"]).expect(0);
    let mut killed = project.command(&["apply", &plan_id(&plan)]);
    killed.env("MAILER_SECRET", SECRET).env("OUBLIETTE_FAILPOINT", "before-statement:1");
    assert_eq!(killed.output().unwrap().status.code(), None);
    run(&project, &["apply", "--resume"]).expect(0);
    assert_eq!(states(&standing(&project, &request)), ["mailer told -"]);
    assert_eq!(hook.received().len(), 1);
}

#[test]
fn a_recipient_that_cannot_be_told_as_declared_is_a_fault_of_the_settings() {
    let base =
        "  mailer: {name: M, role: processor, record_types: [newsletter], identities: [email], CHANNEL}\n";
    for (channel, code) in [
        ("http: {url: \"https://x.example/{name}\"}", "bad-template"),
        ("http: {url: \"https://x.example/{identity.customer_id}\"}", "bad-template"),
        ("http: {url: \"https://x.example/\", body: \"no json\"}", "bad-template"),
        ("http: {url: \"https://x.example/\", headers: {Host: other}}", "bad-header"),
        ("manual: false", "bad-recipient"),
        ("manual: true, datasets: [crm.nothing]", "bad-recipient"),
    ] {
        let project = shop(&base.replace("CHANNEL", channel));
        let found = run(&project, &["--format", "json", "check", "--offline"]).expect(2).json();
        let codes: Vec<&str> = found["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert!(codes.contains(&code), "{channel}: {codes:?}");
    }
    let project = shop(&base.replace("[email]", "[passport]").replace("CHANNEL", "manual: true"));
    run(&project, &["check", "--offline"]).expect(2);
}
