//! Where records are: datasets, their address in a store, and the shape found there.

use crate::value::ValueType;
use serde::{Deserialize, Serialize};

pub use crate::predicate::template::KeyTemplate;

/// The declared place of one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetAddress {
    /// Name of the store in the settings.
    pub store: String,
    /// Name of the dataset in the data map, unique over all stores.
    pub dataset: String,
    pub location: Location,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A table, optionally with its schema. Both are names as the catalogue spells them, unquoted.
    Table { schema: Option<String>, table: String },
    /// Objects or files whose whole key matches the template.
    Objects { key: KeyTemplate },
}

/// What the live store says about a dataset. Its serialised form is what the schema digest of a
/// plan covers, so it holds only what matters to a plan and nothing that changes by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetShape {
    /// Every column (or attribute of an object), in the order of the store.
    pub columns: Vec<ColumnShape>,
    /// Names of the key columns, in key order. Empty: no key, the dataset cannot be governed.
    pub key: Vec<String>,
    /// Foreign keys of this table that point to others.
    pub references: Vec<ForeignKey>,
    /// Foreign keys of other tables that point here.
    pub referenced_by: Vec<ForeignKey>,
    /// Names of the triggers that fire on delete or update.
    pub triggers: Vec<String>,
    /// For objects with attributes by free names, `tag('x')` and `metadata('x')`: the shape that each of
    /// them has, under no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Box<ColumnShape>>,
}

impl DatasetShape {
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnShape> {
        let named = self.columns.iter().find(|column| column.name == name);
        named.or_else(|| self.attributes.as_deref().filter(|_| is_attribute(name)))
    }
}

/// Whether this is the name of an attribute of an object: `tag('x')` or `metadata('x')`.
#[must_use]
pub fn is_attribute(name: &str) -> bool {
    attribute("tag", name).is_some() || attribute("metadata", name).is_some()
}

/// The `x` of `tag('x')`, for the function `tag`.
#[must_use]
pub fn attribute(function: &str, name: &str) -> Option<String> {
    let quoted = name.strip_prefix(function)?.strip_prefix("('")?.strip_suffix("')")?;
    Some(quoted.replace("''", "'"))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnShape {
    pub name: String,
    /// The type as the store spells it, for messages.
    pub declared_type: String,
    pub value_type: ValueType,
    pub nullable: bool,
    /// Part of a unique constraint or index (the key included).
    pub unique: bool,
    pub generated: bool,
    /// Declared length limit in characters, if there is one.
    pub length_max: Option<u32>,
    /// Named in a CHECK constraint, whose outcome cannot be foreseen.
    pub checked: bool,
}

/// One foreign key, seen from either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub child_schema: Option<String>,
    pub child_table: String,
    pub child_columns: Vec<String>,
    pub parent_schema: Option<String>,
    pub parent_table: String,
    pub parent_columns: Vec<String>,
    pub on_delete: ReferentialAction,
    /// The child's columns are the leading columns of some index: without it each parent costs a
    /// scan of the whole child.
    pub child_indexed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferentialAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}
