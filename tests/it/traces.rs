//! Spans that a collector gets, where the program was built with the feature `opentelemetry`: what belongs
//! together, that nothing personal is among it, and that a collector that is away keeps nobody waiting.

use crate::canary::found_in;
use crate::scenario::{self, CANARY};
use crate::support::collector::{SentSpan, at, resources, spans};
use crate::support::sink::{Sink, answer};
use crate::support::{Project, find_text};
use oubliette::spans::{FIELDS, NAMES};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn collector() -> Sink {
    Sink::answering(&[&answer("200 OK")])
}

fn traced(collector: &Sink) -> Project {
    let mut project = scenario::small();
    project.environment.push(at(collector));
    project
}

/// Everything that was sent, after a look at whether it may have been.
fn sent(collector: &Sink) -> Vec<SentSpan> {
    for one in collector.received() {
        let found = found_in(&one.bytes).or_else(|| found_in(one.head.as_bytes()));
        assert_eq!(found, None, "{}", one.body);
        for word in ["SELECT", "DELETE", "sqlx", "example.org", "exports/2018", "engineer", "2019-03-31"] {
            assert!(!one.body.contains(word), "{word} in {}", one.body);
        }
    }
    let all = spans(collector);
    let known: BTreeSet<&str> = FIELDS.iter().map(|(_, seen)| *seen).collect();
    for span in &all {
        assert!(NAMES.contains(&span.name.as_str()), "{span:?}");
        assert!(span.attributes.keys().all(|key| known.contains(key.as_str())), "{span:?}");
        assert!(span.more == 0 && span.message.is_empty(), "{span:?}");
    }
    all
}

fn named<'s>(spans: &'s [SentSpan], name: &str) -> Vec<&'s SentSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[track_caller]
fn only<'s>(spans: &'s [SentSpan], name: &str) -> &'s SentSpan {
    let found = named(spans, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

/// The root of what one command did.
#[track_caller]
fn root<'s>(spans: &'s [SentSpan], words: &str) -> &'s SentSpan {
    let roots = named(spans, "command");
    let root = roots.into_iter().find(|root| root.of("command") == words);
    let root = root.unwrap_or_else(|| panic!("no root of {words}: {spans:?}"));
    assert!(root.parent.is_empty(), "{root:?}");
    root
}

#[track_caller]
fn assert_below(children: &[&SentSpan], parents: &[&SentSpan]) {
    assert!(!children.is_empty(), "nothing is below {parents:?}");
    for child in children {
        let parent = parents.iter().find(|parent| parent.id == child.parent);
        assert!(
            parent.is_some_and(|parent| parent.trace == child.trace),
            "{child:?} is not below {parents:?}"
        );
    }
}

#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn a_run_is_one_trace_with_nothing_personal_in_it() {
    let collector = collector();
    let project = traced(&collector);
    let plan = project.approved();
    let applied = project.run(&["--log", "trace", "--format", "json", "apply"]).expect(0).json();
    let all = sent(&collector);

    let planning = root(&all, "plan");
    let plan_span = all.iter().find(|span| span.name == "plan" && span.parent == planning.id).unwrap();
    let surveys = all.iter().filter(|span| span.name == "survey" && span.trace == planning.trace);
    assert_below(&surveys.collect::<Vec<_>>(), &[plan_span]);
    assert_eq!(plan_span.of("plan.id"), find_text(&plan, "plan_id").unwrap());

    let applying = root(&all, "apply");
    assert_eq!(applying.of("exit_status"), "0");
    let run = only(&all, "run");
    assert_below(&[run], &[applying]);
    assert_eq!(run.of("plan.id"), plan_span.of("plan.id"));
    assert_eq!(run.of("run.id"), find_text(&applied, "run_id").unwrap());
    assert_eq!(run.of("certificate.id"), find_text(&applied, "certificate_id").unwrap());
    assert_eq!(run.of("outcome"), find_text(&applied, "outcome").unwrap());
    let rules = named(&all, "rule");
    assert_below(&rules, &[run]);
    let prospects = rules.iter().find(|rule| rule.of("rule") == "prospect").unwrap();
    assert_eq!(
        [prospects.of("policy"), prospects.of("dataset"), prospects.of("store")],
        ["shop", "shop.prospects", "shop"]
    );
    assert_eq!(prospects.of("due"), prospects.of("disposed"));
    let batches = named(&all, "batch");
    assert_below(&batches, &rules);
    assert_below(&named(&all, "prove"), &batches);
    assert_below(&[only(&all, "evidence"), only(&all, "certify")], &[run]);
    assert_eq!(resources(&collector)[0]["service.name"], "oubliette");
    assert!(all.iter().all(|span| !span.has_failed), "{all:?}");
}

#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn a_request_is_drafted_and_carried_out_under_its_commands() {
    let collector = collector();
    let project = traced(&collector);
    let identity = format!("email={CANARY}.p20@example.org");
    let received =
        project.run(&["--format", "json", "requests", "receive", "--identity", &identity]).expect(0);
    let request = find_text(&received.json(), "request_id").unwrap();
    project.run(&["requests", "verify", &request, "--as", "support", "--method", "letter"]).expect(0);
    // Orders know people by a number alone, and a prospect has none.
    let plan = project.run(&["--format", "json", "erase", &request]).expect(3).json();
    let plan = find_text(&plan, "plan_id").unwrap();
    project.run(&["approve", &plan, "--as", "dpo"]).expect(0);
    project.run(&["apply", &plan]);
    let all = sent(&collector);
    root(&all, "requests receive");
    let draft = only(&all, "draft");
    assert_below(&[draft], &[root(&all, "erase")]);
    assert_eq!(draft.of("plan.id"), plan);
    let surveys = all.iter().filter(|span| span.name == "survey" && span.trace == draft.trace);
    assert_below(&surveys.collect::<Vec<_>>(), &[draft]);
    assert_below(&[only(&all, "run")], &[root(&all, "apply")]);
    assert!(collector.received().iter().all(|one| !one.body.contains(&request)), "whose plan it is");
}

/// A driver's thread holds the last span a moment longer than the command: the root must not be lost.
#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn the_root_arrives_every_time() {
    let collector = collector();
    let project = traced(&collector);
    for times in 1..=10 {
        project.run(&["status"]).expect(0);
        assert_eq!(named(&sent(&collector), "command").len(), times);
    }
    let failed = project.run(&["show", "plan-that-is-not"]);
    let all = sent(&collector);
    let root = root(&all, "show");
    assert_eq!(root.of("exit_status"), failed.code.unwrap().to_string());
    assert!(root.has_failed);
}

#[test]
fn nothing_is_sent_unless_the_environment_asks_for_it() {
    let collector = collector();
    let project = scenario::small();
    let (name, address) = at(&collector);
    let named = (name, address.as_str());
    let off: [&[(&str, &str)]; 4] = [
        &[],
        &[named, ("OTEL_SDK_DISABLED", "true")],
        &[named, ("OTEL_TRACES_EXPORTER", "none")],
        &[named, ("OTEL_TRACES_SAMPLER", "always_off")],
    ];
    for variables in off {
        let ended = project.command(&["plan"]).envs(variables.iter().copied()).output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("collector"), "{said}");
        assert!(collector.received().is_empty(), "{variables:?}");
    }
}

#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn the_environment_says_who_sends() {
    let collector = collector();
    let mut project = traced(&collector);
    project.environment.push(("OTEL_SERVICE_NAME", "retention".to_owned()));
    project.environment.push(("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test".to_owned()));
    project.environment.push(("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer t0k3n".to_owned()));
    project.run(&["status"]).expect(0);
    let resource = resources(&collector).remove(0);
    assert_eq!(resource["service.name"], "retention");
    assert_eq!(resource["deployment.environment.name"], "test");
    let keys: BTreeSet<&str> = resource.keys().map(String::as_str).collect();
    let expected = [
        "deployment.environment.name",
        "service.name",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    ];
    assert_eq!(keys, BTreeSet::from(expected), "neither machine nor process nor command line");
    assert_eq!(collector.received()[0].header("authorization"), Some("Bearer t0k3n"));
}

/// Longer than the end of a program may wait, and shorter than anything waits by itself.
const TOO_LONG: Duration = Duration::from_secs(12);

#[test]
#[cfg_attr(not(feature = "opentelemetry"), ignore = "needs the feature opentelemetry")]
fn a_collector_that_is_away_delays_nothing_and_is_told_of_once() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (silent, busy) = (Sink::silent(), Sink::answering(&[&answer("503 Busy")]));
    let project = scenario::small();
    let mut usual = Duration::ZERO;
    for address in ["", &gone, &silent.address, &busy.address] {
        let endpoint = if address.is_empty() { String::new() } else { format!("http://{address}/t0k3n") };
        let began = Instant::now();
        let ended =
            project.command(&["plan"]).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint).output().unwrap();
        let took = began.elapsed();
        assert_eq!(ended.status.code(), Some(0), "{address}");
        assert!(!ended.stdout.is_empty(), "the work is done");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        let warnings = said.lines().filter(|line| line.contains("collector")).count();
        assert_eq!(warnings, usize::from(!address.is_empty()), "{said}");
        assert!(!said.contains("t0k3n"), "{said}");
        usual = if usual.is_zero() { took } else { usual };
        assert!(took < usual + TOO_LONG, "{address}: {took:?} instead of {usual:?}");
    }
    let refused =
        project.command(&["plan"]).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "t0k3n").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(0));
    assert!(said.contains("no spans are sent") && !said.contains("t0k3n"), "{said}");
}
