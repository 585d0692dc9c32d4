//! Recipients of personal data, and the notices that tell them of an erasure (GDPR art. 19).
//!
//! Floor 3; pure. A recipient is told under which of the person's identities they know them, and nothing else of
//! the person. What is sent is made here; sending and remembering is done above.

use crate::catalog::Catalog;
use crate::policy::Period;
use crate::subject::Identity;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who received personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Name in the settings.
    pub id: String,
    /// As the person reads it.
    pub name: String,
    /// What certificates call them.
    pub alias: String,
    pub role: Role,
    /// What they received.
    pub received: Received,
    /// Kinds of identities under which they know people.
    pub identities: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Processor,
    Controller,
    Joint,
}

/// What a recipient received: any of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    pub datasets: BTreeSet<String>,
    pub record_types: BTreeSet<String>,
    /// Data categories of columns.
    pub categories: BTreeSet<String>,
}

/// One notice to one recipient, about one erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same in every attempt, so that a recipient counts it once.
    pub notice_id: String,
    pub request_id: String,
    pub certificate_id: String,
    /// Name in the settings.
    pub recipient: String,
    pub state: NoticeState,
    pub made_at: DateTime<Utc>,
    pub attempts: u32,
    /// Not before; of one that waits.
    pub next_at: Option<DateTime<Utc>>,
    pub told_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, as a code.
    pub failure: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// To be sent, or to be sent again.
    Waiting,
    /// The recipient took it.
    Told,
    /// A person is to tell the recipient.
    ByHand,
    /// The recipient refused it, or nobody could take it: a person is to look.
    Refused,
    /// A person has decided that it proves impossible or takes a disproportionate effort.
    NotPossible,
}

impl Role {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Processor, Self::Controller, Self::Joint].into_iter().find(|role| role.as_str() == text)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Controller => "controller",
            Self::Joint => "joint",
        }
    }
}

impl NoticeState {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Told, Self::ByHand, Self::Refused, Self::NotPossible];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Told => "told",
            Self::ByHand => "by_hand",
            Self::Refused => "refused",
            Self::NotPossible => "not_possible",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing more is to be done, and what named the person is destroyed.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Told | Self::NotPossible)
    }
}

impl Recipient {
    /// Whether some of the data that were in these datasets had gone to the recipient.
    #[must_use]
    pub fn is_concerned(&self, catalog: &Catalog, datasets: &BTreeSet<String>) -> bool {
        datasets.iter().filter_map(|name| catalog.dataset(name)).any(|dataset| {
            self.received.datasets.contains(&dataset.name)
                || self.received.record_types.contains(&dataset.record_type)
                || dataset.fields.values().any(|category| self.received.categories.contains(category))
        })
    }

    /// Under which identities the recipient knows the person.
    pub fn known_by<'a>(&self, identities: impl IntoIterator<Item = &'a Identity>) -> BTreeSet<Identity> {
        identities.into_iter().filter(|one| self.identities.contains(one.kind())).cloned().collect()
    }
}

/// What is said to a recipient, beside the identities.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    pub notice_id: &'a str,
    /// The opaque reference of the request.
    pub request_id: &'a str,
    pub controller: &'a str,
    /// The ground, as a code.
    pub ground: &'a str,
    pub erased_at: DateTime<Utc>,
    pub identities: &'a BTreeSet<Identity>,
}

/// The message of a signed webhook.
#[must_use]
pub fn message(told: &Told<'_>) -> Value {
    json!({
        "format_version": 1,
        "event": "data_erased",
        "notice_id": told.notice_id,
        "request": told.request_id,
        "controller": told.controller,
        "ground": told.ground,
        "erased_at": told.erased_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "identities": identities(told.identities),
    })
}

fn identities(all: &BTreeSet<Identity>) -> Value {
    all.iter().map(|one| json!({ "kind": one.kind(), "value": one.value() })).collect()
}

/// How a text of a template is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// As a text of JSON holds it once it is written.
    Plain,
    /// One segment or value of an address: everything but letters, digits, `-`, `.`, `_` and `~` is `%XX`.
    Address,
}

/// Places that a template may name; `{identity.KIND}` besides, for the kinds of the recipient.
pub const PLACES: [&str; 6] = ["notice", "request", "controller", "ground", "erased_at", "identities"];
const IDENTITY: &str = "identity.";

/// The places that a text names. Braces that name nothing are an error.
///
/// # Errors
/// The place that is none.
pub fn places(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let (place, tail) = after.split_once('}').ok_or_else(|| "a brace that is not closed".to_owned())?;
        if !PLACES.contains(&place) && place.strip_prefix(IDENTITY).is_none_or(str::is_empty) {
            return Err(place.chars().take(40).collect());
        }
        found.push(place);
        rest = tail;
    }
    Ok(found)
}

/// Fills the places of a text. `None`: the person has no identity of a kind that it names, or several.
#[must_use]
pub fn filled(text: &str, told: &Told<'_>, quoting: Quoting) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, tail) = after.split_once('}')?;
        filled.push_str(before);
        let value = value_of(place, told)?;
        filled.push_str(&if quoting == Quoting::Address { quoted(&value) } else { value });
        rest = tail;
    }
    filled.push_str(rest);
    Some(filled)
}

fn value_of(place: &str, told: &Told<'_>) -> Option<String> {
    Some(match place {
        "notice" => told.notice_id.to_owned(),
        "request" => told.request_id.to_owned(),
        "controller" => told.controller.to_owned(),
        "ground" => told.ground.to_owned(),
        "erased_at" => told.erased_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "identities" => identities(told.identities).to_string(),
        place => {
            let kind = place.strip_prefix(IDENTITY)?;
            let mut own = told.identities.iter().filter(|one| one.kind() == kind);
            let first = own.next()?.value().to_owned();
            // One message for one identity: with several it would be left to chance which of them is told.
            if own.next().is_some() {
                return None;
            }
            first
        }
    })
}

fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Fills a body of JSON: every text in it, and `"{identities}"` alone as the list itself.
#[must_use]
pub fn filled_body(body: &Value, told: &Told<'_>) -> Option<Value> {
    Some(match body {
        Value::String(text) if text == "{identities}" => identities(told.identities),
        Value::String(text) => Value::String(filled(text, told, Quoting::Plain)?),
        Value::Array(all) => {
            Value::Array(all.iter().map(|one| filled_body(one, told)).collect::<Option<_>>()?)
        }
        Value::Object(all) => Value::Object(
            all.iter()
                .map(|(key, one)| Some((key.clone(), filled_body(one, told)?)))
                .collect::<Option<_>>()?,
        ),
        other => other.clone(),
    })
}

/// The same for each identity of the one kind of which the person has several, where the template names that
/// kind: one message each.
#[must_use]
pub fn one_by_one(identities: &BTreeSet<Identity>, kinds: &BTreeSet<String>) -> Vec<BTreeSet<Identity>> {
    let mut by_kind: BTreeMap<&str, Vec<&Identity>> = BTreeMap::new();
    for one in identities {
        by_kind.entry(one.kind()).or_default().push(one);
    }
    let mut sets: Vec<BTreeSet<Identity>> = vec![BTreeSet::new()];
    for (kind, all) in by_kind {
        if kinds.contains(kind) {
            sets = sets
                .iter()
                .flat_map(|set| {
                    all.iter().map(move |one| {
                        let mut with = set.clone();
                        with.insert((*one).clone());
                        with
                    })
                })
                .collect();
        } else {
            for set in &mut sets {
                set.extend(all.iter().map(|one| (*one).clone()));
            }
        }
    }
    sets
}

/// When a notice that could not be delivered is tried again: a minute after the first attempt, doubled each
/// time, up to a day.
#[must_use]
pub fn next_attempt(attempts: u32, at: DateTime<Utc>) -> DateTime<Utc> {
    let minutes = 1_i64 << attempts.saturating_sub(1).min(11);
    let wait = chrono::Duration::minutes(minutes).min(chrono::Duration::days(1));
    at.checked_add_signed(wait).unwrap_or(at)
}

/// After this long without an answer a person is to look.
#[must_use]
pub fn given_up_at(made_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Period::days_of(14).after(made_at)
}

#[cfg(test)]
mod tests;
