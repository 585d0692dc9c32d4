//! A bucket of S3 or of a compatible store.
//!
//! **A record is one version of an object**, a delete marker, or an upload that was begun and never finished.
//! Its key has two parts: the key of the object, and what tells the version from the others of that key
//! (see [`key`]). A bucket that never had versions, or has them suspended, has one version that a write
//! replaces, called `null`; its second part holds the time and the tag of its content too, so that what was
//! written in its place is another record. It is seen to be gone when its content is.
//!
//! **What is due is judged for each version by itself**: `key` and the captures of the template, `size`,
//! `last_modified`, `etag`, `storage_class`, `is_latest`, `kind` (`version`, `delete_marker`, `upload`),
//! `tag('x')` and `metadata('x')`. Old versions go by their own age, not by that of the newest.
//!
//! **A delete marker** is nothing by itself. It takes its attributes from the newest version that it hides,
//! goes only if every version of its key goes, and goes after them: without it they would come to light
//! again. One that hides nothing any more is due at once, unless the key itself tells the start (then by the
//! key): else a run cut short between the last version and its marker would leave the marker for years.
//!
//! **What is kept**: versions under Object Lock (governance, compliance, a hold of the store) fall into a
//! class of their own, with the day on which they are free. Governance is bypassed only if the store was
//! opened so ([`S3Options::bypass_governance`]).
//!
//! **Listings** are the only thing believed: of whole keys, never of a prefix as if it were a key. Leading
//! directories of fixed width, such as `{year}/{month}`, are found first, and those in which nothing can be
//! due are not listed. While a batch is deleted the next versions are listed, and judged when their batch comes, if
//! that is within seconds; what a write can replace is listed anew by each batch: what is about to be deleted was
//! seen a moment ago. The keys of the listing decide nothing else.
//!
//! **Deletions** go by key and version id, at most 1000 in a request, after the intent is durable. They are
//! never repeated here: each attempt is journaled by the caller. Each answer counts by itself; an answer
//! that leaves open whether the version is gone fails the batch, which is then settled by looking. Keys that
//! XML cannot carry are deleted one by one. Nothing is atomic. A request that was lost on the way may still
//! take effect for a moment, so [`crate::RecordDisposer::settle`] waits before anybody looks.
//!
//! **What this cannot do**: hold a write to a `null` version off between the last look and the deletion (the
//! deletion names the tag of the content, which AWS honours and Ceph does not); see a change of tags after
//! the plan; reach copies in other buckets; rewrite content. A store whose listing leaves keys out, as
//! SeaweedFS 4.48 does at the end of a page where the name of one directory begins the name of its neighbour
//! (`a/` and `a-b`), hides these keys from every survey.
//!
//! Reading order: `key`, `listing`, `walk`, `judge`, `due`, then `source`, `ahead` and `dispose`.

mod ahead;
mod attributes;
mod bounds;
mod client;
mod dispose;
mod due;
mod fault;
pub mod files;
mod inventory;
mod judge;
pub mod key;
mod listing;
mod names;
mod observe;
mod policy;
mod removal;
mod setting;
mod source;
mod survey;
mod tags;
mod walk;

pub use client::{Credentials, S3Options, Side};
pub use dispose::S3Disposer;
pub use inventory::InventoryOptions;
pub use policy::{keeping_policy, policies};
pub use source::S3Source;

use crate::dataset::{DatasetAddress, KeyTemplate};
use crate::error::ConnectorError;
use crate::objects;
use crate::selection::{Selection, StartCondition};
use crate::transform::Disposal;

/// Most records in one batch or page.
const BATCH_RECORDS_MAX: u32 = 5_000;
/// Requests for single objects under way at once.
const REQUESTS_AT_ONCE: usize = 32;
/// Deletions of 1000 and listings of prefixes under way at once.
const LANES: usize = 6;

const KEY: &str = "key";
const VERSION: &str = "version";
const KIND: &str = "kind";
const SIZE: &str = "size";
const LAST_MODIFIED: &str = "last_modified";
const ETAG: &str = "etag";
const STORAGE_CLASS: &str = "storage_class";
const IS_LATEST: &str = "is_latest";

fn template_of(address: &DatasetAddress) -> Result<&KeyTemplate, ConnectorError> {
    objects::template_of(address, "a bucket has objects")
}

/// Refuses a selection with parts that only other stores know.
fn refuse_foreign_parts(selection: &Selection) -> Result<(), ConnectorError> {
    template_of(&selection.address)?;
    let foreign = objects::foreign_part(selection).or(match &selection.disposal {
        Disposal::Purge => None,
        Disposal::Anonymize { marker: Some(_), .. } => Some("an object has no column for a marker"),
        Disposal::Anonymize { fields, .. } => {
            let is_tag = |column: &str| crate::dataset::attribute("tag", column).is_some();
            let refused = "only tags of an object can be anonymized: content and metadata of a version cannot be \
                           changed, purge it instead";
            (!fields.iter().all(|field| is_tag(&field.column))).then_some(refused)
        }
    });
    let Some(foreign) = foreign else { return Ok(()) };
    Err(ConnectorError::NotSupported { store: selection.address.store.clone(), reason: foreign.to_owned() })
}

/// Refuses to walk for linked objects: all that the scope allows would seem due.
fn refuse_linked(selection: &Selection) -> Result<(), ConnectorError> {
    if selection.start != StartCondition::Linked {
        return Ok(());
    }
    Err(ConnectorError::NotSupported {
        store: selection.address.store.clone(),
        reason: "linked objects are found by their keys only".to_owned(),
    })
}
