//! Fetches an inventory: its newest manifest, and its files as they are read.
//!
//! Files are read on threads that may block, by calls that run on the runtime of the caller.

use super::manifest::{File, Manifest, is_delivery};
use super::{Broken, InventoryOptions};
use crate::error::ConnectorError;
use crate::s3::client::Bucket;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use chrono::TimeDelta;
use md5::{Digest as _, Md5};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// Deliveries that are looked at: the newest may be under way.
const DELIVERIES_MAX: usize = 3;
/// Pages of folders, of which there is one a day.
const PAGES_MAX: usize = 100;
const MANIFEST_BYTES_MAX: usize = 64 << 20;
const LARGER: &str = "a file of it is larger than its manifest says";
/// How far the clock of whoever makes inventories may be ahead of that of the store.
const AHEAD_MINUTES_MAX: i64 = 15;

/// What went wrong with a file.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not as it must be.
    Broken(Broken),
    /// The store could not be read on.
    Lost,
}

impl Bucket {
    /// What is wrong with the inventory.
    pub(super) fn broken(&self, why: &str) -> ConnectorError {
        self.unusable(&format!("its inventory cannot be used: {why}"))
    }

    pub(super) fn fault(&self, fault: &Fault) -> ConnectorError {
        match fault {
            Fault::Broken(why) => self.broken(why),
            Fault::Lost => ConnectorError::Unreachable {
                store: self.store.clone(),
                reason: "reading a file of the inventory: the connection failed or broke".to_owned(),
            },
        }
    }
}

/// The newest whole delivery of an inventory of `bucket`, and its age by the clock of the store.
pub(super) async fn newest(
    bucket: &Bucket,
    lists: &Bucket,
    options: &InventoryOptions,
) -> Result<(Manifest, TimeDelta), ConnectorError> {
    for folder in deliveries(lists, options).await?.iter().take(DELIVERIES_MAX) {
        let at = |name: &str| format!("{}/{folder}{name}", options.prefix);
        let (manifest, sum) =
            (small(lists, &at("manifest.json")).await?, small(lists, &at("manifest.checksum")).await?);
        // The checksum is written last.
        let (Some(manifest), Some(sum)) = (manifest, sum) else { continue };
        if hexadecimal(&Md5::digest(&manifest)) != String::from_utf8_lossy(&sum).trim().to_ascii_lowercase() {
            return Err(bucket.broken("its manifest is not that of its checksum"));
        }
        let manifest = Manifest::read(&manifest, &bucket.name, options).map_err(|why| bucket.broken(&why))?;
        let now = lists.time().ok_or_else(|| bucket.broken("the store does not tell the time"))?;
        let age = now - manifest.created_at;
        if age < TimeDelta::minutes(-AHEAD_MINUTES_MAX) {
            return Err(bucket.broken("it was made after the time that the store tells"));
        }
        if age > options.age_max {
            let why = format!(
                "the newest is {} hours old, more than the {} of its `max_age`",
                age.num_hours(),
                options.age_max.num_hours()
            );
            return Err(bucket.broken(&why));
        }
        return Ok((manifest, age));
    }
    Err(bucket.broken("none has been delivered where the settings say"))
}

/// The folders of deliveries, the newest first.
async fn deliveries(lists: &Bucket, options: &InventoryOptions) -> Result<Vec<String>, ConnectorError> {
    let prefix = format!("{}/", options.prefix);
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let call = lists.reads.list_objects_v2().bucket(&lists.name).prefix(&prefix).delimiter("/");
        let page = call.set_continuation_token(next).send().await;
        let page = page.map_err(|error| lists.failed("looking for inventories", &error))?;
        let folders =
            page.common_prefixes().iter().filter_map(|common| common.prefix()?.strip_prefix(&prefix));
        found.extend(folders.filter(|folder| is_delivery(folder)).map(str::to_owned));
        next = page.next_continuation_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

/// A small object whole; `None` if there is none.
async fn small(lists: &Bucket, key: &str) -> Result<Option<Vec<u8>>, ConnectorError> {
    let mut body = match lists.reads.get_object().bucket(&lists.name).key(key).send().await {
        Ok(answer) => answer.body,
        Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => return Ok(None),
        Err(error) => return Err(lists.failed("reading the manifest of an inventory", &error)),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend(piece.map_err(|_| lists.fault(&Fault::Lost))?);
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(lists.broken("its manifest is too large"));
        }
    }
    Ok(Some(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A file as it comes, with its size and its MD5 counted.
pub(super) struct Reading {
    file: File,
    body: ByteStream,
    ready: Bytes,
    digest: Md5,
    read: u64,
    is_lost: bool,
    runtime: Handle,
}

impl Reading {
    /// Begins to read; also the tag of what is read.
    pub(super) async fn begin(lists: &Bucket, file: &File) -> Result<(Self, Option<String>), ConnectorError> {
        let answer = lists.reads.get_object().bucket(&lists.name).key(&file.key).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => {
                return Err(lists.broken("a file of its manifest is not there"));
            }
            Err(error) => return Err(lists.failed("reading a file of the inventory", &error)),
        };
        let tag = answer.e_tag().map(str::to_owned);
        let reading = Self {
            file: file.clone(),
            body: answer.body,
            ready: Bytes::new(),
            digest: Md5::new(),
            read: 0,
            is_lost: false,
            runtime: Handle::current(),
        };
        Ok((reading, tag))
    }

    pub(super) fn size(&self) -> u64 {
        self.file.size
    }

    /// Reads what is left, and tells whether all of it was the file of the manifest.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer).map_err(|_| self.why())? > 0 {}
        let is_same = self.read == self.file.size
            && hexadecimal(&self.digest.finalize()) == self.file.md5.to_ascii_lowercase();
        if is_same {
            Ok(())
        } else {
            Err(Fault::Broken("a file of it is not that of its manifest".to_owned()))
        }
    }

    fn why(&self) -> Fault {
        if self.is_lost { Fault::Lost } else { Fault::Broken(LARGER.to_owned()) }
    }
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            match self.runtime.block_on(self.body.next()) {
                None => return Ok(0),
                Some(Ok(piece)) => self.ready = piece,
                Some(Err(_)) => {
                    self.is_lost = true;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        let taken = self.ready.split_to(self.ready.len().min(buffer.len()));
        for (place, byte) in buffer.iter_mut().zip(&taken) {
            *place = *byte;
        }
        self.digest.update(&taken);
        self.read += taken.len() as u64;
        if self.read > self.file.size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, LARGER));
        }
        Ok(taken.len())
    }
}

/// A file of which parts are read, as long as it is the one that was looked at.
#[derive(Clone)]
pub(super) struct Parts {
    lists: Bucket,
    file: File,
    tag: Option<String>,
    is_lost: Arc<AtomicBool>,
    runtime: Handle,
}

impl Parts {
    pub(super) fn new(lists: &Bucket, file: &File, tag: Option<String>) -> Self {
        let (is_lost, runtime) = (Arc::default(), Handle::current());
        Self { lists: lists.clone(), file: file.clone(), tag, is_lost, runtime }
    }

    pub(super) fn size(&self) -> u64 {
        self.file.size
    }

    /// `why`, unless the store could not be read on.
    pub(super) fn fault(&self, why: &str) -> Fault {
        if self.is_lost.load(Ordering::Relaxed) { Fault::Lost } else { Fault::Broken(why.to_owned()) }
    }

    pub(super) fn part(&self, start: u64, length: usize) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let end = start.saturating_add(length as u64);
        if end > self.file.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let part = self.runtime.block_on(self.fetch(start, end));
        let part = part.filter(|part| part.len() == length);
        part.ok_or_else(|| {
            self.is_lost.store(true, Ordering::Relaxed);
            io::ErrorKind::ConnectionAborted.into()
        })
    }

    async fn fetch(&self, start: u64, end: u64) -> Option<Bytes> {
        let call = self.lists.reads.get_object().bucket(&self.lists.name).key(&self.file.key);
        let call = call.range(format!("bytes={start}-{}", end - 1)).set_if_match(self.tag.clone());
        let body = call.send().await.ok()?.body;
        Some(body.collect().await.ok()?.into_bytes())
    }
}
