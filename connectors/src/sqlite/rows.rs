//! Between rows of the driver and the values of this crate. No SQL here.

use crate::value::{RecordKey, Value};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};

/// One column as it is stored, by its storage class and not by its declared type. Text that is not
/// UTF-8 comes as bytes.
pub(super) fn value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INTEGER" => <i64 as Decode<'_, Sqlite>>::decode(raw).map(Value::Int),
        "REAL" => <f64 as Decode<'_, Sqlite>>::decode(raw).map(Value::Real),
        "TEXT" => <Vec<u8> as Decode<'_, Sqlite>>::decode(raw).map(|bytes| {
            String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text)
        }),
        _ => <Vec<u8> as Decode<'_, Sqlite>>::decode(raw).map(Value::Bytes),
    }
    .map_err(sqlx::Error::Decode)
}

/// The first `parts` columns as a key.
///
/// # Errors
/// When a part is NULL or text that is not UTF-8: such a record could not be found again by its key, and
/// what cannot be found would be taken for absent.
pub(super) fn key(row: &SqliteRow, parts: usize) -> Result<RecordKey, sqlx::Error> {
    (0..parts).map(|index| key_part(row, index)).collect::<Result<_, _>>().map(RecordKey)
}

fn key_part(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let part = value(row, index)?;
    let is_text = row.try_get_raw(index)?.type_info().name() == "TEXT";
    if part == Value::Null || (is_text && matches!(part, Value::Bytes(_))) {
        return Err(sqlx::Error::Decode("a part of a key is NULL or no text".into()));
    }
    Ok(part)
}

/// Reads integers that SQLite wrote one after the other with commas. `None` when one is none.
pub(super) fn integers(list: &str) -> Option<Vec<RecordKey>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    list.split(',').map(|part| part.parse().ok().map(RecordKey::int)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_integers_is_read_whole_or_not_at_all() {
        assert_eq!(integers("-9223372036854775808,0,7").map(|keys| keys.len()), Some(3));
        assert_eq!(integers("").map(|keys| keys.len()), Some(0));
        assert_eq!(integers("1,,2"), None);
        assert_eq!(integers("1.5"), None);
    }
}
