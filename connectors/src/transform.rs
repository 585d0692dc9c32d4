//! Anonymizing transforms: what becomes of one field, and what that is worth.
//!
//! The class of a transform is what the label of a record is computed from; nobody types it in.
//! NULL stays NULL under every transform.

use crate::iso;
use crate::value::{RecordKey, Value, ValueType};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::cmp::Ordering;

/// What becomes of a due record.
#[derive(Debug, Clone, PartialEq)]
pub enum Disposal {
    Purge,
    Anonymize { fields: Vec<FieldTransform>, marker: Option<Marker> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct FieldTransform {
    pub column: String,
    pub value_type: ValueType,
    pub transform: Transform,
}

/// A nullable column that tells which records are done, for transforms that are no fixpoint. It is
/// set to `at` (as ISO 8601 UTC text) in the same statement; a record with a marker is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    pub column: String,
    pub at: DateTime<Utc>,
}

/// The standard names are those of reference tools (Google SDP, Greenmask, `pg_anonymizer`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The value is removed. Refused at plan time where the column is NOT NULL.
    Null,
    /// A fixed text (or its numeric or boolean reading, by the type of the column).
    Replace { text: String },
    /// HMAC-SHA-256 in lower-case hexadecimal, cut to `hex_length`. The key is the run's.
    Hash { hex_length: u8 },
    /// A date or instant (native, or ISO 8601 text) cut to 1 January of its year.
    GeneralizeYear,
    /// … to the first of its month.
    GeneralizeMonth,
    /// A number rounded down to a multiple of `step`.
    GeneralizeBucket { step: i64 },
    /// `*` for all but the first and last characters; a text too short for that is masked whole.
    Mask { keep_first: u32, keep_last: u32 },
    /// The first `characters` characters.
    Truncate { characters: u32 },
}

/// What a transformed field is worth, best first. The class of a record is its worst field's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransformClass {
    Destroyed,
    Generalized,
    Pseudonym,
    StillPersonal,
}

impl Transform {
    #[must_use]
    pub fn class(&self) -> TransformClass {
        match self {
            Self::Null | Self::Replace { .. } => TransformClass::Destroyed,
            Self::GeneralizeYear
            | Self::GeneralizeMonth
            | Self::GeneralizeBucket { .. }
            | Self::Truncate { .. } => TransformClass::Generalized,
            Self::Hash { .. } => TransformClass::Pseudonym,
            Self::Mask { .. } => TransformClass::StillPersonal,
        }
    }

    /// Whether applying it twice is the same as applying it once.
    #[must_use]
    pub fn is_fixpoint(&self) -> bool {
        !matches!(self, Self::Hash { .. })
    }

    /// What becomes of `value` under this transform; the same as `sql::sqlite::transform`.
    ///
    /// NULL stays NULL. A value that the transform cannot read (text that is no date, a type it does
    /// not speak of, a result out of range, text with U+0000) becomes NULL: destroyed rather than left.
    /// A hash without `hash_key` is NULL for the same reason.
    #[must_use]
    pub fn apply(&self, value: &Value, value_type: ValueType, hash_key: Option<&[u8; 32]>) -> Value {
        if *value == Value::Null {
            return Value::Null;
        }
        match self {
            Self::Null => Some(Value::Null),
            Self::Replace { text } => Some(replacement(text, value_type)),
            Self::Hash { hex_length } => hash_key.map(|key| hash(value, key, *hex_length)),
            Self::GeneralizeYear => generalize(value, false),
            Self::GeneralizeMonth => generalize(value, true),
            Self::GeneralizeBucket { step } => bucket(value, *step),
            Self::Mask { keep_first, keep_last } => {
                plain_text(value).map(|text| Value::Text(mask(text, *keep_first, *keep_last)))
            }
            Self::Truncate { characters } => {
                plain_text(value).map(|text| Value::Text(text.chars().take(*characters as usize).collect()))
            }
        }
        .unwrap_or(Value::Null)
    }
}

/// The reading of a replacement text for a column of this type; NULL if it has none.
#[must_use]
pub fn replacement(text: &str, value_type: ValueType) -> Value {
    match value_type {
        ValueType::Int => text.parse().ok().map(Value::Int),
        ValueType::Real => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Real),
        ValueType::Bool => match text {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        ValueType::Bytes => Some(Value::Bytes(text.as_bytes().to_vec())),
        ValueType::Text | ValueType::Date | ValueType::Instant | ValueType::Unknown => {
            Some(Value::Text(text.to_owned()))
        }
    }
    .unwrap_or(Value::Null)
}

/// Whether two values are the same thing in a store: numbers by their value, booleans as 0 and 1,
/// dates and instants also when one of them is written as text.
#[must_use]
pub(crate) fn same_stored(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Date(date), Value::Text(text)) | (Value::Text(text), Value::Date(date)) => {
            return NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|read| read == *date);
        }
        (Value::Instant(at), Value::Text(text)) | (Value::Text(text), Value::Instant(at)) => {
            let read = iso::parse_time(text).and_then(|time| time.instant());
            return read == Some(*at) || DateTime::parse_from_rfc3339(text).is_ok_and(|read| read == *at);
        }
        _ => {}
    }
    let stored = |value: &Value| match value {
        Value::Bool(truth) => Value::Int(i64::from(*truth)),
        other => other.clone(),
    };
    match (stored(left), stored(right)) {
        (Value::Int(whole), Value::Real(real)) | (Value::Real(real), Value::Int(whole)) => {
            crate::predicate::compare_int_real(whole, real) == Some(Ordering::Equal)
        }
        (left, right) => left == right,
    }
}

fn plain_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) if !text.contains('\0') => Some(text),
        _ => None,
    }
}

fn mask(text: &str, keep_first: u32, keep_last: u32) -> String {
    let length = text.chars().count();
    let (first, last) = (keep_first as usize, keep_last as usize);
    let hidden = length.saturating_sub(first).saturating_sub(last);
    if hidden == 0 {
        return "*".repeat(length);
    }
    text.chars()
        .enumerate()
        .map(
            |(position, character)| {
                if position >= first && position < first + hidden { '*' } else { character }
            },
        )
        .collect()
}

fn generalize(value: &Value, keep_month: bool) -> Option<Value> {
    let cut =
        |date: NaiveDate| NaiveDate::from_ymd_opt(date.year(), if keep_month { date.month() } else { 1 }, 1);
    match value {
        Value::Date(date) => cut(*date).map(Value::Date),
        Value::Instant(at) => Some(Value::Instant(cut(at.date_naive())?.and_time(NaiveTime::MIN).and_utc())),
        Value::Text(text) => {
            if let Some(date) = iso::parse_date(text) {
                return cut(date).map(|date| Value::Text(date.format("%Y-%m-%d").to_string()));
            }
            let time = iso::parse_time(text)?;
            let date = cut(time.local.date())?.format("%Y-%m-%d");
            Some(Value::Text(format!("{date}{}00:00:00{}", time.separator, time.zone)))
        }
        _ => None,
    }
}

/// 2^53: up to here every whole number is a float, so that rounding twice is rounding once.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Rounds down to a multiple of `step`. A float is rounded down to a whole number first, which comes
/// to the same since the step is whole.
fn bucket(value: &Value, step: i64) -> Option<Value> {
    let down = |number: i64| number.checked_sub(number.checked_rem_euclid(step)?);
    if step < 1 {
        return None;
    }
    match value {
        Value::Int(number) => down(*number).map(Value::Int),
        Value::Real(number) if number.abs() <= EXACT_MAX => {
            #[expect(clippy::cast_possible_truncation, reason = "far inside the range of i64")]
            let whole = number.floor() as i64;
            #[expect(clippy::cast_precision_loss, reason = "what would be rounded is dropped")]
            down(whole)
                .map(|rounded| rounded as f64)
                .filter(|rounded| rounded.abs() <= EXACT_MAX)
                .map(Value::Real)
        }
        _ => None,
    }
}

/// The kind of value goes into the hash, so that the number 1 and the text `1` differ.
fn hash(value: &Value, key: &[u8; 32], hex_length: u8) -> Value {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Value::Null };
    mac.update(RecordKey::of(vec![value.clone()]).canonical().as_bytes());
    let digest = mac.finalize().into_bytes();
    let mut hex = String::with_capacity(64);
    for byte in digest {
        let nibble = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        hex.push(nibble(byte >> 4));
        hex.push(nibble(byte & 15));
    }
    hex.truncate(usize::from(hex_length));
    Value::Text(hex)
}
