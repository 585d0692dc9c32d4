//! From the start event of a rule to the start condition of a selection.
//!
//! Floor 3. A start that cannot be read with certainty is refused here, with the word of the data
//! map that is missing.

use super::{Refused, name};
use crate::data_map::{Dataset, EpochUnit, EventSource, KeyDate, StoreKind};
use crate::plan::{CountedBy, Cutoff, FindingCode};
use crate::policy::{Rule, StartsFrom};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use connectors::{DatasetShape, Field, StartCondition, StartEncoding, ValueType};

/// The start condition, and the cutoffs for the plan (`None` when the state itself is the start).
///
/// # Errors
/// When the event is not declared, its column is gone, or its values could be read in two ways.
pub fn start_of(
    rule: &Rule,
    dataset: &Dataset,
    shape: &DatasetShape,
    kind: StoreKind,
    as_of: DateTime<Utc>,
) -> Result<(StartCondition, Option<Cutoff>), Refused> {
    let StartsFrom::Event { event, .. } = &rule.starts_from else {
        return Ok((StartCondition::NoneLeft, None));
    };
    let (field, encoding) = field_of(event, dataset, shape, kind)?;
    let cutoff = Cutoff { counted_by: Some(counted_by(encoding)), ..cutoff_of(rule, as_of) };
    let condition = StartCondition::Event {
        field,
        encoding,
        cutoff_at: cutoff.cutoff_at,
        cutoff_on: cutoff.cutoff_on,
        as_of,
        as_of_on: cutoff.as_of_on,
        overdue_at: cutoff.overdue_at,
        overdue_on: cutoff.overdue_on,
    };
    Ok((condition, Some(cutoff)))
}

/// The cutoffs of a rule. Where no start can be due, the cutoff lies before every date that a store
/// can hold.
#[must_use]
pub fn cutoff_of(rule: &Rule, as_of: DateTime<Utc>) -> Cutoff {
    let never_on = NaiveDate::from_ymd_opt(0, 1, 1).unwrap_or(NaiveDate::MIN);
    let never_at = never_on.and_time(chrono::NaiveTime::MIN).and_utc();
    let (clock, overdue) = (rule.clock(), rule.overdue_clock());
    Cutoff {
        cutoff_at: clock.and_then(|clock| clock.cutoff_at(as_of)).unwrap_or(never_at),
        cutoff_on: clock.and_then(|clock| clock.cutoff_on(as_of)).unwrap_or(never_on),
        overdue_at: overdue.and_then(|clock| clock.cutoff_at(as_of)).unwrap_or(never_at),
        overdue_on: overdue.and_then(|clock| clock.cutoff_on(as_of)).unwrap_or(never_on),
        as_of_on: as_of.with_timezone(&rule.time_zone).date_naive(),
        counted_by: None,
    }
}

fn counted_by(encoding: StartEncoding) -> CountedBy {
    match encoding {
        StartEncoding::Instant | StartEncoding::EpochSeconds | StartEncoding::EpochMillis => {
            CountedBy::Instants
        }
        StartEncoding::InstantText | StartEncoding::LocalText { .. } => CountedBy::InstantsOrDays,
        StartEncoding::CivilDate | StartEncoding::CivilMonth | StartEncoding::CivilYear => CountedBy::Days,
    }
}

/// The field that holds an event and how it is written there.
///
/// # Errors
/// When it cannot be told.
pub fn field_of(
    event: &str,
    dataset: &Dataset,
    shape: &DatasetShape,
    kind: StoreKind,
) -> Result<(Field, StartEncoding), Refused> {
    let source = dataset.events.get(event).ok_or_else(|| {
        Refused::new(
            FindingCode::StartUnresolved,
            format!(
                "dataset {} does not say where its event {} is written: add it under 'events' in the data map",
                name(&dataset.name),
                name(event)
            ),
        )
    })?;
    match source {
        EventSource::Column { column, zone, unit } => in_column(column, *zone, *unit, dataset, shape, kind),
        EventSource::Key(date) => Ok(in_key(date)),
        EventSource::LastModified => {
            let field = Field { name: "last_modified".to_owned(), value_type: ValueType::Instant };
            Ok((field, StartEncoding::Instant))
        }
        EventSource::Tag { name, zone, unit } => in_attribute("tag", name, *zone, *unit, dataset),
        EventSource::Metadata { name, zone, unit } => in_attribute("metadata", name, *zone, *unit, dataset),
    }
}

fn in_column(
    column: &str,
    zone: Option<Tz>,
    unit: Option<EpochUnit>,
    dataset: &Dataset,
    shape: &DatasetShape,
    kind: StoreKind,
) -> Result<(Field, StartEncoding), Refused> {
    let Some(found) = shape.column(column) else {
        return Err(Refused::new(
            FindingCode::StartUnresolved,
            format!("dataset {} has no column {} to start from", name(&dataset.name), name(column)),
        ));
    };
    let field = Field { name: found.name.clone(), value_type: found.value_type };
    let encoding = match (found.value_type, zone, unit) {
        (ValueType::Date, _, None) => Some(StartEncoding::CivilDate),
        // SQLite has no native instant: such a column holds text.
        (ValueType::Instant, None, None) if kind != StoreKind::Sqlite => Some(StartEncoding::Instant),
        (ValueType::Instant | ValueType::Text | ValueType::Unknown, Some(zone), None) => {
            Some(StartEncoding::LocalText { zone })
        }
        (ValueType::Instant | ValueType::Text, None, None) => Some(StartEncoding::InstantText),
        (ValueType::Int | ValueType::Instant | ValueType::Unknown, None, Some(unit)) => Some(epoch(unit)),
        _ => None,
    };
    let Some(encoding) = encoding else {
        return Err(Refused::new(
            FindingCode::StartUnresolved,
            format!(
                "column {} of dataset {} (declared as {}) cannot be read as a start with certainty: {}",
                name(&found.name),
                name(&dataset.name),
                name(&found.declared_type),
                advice(found.value_type, zone, unit),
            ),
        ));
    };
    Ok((field, encoding))
}

fn advice(value_type: ValueType, zone: Option<Tz>, unit: Option<EpochUnit>) -> &'static str {
    match value_type {
        _ if zone.is_some() && unit.is_some() => {
            "name either the 'zone' of its texts or the 'unit' of its numbers, not both"
        }
        ValueType::Int | ValueType::Real => {
            "epoch numbers are whole numbers and the data map names their 'unit' (seconds or milliseconds)"
        }
        ValueType::Unknown => "the data map must name the 'zone' of its texts or the 'unit' of its numbers",
        ValueType::Date => "a civil date has no unit",
        _ => "use a date, an ISO 8601 text (with its 'zone' when it names none) or an epoch number",
    }
}

fn epoch(unit: EpochUnit) -> StartEncoding {
    match unit {
        EpochUnit::Seconds => StartEncoding::EpochSeconds,
        EpochUnit::Milliseconds => StartEncoding::EpochMillis,
    }
}

fn in_attribute(
    function: &str,
    attribute: &str,
    zone: Option<Tz>,
    unit: Option<EpochUnit>,
    dataset: &Dataset,
) -> Result<(Field, StartEncoding), Refused> {
    let encoding = match (zone, unit) {
        (None, None) => StartEncoding::InstantText,
        (Some(zone), None) => StartEncoding::LocalText { zone },
        (None, Some(unit)) => epoch(unit),
        (Some(_), Some(_)) => {
            return Err(Refused::new(
                FindingCode::StartUnresolved,
                format!(
                    "the {function} of dataset {} has both a zone and a unit: name one",
                    name(&dataset.name)
                ),
            ));
        }
    };
    let field = Field {
        name: format!("{function}('{}')", attribute.replace('\'', "''")),
        value_type: ValueType::Text,
    };
    Ok((field, encoding))
}

/// The captures as a composition that a store of objects fills in, such as `{year}-{month}`.
fn in_key(date: &KeyDate) -> (Field, StartEncoding) {
    let (text, encoding) = match (&date.month, &date.day) {
        (Some(month), Some(day)) => {
            (format!("{{{}}}-{{{month}}}-{{{day}}}", date.year), StartEncoding::CivilDate)
        }
        (Some(month), None) => (format!("{{{}}}-{{{month}}}", date.year), StartEncoding::CivilMonth),
        (None, _) => (format!("{{{}}}", date.year), StartEncoding::CivilYear),
    };
    (Field { name: text, value_type: ValueType::Text }, encoding)
}
