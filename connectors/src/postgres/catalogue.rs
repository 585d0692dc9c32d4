//! Reads the live catalogue of a database: tables, columns, keys, foreign keys, triggers.
//!
//! Above the connection, below every statement over a dataset. Each query answers for one table, or for all
//! of them when `$1` is NULL. A partition stands for the whole partitioned table: what is declared on it is
//! told of the root. `shape` says what all this means for a dataset. Every name is a bound parameter.

use super::connect::PostgresConnection;
use crate::dataset::{ColumnShape, ForeignKey, ReferentialAction};
use crate::value::ValueType;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;

/// One relation that may be a dataset.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) id: i64,
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_class.relkind`.
    pub(super) kind: String,
    pub(super) partition: bool,
    /// Other tables inherit from it, and it is not partitioned.
    pub(super) inherited: bool,
    /// A relation of the system schema has the same name.
    pub(super) shadowed: bool,
}

/// What is known of tables by their id.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) columns: BTreeMap<i64, Vec<ColumnShape>>,
    pub(super) keys: BTreeMap<i64, Vec<String>>,
    /// With the ids of child and parent.
    pub(super) foreign_keys: Vec<(i64, i64, ForeignKey)>,
    pub(super) triggers: BTreeMap<i64, Vec<String>>,
}

const TABLES: &str = "SELECT c.oid::int8 AS id, n.nspname::text AS schema, c.relname::text AS name, \
     c.relkind::text AS kind, c.relispartition AS partition, \
     c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid) AS inherited, \
     n.nspname <> 'pg_catalog' AND EXISTS (SELECT 1 FROM pg_class s WHERE s.relname = c.relname \
       AND s.relnamespace = 'pg_catalog'::regnamespace) AS shadowed \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' \
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
     AND ($1::text IS NULL OR (n.nspname = $1::text AND c.relname = $2::text)) \
     ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

/// The type of a column is what its domain stands on, however deep. A unique index over an expression makes
/// every column that it depends on unique. A whole-row reference in a CHECK names every column.
const COLUMNS: &str = "WITH RECURSIVE base AS ( \
       SELECT a.attrelid, a.attnum, a.atttypid AS type, a.atttypmod AS modifier, false AS checked, \
         a.attnotnull AS not_null \
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
       WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
         AND c.relpersistence <> 't' AND ($1::int8 IS NULL OR a.attrelid = $1::int8::oid) \
       UNION ALL \
       SELECT b.attrelid, b.attnum, t.typbasetype, t.typtypmod, \
         b.checked OR EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), \
         b.not_null OR t.typnotnull \
       FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'), \
     unique_columns AS ( \
       SELECT i.indrelid, u.attnum FROM pg_index i \
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, place) \
         WHERE (i.indisunique OR i.indisexclusion) AND u.place <= i.indnkeyatts \
       UNION SELECT i.indrelid, d.refobjsubid::int2 FROM pg_index i \
         JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid \
           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid \
         WHERE (i.indisunique OR i.indisexclusion) AND i.indexprs IS NOT NULL) \
     SELECT a.attrelid::int8 AS id, a.attname::text AS name, format_type(t.oid, b.modifier) AS declared_type, \
       t.typname::text AS type_name, t.typtype::text AS type_kind, t.typnamespace = 'pg_catalog'::regnamespace \
         AS built_in, b.modifier, b.not_null, \
       a.attgenerated <> '' OR a.attidentity = 'a' AS generated, \
       EXISTS (SELECT 1 FROM unique_columns u WHERE u.indrelid = a.attrelid AND u.attnum = a.attnum) AS is_unique, \
       b.checked OR EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c' \
         AND (a.attnum = ANY (k.conkey) OR 0 = ANY (k.conkey))) AS checked \
     FROM base b JOIN pg_type t ON t.oid = b.type \
       JOIN pg_attribute a ON a.attrelid = b.attrelid AND a.attnum = b.attnum \
     WHERE t.typtype <> 'd' ORDER BY a.attrelid, a.attnum";

const KEYS: &str = "SELECT i.indrelid::int8 AS id, a.attname::text AS name \
     FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, place) \
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum \
     WHERE i.indisprimary AND u.place <= i.indnkeyatts AND ($1::int8 IS NULL OR i.indrelid = $1::int8::oid) \
     ORDER BY i.indrelid, u.place";

/// Constraints that the server derives for partitions are left out: the declared one stands for them. An
/// index serves a foreign key when its first columns are those of the key, in any order, over all rows.
const FOREIGN_KEYS: &str = "SELECT child.oid::int8 AS child, parent.oid::int8 AS parent, \
       cn.nspname::text AS child_schema, child.relname::text AS child_table, \
       pn.nspname::text AS parent_schema, parent.relname::text AS parent_table, k.confdeltype::text AS on_delete, \
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, place) \
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place) AS child_columns, \
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, place) \
         JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place) AS parent_columns, \
       EXISTS (SELECT 1 FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam \
         WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL AND m.amname IN ('btree', 'hash') \
         AND cardinality(k.conkey) <= i.indnkeyatts \
         AND ARRAY(SELECT u.attnum FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u(attnum, place) \
             WHERE u.place <= cardinality(k.conkey) ORDER BY u.attnum) \
           = ARRAY(SELECT u.attnum FROM unnest(k.conkey) AS u(attnum) ORDER BY u.attnum)) AS child_indexed \
     FROM pg_constraint k \
       JOIN pg_class child ON child.oid = coalesce(pg_partition_root(k.conrelid), k.conrelid) \
       JOIN pg_class parent ON parent.oid = coalesce(pg_partition_root(k.confrelid), k.confrelid) \
       JOIN pg_namespace cn ON cn.oid = child.relnamespace JOIN pg_namespace pn ON pn.oid = parent.relnamespace \
     WHERE k.contype = 'f' AND k.conparentid = 0 \
       AND ($1::int8 IS NULL OR $1::int8::oid IN (child.oid, parent.oid)) \
     ORDER BY cn.nspname COLLATE \"C\", child.relname COLLATE \"C\", k.conname COLLATE \"C\", k.oid";

/// Triggers and rules that act on delete or update of a table or of one of its partitions (`tgtype` 8 and
/// 16). What is disabled, or enabled for replicas only, does not.
const TRIGGERS: &str = "SELECT id, name FROM ( \
       SELECT coalesce(pg_partition_root(t.tgrelid), t.tgrelid)::int8 AS id, t.tgname::text AS name \
       FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND (t.tgtype & 24) <> 0 \
       UNION SELECT coalesce(pg_partition_root(r.ev_class), r.ev_class)::int8, r.rulename::text \
       FROM pg_rewrite r WHERE r.ev_type IN ('2', '4') AND r.ev_enabled IN ('O', 'A')) AS found \
     WHERE $1::int8 IS NULL OR id = $1::int8 ORDER BY id, name COLLATE \"C\"";

/// The tables of the database, or the one of this schema and name.
pub(super) async fn tables(
    connection: &mut PostgresConnection,
    named: Option<(&str, &str)>,
) -> Result<Vec<Table>, sqlx::Error> {
    let query = sqlx::query(TABLES).bind(named.map(|named| named.0)).bind(named.map(|named| named.1));
    let rows = connection.all(query).await?;
    rows.iter()
        .map(|row| {
            Ok(Table {
                id: row.try_get("id")?,
                schema: row.try_get("schema")?,
                name: row.try_get("name")?,
                kind: row.try_get("kind")?,
                partition: row.try_get("partition")?,
                inherited: row.try_get("inherited")?,
                shadowed: row.try_get("shadowed")?,
            })
        })
        .collect()
}

/// What is known of one table, or of all.
pub(super) async fn details(
    connection: &mut PostgresConnection,
    id: Option<i64>,
) -> Result<Details, sqlx::Error> {
    let mut details = Details::default();
    for row in connection.all(sqlx::query(COLUMNS).bind(id)).await? {
        details.columns.entry(row.try_get("id")?).or_default().push(column(&row)?);
    }
    for row in connection.all(sqlx::query(KEYS).bind(id)).await? {
        details.keys.entry(row.try_get("id")?).or_default().push(row.try_get("name")?);
    }
    for row in connection.all(sqlx::query(FOREIGN_KEYS).bind(id)).await? {
        let found = (row.try_get("child")?, row.try_get("parent")?, foreign_key(&row)?);
        details.foreign_keys.push(found);
    }
    for row in connection.all(sqlx::query(TRIGGERS).bind(id)).await? {
        details.triggers.entry(row.try_get("id")?).or_default().push(row.try_get("name")?);
    }
    Ok(details)
}

fn column(row: &PgRow) -> Result<ColumnShape, sqlx::Error> {
    let type_name: String = row.try_get("type_name")?;
    let type_kind: String = row.try_get("type_kind")?;
    let (built_in, checked): (bool, bool) = (row.try_get("built_in")?, row.try_get("checked")?);
    let not_null: bool = row.try_get("not_null")?;
    let modifier: i32 = row.try_get("modifier")?;
    let value_type = value_type(&type_name, &type_kind, built_in);
    // The modifier of a text is its length and four (`VARHDRSZ`).
    let has_length = built_in && matches!(type_name.as_str(), "varchar" | "bpchar");
    Ok(ColumnShape {
        name: row.try_get("name")?,
        declared_type: row.try_get("declared_type")?,
        value_type,
        nullable: !not_null,
        unique: row.try_get("is_unique")?,
        generated: row.try_get("generated")?,
        length_max: if has_length { u32::try_from(modifier - 4).ok() } else { None },
        // A type that takes only some texts is as good as a CHECK.
        checked: checked || type_kind == "e" || (built_in && type_name == "uuid"),
    })
}

fn value_type(name: &str, kind: &str, built_in: bool) -> ValueType {
    if kind == "e" {
        return ValueType::Text;
    }
    if !built_in {
        return if name == "citext" { ValueType::Text } else { ValueType::Unknown };
    }
    match name {
        "bool" => ValueType::Bool,
        "int2" | "int4" | "int8" => ValueType::Int,
        "float4" | "float8" | "numeric" => ValueType::Real,
        "text" | "varchar" | "bpchar" | "name" | "uuid" => ValueType::Text,
        "bytea" => ValueType::Bytes,
        "date" => ValueType::Date,
        "timestamptz" => ValueType::Instant,
        // A time without zone too: only the data map knows its zone.
        _ => ValueType::Unknown,
    }
}

/// The schema as addresses name it: that of a table in [`super::shape::DEFAULT_SCHEMA`] is left out.
fn told(schema: String) -> Option<String> {
    Some(schema).filter(|schema| schema != super::shape::DEFAULT_SCHEMA)
}

fn foreign_key(row: &PgRow) -> Result<ForeignKey, sqlx::Error> {
    let on_delete: String = row.try_get("on_delete")?;
    Ok(ForeignKey {
        child_schema: told(row.try_get("child_schema")?),
        child_table: row.try_get("child_table")?,
        child_columns: row.try_get("child_columns")?,
        parent_schema: told(row.try_get("parent_schema")?),
        parent_table: row.try_get("parent_table")?,
        parent_columns: row.try_get("parent_columns")?,
        on_delete: match on_delete.as_str() {
            "a" => ReferentialAction::NoAction,
            "r" => ReferentialAction::Restrict,
            "n" => ReferentialAction::SetNull,
            "d" => ReferentialAction::SetDefault,
            // Also for what a later server may invent: the worst is assumed.
            _ => ReferentialAction::Cascade,
        },
        child_indexed: row.try_get("child_indexed")?,
    })
}
