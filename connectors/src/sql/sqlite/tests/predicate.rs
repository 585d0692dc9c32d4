//! Predicates: `evaluate` = rendered SQL.

use super::{Fields, Generator, NASTY, any_value, block_on, each, insert, open, setup, stored};
use crate::predicate::{self, Field, Predicate};
use crate::sql::Row;
use crate::sql::predicate::render;
use crate::sql::sqlite::Sqlite;
use crate::value::{Value, ValueType};
use proptest::prelude::*;

const COLUMNS: [(&str, ValueType); 10] = [
    ("b", ValueType::Bool),
    ("i", ValueType::Int),
    ("r", ValueType::Real),
    ("x", ValueType::Text),
    ("y", ValueType::Text),
    ("k", ValueType::Bytes),
    ("d", ValueType::Date),
    ("e", ValueType::Date),
    ("a", ValueType::Instant),
    ("u", ValueType::Unknown),
];

fn type_of(name: &str) -> Option<ValueType> {
    COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, value_type)| *value_type)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text_literal() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        prop::sample::select(NASTY.to_vec())
            .prop_filter_map("no NUL", |text| { (!text.contains('\0')).then(|| quoted(text)) }),
        "[a-c%_ ']{0,4}".prop_map(|text| quoted(&text)),
    ]
}

fn pick(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn text_term() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![3 => pick(&["x", "y"]), 1 => text_literal()];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|term| format!("lower({term})")),
            inner.clone().prop_map(|term| format!("UPPER({term})")),
            inner.clone().prop_map(|term| format!("trim({term})")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("coalesce({left}, {right})")),
        ]
    })
}

fn number_term() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        4 => pick(&["i", "r", "i", "r", "0", "1", "-1", "0.5", "2020", "9007199254740993", "9007199254740992.0",
            "-9223372036854775808", "9223372036854775807", "9223372036854775808.0", "1e300", "-7.25"]),
        1 => text_term().prop_map(|term| format!("length({term})")),
        1 => Just("coalesce(i, r, -1)".to_owned()),
    ]
}

/// Three comparable terms.
fn terms() -> impl Strategy<Value = [String; 3]> + Clone {
    let three =
        |term: BoxedStrategy<String>| (term.clone(), term.clone(), term).prop_map(|(a, b, c)| [a, b, c]);
    prop_oneof![
        three(text_term().boxed()),
        three(number_term().boxed()),
        three(pick(&["b", "TRUE", "FALSE", "coalesce(b, FALSE)"]).boxed()),
        three(pick(&["k"]).boxed()),
        (
            pick(&["d", "e"]),
            three(
                pick(&["d", "e", "'2020-02-29'", "DATE '2020-01-01'", "coalesce(d, '2019-01-01')"]).boxed()
            )
        )
            .prop_map(|(field, [_, second, third])| [field, second, third]),
        three(
            pick(&[
                "a",
                "TIMESTAMP '2020-01-01T00:00:00Z'",
                "TIMESTAMP '2020-01-01 00:00:00.5Z'",
                "TIMESTAMP '2020-01-01T01:00:00+01:00'",
                "coalesce(a, TIMESTAMP '2021-01-01T00:00:00Z')"
            ])
            .boxed()
        ),
    ]
}

fn literals() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(text_literal(), 1..4)
            .prop_map(|list| format!("x {{not}} IN ({})", list.join(", "))),
        Just("i {not} IN (1, 2020, -1, 9007199254740993)".to_owned()),
        Just("r {not} IN (0.5, 1, 9007199254740992.0)".to_owned()),
        Just("d {not} IN ('2020-01-01', DATE '2020-02-29')".to_owned()),
        Just("a {not} IN (TIMESTAMP '2020-01-01T00:00:00Z')".to_owned()),
    ]
}

fn predicate_text() -> impl Strategy<Value = String> {
    let operator = pick(&["=", "<>", "!=", "<", "<=", ">", ">="]);
    let not = pick(&["", "NOT"]);
    let leaf = prop_oneof![
        5 => (terms(), operator).prop_map(|([left, right, _], operator)| format!("{left} {operator} {right}")),
        2 => (terms(), not.clone()).prop_map(|([tested, low, high], not)| format!("{tested} {not} BETWEEN {low} AND {high}")),
        2 => (literals(), not.clone()).prop_map(|(list, not)| list.replace("{not}", &not)),
        3 => (text_term(), not.clone(), text_literal())
            .prop_filter("whole pattern", |(_, _, pattern)| predicate::like::is_whole(pattern.trim_matches('\'')))
            .prop_map(|(tested, not, pattern)| format!("{tested} {not} LIKE {pattern}")),
        2 => (pick(&["b", "i", "r", "x", "k", "d", "a", "u", "lower(x)", "coalesce(i, r)", "length(y)", "NULL"]), not)
            .prop_map(|(tested, not)| format!("{tested} IS {not} NULL")),
        1 => pick(&["b", "TRUE", "FALSE", "coalesce(b, TRUE)"]),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) AND ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} OR {right})")),
            inner.clone().prop_map(|inner| format!("NOT ({inner})")),
            (inner, pick(&["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"]))
                .prop_map(|(inner, is)| format!("({inner}) {is}")),
        ]
    })
}

fn checked(text: &str) -> Predicate {
    let known: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let parsed = predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    parsed.check(&type_of, &known).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn evaluate(predicate: &Predicate, row: &Fields) -> Option<bool> {
    predicate.evaluate(&|field: &Field| row.get(&field.name).cloned().unwrap())
}

#[test]
fn evaluating_and_asking_sqlite_give_the_same_answer() {
    block_on(async {
        let mut connection = open().await;
        setup(&mut connection, &[
            "CREATE TABLE s (id INTEGER PRIMARY KEY, b BOOLEAN, i INTEGER, r REAL, x TEXT COLLATE NOCASE, \
             y VARCHAR(20) COLLATE RTRIM, k BLOB, d DATE, e TEXT, a DATETIME, u)",
        ]).await;
        let mut generator = Generator::new(7);
        for id in 0..80 {
            let mut values = vec![Value::Int(id)];
            values.extend(COLUMNS.iter().map(|_| generator.one(&any_value())));
            insert(&mut connection, "s", &values).await;
        }
        let columns: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let rows = stored(&mut connection, "s", &columns).await;
        let strategy = predicate_text();
        let mut answers = [0_u32; 3];
        let shape = crate::DatasetShape::default();
        let table = Row { alias: "t", shape: &shape };
        for _ in 0..600 {
            let text = generator.one(&strategy);
            let predicate = checked(&text);
            let sql = render(&Sqlite, &predicate, table).unwrap();
            let asked = each(&mut connection, "s", &sql).await;
            for (row, answer) in rows.iter().zip(asked) {
                let evaluated = evaluate(&predicate, row);
                let expected = evaluated.map_or(Value::Null, |truth| Value::Int(i64::from(truth)));
                assert!(
                    answer == expected,
                    "{text}\n{evaluated:?} against {}\n{}\n{}",
                    shown(&answer),
                    serde_json::to_string(row).unwrap(),
                    sql.text()
                );
                answers[evaluated.map_or(2, usize::from)] += 1;
            }
        }
        assert!(
            answers.iter().all(|count| *count > 3_000),
            "the test must see all three answers: {answers:?}"
        );
    });
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}
