//! Keys in SQL: a bound part of a key, and any number of keys in one parameter.
//!
//! A key is read as a [`Value`] and must lead back to exactly its row, by the index of the key. So only types
//! are keys here whose values come back as they were; the casts are constant text.

use super::rows::OUT_OF_RANGE;
use crate::dataset::ColumnShape;
use crate::server::{KeyColumn, NumberSet};
use crate::sql::postgres::{Kind, TextKind};
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// How the text of a key's part becomes a value of its type.
fn cast(column: &ColumnShape) -> Result<&'static str, SqlError> {
    Ok(match Kind::of(column) {
        Kind::Bool => "CAST({0} AS boolean)",
        Kind::Int { .. } => "CAST({0} AS bigint)",
        Kind::Text(TextKind::Plain) => "CAST({0} AS text)",
        // Without a length, which would pad or cut.
        Kind::Text(TextKind::Padded) => "CAST({0} AS bpchar)",
        Kind::Bytes => "CAST({0} AS bytea)",
        Kind::Date => "CAST({0} AS date)",
        Kind::Instant => "CAST({0} AS timestamp with time zone)",
        Kind::Local => "CAST({0} AS timestamp without time zone)",
        Kind::Uuid => "CAST({0} AS uuid)",
        Kind::Float | Kind::Real | Kind::Numeric(_) | Kind::Text(_) | Kind::Other => {
            return Err(SqlError::NotWritable {
                reason: format!(
                    "key column '{}' is declared as {}, and keys of this type cannot be followed: give the table \
                     a primary key of integers, text, uuid, dates, timestamps, bytea or booleans",
                    column.name, column.declared_type
                ),
            });
        }
    })
}

/// The part in the type of its column.
pub(super) fn part(column: &ColumnShape, value: &Value) -> Result<SqlText, SqlError> {
    let template = cast(column)?;
    let text = |text: String| SqlText::fill("CAST({0} AS text)", &[&SqlText::value(Value::Text(text))]);
    let bound = match (Kind::of(column), value) {
        (Kind::Bool, Value::Bool(_)) | (Kind::Int { .. }, Value::Int(_)) | (Kind::Bytes, Value::Bytes(_)) => {
            SqlText::value(value.clone())
        }
        _ => text(text_of(column, value)?),
    };
    Ok(SqlText::fill(template, &[&bound]))
}

/// True exactly for the rows with one of these keys, which come as one parameter.
pub(super) fn among(key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    if let Some(other) = keys.iter().find(|other| other.0.len() != key.len() || key.is_empty()) {
        return Err(SqlError::NotWritable {
            reason: format!("a key has {} parts where the table has {}", other.0.len(), key.len()),
        });
    }
    if keys.is_empty() {
        return Ok(SqlText::new("FALSE"));
    }
    if let [column] = key {
        return among_single(column, keys);
    }
    let mut casts = Vec::with_capacity(key.len());
    for (place, column) in (0_i64..).zip(key) {
        let place = SqlText::value(Value::Int(place));
        let item = SqlText::fill("item ->> CAST(CAST({0} AS bigint) AS integer)", &[&place]);
        casts.push(SqlText::fill(cast(column.shape)?, &[&SqlText::fill("({0})", &[&item])]));
    }
    let columns = SqlText::list(key.iter().map(|column| column.text));
    Ok(SqlText::fill(
        "(({0}) IN (SELECT {1} FROM json_array_elements(CAST(CAST({2} AS text) AS json)) AS item))",
        &[&columns, &SqlText::list(&casts), &SqlText::value(Value::Text(json(key, keys)?))],
    ))
}

fn among_single(column: &KeyColumn<'_>, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    if matches!(Kind::of(column.shape), Kind::Int { .. }) {
        return Ok(SqlText::fill("({0} = ANY ({1}))", &[column.text, &numbers(column, keys)?]));
    }
    let item = SqlText::fill(cast(column.shape)?, &[&SqlText::new("(item ->> 0)")]);
    // An array is known before the table is looked at, so that the index of the key is walked.
    Ok(SqlText::fill(
        "({0} = ANY (ARRAY(SELECT {1} FROM json_array_elements(CAST(CAST({2} AS text) AS json)) AS item)))",
        &[column.text, &item, &SqlText::value(Value::Text(json(std::slice::from_ref(column), keys)?))],
    ))
}

/// Every row is looked up in a set of the keys: a hash table of them would cost the server as much as reading the
/// rows. `CASE`, because a bit outside of the set is an error.
pub(super) fn among_rows(column: &KeyColumn<'_>, set: NumberSet) -> Result<SqlText, SqlError> {
    let [first, last] = [set.first, set.last].map(|end| part(column.shape, &Value::Int(end)));
    let bits = SqlText::fill("CAST({0} AS bytea)", &[&SqlText::value(Value::Bytes(set.bits))]);
    Ok(SqlText::fill(
        "(CASE WHEN {0} BETWEEN {1} AND {2} THEN get_bit({3}, CAST({0} AS bigint) - {1}) = 1 ELSE FALSE END)",
        &[column.text, &first?, &last?, &bits],
    ))
}

/// Whole numbers as one parameter.
fn numbers(column: &KeyColumn<'_>, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    let mut list = String::with_capacity(keys.len().saturating_mul(12));
    list.push('{');
    for (position, part) in keys.iter().flat_map(|key| &key.0).enumerate() {
        if position > 0 {
            list.push(',');
        }
        list.push_str(&text_of(column.shape, part)?);
    }
    list.push('}');
    let list = SqlText::value(Value::Text(list));
    Ok(SqlText::fill("CAST(CAST({0} AS text) AS bigint[])", &[&list]))
}

/// The keys as a JSON array of arrays of text.
fn json(key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<String, SqlError> {
    let mut rows = Vec::with_capacity(keys.len());
    for record in keys {
        let parts = key.iter().zip(&record.0).map(|(column, part)| text_of(column.shape, part));
        rows.push(parts.collect::<Result<Vec<String>, _>>()?);
    }
    Ok(serde_json::Value::from(rows).to_string())
}

/// A part as PostgreSQL reads it back to the same value.
fn text_of(column: &ColumnShape, value: &Value) -> Result<String, SqlError> {
    let fits = match (Kind::of(column), value) {
        (Kind::Bool, Value::Bool(truth)) => Some(truth.to_string()),
        (Kind::Int { .. }, Value::Int(number)) => Some(number.to_string()),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(hex(bytes)),
        (Kind::Text(_), Value::Text(text)) if !text.contains('\0') => Some(text.clone()),
        (Kind::Uuid, Value::Text(text)) if is_uuid(text) => Some(text.clone()),
        (Kind::Date, Value::Date(date)) => Some(date_text(*date)),
        (Kind::Instant, Value::Instant(at)) => Some(instant_text(*at)),
        (Kind::Local, Value::Text(text)) if is_timestamp(text) => Some(text.clone()),
        (Kind::Date | Kind::Instant, Value::Text(text)) if text.ends_with("infinity") => Some(text.clone()),
        _ => None,
    };
    fits.filter(|text| text != OUT_OF_RANGE || matches!(Kind::of(column), Kind::Text(_))).ok_or_else(|| {
        SqlError::NotWritable {
            reason: format!(
                "a value of key column '{}' is none of its type ({})",
                column.name, column.declared_type
            ),
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = "\\x".to_owned();
    for byte in bytes {
        let nibble = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        text.push(nibble(byte >> 4));
        text.push(nibble(byte & 15));
    }
    text
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Text that PostgreSQL wrote for a local time: digits and what stands between them, `BC`, or `infinity`.
fn is_timestamp(text: &str) -> bool {
    let written = text.strip_suffix(" BC").unwrap_or(text);
    matches!(written, "infinity" | "-infinity")
        || (written.len() >= 19
            && written.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b' ' | b'.')))
}

/// The year 0 is 1 BC.
fn era(year: i32) -> (i32, &'static str) {
    if year < 1 { (1 - year, " BC") } else { (year, "") }
}

fn date_text(date: NaiveDate) -> String {
    let (year, suffix) = era(date.year());
    format!("{year:04}-{:02}-{:02}{suffix}", date.month(), date.day())
}

fn instant_text(at: DateTime<Utc>) -> String {
    let (year, suffix) = era(at.year());
    format!("{year:04}-{}+00{suffix}", at.format("%m-%d %H:%M:%S%.6f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_the_year_1_are_written_as_the_server_reads_them() {
        let date = NaiveDate::from_ymd_opt(-43, 3, 15).unwrap();
        assert_eq!(date_text(date), "0044-03-15 BC");
        assert_eq!(
            instant_text(date.and_hms_micro_opt(1, 2, 3, 4).unwrap().and_utc()),
            "0044-03-15 01:02:03.000004+00 BC"
        );
        assert_eq!(date_text(NaiveDate::from_ymd_opt(12345, 1, 2).unwrap()), "12345-01-02");
    }
}
