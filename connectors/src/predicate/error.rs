//! What can be wrong with the text of a predicate, and where.

use crate::value::ValueType;
use std::fmt;
use thiserror::Error;

/// A place in the text, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// One fault of a predicate. Literals are never quoted: they may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{position}: {fault}")]
pub struct PredicateError {
    pub position: Position,
    pub fault: PredicateFault,
    /// What the author can write instead.
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PredicateFault {
    #[error("the predicate is longer than {bytes_max} bytes")]
    TooLong { bytes_max: usize },
    #[error("the predicate is nested deeper than {depth_max} levels")]
    TooDeep { depth_max: usize },
    #[error("more than {items_max} conditions or list items")]
    TooManyItems { items_max: usize },
    #[error("not a valid expression: expected {expected}")]
    Syntax { expected: String },
    #[error("{construct} is not allowed in a predicate")]
    NotAllowed { construct: String },
    #[error("there is no field '{name}'")]
    UnknownField { name: String },
    #[error("'{name}' could be more than one field")]
    AmbiguousField { name: String },
    #[error("{left} cannot be compared with {right}")]
    Incomparable { left: String, right: String },
    #[error("{found} stands where {wanted} is needed")]
    WrongType { wanted: String, found: String },
    #[error("the literal is not {wanted}")]
    BadLiteral { wanted: String },
}

/// The name of a type in messages.
pub(super) fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Bool => "a boolean",
        ValueType::Int => "a whole number",
        ValueType::Real => "a number",
        ValueType::Text => "text",
        ValueType::Bytes => "bytes",
        ValueType::Date => "a date",
        ValueType::Instant => "an instant",
        ValueType::Unknown => "a field of unknown type",
    }
}
