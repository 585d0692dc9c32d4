//! Children that more than one row owns, as SQL: such a child goes only when every owner that is there
//! goes, and until then it keeps each of them.
//!
//! An owner goes when it is the row in question or goes along with it, or when the same plan purges it
//! by a rule of its own. Of the latter it must be certain without looking further: an owner that itself
//! shares a child with a third row counts as staying, and so does one that names objects, which may turn
//! out to stay. So rows that share children in a chain go from one plan to the next, or not at all, but
//! never one of them without the others' leave.

use super::class::{due_alone, exists};
use super::dialect::Dialect;
use super::{SqlError, SqlText};
use crate::dataset::DatasetAddress;
use crate::selection::{CoOwner, Dependent, Selection};

/// A row under its alias, with the selection by which it goes.
#[derive(Debug, Clone, Copy)]
struct Root<'a> {
    selection: &'a Selection,
    alias: &'a str,
}

/// For each of [`Selection::co_owned`], in order: whether a row there also has an owner that stays.
pub(super) fn co_owned(
    dialect: &dyn Dialect,
    selection: &Selection,
    alias: &str,
) -> Result<Vec<SqlText>, SqlError> {
    kept(dialect, &[Root { selection, alias }], true)
}

/// The same for the last of `roots`; the others go too. `plan`: what the plan purges counts as going.
fn kept(dialect: &dyn Dialect, roots: &[Root<'_>], plan: bool) -> Result<Vec<SqlText>, SqlError> {
    let Some(root) = roots.last() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for path in root.selection.paths() {
        let Some(child) = path.last().filter(|child| !child.co_owners.is_empty()) else { continue };
        let child_alias = below(root.alias, path.len());
        let owner_alias = format!("{child_alias}_o");
        let mut stays = Vec::with_capacity(child.co_owners.len());
        for owner in &child.co_owners {
            stays.push(owner_stays(dialect, owner, (&child_alias, &owner_alias), roots, plan)?);
        }
        let mut condition = SqlText::join_balanced(&stays, " OR ").unwrap_or_else(|| SqlText::new("FALSE"));
        for (depth, dependent) in path.iter().enumerate().rev() {
            let table = dialect.reread(&SqlText::table(&dependent.address)?);
            let (outer, inner) = (below(root.alias, depth), below(root.alias, depth + 1));
            let mut row = exists(&table, &dependent.pairs, &outer, &inner)?;
            row.push(" AND ").append(&condition).push(")");
            condition = row;
        }
        found.push(condition);
    }
    Ok(found)
}

/// The alias of a child so many steps below a row.
fn below(alias: &str, steps: usize) -> String {
    format!("{alias}{}", "_d".repeat(steps))
}

fn owner_stays(
    dialect: &dyn Dialect,
    owner: &CoOwner,
    (child_alias, alias): (&str, &str),
    roots: &[Root<'_>],
    plan: bool,
) -> Result<SqlText, SqlError> {
    let mut goes = Vec::new();
    for root in roots {
        goes.extend(goes_with(dialect, &owner.address, alias, *root)?);
    }
    if plan {
        for going in &owner.going {
            goes.push(goes_by_plan(dialect, going, alias, roots)?);
        }
    }
    let goes = SqlText::join_balanced(&goes, " OR ").unwrap_or_else(|| SqlText::new("FALSE"));
    let swapped: Vec<(String, String)> =
        owner.pairs.iter().map(|(child, there)| (there.clone(), child.clone())).collect();
    let table = dialect.reread(&SqlText::table(&owner.address)?);
    let mut found = exists(&table, &swapped, child_alias, alias)?;
    found.push(" AND (").append(&goes).push(") IS NOT TRUE)");
    Ok(found)
}

/// For each way in which a row of the table is the root, or goes along with it: whether it does.
fn goes_with(
    dialect: &dyn Dialect,
    address: &DatasetAddress,
    alias: &str,
    root: Root<'_>,
) -> Result<Vec<SqlText>, SqlError> {
    let same = |other: &DatasetAddress| other.store == address.store && other.location == address.location;
    let mut ways = Vec::new();
    if same(&root.selection.address) {
        let key = &root.selection.shape.key;
        ways.extend(equal(key.iter().map(|name| (name, name)), alias, root.alias)?);
    }
    for path in root.selection.paths() {
        if path.last().is_some_and(|last| same(&last.address)) {
            ways.extend(leads_up(dialect, &path, alias, root.alias)?);
        }
    }
    Ok(ways)
}

/// Whether the row, which is of the last dependent of the path, belongs to the root by it.
fn leads_up(
    dialect: &dyn Dialect,
    path: &[&Dependent],
    alias: &str,
    root: &str,
) -> Result<Option<SqlText>, SqlError> {
    let Some((last, above)) = path.split_last() else { return Ok(None) };
    let Some(parent) = above.last() else {
        return equal(last.pairs.iter().map(|(child, parent)| (child, parent)), alias, root);
    };
    let parent_alias = format!("{alias}_u");
    let Some(rest) = leads_up(dialect, above, &parent_alias, root)? else { return Ok(None) };
    let upward: Vec<(String, String)> =
        last.pairs.iter().map(|(child, parent)| (parent.clone(), child.clone())).collect();
    let table = dialect.reread(&SqlText::table(&parent.address)?);
    let mut found = exists(&table, &upward, alias, &parent_alias)?;
    found.push(" AND ").append(&rest).push(")");
    Ok(Some(found))
}

/// `one.a = other.x AND one.b = other.y`; `None` without columns.
fn equal<'n>(
    pairs: impl Iterator<Item = (&'n String, &'n String)>,
    one: &str,
    other: &str,
) -> Result<Option<SqlText>, SqlError> {
    let mut parts = Vec::new();
    for (here, there) in pairs {
        parts.push(SqlText::fill(
            "({0} = {1})",
            &[&SqlText::column(one, here)?, &SqlText::column(other, there)?],
        ));
    }
    Ok(SqlText::join_balanced(&parts, " AND "))
}

/// Whether the plan certainly purges the row by the selection.
fn goes_by_plan(
    dialect: &dyn Dialect,
    going: &Selection,
    alias: &str,
    roots: &[Root<'_>],
) -> Result<SqlText, SqlError> {
    let mut parts = vec![due_alone(dialect, going, alias)?];
    for name in &going.link_columns {
        let column = SqlText::column(alias, name)?;
        parts.push(SqlText::fill("({0} IS NULL OR {0} = '')", &[&column]));
    }
    let all: Vec<Root<'_>> = roots.iter().copied().chain([Root { selection: going, alias }]).collect();
    for shared in kept(dialect, &all, false)? {
        parts.push(SqlText::fill("({0} IS NOT TRUE)", &[&shared]));
    }
    Ok(SqlText::fill(
        "({0})",
        &[&SqlText::join_balanced(&parts, " AND ").unwrap_or_else(|| SqlText::new("FALSE"))],
    ))
}
