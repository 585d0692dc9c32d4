//! What a plan says of the request it is for.
//!
//! Floor 3; pure. No identity and no key of a record is in here: the records are bound by a digest under a
//! random key that rests sealed in the ledger.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

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
    /// After a restore: the requests whose erasure is done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<String>,
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
    /// No column identifies a person and nothing declared leads there.
    NotSearched,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptByDuty {
    pub item: u32,
    /// GDPR art. 17(3), as a code.
    pub exception: String,
    /// The first day on which all of them may go; `None` when no end is known.
    pub until_on: Option<NaiveDate>,
    pub records: u64,
}
