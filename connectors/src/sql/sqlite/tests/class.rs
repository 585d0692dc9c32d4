//! Classes: `classify` = `class_case`, and `due_condition` is true exactly for what is due.

use super::{Fields, Generator, any_value, block_on, each, insert, open, setup, stored};
use crate::classify::{classify, evaluate, read_start};
use crate::dataset::{DatasetAddress, DatasetShape, Location};
use crate::predicate::{self, Field, Predicate};
use crate::selection::{
    Class, Dependent, Exclusion, NoneLeft, RecordFacts, Selection, StartCondition, StartEncoding,
};
use crate::sql::SqlText;
use crate::sql::sqlite::{
    class_case, class_of_code, dependent_holds, due_condition, holds_by_id, referenced,
    standing as start_standing, start,
};
use crate::start::{StartReading, instant_of_sortable, standing};
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use crate::value::{Value, ValueType};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnection;
use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: [&str; 6] = ["id", "x", "n", "s", "v", "mark"];
const SCHEMA: [&str; 4] = [
    "CREATE TABLE s (id INTEGER PRIMARY KEY, x TEXT COLLATE NOCASE, n INTEGER, s TEXT, v DATETIME, mark TEXT)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, x TEXT, n INTEGER, s TEXT, v, mark TEXT)",
    "CREATE TABLE grand (id INTEGER PRIMARY KEY, x TEXT, n INTEGER, s TEXT, v, mark TEXT)",
    "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT, n INTEGER, s TEXT, v DATETIME, mark TEXT)",
];

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Clock changes: the zone and the instant.
fn changes() -> Vec<(Tz, DateTime<Utc>)> {
    [
        (chrono_tz::Europe::Paris, "2020-03-29T01:00:00Z"),
        (chrono_tz::Europe::Paris, "2020-10-25T01:00:00Z"),
        (chrono_tz::America::New_York, "2020-03-08T07:00:00Z"),
        (chrono_tz::America::New_York, "2020-11-01T06:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-04-04T15:00:00Z"),
        (chrono_tz::Australia::Lord_Howe, "2020-10-03T15:30:00Z"),
        (chrono_tz::Pacific::Apia, "2011-12-30T10:00:00Z"),
        (chrono_tz::UTC, "2020-01-01T00:00:00Z"),
    ]
    .into_iter()
    .map(|(zone, at)| (zone, instant(at)))
    .collect()
}

/// Seconds around a clock change: on the spot, within hours, within days.
fn around() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![-2_i64..=2, (-6_i64..=6).prop_map(|half| half * 1800), -9000_i64..9000, -200_000_i64..200_000]
}

/// A start written in one of the many ways, near one of the clock changes.
fn near_start() -> impl Strategy<Value = Value> + Clone {
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

fn start_value() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![5 => near_start(), 1 => any_value()]
}

fn encoding() -> impl Strategy<Value = StartEncoding> + Clone {
    prop_oneof![
        4 => prop::sample::select(changes()).prop_map(|(zone, _)| StartEncoding::LocalText { zone }),
        3 => Just(StartEncoding::InstantText),
        1 => Just(StartEncoding::Instant),
        1 => Just(StartEncoding::CivilDate),
        1 => Just(StartEncoding::CivilMonth),
        1 => Just(StartEncoding::CivilYear),
        1 => Just(StartEncoding::EpochSeconds),
        1 => Just(StartEncoding::EpochMillis),
    ]
}

fn event() -> impl Strategy<Value = StartCondition> + Clone {
    let moment = || {
        (prop::sample::select(changes()), around(), prop::sample::select(vec![0_u32, 500])).prop_map(
            |((_, change), seconds, millis)| {
                change + Duration::seconds(seconds) + Duration::milliseconds(i64::from(millis))
            },
        )
    };
    let extreme = prop::sample::select(vec![
        instant("0001-01-01T00:00:00Z"),
        instant("9999-12-31T23:59:59Z"),
        instant("0001-01-01T00:00:00Z") - Duration::days(400),
        instant("9999-12-31T23:59:59Z") + Duration::days(400),
        instant("9999-01-01T00:00:00Z"),
    ]);
    let moment = || prop_oneof![12 => moment(), 1 => extreme.clone()];
    let ahead = prop_oneof![3 => Just(400_i64), 1 => Just(0), 1 => Just(-3)];
    // Where the day of a cutoff ends depends on the zone of the rule.
    let shift = -1_i64..=1;
    (encoding(), moment(), ahead, prop::sample::select(vec!["s", "v"]), shift).prop_map(
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

fn condition() -> impl Strategy<Value = Predicate> + Clone {
    let texts = [
        "x = 'a'",
        "x LIKE 'a%'",
        "x IS NULL",
        "n > 0",
        "n IN (1, 2, 3)",
        "x <> 'a' OR n < 0",
        "lower(x) = 'a'",
        "NOT (x = 'a' AND n = 1)",
        "mark IS NOT NULL",
        "length(x) < 2",
    ];
    prop::sample::select(texts.to_vec()).prop_map(|text| {
        let types = |name: &str| match name {
            "x" | "mark" => Some(ValueType::Text),
            "n" => Some(ValueType::Int),
            _ => None,
        };
        predicate::parse(text).unwrap().check(&types, &[]).unwrap()
    })
}

fn hold() -> impl Strategy<Value = Exclusion> + Clone {
    (prop::sample::select(vec!["h1", "h2"]), condition())
        .prop_map(|(id, predicate)| Exclusion { hold_id: id.to_owned(), predicate })
}

fn holds() -> impl Strategy<Value = Vec<Exclusion>> + Clone {
    prop::collection::vec(hold(), 0..2)
}

fn address(table: &str) -> DatasetAddress {
    DatasetAddress {
        store: "s".to_owned(),
        dataset: table.to_owned(),
        location: Location::Table { schema: None, table: table.to_owned() },
    }
}

fn shape() -> DatasetShape {
    DatasetShape {
        columns: Vec::new(),
        key: vec!["id".to_owned()],
        references: Vec::new(),
        referenced_by: Vec::new(),
        triggers: Vec::new(),
        attributes: None,
    }
}

fn pairs() -> Vec<(String, String)> {
    vec![("n".to_owned(), "id".to_owned())]
}

fn dependents() -> impl Strategy<Value = Vec<Dependent>> + Clone {
    let make = |table: &'static str, holds, dependents| Dependent {
        address: address(table),
        shape: shape(),
        pairs: pairs(),
        holds,
        co_owners: Vec::new(),
        dependents,
    };
    (any::<bool>(), any::<bool>(), holds(), holds()).prop_map(
        move |(child, grand, child_holds, grand_holds)| {
            let below = if grand { vec![make("grand", grand_holds, Vec::new())] } else { Vec::new() };
            if child { vec![make("child", child_holds, below)] } else { Vec::new() }
        },
    )
}

fn disposal() -> impl Strategy<Value = Disposal> + Clone {
    let field = |column: &str, transform| FieldTransform {
        column: column.to_owned(),
        value_type: ValueType::Text,
        transform,
    };
    let marker = Some(Marker { column: "mark".to_owned(), at: instant("2020-01-01T00:00:00Z") });
    prop_oneof![
        3 => Just(Disposal::Purge),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", Transform::Null)], marker: None }),
        1 => Just(Disposal::Anonymize {
            fields: vec![field("x", Transform::Replace { text: "a".to_owned() }), field("mark", Transform::Truncate { characters: 1 })],
            marker: None,
        }),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", Transform::Hash { hex_length: 8 })], marker: marker.clone() }),
        1 => Just(Disposal::Anonymize { fields: vec![field("v", Transform::GeneralizeYear)], marker }),
    ]
}

fn plain_selection(table: &'static str) -> impl Strategy<Value = Selection> + Clone {
    let scope = prop_oneof![2 => Just(Predicate::always()), 1 => condition()];
    let start =
        prop_oneof![8 => event(), 1 => Just(StartCondition::NoneLeft), 1 => Just(StartCondition::Linked)];
    let conflicts = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(condition(), 1..3)];
    (scope, start, conflicts, holds(), disposal()).prop_map(
        move |(scope, start, conflicts, holds, disposal)| Selection {
            address: address(table),
            shape: shape(),
            scope,
            start,
            conflicts,
            holds,
            none_left: Vec::new(),
            dependents: Vec::new(),
            link_columns: Vec::new(),
            unchanged_since: None,
            disposal,
        },
    )
}

fn selection() -> impl Strategy<Value = Selection> {
    let disregarding = prop::option::of(plain_selection("other"));
    (plain_selection("s"), dependents(), prop::option::of(disregarding)).prop_map(
        |(mut selection, dependents, none_left)| {
            selection.dependents = dependents;
            selection.none_left = none_left
                .map(|disregarding| NoneLeft {
                    address: address("other"),
                    shape: shape(),
                    pairs: pairs(),
                    disregarding: disregarding.map(Box::new),
                })
                .into_iter()
                .collect();
            selection
        },
    )
}

type Tables = BTreeMap<&'static str, Vec<Fields>>;

async fn fill(connection: &mut SqliteConnection, generator: &mut Generator) -> Tables {
    let text = prop_oneof![
        3 => prop::sample::select(vec!["a", "A", "b", "ab", ""]).prop_map(|text| Value::Text(text.to_owned())),
        1 => any_value(),
    ];
    let parent = prop_oneof![4 => (0_i64..60).prop_map(Value::Int), 1 => Just(Value::Null)];
    let mark = prop_oneof![2 => Just(Value::Null), 1 => Just(Value::Text("a".to_owned()))];
    let mut tables = Tables::new();
    for (table, rows) in [("s", 60), ("child", 25), ("grand", 15), ("other", 25)] {
        for id in 0..rows {
            let number = if table == "s" { generator.one(&text) } else { generator.one(&parent) };
            let values = [
                Value::Int(id),
                generator.one(&text),
                number,
                generator.one(&start_value()),
                generator.one(&start_value()),
                generator.one(&mark),
            ];
            insert(connection, table, &values).await;
        }
        tables.insert(table, stored(connection, table, &COLUMNS).await);
    }
    tables
}

fn refer_to<'a>(tables: &'a Tables, table: &str, row: &Fields) -> Vec<&'a Fields> {
    tables[table].iter().filter(|there| there["n"] == row["id"]).collect()
}

fn plain_facts(row: &Fields) -> RecordFacts {
    RecordFacts { fields: row.clone(), ..RecordFacts::default() }
}

fn held_below(tables: &Tables, dependents: &[Dependent], row: &Fields, held: &mut BTreeSet<String>) {
    for dependent in dependents {
        for child in refer_to(tables, &dependent.address.dataset, row) {
            for hold in &dependent.holds {
                if evaluate(&hold.predicate, &plain_facts(child)) != Some(false) {
                    held.insert(hold.hold_id.clone());
                }
            }
            held_below(tables, &dependent.dependents, child, held);
        }
    }
}

/// The facts of one row, found without SQL.
fn facts(tables: &Tables, selection: &Selection, row: &Fields) -> RecordFacts {
    let mut held = BTreeSet::new();
    held_below(tables, &selection.dependents, row, &mut held);
    let is_referred_to = |none_left: &NoneLeft| {
        refer_to(tables, &none_left.address.dataset, row).into_iter().any(|there| {
            let disregarded = none_left.disregarding.as_ref();
            disregarded.is_none_or(|other| classify(other, &plain_facts(there)) != Class::Due)
        })
    };
    RecordFacts {
        referenced: selection.none_left.iter().map(is_referred_to).collect(),
        dependent_holds: held.into_iter().collect(),
        ..plain_facts(row)
    }
}

fn truth(value: bool) -> Value {
    Value::Int(i64::from(value))
}

async fn check_selection(
    connection: &mut SqliteConnection,
    tables: &Tables,
    selection: &Selection,
    seen: &mut BTreeMap<Class, u32>,
) {
    let codes = each(connection, "s", &class_case(selection, "t").unwrap()).await;
    let is_true = |text: SqlText| SqlText::fill("({0} IS TRUE)", &[&text]);
    let dues = each(connection, "s", &is_true(due_condition(selection, "t").unwrap())).await;
    let mut referenced_by = Vec::new();
    for text in referenced(selection, "t").unwrap() {
        referenced_by.push(each(connection, "s", &text).await);
    }
    let mut held_by = BTreeMap::new();
    for (id, text) in dependent_holds(&selection.dependents, "t").unwrap() {
        held_by.insert(id, each(connection, "s", &text).await);
    }
    let mut all_held_by = BTreeMap::new();
    for (id, text) in holds_by_id(selection, "t").unwrap() {
        all_held_by.insert(id, each(connection, "s", &text).await);
    }
    for (at, row) in tables["s"].iter().enumerate() {
        let facts = facts(tables, selection, row);
        let class = classify(selection, &facts);
        let Value::Int(code) = codes[at] else { panic!("a code is an integer") };
        let show = || format!("{selection:#?}\n{}", serde_json::to_string(row).unwrap());
        assert_eq!(class_of_code(code), Some(class), "{}", show());
        assert!(dues[at] == truth(class == Class::Due), "due_condition for {class:?}\n{}", show());
        for (position, expected) in facts.referenced.iter().enumerate() {
            assert!(referenced_by[position][at] == truth(*expected), "{}", show());
        }
        for (id, answers) in &held_by {
            assert!(answers[at] == truth(facts.dependent_holds.contains(id)), "{}", show());
        }
        let holding = crate::classify::holding(selection, &facts);
        for (id, answers) in &all_held_by {
            assert!(answers[at] == truth(holding.contains(&id.as_str())), "{}", show());
        }
        *seen.entry(class).or_default() += 1;
    }
}

#[test]
fn classify_and_sqlite_put_every_row_into_the_same_class() {
    block_on(async {
        let mut connection = open().await;
        setup(&mut connection, &SCHEMA).await;
        let mut generator = Generator::new(3);
        let tables = fill(&mut connection, &mut generator).await;
        let strategy = selection();
        let mut seen = BTreeMap::new();
        for _ in 0..250 {
            let selection = generator.one(&strategy);
            check_selection(&mut connection, &tables, &selection, &mut seen).await;
        }
        assert_eq!(seen.len(), 10, "every class of a table must be seen: {seen:?}");
        assert!(seen.values().all(|count| *count >= 20), "{seen:?}");
    });
}

#[test]
fn starts_are_read_alike_in_sqlite_and_in_process() {
    block_on(async {
        let mut connection = open().await;
        setup(&mut connection, &["CREATE TABLE s (id INTEGER PRIMARY KEY, s TEXT, v DATETIME, w)"]).await;
        let mut generator = Generator::new(5);
        for id in 0..700 {
            let value = generator.one(&start_value());
            insert(&mut connection, "s", &[Value::Int(id), value.clone(), value.clone(), value]).await;
        }
        let rows = stored(&mut connection, "s", &["s", "v", "w"]).await;
        for _ in 0..150 {
            let mut condition = generator.one(&event());
            let StartCondition::Event { field, encoding, .. } = &mut condition else { continue };
            field.name = generator.one(&prop::sample::select(vec!["s", "v", "w"])).to_owned();
            let (name, encoding) = (field.name.clone(), *encoding);
            let text = start(&condition, "t").unwrap().unwrap();
            let standings = each(&mut connection, "s", &text.standing).await;
            let is_true = |flag: &SqlText| SqlText::fill("({0} IS TRUE)", &[flag]);
            let dues = each(&mut connection, "s", &is_true(&text.due_quick)).await;
            let overdues = each(&mut connection, "s", &is_true(&text.overdue)).await;
            let sortable = each(&mut connection, "s", &text.sortable).await;
            for (at, row) in rows.iter().enumerate() {
                let reading = read_start(&encoding, &row[&name]);
                let standing = standing(&condition, reading);
                let expected = match (standing, reading) {
                    (None, StartReading::Missing) => start_standing::MISSING,
                    (None, _) => start_standing::UNREADABLE,
                    (Some(standing), _) if standing.in_future => start_standing::IN_FUTURE,
                    (Some(standing), _) if standing.due => start_standing::DUE,
                    (Some(_), _) => start_standing::NOT_YET_DUE,
                };
                let show =
                    || format!("{condition:#?}\n{reading:?} {}", serde_json::to_string(&row[&name]).unwrap());
                assert!(standings[at] == Value::Int(expected), "should be {expected}\n{}", show());
                assert!(dues[at] == truth(expected == start_standing::DUE), "{}", show());
                let Some(standing) = standing else { continue };
                assert!(overdues[at] == truth(standing.overdue), "{}", show());
                let instant = match reading {
                    StartReading::At(start) => Some(start),
                    StartReading::On(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
                    _ => None,
                };
                assert_eq!(instant_of_sortable(&encoding, &sortable[at]), instant, "{}", show());
            }
        }
    });
}

#[test]
fn a_civil_date_that_does_not_exist_is_unreadable() {
    let read = |text: &str| read_start(&StartEncoding::CivilDate, &Value::Text(text.to_owned()));
    assert_eq!(read("2023-02-30"), StartReading::Unreadable);
    assert_eq!(read("2023-02-28 00:00:00"), StartReading::On(NaiveDate::from_ymd_opt(2023, 2, 28).unwrap()));
    assert_eq!(read("2023-02-28 10:00:00"), StartReading::Unreadable);
}
