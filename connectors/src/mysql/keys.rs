//! Keys in SQL: bound parts that the index of the key serves, and lists of them. Runs nothing.
//!
//! A key of text is found under the collation of its column, so that the index serves, and then compared
//! by its bytes: `A` is not the record that was `a`.

use crate::dataset::ColumnShape;
use crate::server::{KeyColumn, NumberSet};
use crate::sql::mysql::Kind;
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value};
use chrono::{NaiveDateTime, SecondsFormat};

/// Most parameters of one statement (65 535), with room for those of the rest.
const PARAMETERS_MAX: usize = 60_000;

/// A part of a key in the type of its column.
pub(super) fn part(column: &ColumnShape, value: &Value) -> Result<SqlText, SqlError> {
    let declared = column.declared_type.to_ascii_lowercase();
    let kind = Kind::of(&declared);
    let value = match (kind, value) {
        (Kind::Whole { .. } | Kind::Bool { bits: false }, Value::Int(_))
        | (Kind::Text, Value::Text(_))
        | (Kind::Bytes, Value::Bytes(_))
        | (Kind::Date, Value::Date(_))
        | (Kind::Timestamp, Value::Instant(_)) => value.clone(),
        (Kind::Written, Value::Text(_)) if declared == "uuid" => value.clone(),
        (Kind::Datetime { .. }, Value::Text(text)) => {
            let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
            at.map(|at| Value::Instant(at.and_utc())).map_err(|_| unreadable(column))?
        }
        (Kind::Date | Kind::Timestamp, Value::Bytes(_)) => return Err(unreadable(column)),
        _ => {
            return Err(SqlError::NotWritable {
                reason: format!(
                    "column '{}' of the key has the type {}, by which no record can be named: give the table \
                     a key of integers, text, bytes, dates or UUIDs",
                    column.name, column.declared_type
                ),
            });
        }
    };
    Ok(SqlText::value(value))
}

/// A value to be assigned: an instant in a column of text is ISO 8601 text in UTC.
pub(super) fn assigned(column: &ColumnShape, value: &Value) -> SqlText {
    let kind = Kind::of(&column.declared_type.to_ascii_lowercase());
    SqlText::value(match (kind, value) {
        (Kind::Text, Value::Instant(at)) => Value::Text(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        (_, Value::Bool(truth)) => Value::Int(i64::from(*truth)),
        _ => value.clone(),
    })
}

fn unreadable(column: &ColumnShape) -> SqlError {
    SqlError::NotWritable {
        reason: format!("column '{}' of the key holds a date that does not exist: correct it", column.name),
    }
}

/// True exactly for the rows with one of these keys. A list of parameters: only that is a walk over the
/// index in every statement of every server. Of 200 000 rows 20 000 are found in 0.1 to 0.6 s; a JSON table
/// in one parameter takes 0.2 s, but in an UPDATE of MariaDB 10.11 it is read anew for every row.
pub(super) fn among(key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    let per_key = match key {
        [column] if !is_text(column) => 1,
        // One more to be led to it: the last part of a group, or the first of all.
        _ => key.len() + 1,
    };
    if keys.len().saturating_mul(per_key) > PARAMETERS_MAX {
        return Err(SqlError::NotWritable {
            reason: format!(
                "a batch of {} keys of this type is too large: at most {}",
                keys.len(),
                PARAMETERS_MAX / per_key.max(1)
            ),
        });
    }
    // The few parameters of the beginnings of groups have room above the most.
    if keys.is_empty() || key.is_empty() {
        return Ok(SqlText::new("(FALSE)"));
    }
    match key {
        [column] => single(column, keys),
        _ => composite(key, keys),
    }
}

/// Every row is looked up in a set of the keys: to answer with all rows in between would be more work for both sides.
pub(super) fn among_rows(column: &KeyColumn<'_>, set: NumberSet) -> Result<SqlText, SqlError> {
    let [first, last] = [set.first, set.last].map(|end| part(column.shape, &Value::Int(end)));
    let place = SqlText::fill("({0} - {1})", &[column.text, &first.clone()?]);
    Ok(SqlText::fill(
        "(CASE WHEN {0} BETWEEN {1} AND {2} \
         THEN ASCII(SUBSTRING({3}, {4} DIV 8 + 1, 1)) >> {4} MOD 8 & 1 = 1 ELSE FALSE END)",
        &[column.text, &first?, &last?, &SqlText::value(Value::Bytes(set.bits)), &place],
    ))
}

fn single(column: &KeyColumn<'_>, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    let values: Vec<&Value> = keys
        .iter()
        .map(|key| match key.0.as_slice() {
            [value] => Ok(value),
            _ => Err(other_length()),
        })
        .collect::<Result<_, _>>()?;
    let parts = values.iter().map(|value| part(column.shape, value)).collect::<Result<Vec<_>, _>>()?;
    let found = SqlText::fill("({0} IN ({1}))", &[column.text, &SqlText::list(&parts)]);
    if !is_text(column) {
        return Ok(found);
    }
    let exact: Vec<SqlText> = values.iter().map(|value| bytes_of(value)).collect();
    Ok(SqlText::fill("({0} AND {1} IN ({2}))", &[&found, &stored_bytes(column), &SqlText::list(&exact)]))
}

/// The list of tuples decides, and is no walk over an index in MariaDB; so what leads to it comes first. Keys
/// that agree in all parts but the last are one range of the index each. Where those would be many, whose
/// number a server combines in quadratic time, the first part alone leads: keys with so many beginnings
/// have few rows with each.
fn composite(key: &[KeyColumn<'_>], keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    const GROUPS_MAX: usize = 200;
    let groups = groups(key, keys)?;
    let lead = if groups.len() <= GROUPS_MAX {
        let ranges = groups.iter().map(|group| range(key, group)).collect::<Result<Vec<_>, _>>()?;
        SqlText::join_balanced(&ranges, " OR ").unwrap_or_default()
    } else {
        let first = key.first().ok_or_else(other_length)?;
        let mut values: Vec<&Value> = groups.iter().filter_map(|group| group.first()?.0.first()).collect();
        values.dedup();
        let parts = values.iter().map(|value| part(first.shape, value)).collect::<Result<Vec<_>, _>>()?;
        SqlText::fill("({0} IN ({1}))", &[first.text, &SqlText::list(&parts)])
    };
    let columns: Vec<SqlText> = key.iter().map(exact_column).collect();
    let tuples = keys.iter().map(|record| tuple(key, record)).collect::<Result<Vec<_>, _>>()?;
    Ok(SqlText::fill("({0} AND ({1}) IN ({2}))", &[&lead, &SqlText::list(&columns), &SqlText::list(&tuples)]))
}

/// Neighbours in the order of `keys` that agree in all parts but the last.
fn groups<'a>(key: &[KeyColumn<'_>], keys: &'a [RecordKey]) -> Result<Vec<&'a [RecordKey]>, SqlError> {
    if keys.iter().any(|record| record.0.len() != key.len()) {
        return Err(other_length());
    }
    let prefix = key.len().saturating_sub(1);
    Ok(keys.chunk_by(|one, other| one.0.get(..prefix) == other.0.get(..prefix)).collect())
}

/// `a = ? AND b IN (?, …)`.
fn range(key: &[KeyColumn<'_>], group: &[RecordKey]) -> Result<SqlText, SqlError> {
    let mut range = SqlText::new("(");
    for (position, column) in key.iter().enumerate() {
        let values = group.iter().filter_map(|record| record.0.get(position));
        if position + 1 < key.len() {
            let first = values.take(1).map(|value| part(column.shape, value)).next().transpose()?;
            range.append(column.text).push(" = ").append(&first.ok_or_else(other_length)?).push(" AND ");
        } else {
            let parts = values.map(|value| part(column.shape, value)).collect::<Result<Vec<_>, _>>()?;
            range.append(&SqlText::fill("{0} IN ({1})", &[column.text, &SqlText::list(&parts)]));
        }
    }
    range.push(")");
    Ok(range)
}

/// A key as it is compared exactly.
fn tuple(key: &[KeyColumn<'_>], record: &RecordKey) -> Result<SqlText, SqlError> {
    let parts = key
        .iter()
        .zip(&record.0)
        .map(|(column, value)| if is_text(column) { Ok(bytes_of(value)) } else { part(column.shape, value) });
    Ok(SqlText::fill("({0})", &[&SqlText::list(&parts.collect::<Result<Vec<_>, _>>()?)]))
}

fn exact_column(column: &KeyColumn<'_>) -> SqlText {
    if is_text(column) { stored_bytes(column) } else { column.text.clone() }
}

fn other_length() -> SqlError {
    SqlError::NotWritable { reason: "a key has not as many parts as the table".to_owned() }
}

fn is_text(column: &KeyColumn<'_>) -> bool {
    Kind::of(&column.shape.declared_type) == Kind::Text
}

fn stored_bytes(column: &KeyColumn<'_>) -> SqlText {
    SqlText::fill("CAST(CONVERT({0} USING utf8mb4) AS BINARY)", &[column.text])
}

fn bytes_of(value: &Value) -> SqlText {
    SqlText::value(match value {
        Value::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
        other => other.clone(),
    })
}
