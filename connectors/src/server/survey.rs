//! Counts where every record of a dataset falls, in one state of the database.
//!
//! One pass over the table counts what simply stays, and a second one the classes of the rest, if there is any. A further
//! pass is made only for what few selections need: who holds what, samples of what is rare, dependents, links.

use super::backend::Backend;
use super::session::Lease;
use super::table::Restriction;
use super::target::{self, Companion, Target, whole};
use crate::error::ConnectorError;
use crate::selection::{Class, DoubtReason, SAMPLE_KEYS_MAX, Selection, StartCondition, Survey};
use crate::sql::{Ident, SqlText, class};
use crate::start;
use crate::value::{RecordKey, Value};
use std::collections::BTreeMap;

/// Holds that are counted in one pass; each is one column of the answer.
const HOLDS_PER_PASS: usize = 100;
/// Due records whose length is looked at for the estimate of bytes.
const MEASURED_RECORDS: i64 = 1_000;

pub(super) async fn survey<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
) -> Result<Survey, ConnectorError> {
    lease.verify(selection).await?;
    lease.spare_others().await?;
    lease.prepare_survey(&selection.address).await?;
    let target = Target::of(lease, selection)?;
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
        survey.due_samples = target.due_after(lease, None, sample_max(survey.due)).await?;
        survey.due_bytes = due_bytes(lease, &target, survey.due).await?;
    }
    survey.dependents = dependents(lease, &target).await?;
    survey.linked = linked(lease, &target).await?;
    Ok(survey)
}

/// Without a look at what is not due; an index may serve it.
pub(super) async fn due_count<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
) -> Result<u64, ConnectorError> {
    lease.verify(selection).await?;
    lease.spare_others().await?;
    let target = Target::of(lease, selection)?;
    let sql = SqlText::fill("SELECT count(*) FROM {0} WHERE {1}", &[&target.table.from, &target.due]);
    count(lease, target.dataset(), sql).await
}

/// With a limit of what there is, a walk ends at the last one.
fn sample_max(count: u64) -> u32 {
    let most = u64::try_from(SAMPLE_KEYS_MAX).unwrap_or(u64::MAX);
    u32::try_from(count.min(most)).unwrap_or(u32::MAX)
}

fn code<B: Backend>(lease: &Lease<'_, B>, target: &Target<'_>) -> Result<SqlText, ConnectorError> {
    let dialect = lease.backend().dialect();
    lease.written(class::class_case(dialect, target.selection, &target.table.alias))
}

async fn count_classes<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    survey: &mut Survey,
) -> Result<(), ConnectorError> {
    let selection = target.selection;
    let Some(apart) = count_simply_kept(lease, target, survey).await? else { return Ok(()) };
    let sql = counting(lease, target, &apart)?;
    for row in lease.rows(target.dataset(), sql).await? {
        let [code, overdue, count, oldest, newest] = row.as_slice() else { return Err(lease.unexpected()) };
        let class = whole(code).and_then(class::class_of_code).ok_or_else(|| lease.unexpected())?;
        let [count, overdue] = [count, overdue].map(|value| number(value).ok_or_else(|| lease.unexpected()));
        let (count, overdue) = (count?, overdue?);
        survey.add(class, count);
        if let (Class::Due, StartCondition::Event { encoding, .. }) = (class, &selection.start) {
            let at = |end| start::instant_of_sortable(encoding, end);
            survey.oldest_due_at = survey.oldest_due_at.into_iter().chain(at(oldest)).min();
            survey.newest_due_at = survey.newest_due_at.into_iter().chain(at(newest)).max();
            survey.overdue += overdue;
        }
    }
    Ok(())
}

/// Counts the rows that most of a large table consists of, without putting them into groups: a server has less work with
/// that, and may use several processors. Answers with what is true for the rest; `None` if there is none.
async fn count_simply_kept<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    survey: &mut Survey,
) -> Result<Option<SqlText>, ConnectorError> {
    let (dialect, selection) = (lease.backend().dialect(), target.selection);
    let kept = lease.written(class::simply_kept(dialect, selection, &target.table.alias))?;
    let Some([out_of_scope, not_yet_due]) = kept else { return Ok(Some(SqlText::new("TRUE"))) };
    let sql = SqlText::fill(
        "SELECT count(*), count(CASE WHEN {0} THEN 1 END), count(CASE WHEN {1} THEN 1 END) FROM {2}",
        &[&out_of_scope, &not_yet_due, &target.table.from],
    );
    let row = lease.row(target.dataset(), sql).await?;
    let counted: Option<Vec<u64>> = row.iter().map(number).collect();
    let Some([all, out, later]) = counted.as_deref().and_then(|counted| counted.first_chunk()) else {
        return Err(lease.unexpected());
    };
    survey.add(Class::OutOfScope, *out);
    survey.add(Class::NotYetDue, *later);
    let rest = SqlText::fill("({0} OR {1}) IS NOT TRUE", &[&out_of_scope, &not_yet_due]);
    Ok((out + later < *all).then_some(rest))
}

/// Of the rows `apart`: class, how many of it are overdue, count, first and last start; a row for each class. What rows
/// are grouped by is worked out several times for each, what is counted once, and no row is put down in between.
fn counting<B: Backend>(
    lease: &Lease<'_, B>,
    target: &Target<'_>,
    apart: &SqlText,
) -> Result<SqlText, ConnectorError> {
    let (backend, selection) = (lease.backend(), target.selection);
    let (class, from) = (code(lease, target)?, &target.table.from);
    let start = lease.written(backend.dialect().start(&selection.start, target.table.row()))?;
    let (StartCondition::Event { field, .. }, Some(start)) = (&selection.start, start) else {
        if selection.start == StartCondition::OnRequest {
            // Few records of a table that may be large: those that the scope does not name are not counted.
            let named =
                crate::sql::predicate::render(backend.dialect(), &selection.scope, target.table.row());
            let sql = "SELECT {0}, 0, count(*), NULL, NULL FROM {1} WHERE {2} GROUP BY 1";
            return Ok(SqlText::fill(sql, &[&class, from, &lease.written(named)?]));
        }
        let sql = "SELECT {0}, 0, count(*), NULL, NULL FROM {1} GROUP BY 1";
        return Ok(SqlText::fill(sql, &[&class, from]));
    };
    let column = lease.written(SqlText::column(&target.table.alias, &field.name))?;
    // What is only known of readable starts is asked for those alone that can be due. Only of the due it is used.
    let overdue = if start.overdue_is_plain {
        SqlText::fill("CASE WHEN {0} THEN 1 END", &[&start.overdue])
    } else {
        SqlText::fill("CASE WHEN {0} THEN CASE WHEN {1} THEN 1 END END", &[&start.due_quick, &start.overdue])
    };
    let sorted = if start.follows_column {
        column
    } else {
        SqlText::fill("CASE WHEN {0} THEN {1} END", &[&start.due_quick, &start.sortable])
    };
    let groups = SqlText::fill(
        "SELECT {0} AS \"g c\", count({1}) AS \"g o\", count(*) AS \"g n\", min({2}) AS \"g lo\", max({2}) AS \"g hi\" \
         FROM {3} WHERE {4} GROUP BY 1",
        &[&class, &overdue, &sorted, from, apart],
    );
    if !start.follows_column {
        return Ok(groups);
    }
    // Only the two ends of each group are brought to the order in which starts are read.
    let ident = |name: &str| Ident::new(name).map(|name| SqlText::ident(&name));
    let (alias, name) = (lease.written(ident(&target.table.alias))?, lease.written(ident(&field.name))?);
    let due = SqlText::value(Value::Int(class::DUE));
    let end = SqlText::fill("CASE WHEN \"g c\" = {0} THEN {1} END", &[&due, &start.sortable]);
    let first = SqlText::fill(
        "SELECT \"g c\", \"g o\", \"g n\", {0} AS \"g first\", \"g hi\" \
         FROM (SELECT \"g c\", \"g o\", \"g n\", \"g hi\", \"g lo\" AS {1} FROM ({2}) AS g) AS {3}",
        &[&end, &name, &groups, &alias],
    );
    Ok(SqlText::fill(
        "SELECT \"g c\", \"g o\", \"g n\", \"g first\", {0} \
         FROM (SELECT \"g c\", \"g o\", \"g n\", \"g first\", \"g hi\" AS {1} FROM ({2}) AS g) AS {3}",
        &[&end, &name, &first, &alias],
    ))
}

/// What a server has counted.
fn number(value: &Value) -> Option<u64> {
    u64::try_from(whole(value)?).ok()
}

async fn count<B: Backend>(
    lease: &mut Lease<'_, B>,
    dataset: &str,
    sql: SqlText,
) -> Result<u64, ConnectorError> {
    let row = lease.row(dataset, sql).await?;
    let counted = row.first().and_then(number);
    counted.ok_or_else(|| lease.unexpected())
}

async fn held_by<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let dialect = lease.backend().dialect();
    let holds = lease.written(class::holds_by_id(dialect, target.selection, &target.table.alias))?;
    let holds: Vec<(String, SqlText)> = holds.into_iter().collect();
    let is_held = of_class(lease, target, |class| class == Class::Held)?;
    let mut counted = BTreeMap::new();
    for holds in holds.chunks(HOLDS_PER_PASS) {
        let counts: Vec<SqlText> =
            holds.iter().map(|(_, held)| SqlText::fill("count(CASE WHEN {0} THEN 1 END)", &[held])).collect();
        let sql = SqlText::fill(
            "SELECT {0} FROM {1} WHERE {2}",
            &[&SqlText::list(&counts), &target.table.from, &is_held],
        );
        let row = lease.row(target.dataset(), sql).await?;
        for ((hold_id, _), value) in holds.iter().zip(&row) {
            counted.insert(hold_id.clone(), number(value).ok_or_else(|| lease.unexpected())?);
        }
    }
    Ok(counted)
}

/// True for the rows of the chosen classes.
fn of_class<B: Backend>(
    lease: &Lease<'_, B>,
    target: &Target<'_>,
    chosen: impl Fn(Class) -> bool,
) -> Result<SqlText, ConnectorError> {
    let codes: Vec<SqlText> = (0..=class::DUE)
        .filter(|code| class::class_of_code(*code).is_some_and(&chosen))
        .map(|code| SqlText::value(Value::Int(code)))
        .collect();
    Ok(SqlText::fill("{0} IN ({1})", &[&code(lease, target)?, &SqlText::list(&codes)]))
}

async fn undecidable_sample<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    reason: DoubtReason,
    count: u64,
) -> Result<Vec<RecordKey>, ConnectorError> {
    let condition = of_class(lease, target, |class| class == Class::Undecidable(reason))?;
    target::first_keys(lease, target.dataset(), &target.table, &condition, Some(sample_max(count))).await
}

/// An estimate from the first due records.
async fn due_bytes<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    due: u64,
) -> Result<u64, ConnectorError> {
    let bytes = lease.written(lease.backend().row_bytes(target.table.row()))?;
    let sql = SqlText::fill(
        "SELECT sum(n), count(*) FROM (SELECT {0} AS n FROM {1} WHERE {2} LIMIT {3}) AS m",
        &[&bytes, &target.table.from, &target.due, &SqlText::value(Value::Int(MEASURED_RECORDS))],
    );
    let row = lease.row(target.dataset(), sql).await?;
    let counted = |place: usize| row.get(place).and_then(number);
    let (bytes, rows) = (counted(0).unwrap_or(0), counted(1).unwrap_or(0));
    Ok(bytes.saturating_mul(due) / rows.max(1))
}

/// Rows of each dependent dataset that would go along. One that two ways lead to counts once.
async fn dependents<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let mut ways: BTreeMap<String, Vec<Companion<'_>>> = BTreeMap::new();
    for companion in target::companions(lease, target, &Restriction::ALL)? {
        ways.entry(companion.dependent.address.dataset.clone()).or_default().push(companion);
    }
    let mut counted = BTreeMap::new();
    for (dataset, ways) in ways {
        let mut found = SqlText::default();
        for (place, way) in ways.iter().enumerate() {
            if place > 0 {
                found.push(" UNION ");
            }
            let keys = [&way.table.order(), &way.table.from, &way.condition];
            found.append(&SqlText::fill("SELECT {0} FROM {1} WHERE {2}", &keys));
        }
        let sql = SqlText::fill("SELECT count(*) FROM ({0}) AS u", &[&found]);
        let rows = count(lease, &dataset, sql).await?;
        counted.insert(dataset, rows);
    }
    Ok(counted)
}

async fn linked<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
) -> Result<BTreeMap<String, u64>, ConnectorError> {
    let mut counted = BTreeMap::new();
    for name in &target.selection.link_columns {
        let column = lease.written(SqlText::column(&target.table.alias, name))?;
        let sql = SqlText::fill(
            "SELECT count(*) FROM {0} WHERE {1} AND {2} <> ''",
            &[&target.table.from, &target.due, &column],
        );
        counted.insert(name.clone(), count(lease, target.dataset(), sql).await?);
    }
    Ok(counted)
}
