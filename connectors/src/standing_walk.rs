//! A walk over keys between two calls: it goes on for whoever asks for the same records after the same key.
//!
//! The listing of a store is read once instead of anew for each page or batch. What it holds is where things are;
//! scope, holds and all else are judged again by whoever takes it up. It does not reach beyond its process, and
//! nothing depends on it: who finds none starts a walk of their own.

use crate::dataset::DatasetAddress;
use crate::selection::{Selection, StartCondition};
use crate::value::RecordKey;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Keeps one walk. One reader at a time profits from going on; others start afresh.
#[derive(Debug)]
pub(crate) struct StandingWalk<W>(Mutex<Option<Standing<W>>>);

#[derive(Debug)]
struct Standing<W> {
    walk: W,
    address: DatasetAddress,
    start: StartCondition,
    last_key: RecordKey,
    read_at: Instant,
}

impl<W> Default for StandingWalk<W> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<W> StandingWalk<W> {
    /// The walk, if it stands after this key of these records and has stood no longer than `age_max`. Whatever
    /// it is asked for, nothing stands here afterwards.
    pub(crate) fn take(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        age_max: Duration,
    ) -> Option<W> {
        let standing = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let serves = after == Some(&standing.last_key)
            && standing.address == selection.address
            && standing.start == selection.start
            && standing.read_at.elapsed() < age_max;
        serves.then_some(standing.walk)
    }

    /// Leaves a walk that stands after `last_key`. `read_at`: when what it holds was read.
    pub(crate) fn put(&self, selection: &Selection, last_key: RecordKey, walk: W, read_at: Instant) {
        let standing = Standing {
            walk,
            address: selection.address.clone(),
            start: selection.start.clone(),
            last_key,
            read_at,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }
}
