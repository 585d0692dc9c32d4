//! Transforms: `apply` = rendered SQL.

use super::{Generator, NASTY, TIMES, any_value, block_on, each, insert, open, setup, stored};
use crate::sql::sqlite::{already_equal, transform};
use crate::transform::{FieldTransform, Transform, same_stored};
use crate::value::{Value, ValueType};

fn transforms() -> Vec<(Transform, ValueType)> {
    let replace = |text: &str, value_type| (Transform::Replace { text: text.to_owned() }, value_type);
    let mut all = vec![
        (Transform::Null, ValueType::Text),
        replace("gone", ValueType::Text),
        replace("0", ValueType::Int),
        replace("1.5", ValueType::Real),
        replace("true", ValueType::Bool),
        replace("1970-01-01", ValueType::Date),
        replace("no number", ValueType::Int),
        (Transform::GeneralizeYear, ValueType::Date),
        (Transform::GeneralizeMonth, ValueType::Instant),
    ];
    for step in [1, 5, 10, 1000, i64::MAX, 0, -3] {
        all.push((Transform::GeneralizeBucket { step }, ValueType::Int));
    }
    for (keep_first, keep_last) in [(0, 0), (1, 0), (0, 2), (1, 1), (2, 3), (u32::MAX, u32::MAX)] {
        all.push((Transform::Mask { keep_first, keep_last }, ValueType::Text));
    }
    for characters in [0, 1, 3, u32::MAX] {
        all.push((Transform::Truncate { characters }, ValueType::Text));
    }
    all
}

#[test]
fn a_transform_in_sqlite_gives_what_apply_gives_and_is_a_fixpoint() {
    block_on(async {
        let mut connection = open().await;
        setup(&mut connection, &["CREATE TABLE s (id INTEGER PRIMARY KEY, v)"]).await;
        let mut generator = Generator::new(11);
        let fixed = NASTY.iter().chain(&TIMES).map(|text| Value::Text((*text).to_owned()));
        let random: Vec<Value> = (0..300).map(|_| generator.one(&any_value())).collect();
        for (id, value) in fixed.chain(random).enumerate() {
            insert(&mut connection, "s", &[Value::Int(i64::try_from(id).unwrap()), value]).await;
        }
        let rows = stored(&mut connection, "s", &["v"]).await;
        for (kind, value_type) in transforms() {
            let field = FieldTransform { column: "v".to_owned(), value_type, transform: kind.clone() };
            let results = each(&mut connection, "s", &transform(&field, "t").unwrap().unwrap()).await;
            let equal = each(&mut connection, "s", &already_equal(&field, "t").unwrap().unwrap()).await;
            for ((row, result), equal) in rows.iter().zip(results).zip(equal) {
                let value = &row["v"];
                let applied = kind.apply(value, value_type, None);
                let show = |value: &Value| serde_json::to_string(value).unwrap();
                assert!(
                    same_stored(&applied, &result),
                    "{kind:?} on {}: {} against {}",
                    show(value),
                    show(&applied),
                    show(&result)
                );
                assert_eq!(
                    equal,
                    Value::Int(i64::from(same_stored(value, &applied))),
                    "{kind:?} on {}",
                    show(value)
                );
                let again = kind.apply(&applied, value_type, None);
                assert!(same_stored(&again, &applied), "{kind:?} twice on {}", show(value));
            }
        }
    });
}

#[test]
fn a_hash_is_never_written_as_sql() {
    let field = FieldTransform {
        column: "v".to_owned(),
        value_type: ValueType::Text,
        transform: Transform::Hash { hex_length: 64 },
    };
    assert_eq!(transform(&field, "t").unwrap(), None);
    assert_eq!(already_equal(&field, "t").unwrap(), None);
}
