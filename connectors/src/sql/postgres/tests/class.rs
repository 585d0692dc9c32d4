//! Classes: `classify` = `class_case`, and `due_condition` is true exactly for what is due.

use super::{Fields, Generator, each, is_true, shown};
use crate::classify::{classify, evaluate};
use crate::dataset::DatasetShape;
use crate::postgres::tests::{Session, address, with_database};
use crate::predicate::{self, Predicate};
use crate::selection::{Class, Dependent, Exclusion, NoneLeft, RecordFacts, Selection, StartCondition};
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::sql::class::{class_case, class_of_code, dependent_holds, due_condition, referenced};
use crate::sql::postgres::Postgres;
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use crate::value::{Value, ValueType};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SCHEMA: &str = "
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE s (id int PRIMARY KEY, x text COLLATE loose, n numeric, at timestamptz, day date, v text, mark timestamptz);
    CREATE TABLE child (id bigint PRIMARY KEY, s_id bigint, x varchar(20), n int);
    INSERT INTO s SELECT g, (ARRAY['a', 'A', 'b', 'ab', '', NULL])[1 + g % 6], (ARRAY[0, 1, 2.5, -1, NULL, 'NaN'])[1 + g % 5],
      (ARRAY[NULL, 'infinity', '2019-01-01', '2020-01-01 00:00:00.5+00', '2020-06-01', '2030-01-01'])[1 + g * 7 % 6]::timestamptz,
      (ARRAY[NULL, '-infinity', '2019-01-01', '2020-01-01', '2020-06-01', '2030-01-01'])[1 + g * 5 % 6]::date,
      (ARRAY[NULL, ' ', '2019-02-30', '2019-01-01', '2020-06-01T00:00:00+02:00', '2030-01-01'])[1 + g * 11 % 6],
      CASE WHEN g % 9 = 0 THEN 'infinity'::timestamptz WHEN g % 10 = 0 THEN now() END
      FROM generate_series(0, 99) AS g;
    INSERT INTO child SELECT g, NULLIF(g % 100, 7), (ARRAY['a', 'A', NULL, 'b'])[1 + g % 4], g % 5 FROM generate_series(0, 49) AS g;";

fn condition(shape: &DatasetShape) -> BoxedStrategy<Predicate> {
    let texts = vec![
        "x = 'a'",
        "x LIKE 'a%'",
        "x IS NULL",
        "n > 0",
        "n IN (1, 2, 3)",
        "x <> 'a' OR n < 0",
        "lower(x) = 'a'",
        "NOT (x = 'a' AND n = 1)",
        "length(x) < 2",
    ];
    let shape = shape.clone();
    prop::sample::select(texts)
        .prop_map(move |text| {
            let types = |name: &str| shape.column(name).map(|column| column.value_type);
            predicate::parse(text).unwrap().check(&types, &[]).unwrap()
        })
        .boxed()
}

fn holds(shape: &DatasetShape) -> BoxedStrategy<Vec<Exclusion>> {
    let hold = (prop::sample::select(vec!["h1", "h2"]), condition(shape))
        .prop_map(|(id, predicate)| Exclusion { hold_id: id.to_owned(), predicate });
    prop::collection::vec(hold, 0..2).boxed()
}

fn disposal() -> BoxedStrategy<Disposal> {
    let field = |column: &str, value_type, transform| FieldTransform {
        column: column.to_owned(),
        value_type,
        transform,
    };
    let marker = Marker { column: "mark".to_owned(), at: "2020-01-01T00:00:00Z".parse().unwrap() };
    prop_oneof![
        3 => Just(Disposal::Purge),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", ValueType::Text, Transform::Null)], marker: None }),
        1 => Just(Disposal::Anonymize {
            fields: vec![
                field("at", ValueType::Instant, Transform::GeneralizeYear),
                field("x", ValueType::Text, Transform::Replace { text: "a".to_owned() }),
            ],
            marker: None,
        }),
        1 => Just(Disposal::Anonymize {
            fields: vec![field("x", ValueType::Text, Transform::Hash { hex_length: 8 })],
            marker: Some(marker),
        }),
    ]
    .boxed()
}

fn selection(shape: &DatasetShape, child: &DatasetShape) -> BoxedStrategy<Selection> {
    let columns = [("at", ValueType::Instant), ("day", ValueType::Date), ("v", ValueType::Text)];
    let events: Vec<_> = columns
        .iter()
        .map(|(name, kind)| super::start::event(name, *kind, super::start::encoding()))
        .collect();
    let start = prop_oneof![8 => prop::strategy::Union::new(events), 1 => Just(StartCondition::NoneLeft)];
    let scope = prop_oneof![2 => Just(Predicate::always()), 1 => condition(shape)];
    let conflicts = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(condition(shape), 1..3)];
    let (shape, child_shape) = (shape.clone(), child.clone());
    let below = (any::<bool>(), any::<bool>(), holds(&shape), holds(child));
    (scope, start, conflicts, below, disposal())
        .prop_map(move |(scope, start, conflicts, (with_child, with_left, holds, child_holds), disposal)| {
            let pairs = vec![("s_id".to_owned(), "id".to_owned())];
            let dependent = Dependent {
                address: address("public.child"),
                shape: child_shape.clone(),
                pairs: pairs.clone(),
                holds: child_holds,
                co_owners: Vec::new(),
                dependents: Vec::new(),
            };
            let left = NoneLeft {
                address: address("public.child"),
                shape: child_shape.clone(),
                pairs,
                disregarding: None,
            };
            Selection {
                address: address("public.s"),
                shape: shape.clone(),
                scope,
                start,
                conflicts,
                holds,
                none_left: if with_left && !with_child { vec![left] } else { Vec::new() },
                dependents: if with_child { vec![dependent] } else { Vec::new() },
                link_columns: Vec::new(),
                unchanged_since: None,
                disposal,
            }
        })
        .boxed()
}

async fn read(session: &mut Session, shape: &DatasetShape, table: &str) -> Vec<Fields> {
    let columns = shape
        .columns
        .iter()
        .map(|column| session.backend.stored(column, &SqlText::column("t", &column.name).unwrap()));
    let columns: Vec<SqlText> = columns.collect();
    let table = SqlText::table(&address(table)).unwrap();
    let sql = SqlText::fill("SELECT {0} FROM {1} AS t ORDER BY t.id", &[&SqlText::list(&columns), &table]);
    let named = |row: Vec<Value>| shape.columns.iter().map(|column| column.name.clone()).zip(row).collect();
    session.rows(sql).await.into_iter().map(named).collect()
}

fn plain(row: &Fields) -> RecordFacts {
    RecordFacts { fields: row.clone(), ..RecordFacts::default() }
}

/// The facts of one row, found without SQL.
fn facts(children: &[Fields], selection: &Selection, row: &Fields) -> RecordFacts {
    let refer = || children.iter().filter(|child| child["s_id"] == row["id"]);
    let mut held: Vec<String> = selection
        .dependents
        .iter()
        .flat_map(|dependent| &dependent.holds)
        .filter(|hold| refer().any(|child| evaluate(&hold.predicate, &plain(child)) != Some(false)))
        .map(|hold| hold.hold_id.clone())
        .collect();
    held.sort();
    held.dedup();
    let referenced = selection.none_left.iter().map(|_| refer().next().is_some()).collect();
    RecordFacts { referenced, dependent_holds: held, ..plain(row) }
}

#[test]
fn classify_and_postgres_put_every_row_into_the_same_class() {
    with_database(async |database| {
        database.run(SCHEMA).await;
        let mut session = database.open().await;
        let (shape, child) = (session.shape("s").await, session.shape("child").await);
        let rows = read(&mut session, &shape, "public.s").await;
        let children = read(&mut session, &child, "public.child").await;
        let mut generator = Generator::new(3);
        let strategy = selection(&shape, &child);
        let mut seen: BTreeMap<Class, u32> = BTreeMap::new();
        for _ in 0..300 {
            let selection = generator.one(&strategy);
            let codes = each(&mut session, &class_case(&Postgres, &selection, "t").unwrap()).await;
            let dues =
                each(&mut session, &is_true(&due_condition(&Postgres, &selection, "t").unwrap())).await;
            let mut left = Vec::new();
            for text in referenced(&Postgres, &selection, "t").unwrap() {
                left.push(each(&mut session, &text).await);
            }
            let mut held = BTreeMap::new();
            for (id, text) in dependent_holds(&Postgres, &selection.dependents, "t").unwrap() {
                held.insert(id, each(&mut session, &text).await);
            }
            for (at, row) in rows.iter().enumerate() {
                let facts = facts(&children, &selection, row);
                let class = classify(&selection, &facts);
                let show = || format!("{selection:#?}\n{}", serde_json::to_string(row).unwrap());
                let Value::Int(code) = codes[at] else { panic!("a code is an integer") };
                assert_eq!(class_of_code(code), Some(class), "{}", show());
                assert!(
                    dues[at] == Value::Bool(class == Class::Due),
                    "{} for {class:?}\n{}",
                    shown(&dues[at]),
                    show()
                );
                for (position, expected) in facts.referenced.iter().enumerate() {
                    assert!(left[position][at] == Value::Bool(*expected), "{}", show());
                }
                for (id, answers) in &held {
                    assert!(answers[at] == Value::Bool(facts.dependent_holds.contains(id)), "{}", show());
                }
                *seen.entry(class).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 10, "every class of a table must be seen: {seen:?}");
        assert!(seen.values().all(|count| *count >= 20), "{seen:?}");
    });
}
