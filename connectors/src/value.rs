//! Values of columns and attributes, and the keys of records.
//!
//! Vocabulary only: nothing here talks to a store.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;

/// One value as the predicate language, the transforms and the record keys see it.
///
/// `Debug` and `Display` are redacted: a value may be personal data, and logs must not hold any.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    Date(NaiveDate),
    Instant(DateTime<Utc>),
}

/// The type of a [`Value`], as the type checker of predicates and transforms uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    Bool,
    Int,
    Real,
    Text,
    Bytes,
    Date,
    Instant,
    /// A column whose declared type says nothing; it can be read as a key but not compared.
    Unknown,
}

impl Value {
    /// The type of the value; `None` for NULL, which has every type.
    #[must_use]
    pub fn value_type(&self) -> Option<ValueType> {
        match self {
            Self::Null => None,
            Self::Bool(_) => Some(ValueType::Bool),
            Self::Int(_) => Some(ValueType::Int),
            Self::Real(_) => Some(ValueType::Real),
            Self::Text(_) => Some(ValueType::Text),
            Self::Bytes(_) => Some(ValueType::Bytes),
            Self::Date(_) => Some(ValueType::Date),
            Self::Instant(_) => Some(ValueType::Instant),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value_type() {
            None => formatter.write_str("Null"),
            Some(kind) => write!(formatter, "{kind:?}(redacted)"),
        }
    }
}

/// What identifies one record inside its dataset: the values of the key columns in key order, or
/// the one key of an object. Never empty.
///
/// `Debug` is redacted because a key may be an e-mail address or a file name with a person's name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordKey(pub SmallVec<[Value; 1]>);

impl fmt::Debug for RecordKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RecordKey({} parts, redacted)", self.0.len())
    }
}

impl RecordKey {
    /// A key of these parts, in the order of the key's columns.
    #[must_use]
    pub fn of(parts: Vec<Value>) -> Self {
        Self(parts.into_iter().collect())
    }

    #[must_use]
    pub fn int(value: i64) -> Self {
        Self(SmallVec::from_buf([Value::Int(value)]))
    }

    #[must_use]
    pub fn text(value: impl Into<String>) -> Self {
        Self(SmallVec::from_buf([Value::Text(value.into())]))
    }

    /// The canonical text of the key: a JSON array without white space, dates and instants as
    /// ISO 8601 strings, bytes as lower-case hexadecimal with the prefix `\x`. Two keys are the same
    /// record if and only if their canonical texts are equal. Commitments stand on this text.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(16);
        text.push('[');
        for (position, value) in self.0.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            push_canonical(&mut text, value);
        }
        text.push(']');
        text
    }
}

fn push_canonical(text: &mut String, value: &Value) {
    use fmt::Write as _;
    let written = match value {
        Value::Null => write!(text, "null"),
        Value::Bool(value) => write!(text, "{value}"),
        Value::Int(value) => write!(text, "{value}"),
        // A float is not a JSON integer: quoted with all its bits, so that no reader rounds it.
        Value::Real(value) => write!(text, "\"f64:{:016x}\"", value.to_bits()),
        Value::Text(value) => write!(text, "{}", serde_json::Value::from(value.as_str())),
        Value::Bytes(value) => {
            text.push_str("\"\\\\x");
            let mut written = Ok(());
            for byte in value {
                written = written.and(write!(text, "{byte:02x}"));
            }
            written.and(write!(text, "\""))
        }
        Value::Date(value) => write!(text, "\"{value}\""),
        Value::Instant(value) => write!(text, "\"{}\"", value.to_rfc3339()),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}
