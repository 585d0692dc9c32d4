//! Bounds of a period: duties to keep, duties to delete, recommendations, limitation periods
//! (floor 1; requirements R2, R3, R14, R16).
//!
//! Bounds are compared by what they mean on the calendar, start by start: `P12M` and `P1Y` are
//! equal, and a rounding to the end of the year counts.

use super::period::Period;
use super::retention::{RetentionClock, Rounding};
use chrono::{Days, NaiveDate};
use serde::Serialize;

/// One bound of a rule, resolved: its citation is what a conflict is reported with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// The row of a shipped pack it was taken from.
    pub pack: Option<String>,
    pub kind: BoundKind,
    /// Which way a recommendation points; follows from the kind for the others.
    pub sense: Sense,
    pub period: Period,
    pub rounding: Rounding,
    pub citation: String,
    pub certainty: Certainty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundKind {
    /// A duty to keep: not deleted before.
    Minimum,
    /// A duty to delete: not kept longer.
    Maximum,
    /// An authority's guidance; one may depart from it with a written reason.
    Recommended,
    /// A prescription period that justifies keeping.
    Limitation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    AtLeast,
    AtMost,
}

/// How well a citation was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Seen in an authority's or official text.
    Official,
    /// Seen in a secondary source.
    Secondary,
    /// Not checked against a text; a user has to confirm it.
    Unchecked,
    /// Written or confirmed by the user.
    Declared,
}

impl BoundKind {
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "minimum" => Some(Self::Minimum),
            "maximum" => Some(Self::Maximum),
            "recommended" => Some(Self::Recommended),
            "limitation" => Some(Self::Limitation),
            _ => None,
        }
    }

    /// Which way the bound points when nothing else is said.
    #[must_use]
    pub fn usual_sense(self) -> Sense {
        if self == Self::Minimum { Sense::AtLeast } else { Sense::AtMost }
    }
}

impl Sense {
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "at_least" => Some(Self::AtLeast),
            "at_most" => Some(Self::AtMost),
            _ => None,
        }
    }
}

impl Bound {
    /// The clock of the bound on the calendar of a rule.
    #[must_use]
    pub fn clock(&self, rule: &RetentionClock) -> RetentionClock {
        RetentionClock { period: self.period, rounding: self.rounding, ..*rule }
    }

    /// A start at which the clock goes against this bound; `None` when it never does.
    #[must_use]
    pub fn start_against(&self, clock: &RetentionClock) -> Option<NaiveDate> {
        match self.sense {
            Sense::AtLeast => first_start_later(&self.clock(clock), clock),
            Sense::AtMost => first_start_later(clock, &self.clock(clock)),
        }
    }
}

/// The first start of two sample years for which `one` is due later than `other`. The two years
/// hold a leap day and a February without one, and spans from them with fewer and more leap days.
#[must_use]
pub fn first_start_later(one: &RetentionClock, other: &RetentionClock) -> Option<NaiveDate> {
    if one == other {
        return None;
    }
    let first = NaiveDate::from_ymd_opt(2023, 6, 1)?;
    let mut starts = (0..731).filter_map(|days| first.checked_add_days(Days::new(days)));
    starts.find(|start_on| match (one.due_at_civil(*start_on), other.due_at_civil(*start_on)) {
        (Some(one), Some(other)) => one > other,
        // Beyond the calendar is later than everything.
        (None, Some(_)) => true,
        _ => false,
    })
}
