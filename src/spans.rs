//! The spans of a trace: which command, plan, run, rule or batch took how long, and how it ended.
//!
//! Floor 0. Names and fields stand here and nowhere else. A span carries the names that may stand on a
//! certificate, ids that the program drew, counts, and words of its own; never a value or a key of a record, a name of a person, the text of an
//! error, or a statement. [`NAMES`] and [`FIELDS`] are the whole list, and what sends spans lets nothing
//! else through. Where they go, if anywhere, is not known here; unless somebody asks for [`TARGET`] they cost
//! nothing.

use tracing::field::Empty;
use tracing::{Span, info_span};

/// By this spans of ours are told from those of libraries.
pub const TARGET: &str = "oubliette::span";

pub const NAMES: [&str; 13] = [
    "command",
    "schedule",
    "scan",
    "plan",
    "draft",
    "survey",
    "run",
    "rule",
    "partition",
    "batch",
    "prove",
    "evidence",
    "certify",
];

pub const OUTCOME: &str = "outcome";
pub const PLAN_ID: &str = "plan_id";
pub const RUN_ID: &str = "run_id";
pub const CERTIFICATE_ID: &str = "certificate_id";
pub const EXIT_STATUS: &str = "exit_status";
pub const BATCH: &str = "batch";
pub const RECORDS: &str = "records";
pub const DUE: &str = "due";
pub const DISPOSED: &str = "disposed";
/// No field of ours: it tells a collector that something failed, without saying what.
const STATUS: &str = "otel.status_code";

/// Every field that may leave this machine, and how others see it.
pub const FIELDS: [(&str, &str); 15] = [
    ("command", "oubliette.command"),
    ("schedule", "oubliette.schedule"),
    ("policy", "oubliette.policy"),
    ("rule", "oubliette.rule"),
    ("dataset", "oubliette.dataset"),
    ("store", "oubliette.store"),
    (OUTCOME, "oubliette.outcome"),
    (PLAN_ID, "oubliette.plan.id"),
    (RUN_ID, "oubliette.run.id"),
    (CERTIFICATE_ID, "oubliette.certificate.id"),
    (EXIT_STATUS, "oubliette.exit_status"),
    (BATCH, "oubliette.batch"),
    (RECORDS, "oubliette.records"),
    (DUE, "oubliette.due"),
    (DISPOSED, "oubliette.disposed"),
];

/// A rule at one dataset, by the names that may stand on a certificate.
#[derive(Debug, Clone, Copy)]
pub struct TargetNames<'a> {
    pub policy: &'a str,
    pub rule: &'a str,
    pub dataset: &'a str,
    pub store: &'a str,
}

/// One call of the program, the root of its trace. `words` are those of the command, without its arguments.
#[must_use]
pub fn command(words: &str) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "command",
        command = words,
        exit_status = Empty,
        otel.status_code = Empty
    )
}

/// One piece of work of a daemon: a root of its own, since a daemon lives for months.
#[must_use]
pub fn schedule(name: &str) -> Span {
    info_span!(
        target: TARGET,
        parent: None,
        "schedule",
        schedule = name,
        outcome = Empty,
        otel.status_code = Empty
    )
}

/// A verification scan of a daemon, a root too.
#[must_use]
pub fn scan() -> Span {
    info_span!(target: TARGET, parent: None, "scan")
}

/// Drafting, or counting again, by the rules.
#[must_use]
pub fn plan(plan_id: &str) -> Span {
    info_span!(target: TARGET, "plan", plan_id, due = Empty, otel.status_code = Empty)
}

/// Finding the persons of requests, and drafting a plan for them.
#[must_use]
pub fn draft(plan_id: &str) -> Span {
    info_span!(target: TARGET, "draft", plan_id, due = Empty, otel.status_code = Empty)
}

/// Counting one dataset.
#[must_use]
pub fn survey(of: TargetNames<'_>) -> Span {
    info_span!(
        target: TARGET,
        "survey",
        policy = of.policy,
        rule = of.rule,
        dataset = of.dataset,
        store = of.store,
        records = Empty,
        due = Empty,
        otel.status_code = Empty
    )
}

/// Applying a plan, from its checks to the certificate. Which plan and run it is follows by [`run_is`].
#[must_use]
pub fn run() -> Span {
    info_span!(
        target: TARGET,
        "run",
        plan_id = Empty,
        run_id = Empty,
        certificate_id = Empty,
        outcome = Empty,
        otel.status_code = Empty
    )
}

/// Carrying out one rule at one dataset.
#[must_use]
pub fn rule(of: TargetNames<'_>, due: u64) -> Span {
    info_span!(
        target: TARGET,
        "rule",
        policy = of.policy,
        rule = of.rule,
        dataset = of.dataset,
        store = of.store,
        due = signed(due),
        disposed = Empty,
        outcome = Empty
    )
}

/// Dropping one partition as a whole.
#[must_use]
pub fn partition() -> Span {
    info_span!(target: TARGET, "partition")
}

/// Having a store carry out one batch.
#[must_use]
pub fn batch() -> Span {
    info_span!(target: TARGET, "batch", batch = Empty, records = Empty, outcome = Empty)
}

/// Reading one batch back. It may begin when the batch is long carried out.
#[must_use]
pub fn prove(batch: &Span) -> Span {
    info_span!(target: TARGET, parent: batch, "prove", disposed = Empty)
}

/// Reading everything once more after the last batch, and fixing the statement.
#[must_use]
pub fn evidence() -> Span {
    info_span!(target: TARGET, "evidence")
}

/// Signing and archiving.
#[must_use]
pub fn certify(certificate_id: &str) -> Span {
    info_span!(target: TARGET, "certify", certificate_id)
}

/// Notes at the run under way which it is.
pub fn run_is(plan_id: &str, run_id: &str) {
    let run = Span::current();
    run.record(PLAN_ID, plan_id);
    run.record(RUN_ID, run_id);
}

/// Notes a number at a span.
pub fn count(span: &Span, field: &str, count: u64) {
    span.record(field, signed(count));
}

/// Notes a word or an id at a span.
pub fn word(span: &Span, field: &str, word: &str) {
    span.record(field, word);
}

/// Notes that it failed, and not why: an error may name what nobody outside should read.
pub fn failed(span: &Span) {
    span.record(STATUS, "ERROR");
}

/// Collectors know no unsigned numbers.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> Vec<Span> {
        let of = TargetNames { policy: "p", rule: "r", dataset: "d", store: "s" };
        let spans =
            [command("plan"), schedule("nightly"), scan(), plan("plan-1"), draft("plan-1"), survey(of)];
        let more = [run(), rule(of, 1), partition(), batch(), prove(&Span::none()), evidence()];
        spans.into_iter().chain(more).chain([certify("c")]).collect()
    }

    #[test]
    fn the_lists_have_every_name_and_field_and_no_other() {
        let spans = all();
        let metadata: Vec<_> = spans.iter().filter_map(Span::metadata).collect();
        let names: BTreeSet<&str> = metadata.iter().map(|one| one.name()).collect();
        assert_eq!(names, BTreeSet::from(NAMES));
        assert!(metadata.iter().all(|one| one.target() == TARGET));
        let fields: BTreeSet<&str> = metadata
            .iter()
            .flat_map(|one| one.fields().iter().map(|field| field.name()))
            .filter(|name| *name != STATUS)
            .collect();
        assert_eq!(fields, FIELDS.iter().map(|(field, _)| *field).collect());
        let seen: BTreeSet<&str> = FIELDS.iter().map(|(_, seen)| *seen).collect();
        assert_eq!(seen.len(), FIELDS.len());
        assert!(seen.iter().all(|seen| seen.starts_with("oubliette.")));
    }

    #[test]
    fn a_count_beyond_what_collectors_know_is_the_most_that_they_know() {
        assert_eq!(signed(7), 7);
        assert_eq!(signed(u64::MAX), i64::MAX);
    }
}
