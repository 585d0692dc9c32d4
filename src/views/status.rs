//! Where the project stands: plans, open runs, holds, certificates (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::replay::{self, LookJson};
use super::text::{self, instant, printable};
use super::words::run as words;
use crate::app::{ClockAcceptance, NextAnswer, OpenRequests, OpenResiduals, Status};
use crate::plan::store::PlanEntry;
use crate::policy::Language;
use chrono::NaiveDate;
use serde::Serialize;

/// Characters of a run's id in the table.
const ID_CHARACTERS_SHOWN: usize = 20;

/// What is paused, open, held and certified, then the newest plans.
#[must_use]
pub fn human(status: &Status, language: Language) -> String {
    let mut page = String::new();
    let mut line = |text: String| page = format!("{page}{text}\n");
    if status.paused {
        line(words::STATUS_PAUSED.text(language).to_owned());
    }
    if status.open_runs.is_empty() {
        line(words::STATUS_NO_RUN.text(language).to_owned());
    }
    for run in &status.open_runs {
        let state = words::run_state(run.state).text(language);
        let values: [&dyn std::fmt::Display; 4] =
            [&run.run_id, &run.plan_id, &state, &instant(run.started_at)];
        line(words::STATUS_OPEN_RUN.fill(language, &values));
    }
    line(words::STATUS_HOLDS.fill(language, &[&status.holds_active, &status.holds_review_due]));
    requests(&status.requests, language, &mut line);
    line(match status.last_certificate_at.map(instant) {
        Some(last) => words::STATUS_LAST_CERTIFICATE.fill(language, &[&status.certificates, &last]),
        None => words::STATUS_CERTIFICATES.fill(language, &[&status.certificates]),
    });
    residuals(status, language, &mut line);
    if let Some(look) = &status.returned {
        line(replay::newest(look, language).trim_end().to_owned());
    }
    notices(status, language, &mut line);
    for approval in &status.standing {
        let (rule, who) = (format!("{}/{}", approval.policy, approval.rule), printable(&approval.approver));
        line(words::STATUS_STANDING.fill(language, &[&rule, &who, &instant(approval.approved_at)]));
    }
    if let Some(at) = status.last_seen_at {
        line(words::STATUS_LAST_SEEN.fill(language, &[&instant(at)]));
        if status.is_clock_behind {
            line(words::STATUS_CLOCK_BEHIND.text(language).to_owned());
        }
    }
    for accepted in &status.clock_acceptances {
        line(clock_accepted(accepted, language));
    }
    page + &plans(&status.plans, language)
}

/// How many copies outlive runs, and when the next of them ends.
fn residuals(status: &Status, language: Language, line: &mut impl FnMut(String)) {
    let open = &status.open_residuals;
    if open.is_empty() {
        return;
    }
    let count: usize = open.iter().map(|of_one| of_one.residuals.len()).sum();
    line(words::STATUS_RESIDUALS.fill(language, &[&count, &open.len()]));
    if let Some(next) = open.iter().filter_map(OpenResiduals::next_at).min() {
        if status.residuals_past {
            line(words::STATUS_RESIDUALS_PAST.text(language).to_owned());
        }
        line(words::STATUS_RESIDUALS_NEXT.fill(language, &[&instant(next)]));
    }
}

/// How many requests of persons are open, and which answer is due first.
fn requests(requests: &OpenRequests, language: Language, line: &mut impl FnMut(String)) {
    line(words::STATUS_REQUESTS.fill(language, &[&requests.open, &requests.waiting]));
    let Some(NextAnswer { request_id, due_on, days_left }) = &requests.next else { return };
    line(if *days_left < 0 {
        words::STATUS_ANSWER_LATE.fill(language, &[request_id, due_on, &days_left.unsigned_abs()])
    } else {
        words::STATUS_ANSWER_DUE.fill(language, &[request_id, due_on, days_left])
    });
}

/// What receivers do not have yet, or never will.
fn notices(status: &Status, language: Language, line: &mut impl FnMut(String)) {
    let outbox = &status.outbox;
    if let Some(oldest) = outbox.oldest_raised_at {
        line(words::STATUS_NOTICES_WAITING.fill(language, &[&outbox.waiting, &instant(oldest)]));
    }
    if outbox.given_up > 0 {
        line(words::STATUS_NOTICES_GIVEN_UP.fill(language, &[&outbox.given_up]));
    }
}

/// That a clock was accepted, by whom and why.
#[must_use]
pub fn clock_accepted(accepted: &ClockAcceptance, language: Language) -> String {
    let (seen, now) = (instant(accepted.seen_at), instant(accepted.accepted_at));
    let values: [&dyn std::fmt::Display; 4] =
        [&now, &seen, &printable(&accepted.who), &printable(&accepted.why)];
    words::CLOCK_ACCEPTED.fill(language, &values)
}

fn plans(plans: &[PlanEntry], language: Language) -> String {
    if plans.is_empty() {
        return words::STATUS_NO_PLANS.text(language).to_owned() + "\n";
    }
    let header = [words::COLUMN_PLAN, words::COLUMN_DRAFTED, words::COLUMN_APPROVED, words::COLUMN_RUN];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for plan in plans {
        let approved = if plan.approved { words::YES } else { words::NO };
        table.add_row([
            plan.plan_id.clone(),
            instant(plan.drafted_at),
            approved.text(language).to_owned(),
            plan.run_id.as_deref().map(shortened).unwrap_or_default(),
        ]);
    }
    text::widen(&mut table, 0, 38);
    text::widen(&mut table, 1, 21);
    format!("\n{}\n{}", words::STATUS_PLANS.text(language), text::lines(&table))
}

/// The beginning of an id: commands take it for the whole. The JSON form has it all.
fn shortened(id: &str) -> String {
    let beginning: String = id.chars().take(ID_CHARACTERS_SHOWN).collect();
    if beginning.len() < id.len() { beginning + "…" } else { beginning }
}

/// The JSON form of `status`.
#[derive(Debug, Serialize)]
pub struct StatusJson<'a> {
    format_version: u32,
    paused: bool,
    open_runs: Vec<RunJson<'a>>,
    holds_active: u64,
    holds_review_due: u64,
    certificates: u64,
    last_certificate_at: Option<String>,
    open_residuals: Vec<OpenJson<'a>>,
    standing_approvals: Vec<StandingJson<'a>>,
    last_seen_at: Option<String>,
    clock_behind: bool,
    clock_acceptances: &'a [ClockAcceptance],
    /// The newest look for erased persons, by a run, `check` or `replay`.
    erased_seen_again: Option<LookJson<'a>>,
    notices: NoticesJson,
    requests: RequestsJson<'a>,
    plans: Vec<PlanJson<'a>>,
}

/// Requests of persons that have not ended.
#[derive(Debug, Serialize)]
struct RequestsJson<'a> {
    open: u64,
    waiting: u64,
    /// The answer that is due first.
    next_request_id: Option<&'a str>,
    next_due_on: Option<NaiveDate>,
    days_left: Option<i64>,
}

impl<'a> RequestsJson<'a> {
    fn new(requests: &'a OpenRequests) -> Self {
        let next = requests.next.as_ref();
        Self {
            open: requests.open,
            waiting: requests.waiting,
            next_request_id: next.map(|next| next.request_id.as_str()),
            next_due_on: next.map(|next| next.due_on),
            days_left: next.map(|next| next.days_left),
        }
    }
}

/// The open copies of one certificate.
#[derive(Debug, Serialize)]
struct OpenJson<'a> {
    certificate_id: &'a str,
    next_at: Option<String>,
    residuals: &'a [crate::evidence::Residual],
}

/// Notices on their way to receivers.
#[derive(Debug, Serialize)]
struct NoticesJson {
    waiting: u64,
    oldest_raised_at: Option<String>,
    given_up: u64,
}

#[derive(Debug, Serialize)]
struct StandingJson<'a> {
    policy: &'a str,
    rule: &'a str,
    approver: &'a str,
    approved_at: String,
}

#[derive(Debug, Serialize)]
struct RunJson<'a> {
    run_id: &'a str,
    plan_id: &'a str,
    state: crate::journal::RunState,
    started_at: String,
}

#[derive(Debug, Serialize)]
struct PlanJson<'a> {
    plan_id: &'a str,
    digest: &'a str,
    drafted_at: String,
    approved: bool,
    run_id: Option<&'a str>,
}

impl<'a> StatusJson<'a> {
    #[must_use]
    pub fn new(status: &'a Status) -> Self {
        let runs = status.open_runs.iter().map(|run| RunJson {
            run_id: &run.run_id,
            plan_id: &run.plan_id,
            state: run.state,
            started_at: instant(run.started_at),
        });
        let plans = status.plans.iter().map(|plan| PlanJson {
            plan_id: &plan.plan_id,
            digest: &plan.digest,
            drafted_at: instant(plan.drafted_at),
            approved: plan.approved,
            run_id: plan.run_id.as_deref(),
        });
        let standing = status.standing.iter().map(|approval| StandingJson {
            policy: &approval.policy,
            rule: &approval.rule,
            approver: &approval.approver,
            approved_at: instant(approval.approved_at),
        });
        Self {
            format_version: JSON_FORMAT_VERSION,
            paused: status.paused,
            open_runs: runs.collect(),
            holds_active: status.holds_active,
            holds_review_due: status.holds_review_due,
            certificates: status.certificates,
            last_certificate_at: status.last_certificate_at.map(instant),
            open_residuals: status
                .open_residuals
                .iter()
                .map(|open| OpenJson {
                    certificate_id: open.certificate_id.as_str(),
                    next_at: open.next_at().map(instant),
                    residuals: &open.residuals,
                })
                .collect(),
            standing_approvals: standing.collect(),
            last_seen_at: status.last_seen_at.map(instant),
            clock_behind: status.is_clock_behind,
            clock_acceptances: &status.clock_acceptances,
            erased_seen_again: status.returned.as_ref().map(LookJson::new),
            notices: NoticesJson {
                waiting: status.outbox.waiting,
                oldest_raised_at: status.outbox.oldest_raised_at.map(instant),
                given_up: status.outbox.given_up,
            },
            requests: RequestsJson::new(&status.requests),
            plans: plans.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::OutboxState;
    use chrono::DateTime;

    fn status() -> Status {
        Status {
            plans: vec![PlanEntry {
                plan_id: "p-1".into(),
                digest: "00".into(),
                drafted_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
                approved: true,
                run_id: None,
            }],
            open_runs: Vec::new(),
            holds_active: 2,
            holds_review_due: 1,
            certificates: 0,
            open_residuals: Vec::new(),
            residuals_past: false,
            last_certificate_at: None,
            standing: Vec::new(),
            paused: true,
            last_seen_at: None,
            is_clock_behind: false,
            clock_acceptances: Vec::new(),
            returned: None,
            outbox: OutboxState::default(),
            requests: OpenRequests::default(),
        }
    }

    #[test]
    fn requests_are_counted_and_the_first_deadline_is_named() {
        assert!(human(&status(), Language::En).contains("Requests of persons: 0 open, 0 waiting."));
        let due = |days_left| {
            let due_on = NaiveDate::from_ymd_opt(2026, 12, 28).unwrap();
            let next = NextAnswer { request_id: "request-1".into(), due_on, days_left };
            Status { requests: OpenRequests { open: 3, waiting: 1, next: Some(next) }, ..status() }
        };
        let page = human(&due(2), Language::Fr);
        assert!(page.contains("Demandes de personnes : 3 ouverte(s), 1 en attente."), "{page}");
        assert!(page.contains("due le 2026-12-28 (request-1), dans 2 jour(s)."), "{page}");
        let page = human(&due(-4), Language::En);
        assert!(page.contains("LATE by 4 day(s): it was due on 2026-12-28 (request-1)."), "{page}");
        let json = serde_json::to_value(StatusJson::new(&due(-4))).unwrap();
        assert_eq!(json["requests"]["next_request_id"], "request-1");
        assert_eq!((&json["requests"]["open"], &json["requests"]["days_left"]), (&3.into(), &(-4).into()));
    }

    #[test]
    fn a_pause_is_said_first() {
        let page = human(&status(), Language::En);
        assert!(page.starts_with("PAUSED: the pause file exists"), "{page}");
        assert!(page.contains("Active holds: 2, 1 of them to be reviewed."), "{page}");
        assert!(page.contains("p-1") && page.contains("2026-09-21T14:13:20Z"), "{page}");
    }

    #[test]
    fn notices_are_told_of_while_somebody_lacks_them() {
        assert!(!human(&status(), Language::En).contains("Notices"));
        let oldest_raised_at = DateTime::from_timestamp(1_790_000_000, 0);
        let late = Status { outbox: OutboxState { waiting: 3, given_up: 1, oldest_raised_at }, ..status() };
        let page = human(&late, Language::En);
        assert!(page.contains("wait for a receiver: 3, the oldest of 2026-09-21T14:13:20Z."), "{page}");
        assert!(page.contains("which their receivers never had: 1"), "{page}");
        assert_eq!(serde_json::to_value(StatusJson::new(&late)).unwrap()["notices"]["waiting"], 3);
    }

    #[test]
    fn the_json_form_has_its_version() {
        let status = status();
        let json = serde_json::to_value(StatusJson::new(&status)).unwrap();
        assert_eq!(json["format_version"], 1);
        assert_eq!(json["plans"][0]["approved"], true);
    }
}
