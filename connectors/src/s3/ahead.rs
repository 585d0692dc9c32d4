//! Listing for the next batch while this one is deleted.
//!
//! A listing waits for the store and a deletion does, and neither needs the other. What was listed ahead is
//! judged when its batch comes, not before; what was listed too long ago is listed anew, and so is what a write can
//! replace, as in a bucket without versions. Nothing depends on it: without it, or after any error, the next batch
//! begins its own walk.

use super::client::Bucket;
use super::due::{self, DueRecords, PAGES_MAX};
use super::walk::Walk;
use crate::batch::Batch;
use crate::error::ConnectorError;
use crate::standing_walk::StandingWalk;
use crate::value::RecordKey;
use std::time::Duration;
use tokio::time::Instant;

/// How old a listing may be when its records are judged.
const FRESH: Duration = Duration::from_secs(10);

/// The walk that stands where the batch before ended.
#[derive(Debug, Default)]
pub(super) struct Ahead(StandingWalk<Walk>);

impl Ahead {
    /// The next due records, and the walk that found them.
    pub(super) async fn next_due(
        &self,
        bucket: &Bucket,
        batch: &Batch,
    ) -> Result<(DueRecords, Walk), ConnectorError> {
        let (selection, after) = (&batch.selection, batch.range.after.as_ref());
        let mut walk = match self.0.take(selection, after, FRESH) {
            Some(walk) => walk,
            None => due::walk_after(bucket, selection, after).await?,
        };
        let due = due::due_of(bucket, selection, &mut walk, batch.range.records_max).await?;
        Ok((due, walk))
    }

    /// Lists on for the batch after this one, which ends with `last_key`.
    pub(super) async fn read_on(&self, batch: &Batch, last_key: RecordKey, mut walk: Walk) {
        let listed_at = Instant::now();
        let keys = due::records_of(batch.range.records_max);
        // What fails here is listed anew by the next batch, which tells of it.
        if walk.read_ahead(keys, PAGES_MAX).await.is_ok() && walk.is_settled() {
            self.0.put(&batch.selection, last_key, walk, listed_at);
        }
    }
}
