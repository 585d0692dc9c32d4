//! Predicates: `evaluate` = rendered SQL.

use super::{Fields, Generator, NASTY, Table, shown};
use crate::mysql::tests::{Scratch, block_on};
use crate::predicate::{self, Field, Predicate};
use crate::sql::Row;
use crate::sql::mysql::MySql;
use crate::sql::predicate::render;
use crate::value::Value;
use proptest::prelude::*;

const TABLE: &str = "CREATE TABLE s (id INT PRIMARY KEY, b TINYINT(1), bb BIT(1), i BIGINT, n INT, w BIGINT UNSIGNED, \
     y YEAR, q BIT(12), r DOUBLE, f FLOAT, m DECIMAL(30,4), \
     x VARCHAR(60) COLLATE utf8mb4_general_ci, z VARCHAR(60) COLLATE utf8mb4_bin, \
     l VARCHAR(60) CHARACTER SET latin1 COLLATE latin1_swedish_ci, c CHAR(60) COLLATE utf8mb4_unicode_ci, t TEXT, \
     e ENUM('a','B','é') CHARACTER SET latin1, st SET('a','B'), dt DATETIME, dm DATETIME(6), ti TIME, \
     k VARBINARY(10), kb BINARY(4), d DATE, a TIMESTAMP(6) NULL, am TIMESTAMP NULL, g POINT)";

const TEXTS: [&str; 12] = ["x", "z", "l", "c", "t", "e", "st", "dt", "dm", "ti", "x", "z"];

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text_literal() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        prop::sample::select(NASTY.to_vec())
            .prop_filter_map("no NUL", |text| (!text.contains('\0')).then(|| quoted(text))),
        "[a-c%_ ']{0,4}".prop_map(|text| quoted(&text)),
        Just("'2020-01-01 00:00:00'".to_owned()),
    ]
}

fn pick(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn text_term() -> impl Strategy<Value = String> + Clone {
    let leaf = prop_oneof![3 => pick(&TEXTS), 1 => text_literal()];
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
        6 => pick(&["i", "r", "n", "w", "y", "q", "f", "m", "i", "r", "0", "1", "-1", "0.5", "0.1", "2020",
            "9007199254740993", "9007199254740992.0", "-9223372036854775808", "9223372036854775807",
            "9223372036854775808.0", "1e300", "-7.25"]),
        1 => text_term().prop_map(|term| format!("length({term})")),
        2 => pick(&["coalesce(i, r, -1)", "coalesce(r, i)", "coalesce(w, m)", "coalesce(n, 0)"]),
    ]
}

/// Three comparable terms.
fn terms() -> impl Strategy<Value = [String; 3]> + Clone {
    let three =
        |term: BoxedStrategy<String>| (term.clone(), term.clone(), term).prop_map(|(a, b, c)| [a, b, c]);
    prop_oneof![
        3 => three(text_term().boxed()),
        4 => three(number_term().boxed()),
        1 => three(pick(&["b", "bb", "TRUE", "FALSE", "coalesce(b, FALSE)"]).boxed()),
        1 => three(pick(&["k", "kb"]).boxed()),
        1 => (
            pick(&["d"]),
            three(pick(&["d", "'2020-02-29'", "DATE '2020-01-01'", "coalesce(d, '2019-01-01')"]).boxed())
        )
            .prop_map(|(field, [_, second, third])| [field, second, third]),
        1 => three(
            pick(&[
                "a",
                "am",
                "TIMESTAMP '2020-01-01T00:00:00Z'",
                "TIMESTAMP '2020-01-01 00:00:00.5Z'",
                "coalesce(a, am, TIMESTAMP '2021-01-01T00:00:00Z')"
            ])
            .boxed()
        ),
    ]
}

fn literals() -> impl Strategy<Value = String> {
    prop_oneof![
        (pick(&TEXTS), prop::collection::vec(text_literal(), 1..4))
            .prop_map(|(field, list)| format!("{field} {{not}} IN ({})", list.join(", "))),
        Just("i {not} IN (1, 2020, -1, 9007199254740993)".to_owned()),
        Just("w {not} IN (1, -1, 9223372036854775807, 0.0, 1e300)".to_owned()),
        Just("r {not} IN (0.5, 1, 9007199254740992.0, 9007199254740993)".to_owned()),
        Just("f {not} IN (0.1, 0.5)".to_owned()),
        Just("coalesce(i, r) {not} IN (0.5, 1, 9007199254740993)".to_owned()),
        Just("d {not} IN ('2020-01-01', DATE '2020-02-29')".to_owned()),
        Just("a {not} IN (TIMESTAMP '2020-01-01T00:00:00Z')".to_owned()),
    ]
}

fn predicate_text() -> impl Strategy<Value = String> {
    let operator = pick(&["=", "<>", "!=", "<", "<=", ">", ">="]);
    let not = pick(&["", "NOT"]);
    let leaf = prop_oneof![
        5 => (terms(), operator).prop_map(|([left, right, _], operator)| format!("{left} {operator} {right}")),
        2 => (terms(), not.clone())
            .prop_map(|([tested, low, high], not)| format!("{tested} {not} BETWEEN {low} AND {high}")),
        2 => (literals(), not.clone()).prop_map(|(text, not)| text.replace("{not}", &not)),
        2 => (text_term(), not.clone(), "[a-cA-C%_é🦀' ]{0,5}").prop_map(|(tested, not, pattern)| {
            format!("{tested} {not} LIKE {}", quoted(&pattern))
        }),
        1 => (text_term(), pick(&["'%\\%%'", "'\\\\%'", "'%\\_%'", "'%'", "'_'", "'a\\b%'"]))
            .prop_map(|(tested, pattern)| format!("{tested} LIKE {pattern}")),
        1 => (
            pick(&["b", "bb", "i", "r", "x", "l", "k", "d", "a", "g", "y", "lower(x)", "coalesce(i, r)", "length(z)"]),
            not
        )
            .prop_map(|(tested, not)| format!("{tested} IS {not} NULL")),
        1 => pick(&["b", "bb", "TRUE", "FALSE", "coalesce(b, TRUE)"]),
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

fn checked(text: &str, table: &Table<'_>) -> Predicate {
    let types = |name: &str| table.shape.column(name).map(|column| column.value_type);
    let known: Vec<&str> = table.shape.columns.iter().map(|column| column.name.as_str()).collect();
    let parsed = predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    parsed.check(&types, &known).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn evaluate(predicate: &Predicate, row: &Fields) -> Option<bool> {
    predicate.evaluate(&|field: &Field| row.get(&field.name).cloned().unwrap())
}

#[test]
fn evaluating_and_asking_the_server_give_the_same_answer() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut generator = Generator::new(7);
        let mut table = Table::new(&scratch, TABLE, 120, &mut generator).await;
        let rows = table.stored().await;
        let strategy = predicate_text();
        let mut answers = [0_u32; 3];
        for round in 0..400 {
            let text = generator.one(&strategy);
            let predicate = checked(&text, &table);
            let shape = table.shape.clone();
            let sql = render(&MySql, &predicate, Row { alias: "t", shape: &shape }).unwrap();
            let asked = table.each(&sql).await;
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
            if round % 4 == 0 {
                table.is_harmless(&sql).await;
            }
        }
        assert!(
            answers.iter().all(|count| *count > 3_000),
            "the test must see all three answers: {answers:?}"
        );
    });
}

#[test]
fn a_number_beyond_what_can_be_read_is_compared_by_the_server_and_refused_when_read() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut table = Table::new(
            &scratch,
            "CREATE TABLE s (id INT PRIMARY KEY, w BIGINT UNSIGNED)",
            0,
            &mut Generator::new(1),
        )
        .await;
        scratch
            .setup(&mut table.connection, &["INSERT INTO s VALUES (1, 18446744073709551615), (2, 5)"])
            .await;
        let predicate = checked("w > 9223372036854775807", &table);
        let shape = table.shape.clone();
        let sql = render(&MySql, &predicate, Row { alias: "t", shape: &shape }).unwrap();
        assert!(table.each(&sql).await == vec![Value::Int(1), Value::Int(0)]);
        let read = crate::server::Backend::rows(
            &scratch.backend,
            &mut table.connection,
            "s",
            crate::sql::SqlText::new("SELECT w FROM s ORDER BY id"),
        );
        let message = read.await.unwrap_err().to_string();
        assert!(message.contains("beyond") && !message.contains("18446744073709551615"), "{message}");
    });
}
