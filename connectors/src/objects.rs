//! What stores of objects share: how a start is composed of a key, and the counts of a survey that the
//! program makes itself, record by record.

use crate::dataset::{DatasetAddress, KeyTemplate, Location};
use crate::error::ConnectorError;
use crate::selection::{
    Class, DoubtReason, Lock, SAMPLE_KEYS_MAX, Selection, StartCondition, StartEncoding, Survey,
};
use crate::start::{StartReading, read, standing};
use crate::transform::Disposal;
use crate::value::{RecordKey, Value};
use crate::{classify, selection::RecordFacts};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

/// The template of a dataset of objects. `what` is what the store has instead of tables.
pub(crate) fn template_of<'a>(
    address: &'a DatasetAddress,
    what: &str,
) -> Result<&'a KeyTemplate, ConnectorError> {
    match &address.location {
        Location::Objects { key } => Ok(key),
        Location::Table { .. } => Err(ConnectorError::SchemaDrift {
            dataset: address.dataset.clone(),
            reason: format!("{what}, not tables"),
        }),
    }
}

/// The text by which the start is composed of captures, such as `{year}-{month}`; it is the name of
/// the start's field. `None` if the start is an attribute.
pub(crate) fn composed_start(selection: &Selection) -> Option<&str> {
    match &selection.start {
        StartCondition::Event { field, .. } if field.name.contains('{') => Some(field.name.as_str()),
        _ => None,
    }
}

/// How the start is composed of captures, and the last day that is due, where the key alone tells it. Only
/// starts that are civil dates are foreseen; instants are not, because where a day begins depends on
/// the zone.
pub(crate) fn due_by_key(selection: &Selection) -> Option<(String, NaiveDate)> {
    match &selection.start {
        StartCondition::Event {
            encoding: StartEncoding::CivilDate | StartEncoding::CivilMonth | StartEncoding::CivilYear,
            cutoff_on,
            ..
        } => composed_start(selection).map(|composition| (composition.to_owned(), *cutoff_on)),
        _ => None,
    }
}

/// Why a selection has parts that only other stores know; `None` if it has none. The disposal is not
/// looked at.
pub(crate) fn foreign_part(selection: &Selection) -> Option<&'static str> {
    if selection.start == StartCondition::NoneLeft || !selection.none_left.is_empty() {
        Some("nothing can refer to an object")
    } else if selection.start == StartCondition::OnRequest && !selection.names_records() {
        Some("what goes on request must be named by its scope")
    } else if !selection.dependents.is_empty() {
        Some("objects have no dependents")
    } else if !selection.link_columns.is_empty() {
        Some("objects name no objects")
    } else {
        None
    }
}

/// Whether the disposal is to purge.
pub(crate) fn purges(selection: &Selection) -> bool {
    selection.disposal == Disposal::Purge
}

/// Where an object falls, with what a survey counts.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) class: Class,
    pub(crate) overdue: bool,
    pub(crate) hold_ids: Vec<String>,
    pub(crate) lock: Option<Lock>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) size_bytes: u64,
}

impl Judged {
    pub(crate) fn doubtful(reason: DoubtReason) -> Self {
        Self {
            class: Class::Undecidable(reason),
            overdue: false,
            hold_ids: Vec::new(),
            lock: None,
            started_at: None,
            size_bytes: 0,
        }
    }

    /// What follows from the class that was found.
    pub(crate) fn of(class: Class, selection: &Selection, facts: &RecordFacts, size_bytes: u64) -> Self {
        let mut judged = Self { class, size_bytes, ..Self::doubtful(DoubtReason::NotGovernable) };
        match (class, &selection.start) {
            (Class::Held, _) => {
                let holding = classify::holding(selection, facts);
                judged.hold_ids = holding.into_iter().map(str::to_owned).collect();
            }
            (Class::Locked, _) => judged.lock = facts.lock,
            (Class::Due, StartCondition::Event { field, encoding, .. }) => {
                let reading = read(encoding, facts.fields.get(&field.name).unwrap_or(&Value::Null));
                judged.overdue = standing(&selection.start, reading).is_some_and(|standing| standing.overdue);
                judged.started_at = match reading {
                    StartReading::At(instant) => Some(instant),
                    StartReading::On(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
                    StartReading::Missing | StartReading::Unreadable => None,
                };
            }
            _ => {}
        }
        judged
    }
}

/// Counts one object.
pub(crate) fn count(survey: &mut Survey, key: impl Fn() -> RecordKey, judged: Judged) {
    survey.add(judged.class, 1);
    match judged.class {
        Class::Undecidable(reason) => {
            let samples = survey.undecidable_samples.entry(reason).or_default();
            if samples.len() < SAMPLE_KEYS_MAX {
                samples.push(key());
            }
        }
        Class::Held => {
            for hold_id in judged.hold_ids {
                *survey.held_by.entry(hold_id).or_default() += 1;
            }
        }
        Class::Locked => {
            if let Some(lock) = judged.lock {
                let locked = survey.locks.entry(lock.kind).or_default();
                locked.count += 1;
                locked.until = locked.until.max(lock.until);
            }
        }
        Class::Due => {
            survey.overdue += u64::from(judged.overdue);
            survey.due_bytes = survey.due_bytes.saturating_add(judged.size_bytes);
            if survey.due_samples.len() < SAMPLE_KEYS_MAX {
                survey.due_samples.push(key());
            }
            widen(survey, judged.started_at, judged.started_at);
        }
        _ => {}
    }
}

fn widen(survey: &mut Survey, oldest: Option<DateTime<Utc>>, newest: Option<DateTime<Utc>>) {
    survey.oldest_due_at = [survey.oldest_due_at, oldest].into_iter().flatten().min();
    survey.newest_due_at = survey.newest_due_at.max(newest);
}

/// Adds the counts of a part of the dataset whose keys all come after those counted so far.
#[cfg(feature = "s3")]
pub(crate) fn absorb(survey: &mut Survey, later: Survey) {
    survey.total += later.total;
    survey.in_scope += later.in_scope;
    survey.due += later.due;
    survey.overdue += later.overdue;
    survey.held += later.held;
    survey.not_yet_due += later.not_yet_due;
    survey.referenced += later.referenced;
    survey.already_done += later.already_done;
    survey.changed_since_plan += later.changed_since_plan;
    survey.locked += later.locked;
    survey.due_bytes = survey.due_bytes.saturating_add(later.due_bytes);
    for (hold_id, count) in later.held_by {
        *survey.held_by.entry(hold_id).or_default() += count;
    }
    for (kind, more) in later.locks {
        let locked = survey.locks.entry(kind).or_default();
        locked.count += more.count;
        locked.until = locked.until.max(more.until);
    }
    for (reason, count) in later.undecidable {
        *survey.undecidable.entry(reason).or_default() += count;
    }
    for (reason, keys) in later.undecidable_samples {
        let samples = survey.undecidable_samples.entry(reason).or_default();
        samples.extend(keys);
        samples.truncate(SAMPLE_KEYS_MAX);
    }
    survey.due_samples.extend(later.due_samples);
    survey.due_samples.truncate(SAMPLE_KEYS_MAX);
    widen(survey, later.oldest_due_at, later.newest_due_at);
}
