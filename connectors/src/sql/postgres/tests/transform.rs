//! Transforms: `apply` = rendered SQL, read back from the column it was assigned to.

use super::{Fields, each, filled, shown, stored};
use crate::dataset::{ColumnShape, DatasetShape};
use crate::postgres::tests::{Session, with_database};
use crate::sql::postgres::Postgres;
use crate::sql::{Dialect as _, Row, SqlError, SqlText};
use crate::transform::{FieldTransform, Transform, same_stored};
use crate::value::{Value, ValueType};
use std::collections::BTreeMap;

fn replace(text: &str) -> Transform {
    Transform::Replace { text: text.to_owned() }
}

/// Replacements that fit the column.
fn replacements(column: &ColumnShape) -> Vec<Transform> {
    let texts: &[&str] = match column.declared_type.as_str() {
        "boolean" => &["true", "0", "neither"],
        "smallint" | "integer" | "bigint" => &["0", "-7", "no number"],
        "real" => &["0", "0.1", "-2.5"],
        "double precision" => &["0", "0.1", "1e300"],
        "numeric" => &["0", "0.1", "1e300", "123456789012345.67"],
        "numeric(12,3)" => &["0", "0.125"],
        "date" => &["1970-01-01", "2020-1-1"],
        "timestamp with time zone" => &["1970-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00"],
        "timestamp without time zone" | "timestamp(0) without time zone" => &["1970-01-01 00:00:00"],
        "uuid" => &["00000000-0000-0000-0000-000000000000"],
        "mood" => &["sad", "O'Brien"],
        "jsonb" => &["{}", "[1, 2]"],
        "integer[]" => &["{1,2}", "{}"],
        "interval" => &["P1D", "PT0S"],
        "bytea" => &["a"],
        _ => &["gone", "", "it's \\ \"quoted\" 日本"],
    };
    texts.iter().map(|text| replace(text)).collect()
}

fn transforms(column: &ColumnShape) -> Vec<Transform> {
    let mut all = replacements(column);
    all.push(Transform::Null);
    if matches!(column.declared_type.as_str(), "uuid" | "mood" | "jsonb" | "integer[]" | "interval") {
        return all;
    }
    all.extend([Transform::GeneralizeYear, Transform::GeneralizeMonth]);
    all.extend([1, 5, 10, 1000, i64::MAX, 0, -3].map(|step| Transform::GeneralizeBucket { step }));
    if column.value_type == ValueType::Text {
        for (keep_first, keep_last) in [(0, 0), (1, 0), (0, 2), (1, 1), (2, 3), (u32::MAX, u32::MAX)] {
            all.push(Transform::Mask { keep_first, keep_last });
        }
        all.extend([0, 1, 3, u32::MAX].map(|characters| Transform::Truncate { characters }));
    }
    all
}

/// What `apply` gives, unless the type of the column cannot hold it; then NULL.
fn expected(column: &ColumnShape, transform: &Transform, value: &Value) -> Value {
    let applied = transform.apply(value, column.value_type, None);
    let fits = match (column.declared_type.as_str(), &applied) {
        ("smallint", Value::Int(number)) => i16::try_from(*number).is_ok(),
        ("integer", Value::Int(number)) => i32::try_from(*number).is_ok(),
        #[expect(clippy::cast_possible_truncation, reason = "that is the question")]
        ("real", Value::Real(number)) => {
            (*number as f32).to_string().parse::<f64>().unwrap().to_bits() == (number + 0.0).to_bits()
        }
        ("numeric(12,3)", Value::Real(number)) => number.abs() < 1e9,
        _ => true,
    };
    match applied {
        _ if !fits => Value::Null,
        // Padding is not read.
        Value::Text(text) if column.declared_type.starts_with("character(") => {
            Value::Text(text.trim_end_matches(' ').to_owned())
        }
        applied => applied,
    }
}

async fn check(session: &mut Session, shape: &DatasetShape, rows: &[Fields], field: &FieldTransform) -> u32 {
    let table = Row { alias: "t", shape };
    let column = shape.column(&field.column).unwrap();
    let result = Postgres.transform(field, table).unwrap().unwrap();
    let equal = Postgres.already_equal(field, table).unwrap().unwrap();
    let equals = each(session, &equal).await;
    session.execute(SqlText::new("BEGIN")).await.unwrap();
    let name = SqlText::ident(&crate::sql::Ident::new(&field.column).unwrap());
    let sql = SqlText::fill("UPDATE public.s AS t SET {0} = {1}", &[&name, &result]);
    session.execute(sql).await.unwrap_or_else(|error| panic!("{field:?}: {error}"));
    let changed = stored(session, shape).await;
    let again = each(session, &equal).await;
    session.execute(SqlText::new("ROLLBACK")).await.unwrap();
    let mut pairs = 0;
    for (at, row) in rows.iter().enumerate() {
        let (value, found) = (&row[&field.column], &changed[at][&field.column]);
        let expected = expected(column, &field.transform, value);
        let show = || format!("{field:?} ({}) on {}", column.declared_type, shown(value));
        assert!(same_stored(&expected, found), "{}: {} against {}", show(), shown(&expected), shown(found));
        assert!(
            equals[at] == Value::Bool(same_stored(value, &expected)),
            "{} is {}",
            show(),
            shown(&equals[at])
        );
        assert!(again[at] == Value::Bool(true), "{} twice", show());
        pairs += 1;
    }
    pairs
}

#[test]
fn a_transform_in_postgres_gives_what_apply_gives_and_is_a_fixpoint() {
    with_database(async |database| {
        let (mut session, shape, _) = filled(&database, 110).await;
        // Read as floats these are done already, but more than that is stored: the database says no.
        database.run("DELETE FROM s WHERE n IN (1577836800.0000000000001, 1e-400, 9007199254740993)").await;
        let rows = stored(&mut session, &shape).await;
        let mut pairs: BTreeMap<String, u32> = BTreeMap::new();
        for column in shape.columns.iter().filter(|column| column.name != "id") {
            for transform in transforms(column) {
                let field =
                    FieldTransform { column: column.name.clone(), value_type: column.value_type, transform };
                let checked = check(&mut session, &shape, &rows, &field).await;
                *pairs.entry(column.declared_type.clone()).or_default() += checked;
            }
        }
        assert!(pairs.values().sum::<u32>() > 10_000, "{pairs:?}");
    });
}

#[test]
fn what_the_column_cannot_hold_exactly_is_refused_before_anything_runs() {
    with_database(async |database| {
        let (_, shape, _) = filled(&database, 0).await;
        let table = Row { alias: "t", shape: &shape };
        let cases = [
            ("i2", replace("32768")),
            ("r4", replace("0.123456789012")),
            ("m", replace("0.0001")),
            ("m", replace("1e9")),
            ("d", replace("yesterday")),
            ("a", replace("2020-01-01T00:00:00.5Z")),
            ("l", replace("2020-01-01T00:00:00")),
            ("l", Transform::Mask { keep_first: 0, keep_last: 0 }),
            ("u", replace("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11")),
            ("u", Transform::Truncate { characters: 3 }),
            ("c", replace("gone ")),
            ("e", Transform::GeneralizeYear),
            ("x", replace("a\0b")),
            ("nothing", Transform::Null),
        ];
        for (column, transform) in cases {
            let value_type = shape.column(column).map_or(ValueType::Text, |column| column.value_type);
            let field = FieldTransform { column: column.to_owned(), value_type, transform };
            let refused = Postgres.transform(&field, table);
            assert!(matches!(refused, Err(SqlError::NotWritable { .. })), "{field:?}: {refused:?}");
        }
        let hash = Transform::Hash { hex_length: 64 };
        let field = FieldTransform { column: "x".to_owned(), value_type: ValueType::Text, transform: hash };
        assert_eq!(Postgres.transform(&field, table).unwrap(), None);
        assert_eq!(Postgres.already_equal(&field, table).unwrap(), None);
    });
}

#[test]
fn what_the_engine_made_goes_into_columns_of_many_types() {
    with_database(async |database| {
        let (mut session, shape, rows) = filled(&database, 3).await;
        let table = Row { alias: "t", shape: &shape };
        let at = Value::Instant("2020-01-01T10:00:00.5Z".parse().unwrap());
        let text = |text: &str| Value::Text(text.to_owned());
        let cases = [
            ("x", at.clone(), text("2020-01-01T10:00:00.500Z")),
            ("a", at.clone(), at.clone()),
            ("l", at.clone(), text("2020-01-01 10:00:00.5")),
            ("iv", text("P1D"), text("P1D")),
            ("y", text("0a1b"), text("0a1b")),
        ];
        for (name, value, expected) in cases {
            let column = shape.column(name).unwrap();
            let assigned = Postgres.assigned(column, &value, table).unwrap();
            let column = SqlText::ident(&crate::sql::Ident::new(name).unwrap());
            let sql = SqlText::fill("UPDATE public.s AS t SET {0} = {1}", &[&column, &assigned]);
            session.execute(sql).await.unwrap();
            let found = stored(&mut session, &shape).await;
            assert!(found.len() == rows.len() && found.iter().all(|row| row[name] == expected), "{name}");
        }
        let refused = Postgres.assigned(shape.column("i4").unwrap(), &at, table);
        assert!(matches!(refused, Err(SqlError::NotWritable { .. })), "{refused:?}");
    });
}
