//! Tests of `verdict`.

use super::*;
use crate::policy::{FiscalYearEnd, Period, Rounding};
use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use connectors::classify::classify;
use connectors::{Class, DatasetAddress, DatasetShape, Location, Selection, StartCondition, ValueType};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn field() -> Field {
    Field { name: "started".to_owned(), value_type: ValueType::Text }
}

/// The selection as it is compiled: with cutoffs found by inverting the clock.
fn selection(encoding: StartEncoding, clock: RetentionClock, as_of: DateTime<Utc>) -> Selection {
    let never_on = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
    let never_at = never_on.and_time(chrono::NaiveTime::MIN).and_utc();
    let cutoff_at = clock.cutoff_at(as_of).unwrap_or(never_at);
    let cutoff_on = clock.cutoff_on(as_of).unwrap_or(never_on);
    Selection {
        address: DatasetAddress {
            store: "s".to_owned(),
            dataset: "d".to_owned(),
            location: Location::Table { schema: None, table: "t".to_owned() },
        },
        shape: DatasetShape {
            columns: Vec::new(),
            key: Vec::new(),
            references: Vec::new(),
            referenced_by: Vec::new(),
            triggers: Vec::new(),
            attributes: None,
        },
        scope: Predicate::always(),
        start: StartCondition::Event {
            field: field(),
            encoding,
            cutoff_at,
            cutoff_on,
            as_of,
            as_of_on: as_of.with_timezone(&clock.zone).date_naive(),
            overdue_at: cutoff_at,
            overdue_on: cutoff_on,
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

fn facts(value: Value) -> RecordFacts {
    let fields = BTreeMap::from([("started".to_owned(), value)]);
    RecordFacts { fields, ..RecordFacts::default() }
}

fn class_of(verdict: &Verdict) -> Class {
    match verdict {
        Verdict::Dispose { .. } => Class::Due,
        Verdict::Undecidable(reason) => Class::Undecidable(*reason),
        Verdict::Retain(Reason::OutOfScope) => Class::OutOfScope,
        Verdict::Retain(Reason::NotYetDue { .. }) => Class::NotYetDue,
        Verdict::Retain(Reason::ReferencedBy { .. }) => Class::Referenced,
        Verdict::Retain(Reason::AlreadyDone) => Class::AlreadyDone,
        Verdict::Retain(Reason::LegalHold { .. }) => Class::Held,
        Verdict::Retain(Reason::Locked { .. }) => Class::Locked,
    }
}

fn decide_start(
    value: Value,
    encoding: StartEncoding,
    clock: RetentionClock,
    as_of: DateTime<Utc>,
) -> Verdict {
    let scope = Predicate::always();
    let start = RuleStart::Event { field: &field(), encoding, clock };
    let rule = RuleFacts { scope: &scope, conflicts: &[], start, disposal: &Disposal::Purge };
    decide(&facts(value), &rule, &[], as_of)
}

const ZONES: [Tz; 8] = [
    Tz::UTC,
    Tz::Europe__Paris,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::Asia__Kathmandu,
    Tz::America__Sao_Paulo,
    Tz::Africa__Casablanca,
];

fn clocks() -> impl Strategy<Value = RetentionClock> {
    let periods = prop_oneof![
        (0_u32..12, 0_u32..30, 0_u32..400).prop_map(|(y, m, d)| format!("P{y}Y{m}M{d}D")),
        (0_u32..60).prop_map(|weeks| format!("P{weeks}W")),
        (0_u32..100_000, 0_u32..60).prop_map(|(minutes, seconds)| format!("PT{minutes}M{seconds}S")),
        (0_u32..3, 0_u32..24, 0_u32..50).prop_map(|(y, m, h)| format!("P{y}Y{m}MT{h}H")),
    ];
    let roundings = prop_oneof![
        Just(Rounding::None),
        Just(Rounding::EndOfMonth),
        Just(Rounding::EndOfCalendarYear),
        Just(Rounding::EndOfFiscalYear),
    ];
    let fiscal = prop_oneof![Just("12-31"), Just("02-29"), Just("06-30"), Just("03-31")];
    (periods, roundings, fiscal, proptest::sample::select(ZONES.to_vec())).prop_map(
        |(period, rounding, fiscal, zone)| RetentionClock {
            period: period.parse::<Period>().unwrap(),
            rounding,
            zone,
            fiscal_year_ends: FiscalYearEnd::parse(fiscal).unwrap(),
        },
    )
}

/// Moments of which many are awkward: month ends, leap days, changes of clocks.
fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    let awkward = prop_oneof![
        Just("2024-02-29T23:59:59Z"),
        Just("2023-03-26T01:00:00Z"),
        Just("2023-10-29T00:30:00Z"),
        Just("2023-10-29T01:30:00Z"),
        Just("2011-12-30T10:00:00Z"),
        Just("2025-12-31T22:59:59Z"),
        Just("2025-12-31T23:00:00Z"),
        Just("2026-01-31T12:00:00Z"),
    ]
    .prop_map(|text| text.parse::<DateTime<Utc>>().unwrap());
    let any = (946_684_800_i64..1_900_000_000).prop_map(|s| DateTime::from_timestamp(s, 0).unwrap());
    (prop_oneof![awkward, any], -90_000_i64..90_000).prop_map(|(at, by)| at + Duration::seconds(by))
}

fn encoded(encoding: StartEncoding, start: DateTime<Utc>) -> Value {
    match encoding {
        StartEncoding::Instant => Value::Instant(start),
        StartEncoding::InstantText => Value::Text(start.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        StartEncoding::LocalText { zone } => {
            Value::Text(start.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string())
        }
        StartEncoding::CivilDate => Value::Text(start.format("%Y-%m-%d").to_string()),
        StartEncoding::CivilMonth => Value::Text(start.format("%Y-%m").to_string()),
        StartEncoding::CivilYear => Value::Text(start.format("%Y").to_string()),
        StartEncoding::EpochSeconds => Value::Int(start.timestamp()),
        StartEncoding::EpochMillis => Value::Int(start.timestamp_millis() + 1),
    }
}

fn encodings() -> impl Strategy<Value = StartEncoding> {
    prop_oneof![
        Just(StartEncoding::Instant),
        Just(StartEncoding::InstantText),
        proptest::sample::select(ZONES.to_vec()).prop_map(|zone| StartEncoding::LocalText { zone }),
        Just(StartEncoding::CivilDate),
        Just(StartEncoding::CivilMonth),
        Just(StartEncoding::CivilYear),
        Just(StartEncoding::EpochSeconds),
        Just(StartEncoding::EpochMillis),
    ]
}

/// A start near the threshold, where the two ways of computing could differ.
fn starts(clock: RetentionClock, as_of: DateTime<Utc>, pick: i64, other: DateTime<Utc>) -> DateTime<Utc> {
    match (pick.rem_euclid(4), clock.cutoff_at(as_of), clock.cutoff_on(as_of)) {
        (0, Some(cutoff), _) => cutoff + Duration::seconds(pick / 4 % 5),
        (1, Some(cutoff), _) => cutoff + Duration::seconds(pick % 90_000),
        (2, _, Some(cutoff)) => {
            cutoff.and_time(chrono::NaiveTime::MIN).and_utc() + Duration::hours(pick % 50)
        }
        _ => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn forward_and_backward_reckoning_give_the_same_verdict(
        clock in clocks(),
        encoding in encodings(),
        as_of in instants(),
        other in instants(),
        pick in -1_000_000_i64..1_000_000,
        date in any::<bool>(),
    ) {
        let start = starts(clock, as_of, pick, other);
        let is_text = matches!(encoding, StartEncoding::InstantText | StartEncoding::LocalText { .. });
        // Some of the texts are plain dates.
        let value = encoded(if is_text && date { StartEncoding::CivilDate } else { encoding }, start);
        let verdict = decide_start(value.clone(), encoding, clock, as_of);
        let class = classify(&selection(encoding, clock, as_of), &facts(value));
        prop_assert_eq!(class_of(&verdict), class, "{:?} {:?}", verdict, clock);
    }
}

fn clock(period: &str) -> RetentionClock {
    RetentionClock {
        period: period.parse().unwrap(),
        rounding: Rounding::None,
        zone: Tz::Europe__Paris,
        fiscal_year_ends: FiscalYearEnd::default(),
    }
}

#[track_caller]
fn check(start: Value, period: &str, as_of: &str, expected: &Verdict) {
    let verdict = decide_start(start, StartEncoding::CivilDate, clock(period), as_of.parse().unwrap());
    assert_eq!(&verdict, expected);
}

fn date(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn the_last_day_of_january_is_due_after_the_last_of_february() {
    let due_at = "2026-02-28T23:00:00Z".parse().unwrap();
    check(date("2026-01-31"), "P1M", "2026-02-28T23:00:00Z", &Verdict::Dispose { due_at: Some(due_at) });
    check(
        date("2026-01-31"),
        "P1M",
        "2026-02-28T22:59:59Z",
        &Verdict::Retain(Reason::NotYetDue { due_at: Some(due_at) }),
    );
}

#[test]
fn a_start_that_is_missing_unreadable_or_in_the_future_is_undecidable() {
    let as_of = "2026-06-15T12:00:00Z";
    check(Value::Null, "P1M", as_of, &Verdict::Undecidable(DoubtReason::StartMissing));
    check(date("  "), "P1M", as_of, &Verdict::Undecidable(DoubtReason::StartMissing));
    check(date("31/01/2020"), "P1M", as_of, &Verdict::Undecidable(DoubtReason::StartUnreadable));
    check(date("2026-06-16"), "P0D", as_of, &Verdict::Undecidable(DoubtReason::StartInFuture));
}

#[test]
fn reasons_come_in_the_order_of_precedence() {
    let scope = Predicate::always();
    let never = Predicate::always().negate();
    let as_of = "2026-06-15T12:00:00Z".parse().unwrap();
    let hold = Exclusion { hold_id: "hold-1".to_owned(), predicate: Predicate::always() };
    let rule = |scope, conflicts| RuleFacts {
        scope,
        conflicts,
        start: RuleStart::NoneLeft,
        disposal: &Disposal::Purge,
    };
    let record = |referenced: Vec<bool>| RecordFacts { referenced, ..facts(Value::Null) };
    let holds = std::slice::from_ref(&hold);
    let retained = |reason| Verdict::Retain(reason);
    assert_eq!(decide(&record(vec![true]), &rule(&never, &[]), holds, as_of), retained(Reason::OutOfScope));
    assert_eq!(
        decide(&record(vec![true]), &rule(&scope, std::slice::from_ref(&scope)), holds, as_of),
        Verdict::Undecidable(DoubtReason::Conflict)
    );
    assert_eq!(
        decide(&record(vec![false, true]), &rule(&scope, &[]), holds, as_of),
        retained(Reason::ReferencedBy { references: vec![1], due_at: None })
    );
    assert_eq!(
        decide(&record(vec![false]), &rule(&scope, &[]), holds, as_of),
        retained(Reason::LegalHold { hold_ids: vec!["hold-1".to_owned()], due_at: None })
    );
    assert_eq!(
        decide(&record(vec![false]), &rule(&scope, &[]), &[], as_of),
        Verdict::Dispose { due_at: None }
    );
}
