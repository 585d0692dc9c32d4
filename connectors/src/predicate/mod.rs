//! The predicate language: a checked subset of SQL boolean expressions with one meaning everywhere.
//!
//! Text is parsed with `sqlparser`, walked over an allow-list of nodes into [`Parsed`], type-checked
//! against the live schema into [`Predicate`], and then either rendered for a store with bound
//! parameters or evaluated in process. It is never printed back as text for a server: the same text
//! means different things to different servers.

mod bounded;
mod call;
mod check;
mod error;
mod evaluate;
pub(crate) mod like;
mod literal;
mod parse;
mod scan;
pub mod template;
mod template_match;
mod template_parse;
mod tree;

pub use error::{Position, PredicateError, PredicateFault};
pub use parse::parse;
pub use tree::Parsed;

pub(crate) use evaluate::compare_int_real;

use crate::value::{RecordKey, Value, ValueType};

/// Longest text of a predicate, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 64;
/// Most list items and connected conditions together.
pub const ITEMS_MAX: usize = 1000;

/// A reference to a column, an attribute, `tag('x')`, `metadata('x')` or a capture of a key template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: String,
    pub value_type: ValueType,
}

/// A type-checked predicate. It can only be made by [`Parsed::check`] and the few constructors
/// below, so a store never sees an unchecked one.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    expression: Expression,
}

/// A checked expression. Comparison follows SQL's three-valued logic: NULL makes it unknown, and a
/// value whose stored type is not the declared one counts as NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Always,
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    /// `IS TRUE` and `IS FALSE`: never unknown.
    Is {
        inner: Box<Expression>,
        value: bool,
    },
    Compare(Comparison, Operand, Operand),
    InList {
        operand: Operand,
        list: Vec<Value>,
    },
    Between {
        operand: Operand,
        low: Operand,
        high: Operand,
    },
    /// `%` and `_` as in SQL, backslash escapes; case-sensitive on every store.
    Like {
        operand: Operand,
        pattern: String,
    },
    IsNull(Operand),
    /// A bare boolean field.
    Truth(Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Field(Field),
    Literal(Value),
    Call(Function, Vec<Operand>),
}

/// The short list of functions. Each has one meaning on every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// ASCII letters only, on every store.
    Lower,
    /// ASCII letters only, on every store.
    Upper,
    /// Unicode code points.
    Length,
    /// Removes spaces (U+0020) at both ends.
    Trim,
    Coalesce,
}

impl Predicate {
    /// True for every record.
    #[must_use]
    pub fn always() -> Self {
        Self { expression: Expression::Always }
    }

    /// The given identity, compared as identities are: text without outer spaces and in ASCII lower
    /// case, other types by equality. Used for holds and requests that name a subject.
    #[must_use]
    pub fn identity(field: Field, value: &str) -> Self {
        let (left, right) = if field.value_type == ValueType::Int {
            let Ok(number) = value.trim().parse::<i64>() else {
                // An identity that is no number cannot be in a column of numbers.
                return Self { expression: Expression::Not(Box::new(Expression::Always)) };
            };
            (Operand::Field(field), Operand::Literal(Value::Int(number)))
        } else {
            let trimmed = Operand::Call(Function::Trim, vec![Operand::Field(field)]);
            (
                Operand::Call(Function::Lower, vec![trimmed]),
                Operand::Literal(Value::Text(value.trim_matches(' ').to_ascii_lowercase())),
            )
        };
        Self { expression: Expression::Compare(Comparison::Equal, left, right) }
    }

    /// One of several spellings of an identity, each as [`Self::identity`] compares them.
    #[must_use]
    pub fn one_of_identities(field: Field, values: impl IntoIterator<Item = String>) -> Self {
        if field.value_type == ValueType::Int {
            let numbers = values.into_iter().filter_map(|value| value.trim().parse().ok().map(Value::Int));
            return Self::one_of(field, numbers);
        }
        let trimmed = Operand::Call(Function::Trim, vec![Operand::Field(field)]);
        let texts = values.into_iter().map(|value| value.trim_matches(' ').to_ascii_lowercase());
        in_list(Operand::Call(Function::Lower, vec![trimmed]), texts.map(Value::Text).collect())
    }

    /// True where the text holds one of these anywhere, ASCII letters alike in both cases; false for none.
    #[must_use]
    pub fn contains_any(field: Field, texts: impl IntoIterator<Item = String>) -> Self {
        let lowered = Operand::Call(Function::Lower, vec![Operand::Field(field)]);
        Self::or(texts.into_iter().map(|text| {
            let pattern = format!("%{}%", like::escaped(&text.to_ascii_lowercase()));
            Self { expression: Expression::Like { operand: lowered.clone(), pattern } }
        }))
    }

    /// One of these values, which must be of the type of the field; false for none.
    #[must_use]
    pub fn one_of(field: Field, values: impl IntoIterator<Item = Value>) -> Self {
        let fits = |value: &Value| value.value_type() == Some(field.value_type);
        let list = values.into_iter().filter(fits).collect();
        in_list(Operand::Field(field), list)
    }

    /// True where the field is NULL, or holds nothing of its type.
    #[must_use]
    pub fn is_null(field: Field) -> Self {
        Self { expression: Expression::IsNull(Operand::Field(field)) }
    }

    /// Exactly the records with one of these keys, whose parts are in the order of `fields`. A part of
    /// another type than its field is never met.
    #[must_use]
    pub fn keys(fields: &[Field], keys: &[RecordKey]) -> Self {
        if let [field] = fields {
            return Self::one_of(field.clone(), keys.iter().filter_map(|key| key.0.first().cloned()));
        }
        let rows = keys.iter().map(|key| {
            let parts = fields.iter().zip(&key.0);
            Self::and(parts.map(|(field, part)| Self::one_of(field.clone(), [part.clone()])))
        });
        Self::or(rows)
    }

    /// True where one of `parts` is; false for no parts.
    #[must_use]
    pub fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts: Vec<_> = parts.into_iter().map(|part| part.expression).collect();
        let expression = match parts.pop() {
            None => Expression::Not(Box::new(Expression::Always)),
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Expression::Or(parts)
            }
        };
        Self { expression }
    }

    /// True where this is false or unknown.
    #[must_use]
    pub fn is_not_true(self) -> Self {
        let inner = Box::new(self.expression);
        Self { expression: Expression::Not(Box::new(Expression::Is { inner, value: true })) }
    }

    /// True where all of `parts` are; true for no parts.
    #[must_use]
    pub fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts = parts.into_iter().map(|part| part.expression);
        let mut parts: Vec<_> = parts.filter(|part| *part != Expression::Always).collect();
        let expression = match parts.pop() {
            None => Expression::Always,
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Expression::And(parts)
            }
        };
        Self { expression }
    }

    /// True where this is false, and unknown where this is.
    #[must_use]
    pub fn negate(self) -> Self {
        Self { expression: Expression::Not(Box::new(self.expression)) }
    }

    /// The names of the fields that it reads, each as often as it does.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.expression.collect_fields(&mut names);
        names
    }

    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// For tests that rewrite expressions.
    #[cfg(test)]
    pub(crate) fn from_expression(expression: Expression) -> Self {
        Self { expression }
    }
}

/// False for an empty list, which SQL has no form for.
fn in_list(operand: Operand, list: Vec<Value>) -> Predicate {
    let expression = if list.is_empty() {
        Expression::Not(Box::new(Expression::Always))
    } else {
        Expression::InList { operand, list }
    };
    Predicate { expression }
}

impl Expression {
    fn collect_fields<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Always => {}
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.collect_fields(names)),
            Self::Not(inner) | Self::Is { inner, .. } => inner.collect_fields(names),
            Self::Compare(_, left, right) => {
                left.collect_fields(names);
                right.collect_fields(names);
            }
            Self::Between { operand, low, high } => {
                for one in [operand, low, high] {
                    one.collect_fields(names);
                }
            }
            Self::InList { operand, .. }
            | Self::Like { operand, .. }
            | Self::IsNull(operand)
            | Self::Truth(operand) => operand.collect_fields(names),
        }
    }
}

impl Operand {
    fn collect_fields<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Field(field) => names.push(&field.name),
            Self::Literal(_) => {}
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.collect_fields(names)),
        }
    }
}

#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;
