//! The key of a table in SQL: its columns, ranges of it, and given keys of it.
//!
//! Above `sql`; builds conditions only and runs nothing.

use super::backend::{Backend, KeyColumn};
use super::numbers::NumberSet;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::sql::{Ident, Row, SqlError, SqlText};
use crate::value::{RecordKey, Value, ValueType};

/// One table under an alias, with the columns of its key.
#[derive(Debug, Clone)]
pub(super) struct KeyedTable<'s> {
    pub(super) alias: String,
    /// `table AS alias`.
    pub(super) from: SqlText,
    /// `table`, for a server that takes no alias where it deletes.
    pub(super) plain: SqlText,
    pub(super) shape: &'s DatasetShape,
    columns: Vec<(SqlText, &'s ColumnShape)>,
    compares_rows: bool,
}

/// Which records of the table a statement is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Restriction {
    /// All after the first key (from the beginning if there is none) up to and with the last (to the end if
    /// there is none).
    Range {
        after: Option<RecordKey>,
        last: Option<RecordKey>,
    },
    Keys(Vec<RecordKey>),
}

impl Restriction {
    pub(super) const ALL: Self = Self::Range { after: None, last: None };
}

impl<'s> KeyedTable<'s> {
    pub(super) fn new(
        address: &DatasetAddress,
        shape: &'s DatasetShape,
        alias: &str,
        compares_rows: bool,
    ) -> Result<Self, SqlError> {
        let missing = || SqlError::NotWritable {
            reason: format!("dataset '{}' has lost a column of its key", address.dataset),
        };
        let columns = shape
            .key
            .iter()
            .map(|name| Ok((SqlText::column(alias, name)?, shape.column(name).ok_or_else(missing)?)))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let plain = SqlText::table(address)?;
        let from = SqlText::fill("{0} AS {1}", &[&plain, &SqlText::ident(&Ident::new(alias)?)]);
        Ok(Self { alias: alias.to_owned(), from, plain, shape, columns, compares_rows })
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row { alias: &self.alias, shape: self.shape }
    }

    /// Number of columns of the key.
    pub(super) fn parts(&self) -> usize {
        self.columns.len()
    }

    /// The columns of the key as they are stored, for ordering.
    pub(super) fn order(&self) -> SqlText {
        SqlText::list(self.columns.iter().map(|(text, _)| text))
    }

    /// The columns of the key as they are read.
    pub(super) fn list<B: Backend>(&self, backend: &B) -> SqlText {
        let read: Vec<SqlText> =
            self.columns.iter().map(|(text, shape)| backend.stored(shape, text)).collect();
        SqlText::list(&read)
    }

    /// Whether the key is one whole number.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self.columns.as_slice(), [(_, shape)] if shape.value_type == ValueType::Int)
    }

    /// The key as it is read and as it is ordered, under names for a query around.
    pub(super) fn named<B: Backend>(&self, backend: &B) -> Result<(Named, Named), SqlError> {
        let read = self.columns.iter().map(|(text, shape)| backend.stored(shape, text));
        let order = self.columns.iter().map(|(text, _)| text.clone());
        Ok((Named::new("k", read)?, Named::new("o", order)?))
    }

    /// Whether the key is these columns, in this order.
    pub(super) fn is_keyed_by(&self, columns: &[&String]) -> bool {
        self.shape.key.iter().eq(columns.iter().copied())
    }

    /// True for the records of the restriction.
    pub(super) fn within<B: Backend>(
        &self,
        backend: &B,
        restriction: &Restriction,
    ) -> Result<SqlText, SqlError> {
        match restriction {
            Restriction::Keys(keys) => self.among(backend, keys),
            Restriction::Range { after, last } => {
                let after = after.as_ref().map(|key| self.beyond(backend, key, &AFTER)).transpose()?;
                let last = last.as_ref().map(|key| self.beyond(backend, key, &UP_TO)).transpose()?;
                let parts: Vec<SqlText> = after.into_iter().chain(last).collect();
                Ok(SqlText::join_balanced(&parts, " AND ").unwrap_or_else(|| SqlText::new("TRUE")))
            }
        }
    }

    /// The same range over other columns that must equal the key, such as those of a foreign key.
    pub(super) fn over(mut self, columns: Vec<SqlText>) -> Self {
        for (column, text) in self.columns.iter_mut().zip(columns) {
            column.0 = text;
        }
        self
    }

    /// True for exactly these keys. Where they lie close together a server that locks no more than it changes walks over
    /// the rows from the first to the last instead of looking each of them up.
    pub(super) fn among<B: Backend>(&self, backend: &B, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
        if backend.locks_matches_alone() { self.around(backend, keys) } else { self.each_of(backend, keys) }
    }

    /// The same for a query that locks nothing.
    pub(super) fn around<B: Backend>(&self, backend: &B, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
        match self.walked(backend, keys)? {
            Some(walked) => Ok(walked),
            None => self.each_of(backend, keys),
        }
    }

    fn each_of<B: Backend>(&self, backend: &B, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
        let columns: Vec<KeyColumn<'_>> =
            self.columns.iter().map(|(text, shape)| KeyColumn { text, shape }).collect();
        backend.among(&columns, keys)
    }

    /// True for these keys in the range from the first to the last of them, which lie close together.
    pub(super) fn walked<B: Backend>(
        &self,
        backend: &B,
        keys: &[RecordKey],
    ) -> Result<Option<SqlText>, SqlError> {
        let (Some(set), [(text, shape)]) = (NumberSet::of(keys), self.columns.as_slice()) else {
            return Ok(None);
        };
        let [first, last] = [set.first, set.last].map(|end| backend.key_part(shape, &Value::Int(end)));
        let among = backend.among_rows(KeyColumn { text, shape }, set)?;
        Ok(Some(SqlText::fill("({0} >= {1} AND {0} <= {2} AND {3})", &[text, &first?, &last?, &among])))
    }

    fn beyond<B: Backend>(&self, backend: &B, key: &RecordKey, side: &Side) -> Result<SqlText, SqlError> {
        let mut parts = Vec::with_capacity(self.parts());
        for ((_, shape), value) in self.columns.iter().zip(&key.0) {
            parts.push(backend.key_part(shape, value)?);
        }
        if parts.len() != self.parts() || parts.is_empty() {
            return Err(SqlError::NotWritable { reason: "a key has another number of parts".to_owned() });
        }
        if self.compares_rows || parts.len() == 1 {
            return Ok(SqlText::fill(
                side.whole,
                &[&tuple(&self.order(), &parts), &tuple(&SqlText::list(&parts), &parts)],
            ));
        }
        Ok(self.step_by_step(&parts, side))
    }

    /// `a >= x AND (a > x OR (b > y))`, for servers whose indexes do not serve comparisons of rows.
    fn step_by_step(&self, values: &[SqlText], side: &Side) -> SqlText {
        let mut pairs = self.columns.iter().map(|(text, _)| text).zip(values).rev();
        let Some((column, value)) = pairs.next() else { return SqlText::new("TRUE") };
        let mut condition = SqlText::fill(side.whole, &[column, value]);
        for (column, value) in pairs {
            condition = SqlText::fill(side.step, &[column, value, &condition]);
        }
        condition
    }
}

/// Expressions with names.
pub(super) struct Named {
    /// `expression AS "name", …`.
    pub(super) defined: SqlText,
    /// `"name", …`.
    pub(super) names: SqlText,
}

impl Named {
    fn new(prefix: &str, expressions: impl Iterator<Item = SqlText>) -> Result<Self, SqlError> {
        let (mut defined, mut names) = (Vec::new(), Vec::new());
        for (place, expression) in expressions.enumerate() {
            let name = SqlText::ident(&Ident::new(&format!("{prefix}{place}"))?);
            defined.push(SqlText::fill("{0} AS {1}", &[&expression, &name]));
            names.push(name);
        }
        Ok(Self { defined: SqlText::list(&defined), names: SqlText::list(&names) })
    }
}

/// The templates of one side of a range.
struct Side {
    whole: &'static str,
    step: &'static str,
}

const AFTER: Side = Side { whole: "({0} > {1})", step: "({0} >= {1} AND ({0} > {1} OR {2}))" };
const UP_TO: Side = Side { whole: "({0} <= {1})", step: "({0} <= {1} AND ({0} < {1} OR {2}))" };

/// `a` or `(a, b)`.
fn tuple(list: &SqlText, parts: &[SqlText]) -> SqlText {
    if parts.len() == 1 { list.clone() } else { SqlText::fill("({0})", &[list]) }
}
