//! The class of a row as SQL, with the precedence of [`crate::classify::classify`].
//!
//! [`crate::selection::Class::ChangedSincePlan`] and what makes an object ungovernable never come out of a
//! table.

use super::dialect::{Dialect, Row};
use super::owners;
use super::predicate::render;
use super::{SqlError, SqlText};
use crate::predicate::Predicate;
use crate::selection::{Class, Dependent, DoubtReason, Exclusion, NoneLeft, Selection};
use crate::transform::{Disposal, FieldTransform, Marker, Transform};
use std::collections::BTreeMap;

const CODES: [Class; 9] = [
    Class::OutOfScope,
    Class::Undecidable(DoubtReason::Conflict),
    Class::Undecidable(DoubtReason::StartMissing),
    Class::Undecidable(DoubtReason::StartUnreadable),
    Class::Undecidable(DoubtReason::StartInFuture),
    Class::NotYetDue,
    Class::Referenced,
    Class::AlreadyDone,
    Class::Held,
];
/// The code of [`Class::Due`].
pub const DUE: i64 = 9;

/// The class behind a code of [`class_case`]; `None` for a number that it never gives.
#[must_use]
pub fn class_of_code(code: i64) -> Option<Class> {
    if code == DUE {
        return Some(Class::Due);
    }
    CODES.get(usize::try_from(code).ok()?).copied()
}

/// A code for the class of each row of the table known as `alias`; see [`class_of_code`].
pub fn class_case(dialect: &dyn Dialect, selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    let mut case = SqlText::new("(CASE");
    if selection.scope != Predicate::always() {
        case.push(" WHEN ")
            .append(&render(dialect, &selection.scope, row_of(selection, alias))?)
            .push(" IS NOT TRUE THEN 0");
    }
    if let Some(conflict) = any_conflict(dialect, selection, alias)? {
        case.push(" WHEN ").append(&conflict).push(" THEN 1");
    }
    let mut rest = SqlText::default();
    let mut when = |condition: Option<SqlText>, then: &'static str| {
        if let Some(condition) = condition {
            rest.push(" WHEN ").append(&condition).push(then);
        }
    };
    when(any(&referenced(dialect, selection, alias)?), " THEN 6");
    when(already_done(dialect, &selection.disposal, row_of(selection, alias))?, " THEN 7");
    when(any_hold(dialect, selection, alias)?, " THEN 8");
    let rest = if rest == SqlText::default() {
        SqlText::new("9")
    } else {
        SqlText::fill("CASE{0} ELSE 9 END", &[&rest])
    };
    let rest = match dialect.start(&selection.start, row_of(selection, alias))? {
        // So written, every server works the standing out once.
        Some(start) => SqlText::fill(
            "CASE {0} WHEN 0 THEN {1} WHEN 4 THEN 5 WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 4 END",
            &[&start.standing, &rest],
        ),
        None => rest,
    };
    // CASE needs a WHEN.
    case.append(&SqlText::fill(" WHEN TRUE THEN {0} END)", &[&rest]));
    Ok(case)
}

/// True exactly for the rows of [`Class::Due`]; false or NULL for all others. Made for statements that
/// destroy: what is cheapest and keeps most rows out comes first.
pub fn due_condition(dialect: &dyn Dialect, selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    due_unless(dialect, selection, alias, &referenced(dialect, selection, alias)?)
}

/// The same without regard to who else owns its children.
pub(super) fn due_alone(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<SqlText, SqlError> {
    due_unless(dialect, selection, alias, &references(dialect, selection, alias)?)
}

fn due_unless(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
    referenced: &[SqlText],
) -> Result<SqlText, SqlError> {
    let mut parts = Vec::new();
    if let Some(start) = dialect.start(&selection.start, row_of(selection, alias))? {
        parts.push(start.due_quick);
    }
    if selection.scope != Predicate::always() {
        parts.push(render(dialect, &selection.scope, row_of(selection, alias))?);
    }
    let not = |condition: SqlText| SqlText::fill("({0} IS NOT TRUE)", &[&condition]);
    parts.extend(any_conflict(dialect, selection, alias)?.map(not));
    parts.extend(already_done(dialect, &selection.disposal, row_of(selection, alias))?.map(not));
    parts.extend(any_hold(dialect, selection, alias)?.map(not));
    parts.extend(any(referenced).map(not));
    if parts.is_empty() {
        return Ok(SqlText::new("(TRUE)"));
    }
    let mut condition = SqlText::new("(");
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            condition.push(" AND ");
        }
        condition.append(part);
    }
    condition.push(")");
    Ok(condition)
}

/// For tables of which most rows are simply kept: what is true exactly for the rows out of scope, and for those that are
/// not yet due. `None` where no comparison of a column tells the latter.
pub fn simply_kept(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<Option<[SqlText; 2]>, SqlError> {
    let start = dialect.start(&selection.start, row_of(selection, alias))?;
    let Some(mut not_yet_due) = start.and_then(|start| start.not_yet_due) else { return Ok(None) };
    let mut out_of_scope = SqlText::new("FALSE");
    if selection.scope != Predicate::always() {
        let scope = render(dialect, &selection.scope, row_of(selection, alias))?;
        out_of_scope = SqlText::fill("({0} IS NOT TRUE)", &[&scope]);
        not_yet_due = SqlText::fill("({0} AND {1})", &[&not_yet_due, &scope]);
    }
    if let Some(conflict) = any_conflict(dialect, selection, alias)? {
        not_yet_due = SqlText::fill("({0} AND {1} IS NOT TRUE)", &[&not_yet_due, &conflict]);
    }
    Ok(Some([out_of_scope, not_yet_due]))
}

/// For each of [`Selection::keepers`], in order: whether a record there keeps the row, because it still
/// refers to it, or would go along and belongs to a record that stays.
pub fn referenced(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<Vec<SqlText>, SqlError> {
    let mut referenced = references(dialect, selection, alias)?;
    referenced.extend(owners::co_owned(dialect, selection, alias)?);
    Ok(referenced)
}

/// For each [`Selection::none_left`], in order: whether a record there still refers to the row.
fn references(dialect: &dyn Dialect, selection: &Selection, alias: &str) -> Result<Vec<SqlText>, SqlError> {
    selection.none_left.iter().map(|none_left| one_reference(dialect, none_left, alias)).collect()
}

fn one_reference(dialect: &dyn Dialect, none_left: &NoneLeft, alias: &str) -> Result<SqlText, SqlError> {
    let inner = format!("{alias}_r");
    let mut found = exists(&SqlText::table(&none_left.address)?, &none_left.pairs, alias, &inner)?;
    if let Some(selection) = &none_left.disregarding {
        found.push(" AND ").append(&due_condition(dialect, selection, &inner)?).push(" IS NOT TRUE");
    }
    found.push(")");
    Ok(found)
}

/// For each hold id, whether the row or one of its dependents is under it. A hold that is unknown for
/// a row holds it.
pub fn holds_by_id(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<BTreeMap<String, SqlText>, SqlError> {
    let mut by_id: BTreeMap<String, Vec<SqlText>> = BTreeMap::new();
    for hold in &selection.holds {
        by_id.entry(hold.hold_id.clone()).or_default().push(one_hold(
            dialect,
            hold,
            row_of(selection, alias),
        )?);
    }
    for (hold_id, condition) in dependent_holds(dialect, &selection.dependents, alias)? {
        by_id.entry(hold_id).or_default().push(condition);
    }
    Ok(by_id.into_iter().filter_map(|(hold_id, conditions)| Some((hold_id, any(&conditions)?))).collect())
}

/// For each hold over dependents of a row, at any depth, whether some dependent is under it.
pub fn dependent_holds(
    dialect: &dyn Dialect,
    dependents: &[Dependent],
    alias: &str,
) -> Result<BTreeMap<String, SqlText>, SqlError> {
    let mut by_id: BTreeMap<String, Vec<SqlText>> = BTreeMap::new();
    let inner = format!("{alias}_d");
    for dependent in dependents {
        let mut conditions = Vec::new();
        for hold in &dependent.holds {
            conditions.push((
                hold.hold_id.clone(),
                one_hold(dialect, hold, Row { alias: &inner, shape: &dependent.shape })?,
            ));
        }
        conditions.extend(dependent_holds(dialect, &dependent.dependents, &inner)?);
        for (hold_id, condition) in conditions {
            by_id.entry(hold_id).or_default().push(dependent_exists(dependent, &condition, alias)?);
        }
    }
    Ok(by_id.into_iter().filter_map(|(hold_id, conditions)| Some((hold_id, any(&conditions)?))).collect())
}

/// One walk over the dependents for all their holds.
fn any_dependent_hold(
    dialect: &dyn Dialect,
    dependents: &[Dependent],
    alias: &str,
) -> Result<Vec<SqlText>, SqlError> {
    let inner = format!("{alias}_d");
    let mut held = Vec::new();
    for dependent in dependents {
        let mut conditions = dependent
            .holds
            .iter()
            .map(|hold| one_hold(dialect, hold, Row { alias: &inner, shape: &dependent.shape }))
            .collect::<Result<Vec<_>, _>>()?;
        conditions.extend(any_dependent_hold(dialect, &dependent.dependents, &inner)?);
        if let Some(condition) = any(&conditions) {
            held.push(dependent_exists(dependent, &condition, alias)?);
        }
    }
    Ok(held)
}

fn dependent_exists(dependent: &Dependent, condition: &SqlText, alias: &str) -> Result<SqlText, SqlError> {
    let inner = format!("{alias}_d");
    let mut found = exists(&SqlText::table(&dependent.address)?, &dependent.pairs, alias, &inner)?;
    found.push(" AND ").append(condition).push(")");
    Ok(found)
}

/// `EXISTS (SELECT 1 FROM table AS inner WHERE pairs`, to be closed by the caller. Equality is that of
/// a foreign key: by the affinity and collation of the referred column.
pub(super) fn exists(
    table: &SqlText,
    pairs: &[(String, String)],
    outer: &str,
    inner: &str,
) -> Result<SqlText, SqlError> {
    let inner_name = SqlText::ident(&super::Ident::new(inner)?);
    let mut found = SqlText::fill("EXISTS (SELECT 1 FROM {0} AS {1} WHERE TRUE", &[table, &inner_name]);
    for (there, here) in pairs {
        found
            .push(" AND ")
            .append(&SqlText::column(outer, here)?)
            .push(" = ")
            .append(&SqlText::column(inner, there)?);
    }
    Ok(found)
}

fn one_hold(dialect: &dyn Dialect, hold: &Exclusion, row: Row<'_>) -> Result<SqlText, SqlError> {
    Ok(SqlText::fill("({0} IS NOT FALSE)", &[&render(dialect, &hold.predicate, row)?]))
}

fn any_hold(dialect: &dyn Dialect, selection: &Selection, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let mut held = selection
        .holds
        .iter()
        .map(|hold| one_hold(dialect, hold, row_of(selection, alias)))
        .collect::<Result<Vec<_>, _>>()?;
    held.extend(any_dependent_hold(dialect, &selection.dependents, alias)?);
    Ok(any(&held))
}

fn any_conflict(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<Option<SqlText>, SqlError> {
    let row = row_of(selection, alias);
    let conflicts = selection.conflicts.iter().map(|other| render(dialect, other, row));
    Ok(any(&conflicts.collect::<Result<Vec<_>, _>>()?))
}

/// True if the disposal would change nothing. `None` if that is true of no row.
pub fn already_done(
    dialect: &dyn Dialect,
    disposal: &Disposal,
    row: Row<'_>,
) -> Result<Option<SqlText>, SqlError> {
    let Disposal::Anonymize { fields, marker } = disposal else { return Ok(None) };
    let marked = marker.as_ref().map(|marker| is_marked(marker, row)).transpose()?;
    let final_fields = if fields.iter().all(|field| field.transform.is_fixpoint()) {
        Some(all_final(dialect, fields, row)?)
    } else {
        None
    };
    Ok(any(&marked.into_iter().chain(final_fields).collect::<Vec<_>>()))
}

fn is_marked(marker: &Marker, row: Row<'_>) -> Result<SqlText, SqlError> {
    Ok(SqlText::fill("({0} IS NOT NULL)", &[&SqlText::column(row.alias, &marker.column)?]))
}

fn all_final(dialect: &dyn Dialect, fields: &[FieldTransform], row: Row<'_>) -> Result<SqlText, SqlError> {
    let mut parts = Vec::new();
    for field in fields {
        debug_assert!(!matches!(field.transform, Transform::Hash { .. }), "a hash is no fixpoint");
        // What cannot be written in SQL is never said to be done.
        parts.push(dialect.already_equal(field, row)?.unwrap_or_else(|| SqlText::new("FALSE")));
    }
    Ok(SqlText::join_balanced(&parts, " AND ").unwrap_or_else(|| SqlText::new("TRUE")))
}

fn any(conditions: &[SqlText]) -> Option<SqlText> {
    SqlText::join_balanced(conditions, " OR ")
}

fn row_of<'a>(selection: &'a Selection, alias: &'a str) -> Row<'a> {
    Row { alias, shape: &selection.shape }
}
