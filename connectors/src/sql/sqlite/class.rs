//! The class of a row as SQL, with the precedence of [`crate::classify::classify`].
//!
//! [`crate::selection::Class::ChangedSincePlan`] and `NotGovernable` exist for objects only and never
//! come out of a table.

use super::predicate::render;
use super::start::start;
use super::transform::already_equal;
use crate::predicate::Predicate;
use crate::selection::{Class, Dependent, DoubtReason, Exclusion, NoneLeft, Selection};
use crate::sql::{SqlError, SqlText};
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
/// [`Class::Due`].
const DUE: i64 = 9;

/// The class behind a code of [`class_case`]; `None` for a number that it never gives.
#[must_use]
pub fn class_of_code(code: i64) -> Option<Class> {
    if code == DUE {
        return Some(Class::Due);
    }
    CODES.get(usize::try_from(code).ok()?).copied()
}

/// A code for the class of each row of the table known as `alias`; see [`class_of_code`].
pub fn class_case(selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    let mut case = SqlText::new("(CASE");
    if selection.scope != Predicate::always() {
        case.push(" WHEN ").append(&render(&selection.scope, alias)?).push(" IS NOT TRUE THEN 0");
    }
    if let Some(conflict) = any_conflict(selection, alias)? {
        case.push(" WHEN ").append(&conflict).push(" THEN 1");
    }
    let mut rest = SqlText::default();
    let mut when = |condition: Option<SqlText>, then: &'static str| {
        if let Some(condition) = condition {
            rest.push(" WHEN ").append(&condition).push(then);
        }
    };
    when(any(&referenced(selection, alias)?), " THEN 6");
    when(already_done(&selection.disposal, alias)?, " THEN 7");
    when(any_hold(selection, alias)?, " THEN 8");
    let rest = if rest == SqlText::default() {
        SqlText::new("9")
    } else {
        SqlText::fill("CASE{0} ELSE 9 END", &[&rest])
    };
    let rest = match start(&selection.start, alias)? {
        // The codes of what is not due follow one another as the numbers of a standing do.
        Some(start) => SqlText::fill("coalesce(1 + nullif({0}, 0), {1})", &[&start.standing, &rest]),
        None => rest,
    };
    // CASE needs a WHEN.
    case.append(&SqlText::fill(" WHEN 1 THEN {0} END)", &[&rest]));
    Ok(case)
}

/// True exactly for the rows of [`Class::Due`]; false or NULL for all others. Made for statements that
/// destroy: what is cheapest and keeps most rows out comes first.
pub fn due_condition(selection: &Selection, alias: &str) -> Result<SqlText, SqlError> {
    let mut parts = Vec::new();
    if let Some(start) = start(&selection.start, alias)? {
        parts.push(start.due_quick);
    }
    if selection.scope != Predicate::always() {
        parts.push(render(&selection.scope, alias)?);
    }
    let not = |condition: SqlText| SqlText::fill("({0} IS NOT TRUE)", &[&condition]);
    parts.extend(any_conflict(selection, alias)?.map(not));
    parts.extend(already_done(&selection.disposal, alias)?.map(not));
    parts.extend(any_hold(selection, alias)?.map(not));
    parts.extend(any(&referenced(selection, alias)?).map(not));
    if parts.is_empty() {
        return Ok(SqlText::new("(1)"));
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

/// For each [`Selection::none_left`], in order: whether a record there still refers to the row.
pub fn referenced(selection: &Selection, alias: &str) -> Result<Vec<SqlText>, SqlError> {
    selection.none_left.iter().map(|none_left| one_reference(none_left, alias)).collect()
}

fn one_reference(none_left: &NoneLeft, alias: &str) -> Result<SqlText, SqlError> {
    let inner = format!("{alias}_r");
    let mut found = exists(&SqlText::table(&none_left.address)?, &none_left.pairs, alias, &inner)?;
    if let Some(selection) = &none_left.disregarding {
        found.push(" AND ").append(&due_condition(selection, &inner)?).push(" IS NOT TRUE");
    }
    found.push(")");
    Ok(found)
}

/// For each hold id, whether the row or one of its dependents is under it. A hold that is unknown for
/// a row holds it.
pub fn holds_by_id(selection: &Selection, alias: &str) -> Result<BTreeMap<String, SqlText>, SqlError> {
    let mut by_id: BTreeMap<String, Vec<SqlText>> = BTreeMap::new();
    for hold in &selection.holds {
        by_id.entry(hold.hold_id.clone()).or_default().push(one_hold(hold, alias)?);
    }
    for (hold_id, condition) in dependent_holds(&selection.dependents, alias)? {
        by_id.entry(hold_id).or_default().push(condition);
    }
    Ok(by_id.into_iter().filter_map(|(hold_id, conditions)| Some((hold_id, any(&conditions)?))).collect())
}

/// For each hold over dependents of a row, at any depth, whether some dependent is under it.
pub fn dependent_holds(dependents: &[Dependent], alias: &str) -> Result<BTreeMap<String, SqlText>, SqlError> {
    let mut by_id: BTreeMap<String, Vec<SqlText>> = BTreeMap::new();
    let inner = format!("{alias}_d");
    for dependent in dependents {
        let mut conditions = Vec::new();
        for hold in &dependent.holds {
            conditions.push((hold.hold_id.clone(), one_hold(hold, &inner)?));
        }
        conditions.extend(dependent_holds(&dependent.dependents, &inner)?);
        for (hold_id, condition) in conditions {
            by_id.entry(hold_id).or_default().push(dependent_exists(dependent, &condition, alias)?);
        }
    }
    Ok(by_id.into_iter().filter_map(|(hold_id, conditions)| Some((hold_id, any(&conditions)?))).collect())
}

/// One walk over the dependents for all their holds.
fn any_dependent_hold(dependents: &[Dependent], alias: &str) -> Result<Vec<SqlText>, SqlError> {
    let inner = format!("{alias}_d");
    let mut held = Vec::new();
    for dependent in dependents {
        let mut conditions =
            dependent.holds.iter().map(|hold| one_hold(hold, &inner)).collect::<Result<Vec<_>, _>>()?;
        conditions.extend(any_dependent_hold(&dependent.dependents, &inner)?);
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
fn exists(
    table: &SqlText,
    pairs: &[(String, String)],
    outer: &str,
    inner: &str,
) -> Result<SqlText, SqlError> {
    let inner_name = SqlText::ident(&crate::sql::Ident::new(inner)?);
    let mut found = SqlText::fill("EXISTS (SELECT 1 FROM {0} AS {1} WHERE 1", &[table, &inner_name]);
    for (there, here) in pairs {
        found
            .push(" AND ")
            .append(&SqlText::column(outer, here)?)
            .push(" = ")
            .append(&SqlText::column(inner, there)?);
    }
    Ok(found)
}

fn one_hold(hold: &Exclusion, alias: &str) -> Result<SqlText, SqlError> {
    Ok(SqlText::fill("({0} IS NOT FALSE)", &[&render(&hold.predicate, alias)?]))
}

fn any_hold(selection: &Selection, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let mut held = selection.holds.iter().map(|hold| one_hold(hold, alias)).collect::<Result<Vec<_>, _>>()?;
    held.extend(any_dependent_hold(&selection.dependents, alias)?);
    Ok(any(&held))
}

fn any_conflict(selection: &Selection, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let conflicts = selection.conflicts.iter().map(|other| render(other, alias));
    Ok(any(&conflicts.collect::<Result<Vec<_>, _>>()?))
}

/// True if the disposal would change nothing. `None` if that is true of no row.
pub fn already_done(disposal: &Disposal, alias: &str) -> Result<Option<SqlText>, SqlError> {
    let Disposal::Anonymize { fields, marker } = disposal else { return Ok(None) };
    let marked = marker.as_ref().map(|marker| is_marked(marker, alias)).transpose()?;
    let final_fields = if fields.iter().all(|field| field.transform.is_fixpoint()) {
        Some(all_final(fields, alias)?)
    } else {
        None
    };
    Ok(any(&marked.into_iter().chain(final_fields).collect::<Vec<_>>()))
}

fn is_marked(marker: &Marker, alias: &str) -> Result<SqlText, SqlError> {
    Ok(SqlText::fill("({0} IS NOT NULL)", &[&SqlText::column(alias, &marker.column)?]))
}

fn all_final(fields: &[FieldTransform], alias: &str) -> Result<SqlText, SqlError> {
    let mut parts = Vec::new();
    for field in fields {
        debug_assert!(!matches!(field.transform, Transform::Hash { .. }), "a hash is no fixpoint");
        // What cannot be written in SQL is never said to be done.
        parts.push(already_equal(field, alias)?.unwrap_or_else(|| SqlText::new("0")));
    }
    Ok(SqlText::join_balanced(&parts, " AND ").unwrap_or_else(|| SqlText::new("1")))
}

fn any(conditions: &[SqlText]) -> Option<SqlText> {
    SqlText::join_balanced(conditions, " OR ")
}
