//! The key of a table in SQL: its columns, ranges of it, and given keys of it.
//!
//! Above `sql`; builds conditions only and runs nothing.

use crate::dataset::{DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value, ValueType};

/// Most parameters of one statement (`SQLITE_MAX_VARIABLE_NUMBER`), with room for those of the rest.
const KEY_PARAMETERS_MAX: usize = 30_000;

/// One table under an alias, with the columns of its key.
#[derive(Debug, Clone)]
pub(super) struct KeyedTable {
    store: String,
    /// `table AS alias`, perhaps with what keeps the planner on the walk.
    pub(super) from: SqlText,
    /// `table AS alias`.
    plain: SqlText,
    columns: Vec<SqlText>,
    /// One column that is declared as an integer: the keys of a whole batch can come as one value.
    pub(super) may_be_integers: bool,
}

/// Which records of the table a statement is about.
#[derive(Debug, Clone)]
pub(super) enum Restriction {
    All,
    /// All after the first key (from the beginning if there is none) up to and with the last.
    Range {
        after: Option<RecordKey>,
        last: RecordKey,
    },
    Keys(Vec<RecordKey>),
}

impl KeyedTable {
    /// `walks_rowid`: the key is the row identifier; then no other index may lure the planner away from
    /// walking it, which for a dense rule would visit the table in random order.
    pub(super) fn new(
        address: &DatasetAddress,
        shape: &DatasetShape,
        alias: &str,
        walks_rowid: bool,
    ) -> Result<Self, SqlError> {
        let columns =
            shape.key.iter().map(|name| SqlText::column(alias, name)).collect::<Result<Vec<_>, _>>()?;
        let alias = SqlText::ident(&crate::sql::Ident::new(alias)?);
        let plain = SqlText::fill("{0} AS {1}", &[&SqlText::table(address)?, &alias]);
        let from = if walks_rowid { SqlText::fill("{0} NOT INDEXED", &[&plain]) } else { plain.clone() };
        let integer = |name: &String| shape.column(name).is_some_and(|c| c.value_type == ValueType::Int);
        let may_be_integers = shape.key.len() == 1 && shape.key.iter().all(integer);
        let store = address.store.clone();
        Ok(Self { store, from, plain, columns, may_be_integers })
    }

    /// The same table where the planner may choose its way.
    pub(super) fn with_any_index(mut self) -> Self {
        self.from = self.plain.clone();
        self
    }

    /// `table AS alias` where the planner may choose its way.
    pub(super) fn any_way(&self) -> &SqlText {
        &self.plain
    }

    /// True where one column has one of these values, which come as keys of one part.
    pub(super) fn has_value_among(
        &self,
        column: &SqlText,
        values: &[RecordKey],
    ) -> Result<SqlText, ConnectorError> {
        Self { columns: vec![column.clone()], ..self.clone() }.among(values)
    }

    /// Number of columns of the key.
    pub(super) fn parts(&self) -> usize {
        self.columns.len()
    }

    /// `a, b`
    pub(super) fn list(&self) -> SqlText {
        SqlText::list(&self.columns)
    }

    /// True where the record can be named: no part of its key is NULL, which SQLite allows in a primary
    /// key (<https://www.sqlite.org/lang_createtable.html#the_primary_key>).
    pub(super) fn is_named(&self) -> SqlText {
        let parts: Vec<SqlText> =
            self.columns.iter().map(|column| SqlText::fill("{0} IS NOT NULL", &[column])).collect();
        SqlText::join_balanced(&parts, " AND ").unwrap_or_else(|| SqlText::new("0"))
    }

    fn tuple(&self) -> SqlText {
        tuple(&self.columns)
    }

    /// True for the records after `key`; for all without one.
    pub(super) fn after(&self, key: Option<&RecordKey>) -> SqlText {
        match key {
            Some(key) => SqlText::fill("({0} > {1})", &[&self.tuple(), &bound(key)]),
            None => SqlText::new("1"),
        }
    }

    pub(super) fn within(&self, restriction: &Restriction) -> Result<SqlText, ConnectorError> {
        match restriction {
            Restriction::All => Ok(SqlText::new("1")),
            Restriction::Range { after, last } => {
                let up_to = SqlText::fill("({0} <= {1})", &[&self.tuple(), &bound(last)]);
                Ok(SqlText::fill("({0} AND {1})", &[&self.after(after.as_ref()), &up_to]))
            }
            Restriction::Keys(keys) => self.among(keys),
        }
    }

    /// True for exactly these keys.
    ///
    /// # Errors
    /// `Failed` for more keys of a kind that needs a parameter each than one statement can have.
    pub(super) fn among(&self, keys: &[RecordKey]) -> Result<SqlText, ConnectorError> {
        if let Some(json) = json_of(keys) {
            let json = SqlText::value(Value::Text(json));
            if self.columns.len() == 1 {
                let template = "({0} IN (SELECT value ->> 0 FROM json_each({1})))";
                return Ok(SqlText::fill(template, &[&self.tuple(), &json]));
            }
            let parts: Vec<SqlText> = (0_i64..)
                .zip(&self.columns)
                .map(|(place, _)| SqlText::fill("value ->> {0}", &[&SqlText::value(Value::Int(place))]))
                .collect();
            let template = "({0} IN (SELECT {1} FROM json_each({2})))";
            return Ok(SqlText::fill(template, &[&self.tuple(), &SqlText::list(&parts), &json]));
        }
        if keys.len().saturating_mul(self.parts()) > KEY_PARAMETERS_MAX {
            return Err(ConnectorError::Failed {
                store: self.store.clone(),
                reason: format!(
                    "a batch of {} keys of this type is too large: at most {}",
                    keys.len(),
                    KEY_PARAMETERS_MAX / self.parts().max(1)
                ),
            });
        }
        let rows: Vec<SqlText> = keys.iter().map(bound).collect();
        let template = if self.columns.len() == 1 { "({0} IN ({1}))" } else { "({0} IN (VALUES {1}))" };
        Ok(SqlText::fill(template, &[&self.tuple(), &SqlText::list(&rows)]))
    }
}

/// `a` or `(a, b)`.
pub(super) fn tuple(columns: &[SqlText]) -> SqlText {
    match columns {
        [single] => single.clone(),
        _ => SqlText::fill("({0})", &[&SqlText::list(columns)]),
    }
}

/// `?` or `(?, ?)`.
fn bound(key: &RecordKey) -> SqlText {
    let parts: Vec<SqlText> = key.0.iter().map(|part| SqlText::value(part.clone())).collect();
    tuple(&parts)
}

/// The keys as one JSON array of arrays, which costs one parameter for any number of them. `None`
/// when some part would not come back from JSON as it was: a real, bytes, text with U+0000.
fn json_of(keys: &[RecordKey]) -> Option<String> {
    use std::fmt::Write as _;
    let mut json = String::with_capacity(keys.len().saturating_mul(12).saturating_add(2));
    json.push('[');
    for (row, key) in keys.iter().enumerate() {
        json.push_str(if row == 0 { "[" } else { ",[" });
        for (place, part) in key.0.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            match part {
                Value::Int(number) => write!(json, "{number}").ok()?,
                Value::Text(text) if !text.contains('\0') => {
                    json.push_str(&serde_json::to_string(text).ok()?);
                }
                _ => return None,
            }
        }
        json.push(']');
    }
    json.push(']');
    Some(json)
}

/// Whether any number of these keys can be named in one statement.
pub(super) fn are_compact(keys: &[RecordKey]) -> bool {
    json_of(keys).is_some()
}

/// Whether walking from the first to the last of these sorted integers visits not many more rows than
/// looking each of them up would.
pub(super) fn is_dense(keys: &[RecordKey]) -> bool {
    /// Up to this many rows are read in the time of one look-up through a list (measured).
    const ROWS_PER_LOOKUP: u64 = 8;
    let number = |key: Option<&RecordKey>| match key.map(|key| key.0.as_slice()) {
        Some([Value::Int(number)]) => Some(*number),
        _ => None,
    };
    let (Some(first), Some(last)) = (number(keys.first()), number(keys.last())) else {
        return false;
    };
    let length = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    first.abs_diff(last) <= length.saturating_mul(ROWS_PER_LOOKUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_json_cannot_carry_are_bound_one_by_one() {
        assert_eq!(
            json_of(&[RecordKey::int(1), RecordKey::text("a\"b")]).as_deref(),
            Some("[[1],[\"a\\\"b\"]]")
        );
        assert_eq!(json_of(&[RecordKey::text("a\0b")]), None);
        assert_eq!(json_of(&[RecordKey::of(vec![Value::Real(0.1)])]), None);
        assert_eq!(json_of(&[RecordKey::of(vec![Value::Bytes(vec![1])])]), None);
    }

    #[test]
    fn only_integers_that_lie_close_together_are_dense() {
        let every = |step: i64| (0..100).map(|n| RecordKey::int(n * step)).collect::<Vec<_>>();
        assert!(is_dense(&every(2)));
        assert!(!is_dense(&every(1000)));
        assert!(!is_dense(&[RecordKey::text("a"), RecordKey::text("b")]));
        assert!(is_dense(&[RecordKey::int(i64::MIN), RecordKey::int(i64::MIN)]));
        assert!(!is_dense(&[RecordKey::int(i64::MIN), RecordKey::int(i64::MAX)]));
    }
}
