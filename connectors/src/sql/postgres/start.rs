//! Start events as SQL: what they say of a row, what is due, overdue, and what sorts them.
//!
//! A start may be written in several [`forms`], of which a kind of column can hold some. What is in no form is
//! missing or unreadable.

use super::forms::{Form, forms, local_value};
use super::kind::Kind;
use super::limits::{Limited, Triple, whole_limits, whole_range};
use super::{column_of, reading};
use crate::selection::{StartCondition, StartEncoding};
use crate::sql::dialect::{Row, StartText};
use crate::sql::{SqlError, SqlText};

/// The expressions of `condition` for a row; `None` if it has no event.
pub(super) fn start(condition: &StartCondition, row: Row<'_>) -> Result<Option<StartText>, SqlError> {
    let StartCondition::Event { field, encoding, .. } = condition else { return Ok(None) };
    let Some(limits) = Limited::of(condition) else { return Ok(None) };
    let kind = Kind::of(column_of(row.shape, &field.name)?);
    let column = SqlText::column(row.alias, &field.name)?;
    let text = reading::text(&column);
    let missing =
        if kind.is_textual() { reading::is_blank(&text) } else { SqlText::fill("({0} IS NULL)", &[&column]) };
    let forms = forms(*encoding, kind, &column, &text, &limits);
    let plain = Plain::of(*encoding, kind, &column, &limits);
    Ok(Some(StartText {
        follows_column: plain.is_some(),
        standing: standing(&missing, &forms),
        due_quick: match &plain {
            Some(plain) => plain.due(&column),
            None => confined(kind, &text, &limits, at_or_before(&forms, |limits| &limits.due)),
        },
        not_yet_due: plain.map(|plain| plain.not_yet_due(&column)),
        overdue: at_or_before(&forms, |limits| &limits.overdue),
        overdue_is_plain: false,
        sortable: sortable(*encoding, &forms),
    }))
}

fn standing(missing: &SqlText, forms: &[Form]) -> SqlText {
    let mut case = SqlText::fill("(CASE WHEN {0} THEN 1", &[missing]);
    for form in forms {
        case.append(&SqlText::fill(
            " WHEN {0} THEN (CASE WHEN {1} <= {2} THEN 0 WHEN {1} > {3} THEN 3 WHEN {1} IS NOT NULL THEN 4 \
             ELSE 2 END)",
            &[&form.is, &form.value, &form.limits.due, &form.limits.as_of],
        ));
    }
    case.push(" ELSE 2 END)");
    case
}

fn at_or_before(forms: &[Form], limit: impl Fn(&Triple<SqlText>) -> &SqlText) -> SqlText {
    let mut case = SqlText::new("(CASE");
    for form in forms {
        let template = " WHEN {0} THEN {1} <= {2}";
        case.append(&SqlText::fill(template, &[&form.is, &form.value, limit(&form.limits)]));
    }
    // CASE needs a WHEN.
    case.push(" WHEN FALSE THEN FALSE ELSE FALSE END)");
    case
}

fn sortable(encoding: StartEncoding, forms: &[Form]) -> SqlText {
    let mut case = SqlText::new("(CASE");
    for form in forms {
        case.append(&SqlText::fill(" WHEN {0} THEN {1}", &[&form.is, &form.sortable]));
    }
    case.push(match encoding {
        StartEncoding::LocalText { .. } => " WHEN FALSE THEN CAST(NULL AS text) END)",
        _ => " WHEN FALSE THEN CAST(NULL AS bigint) END)",
    });
    case
}

/// What is due, behind a comparison that costs far less than reading the text and keeps later texts out.
fn confined(kind: Kind, text: &SqlText, limits: &Limited, due: SqlText) -> SqlText {
    match limits.day_after_all_due() {
        Some(day) if kind.is_textual() => {
            SqlText::fill("({0} < {1} AND {2})", &[text, &reading::text_value(day), &due])
        }
        _ => due,
    }
}

/// A native type, whose column is compared as it stands: an index can serve that.
struct Plain {
    /// True for what is not before the first readable start.
    readable: SqlText,
    due: SqlText,
    as_of: SqlText,
}

impl Plain {
    fn of(encoding: StartEncoding, kind: Kind, column: &SqlText, limits: &Limited) -> Option<Self> {
        let from = |low: SqlText| SqlText::fill("{0} >= {1}", &[column, &low]);
        let (readable, due, as_of) = match (kind, encoding) {
            (Kind::Instant, StartEncoding::Instant | StartEncoding::InstantText) => {
                let readable = SqlText::fill("{0} > {1}", &[column, &reading::before_first_instant()]);
                let limits = limits.at.map(reading::instant_value);
                (readable, limits.due, limits.as_of)
            }
            (Kind::Date, StartEncoding::CivilDate) => {
                let limits = limits.on.map(reading::date_value);
                (from(SqlText::new("DATE '0001-01-01'")), limits.due, limits.as_of)
            }
            (Kind::Local, StartEncoding::LocalText { .. }) => {
                let limits = limits.local?.map(local_value);
                (from(SqlText::new("TIMESTAMP '0001-01-01'")), limits.due, limits.as_of)
            }
            (Kind::Int { .. }, _) => {
                let (low, _) = whole_range(encoding)?;
                let limits = whole_limits(encoding, limits).map(reading::integer_value);
                (from(reading::integer_value(low)), limits.due, limits.as_of)
            }
            _ => return None,
        };
        Some(Self { readable, due, as_of })
    }

    fn due(&self, column: &SqlText) -> SqlText {
        SqlText::fill("({1} AND {0} <= {2})", &[column, &self.readable, &self.due])
    }

    fn not_yet_due(&self, column: &SqlText) -> SqlText {
        let Self { readable, due, as_of } = self;
        SqlText::fill("({0} > {2} AND {0} <= {3} AND {1})", &[column, readable, due, as_of])
    }
}
