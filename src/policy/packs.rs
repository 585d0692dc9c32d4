//! The bounds shipped with the program (floor 1; requirement R16).
//!
//! They are data, in `policies/packs.yaml`, compiled in so that a check needs no file.

use super::bounds::{Bound, BoundKind, Certainty, Sense};
use super::document::PACKS;
use super::read;
use super::retention::Rounding;
use crate::diagnostic::Diagnostics;
use crate::yaml::{Form, Node, Report, Source, parse};
use chrono::NaiveDate;
use std::sync::LazyLock;

const SHIPPED: &str = include_str!("../../policies/packs.yaml");

/// One row: a duty or recommendation with its citation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRow {
    pub id: String,
    pub jurisdiction: String,
    pub category: String,
    /// What starts the period, in words.
    pub starts_from: String,
    pub kind: BoundKind,
    pub sense: Sense,
    pub period: super::Period,
    pub rounding: Rounding,
    pub citation: String,
    pub source: Option<String>,
    pub certainty: Certainty,
    pub note: Option<String>,
    pub checked_on: NaiveDate,
}

impl PackRow {
    /// The row as a bound of a rule. `confirmed`: a user checked it.
    #[must_use]
    pub fn bound(&self, confirmed: bool) -> Bound {
        Bound {
            pack: Some(self.id.clone()),
            kind: self.kind,
            sense: self.sense,
            period: self.period,
            rounding: self.rounding,
            citation: self.citation.clone(),
            certainty: if confirmed { Certainty::Declared } else { self.certainty },
        }
    }
}

/// Every shipped row, by id.
#[must_use]
pub fn shipped() -> &'static [PackRow] {
    static ROWS: LazyLock<Vec<PackRow>> = LazyLock::new(|| {
        let (rows, _) = read_packs("packs.yaml", SHIPPED);
        rows
    });
    &ROWS
}

/// The shipped row with this id.
#[must_use]
pub fn row(id: &str) -> Option<&'static PackRow> {
    shipped().iter().find(|row| row.id == id)
}

fn read_packs(file: &str, text: &str) -> (Vec<PackRow>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let mut rows = Vec::new();
    if let Some(source) = Source::decode(file, text.as_bytes(), &mut diagnostics) {
        let mut report = Report { source: &source, diagnostics: &mut diagnostics };
        if let Some(node) = parse(&mut report) {
            Form::Map(&PACKS).check(&node, &mut report);
            rows = read_rows(&node);
        }
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    (rows, diagnostics)
}

fn read_rows(node: &Node) -> Vec<PackRow> {
    let Some(checked_on) = read::date(node, "checked_on") else { return Vec::new() };
    let rows = node.get("rows").map(Node::items).unwrap_or_default();
    rows.iter().filter_map(|row| read_row(row, checked_on)).collect()
}

fn read_row(node: &Node, checked_on: NaiveDate) -> Option<PackRow> {
    let kind = BoundKind::parse(node.get("kind")?.text()?)?;
    Some(PackRow {
        id: read::text(node, "id")?,
        jurisdiction: read::text(node, "jurisdiction")?,
        category: read::text(node, "category")?,
        starts_from: read::text(node, "starts_from")?,
        kind,
        sense: node.get("sense").and_then(Node::text).and_then(Sense::parse).unwrap_or(kind.usual_sense()),
        period: read::parsed(node, "period")?,
        rounding: read::rounding(node),
        citation: read::text(node, "cite")?,
        source: read::text(node, "source"),
        certainty: match node.get("certainty")?.text()? {
            "official" => Certainty::Official,
            "secondary" => Certainty::Secondary,
            _ => Certainty::Unchecked,
        },
        note: read::text(node, "note"),
        checked_on,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_shipped_packs_have_no_fault_and_no_double_id() {
        let (rows, diagnostics) = read_packs("policies/packs.yaml", SHIPPED);
        assert_eq!(diagnostics.to_string(), "");
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), SHIPPED.matches("  - id: ").count());
        assert_eq!(ids.len(), rows.len());
    }

    #[test]
    fn a_row_says_what_it_is_and_where_it_stands_written() {
        let accounting = row("fr.accounting").unwrap();
        assert_eq!(accounting.kind, BoundKind::Minimum);
        assert_eq!(accounting.period.to_string(), "P10Y");
        assert_eq!(accounting.rounding, Rounding::EndOfFiscalYear);
        assert_eq!(accounting.citation, "C. com. L123-22");
        assert_eq!(row("fr.logs.min").unwrap().sense, Sense::AtLeast);
    }
}
