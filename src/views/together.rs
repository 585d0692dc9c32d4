//! Requests of many persons at once, as their staff reads it (floor 8, pure). No identity is shown.

use super::JSON_FORMAT_VERSION;
use super::plan::StandingJson;
use super::text::{add_line, number};
use super::words::requests as request_words;
use super::words::together as words;
use crate::app::{LeftAlone, PlanStanding, PlannedTogether, RequestReceived};
use crate::erasure::planner::LeftOut;
use crate::erasure::request::Request;
use crate::policy::Language;
use chrono::NaiveDate;
use serde::Serialize;

/// Requests that are named on a screen; the JSON form has all.
const SHOWN_MAX: usize = 20;

/// What was received, a line each: the line of the file, the request, and the day of the answer.
#[must_use]
pub fn received(lines: &[(usize, &RequestReceived)], language: Language) -> String {
    let mut page = String::new();
    for (line, one) in lines {
        let message = if one.joined { words::LINE_JOINED } else { words::LINE_RECEIVED };
        let said = message.fill(language, &[line, &one.request.request_id, &one.request.due_on]);
        add_line(&mut page, format_args!("{said}"));
        if !one.overlaps.is_empty() {
            let overlaps = request_words::OVERLAPS.fill(language, &[&one.overlaps.join(", ")]);
            add_line(&mut page, format_args!("  {overlaps}"));
        }
    }
    page + words::VERIFY_NEXT.text(language) + "\n"
}

/// How many were verified.
#[must_use]
pub fn verified(requests: &[Request], language: Language) -> String {
    words::VERIFIED.fill(language, &[&number(requests.len() as u64)]) + "\n"
}

/// The plans, and who is left out.
#[must_use]
pub fn planned(planned: &PlannedTogether, language: Language) -> String {
    let mut page = String::new();
    for standing in &planned.planned {
        let (plan, persons) = (&standing.plan, persons(standing));
        let due = plan.items.iter().map(|item| item.counts.due).sum();
        let values: [&dyn std::fmt::Display; 3] = [&plan.plan_id, &number(persons), &number(due)];
        add_line(&mut page, format_args!("{}", words::PLANNED.fill(language, &values)));
        let next = words::APPROVE_NEXT.fill(language, &[&plan.plan_id]);
        add_line(&mut page, format_args!("  {next}"));
    }
    if planned.planned.is_empty() {
        add_line(&mut page, format_args!("{}", words::NOTHING.text(language)));
    }
    for (request_id, why) in planned.left.iter().take(SHOWN_MAX) {
        let line = reason(why).fill(language, &[request_id]);
        add_line(&mut page, format_args!("{line}"));
    }
    let more = planned.left.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        add_line(&mut page, format_args!("{}", words::LEFT_MORE.fill(language, &[&number(more as u64)])));
    }
    page
}

fn persons(standing: &PlanStanding) -> u64 {
    standing.plan.request.as_ref().map_or(0, |request| request.request_ids().len() as u64)
}

fn reason(why: &LeftAlone) -> super::words::Message {
    match why {
        LeftAlone::Begun => words::LEFT_BEGUN,
        LeftAlone::TooMany => words::LEFT_TOO_MANY,
        LeftAlone::Planner(LeftOut::Overlaps) => words::LEFT_OVERLAPS,
        LeftAlone::Planner(LeftOut::Walk(_)) => words::LEFT_WALK,
    }
}

/// The JSON form of `requests receive --persons`.
#[derive(Debug, Serialize)]
pub struct ReceivedAllJson<'a> {
    format_version: u32,
    requests: Vec<ReceivedLineJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ReceivedLineJson<'a> {
    line: usize,
    request_id: &'a str,
    due_on: NaiveDate,
    joined: bool,
    overlaps: &'a [String],
}

impl<'a> ReceivedAllJson<'a> {
    #[must_use]
    pub fn new(lines: &[(usize, &'a RequestReceived)]) -> Self {
        let requests = lines.iter().map(|(line, one)| ReceivedLineJson {
            line: *line,
            request_id: &one.request.request_id,
            due_on: one.request.due_on,
            joined: one.joined,
            overlaps: &one.overlaps,
        });
        Self { format_version: JSON_FORMAT_VERSION, requests: requests.collect() }
    }
}

/// The JSON form of `requests verify --requests`.
#[derive(Debug, Serialize)]
pub struct VerifiedJson<'a> {
    format_version: u32,
    request_ids: Vec<&'a str>,
}

impl<'a> VerifiedJson<'a> {
    #[must_use]
    pub fn new(requests: &'a [Request]) -> Self {
        let request_ids = requests.iter().map(|request| request.request_id.as_str()).collect();
        Self { format_version: JSON_FORMAT_VERSION, request_ids }
    }
}

/// The JSON form of `erase --together`.
#[derive(Debug, Serialize)]
pub struct PlannedJson<'a> {
    format_version: u32,
    planned: Vec<StandingJson<'a>>,
    /// Requests that are for a plan of their own, or for the next time.
    left: Vec<LeftJson<'a>>,
}

#[derive(Debug, Serialize)]
struct LeftJson<'a> {
    request_id: &'a str,
    reason: &'static str,
}

impl<'a> PlannedJson<'a> {
    #[must_use]
    pub fn new(
        planned: &'a PlannedTogether,
        standing: impl Fn(&'a PlanStanding) -> StandingJson<'a>,
    ) -> Self {
        let left = planned.left.iter().map(|(id, why)| LeftJson { request_id: id, reason: why.code() });
        Self {
            format_version: JSON_FORMAT_VERSION,
            planned: planned.planned.iter().map(standing).collect(),
            left: left.collect(),
        }
    }
}
