//! Erased persons who were seen again: counts by dataset, never an identity (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::text::{add_line, instant, number, printable};
use super::words::replay as words;
use crate::app::Replay;
use crate::erasure::returned::{Look, Returned};
use crate::policy::Language;
use serde::Serialize;

/// What was seen, or that nothing was.
#[must_use]
pub fn look(look: &Look, language: Language) -> String {
    let values: [&dyn std::fmt::Display; 3] =
        [&number(look.persons), &number(look.records_read), &instant(look.at)];
    let mut page = words::LOOKED.fill(language, &values) + "\n";
    page.push_str(&seen(look, language));
    if look.datasets.is_empty() && look.lost.is_empty() {
        add_line(&mut page, format_args!("  {}", words::NOTHING.text(language)));
    }
    page
}

/// One line a dataset and kind of return.
#[must_use]
pub fn seen(look: &Look, language: Language) -> String {
    let mut page = String::new();
    for one in &look.datasets {
        let name = printable(&one.dataset);
        for (message, count) in [
            (words::CAME_BACK, one.came_back),
            (words::IN_DOUBT, one.in_doubt),
            (words::GIVEN_ANEW, one.given_anew),
        ] {
            if count > 0 {
                let line = message.fill(language, &[&name, &number(count)]);
                add_line(&mut page, format_args!("  {line}"));
            }
        }
    }
    for (dataset, reason) in &look.lost {
        let line = words::LOST.fill(language, &[&printable(dataset), &printable(reason)]);
        add_line(&mut page, format_args!("  {line}"));
    }
    page
}

/// The newest look, as `status` and a run tell it.
#[must_use]
pub fn newest(newest: &Look, language: Language) -> String {
    if newest.datasets.is_empty() && newest.lost.is_empty() {
        return words::STATUS_NONE.fill(language, &[&instant(newest.at)]) + "\n";
    }
    let mut page = look(newest, language);
    if newest.is_alarming() {
        add_line(&mut page, format_args!("  {}", words::REPLAY_NEXT.text(language)));
    }
    page
}

/// What a replay came to.
#[must_use]
pub fn human(replay: &Replay, language: Language) -> String {
    let mut page = look(&replay.look, language);
    if replay.kept_persons > 0 {
        let line = words::KEPT_PERSONS.fill(language, &[&number(replay.kept_persons)]);
        add_line(&mut page, format_args!("{line}"));
    }
    for standing in &replay.planned {
        let persons = standing.plan.request.as_ref().map_or(0, |request| request.replays.len() as u64);
        let line = words::PLANNED.fill(language, &[&standing.plan.plan_id, &number(persons)]);
        add_line(&mut page, format_args!("{line}"));
    }
    page
}

/// The JSON form of a look.
#[derive(Debug, Serialize)]
pub struct LookJson<'a> {
    at: String,
    persons: u64,
    records_read: u64,
    datasets: &'a [Returned],
    lost: Vec<LostJson<'a>>,
}

#[derive(Debug, Serialize)]
struct LostJson<'a> {
    dataset: &'a str,
    reason: &'a str,
}

impl<'a> LookJson<'a> {
    #[must_use]
    pub fn new(look: &'a Look) -> Self {
        let lost = look.lost.iter().map(|(dataset, reason)| LostJson { dataset, reason });
        Self {
            at: instant(look.at),
            persons: look.persons,
            records_read: look.records_read,
            datasets: &look.datasets,
            lost: lost.collect(),
        }
    }
}

/// The JSON form of `replay`.
#[derive(Debug, Serialize)]
pub struct ReplayJson<'a> {
    format_version: u32,
    seen: LookJson<'a>,
    persons: u64,
    kept_persons: u64,
    planned: Vec<PlannedJson<'a>>,
}

#[derive(Debug, Serialize)]
struct PlannedJson<'a> {
    plan_id: &'a str,
    digest: &'a str,
    /// The request that does the erasures again.
    request_id: &'a str,
    replays: &'a [String],
}

impl<'a> ReplayJson<'a> {
    #[must_use]
    pub fn new(replay: &'a Replay) -> Self {
        let planned = replay.planned.iter().filter_map(|standing| {
            let request = standing.plan.request.as_ref()?;
            Some(PlannedJson {
                plan_id: &standing.plan.plan_id,
                digest: &standing.digest,
                request_id: &request.request_id,
                replays: &request.replays,
            })
        });
        Self {
            format_version: JSON_FORMAT_VERSION,
            seen: LookJson::new(&replay.look),
            persons: replay.persons,
            kept_persons: replay.kept_persons,
            planned: planned.collect(),
        }
    }
}
