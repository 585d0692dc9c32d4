//! What a declared type of MySQL means here: which values a column can hold, and as what they are read.

use crate::dataset::{ColumnShape, DatasetShape};
use crate::sql::{SqlError, SqlText};
use crate::value::ValueType;

/// The types of MySQL and MariaDB, as far as they are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TINYINT(1) with a sign, and BIT(1): 0 and 1 are booleans, other numbers are none.
    Bool {
        bits: bool,
    },
    Whole {
        unsigned: bool,
    },
    /// BIT(n): a number.
    Bits,
    Year,
    /// FLOAT, DOUBLE, DECIMAL: a float.
    Real,
    /// CHAR, VARCHAR, TEXT.
    Text,
    /// Written as text by the server: ENUM, SET, TIME, UUID, INET6.
    Written,
    /// No zone: text `YYYY-MM-DD HH:MM:SS[.f]`.
    Datetime {
        fraction: bool,
    },
    Bytes,
    Date,
    /// An instant, since the zone of every session is UTC.
    Timestamp,
    /// JSON, geometry and what is not known: can be read, not compared.
    Other,
}

impl Kind {
    /// The kind of a type as `information_schema.COLUMNS.COLUMN_TYPE` spells it.
    pub(crate) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_lowercase();
        let name = declared.split(['(', ' ']).next().unwrap_or_default();
        match name {
            "tinyint" if declared == "tinyint(1)" => Self::Bool { bits: false },
            "bit" if declared == "bit(1)" || declared == "bit" => Self::Bool { bits: true },
            "bit" => Self::Bits,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => {
                Self::Whole { unsigned: declared.contains(" unsigned") }
            }
            "year" => Self::Year,
            "float" | "double" | "decimal" => Self::Real,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Self::Text,
            "enum" | "set" | "time" | "uuid" | "inet6" | "inet4" => Self::Written,
            "datetime" => Self::Datetime { fraction: declared.starts_with("datetime(") },
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Self::Bytes,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            _ => Self::Other,
        }
    }

    pub(crate) fn value_type(self) -> ValueType {
        match self {
            Self::Bool { .. } => ValueType::Bool,
            Self::Whole { .. } | Self::Bits | Self::Year => ValueType::Int,
            Self::Real => ValueType::Real,
            Self::Text | Self::Written | Self::Datetime { .. } => ValueType::Text,
            Self::Bytes => ValueType::Bytes,
            Self::Date => ValueType::Date,
            Self::Timestamp => ValueType::Instant,
            Self::Other => ValueType::Unknown,
        }
    }

    /// The stored number as an integer of SQL; `None` for what is read as something else.
    pub(super) fn whole(self, column: &SqlText) -> Option<SqlText> {
        match self {
            Self::Bool { bits: false } | Self::Whole { .. } => Some(column.clone()),
            Self::Bool { bits: true } | Self::Bits | Self::Year => {
                Some(SqlText::fill("({0} + 0)", &[column]))
            }
            _ => None,
        }
    }

    /// Whether [`Kind::whole`] is an unsigned integer, from which nothing may be taken below 0.
    pub(super) fn is_unsigned(self) -> bool {
        matches!(self, Self::Whole { unsigned: true } | Self::Bool { bits: true } | Self::Bits | Self::Year)
    }

    /// The stored text as a string of utf8mb4; `None` for what is read as something else.
    pub(super) fn text(self, column: &SqlText) -> Option<SqlText> {
        let template = match self {
            Self::Text => "CONVERT({0} USING utf8mb4)",
            Self::Written | Self::Datetime { fraction: false } => "CAST({0} AS CHAR CHARACTER SET utf8mb4)",
            Self::Datetime { fraction: true } => {
                "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST({0} AS CHAR CHARACTER SET utf8mb4)))"
            }
            _ => return None,
        };
        Some(SqlText::fill(template, &[column]))
    }
}

/// The bytes of a string in utf8mb4: compared so, no collation and no padding takes part.
pub(crate) fn bytes(text: &SqlText) -> SqlText {
    SqlText::fill("CAST(CONVERT({0} USING utf8mb4) AS BINARY)", &[text])
}

/// A floating-point number of any numeric column. Decimals are rounded as the server rounds them.
pub(super) fn real(column: &SqlText) -> SqlText {
    SqlText::fill("({0} + 0e0)", &[column])
}

/// What [`crate::server::Backend::stored`] gives for a column.
pub(crate) fn stored(column: &ColumnShape, text: &SqlText) -> SqlText {
    let kind = Kind::of(&column.declared_type);
    match kind {
        Kind::Text | Kind::Bytes | Kind::Date | Kind::Timestamp | Kind::Other => text.clone(),
        Kind::Real => real(text),
        _ => kind.whole(text).or_else(|| kind.text(text)).unwrap_or_else(|| text.clone()),
    }
}

/// The kind of a column of the table.
pub(super) fn kind_of(shape: &DatasetShape, column: &str) -> Result<Kind, SqlError> {
    let found = shape.column(column).ok_or_else(|| SqlError::NotWritable {
        reason: format!("the table has no column '{column}' any more"),
    })?;
    Ok(Kind::of(&found.declared_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_as_the_catalogue_spells_them() {
        let check = |declared, kind| assert_eq!(Kind::of(declared), kind, "{declared}");
        check("tinyint(1)", Kind::Bool { bits: false });
        check("tinyint(1) unsigned", Kind::Whole { unsigned: true });
        check("tinyint(4)", Kind::Whole { unsigned: false });
        check("bigint(20) unsigned zerofill", Kind::Whole { unsigned: true });
        check("bigint unsigned", Kind::Whole { unsigned: true });
        check("int", Kind::Whole { unsigned: false });
        check("bit(1)", Kind::Bool { bits: true });
        check("bit(12)", Kind::Bits);
        check("decimal(10,2) unsigned", Kind::Real);
        check("enum('a','b c')", Kind::Written);
        check("datetime", Kind::Datetime { fraction: false });
        check("datetime(6)", Kind::Datetime { fraction: true });
        check("varchar(20)", Kind::Text);
        check("varbinary(20)", Kind::Bytes);
        check("json", Kind::Other);
        check("point", Kind::Other);
    }
}
