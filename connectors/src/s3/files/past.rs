//! What a bucket says of its files: all of them, and what was there before.

use super::super::fault;
use super::super::listing::{Kind, Marker, Range};
use super::{BucketFiles, ReadFile};
use crate::error::ConnectorError;
use futures_util::{StreamExt as _, TryStreamExt as _};

/// One name below the prefix, with all its versions taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    pub path: String,
    /// Of the newest version; 0 where there is none.
    pub size_bytes: u64,
    /// How many versions there are, the newest among them.
    pub versions: u64,
    /// How many delete markers there are.
    pub markers: u64,
    /// The newest is a version and no marker: the file can be read.
    pub is_there: bool,
    /// The listing could carry its whole name.
    pub is_readable: bool,
}

/// Old versions read at once.
const READS_AT_ONCE: usize = 16;

impl BucketFiles {
    /// Every file below the prefix with what is known of its past, sorted by path; and whether the past
    /// may be looked at: a reader without that right sees the present alone.
    ///
    /// # Errors
    /// When the store cannot be asked, or there are more than `files_max`.
    pub async fn list(&self, files_max: usize) -> Result<(Vec<ListedObject>, bool), ConnectorError> {
        match self.list_with_past(files_max).await {
            Err(ConnectorError::Denied { .. } | ConnectorError::NotSupported { .. }) => {
                Ok((self.list_present(files_max).await?, false))
            }
            listed => Ok((listed?, true)),
        }
    }

    async fn list_with_past(&self, files_max: usize) -> Result<Vec<ListedObject>, ConnectorError> {
        let mut found: Vec<ListedObject> = Vec::new();
        let mut after: Option<Marker> = None;
        loop {
            let range = Range { prefix: &self.prefix, after: after.as_ref(), ..Range::default() };
            let page = self.bucket.versions(range).await?;
            for entry in page.entries {
                let Some(path) = entry.key.strip_prefix(&self.prefix) else { continue };
                let is_version = entry.kind == Kind::Version;
                let size_bytes = entry.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                let listed = ListedObject {
                    path: path.to_owned(),
                    size_bytes: if entry.is_latest { size_bytes } else { 0 },
                    versions: u64::from(is_version),
                    markers: u64::from(!is_version),
                    is_there: is_version && entry.is_latest,
                    is_readable: !entry.unreadable,
                };
                self.add(&mut found, listed, files_max)?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // A page lists versions before markers, so one name may have come twice.
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found.dedup_by(|next, kept| next.path == kept.path && kept.absorb(next));
        Ok(found)
    }

    /// Appends a line, or adds it to the line before it when that is of the same file.
    fn add(
        &self,
        found: &mut Vec<ListedObject>,
        listed: ListedObject,
        files_max: usize,
    ) -> Result<(), ConnectorError> {
        if let Some(last) = found.last_mut().filter(|last| last.path == listed.path) {
            last.absorb(&listed);
            return Ok(());
        }
        if found.len() >= files_max {
            return Err(self.bucket.unusable("it holds too many files"));
        }
        found.push(listed);
        Ok(())
    }

    async fn list_present(&self, files_max: usize) -> Result<Vec<ListedObject>, ConnectorError> {
        let mut found = Vec::new();
        let call = self.bucket.reads.list_objects_v2().bucket(&self.bucket.name);
        let call = call.set_prefix((!self.prefix.is_empty()).then(|| self.prefix.clone()));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.bucket.failed("listing the bucket", &error))?;
            for object in page.contents() {
                let Some(path) = object.key().and_then(|key| key.strip_prefix(&self.prefix)) else {
                    continue;
                };
                let listed = ListedObject {
                    is_readable: !path.contains(char::REPLACEMENT_CHARACTER),
                    path: path.to_owned(),
                    size_bytes: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                    versions: 1,
                    markers: 0,
                    is_there: true,
                };
                self.add(&mut found, listed, files_max)?;
            }
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    /// What stood in a file before: every older version, in no order.
    ///
    /// # Errors
    /// When the store cannot be asked, or a version is larger than `bytes_max`.
    pub async fn earlier(&self, path: &str, bytes_max: usize) -> Result<Vec<ReadFile>, ConnectorError> {
        let key = self.key(path);
        let mut ids = Vec::new();
        let mut after: Option<Marker> = None;
        'pages: loop {
            let range = Range { prefix: &key, after: after.as_ref(), ..Range::default() };
            let page = self.bucket.versions(range).await?;
            for entry in page.entries {
                // Keys come in order: what begins with this one comes after it.
                if entry.key != key {
                    break 'pages;
                }
                if entry.kind == Kind::Version && !entry.is_latest {
                    ids.push(entry.id);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let reads = ids.iter().map(|id| self.read_version(path, Some(id), bytes_max));
        let read: Vec<Option<ReadFile>> =
            futures_util::stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// The newest version's lock and time, without its content; `None` if there is no such file.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn look(&self, path: &str) -> Result<Option<ReadFile>, ConnectorError> {
        let call = self.bucket.reads.head_object().bucket(&self.bucket.name).key(self.key(path));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if super::status_of(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(fault::of(&self.bucket.store, "looking at a file", &error)),
        };
        let until = answer.object_lock_retain_until_date().and_then(super::instant);
        let mode = answer.object_lock_mode().map(aws_sdk_s3::types::ObjectLockMode::as_str);
        Ok(Some(ReadFile {
            bytes: Vec::new(),
            tag: answer.e_tag().map(str::to_owned),
            remark: answer.metadata().and_then(|metadata| metadata.get(super::REMARK)).cloned(),
            lock: super::lock_of(mode, until),
            written_at: answer.last_modified().and_then(super::instant),
        }))
    }
}

impl ListedObject {
    /// Adds what another line says of the same file.
    fn absorb(&mut self, other: &Self) -> bool {
        self.versions += other.versions;
        self.markers += other.markers;
        self.size_bytes = self.size_bytes.max(other.size_bytes);
        self.is_there |= other.is_there;
        self.is_readable &= other.is_readable;
        true
    }
}
