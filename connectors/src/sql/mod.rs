//! Dynamic SQL: the only place that makes it.
//!
//! A [`SqlText`] is put together from constant text, quoted names ([`Ident`]) and bound values, never
//! from a value's text; `bind` hands it to the drivers. What a selection means is written once
//! ([`class`], [`predicate`]) over the words of a [`Dialect`]; [`sqlite`] is one. Nothing here runs a
//! statement.

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod bind;
pub mod class;
pub mod dialect;
pub mod grants;
pub mod marks;
mod mixed;
#[cfg(feature = "mysql")]
pub mod mysql;
mod owners;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod predicate;
pub mod sqlite;

#[cfg(feature = "mysql")]
pub use bind::{MySqlQuery, mysql_query};
#[cfg(feature = "postgres")]
pub use bind::{PgQuery, postgres_query};
#[cfg(feature = "sqlite")]
pub use bind::{SqliteQuery, query};
pub use dialect::{Dialect, Row, StartText, standing};

use crate::dataset::{DatasetAddress, Location};
use crate::value::Value;
use std::fmt;
use thiserror::Error;

/// Why a selection cannot be written as SQL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SqlError {
    /// Rename the table or column.
    #[error("a name of the catalogue is empty or holds U+0000 and cannot be quoted")]
    UnusableName,
    /// The selection was made for another kind of store.
    #[error("dataset '{dataset}' is not a table")]
    NotATable { dataset: String },
    /// Change the rule or the data map.
    #[error("{reason}")]
    NotWritable { reason: String },
}

/// A quoted name of a table, a column or an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident(String);

impl Ident {
    /// Quotes `name` as standard SQL does: in double quotes, inner double quotes doubled.
    pub fn new(name: &str) -> Result<Self, SqlError> {
        if name.is_empty() || name.contains('\0') {
            return Err(SqlError::UnusableName);
        }
        Ok(Self(format!("\"{}\"", name.replace('"', "\"\""))))
    }
}

/// A piece of SQL with the values of its marks (`?`) in order.
///
/// `Debug` shows the text and the number of values: the values may be personal data.
#[derive(Clone, Default, PartialEq)]
pub struct SqlText {
    text: String,
    /// Where the marks stand in the text: a name may hold a question mark too.
    marks: Vec<usize>,
    binds: Vec<Value>,
}

impl fmt::Debug for SqlText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SqlText({:?}, {} values)", self.text, self.binds.len())
    }
}

impl SqlText {
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// A single bound value.
    #[must_use]
    pub fn value(value: Value) -> Self {
        Self { text: "?".to_owned(), marks: vec![0], binds: vec![value] }
    }

    /// A single quoted name.
    #[must_use]
    pub fn ident(ident: &Ident) -> Self {
        Self { text: ident.0.clone(), ..Self::default() }
    }

    /// `alias."column"`.
    pub fn column(alias: &str, column: &str) -> Result<Self, SqlError> {
        let mut text = Self::ident(&Ident::new(alias)?);
        text.push(".").append(&Self::ident(&Ident::new(column)?));
        Ok(text)
    }

    /// The table of `address`, with its schema if it has one.
    pub fn table(address: &DatasetAddress) -> Result<Self, SqlError> {
        let Location::Table { schema, table } = &address.location else {
            return Err(SqlError::NotATable { dataset: address.dataset.clone() });
        };
        let mut text = Self::default();
        if let Some(schema) = schema {
            text.append(&Self::ident(&Ident::new(schema)?)).push(".");
        }
        text.append(&Self::ident(&Ident::new(table)?));
        Ok(text)
    }

    /// Constant text in which `{0}`, `{1}`, … (one digit) stand for `parts`; each may occur any number
    /// of times. A placeholder without its part is left as it stands, which no server accepts.
    #[must_use]
    pub fn fill(template: &'static str, parts: &[&Self]) -> Self {
        let mut filled = Self::default();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.text.push_str(before);
            let part = after.split_once('}').and_then(|(digit, tail)| {
                let position: usize = digit.parse().ok()?;
                Some((*parts.get(position)?, tail))
            });
            if let Some((part, tail)) = part {
                filled.append(part);
                rest = tail;
            } else {
                filled.text.push('{');
                rest = after;
            }
        }
        filled.text.push_str(rest);
        filled
    }

    /// `parts` put together with `operator` (such as ` AND `) as a balanced tree in parentheses:
    /// servers limit the depth of an expression, not its width. `None` for no parts.
    #[must_use]
    pub fn join_balanced(parts: &[Self], operator: &'static str) -> Option<Self> {
        match parts {
            [] => None,
            [single] => Some(single.clone()),
            _ => {
                let (left, right) = parts.split_at(parts.len() / 2);
                let (left, right) =
                    (Self::join_balanced(left, operator)?, Self::join_balanced(right, operator)?);
                let mut joined = Self::new("(");
                joined.append(&left).push(operator).append(&right).push(")");
                Some(joined)
            }
        }
    }

    /// `parts` separated by commas.
    #[must_use]
    pub fn list<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut list = Self::default();
        for (position, part) in parts.into_iter().enumerate() {
            if position > 0 {
                list.push(", ");
            }
            list.append(part);
        }
        list
    }

    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub fn append(&mut self, other: &Self) -> &mut Self {
        let before = self.text.len();
        self.marks.extend(other.marks.iter().map(|mark| before + mark));
        self.text.push_str(&other.text);
        self.binds.extend_from_slice(&other.binds);
        self
    }

    /// Appends `?` for `value`.
    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.marks.push(self.text.len());
        self.text.push('?');
        self.binds.push(value);
        self
    }

    /// The text with `$1`, `$2`, … in the place of its marks, as PostgreSQL wants them, and with `NULL`
    /// in the place of a mark for a NULL, which takes no number.
    #[must_use]
    pub fn numbered(&self) -> String {
        let mut numbered = String::with_capacity(self.text.len() + 2 * self.marks.len());
        let (mut from, mut number) = (0, 0);
        for (mark, value) in self.marks.iter().zip(&self.binds) {
            numbered.push_str(self.text.get(from..*mark).unwrap_or_default());
            if *value == Value::Null {
                numbered.push_str("NULL");
            } else {
                number += 1;
                numbered.push('$');
                numbered.push_str(&number.to_string());
            }
            from = mark + 1;
        }
        numbered.push_str(self.text.get(from..).unwrap_or_default());
        numbered
    }

    /// The text, for tests and for `EXPLAIN`-like messages; it holds no value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn binds(&self) -> &[Value] {
        &self.binds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_is_doubled_and_a_nul_refused() {
        assert_eq!(SqlText::column("t", "a\"b").unwrap().text(), "\"t\".\"a\"\"b\"");
        assert_eq!(Ident::new("a\0b"), Err(SqlError::UnusableName));
        assert_eq!(Ident::new(""), Err(SqlError::UnusableName));
    }

    #[test]
    fn values_stay_in_the_order_of_their_marks() {
        let one = SqlText::value(Value::Int(1));
        let two = SqlText::value(Value::Int(2));
        let filled = SqlText::fill("f({1}, {0}, {1})", &[&one, &two]);
        assert_eq!(filled.text(), "f(?, ?, ?)");
        assert_eq!(filled.binds(), &[Value::Int(2), Value::Int(1), Value::Int(2)]);
    }

    #[test]
    fn only_marks_are_numbered_whatever_stands_in_names() {
        let name = SqlText::column("t", "really?").unwrap();
        let one = SqlText::value(Value::Int(1));
        let filled = SqlText::fill(
            "{0} = {1} AND {2} IS {1} AND {1} < {0}",
            &[&name, &one, &SqlText::value(Value::Null)],
        );
        assert_eq!(filled.numbered(), "\"t\".\"really?\" = $1 AND NULL IS $2 AND $3 < \"t\".\"really?\"");
    }

    #[test]
    fn debug_shows_no_value() {
        let text = format!("{:?}", SqlText::value(Value::Text("secret".to_owned())));
        assert!(!text.contains("secret"));
    }

    #[test]
    fn a_wide_conjunction_is_not_deep() {
        let parts = vec![SqlText::new("1"); 1000];
        let joined = SqlText::join_balanced(&parts, " AND ").unwrap();
        let mut depth = 0_i32;
        let deepest = joined.text().chars().fold(0, |deepest, character| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            deepest.max(depth)
        });
        assert_eq!(deepest, 10);
    }
}
