//! What a column of PostgreSQL holds, told from how its type is spelled.
//!
//! A [`ColumnShape`] of this store spells types as `format_type` does with `pg_catalog` first on the search
//! path, and a domain by what it stands on. So a type of this list is always the built-in one: others of the
//! same name are spelled with their schema.

use crate::dataset::ColumnShape;
use crate::value::ValueType;

/// How the values of a column are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// With the least value of the type.
    Int {
        min: i64,
    },
    /// `double precision`.
    Float,
    /// `real`.
    Real,
    Numeric(Precision),
    Text(TextKind),
    Bytes,
    Date,
    /// `timestamp with time zone`.
    Instant,
    /// `timestamp without time zone`.
    Local,
    Uuid,
    /// Read as the text of its values, and as nothing else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// `text` and `character varying`.
    Plain,
    /// `character`: padded, and read without the padding.
    Padded,
    /// `name`: at most 63 bytes.
    Name,
    /// `citext`, read and compared as plain text.
    Citext,
}

/// Declared digits of a `numeric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Precision {
    /// All digits and those after the point; `None` if not limited.
    pub(crate) digits: Option<(u32, i32)>,
}

impl Precision {
    /// Whether every number of the type is the shortest way to write some float, so that reading it as a
    /// float changes nothing.
    pub(crate) fn is_exact_as_float(self) -> bool {
        self.digits.is_some_and(|(all, after)| all <= 15 && (0..=15).contains(&after))
    }
}

impl Kind {
    pub(crate) fn of(column: &ColumnShape) -> Self {
        let declared = column.declared_type.as_str();
        match declared {
            "boolean" => Self::Bool,
            "smallint" => Self::Int { min: i64::from(i16::MIN) },
            "integer" => Self::Int { min: i64::from(i32::MIN) },
            "bigint" => Self::Int { min: i64::MIN },
            "double precision" => Self::Float,
            "real" => Self::Real,
            "text" | "character varying" => Self::Text(TextKind::Plain),
            "character" | "bpchar" => Self::Text(TextKind::Padded),
            "name" => Self::Text(TextKind::Name),
            "bytea" => Self::Bytes,
            "date" => Self::Date,
            "uuid" => Self::Uuid,
            "numeric" => Self::Numeric(Precision { digits: None }),
            _ => Self::with_length(declared, column.value_type),
        }
    }

    fn with_length(declared: &str, value_type: ValueType) -> Self {
        if let Some((before, after)) = declared.split_once('(')
            && let Some((inside, rest)) = after.split_once(')')
        {
            match (before, rest) {
                ("character varying", "") => return Self::Text(TextKind::Plain),
                ("character", "") => return Self::Text(TextKind::Padded),
                ("numeric", "") => return Self::Numeric(Precision { digits: digits(inside) }),
                ("timestamp", " with time zone") => return Self::Instant,
                ("timestamp", " without time zone") => return Self::Local,
                _ => {}
            }
        }
        match declared {
            "timestamp with time zone" => Self::Instant,
            "timestamp without time zone" => Self::Local,
            // The catalogue says text of no other type that is spelled so.
            _ if value_type == ValueType::Text && (declared == "citext" || declared.ends_with(".citext")) => {
                Self::Text(TextKind::Citext)
            }
            _ => Self::Other,
        }
    }

    /// Whether [`super::stored`] gives text.
    pub(crate) fn is_textual(self) -> bool {
        matches!(self, Self::Text(_) | Self::Uuid | Self::Other)
    }
}

fn digits(inside: &str) -> Option<(u32, i32)> {
    let (all, after) = inside.split_once(',').unwrap_or((inside, "0"));
    Some((all.trim().parse().ok()?, after.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(declared: &str, value_type: ValueType, expected: Kind) {
        let column = ColumnShape {
            name: "c".to_owned(),
            declared_type: declared.to_owned(),
            value_type,
            nullable: true,
            unique: false,
            generated: false,
            length_max: None,
            checked: false,
        };
        assert_eq!(Kind::of(&column), expected, "{declared}");
    }

    #[test]
    fn a_kind_is_told_from_the_spelling_of_the_catalogue() {
        check("character varying(20)", ValueType::Text, Kind::Text(TextKind::Plain));
        check("character varying(20)[]", ValueType::Unknown, Kind::Other);
        check("character(3)", ValueType::Text, Kind::Text(TextKind::Padded));
        check("numeric(10,2)", ValueType::Real, Kind::Numeric(Precision { digits: Some((10, 2)) }));
        check("numeric(3,-2)", ValueType::Real, Kind::Numeric(Precision { digits: Some((3, -2)) }));
        check("timestamp(3) with time zone", ValueType::Instant, Kind::Instant);
        check("timestamp without time zone", ValueType::Unknown, Kind::Local);
        check("timestamp without time zone[]", ValueType::Unknown, Kind::Other);
        check("time without time zone", ValueType::Unknown, Kind::Other);
        check("crm.date", ValueType::Unknown, Kind::Other);
        check("ext.citext", ValueType::Text, Kind::Text(TextKind::Citext));
        check("integer[]", ValueType::Unknown, Kind::Other);
        check("\"char\"", ValueType::Unknown, Kind::Other);
    }
}
