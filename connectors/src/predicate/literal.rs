//! Literals: numbers, text, booleans, NULL, `DATE '…'` and `TIMESTAMP '…'`.
//!
//! A backslash in a literal is a backslash; a quote is written twice, as in standard SQL.

use super::error::{Position, PredicateError, PredicateFault};
use super::scan::{error, not_allowed};
use crate::iso;
use crate::value::{Value, ValueType};
use sqlparser::ast::{DataType, TimezoneInfo, TypedString, Value as SqlValue};

pub(super) const DATE_FORM: &str = "a date of the form YYYY-MM-DD";
pub(super) const INSTANT_FORM: &str = "an instant of the form YYYY-MM-DDTHH:MM:SSZ, or with an offset";

pub(super) fn plain(value: &SqlValue, negative: bool, at: Position) -> Result<Value, PredicateError> {
    match value {
        SqlValue::Number(digits, false) => {
            number(digits, negative).ok_or_else(|| bad(at, "a number that fits 64 bits"))
        }
        _ if negative => Err(error(at, not_allowed("arithmetic"))),
        SqlValue::SingleQuotedString(text) => Ok(Value::Text(text.clone())),
        SqlValue::Boolean(truth) => Ok(Value::Bool(*truth)),
        SqlValue::Null => Ok(Value::Null),
        _ => Err(error(at, not_allowed("this kind of literal"))),
    }
}

/// Without a point or exponent a whole number, never silently a rounded one.
fn number(digits: &str, negative: bool) -> Option<Value> {
    let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return signed.parse().ok().map(Value::Int);
    }
    signed.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Real)
}

pub(super) fn typed(typed: &TypedString, at: Position) -> Result<Value, PredicateError> {
    let SqlValue::SingleQuotedString(text) = &typed.value.value else {
        return Err(error(at, not_allowed("this kind of literal")));
    };
    match typed.data_type {
        DataType::Date => of_type(text, ValueType::Date, at),
        DataType::Timestamp(None, TimezoneInfo::None) => of_type(text, ValueType::Instant, at),
        _ => Err(error(at, not_allowed("a typed literal other than DATE and TIMESTAMP"))),
    }
}

/// The text of a literal as a date or instant.
pub(super) fn of_type(text: &str, wanted: ValueType, at: Position) -> Result<Value, PredicateError> {
    match wanted {
        ValueType::Date => iso::parse_date(text).map(Value::Date).ok_or_else(|| bad(at, DATE_FORM)),
        ValueType::Instant => iso::parse_time(text)
            .and_then(|time| time.instant())
            .map(Value::Instant)
            .ok_or_else(|| bad(at, INSTANT_FORM)),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

fn bad(at: Position, wanted: &str) -> PredicateError {
    error(at, PredicateFault::BadLiteral { wanted: wanted.to_owned() })
}
