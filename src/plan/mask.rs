//! Keys as a reviewer may see them.
//!
//! Floor 3. A key may be an e-mail address or a file name with a person's name, and a plan file is
//! passed around: a masked key lets someone who knows the data recognise a record, and nobody else.

use chrono::Datelike;
use connectors::{RecordKey, Value};

/// Numbers with fewer digits are masked whole: the last two would be most of them.
const DIGITS_SHOWN_FROM: usize = 4;

/// A masked key, its parts joined by `/`. Of a number the last two digits stay (`…42`), of a text
/// its first character and its length in characters (`a…(17)`), of a date its year; the rest shows
/// its type only. Never a whole value.
#[must_use]
pub fn mask_key(key: &RecordKey) -> String {
    key.0.iter().map(mask_value).collect::<Vec<_>>().join("/")
}

/// One masked value; see [`mask_key`].
#[must_use]
pub fn mask_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Int(number) => mask_digits(&number.unsigned_abs().to_string()),
        Value::Real(_) => "number".to_owned(),
        Value::Text(text) => mask_text(text),
        Value::Bytes(bytes) => format!("bytes({})", bytes.len()),
        Value::Date(date) => format!("{}-…", date.year()),
        Value::Instant(instant) => format!("{}-…", instant.year()),
    }
}

fn mask_digits(digits: &str) -> String {
    if digits.len() < DIGITS_SHOWN_FROM {
        return "…".to_owned();
    }
    let shown: String = digits.chars().skip(digits.len().saturating_sub(2)).collect();
    format!("…{shown}")
}

fn mask_text(text: &str) -> String {
    let length = text.chars().count();
    match text.chars().next() {
        // One or two characters would be shown almost whole.
        Some(first) if length > 3 && first.is_alphanumeric() => format!("{first}…({length})"),
        _ => format!("…({length})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        assert_eq!(mask_value(value), expected);
    }

    #[test]
    fn a_masked_value_never_shows_itself() {
        check(&Value::Int(7), "…");
        check(&Value::Int(123), "…");
        check(&Value::Int(-12_345), "…45");
        check(&Value::Int(i64::MIN), "…08");
        check(&Value::Text("anna@example.org".to_owned()), "a…(16)");
        check(&Value::Text("Bob".to_owned()), "…(3)");
        check(&Value::Text("\u{1b}[2Jx".to_owned()), "…(5)");
        check(&Value::Text("éléonore".to_owned()), "é…(8)");
        check(&Value::Text(String::new()), "…(0)");
        check(&Value::Date(chrono::NaiveDate::from_ymd_opt(1980, 5, 17).unwrap()), "1980-…");
        check(&Value::Bytes(vec![1, 2]), "bytes(2)");
        assert_eq!(mask_key(&RecordKey::of(vec![Value::Int(12_345), Value::Null])), "…45/null");
    }
}
