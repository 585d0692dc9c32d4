//! Policies and rules as validated values (floor 1).
//!
//! Nothing here is read from YAML directly: [`super::read`] makes these out of a
//! [`super::document`], so whoever holds one may rely on it. Everything serialises, because the
//! digest of the catalog stands on it.

use super::bounds::Bound;
use super::period::Period;
use super::retention::{FiscalYearEnd, RetentionClock, Rounding};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use connectors::{Transform, TransformClass};
use serde::Serialize;
use std::collections::BTreeMap;

/// One version of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    pub name: String,
    pub version: u32,
    /// The first day on which this version applies, in `time_zone`.
    pub effective_from: NaiveDate,
    pub owner: String,
    pub next_review: NaiveDate,
    pub jurisdictions: Vec<String>,
    pub time_zone: Tz,
    pub fiscal_year_ends: FiscalYearEnd,
    /// Sorted by id.
    pub rules: Vec<Rule>,
}

/// How long the records of one type are kept, why, and what becomes of them then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Unique in its policy.
    pub id: String,
    pub record_type: String,
    /// Names of datasets; empty means every dataset of the record type.
    pub applies_to: Vec<String>,
    pub title: Texts,
    pub purpose: Texts,
    /// A code such as `eu-gdpr:A6-1-f`.
    pub legal_basis: String,
    pub starts_from: StartsFrom,
    pub start_type: StartType,
    pub retain_for: RetainFor,
    /// Margin of execution: a record older than period and margin together is overdue (R10).
    pub delete_within: Option<Period>,
    /// The `where` of the rule; `None` speaks of every record of the dataset.
    pub scope: Option<ScopeText>,
    pub disposition: Disposition,
    pub bounds: Vec<Bound>,
    /// Why the period departs from a recommendation, or why it has no end.
    pub reason: Option<String>,
    pub guards: Guards,
    /// The exception of GDPR art. 17(3) under which an erasure request leaves the records alone
    /// until they are due, such as `eu-gdpr:JustificationA17LegallyRequired`.
    pub erasure_exception: Option<String>,
    /// The law behind the exception, as a reader looks it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erasure_citation: Option<String>,
    /// Of a record that the exception keeps: what becomes of the fields that it does not cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Exempt>,
    /// The entry of the records of processing (GDPR art. 30).
    pub processing_record: Option<String>,
    pub owner: String,
    /// Whether the data are about children, which forbids keeping them forever (R12).
    pub about_children: bool,
    /// Calendar of the rule, from its policy.
    pub time_zone: Tz,
    pub fiscal_year_ends: FiscalYearEnd,
}

impl Rule {
    /// The clock of the period; `None` for a rule that keeps forever.
    #[must_use]
    pub fn clock(&self) -> Option<RetentionClock> {
        let RetainFor::Period(period) = self.retain_for else { return None };
        Some(self.clock_of(period))
    }

    /// The clock of period and margin together; the period's own where there is no margin. `None`
    /// for a rule that keeps forever, and where the sum is beyond every calendar.
    #[must_use]
    pub fn overdue_clock(&self) -> Option<RetentionClock> {
        let RetainFor::Period(period) = self.retain_for else { return None };
        let sum = match self.delete_within {
            None => period,
            Some(margin) => period.checked_add(margin)?,
        };
        Some(self.clock_of(sum))
    }

    fn clock_of(&self, period: Period) -> RetentionClock {
        let rounding = match &self.starts_from {
            StartsFrom::Event { rounding, .. } => *rounding,
            StartsFrom::NoneLeft { .. } => Rounding::None,
        };
        RetentionClock { period, rounding, zone: self.time_zone, fiscal_year_ends: self.fiscal_year_ends }
    }

    /// The event that starts the period; `None` when the start is a state.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        match &self.starts_from {
            StartsFrom::Event { event, .. } => Some(event),
            StartsFrom::NoneLeft { .. } => None,
        }
    }
}

/// An exception that covers some fields of a record only. On an erasure request the others are anonymized at once,
/// and the record goes by its rule when the duty ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exempt {
    /// Columns that the exception covers.
    pub keeps: Vec<String>,
    /// What becomes of the others.
    pub meanwhile: BTreeMap<String, Transform>,
}

/// A text that people read, in French and English. At least one is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Texts {
    pub fr: Option<String>,
    pub en: Option<String>,
}

impl Texts {
    /// The text in the language, else in the other one.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        let (first, second) = match language {
            Language::Fr => (&self.fr, &self.en),
            Language::En => (&self.en, &self.fr),
        };
        first.as_deref().or(second.as_deref()).unwrap_or_default()
    }
}

/// A language that people are addressed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    Fr,
    #[default]
    En,
}

/// What the period runs from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartsFrom {
    /// An event that the data map locates in each dataset.
    Event { event: String, rounding: Rounding },
    /// The state "no record of these types refers to it any more" (the period is zero).
    NoneLeft { record_types: Vec<String> },
}

/// The three kinds of start point of DIN 66398.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartType {
    Collection,
    Operation,
    Relationship,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetainFor {
    Period(Period),
    Forever,
}

/// A predicate as written, checked for syntax only: its types are checked against the live schema.
/// Equality and the digest are those of the text; its place is for messages.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeText {
    pub text: String,
    #[serde(skip)]
    pub file: String,
    #[serde(skip)]
    pub line: usize,
    #[serde(skip)]
    pub column: usize,
}

impl PartialEq for ScopeText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What becomes of a due record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    Purge,
    /// Every field ends destroyed or generalized: the record is no longer personal.
    Anonymize {
        fields: BTreeMap<String, Transform>,
    },
    /// Some field stays a pseudonym: counted apart, never as erased (EDPB).
    Pseudonymize {
        fields: BTreeMap<String, Transform>,
    },
}

impl Disposition {
    /// As a policy writes it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Purge => "purge",
            Self::Anonymize { .. } => "anonymize",
            Self::Pseudonymize { .. } => "pseudonymize",
        }
    }

    #[must_use]
    pub fn fields(&self) -> Option<&BTreeMap<String, Transform>> {
        match self {
            Self::Purge => None,
            Self::Anonymize { fields } | Self::Pseudonymize { fields } => Some(fields),
        }
    }

    /// The label of a disposed record: the worst of its fields.
    #[must_use]
    pub fn class(&self) -> TransformClass {
        let worst = self.fields().and_then(|fields| fields.values().map(Transform::class).max());
        worst.unwrap_or(TransformClass::Destroyed)
    }
}

/// Limits over which a plan needs the approval of that very plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// Greatest share of a dataset that one plan may dispose of.
    pub max_share: Share,
    pub max_records: u64,
    pub empty_dataset: EmptyDataset,
    /// How many of the newest records of a dataset always stay, due or not.
    pub keep_newest: u64,
    /// Most records that the daemon disposes of in one day of the policy's zone; `None` is without limit.
    /// Left out of digests where it is not said, so that approvals given before stay good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_records_per_day: Option<u64>,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            max_share: Share::from_basis_points(2_000),
            max_records: 100_000,
            empty_dataset: EmptyDataset::Refuse,
            keep_newest: 0,
            max_records_per_day: None,
        }
    }
}

/// Whether a plan may leave a dataset empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyDataset {
    Refuse,
    Allow,
}

/// A share of a whole in hundredths of a percent, so that no comparison is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Share {
    basis_points: u32,
}

impl Share {
    /// 10 000 is the whole; more counts as the whole.
    #[must_use]
    pub const fn from_basis_points(basis_points: u32) -> Self {
        Self { basis_points: if basis_points > 10_000 { 10_000 } else { basis_points } }
    }

    #[must_use]
    pub const fn basis_points(self) -> u32 {
        self.basis_points
    }

    /// Whether `part` is more than this share of `whole`.
    #[must_use]
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 > u128::from(whole) * u128::from(self.basis_points)
    }
}

impl Policy {
    #[must_use]
    pub fn is_effective(&self, as_of: DateTime<Utc>) -> bool {
        as_of.with_timezone(&self.time_zone).date_naive() >= self.effective_from
    }
}
