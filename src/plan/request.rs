//! What a plan says of the request it is for.
//!
//! Floor 3; pure. No identity and no key of a record is in here: the records are bound by a digest under a
//! random key that rests sealed in the ledger.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestPlan {
    pub request_id: String,
    /// `erasure`, `consent_withdrawal` or `marketing_objection`.
    pub kind: String,
    /// The ground of the request, as a code.
    pub ground: String,
    pub received_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// Keyed digest of every record that was found: what is carried out is what was approved.
    pub found_digest: String,
    pub identities_given: u64,
    /// Read from the person's own records.
    pub identities_derived: u64,
    /// Every dataset of the data map, by name.
    pub datasets: Vec<SearchedDataset>,
    /// Records that a duty keeps, by item.
    pub kept: Vec<KeptByDuty>,
    /// Records of theirs that stay because the request does not reach them, by dataset and rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond: Vec<BeyondReach>,
    /// Of persons who are erased together: their requests, in order. The fields above are then those of all of them
    /// (the earliest dates), and the id is that of nobody's request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberPlan>,
    /// How many of the items are for each group of them, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_items: Vec<u32>,
    /// After a restore: the requests whose erasure is done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<String>,
}

/// One of several requests that a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    pub request_id: String,
    pub received_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub group: u32,
    /// Records of the person alone, and of others too.
    pub own: u64,
    pub shared: u64,
    /// What a duty keeps of theirs, by item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptByDuty>,
}

impl RequestPlan {
    /// The requests that the plan is for, in order.
    #[must_use]
    pub fn request_ids(&self) -> Vec<&str> {
        if self.members.is_empty() {
            return vec![&self.request_id];
        }
        self.members.iter().map(|member| member.request_id.as_str()).collect()
    }

    /// For each item the group that it is for.
    #[must_use]
    pub fn groups_of_items(&self, items: usize) -> Vec<u32> {
        if self.members.is_empty() {
            return vec![0; items];
        }
        let all = self.group_items.iter().enumerate();
        all.flat_map(|(group, count)| {
            let group = u32::try_from(group).unwrap_or(u32::MAX);
            std::iter::repeat_n(group, usize::try_from(*count).unwrap_or(0))
        })
        .collect()
    }

    /// What a duty keeps for one of the requests.
    #[must_use]
    pub fn kept_for(&self, request_id: &str) -> &[KeptByDuty] {
        if self.members.is_empty() {
            return &self.kept;
        }
        let member = self.members.iter().find(|member| member.request_id == request_id);
        member.map(|member| member.kept.as_slice()).unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchedDataset {
    pub dataset: String,
    pub dataset_alias: String,
    pub store_alias: String,
    pub search: Search,
}

/// What looking for the person in one dataset came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Search {
    Found {
        /// The person's alone.
        own: u64,
        /// Other people's too: kept, and listed.
        shared: u64,
    },
    NothingFound,
    /// It could not be read: the plan is incomplete.
    NotReached {
        reason: String,
    },
    /// No column identifies a person by what is known of this one, and nothing declared leads there.
    NotSearched,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptByDuty {
    pub item: u32,
    /// GDPR art. 17(3), as a code.
    pub exception: String,
    /// The day on which the first of them may go, where that is not the day of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_on: Option<NaiveDate>,
    /// The day on which all of them may go; `None` when no end is known.
    pub until_on: Option<NaiveDate>,
    pub records: u64,
}

impl KeptByDuty {
    /// The first and the last day until which they are kept.
    #[must_use]
    pub fn days(&self) -> Option<(NaiveDate, NaiveDate)> {
        self.until_on.map(|last| (self.first_on.unwrap_or(last), last))
    }

    /// Kept until these days.
    #[must_use]
    pub fn until(self, days: Option<(NaiveDate, NaiveDate)>) -> Self {
        let (first, last) = days.unzip();
        Self { first_on: first.filter(|_| first != last), until_on: last, ..self }
    }
}

/// Records of the person of which the request does not speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeyondReach {
    pub dataset: String,
    /// The rule that speaks of them; both are empty where none does.
    pub policy: String,
    pub rule: String,
    /// Of the rule, by language.
    pub title: BTreeMap<String, String>,
    pub records: u64,
}
