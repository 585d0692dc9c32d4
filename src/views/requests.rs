//! Requests as lists and stories (floor 8, pure). No identity is shown: who reads the screen of a member of
//! staff needs none.

use super::JSON_FORMAT_VERSION;
use super::answer;
use super::text::{self, add_line, day, instant, number, printable};
use super::words::requests as words;
use super::words::run;
use crate::app::{RequestReceived, RequestStory};
use crate::erasure::ground::RequestKind;
use crate::erasure::request::Request;
use crate::evidence::TargetEvidence;
use crate::plan::{Plan, RequestPlan, Search};
use crate::policy::Language;
use chrono::NaiveDate;
use serde::Serialize;

/// One row a request.
#[must_use]
pub fn human(requests: &[(Request, Option<i64>)], language: Language) -> String {
    if requests.is_empty() {
        return words::NONE.text(language).to_owned() + "\n";
    }
    let header = [
        words::COLUMN_REQUEST,
        words::COLUMN_KIND,
        words::COLUMN_STATE,
        words::COLUMN_RECEIVED,
        words::COLUMN_DUE,
        words::COLUMN_LEFT,
    ];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for (request, days_left) in requests {
        table.add_row([
            request.request_id.clone(),
            words::kind(request.kind).text(language).to_owned(),
            words::state(request.state).text(language).to_owned(),
            request.received_on.to_string(),
            if days_left.is_some() { request.due_on.to_string() } else { String::new() },
            left(*days_left, language),
        ]);
    }
    // An identifier is copied into the next command: it must not be broken.
    text::widen(&mut table, 0, 40);
    text::lines(&table)
}

fn left(days_left: Option<i64>, language: Language) -> String {
    match days_left {
        None => String::new(),
        Some(days) if days < 0 => words::LATE.fill(language, &[&days.unsigned_abs()]),
        Some(days) => days.to_string(),
    }
}

/// Where a request stands, in one line.
#[must_use]
pub fn line(request: &Request, language: Language) -> String {
    let state = words::state(request.state).text(language);
    let line = if request.awaits_answer() {
        words::LINE.fill(language, &[&request.request_id, &state, &request.due_on])
    } else {
        words::LINE_ENDED.fill(language, &[&request.request_id, &state])
    };
    line + "\n"
}

/// What becomes of a request that was just received.
#[must_use]
pub fn received(received: &RequestReceived, language: Language) -> String {
    let request = &received.request;
    let (id, due) = (&request.request_id, &request.due_on);
    if received.joined {
        return words::JOINED.fill(language, &[id, due]) + "\n";
    }
    let first = words::RECEIVED.fill(language, &[id, &request.received_on, due]);
    format!("{first}\n{}\n", words::VERIFY_NEXT.fill(language, &[id]))
}

/// A request and what happened to it.
#[must_use]
pub fn story(story: &RequestStory, language: Language) -> String {
    let request = &story.request;
    let mut page = line(request, language);
    let values: [&dyn std::fmt::Display; 3] =
        [&words::ground(request.ground).text(language), &request.ground.article(), &request.ground.code()];
    let ground = words::GROUND_LINE.fill(language, &values);
    let rows = [
        (words::COLUMN_KIND, words::kind(request.kind).text(language).to_owned()),
        (words::GROUND, ground),
        (words::COLUMN_RECEIVED, request.received_on.to_string()),
        (words::COLUMN_LEFT, left(story.days_left, language)),
        (words::PLANS, story.plan_ids.join(", ")),
        (words::CERTIFICATES, story.certificate_ids.join(", ")),
    ];
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        add_line(&mut page, format_args!("  {:<15}{value}", name.text(language)));
    }
    let kept: Vec<String> =
        story.kept.iter().flat_map(|target| answer::kept(target, &story.titles, language)).collect();
    if !kept.is_empty() {
        add_line(&mut page, format_args!("{}", words::KEPT.text(language)));
    }
    for line in kept {
        add_line(&mut page, format_args!("  {line}"));
    }
    add_line(&mut page, format_args!("{}", words::EVENTS.text(language)));
    for event in &story.events {
        let note = event.note.as_deref();
        let note = note.map(|note| words::EVENT_NOTE.fill(language, &[&printable(note)])).unwrap_or_default();
        let what = words::event(&event.event).map_or(event.event.as_str(), |message| message.text(language));
        add_line(&mut page, format_args!("  {}  {what}{note}", instant(event.at)));
    }
    page
}

/// Where a plan looked for the person, and what a duty keeps.
#[must_use]
pub fn searched(plan: &Plan, request: &RequestPlan, language: Language) -> String {
    let kind = RequestKind::parse(&request.kind).unwrap_or(RequestKind::Erasure);
    let kind = words::kind(kind).text(language);
    let (received, due) = (day(request.received_at), day(request.due_at));
    let mut page = if request.members.is_empty() {
        words::SEARCH_FOR.fill(language, &[&request.request_id, &kind, &received, &due])
    } else {
        super::words::together::SEARCH_FOR.fill(language, &[&request.members.len(), &kind, &due])
    };
    page.push('\n');
    add_line(&mut page, format_args!("{}", words::SEARCH_HEADING.text(language)));
    for searched in &request.datasets {
        let name = printable(&searched.dataset);
        let line = match &searched.search {
            Search::Found { own, shared } => words::SEARCH_FOUND.fill(language, &[&name, own, shared]),
            Search::NothingFound => words::SEARCH_NOTHING.fill(language, &[&name]),
            Search::NotReached { reason } => {
                words::SEARCH_NOT_REACHED.fill(language, &[&name, &printable(reason)])
            }
            Search::NotSearched => words::SEARCH_NOT_SEARCHED.fill(language, &[&name]),
        };
        add_line(&mut page, format_args!("  {line}"));
    }
    for kept in &request.kept {
        let item = plan.items.iter().find(|item| item.item == kept.item);
        let name = item.map(|item| printable(&item.dataset)).unwrap_or_default();
        let code = printable(&kept.exception);
        let why = run::exception(&kept.exception).text(language);
        let line = match kept.days() {
            Some((first, last)) if first != last => {
                words::KEPT_BETWEEN.fill(language, &[&name, &kept.records, &first, &last, &why, &code])
            }
            Some((_, until)) => {
                words::KEPT_UNTIL.fill(language, &[&name, &kept.records, &until, &why, &code])
            }
            None => words::KEPT_UNKNOWN.fill(language, &[&name, &kept.records, &why, &code]),
        };
        add_line(&mut page, format_args!("  {line}"));
    }
    for one in &request.beyond {
        let title = text::of_language(&one.title, language).map(printable);
        let title = title.unwrap_or_else(|| words::KEPT_NO_RULE.text(language).to_owned());
        let line =
            words::KEPT_BEYOND.fill(language, &[&printable(&one.dataset), &number(one.records), &title]);
        add_line(&mut page, format_args!("  {line}"));
    }
    page
}

/// The JSON form of one request.
#[derive(Debug, Serialize)]
pub struct RequestJson<'a> {
    format_version: u32,
    #[serde(flatten)]
    request: &'a Request,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
}

impl<'a> RequestJson<'a> {
    #[must_use]
    pub fn new(request: &'a Request, days_left: Option<i64>) -> Self {
        Self { format_version: JSON_FORMAT_VERSION, request, days_left }
    }
}

/// The JSON form of `requests list`.
#[derive(Debug, Serialize)]
pub struct RequestsJson<'a> {
    format_version: u32,
    requests: Vec<RequestJson<'a>>,
}

impl<'a> RequestsJson<'a> {
    #[must_use]
    pub fn new(requests: &'a [(Request, Option<i64>)]) -> Self {
        let requests = requests.iter().map(|(request, left)| RequestJson::new(request, *left));
        Self { format_version: JSON_FORMAT_VERSION, requests: requests.collect() }
    }
}

/// The JSON form of `requests receive`.
#[derive(Debug, Serialize)]
pub struct ReceivedJson<'a> {
    #[serde(flatten)]
    request: RequestJson<'a>,
    joined: bool,
    overlaps: &'a [String],
}

impl<'a> ReceivedJson<'a> {
    #[must_use]
    pub fn new(received: &'a RequestReceived) -> Self {
        let request = RequestJson::new(&received.request, None);
        Self { request, joined: received.joined, overlaps: &received.overlaps }
    }
}

/// The JSON form of `requests show`.
#[derive(Debug, Serialize)]
pub struct StoryJson<'a> {
    #[serde(flatten)]
    request: RequestJson<'a>,
    plan_ids: &'a [String],
    certificate_ids: &'a [String],
    /// By the newest certificate.
    kept: Vec<KeptJson<'a>>,
    events: &'a [crate::app::RequestEvent],
}

/// Records that stay for one reason.
#[derive(Debug, Serialize)]
struct KeptJson<'a> {
    dataset: &'a str,
    record_type: &'a str,
    reason: &'a str,
    records: u64,
    /// Of the first of them, where that is not the day of all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_on: Option<NaiveDate>,
    until_on: Option<NaiveDate>,
}

fn kept_json(target: &TargetEvidence) -> impl Iterator<Item = KeptJson<'_>> {
    target.exceptions.iter().map(|exception| KeptJson {
        dataset: target.dataset.as_str(),
        record_type: target.record_type.as_str(),
        reason: exception.code.as_str(),
        records: exception.count,
        first_on: exception.review_from,
        until_on: exception.review_on,
    })
}

impl<'a> StoryJson<'a> {
    #[must_use]
    pub fn new(story: &'a RequestStory) -> Self {
        Self {
            request: RequestJson::new(&story.request, story.days_left),
            plan_ids: &story.plan_ids,
            certificate_ids: &story.certificate_ids,
            kept: story.kept.iter().flat_map(kept_json).collect(),
            events: &story.events,
        }
    }
}
