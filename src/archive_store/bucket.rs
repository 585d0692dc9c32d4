//! An archive in a bucket.
//!
//! Floor 6. The same files as in a directory. Every write has a condition: what never changes is created and
//! never replaced, the checkpoint and the trust root are replaced only as they were read. So several
//! writers may be at work: one of them fixes the next entry (see [`super::log_writer`]), the others are told
//! [`ArchiveError::Outrun`]. A store that does not heed conditions is found out on opening and refused.
//!
//! Nothing is ever deleted, so the writer needs no right to. With a [`BucketLock`] each version is written
//! under Object Lock, for as long from its writing; what is filed once and named again later (policies,
//! keys) is locked for longer each time.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use connectors::ConnectorError;
use connectors::s3::files::{Before, BucketFiles, FileLock, FileTerms, LockMode, ReadFile, Written};

use super::store::{Decided, Store};
use super::writer::{ArchiveWriter, Opening};
use crate::archive::ArchiveError;
use crate::archive::layout::ArchivePath;
use crate::archive::note::NoteSigner;
use crate::clock::Clock;
use crate::policy::Period;

/// Writes an archive in a bucket.
pub type BucketArchive = ArchiveWriter<BucketStore>;

/// For how long each version cannot be removed, from its writing on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketLock {
    pub mode: LockMode,
    pub period: Period,
}

/// A place in a bucket, and how files are written there.
#[derive(Clone)]
pub struct BucketPlace {
    pub files: BucketFiles,
    pub lock: Option<BucketLock>,
    pub clock: Arc<dyn Clock>,
}

pub struct BucketStore {
    place: BucketPlace,
    /// The tags under which the files that change were read or written last.
    tags: Mutex<BTreeMap<String, Option<String>>>,
}

impl BucketArchive {
    /// Opens an archive for writing; an empty place becomes one. As for a directory, see there.
    ///
    /// # Errors
    /// If the bucket cannot be written or does not heed conditions, the log is not the one that was
    /// published before, or the trust root is older than the archive's or names another log.
    pub async fn open(
        place: BucketPlace,
        trust_root: &[u8],
        log_signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        let store = BucketStore { place, tags: Mutex::default() };
        Self::begin(store, Opening { trust_root, log_signer, kept_note }).await
    }
}

/// A tag that no content has.
const NO_TAG: &str = "\"00000000000000000000000000000000\"";
/// A lock is not renewed for less.
const RENEWED_FROM: Duration = Duration::days(1);

impl BucketStore {
    fn lock(&self, path: &str) -> Result<Option<FileLock>, ArchiveError> {
        let Some(BucketLock { mode, period }) = self.place.lock else { return Ok(None) };
        let until = period.after(self.place.clock.now());
        let until =
            until.ok_or_else(|| failed(path, io::Error::other("the lock ends beyond the calendar")))?;
        Ok(Some(FileLock { mode, until }))
    }

    async fn write(
        &self,
        path: &str,
        bytes: &[u8],
        before: Before<'_>,
        remark: Option<&str>,
    ) -> Result<Written, ArchiveError> {
        let terms = FileTerms { content_type: content_type(path), lock: self.lock(path)?, remark };
        let written = self.place.files.write(path, bytes, before, terms).await;
        written.map_err(|error| of_store(path, &error))
    }

    async fn found(&self, path: &str, bytes_max: usize) -> Result<Option<ReadFile>, ArchiveError> {
        self.place.files.read(path, bytes_max).await.map_err(|error| of_store(path, &error))
    }

    /// Whether these very bytes are there.
    async fn holds(&self, path: &str, bytes: &[u8]) -> Result<Option<ReadFile>, ArchiveError> {
        match self.place.files.read(path, bytes.len()).await {
            Ok(found) => Ok(found.filter(|found| found.bytes == bytes)),
            // Longer than these bytes: others.
            Err(ConnectorError::Failed { .. }) => Ok(None),
            Err(error) => Err(of_store(path, &error)),
        }
    }

    /// Locks what is there for as long as if it were written now.
    async fn renew(&self, path: &str, found: &ReadFile) -> Result<(), ArchiveError> {
        let Some(wanted) = self.lock(path)? else { return Ok(()) };
        let lasts = |lock: FileLock| lock.until.checked_add_signed(RENEWED_FROM) >= Some(wanted.until);
        if found.lock.is_some_and(lasts) {
            return Ok(());
        }
        // Compliance cannot be taken back.
        let mode = match found.lock {
            Some(FileLock { mode: LockMode::Compliance, .. }) => LockMode::Compliance,
            _ => wanted.mode,
        };
        let extended = self.place.files.extend_lock(path, FileLock { mode, ..wanted }).await;
        extended.map_err(|error| of_store(path, &error))
    }

    fn remember(&self, path: &str, tag: Option<String>) {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), tag);
    }

    fn remembered(&self, path: &str) -> Option<String> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().flatten()
    }
}

#[async_trait]
impl Store for BucketStore {
    /// Two writes that must be refused, over a file that may be written again with the same bytes.
    async fn is_fit(&self, (path, bytes): (&str, &[u8])) -> Result<(), ArchiveError> {
        let conditions = [(Before::Nothing, "If-None-Match: *"), (Before::Tag(NO_TAG), "If-Match")];
        for (before, condition) in conditions {
            if self.write(path, bytes, before, None).await? != Written::Refused {
                return Err(ArchiveError::NoConditions { condition });
            }
        }
        Ok(())
    }

    async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        let found = self.found(path, bytes_max).await?;
        if changes(path) {
            self.remember(path, found.as_ref().and_then(|found| found.tag.clone()));
        }
        Ok(found.map(|found| found.bytes))
    }

    async fn write_once(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        if self.write(path, bytes, Before::Nothing, None).await? != Written::Refused {
            return Ok(());
        }
        match self.holds(path, bytes).await? {
            Some(found) => self.renew(path, &found).await,
            None => Err(ArchiveError::Conflict { path: path.to_owned() }),
        }
    }

    async fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        let tag = self.remembered(path);
        let before = tag.as_deref().map_or(Before::Nothing, Before::Tag);
        match self.write(path, bytes, before, None).await? {
            Written::Done { tag: Some(tag) } => self.remember(path, Some(tag)),
            // Not told, or written by an attempt whose answer was lost.
            Written::Done { tag: None } | Written::Refused => {
                let found = self.holds(path, bytes).await?.ok_or(ArchiveError::Outrun)?;
                self.remember(path, found.tag);
            }
        }
        Ok(())
    }

    async fn decide(&self, path: &str, tile: &[u8], note: &str) -> Result<(), ArchiveError> {
        let remark = STANDARD.encode(note);
        if self.write(path, tile, Before::Nothing, Some(&remark)).await? == Written::Refused {
            self.holds(path, tile).await?.ok_or(ArchiveError::Outrun)?;
        }
        Ok(())
    }

    async fn decided(&self, path: &str, bytes_max: usize) -> Result<Option<Decided>, ArchiveError> {
        let Some(found) = self.found(path, bytes_max).await? else { return Ok(None) };
        let note = found.remark.and_then(|remark| STANDARD.decode(remark).ok());
        let note = note.and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
        Ok(Some(Decided { tile: found.bytes, note }))
    }

    async fn write_tile(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.write_once(path, bytes).await
    }

    /// Partial tiles stay: they may be locked, and the writer needs no right to delete.
    async fn prune(&self, _: &str) -> Result<(), ArchiveError> {
        Ok(())
    }
}

/// Whether a file may be written more than once.
fn changes(path: &str) -> bool {
    ArchivePath::parse(path).is_some_and(|path| path.changes())
}

/// Whether a version written at that time is kept for as long as this lock says, and as strongly.
#[must_use]
pub fn is_locked_for(lock: BucketLock, found: &ReadFile, written_at: DateTime<Utc>) -> bool {
    let wanted = lock.period.after(written_at);
    let is_long = |kept: FileLock| wanted.is_some_and(|wanted| kept.until + LOCK_TOLERANCE >= wanted);
    let is_strong = |kept: FileLock| lock.mode == LockMode::Governance || kept.mode == LockMode::Compliance;
    found.lock.is_some_and(|kept| is_long(kept) && is_strong(kept))
}

/// The lock is counted from this machine's clock, the writing is told by the store's.
const LOCK_TOLERANCE: Duration = Duration::hours(1);

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("yaml") => "application/yaml",
        Some("note" | "pem" | "tlog-proof") => "text/plain; charset=utf-8",
        _ if path == "checkpoint" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// An error of the store as one of reading and writing: what it means stays visible in its kind.
pub(super) fn of_store(path: &str, error: &ConnectorError) -> ArchiveError {
    let kind = match error {
        ConnectorError::Unreachable { .. } => io::ErrorKind::HostUnreachable,
        ConnectorError::Busy { .. } => io::ErrorKind::ResourceBusy,
        ConnectorError::Denied { .. } => io::ErrorKind::PermissionDenied,
        ConnectorError::Full { .. } => io::ErrorKind::StorageFull,
        ConnectorError::NotSupported { .. } => io::ErrorKind::Unsupported,
        _ => io::ErrorKind::Other,
    };
    failed(path, io::Error::new(kind, error.to_string()))
}

fn failed(path: &str, source: io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
