//! Start events: `start::standing` = the expressions in SQL, for every encoding over every column.

use super::{COLUMNS, Generator, each, filled, insert, is_true, stored};
use crate::classify::read_start;
use crate::dataset::ColumnShape;
use crate::postgres::tests::{Session, with_database};
use crate::predicate::Field;
use crate::selection::{StartCondition, StartEncoding};
use crate::sql::postgres::Postgres;
use crate::sql::{Dialect as _, Row, SqlText, StartText, standing};
use crate::start::{StartReading, instant_of_sortable};
use crate::value::{Value, ValueType};
use chrono::{DateTime, Duration, NaiveTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Clock changes: the zone and the instant.
fn changes() -> Vec<(Tz, DateTime<Utc>)> {
    [
        (chrono_tz::Europe::Paris, "2020-03-29T01:00:00Z"),
        (chrono_tz::Europe::Paris, "2020-10-25T01:00:00Z"),
        (chrono_tz::America::New_York, "2020-11-01T06:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-10-03T15:30:00Z"),
        (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
        (chrono_tz::UTC, "2020-01-01T00:00:00Z"),
    ]
    .into_iter()
    .map(|(zone, at)| (zone, instant(at)))
    .collect()
}

/// Seconds around a clock change: on the spot, within hours, within days.
fn around() -> BoxedStrategy<i64> {
    prop_oneof![-2_i64..=2, (-6_i64..=6).prop_map(|half| half * 1800), -9000_i64..9000, -200_000_i64..200_000]
        .boxed()
}

pub(super) fn encoding() -> BoxedStrategy<StartEncoding> {
    prop_oneof![
        3 => prop::sample::select(changes()).prop_map(|(zone, _)| StartEncoding::LocalText { zone }),
        2 => Just(StartEncoding::InstantText),
        2 => Just(StartEncoding::Instant),
        1 => Just(StartEncoding::CivilDate),
        1 => Just(StartEncoding::CivilMonth),
        1 => Just(StartEncoding::CivilYear),
        1 => Just(StartEncoding::EpochSeconds),
        1 => Just(StartEncoding::EpochMillis),
    ]
    .boxed()
}

/// Encodings that the type of the column can hold.
fn natural(column: &ColumnShape) -> BoxedStrategy<StartEncoding> {
    let epoch = vec![StartEncoding::EpochSeconds, StartEncoding::EpochMillis];
    match column.declared_type.as_str() {
        "date" => Just(StartEncoding::CivilDate).boxed(),
        "timestamp with time zone" => Just(StartEncoding::Instant).boxed(),
        "timestamp without time zone" | "timestamp(0) without time zone" => {
            prop::sample::select(changes()).prop_map(|(zone, _)| StartEncoding::LocalText { zone }).boxed()
        }
        "bigint" | "integer" | "double precision" | "numeric" => prop::sample::select(epoch).boxed(),
        "smallint" => Just(StartEncoding::CivilYear).boxed(),
        _ => encoding(),
    }
}

fn moment() -> BoxedStrategy<DateTime<Utc>> {
    let near = (prop::sample::select(changes()), around(), prop::sample::select(vec![0_i64, 500])).prop_map(
        |((_, change), seconds, millis)| change + Duration::seconds(seconds) + Duration::milliseconds(millis),
    );
    let extreme = prop::sample::select(vec![
        instant("0001-01-01T00:00:00Z"),
        instant("9999-12-31T23:59:59Z"),
        instant("0001-01-01T00:00:00Z") - Duration::days(400),
        instant("0001-01-01T00:00:00Z") - Duration::days(2_000_000),
        instant("9999-12-31T23:59:59Z") + Duration::days(400),
        instant("9999-01-01T00:00:00Z"),
    ]);
    prop_oneof![10 => near, 2 => extreme].boxed()
}

/// An event over the named column.
pub(super) fn event(
    column: &'static str,
    value_type: ValueType,
    encoding: BoxedStrategy<StartEncoding>,
) -> BoxedStrategy<StartCondition> {
    let ahead = prop_oneof![3 => Just(400_i64), 1 => Just(0), 1 => Just(-3)];
    // Where the day of a cutoff ends depends on the zone of the rule.
    (encoding, moment(), ahead, -1_i64..=1)
        .prop_map(move |(encoding, cutoff_at, days, shift)| {
            let as_of = cutoff_at + Duration::days(days);
            let overdue_at = cutoff_at - Duration::hours(30);
            let day = |at: DateTime<Utc>| at.date_naive() + Duration::days(shift);
            StartCondition::Event {
                field: Field { name: column.to_owned(), value_type },
                encoding,
                cutoff_at,
                cutoff_on: day(cutoff_at),
                as_of,
                as_of_on: day(as_of),
                overdue_at,
                overdue_on: day(overdue_at),
            }
        })
        .boxed()
}

const FORMS: &[&str] = &[
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.000",
    "%Y-%m-%d %H:%M:%S.25",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.999Z",
    "%Y-%m-%d %H:%M:%S+02:00",
    "%Y-%m-%d %H:%M:%S.000001-0530",
    "%Y-%m-%d",
    "%Y-%m-%d 00:00:00",
    "%Y-%m-%d 00:00:00.000",
    "%Y-%m",
    "%Y",
];

/// Rows near the clock changes, each column as it would be written there.
pub(super) async fn insert_near(session: &mut Session, generator: &mut Generator, ids: std::ops::Range<i64>) {
    let row =
        (prop::sample::select(changes()), around(), any::<bool>(), prop::sample::select(FORMS), 0_i64..3);
    for id in ids {
        let ((zone, change), seconds, local, form, extra) = generator.one(&row);
        let at = change + Duration::seconds(seconds);
        let local_text = |form: &str| at.with_timezone(&zone).format(form).to_string();
        let text = if local { local_text(form) } else { at.format(form).to_string() };
        let seconds = at.timestamp().to_string();
        let fraction = [".5", "", ".000001"].get(usize::try_from(extra).unwrap()).copied().unwrap();
        let written = |column: &str| match column {
            "x" | "y" | "z" | "ci" => Some(text.clone()),
            "i4" => Some(seconds.clone()),
            "i8" => {
                Some(format!("{seconds}{}", ["", "000", "001"].get(usize::try_from(extra).unwrap()).unwrap()))
            }
            "r8" | "n" => {
                Some(format!("{seconds}{}", [".5", "", "000"].get(usize::try_from(extra).unwrap()).unwrap()))
            }
            "i2" => Some(at.format("%Y").to_string()),
            "d" | "d2" => Some(local_text("%Y-%m-%d")),
            "a" | "a2" => Some(format!("{}{fraction}+00", at.format("%Y-%m-%d %H:%M:%S"))),
            "l" | "l0" => Some(format!("{}{fraction}", local_text("%Y-%m-%d %H:%M:%S"))),
            _ => None,
        };
        let mut values = vec![SqlText::value(Value::Int(id))];
        values.extend(COLUMNS.iter().map(|column| {
            let text = SqlText::value(written(column.name).map_or(Value::Null, Value::Text));
            SqlText::fill(column.cast, &[&SqlText::fill("CAST({0} AS text)", &[&text])])
        }));
        insert(session, &values).await;
    }
}

fn expected(condition: &StartCondition, reading: StartReading) -> i64 {
    match (crate::start::standing(condition, reading), reading) {
        (None, StartReading::Missing) => standing::MISSING,
        (None, _) => standing::UNREADABLE,
        (Some(found), _) if found.in_future => standing::IN_FUTURE,
        (Some(found), _) if found.due => standing::DUE,
        (Some(_), _) => standing::NOT_YET_DUE,
    }
}

struct Answers {
    standing: Vec<Value>,
    due: Vec<Value>,
    overdue: Vec<Value>,
    sortable: Vec<Value>,
    not_yet_due: Option<Vec<Value>>,
}

async fn ask(session: &mut Session, text: &StartText) -> Answers {
    Answers {
        standing: each(session, &text.standing).await,
        due: each(session, &is_true(&text.due_quick)).await,
        overdue: each(session, &is_true(&text.overdue)).await,
        sortable: each(session, &text.sortable).await,
        not_yet_due: match &text.not_yet_due {
            Some(not_yet_due) => Some(each(session, &is_true(not_yet_due)).await),
            None => None,
        },
    }
}

#[test]
fn starts_are_read_alike_in_postgres_and_in_process() {
    with_database(async |database| {
        let (mut session, shape, rows) = filled(&database, 90).await;
        let mut generator = Generator::new(5);
        let first = i64::try_from(rows.len()).unwrap();
        insert_near(&mut session, &mut generator, first..first + 250).await;
        let rows = stored(&mut session, &shape).await;
        let table = Row { alias: "t", shape: &shape };
        let mut seen: BTreeMap<(String, i64), u32> = BTreeMap::new();
        let mut compared = 0_u32;
        for column in &shape.columns {
            let name =
                COLUMNS.iter().find(|known| known.name == column.name).map_or("id", |known| known.name);
            let mixed = prop_oneof![encoding(), natural(column)].boxed();
            let strategy = event(name, column.value_type, mixed);
            for _ in 0..40 {
                let condition = generator.one(&strategy);
                let StartCondition::Event { encoding, .. } = condition else { continue };
                let text = Postgres.start(&condition, table).unwrap().unwrap();
                let answers = ask(&mut session, &text).await;
                for (at, row) in rows.iter().enumerate() {
                    let value = &row[&column.name];
                    let reading = read_start(&encoding, value);
                    let expected = expected(&condition, reading);
                    let show =
                        || format!("{condition:#?}\n{reading:?} {}: {}", column.name, super::shown(value));
                    assert!(
                        answers.standing[at] == Value::Int(expected),
                        "should be {expected}, is {}\n{}",
                        super::shown(&answers.standing[at]),
                        show()
                    );
                    assert!(answers.due[at] == Value::Bool(expected == standing::DUE), "due\n{}", show());
                    if let Some(not_yet_due) = &answers.not_yet_due {
                        let is_later = expected == standing::NOT_YET_DUE;
                        assert!(not_yet_due[at] == Value::Bool(is_later), "not yet due\n{}", show());
                        compared += u32::from(is_later);
                    }
                    *seen.entry((column.declared_type.clone(), expected)).or_default() += 1;
                    let Some(found) = crate::start::standing(&condition, reading) else { continue };
                    assert!(answers.overdue[at] == Value::Bool(found.overdue), "overdue\n{}", show());
                    let instant = match reading {
                        StartReading::At(start) => Some(start),
                        StartReading::On(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
                        _ => None,
                    };
                    assert_eq!(instant_of_sortable(&encoding, &answers.sortable[at]), instant, "{}", show());
                }
            }
        }
        let all: u32 = seen.values().sum();
        assert!(all > 50_000, "{all}");
        assert!(compared > 1_000, "{compared}");
        for readable in [
            "text",
            "date",
            "bigint",
            "timestamp with time zone",
            "timestamp without time zone",
            "double precision",
        ] {
            for standing in 0..5 {
                let count = seen.get(&(readable.to_owned(), standing)).copied().unwrap_or_default();
                assert!(count >= 10, "{readable} with standing {standing}: {count} in {seen:?}");
            }
        }
    });
}

/// The condition that destroys is a range of the column itself for native types.
#[test]
fn an_index_serves_what_is_due() {
    with_database(async |database| {
        database
            .run(
                "CREATE TABLE s (id int PRIMARY KEY, a timestamptz, d date, l timestamp, i int);
                 INSERT INTO s SELECT g, now() - g * interval '1 day', now() - g * interval '1 day', \
                   now() - g * interval '1 day', extract(epoch FROM now())::int8 - g * 86400 FROM generate_series(1, 20000) AS g;
                 CREATE INDEX s_a ON s (a); CREATE INDEX s_d ON s (d); CREATE INDEX s_l ON s (l); CREATE INDEX s_i ON s (i);
                 ANALYZE s",
            )
            .await;
        let mut session = database.open().await;
        let shape = session.shape("s").await;
        let zone = chrono_tz::Europe::Paris;
        let encodings = [
            ("a", StartEncoding::Instant),
            ("d", StartEncoding::CivilDate),
            ("l", StartEncoding::LocalText { zone }),
            ("i", StartEncoding::EpochSeconds),
        ];
        let cutoff = instant("1972-06-01T00:00:00Z");
        for (column, encoding) in encodings {
            let condition = StartCondition::Event {
                field: Field { name: column.to_owned(), value_type: ValueType::Unknown },
                encoding,
                cutoff_at: cutoff,
                cutoff_on: cutoff.date_naive(),
                as_of: cutoff,
                as_of_on: cutoff.date_naive(),
                overdue_at: cutoff,
                overdue_on: cutoff.date_naive(),
            };
            let text = Postgres.start(&condition, Row { alias: "t", shape: &shape }).unwrap().unwrap();
            let plan = session
                .rows(SqlText::fill("EXPLAIN SELECT id FROM public.s AS t WHERE {0}", &[&text.due_quick]))
                .await;
            let plan: Vec<String> = plan.iter().map(|line| super::shown(&line[0])).collect();
            let index = format!("s_{column}");
            assert!(plan.iter().any(|line| line.contains(&index)), "{plan:?}");
        }
    });
}
