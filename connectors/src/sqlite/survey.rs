//! Counts where every record of a dataset falls, in one transaction and one pass over the table.
//!
//! A further pass is made only for what few selections need: who holds what, samples of what is rare,
//! dependents, links.

use super::keys::Restriction;
use super::rows;
use super::select::{self, Companion, ROW, Target};
use super::session::Lease;
use crate::error::ConnectorError;
use crate::selection::{Class, DoubtReason, SAMPLE_KEYS_MAX, Selection, StartCondition, Survey};
use crate::sql::{Ident, SqlText, sqlite as dialect};
use crate::start;
use crate::value::{RecordKey, Value};
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// Added to the code of a record whose key is NULL in part.
const UNNAMED: i64 = 100;
/// Holds that are counted in one pass (SQLite allows 2000 columns, each hold is one).
const HOLDS_PER_PASS: usize = 100;
/// Due records whose length is looked at for the estimate of bytes.
const MEASURED_RECORDS: i64 = 1_000;
/// What a row costs besides its values: header, key, place on the page; about.
const ROW_OVERHEAD_BYTES: u64 = 12;

pub(super) async fn survey(lease: &mut Lease<'_>, selection: &Selection) -> Result<Survey, ConnectorError> {
    lease.verify(selection).await?;
    let target = Target::of(lease, selection).await?;
    let mut survey = Survey::default();
    count_classes(lease, &target, &mut survey).await?;
    if survey.held > 0 {
        survey.held_by = held_by(lease, &target).await?;
    }
    for (reason, count) in &survey.undecidable {
        let keys = undecidable_sample(lease, &target, *reason, *count).await?;
        survey.undecidable_samples.insert(*reason, keys);
    }
    if survey.due > 0 {
        let samples_max = u32::try_from(SAMPLE_KEYS_MAX.min(clamp(survey.due))).unwrap_or(u32::MAX);
        survey.due_samples = target.due_after(lease, None, samples_max).await?;
        survey.due_bytes = due_bytes(lease, &target, survey.due).await?;
    }
    survey.dependents = dependents(lease, &target).await?;
    survey.linked = linked(lease, &target).await?;
    Ok(survey)
}

/// Code of the class of a row, told apart by whether the row can be named.
fn code(lease: &Lease<'_>, target: &Target<'_>) -> Result<SqlText, ConnectorError> {
    let class = dialect::class_case(target.selection, ROW).map_err(|error| lease.unwritable(&error))?;
    if !may_be_unnamed(target.selection) {
        return Ok(class);
    }
    let unnamed = SqlText::value(Value::Int(UNNAMED));
    let template = "({0} + CASE WHEN {1} THEN 0 ELSE {2} END)";
    Ok(SqlText::fill(template, &[&class, &target.table.is_named(), &unnamed]))
}

fn may_be_unnamed(selection: &Selection) -> bool {
    selection.shape.key.iter().any(|name| selection.shape.column(name).is_none_or(|column| column.nullable))
}

/// What a code says. A record that cannot be named is ungovernable, unless a class before that in the order
/// of precedence applies.
fn meaning(code: i64) -> Option<Class> {
    if code < UNNAMED {
        return dialect::class_of_code(code);
    }
    Some(match dialect::class_of_code(code - UNNAMED)? {
        class @ (Class::OutOfScope | Class::Undecidable(_)) => class,
        _ => Class::Undecidable(DoubtReason::NotGovernable),
    })
}

async fn count_classes(
    lease: &mut Lease<'_>,
    target: &Target<'_>,
    survey: &mut Survey,
) -> Result<(), ConnectorError> {
    let dataset = target.dataset();
    let offsets: &[i64] = if may_be_unnamed(target.selection) { &[0, UNNAMED] } else { &[0] };
    let codes: Vec<i64> = offsets
        .iter()
        .flat_map(|offset| {
            (0..UNNAMED)
                .take_while(|code| dialect::class_of_code(*code).is_some())
                .map(move |code| code + offset)
        })
        .collect();
    let unwritable = |error| lease.unwritable(&error);
    let class = SqlText::ident(&Ident::new("class of the record").map_err(unwritable)?);
    let due = SqlText::value(Value::Int(code_of_due(&codes)));
    let mut inner = SqlText::fill("SELECT {0} AS {1}", &[&code(lease, target)?, &class]);
    let mut sorted = SqlText::new("NULL");
    let mut overdue = SqlText::new("0");
    if let (StartCondition::Event { field, .. }, Some(start)) =
        (&target.selection.start, dialect::start(&target.selection.start, ROW).map_err(unwritable)?)
    {
        let column = SqlText::column(ROW, &field.name).map_err(unwritable)?;
        let name = SqlText::ident(&Ident::new(&field.name).map_err(unwritable)?);
        inner.append(&SqlText::fill(", {0} AS {1}", &[&column, &name]));
        sorted = SqlText::fill("CASE WHEN {0} = {1} THEN {2} END", &[&class, &due, &start.sortable]);
        overdue = SqlText::fill("CASE WHEN {0} = {1} THEN {2} END", &[&class, &due, &start.overdue]);
    }
    // In any order: an index that holds all that is asked for is shorter than the table.
    let from = target.table.clone().with_any_index().from;
    inner.append(&SqlText::fill(" FROM {0} LIMIT -1", &[&from]));
    // A subquery with a limit is not merged into the query around it, so the class of a row is found once
    // and not once for each count (https://www.sqlite.org/optoverview.html#flattening).
    let row_alias = SqlText::ident(&Ident::new(ROW).map_err(unwritable)?);
    let middle = SqlText::fill(
        "SELECT {0} AS c, {1} AS s, {4} AS o FROM ({2}) AS {3} LIMIT -1",
        &[&class, &sorted, &inner, &row_alias, &overdue],
    );
    let counts: Vec<SqlText> = codes
        .iter()
        .map(|code| SqlText::fill("count(*) FILTER (WHERE c = {0})", &[&SqlText::value(Value::Int(*code))]))
        .collect();
    let sql = SqlText::fill(
        "SELECT min(s), max(s), count(*) FILTER (WHERE o), {0} FROM ({1})",
        &[&SqlText::list(&counts), &middle],
    );
    let row = lease.row(dataset, sql).await?;
    survey.oldest_due_at = instant(target.selection, &lease.decoded(dataset, rows::value(&row, 0))?);
    survey.newest_due_at = instant(target.selection, &lease.decoded(dataset, rows::value(&row, 1))?);
    survey.overdue = count_at(lease, dataset, &row, 2)?;
    for (place, code) in codes.iter().enumerate() {
        let count = count_at(lease, dataset, &row, place + 3)?;
        survey.add(meaning(*code).unwrap_or(Class::OutOfScope), count);
    }
    Ok(())
}

fn code_of_due(codes: &[i64]) -> i64 {
    codes.iter().copied().find(|code| meaning(*code) == Some(Class::Due)).unwrap_or(-1)
}

fn instant(selection: &Selection, sortable: &Value) -> Option<DateTime<Utc>> {
    let StartCondition::Event { encoding, .. } = &selection.start else { return None };
    start::instant_of_sortable(encoding, sortable)
}

fn count_at(lease: &Lease<'_>, dataset: &str, row: &SqliteRow, place: usize) -> Result<u64, ConnectorError> {
    let count: i64 = lease.decoded(dataset, row.try_get(place))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn held_by(
    lease: &mut Lease<'_>,
    target: &Target<'_>,
) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let dataset = target.dataset();
    let holds: Vec<(String, SqlText)> = dialect::holds_by_id(target.selection, ROW)
        .map_err(|error| lease.unwritable(&error))?
        .into_iter()
        .collect();
    let is_held = of_class(lease, target, |class| class == Class::Held)?;
    let mut counted = BTreeMap::new();
    for holds in holds.chunks(HOLDS_PER_PASS) {
        let counts: Vec<SqlText> =
            holds.iter().map(|(_, held)| SqlText::fill("count(*) FILTER (WHERE {0})", &[held])).collect();
        let sql = SqlText::fill(
            "SELECT {0} FROM {1} WHERE {2}",
            &[&SqlText::list(&counts), &target.table.from, &is_held],
        );
        let row = lease.row(dataset, sql).await?;
        for (place, (hold_id, _)) in holds.iter().enumerate() {
            counted.insert(hold_id.clone(), count_at(lease, dataset, &row, place)?);
        }
    }
    Ok(counted)
}

/// True for the rows of the chosen classes.
fn of_class(
    lease: &Lease<'_>,
    target: &Target<'_>,
    chosen: impl Fn(Class) -> bool,
) -> Result<SqlText, ConnectorError> {
    let codes: Vec<SqlText> = (0..2 * UNNAMED)
        .filter(|code| meaning(*code).is_some_and(&chosen))
        .map(|code| SqlText::value(Value::Int(code)))
        .collect();
    Ok(SqlText::fill("{0} IN ({1})", &[&code(lease, target)?, &SqlText::list(&codes)]))
}

async fn undecidable_sample(
    lease: &mut Lease<'_>,
    target: &Target<'_>,
    reason: DoubtReason,
    count: u64,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let condition = of_class(lease, target, |class| class == Class::Undecidable(reason))?;
    let named = SqlText::fill("{0} AND {1}", &[&target.table.is_named(), &condition]);
    // With a limit of what there is, the walk ends at the last one.
    let keys_max = u32::try_from(SAMPLE_KEYS_MAX.min(clamp(count))).ok();
    select::first_keys(lease, target.dataset(), &target.table, &named, keys_max).await
}

fn clamp(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// An estimate from the first due records: what their values take, and a little for each row.
async fn due_bytes(lease: &mut Lease<'_>, target: &Target<'_>, due: u64) -> Result<u64, ConnectorError> {
    let dataset = target.dataset();
    let lengths: Vec<SqlText> = target
        .selection
        .shape
        .columns
        .iter()
        .map(|column| {
            let column = SqlText::column(ROW, &column.name).map_err(|error| lease.unwritable(&error))?;
            Ok(SqlText::fill("coalesce(octet_length({0}), 0)", &[&column]))
        })
        .collect::<Result<_, ConnectorError>>()?;
    let length = SqlText::join_balanced(&lengths, " + ").unwrap_or_else(|| SqlText::new("0"));
    let sql = SqlText::fill(
        "SELECT CAST(coalesce(avg(n), 0) AS INTEGER) FROM (SELECT {0} AS n FROM {1} WHERE {2} LIMIT {3})",
        &[&length, &target.table.from, &target.due, &SqlText::value(Value::Int(MEASURED_RECORDS))],
    );
    let row = lease.row(dataset, sql).await?;
    let bytes = count_at(lease, dataset, &row, 0)?;
    Ok(bytes.saturating_add(ROW_OVERHEAD_BYTES).saturating_mul(due))
}

/// Rows of each dependent dataset that would go along. One that two ways lead to counts once.
async fn dependents(
    lease: &mut Lease<'_>,
    target: &Target<'_>,
) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let mut ways: BTreeMap<String, Vec<Companion<'_>>> = BTreeMap::new();
    for companion in select::companions(lease, target, &Restriction::All).await? {
        ways.entry(companion.dependent.address.dataset.clone()).or_default().push(companion);
    }
    let mut counted = BTreeMap::new();
    for (dataset, ways) in ways {
        let mut found = SqlText::default();
        for (place, way) in ways.iter().enumerate() {
            if place > 0 {
                found.push(" UNION ");
            }
            let keys = [&way.table.list(), &way.table.from, &way.condition];
            found.append(&SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &keys));
        }
        let row = lease.row(&dataset, SqlText::fill("SELECT count(*) FROM ({0})", &[&found])).await?;
        let count = count_at(lease, &dataset, &row, 0)?;
        counted.insert(dataset, count);
    }
    Ok(counted)
}

async fn linked(lease: &mut Lease<'_>, target: &Target<'_>) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let mut counted = BTreeMap::new();
    for name in &target.selection.link_columns {
        let column = SqlText::column(ROW, name).map_err(|error| lease.unwritable(&error))?;
        let sql = SqlText::fill(
            "SELECT count(*) FROM {0} WHERE {1} AND {2} <> ''",
            &[&target.table.from, &target.due, &column],
        );
        let row = lease.row(target.dataset(), sql).await?;
        counted.insert(name.clone(), count_at(lease, target.dataset(), &row, 0)?);
    }
    Ok(counted)
}
