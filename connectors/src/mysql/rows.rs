//! Between rows of the driver and the values of this crate. No SQL here.
//!
//! Every answer comes in the binary protocol
//! (<https://mariadb.com/kb/en/resultset-row/#binary-resultset-row>) and is read by its type on the wire.
//! Dates are read here and not by the driver, which takes the date `0000-00-00` for NULL.

use crate::value::Value;
use chrono::{Datelike as _, NaiveDate, NaiveDateTime};
use sqlx::mysql::{MySql, MySqlRow, MySqlValueRef};
use sqlx::{Column as _, Decode, Row as _, Type, TypeInfo as _, ValueRef as _};

/// Why an answer could not be read; names no value.
pub(super) type Unreadable = &'static str;

const UNEXPECTED: Unreadable = "an answer had an unexpected type";
const BEYOND: Unreadable = "a whole number is beyond 9223372036854775807";

/// All columns of one row. A date that does not exist, or not in the years 1 to 9999, comes as the bytes of
/// its text: no rule reads it as a date, and no transform leaves it.
pub(super) fn values(row: &MySqlRow) -> Result<Vec<Value>, Unreadable> {
    row.columns().iter().map(|column| value(row, column.ordinal())).collect()
}

fn value(row: &MySqlRow, index: usize) -> Result<Value, Unreadable> {
    let raw = row.try_get_raw(index).map_err(|_| UNEXPECTED)?;
    let Ok(wire) = <&[u8] as Decode<'_, MySql>>::decode(raw.clone()) else { return Ok(Value::Null) };
    let kind = raw.type_info().into_owned();
    match kind.name() {
        "NULL" => Ok(Value::Null),
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "TINYINT UNSIGNED"
        | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" | "YEAR" => {
            whole(raw)
        }
        "FLOAT" => decoded::<f32>(raw).map(|number| Value::Real(f64::from(number))),
        "DOUBLE" => decoded::<f64>(raw).map(Value::Real),
        "DECIMAL" => decimal(wire),
        "DATE" => date(wire),
        "TIMESTAMP" => Ok(time(wire)?.map_or_else(
            || Value::Bytes(b"0000-00-00 00:00:00".to_vec()),
            |at| Value::Instant(at.and_utc()),
        )),
        "DATETIME" => {
            let at = time(wire)?.ok_or(UNEXPECTED)?;
            Ok(Value::Text(at.format("%Y-%m-%d %H:%M:%S%.f").to_string()))
        }
        "GEOMETRY" => Ok(Value::Bytes(wire.to_vec())),
        "JSON" | "ENUM" | "SET" => text(wire),
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "BINARY" | "VARBINARY"
        | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => {
            // By the character set: the flag that the names go by is also set for collations `_bin`.
            if <str as Type<MySql>>::compatible(&raw.type_info()) {
                text(wire)
            } else {
                Ok(Value::Bytes(wire.to_vec()))
            }
        }
        _ => Err(UNEXPECTED),
    }
}

fn decoded<'r, T: Decode<'r, MySql>>(raw: MySqlValueRef<'r>) -> Result<T, Unreadable> {
    T::decode(raw).map_err(|_| UNEXPECTED)
}

/// By the sign of the wire: read as an `i64`, the driver takes 65535 in two bytes for -1.
fn whole(raw: MySqlValueRef<'_>) -> Result<Value, Unreadable> {
    if !<u64 as Type<MySql>>::compatible(&raw.type_info()) {
        return decoded::<i64>(raw).map(Value::Int);
    }
    i64::try_from(decoded::<u64>(raw)?).map(Value::Int).map_err(|_| BEYOND)
}

fn text(wire: &[u8]) -> Result<Value, Unreadable> {
    std::str::from_utf8(wire)
        .map(|text| Value::Text(text.to_owned()))
        .map_err(|_| "a text is not in the character set of the session")
}

/// Sums of whole numbers come as decimals; a decimal column is asked for as a float.
fn decimal(wire: &[u8]) -> Result<Value, Unreadable> {
    let text = std::str::from_utf8(wire).map_err(|_| UNEXPECTED)?;
    if text.contains('.') {
        return text.parse().map(Value::Real).map_err(|_| UNEXPECTED);
    }
    text.parse().map(Value::Int).map_err(|_| BEYOND)
}

/// Length, year in two bytes, month, day; nothing after the length for a date of zeros.
fn date(wire: &[u8]) -> Result<Value, Unreadable> {
    let (year, month, day) = match wire {
        [0, ..] => (0, 0, 0),
        [_, y1, y2, month, day, ..] => (u16::from_le_bytes([*y1, *y2]), *month, *day),
        _ => return Err(UNEXPECTED),
    };
    let found = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day));
    Ok(match found {
        Some(date) if (1..=9999).contains(&date.year()) => Value::Date(date),
        _ => Value::Bytes(format!("{year:04}-{month:02}-{day:02}").into_bytes()),
    })
}

/// As [`date`], then hour, minute, second and four bytes of microseconds, as far as they are not zero.
fn time(wire: &[u8]) -> Result<Option<NaiveDateTime>, Unreadable> {
    let Value::Date(date) = date(wire)? else { return Ok(None) };
    let (hour, minute, second, micros) = match wire.get(5..).unwrap_or_default() {
        [] => (0, 0, 0, 0),
        [hour, minute, second] => (*hour, *minute, *second, 0),
        [hour, minute, second, m1, m2, m3, m4] => {
            (*hour, *minute, *second, u32::from_le_bytes([*m1, *m2, *m3, *m4]))
        }
        _ => return Err(UNEXPECTED),
    };
    let at = date.and_hms_micro_opt(u32::from(hour), u32::from(minute), u32::from(second), micros);
    at.map(Some).ok_or(UNEXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_zeros_is_not_null_and_no_date() {
        assert!(date(&[0]).unwrap() == Value::Bytes(b"0000-00-00".to_vec()));
        assert!(date(&[4, 0xe4, 7, 2, 31]).unwrap() == Value::Bytes(b"2020-02-31".to_vec()));
        assert!(
            date(&[4, 0xe4, 7, 2, 29]).unwrap() == Value::Date(NaiveDate::from_ymd_opt(2020, 2, 29).unwrap())
        );
        assert!(time(&[0]).unwrap().is_none());
        assert!(date(&[4, 1]).is_err());
    }

    #[test]
    fn a_number_beyond_the_range_is_an_error_that_does_not_name_it() {
        assert!(decimal(b"42").unwrap() == Value::Int(42));
        assert!(decimal(b"4.5").unwrap() == Value::Real(4.5));
        assert_eq!(decimal(b"92233720368547758070").unwrap_err(), BEYOND);
    }
}
