//! Holds as lists (floor 8, pure). Only who may read the ledger sees them: matter, reason and scope
//! may name a person.

use super::JSON_FORMAT_VERSION;
use super::text::{self, day, instant, printable};
use super::words::run as words;
use crate::hold::{Hold, HoldScope};
use crate::policy::Language;
use serde::Serialize;

/// One row a hold.
#[must_use]
pub fn human(holds: &[Hold], language: Language) -> String {
    if holds.is_empty() {
        return words::HOLDS_NONE.text(language).to_owned() + "\n";
    }
    let id_and_scope =
        format!("{},\n{}", words::COLUMN_HOLD.text(language), words::COLUMN_SCOPE.text(language));
    let mut header = vec![id_and_scope.as_str()];
    let others = [
        words::COLUMN_MATTER,
        words::COLUMN_OWNER,
        words::COLUMN_PLACED,
        words::COLUMN_REVIEW,
        words::COLUMN_RELEASED,
    ];
    header.extend(others.iter().map(|message| message.text(language)));
    let mut table = text::table(&header);
    for hold in holds {
        table.add_row([
            format!("{}\n{}", hold.hold_id, scope(&hold.scope, language)),
            format!("{}: {}", printable(&hold.matter), printable(&hold.reason)),
            printable(&hold.owner),
            day(hold.placed_at),
            hold.review_on.map(|date| date.to_string()).unwrap_or_default(),
            hold.released_at.map(day).unwrap_or_default(),
        ]);
    }
    // An identifier is copied into the next command: it must not be broken.
    text::widen(&mut table, 0, 37);
    text::lines(&table)
}

/// What a hold covers, in words.
#[must_use]
pub fn scope(scope: &HoldScope, language: Language) -> String {
    match scope {
        HoldScope::Dataset { dataset } => words::SCOPE_DATASET.fill(language, &[&printable(dataset)]),
        HoldScope::Predicate { dataset, text } => {
            words::SCOPE_PREDICATE.fill(language, &[&printable(dataset), &printable(text)])
        }
        HoldScope::Subject { identity, value } => {
            words::SCOPE_SUBJECT.fill(language, &[&printable(identity), &printable(value)])
        }
    }
}

/// The JSON form of `hold list`.
#[derive(Debug, Serialize)]
pub struct HoldsJson<'a> {
    format_version: u32,
    holds: Vec<HoldJson<'a>>,
}

/// One hold.
#[derive(Debug, Serialize)]
pub struct HoldJson<'a> {
    hold_id: &'a str,
    matter: &'a str,
    reason: &'a str,
    owner: &'a str,
    placed_at: String,
    review_on: Option<String>,
    released_at: Option<String>,
    scope: ScopeJson<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum ScopeJson<'a> {
    Dataset { dataset: &'a str },
    Predicate { dataset: &'a str, text: &'a str },
    Subject { identity: &'a str, value: &'a str },
}

/// The JSON form of `hold add`.
#[derive(Debug, Serialize)]
pub struct HoldPlacedJson<'a> {
    pub format_version: u32,
    pub hold: HoldJson<'a>,
    /// Datasets that the hold reaches.
    pub datasets: &'a [String],
    pub overtaken_batches: u64,
}

impl<'a> HoldsJson<'a> {
    #[must_use]
    pub fn new(holds: &'a [Hold]) -> Self {
        Self { format_version: JSON_FORMAT_VERSION, holds: holds.iter().map(HoldJson::from).collect() }
    }
}

impl<'a> From<&'a Hold> for HoldJson<'a> {
    fn from(hold: &'a Hold) -> Self {
        let scope = match &hold.scope {
            HoldScope::Dataset { dataset } => ScopeJson::Dataset { dataset },
            HoldScope::Predicate { dataset, text } => ScopeJson::Predicate { dataset, text },
            HoldScope::Subject { identity, value } => ScopeJson::Subject { identity, value },
        };
        Self {
            hold_id: &hold.hold_id,
            matter: &hold.matter,
            reason: &hold.reason,
            owner: &hold.owner,
            placed_at: instant(hold.placed_at),
            review_on: hold.review_on.map(|date| date.to_string()),
            released_at: hold.released_at.map(instant),
            scope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, NaiveDate};

    fn hold() -> Hold {
        Hold {
            hold_id: "h-1".into(),
            matter: "2026-017".into(),
            reason: "dispute".into(),
            owner: "legal".into(),
            placed_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            review_on: NaiveDate::from_ymd_opt(2027, 1, 31),
            released_at: None,
            scope: HoldScope::Subject { identity: "customer_id".into(), value: "1042".into() },
        }
    }

    #[test]
    fn a_hold_is_one_row_with_scope_and_review_date() {
        let page = human(&[hold()], Language::En);
        for expected in
            ["h-1", "person:", "customer_id =", "1042", "2026-017: dispute", "legal", "2027-01-31"]
        {
            assert!(page.contains(expected), "{expected} is not in\n{page}");
        }
    }

    #[test]
    fn no_hold_is_said() {
        assert_eq!(human(&[], Language::Fr), "Aucun gel.\n");
    }

    #[test]
    fn the_json_form_tells_the_kind_of_scope() {
        let holds = [hold()];
        let json = serde_json::to_value(HoldsJson::new(&holds)).unwrap();
        assert_eq!(json["holds"][0]["scope"]["kind"], "subject");
        assert_eq!(json["holds"][0]["placed_at"], "2026-09-21T14:13:20Z");
    }
}
