//! Predicates: `evaluate` = rendered SQL.

use super::{Fields, Generator, SHORT, TEXTS, each, filled, names, shown};
use crate::dataset::DatasetShape;
use crate::postgres::tests::with_database;
use crate::predicate::{self, Field, Predicate};
use crate::sql::postgres::Postgres;
use crate::sql::predicate::render;
use crate::sql::{Row, SqlError};
use crate::value::{Value, ValueType};
use proptest::prelude::*;

const TEXT_COLUMNS: &[&str] = &["x", "y", "z", "c", "v", "ci", "e", "u", "dx"];
const NUMBER_COLUMNS: &[&str] = &["i2", "i4", "i8", "r4", "r8", "n", "m"];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "0.5",
    "0.1",
    "2020",
    "9007199254740993",
    "9007199254740992.0",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808.0",
    "-9223372036854775808.0",
    "1e300",
    "1e308",
    "-7.25",
    "1577836800",
    "123456790",
    "9.3e18",
];

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn pick(names: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(names).prop_map(str::to_owned).boxed()
}

fn text_literal() -> BoxedStrategy<String> {
    prop_oneof![
        prop::sample::select(TEXTS).prop_map(quoted),
        prop::sample::select(SHORT).prop_map(quoted),
        "[a-c%_ 'äÄ]{0,4}".prop_map(|text| quoted(&text)),
    ]
    .boxed()
}

fn text_term() -> BoxedStrategy<String> {
    let leaf = prop_oneof![4 => pick(TEXT_COLUMNS), 1 => text_literal()];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|term| format!("lower({term})")),
            inner.clone().prop_map(|term| format!("UPPER({term})")),
            inner.clone().prop_map(|term| format!("trim({term})")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("coalesce({left}, {right})")),
        ]
    })
    .boxed()
}

fn number_term() -> BoxedStrategy<String> {
    let column = || pick(NUMBER_COLUMNS);
    prop_oneof![
        6 => column(),
        4 => pick(NUMBERS),
        1 => text_term().prop_map(|term| format!("length({term})")),
        2 => (column(), column(), pick(NUMBERS)).prop_map(|(a, b, c)| format!("coalesce({a}, {b}, {c})")),
    ]
    .boxed()
}

/// Three comparable terms.
fn terms() -> BoxedStrategy<[String; 3]> {
    let three =
        |term: BoxedStrategy<String>| (term.clone(), term.clone(), term).prop_map(|(a, b, c)| [a, b, c]);
    let dates = pick(&[
        "d",
        "d2",
        "'2020-02-29'",
        "DATE '2020-01-01'",
        "coalesce(d, '2019-01-01')",
        "DATE '9999-12-31'",
    ]);
    prop_oneof![
        4 => three(text_term()),
        5 => three(number_term()),
        1 => three(pick(&["b", "TRUE", "FALSE", "coalesce(b, FALSE)"])),
        1 => three(pick(&["k"])),
        2 => (pick(&["d", "d2"]), three(dates)).prop_map(|(field, [_, second, third])| [field, second, third]),
        2 => three(pick(&[
            "a",
            "a2",
            "TIMESTAMP '2020-01-01T00:00:00Z'",
            "TIMESTAMP '2020-01-01 00:00:00.5Z'",
            "TIMESTAMP '9999-12-31T23:59:59Z'",
            "coalesce(a, TIMESTAMP '2021-01-01T00:00:00Z')"
        ])),
    ]
    .boxed()
}

fn literals() -> BoxedStrategy<String> {
    prop_oneof![
        (pick(TEXT_COLUMNS), prop::collection::vec(text_literal(), 1..4))
            .prop_map(|(column, list)| format!("{column} {{not}} IN ({})", list.join(", "))),
        (pick(NUMBER_COLUMNS), prop::collection::vec(pick(NUMBERS), 1..4))
            .prop_map(|(column, list)| format!("{column} {{not}} IN ({})", list.join(", "))),
        Just("d {not} IN ('2020-01-01', DATE '2020-02-29')".to_owned()),
        Just("a {not} IN (TIMESTAMP '2020-01-01T00:00:00Z', TIMESTAMP '2020-01-01T00:00:01Z')".to_owned()),
        Just("b {not} IN (TRUE)".to_owned()),
    ]
    .boxed()
}

fn predicate_text() -> BoxedStrategy<String> {
    let operator = pick(&["=", "<>", "!=", "<", "<=", ">", ">="]);
    let not = pick(&["", "NOT"]);
    let pattern =
        text_literal().prop_filter("whole", |text| predicate::like::is_whole(text.trim_matches('\'')));
    let nullable = prop_oneof![
        prop::sample::select(names()).prop_map(str::to_owned),
        pick(&["lower(x)", "coalesce(i2, r8)", "length(y)", "NULL", "coalesce(NULL, d)"]),
    ];
    let leaf = prop_oneof![
        6 => (terms(), operator).prop_map(|([left, right, _], operator)| format!("{left} {operator} {right}")),
        2 => (terms(), not.clone()).prop_map(|([tested, low, high], not)| format!("{tested} {not} BETWEEN {low} AND {high}")),
        2 => (literals(), not.clone()).prop_map(|(list, not)| list.replace("{not}", &not)),
        3 => (text_term(), not.clone(), pattern).prop_map(|(tested, not, pattern)| format!("{tested} {not} LIKE {pattern}")),
        2 => (nullable, not).prop_map(|(tested, not)| format!("{tested} IS {not} NULL")),
        1 => pick(&["b", "TRUE", "FALSE", "coalesce(b, TRUE)"]),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left}) AND ({right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} OR {right})")),
            inner.clone().prop_map(|inner| format!("NOT ({inner})")),
            (inner, pick(&["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"]))
                .prop_map(|(inner, is)| format!("({inner}) {is}")),
        ]
    })
    .boxed()
}

fn checked(text: &str, shape: &DatasetShape) -> Predicate {
    let type_of = |name: &str| shape.column(name).map(|column| column.value_type);
    let parsed = predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    parsed.check(&type_of, &names()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn evaluate(predicate: &Predicate, row: &Fields) -> Option<bool> {
    predicate.evaluate(&|field: &Field| row[&field.name].clone())
}

#[test]
fn evaluating_and_asking_postgres_give_the_same_answer() {
    with_database(async |database| {
        let (mut session, shape, rows) = filled(&database, 110).await;
        let mut generator = Generator::new(7);
        let strategy = predicate_text();
        let mut answers = [0_u32; 3];
        let table = Row { alias: "t", shape: &shape };
        for _ in 0..600 {
            let text = generator.one(&strategy);
            let predicate = checked(&text, &shape);
            let sql = render(&Postgres, &predicate, table).unwrap();
            let asked = each(&mut session, &sql).await;
            for (row, answer) in rows.iter().zip(asked) {
                let evaluated = evaluate(&predicate, row);
                let expected = evaluated.map_or(Value::Null, Value::Bool);
                assert!(
                    answer == expected,
                    "{text}\n{evaluated:?} against {}\n{}\n{}",
                    shown(&answer),
                    serde_json::to_string(row).unwrap(),
                    sql.numbered()
                );
                answers[evaluated.map_or(2, usize::from)] += 1;
            }
        }
        assert!(
            answers.iter().all(|count| *count > 5_000),
            "the test must see all three answers: {answers:?}"
        );
    });
}

#[test]
fn a_field_of_another_type_than_the_column_is_not_written() {
    let field = Field { name: "x".to_owned(), value_type: ValueType::Int };
    let column = crate::ColumnShape {
        name: "x".to_owned(),
        declared_type: "text".to_owned(),
        value_type: ValueType::Text,
        nullable: true,
        unique: false,
        generated: false,
        length_max: None,
        checked: false,
    };
    let shape = DatasetShape { columns: vec![column], ..DatasetShape::default() };
    let row = Row { alias: "t", shape: &shape };
    let refused = super::super::predicate::field(&field, row);
    assert!(matches!(refused, Err(SqlError::NotWritable { .. })), "{refused:?}");
}
