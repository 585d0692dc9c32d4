//! A parsed predicate before its fields have types.

use super::error::{Position, PredicateError};
use super::{Comparison, Function};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A predicate that is well formed. [`Parsed::check`] makes a [`super::Predicate`] of it.
///
/// Serialised as its text. `Debug` shows no text: it may name a person.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Parsed {
    text: String,
    root: Node,
}

impl Parsed {
    pub(super) fn new(text: &str, root: Node) -> Self {
        Self { text: text.to_owned(), root }
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The names of the fields it speaks of, as written, in the order of the text, with repetitions.
    /// Tags and metadata of objects are named `tag('x')` and `metadata('x')`.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let mut names = Vec::new();
        self.root.collect_fields(&mut names);
        names.into_iter()
    }
}

impl PartialEq for Parsed {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Parsed {}

impl fmt::Debug for Parsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Parsed({} bytes)", self.text.len())
    }
}

impl TryFrom<String> for Parsed {
    type Error = PredicateError;

    fn try_from(text: String) -> Result<Self, PredicateError> {
        super::parse(&text)
    }
}

impl From<Parsed> for String {
    fn from(parsed: Parsed) -> Self {
        parsed.text
    }
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Is {
        inner: Box<Node>,
        value: bool,
    },
    Compare(Comparison, Term, Term),
    InList {
        tested: Term,
        list: Vec<Term>,
    },
    Between {
        tested: Term,
        low: Term,
        high: Term,
    },
    Like {
        tested: Term,
        pattern: Term,
    },
    IsNull(Term),
    /// A value that stands alone and must be a boolean.
    Truth(Term),
}

impl Node {
    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { Self::Not(Box::new(self)) } else { self }
    }

    fn collect_fields<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.collect_fields(names);
                }
            }
            Self::Not(inner) | Self::Is { inner, .. } => inner.collect_fields(names),
            Self::Compare(_, left, right) => {
                left.collect_fields(names);
                right.collect_fields(names);
            }
            Self::InList { tested, list } => {
                tested.collect_fields(names);
                for item in list {
                    item.collect_fields(names);
                }
            }
            Self::Between { tested, low, high } => {
                for term in [tested, low, high] {
                    term.collect_fields(names);
                }
            }
            Self::Like { tested, .. } | Self::IsNull(tested) | Self::Truth(tested) => {
                tested.collect_fields(names);
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) at: Position,
    pub(super) kind: TermKind,
}

#[derive(Debug, Clone)]
pub(super) enum TermKind {
    Field(String),
    Literal(Value),
    Call(Function, Vec<Term>),
}

impl Term {
    fn collect_fields<'a>(&'a self, names: &mut Vec<&'a str>) {
        match &self.kind {
            TermKind::Field(name) => names.push(name),
            TermKind::Literal(_) => {}
            TermKind::Call(_, arguments) => {
                for argument in arguments {
                    argument.collect_fields(names);
                }
            }
        }
    }
}
