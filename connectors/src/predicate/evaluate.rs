//! Predicates in process, with SQL's three-valued logic.
//!
//! What SQLite's rendering must mean (`sql::sqlite::render`). A stored value counts as NULL unless it is
//! of the declared type; numbers may be stored as integers or floats, booleans as 0 and 1, dates and
//! instants as ISO 8601 text ([`crate::iso`]). Instants are compared in whole seconds, a fraction being
//! rounded up. Text is compared by code points; `length` and LIKE answer NULL for text with U+0000.

use super::{Comparison, Expression, Field, Function, Operand, Predicate, like};
use crate::iso;
use crate::value::{Value, ValueType};
use chrono::Datelike;
use std::cmp::Ordering;

impl Predicate {
    /// The answer for one record, whose stored values `lookup` gives; `None` is SQL's unknown.
    #[must_use]
    pub fn evaluate(&self, lookup: &dyn Fn(&Field) -> Value) -> Option<bool> {
        expression(&self.expression, lookup)
    }
}

fn expression(node: &Expression, lookup: &dyn Fn(&Field) -> Value) -> Option<bool> {
    match node {
        Expression::Always => Some(true),
        Expression::And(parts) => decide(parts, false, lookup),
        Expression::Or(parts) => decide(parts, true, lookup),
        Expression::Not(inner) => expression(inner, lookup).map(|truth| !truth),
        Expression::Is { inner, value } => Some(expression(inner, lookup) == Some(*value)),
        Expression::Compare(comparison, left, right) => {
            compare(&operand(left, lookup), &operand(right, lookup)).map(|order| holds(*comparison, order))
        }
        Expression::InList { operand: tested, list } => in_list(&operand(tested, lookup), list),
        Expression::Between { operand: tested, low, high } => {
            let tested = operand(tested, lookup);
            let above = compare(&tested, &operand(low, lookup)).map(Ordering::is_ge);
            let below = compare(&tested, &operand(high, lookup)).map(Ordering::is_le);
            match (above, below) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }
        }
        Expression::Like { operand: tested, pattern } => match operand(tested, lookup) {
            Value::Text(text) if !text.contains('\0') => Some(like::matches(pattern, &text)),
            _ => None,
        },
        Expression::IsNull(tested) => Some(operand(tested, lookup) == Value::Null),
        Expression::Truth(tested) => match operand(tested, lookup) {
            Value::Bool(truth) => Some(truth),
            _ => None,
        },
    }
}

/// AND stops at false, OR at true; short of that one unknown makes the whole unknown.
fn decide(parts: &[Expression], stop: bool, lookup: &dyn Fn(&Field) -> Value) -> Option<bool> {
    let mut answer = Some(!stop);
    for part in parts {
        match expression(part, lookup) {
            Some(truth) if truth == stop => return Some(stop),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn in_list(tested: &Value, list: &[Value]) -> Option<bool> {
    let mut answer = Some(false);
    for item in list {
        match compare(tested, &read_as(item.clone(), item.value_type().unwrap_or(ValueType::Unknown))) {
            Some(Ordering::Equal) => return Some(true),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn operand(node: &Operand, lookup: &dyn Fn(&Field) -> Value) -> Value {
    match node {
        Operand::Field(field) => read_as(lookup(field), field.value_type),
        Operand::Literal(value) => read_as(value.clone(), value.value_type().unwrap_or(ValueType::Unknown)),
        Operand::Call(function, arguments) => call(*function, arguments, lookup),
    }
}

fn call(function: Function, arguments: &[Operand], lookup: &dyn Fn(&Field) -> Value) -> Value {
    let mut values = arguments.iter().map(|argument| operand(argument, lookup));
    if function == Function::Coalesce {
        return values.find(|value| *value != Value::Null).unwrap_or(Value::Null);
    }
    let Some(Value::Text(text)) = values.next() else { return Value::Null };
    match function {
        Function::Lower => Value::Text(text.to_ascii_lowercase()),
        Function::Upper => Value::Text(text.to_ascii_uppercase()),
        Function::Trim => Value::Text(text.trim_matches(' ').to_owned()),
        Function::Length if !text.contains('\0') => {
            i64::try_from(text.chars().count()).map_or(Value::Null, Value::Int)
        }
        Function::Length | Function::Coalesce => Value::Null,
    }
}

/// A stored value as one of the declared type; NULL if it is none.
fn read_as(value: Value, declared: ValueType) -> Value {
    match (declared, value) {
        (ValueType::Bool, Value::Int(number @ (0 | 1))) => Value::Bool(number == 1),
        (ValueType::Int | ValueType::Real, Value::Real(number)) if number.is_nan() => Value::Null,
        (ValueType::Date, Value::Text(text)) => iso::parse_date(&text).map_or(Value::Null, Value::Date),
        (ValueType::Date, Value::Date(date)) if !(1..=9999).contains(&date.year()) => Value::Null,
        (ValueType::Instant, Value::Text(text)) => {
            iso::parse_time(&text).and_then(|time| time.instant()).map_or(Value::Null, Value::Instant)
        }
        (ValueType::Instant, Value::Instant(at)) => iso::round_up(at).map_or(Value::Null, Value::Instant),
        (ValueType::Bool, value @ Value::Bool(_))
        | (ValueType::Int | ValueType::Real, value @ (Value::Int(_) | Value::Real(_)))
        | (ValueType::Text, value @ Value::Text(_))
        | (ValueType::Bytes, value @ Value::Bytes(_))
        | (ValueType::Date, value @ Value::Date(_))
        | (ValueType::Unknown, value) => value,
        _ => Value::Null,
    }
}

fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Real(left), Value::Real(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Real(right)) => compare_int_real(*left, *right),
        (Value::Real(left), Value::Int(right)) => compare_int_real(*right, *left).map(Ordering::reverse),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Instant(left), Value::Instant(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Exact, where a cast of the integer to a float would round. `None` for NaN.
pub(crate) fn compare_int_real(whole: i64, real: f64) -> Option<Ordering> {
    if real.is_nan() {
        return None;
    }
    // 2^63 and -2^63 are floats; everything between truncates into an i64 without loss.
    if real >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if real < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "inside the range of i64")]
    let truncated = real.trunc() as i64;
    let by_fraction = 0.0_f64.partial_cmp(&real.fract())?;
    Some(whole.cmp(&truncated).then(by_fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_are_compared_exactly() {
        let check =
            |whole, real, expected| assert_eq!(compare_int_real(whole, real), expected, "{whole} {real}");
        check(9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Ordering::Greater));
        check(i64::MAX, 9_223_372_036_854_775_807.0, Some(Ordering::Less));
        check(i64::MIN, -9_223_372_036_854_775_808.0, Some(Ordering::Equal));
        check(-1, -1.5, Some(Ordering::Greater));
        check(1, 1.5, Some(Ordering::Less));
        check(0, -0.0, Some(Ordering::Equal));
        check(0, f64::NEG_INFINITY, Some(Ordering::Greater));
        check(0, f64::NAN, None);
    }
}
