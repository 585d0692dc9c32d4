//! Classes: `classify` = `class_case`, and `due_condition` is true exactly for what is due.

use super::start::{STARTS, event, insert_near};
use super::{Fields, Generator, Table, stored};
use crate::classify::{classify, evaluate};
use crate::dataset::DatasetShape;
use crate::mysql::tests::{Scratch, address, block_on};
use crate::predicate::{self, Predicate};
use crate::selection::{Class, Dependent, Exclusion, NoneLeft, RecordFacts, Selection, StartCondition};
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::sql::class::{class_case, class_of_code, due_condition, holds_by_id, referenced};
use crate::sql::mysql::MySql;
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use crate::value::{Value, ValueType};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = "CREATE TABLE s (id INT PRIMARY KEY, x VARCHAR(60) COLLATE utf8mb4_general_ci, \
     l VARCHAR(60) CHARACTER SET latin1, z TEXT COLLATE utf8mb4_bin, dt DATETIME, dm DATETIME(6), d DATE NOT NULL, \
     a TIMESTAMP(6) NULL, am TIMESTAMP NULL, i BIGINT, w BIGINT UNSIGNED, r DOUBLE, m DECIMAL(30,4), y YEAR, \
     n SMALLINT, k VARBINARY(20), ti TIME, mark VARCHAR(40))";
const CHILDREN: [&str; 3] = [
    "CREATE TABLE child (id INT PRIMARY KEY, n INT, x VARCHAR(20) COLLATE utf8mb4_general_ci)",
    "CREATE TABLE grand (id INT PRIMARY KEY, n INT, x VARCHAR(20) COLLATE utf8mb4_general_ci)",
    "CREATE TABLE other (id INT PRIMARY KEY, n INT, x VARCHAR(20) COLLATE utf8mb4_general_ci)",
];

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
        "length(x) < 2",
    ];
    prop::sample::select(texts.to_vec()).prop_map(|text| {
        let types = |name: &str| match name {
            "x" => Some(ValueType::Text),
            "n" => Some(ValueType::Int),
            _ => None,
        };
        predicate::parse(text).unwrap().check(&types, &[]).unwrap()
    })
}

fn holds() -> impl Strategy<Value = Vec<Exclusion>> + Clone {
    let hold = (prop::sample::select(vec!["h1", "h2"]), condition())
        .prop_map(|(id, predicate)| Exclusion { hold_id: id.to_owned(), predicate });
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(hold, 1..2)]
}

fn pairs() -> Vec<(String, String)> {
    vec![("n".to_owned(), "id".to_owned())]
}

fn disposal() -> impl Strategy<Value = Disposal> + Clone {
    let field = |column: &str, transform| FieldTransform {
        column: column.to_owned(),
        value_type: ValueType::Text,
        transform,
    };
    let at = super::start::instant("2020-01-01T00:00:00Z");
    let marker = Some(Marker { column: "mark".to_owned(), at });
    let replace = Transform::Replace { text: "a".to_owned() };
    prop_oneof![
        3 => Just(Disposal::Purge),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", Transform::Null)], marker: None }),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", replace), field("l", Transform::Truncate { characters: 40 })], marker: None }),
        1 => Just(Disposal::Anonymize { fields: vec![field("x", Transform::Hash { hex_length: 8 })], marker: marker.clone() }),
        1 => Just(Disposal::Anonymize { fields: vec![field("dm", Transform::GeneralizeYear)], marker }),
    ]
}

fn selection(shapes: &BTreeMap<&'static str, DatasetShape>) -> impl Strategy<Value = Selection> + use<> {
    let shapes = shapes.clone();
    let scope = prop_oneof![2 => Just(Predicate::always()), 1 => condition()];
    let start = prop_oneof![8 => event(&STARTS), 1 => Just(StartCondition::NoneLeft)];
    let conflicts = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(condition(), 1..2)];
    let along = (any::<bool>(), any::<bool>(), any::<bool>(), holds(), holds());
    (scope, start, conflicts, holds(), disposal(), along).prop_map(
        move |(scope, start, conflicts, holds, disposal, (child, grand, other, child_holds, grand_holds))| {
            let dependent = |table: &'static str, holds, dependents| Dependent {
                address: address(table),
                shape: shapes[table].clone(),
                pairs: pairs(),
                holds,
                co_owners: Vec::new(),
                dependents,
            };
            let below = if grand { vec![dependent("grand", grand_holds, Vec::new())] } else { Vec::new() };
            let none_left = NoneLeft {
                address: address("other"),
                shape: shapes["other"].clone(),
                pairs: pairs(),
                disregarding: None,
            };
            Selection {
                address: address("s"),
                shape: shapes["s"].clone(),
                scope,
                start,
                conflicts,
                holds,
                none_left: if other { vec![none_left] } else { Vec::new() },
                dependents: if child { vec![dependent("child", child_holds, below)] } else { Vec::new() },
                link_columns: Vec::new(),
                unchanged_since: None,
                disposal,
            }
        },
    )
}

type Tables = BTreeMap<&'static str, Vec<Fields>>;

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
    RecordFacts {
        referenced: selection.none_left.iter().map(|_| !refer_to(tables, "other", row).is_empty()).collect(),
        dependent_holds: held.into_iter().collect(),
        ..plain_facts(row)
    }
}

async fn fill_children(table: &mut Table<'_>, generator: &mut Generator) {
    let text = prop::sample::select(vec!["a", "A", "b", "ab", ""]);
    table.scratch.setup(&mut table.connection, &CHILDREN).await;
    for (name, insert) in [
        ("child", "INSERT INTO child VALUES ({0})"),
        ("grand", "INSERT INTO grand VALUES ({0})"),
        ("other", "INSERT INTO other VALUES ({0})"),
    ] {
        for id in 0..40_i64 {
            let parents = if name == "grand" { 0..40_i64 } else { 0..150 };
            let values = [
                SqlText::value(Value::Int(id)),
                SqlText::value(Value::Int(generator.one(&parents))),
                SqlText::value(Value::Text(generator.one(&text).to_owned())),
            ];
            let sql = SqlText::fill(insert, &[&SqlText::list(&values)]);
            table.scratch.run(&mut table.connection, sql).await;
        }
    }
}

#[test]
fn classify_and_the_server_put_every_row_into_the_same_class() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut generator = Generator::new(3);
        let mut table = Table::new(&scratch, TABLE, 60, &mut generator).await;
        insert_near(&mut table, 60, 90, &mut generator).await;
        fill_children(&mut table, &mut generator).await;
        // Few texts, so that rules and holds meet.
        scratch.setup(&mut table.connection, &[
            "UPDATE s SET x = ELT(1 + id % 5, 'a', 'A', 'b', NULL, ''), n = id % 4, mark = IF(id % 7 = 0, 'done', NULL)",
        ]).await;
        let mut shapes = BTreeMap::new();
        let mut tables = Tables::new();
        for name in ["s", "child", "grand", "other"] {
            let shape = scratch.backend.inspect(&mut table.connection, &address(name)).await.unwrap();
            tables.insert(name, stored(&scratch, &mut table.connection, name, &shape).await);
            shapes.insert(name, shape);
        }
        let strategy = selection(&shapes);
        let mut seen = BTreeMap::new();
        for _ in 0..160 {
            let selection = generator.one(&strategy);
            check_selection(&mut table, &tables, &selection, &mut seen).await;
        }
        assert_eq!(seen.len(), 10, "every class of a table must be seen: {seen:?}");
        assert!(seen.values().all(|count| *count >= 20), "{seen:?}");
    });
}

async fn check_selection(
    table: &mut Table<'_>,
    tables: &Tables,
    selection: &Selection,
    seen: &mut BTreeMap<Class, u32>,
) {
    let due = due_condition(&MySql, selection, "t").unwrap();
    let mut asked =
        vec![class_case(&MySql, selection, "t").unwrap(), SqlText::fill("({0} IS TRUE)", &[&due])];
    asked.extend(referenced(&MySql, selection, "t").unwrap());
    let holds = holds_by_id(&MySql, selection, "t").unwrap();
    asked.extend(holds.values().cloned());
    let mut answers = table.each_of(&asked).await;
    let held_by: BTreeMap<&String, Vec<Value>> =
        holds.keys().zip(answers.split_off(asked.len() - holds.len())).collect();
    let referenced_by = answers.split_off(2);
    let (codes, dues) = (&answers[0], &answers[1]);
    let truth = |value: bool| Value::Int(i64::from(value));
    let mut due_rows = 0;
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
        let holding = crate::classify::holding(selection, &facts);
        for (id, answers) in &held_by {
            assert!(answers[at] == truth(holding.contains(&id.as_str())), "{}", show());
        }
        due_rows += u64::from(class == Class::Due);
        *seen.entry(class).or_default() += 1;
    }
    // The statement that destroys takes exactly those, and no row stops it.
    table.scratch.setup(&mut table.connection, &["START TRANSACTION"]).await;
    let deleted = SqlText::fill("DELETE t FROM s AS t WHERE {0}", &[&due]);
    assert_eq!(table.scratch.run(&mut table.connection, deleted).await, due_rows, "{selection:#?}");
    table.scratch.setup(&mut table.connection, &["ROLLBACK"]).await;
}
