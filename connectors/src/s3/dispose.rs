//! Deletes the due records of one batch.
//!
//! Order of events: list and judge anew, make the intent durable, delete by key and version id. A version
//! that has an id of its own cannot change in between; the `null` version can, and is deleted only with the
//! tag of the content that was judged (where the store heeds that).

use super::ahead::Ahead;
use super::client::{Bucket, Credentials, S3Options, Side};
use super::due::DueRecords;
use super::judge::Judge;
use super::key::{NULL, Named, record_key};
use super::listing::Entry;
use super::walk::{Walk, of_key};
use super::{REQUESTS_AT_ONCE, refuse_foreign_parts, removal, tags};
use crate::batch::{
    Batch, BatchOutcome, DatasetKeys, DatasetOutcome, Intended, IntentSink, KeptKey, KeptReason,
};
use crate::error::ConnectorError;
use crate::failpoint;
use crate::port::RecordDisposer;
use crate::selection::{Class, DoubtReason, Selection};
use crate::transform::Disposal;
use crate::value::RecordKey;
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Deletes versions of one bucket.
#[derive(Debug)]
pub struct S3Disposer {
    bucket: Bucket,
    /// A request may be under way that nobody waits for any more: of this process, or of one before it.
    may_be_under_way: AtomicBool,
    ahead: Ahead,
}

/// How long a request whose answer was lost may still take effect.
const UNDER_WAY: Duration = Duration::from_secs(3);

impl S3Disposer {
    /// Opens the bucket for deleting. `store` is its name in messages. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`ConnectorError::Failed`] if the options cannot be used.
    pub async fn open(
        store: &str,
        options: &S3Options,
        credentials: &Credentials,
    ) -> Result<Self, ConnectorError> {
        // What looks for credentials is large.
        let bucket = Box::pin(Bucket::open(store, options, credentials, Side::Writer)).await?;
        Ok(Self { bucket, may_be_under_way: AtomicBool::new(true), ahead: Ahead::default() })
    }

    async fn act(
        &self,
        batch: &Batch,
        entries: Vec<Entry>,
        group: DatasetOutcome,
    ) -> Result<DatasetOutcome, ConnectorError> {
        match &batch.selection.disposal {
            Disposal::Purge => removal::remove(&self.bucket, entries, group).await,
            Disposal::Anonymize { fields, .. } => tags::rewrite(&self.bucket, entries, fields, group).await,
        }
    }

    /// Lists what comes after this batch, where the walk goes on.
    async fn read_on(&self, batch: &Batch, next: Option<(RecordKey, Walk)>) {
        if let Some((last_key, walk)) = next {
            self.ahead.read_on(batch, last_key, walk).await;
        }
    }
}

#[async_trait]
impl RecordDisposer for S3Disposer {
    /// With [`Batch::only_keys`] each of them that is not deleted is in the outcome with its reason; a key of
    /// one part names everything under it, which goes whole or not at all. What is absent from the beginning
    /// is reported as such without having been intended.
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError> {
        refuse_foreign_parts(&batch.selection)?;
        let dataset = batch.selection.address.dataset.clone();
        let (chosen, walk) = if let Some(keys) = &batch.only_keys {
            (Chosen::among(&self.bucket, &batch.selection, keys).await?, None)
        } else {
            let (due, walk) = self.ahead.next_due(&self.bucket, batch).await?;
            (Chosen::due(due, batch.range.after.as_ref()), Some(walk))
        };
        let mut outcome = BatchOutcome {
            groups: Vec::new(),
            last_key: chosen.last_key.clone(),
            exhausted: chosen.exhausted,
        };
        let group = DatasetOutcome { dataset: dataset.clone(), ..chosen.not_due };
        if chosen.entries.is_empty() {
            let is_empty = group.already_absent.is_empty() && group.kept.is_empty();
            outcome.groups.extend((!is_empty).then_some(group));
            return Ok(outcome);
        }
        let keys = chosen.entries.iter().map(record_key).collect();
        let groups = vec![DatasetKeys { dataset, keys }];
        intent.intend(&Intended { groups, last_key: chosen.last_key.clone(), mark: None }).await?;
        // A bucket without versions is listed anew each time: to list it ahead would be for nothing.
        let ends_here = chosen.exhausted || chosen.entries.iter().any(|entry| entry.id == NULL);
        let next = if ends_here { None } else { chosen.last_key.zip(walk) };
        let act = self.act(batch, chosen.entries, group);
        let (done, ()) = tokio::join!(act, self.read_on(batch, next));
        failpoint::hit("before-sync");
        if done.is_err() {
            self.may_be_under_way.store(true, Ordering::SeqCst);
        }
        outcome.groups.push(done?);
        Ok(outcome)
    }

    /// Waits as long as a lost request may still take effect.
    async fn settle(&self) -> Result<(), ConnectorError> {
        if self.may_be_under_way.swap(false, Ordering::SeqCst) {
            let usual = u64::try_from(UNDER_WAY.as_millis()).unwrap_or(u64::MAX);
            let millis = failpoint::number("OUBLIETTE_SETTLE_MS").map_or(usual, u64::from);
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        Ok(())
    }

    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError> {
        Ok(self.bucket.steps().await)
    }
}

/// What a batch will try to delete, and what it was asked for but will not.
#[derive(Debug, Default)]
struct Chosen {
    entries: Vec<Entry>,
    not_due: DatasetOutcome,
    last_key: Option<RecordKey>,
    exhausted: bool,
}

/// What is to become of one key that was named.
enum Fate {
    Go(Vec<Entry>),
    Absent,
    Kept(KeptReason),
}

impl Chosen {
    /// What a walk that began after this record found.
    fn due(due: DueRecords, after: Option<&RecordKey>) -> Self {
        let last_key = due.last_key(after);
        let DueRecords { entries, exhausted } = due;
        Self { entries, last_key, exhausted, not_due: DatasetOutcome::default() }
    }

    /// The due ones among the given keys, which may come from a column that names objects.
    async fn among(
        bucket: &Bucket,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Self, ConnectorError> {
        let judge = Judge::new(bucket, selection).await?;
        let mut wanted: Vec<&RecordKey> = keys.iter().collect();
        // They are sorted: whoever names an object twice means one object.
        wanted.dedup();
        let looks: Vec<_> = wanted.iter().map(|key| fate_of(bucket, &judge, key)).collect();
        let fates: Vec<Fate> =
            futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        let mut chosen = Self { last_key: keys.last().cloned(), exhausted: true, ..Self::default() };
        for (key, fate) in wanted.into_iter().zip(fates) {
            match fate {
                Fate::Go(entries) => chosen.entries.extend(entries),
                Fate::Absent => chosen.not_due.already_absent.push(key.clone()),
                Fate::Kept(reason) => chosen.not_due.kept.push(KeptKey { key: key.clone(), reason }),
            }
        }
        Ok(chosen)
    }
}

async fn fate_of(bucket: &Bucket, judge: &Judge<'_>, key: &RecordKey) -> Result<Fate, ConnectorError> {
    let Some(named) = Named::of(key) else { return Ok(Fate::Kept(KeptReason::Refused)) };
    let Some(captures) = judge.captures(named.key()) else { return Ok(Fate::Kept(KeptReason::Refused)) };
    let group = of_key(bucket, named.key()).await?;
    if !group.entries.iter().any(|entry| named.is(entry)) {
        let is_touched = group.entries.iter().any(|entry| named.is_content(entry));
        return Ok(if is_touched { Fate::Kept(KeptReason::ChangedSincePlan) } else { Fate::Absent });
    }
    let facts = judge.facts_of(&group, &captures, true).await?;
    let mut going = Vec::new();
    for (entry, facts) in group.entries.into_iter().zip(&facts).filter(|(entry, _)| named.is(entry)) {
        match judge.class(&entry, facts) {
            Class::Due => going.push(entry),
            class => return Ok(Fate::Kept(kept_reason(class))),
        }
    }
    Ok(Fate::Go(going))
}

/// Why what was named is kept.
fn kept_reason(class: Class) -> KeptReason {
    match class {
        Class::Held => KeptReason::Held,
        Class::Locked => KeptReason::Locked,
        Class::ChangedSincePlan => KeptReason::ChangedSincePlan,
        Class::Undecidable(DoubtReason::NotGovernable | DoubtReason::NameUnreadable) => KeptReason::Refused,
        _ => KeptReason::NoLongerDue,
    }
}
