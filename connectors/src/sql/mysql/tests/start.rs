//! Starts: `read` and `standing` = rendered SQL, over every type that can hold one.

use super::{Generator, Table, shown};
use crate::mysql::tests::{Scratch, block_on};
use crate::predicate::Field;
use crate::selection::{StartCondition, StartEncoding};
use crate::sql::mysql::MySql;
use crate::sql::{Dialect as _, Row, SqlText, standing as numbers};
use crate::start::{Standing, StartReading, instant_of_sortable, read, standing};
use crate::value::{Value, ValueType};
use chrono::{DateTime, Duration, NaiveTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

const TABLE: &str = "CREATE TABLE s (id INT PRIMARY KEY, x VARCHAR(60) COLLATE utf8mb4_general_ci, \
     l VARCHAR(60) CHARACTER SET latin1, z TEXT COLLATE utf8mb4_bin, dt DATETIME, dm DATETIME(6), d DATE NOT NULL, \
     a TIMESTAMP(6) NULL, am TIMESTAMP NULL, i BIGINT, w BIGINT UNSIGNED, r DOUBLE, m DECIMAL(30,4), y YEAR, \
     n SMALLINT, k VARBINARY(20), ti TIME)";
pub(super) const STARTS: [&str; 16] =
    ["x", "l", "z", "dt", "dm", "d", "a", "am", "i", "w", "r", "m", "y", "n", "k", "ti"];

pub(super) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Clock changes: the zone and the instant.
pub(super) fn changes() -> Vec<(Tz, DateTime<Utc>)> {
    [
        (chrono_tz::Europe::Paris, "2020-03-29T01:00:00Z"),
        (chrono_tz::Europe::Paris, "2020-10-25T01:00:00Z"),
        (chrono_tz::America::New_York, "2020-03-08T07:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-10-03T15:30:00Z"),
        (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
        (chrono_tz::UTC, "2020-01-01T00:00:00Z"),
        (chrono_tz::UTC, "2020-12-31T00:00:00Z"),
    ]
    .into_iter()
    .map(|(zone, at)| (zone, instant(at)))
    .collect()
}

fn around() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![-2_i64..=2, (-6_i64..=6).prop_map(|half| half * 1800), -9000_i64..9000, -200_000_i64..200_000]
}

/// A start written in one of the many ways, near one of the clock changes.
pub(super) fn near_start() -> impl Strategy<Value = Value> + Clone {
    let forms = vec![
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
        "#",
        "#.5",
        "#000",
        "#001",
        "#999",
    ];
    (prop::sample::select(changes()), around(), any::<bool>(), prop::sample::select(forms)).prop_map(
        |((zone, change), seconds, local, form)| {
            let at = change + Duration::seconds(seconds);
            let epoch = at.timestamp();
            match form {
                "#" => Value::Int(epoch),
                #[expect(clippy::cast_precision_loss, reason = "small")]
                "#.5" => Value::Real(epoch as f64 + if local { 0.5 } else { 0.0 }),
                "#000" => Value::Int(epoch * 1000),
                "#001" => Value::Int(epoch * 1000 + 1),
                "#999" => Value::Int(epoch * 1000 + 999),
                _ if local => Value::Text(at.with_timezone(&zone).format(form).to_string()),
                _ => Value::Text(at.format(form).to_string()),
            }
        },
    )
}

fn encoding() -> impl Strategy<Value = StartEncoding> + Clone {
    prop_oneof![
        4 => prop::sample::select(changes()).prop_map(|(zone, _)| StartEncoding::LocalText { zone }),
        3 => Just(StartEncoding::InstantText),
        1 => Just(StartEncoding::Instant),
        2 => Just(StartEncoding::CivilDate),
        1 => Just(StartEncoding::CivilMonth),
        2 => Just(StartEncoding::CivilYear),
        1 => Just(StartEncoding::EpochSeconds),
        1 => Just(StartEncoding::EpochMillis),
    ]
}

pub(super) fn event(columns: &'static [&'static str]) -> impl Strategy<Value = StartCondition> + Clone {
    let moment = (prop::sample::select(changes()), around(), prop::sample::select(vec![0_i64, 500]))
        .prop_map(|((_, change), seconds, millis)| {
            change + Duration::seconds(seconds) + Duration::milliseconds(millis)
        });
    let extreme = prop::sample::select(vec![
        instant("0001-01-01T00:00:00Z"),
        instant("9999-12-31T23:59:59Z"),
        instant("0001-01-01T00:00:00Z") - Duration::days(400),
        instant("9999-12-31T23:59:59Z") + Duration::days(400),
        instant("1970-01-01T00:00:00Z"),
        instant("2038-01-19T03:14:07Z"),
        instant("2200-01-01T00:00:00Z"),
    ]);
    let moment = prop_oneof![8 => moment, 2 => extreme];
    let ahead = prop_oneof![3 => Just(400_i64), 1 => Just(0), 1 => Just(-3)];
    (encoding(), moment, ahead, prop::sample::select(columns), -1_i64..=1).prop_map(
        |(encoding, cutoff_at, days, column, shift)| {
            let as_of = cutoff_at + Duration::days(days);
            let overdue_at = cutoff_at - Duration::hours(30);
            StartCondition::Event {
                field: Field { name: column.to_owned(), value_type: ValueType::Text },
                encoding,
                cutoff_at,
                cutoff_on: cutoff_at.date_naive() + Duration::days(shift),
                as_of,
                as_of_on: as_of.date_naive() + Duration::days(shift),
                overdue_at,
                overdue_on: overdue_at.date_naive() + Duration::days(shift),
            }
        },
    )
}

/// Rows near the clock changes, beside those of any content.
pub(super) async fn insert_near(table: &mut Table<'_>, from: i64, rows: i64, generator: &mut Generator) {
    let mut lax = table.scratch.lax().await;
    for id in from..from + rows {
        let mut values = vec![SqlText::value(Value::Int(id))];
        for column in table.shape.columns.iter().skip(1) {
            let takes_text = column.value_type == ValueType::Text;
            let value = loop {
                let value = generator.one(&near_start());
                match (&value, column.value_type) {
                    (Value::Text(_), _) if takes_text => break value,
                    (Value::Text(text), ValueType::Date | ValueType::Instant)
                        if text.len() >= 10 && !text.contains(['T', '+', 'Z']) =>
                    {
                        break value;
                    }
                    (Value::Int(_) | Value::Real(_), ValueType::Int | ValueType::Real)
                    | (_, ValueType::Bytes | ValueType::Bool) => break value,
                    _ => {}
                }
            };
            values.push(SqlText::value(value));
        }
        let sql = SqlText::fill("INSERT IGNORE INTO s VALUES ({0})", &[&SqlText::list(&values)]);
        table.scratch.run(&mut lax, sql).await;
    }
}

fn truth(value: bool) -> Value {
    Value::Int(i64::from(value))
}

fn number_of(standing: Option<Standing>, reading: StartReading) -> i64 {
    match (standing, reading) {
        (None, StartReading::Missing) => numbers::MISSING,
        (None, _) => numbers::UNREADABLE,
        (Some(standing), _) if standing.in_future => numbers::IN_FUTURE,
        (Some(standing), _) if standing.due => numbers::DUE,
        (Some(_), _) => numbers::NOT_YET_DUE,
    }
}

#[test]
fn starts_are_read_alike_by_the_server_and_in_process() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut generator = Generator::new(5);
        let mut table = Table::new(&scratch, TABLE, 150, &mut generator).await;
        insert_near(&mut table, 1000, 250, &mut generator).await;
        let rows = table.stored().await;
        let shape = table.shape.clone();
        let (mut seen, mut compared) = ([0_u32; 5], 0_u32);
        for round in 0..300 {
            let condition = generator.one(&event(&STARTS));
            let StartCondition::Event { field, encoding, .. } = &condition else { continue };
            let text = MySql.start(&condition, Row { alias: "t", shape: &shape }).unwrap().unwrap();
            let is_true = |flag: &SqlText| SqlText::fill("({0} IS TRUE)", &[flag]);
            let asked = [
                text.standing.clone(),
                is_true(&text.due_quick),
                is_true(&text.overdue),
                text.sortable.clone(),
                is_true(&text.not_yet_due.clone().unwrap_or_else(|| text.standing.clone())),
            ];
            let answers = table.each_of(&asked).await;
            let [standings, dues, overdues, sortable, later] = answers.as_slice() else {
                panic!("five answers")
            };
            if round % 4 == 0 {
                table.is_harmless(&text.due_quick).await;
                table.is_harmless(&text.standing).await;
            }
            for (at, row) in rows.iter().enumerate() {
                let reading = read(encoding, &row[&field.name]);
                let standing = standing(&condition, reading);
                let expected = number_of(standing, reading);
                seen[usize::try_from(expected).unwrap()] += 1;
                let show = || {
                    format!(
                        "{condition:#?}\n{reading:?} {} {}",
                        shown(&row[&field.name]),
                        shown(&sortable[at])
                    )
                };
                assert!(
                    standings[at] == Value::Int(expected),
                    "should be {expected}, is {}\n{}\n{}",
                    shown(&standings[at]),
                    show(),
                    text.standing.text()
                );
                assert!(
                    dues[at] == truth(expected == numbers::DUE),
                    "due\n{}\n{}",
                    show(),
                    text.due_quick.text()
                );
                if text.not_yet_due.is_some() {
                    assert!(later[at] == truth(expected == numbers::NOT_YET_DUE), "not yet due\n{}", show());
                    compared += u32::from(expected == numbers::NOT_YET_DUE);
                }
                let Some(standing) = standing else { continue };
                assert!(overdues[at] == truth(standing.overdue), "overdue\n{}", show());
                let instant = match reading {
                    StartReading::At(start) => Some(start),
                    StartReading::On(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
                    _ => None,
                };
                assert_eq!(instant_of_sortable(encoding, &sortable[at]), instant, "{}", show());
            }
        }
        assert!(compared > 1_000, "{compared}");
        assert!(seen.iter().all(|count| *count > 1_000), "every standing must be seen: {seen:?}");
    });
}

/// The oldest and newest start of a survey are found with `min` and `max`.
#[test]
fn what_sorts_starts_keeps_its_order_and_type_in_an_aggregate() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut table = Table::new(
            &scratch,
            "CREATE TABLE s (id INT PRIMARY KEY, dm DATETIME(6), x VARCHAR(40), d DATE, a TIMESTAMP(6) NULL)",
            0,
            &mut Generator::new(1),
        )
        .await;
        scratch.setup(&mut table.connection, &[
            "INSERT INTO s VALUES (1, '2020-01-01 00:00:00.5', '2020-01-01T00:00:00.5', '2020-01-01', '2020-01-01 00:00:00.5')",
            "INSERT INTO s VALUES (2, '2021-06-01 10:00:00', '2021-06-01', '2021-06-01', '2021-06-01 10:00:00')",
        ]).await;
        let shape = table.shape.clone();
        let local = StartEncoding::LocalText { zone: chrono_tz::UTC };
        for (name, encoding, oldest, newest) in [
            ("dm", local, "2020-01-01T00:00:01Z", "2021-06-01T10:00:00Z"),
            ("x", local, "2020-01-01T00:00:01Z", "2021-06-01T00:00:00Z"),
            ("d", StartEncoding::CivilDate, "2020-01-01T00:00:00Z", "2021-06-01T00:00:00Z"),
            ("a", StartEncoding::InstantText, "2020-01-01T00:00:01Z", "2021-06-01T10:00:00Z"),
        ] {
            let on = instant("2022-01-01T00:00:00Z");
            let condition = StartCondition::Event {
                field: Field { name: name.to_owned(), value_type: ValueType::Text },
                encoding,
                cutoff_at: on,
                cutoff_on: on.date_naive(),
                as_of: on,
                as_of_on: on.date_naive(),
                overdue_at: on,
                overdue_on: on.date_naive(),
            };
            let text = MySql.start(&condition, Row { alias: "t", shape: &shape }).unwrap().unwrap();
            let sql = SqlText::fill("SELECT MIN({0}), MAX({0}) FROM s AS t", &[&text.sortable]);
            let row = scratch.rows(&mut table.connection, sql).await.remove(0);
            let found = |at: usize| instant_of_sortable(&encoding, &row[at]);
            assert_eq!((found(0), found(1)), (Some(instant(oldest)), Some(instant(newest))), "{name}");
        }
    });
}
