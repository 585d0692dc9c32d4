//! Between rows of the driver and the values of this crate. No SQL here.
//!
//! Dates and instants come in binary and are read here: the driver's own reading fails on `infinity` and on
//! years that its calendar does not have, and no row may stop a survey.

use crate::value::Value;
use chrono::{DateTime, Days, NaiveDate};
use sqlx::postgres::{PgRow, PgValueFormat, PgValueRef, Postgres};
use sqlx::{Decode, Row as _, TypeInfo as _, ValueRef as _};

/// Days and microseconds count from here (<https://www.postgresql.org/docs/current/datatype-datetime.html>).
const EPOCH_DAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// What stands for a date or an instant before 4713 BC or after the year 262142, which no calendar here
/// has: text that can be read as neither.
pub(super) const OUT_OF_RANGE: &str = "out of range";
const FIRST_DAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(-4712, 1, 1);

/// Every column by its wire type.
///
/// # Errors
/// `Decode` for any other type, naming no value.
pub(super) fn values(row: &PgRow) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.len()).map(|index| value(row.try_get_raw(index)?)).collect()
}

fn value(raw: PgValueRef<'_>) -> Result<Value, sqlx::Error> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().into_owned();
    match kind.name() {
        "BOOL" => decode(raw).map(Value::Bool),
        "INT2" => decode::<i16>(raw).map(|number| Value::Int(number.into())),
        "INT4" => decode::<i32>(raw).map(|number| Value::Int(number.into())),
        "INT8" => decode(raw).map(Value::Int),
        "FLOAT4" => decode::<f32>(raw).map(|number| Value::Real(number.into())),
        "FLOAT8" => decode(raw).map(Value::Real),
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" => decode(raw).map(Value::Text),
        "BYTEA" => decode(raw).map(Value::Bytes),
        "DATE" => binary(&raw).map(|bytes| date(i32::from_be_bytes(bytes))),
        "TIMESTAMPTZ" => binary(&raw).map(|bytes| instant(i64::from_be_bytes(bytes))),
        _ => Err(sqlx::Error::Decode("a column of a type that is not read".into())),
    }
}

fn decode<'row, T: Decode<'row, Postgres>>(raw: PgValueRef<'row>) -> Result<T, sqlx::Error> {
    T::decode(raw).map_err(sqlx::Error::Decode)
}

fn binary<const LENGTH: usize>(raw: &PgValueRef<'_>) -> Result<[u8; LENGTH], sqlx::Error> {
    let unexpected = || sqlx::Error::Decode("a date or an instant in an unexpected form".into());
    if raw.format() != PgValueFormat::Binary {
        return Err(unexpected());
    }
    raw.as_bytes().map_err(sqlx::Error::Decode)?.try_into().map_err(|_| unexpected())
}

fn date(days: i32) -> Value {
    let infinite = match days {
        i32::MAX => "infinity",
        i32::MIN => "-infinity",
        _ => {
            let count = Days::new(u64::from(days.unsigned_abs()));
            let date = EPOCH_DAY.and_then(|epoch| {
                if days < 0 { epoch.checked_sub_days(count) } else { epoch.checked_add_days(count) }
            });
            let date = date.filter(|date| Some(*date) >= FIRST_DAY);
            return date.map_or_else(|| Value::Text(OUT_OF_RANGE.to_owned()), Value::Date);
        }
    };
    Value::Text(infinite.to_owned())
}

fn instant(micros: i64) -> Value {
    let infinite = match micros {
        i64::MAX => "infinity",
        i64::MIN => "-infinity",
        _ => {
            let at = micros.checked_add(EPOCH_MICROS).and_then(DateTime::from_timestamp_micros);
            let at = at.filter(|at| Some(at.date_naive()) >= FIRST_DAY);
            return at.map_or_else(|| Value::Text(OUT_OF_RANGE.to_owned()), Value::Instant);
        }
    };
    Value::Text(infinite.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_microseconds_are_read_to_the_ends_of_their_types() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert!(date(0) == Value::Date(NaiveDate::from_ymd_opt(2000, 1, 1).unwrap()));
        assert!(date(-730_119) == Value::Date(NaiveDate::from_ymd_opt(1, 1, 1).unwrap()));
        assert!(date(i32::MAX) == text("infinity") && date(i32::MIN) == text("-infinity"));
        assert!(date(i32::MAX - 1) == text(OUT_OF_RANGE) && date(i32::MIN + 1) == text(OUT_OF_RANGE));
        assert!(instant(1) == Value::Instant("2000-01-01T00:00:00.000001Z".parse().unwrap()));
        assert!(instant(-1) == Value::Instant("1999-12-31T23:59:59.999999Z".parse().unwrap()));
        assert!(instant(i64::MAX) == text("infinity") && instant(i64::MIN) == text("-infinity"));
        assert!(instant(i64::MAX - 1) == text(OUT_OF_RANGE) && instant(i64::MIN + 1) == text(OUT_OF_RANGE));
    }
}
