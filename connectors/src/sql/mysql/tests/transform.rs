//! Transforms: what an UPDATE in a strict session stores = what `apply` gives.

use super::{Generator, Table, shown};
use crate::mysql::tests::{Scratch, block_on};
use crate::sql::mysql::MySql;
use crate::sql::{Dialect as _, Row, SqlText};
use crate::transform::{FieldTransform, Transform, same_stored};
use crate::value::{Value, ValueType};

const TABLE: &str = "CREATE TABLE s (id INT PRIMARY KEY, b TINYINT(1), bb BIT(1), i BIGINT, w BIGINT UNSIGNED, q BIT(12), \
     r DOUBLE, m DECIMAL(30,4), x VARCHAR(200) COLLATE utf8mb4_general_ci, z TEXT COLLATE utf8mb4_bin, \
     l VARCHAR(200) CHARACTER SET latin1, dt DATETIME, dm DATETIME(6), k VARBINARY(40), d DATE, a TIMESTAMP(6) NULL)";

fn transforms(value_type: ValueType) -> Vec<Transform> {
    let replace = |text: &str| Transform::Replace { text: text.to_owned() };
    let mut all = vec![Transform::Null, Transform::GeneralizeYear, Transform::GeneralizeMonth];
    all.extend([1, 5, 10, 1000, i64::MAX, 0, -3].map(|step| Transform::GeneralizeBucket { step }));
    all.extend(
        [(0, 0), (1, 0), (0, 2), (1, 1), (2, 3), (u32::MAX, u32::MAX)]
            .map(|(keep_first, keep_last)| Transform::Mask { keep_first, keep_last }),
    );
    all.extend([0, 1, 3, u32::MAX].map(|characters| Transform::Truncate { characters }));
    all.extend(match value_type {
        ValueType::Int => vec![replace("7"), replace("no number")],
        ValueType::Real => vec![replace("1.5"), replace("no number")],
        ValueType::Bool => vec![replace("true"), replace("0")],
        ValueType::Date => vec![replace("1970-01-01")],
        ValueType::Instant => vec![replace("1980-01-01T00:00:00Z"), replace("1980-01-01T02:00:00+02:00")],
        _ => vec![replace("gone"), replace("it's \\ gone"), replace("")],
    });
    all
}

/// Text written into a column of dates by a mask is refused by any strict session.
fn can_be_stored(declared: &str, transform: &Transform) -> bool {
    !(declared.starts_with("datetime")
        && matches!(
            transform,
            Transform::Mask { .. } | Transform::Truncate { .. } | Transform::Replace { .. }
        ))
}

#[test]
fn a_transform_stores_what_apply_gives_and_is_then_done() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut generator = Generator::new(11);
        let mut table = Table::new(&scratch, TABLE, 130, &mut generator).await;
        // The first of a year before 1970-01-01 00:00:01 cannot be stored in a TIMESTAMP.
        scratch.setup(&mut table.connection, &["UPDATE s SET a = NULL WHERE YEAR(a) = 1970"]).await;
        let shape = table.shape.clone();
        let rows = table.stored().await;
        let row = Row { alias: "t", shape: &shape };
        let mut pairs = 0;
        for column in shape.columns.iter().skip(1) {
            for transform in transforms(column.value_type) {
                let field =
                    FieldTransform { column: column.name.clone(), value_type: column.value_type, transform };
                let apply = |value: &Value| field.transform.apply(value, field.value_type, None);
                let result = MySql.transform(&field, row).unwrap().unwrap();
                let equal = MySql.already_equal(&field, row).unwrap().unwrap();
                let answers = table.each(&equal).await;
                let before = |at: usize| -> &Value { &rows[at][&column.name] };
                for (at, answer) in answers.iter().enumerate() {
                    let expected = same_stored(before(at), &apply(before(at)));
                    assert!(
                        *answer == Value::Int(i64::from(expected)),
                        "{:?} of {}: {} is {}",
                        field.transform,
                        column.declared_type,
                        shown(before(at)),
                        shown(answer)
                    );
                }
                table.is_harmless(&equal).await;
                if !can_be_stored(&column.declared_type, &field.transform) {
                    continue;
                }
                let target = SqlText::column("t", &column.name).unwrap();
                scratch.setup(&mut table.connection, &["START TRANSACTION"]).await;
                let update = SqlText::fill("UPDATE s AS t SET {0} = {1}", &[&target, &result]);
                scratch.run(&mut table.connection, update).await;
                let after = table.stored().await;
                let done = table.each(&equal).await;
                for (at, row) in after.iter().enumerate() {
                    let (now, applied) = (&row[&column.name], apply(before(at)));
                    assert!(
                        same_stored(now, &applied),
                        "{:?} of {}: {} became {}, not {}",
                        field.transform,
                        column.declared_type,
                        shown(before(at)),
                        shown(now),
                        shown(&applied)
                    );
                    assert!(
                        done[at] == Value::Int(1),
                        "{:?} of {} is not done: {}",
                        field.transform,
                        column.declared_type,
                        shown(now)
                    );
                    pairs += 1;
                }
                scratch.setup(&mut table.connection, &["ROLLBACK"]).await;
            }
        }
        assert!(pairs > 10_000, "{pairs}");
    });
}

#[test]
fn a_hash_is_never_written_as_sql() {
    let shape = crate::DatasetShape {
        columns: vec![crate::ColumnShape {
            name: "v".to_owned(),
            declared_type: "varchar(9)".to_owned(),
            value_type: ValueType::Text,
            nullable: true,
            unique: false,
            generated: false,
            length_max: Some(9),
            checked: false,
        }],
        ..crate::DatasetShape::default()
    };
    let field = FieldTransform {
        column: "v".to_owned(),
        value_type: ValueType::Text,
        transform: Transform::Hash { hex_length: 64 },
    };
    let row = Row { alias: "t", shape: &shape };
    assert_eq!(MySql.transform(&field, row).unwrap(), None);
    assert_eq!(MySql.already_equal(&field, row).unwrap(), None);
}
