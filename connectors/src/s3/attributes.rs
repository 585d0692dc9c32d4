//! What a listing does not tell of a version: tags, metadata, locks.
//!
//! Asked for one by one, and only where the selection reads it or the bucket can lock at all.

use super::REQUESTS_AT_ONCE;
use super::client::Bucket;
use super::listing::{Entry, Kind, Told};
use crate::dataset::attribute;
use crate::error::ConnectorError;
use crate::selection::{Lock, LockKind, Selection, StartCondition};
use crate::transform::Disposal;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ObjectLockEventHold, ObjectLockLegalHoldStatus, ObjectLockMode};
use chrono::DateTime;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeMap, BTreeSet};

/// The attributes by free names that a selection reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Names of fields, such as `tag('x')`, by the name of the tag.
    pub(super) tags: BTreeMap<String, String>,
    /// The same of metadata, whose names have no upper case in the store.
    pub(super) metadata: BTreeMap<String, String>,
}

/// Every field that a selection reads.
pub(super) fn fields_of(selection: &Selection) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = selection.scope.fields().into_iter().collect();
    names.extend(selection.conflicts.iter().flat_map(|predicate| predicate.fields()));
    names.extend(selection.holds.iter().flat_map(|hold| hold.predicate.fields()));
    if let StartCondition::Event { field, .. } = &selection.start {
        names.insert(&field.name);
    }
    if let Disposal::Anonymize { fields, .. } = &selection.disposal {
        names.extend(fields.iter().map(|field| field.column.as_str()));
    }
    names
}

impl Wanted {
    pub(super) fn of(selection: &Selection) -> Self {
        let mut wanted = Self::default();
        for name in fields_of(selection) {
            if let Some(tag) = attribute("tag", name) {
                wanted.tags.insert(tag, name.to_owned());
            } else if let Some(entry) = attribute("metadata", name) {
                wanted.metadata.insert(entry.to_ascii_lowercase(), name.to_owned());
            }
        }
        wanted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.metadata.is_empty()
    }
}

/// Values by name of the field.
pub(super) type Attributes = BTreeMap<String, String>;

/// The wanted attributes of each of these, in their order; `None` for what is gone meanwhile. Only versions
/// have any.
pub(super) async fn fetch(
    bucket: &Bucket,
    entries: &[&Entry],
    wanted: &Wanted,
) -> Result<Vec<Option<Attributes>>, ConnectorError> {
    let looks: Vec<_> = entries.iter().map(|entry| fetch_one(bucket, entry, wanted)).collect();
    futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await
}

async fn fetch_one(
    bucket: &Bucket,
    entry: &Entry,
    wanted: &Wanted,
) -> Result<Option<Attributes>, ConnectorError> {
    let mut found = Attributes::new();
    if entry.kind != Kind::Version {
        return Ok(Some(found));
    }
    if !wanted.tags.is_empty() {
        let Some(tags) = bucket.tags(entry).await? else { return Ok(None) };
        for (name, value) in tags {
            found.extend(wanted.tags.get(&name).map(|field| (field.clone(), value)));
        }
    }
    if !wanted.metadata.is_empty() {
        let Seen::Version(head) = bucket.head(&entry.key, &entry.id).await? else { return Ok(None) };
        for (name, value) in head.metadata().into_iter().flatten() {
            let field = wanted.metadata.get(&name.to_ascii_lowercase());
            found.extend(field.map(|field| (field.clone(), value.clone())));
        }
    }
    Ok(Some(found))
}

/// What one look at one version saw.
#[derive(Debug)]
pub(super) enum Seen {
    Version(Box<HeadObjectOutput>),
    Marker,
    Absent,
}

impl Bucket {
    /// Looks at one version.
    pub(super) async fn head(&self, key: &str, version: &str) -> Result<Seen, ConnectorError> {
        let call = self.reads.head_object().bucket(&self.name).key(key).version_id(version);
        match call.send().await {
            Ok(head) if head.delete_marker() == Some(true) => Ok(Seen::Marker),
            Ok(head) => Ok(Seen::Version(Box::new(head))),
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 405 => Ok(Seen::Marker),
            Err(SdkError::ServiceError(answer))
                if answer.raw().status().as_u16() == 404
                    && answer.raw().headers().get("x-amz-delete-marker") == Some("true") =>
            {
                Ok(Seen::Marker)
            }
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => Ok(Seen::Absent),
            Err(error) => Err(self.failed("looking at a version", &error)),
        }
    }

    /// The tags of a version; `None` if it is gone.
    pub(super) async fn tags(&self, entry: &Entry) -> Result<Option<Vec<(String, String)>>, ConnectorError> {
        let call = self.reads.get_object_tagging().bucket(&self.name).key(&entry.key).version_id(&entry.id);
        match call.send().await {
            Ok(answer) => {
                let tags = answer.tag_set().iter();
                Ok(Some(tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()))
            }
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => Ok(None),
            Err(error) => Err(self.failed("reading the tags of a version", &error)),
        }
    }

    /// Whether versions of the bucket can be locked at all.
    pub(super) async fn can_lock(&self) -> Result<bool, ConnectorError> {
        match self.reads.get_object_lock_configuration().bucket(&self.name).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => Ok(false),
            Err(error) => match self.failed("reading whether the bucket can lock", &error) {
                ConnectorError::NotSupported { .. } => Ok(false),
                // Then each version is asked, which tells as well.
                ConnectorError::Denied { .. } => Ok(true),
                error => Err(error),
            },
        }
    }

    /// The locks that stand on each of these now, in their order.
    pub(super) async fn locks(&self, entries: &[&Entry]) -> Result<Vec<Option<Lock>>, ConnectorError> {
        let looks: Vec<_> = entries.iter().map(|entry| self.lock_of(entry)).collect();
        futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await
    }

    async fn lock_of(&self, entry: &Entry) -> Result<Option<Lock>, ConnectorError> {
        // A marker and an upload cannot be locked.
        if entry.kind != Kind::Version {
            return Ok(None);
        }
        if let Told::Lock(lock) = entry.lock {
            return Ok(lock.filter(|lock| self.holds(*lock)));
        }
        let Seen::Version(head) = self.head(&entry.key, &entry.id).await? else { return Ok(None) };
        if head.object_lock_legal_hold_status() == Some(&ObjectLockLegalHoldStatus::On) {
            return Ok(Some(Lock { kind: LockKind::LegalHold, until: None }));
        }
        if head.object_lock_event_hold() == Some(&ObjectLockEventHold::On) {
            return Ok(Some(Lock { kind: LockKind::EventHold, until: None }));
        }
        let kind = match head.object_lock_mode() {
            None => return Ok(None),
            Some(ObjectLockMode::Governance) => LockKind::Governance,
            // A mode that is not known is taken for the stronger one.
            Some(_) => LockKind::Compliance,
        };
        let until = head.object_lock_retain_until_date();
        let until = until.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
        Ok(Some(Lock { kind, until }).filter(|lock| self.holds(*lock)))
    }

    /// Whether a lock keeps us now.
    fn holds(&self, lock: Lock) -> bool {
        // The store judges by its own clock; what it tells with each answer is that.
        let is_over = lock.until.zip(self.time()).is_some_and(|(until, now)| until <= now);
        let is_bypassed = lock.kind == LockKind::Governance && self.bypass_governance;
        !(is_over || is_bypassed)
    }
}
