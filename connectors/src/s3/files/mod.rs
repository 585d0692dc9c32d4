//! A bucket as a place of small files, each written under a condition.
//!
//! Not a store of records: what keeps files of its own in a bucket uses this, with the same client as the
//! store. A write says what must be there before it (nothing, or the content that was read last), so that
//! of two writers one is refused. Repeating a write is harmless for that reason, so the client may repeat it.
//! Files are read with a limit. Nothing is ever deleted here.
//!
//! Paths are relative to a prefix, and in clear in errors never: only what was being done is told.

mod past;
mod setting;

pub use past::ListedObject;
pub use setting::{BucketState, DefaultLock};

use super::client::{Bucket, Credentials, S3Options, Side};
use crate::error::ConnectorError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// Files below one prefix of a bucket.
#[derive(Debug, Clone)]
pub struct BucketFiles {
    bucket: Bucket,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// How a version is kept from being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Whoever has a right of its own may remove it.
    Governance,
    /// Nobody can remove it before its time.
    Compliance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLock {
    pub mode: LockMode,
    pub until: DateTime<Utc>,
}

/// What must be there before a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before<'a> {
    Nothing,
    /// The content with this tag, as it was read.
    Tag(&'a str),
}

/// What is written beside the bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileTerms<'a> {
    pub content_type: &'static str,
    pub lock: Option<FileLock>,
    /// Printable ASCII, kept with the file and given back when it is read.
    pub remark: Option<&'a str>,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is there, under this tag if the store tells one.
    Done { tag: Option<String> },
    /// Something else was there: nothing was written.
    Refused,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    pub bytes: Vec<u8>,
    pub tag: Option<String>,
    pub remark: Option<String>,
    pub lock: Option<FileLock>,
    pub written_at: Option<DateTime<Utc>>,
}

const REMARK: &str = "remark";
/// An answer may be cut short; reading again does no harm.
const READ_ATTEMPTS_MAX: u32 = 3;
/// A store may ask to repeat a write that met another one at the same instant.
const WRITE_ATTEMPTS_MAX: u32 = 5;
const WRITE_PAUSE: Duration = Duration::from_millis(150);

impl BucketFiles {
    /// Opens the place; asks nothing of the store yet. `name` is what errors call it. `prefix` is empty
    /// or ends in a slash.
    ///
    /// # Errors
    /// When the certificates to believe cannot be used.
    pub async fn open(
        name: &str,
        options: &S3Options,
        prefix: &str,
        credentials: &Credentials,
    ) -> Result<Self, ConnectorError> {
        let bucket = Bucket::open(name, options, credentials, Side::Reader).await?;
        Ok(Self { bucket, prefix: prefix.to_owned() })
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A file as it is now; `None` if there is none.
    ///
    /// # Errors
    /// When the store cannot be asked, or the file is larger than `bytes_max`.
    pub async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<ReadFile>, ConnectorError> {
        self.read_version(path, None, bytes_max).await
    }

    /// The same of one version.
    async fn read_version(
        &self,
        path: &str,
        version: Option<&str>,
        bytes_max: usize,
    ) -> Result<Option<ReadFile>, ConnectorError> {
        let mut attempt = 1;
        loop {
            match self.read_once(path, version, bytes_max).await {
                Err(error) if error.is_transient() && attempt < READ_ATTEMPTS_MAX => attempt += 1,
                read => return read,
            }
        }
    }

    async fn read_once(
        &self,
        path: &str,
        version: Option<&str>,
        bytes_max: usize,
    ) -> Result<Option<ReadFile>, ConnectorError> {
        let call = self.bucket.reads.get_object().bucket(&self.bucket.name).key(self.key(path));
        let mut answer = match call.set_version_id(version.map(str::to_owned)).send().await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.bucket.failed("reading a file", &error)),
        };
        let mut bytes = Vec::new();
        let cut = |_| ConnectorError::Unreachable {
            store: self.bucket.store.clone(),
            reason: "reading a file: its answer was cut short".to_owned(),
        };
        while let Some(part) = answer.body.next().await {
            bytes.extend_from_slice(&part.map_err(cut)?);
            if bytes.len() > bytes_max {
                return Err(self.bucket.unusable(&format!("a file is larger than {bytes_max} bytes")));
            }
        }
        let until = answer.object_lock_retain_until_date().and_then(instant);
        Ok(Some(ReadFile {
            tag: answer.e_tag().map(str::to_owned),
            remark: answer.metadata().and_then(|metadata| metadata.get(REMARK)).cloned(),
            lock: lock_of(answer.object_lock_mode().map(ObjectLockMode::as_str), until),
            written_at: answer.last_modified().and_then(instant),
            bytes,
        }))
    }

    /// Writes a file if what is there is what is expected. A write whose answer was lost is repeated, and
    /// then refused because it took effect: so whoever is refused looks at what is there.
    ///
    /// # Errors
    /// When the store cannot be asked or refuses for another reason.
    pub async fn write(
        &self,
        path: &str,
        bytes: &[u8],
        before: Before<'_>,
        terms: FileTerms<'_>,
    ) -> Result<Written, ConnectorError> {
        let mut attempt = 1;
        loop {
            let call = self.put(path, before, terms).body(bytes.to_vec().into());
            let error = match call.send().await {
                Ok(written) => return Ok(Written::Done { tag: written.e_tag().map(str::to_owned) }),
                Err(error) => error,
            };
            match status_of(&error) {
                Some(412) => return Ok(Written::Refused),
                // What should be replaced is not there at all.
                Some(404) if is_absent(&error) => return Ok(Written::Refused),
                Some(409) if attempt < WRITE_ATTEMPTS_MAX => {
                    tokio::time::sleep(WRITE_PAUSE * attempt).await;
                    attempt += 1;
                }
                _ => return Err(self.bucket.failed("writing a file", &error)),
            }
        }
    }

    fn put(&self, path: &str, before: Before<'_>, terms: FileTerms<'_>) -> PutObjectFluentBuilder {
        let mut call = self
            .bucket
            .reads
            .put_object()
            .bucket(&self.bucket.name)
            .key(self.key(path))
            .content_type(terms.content_type);
        call = match before {
            Before::Nothing => call.if_none_match("*"),
            Before::Tag(tag) => call.if_match(tag),
        };
        if let Some(remark) = terms.remark {
            call = call.metadata(REMARK, remark);
        }
        if let Some(lock) = terms.lock {
            call = call.object_lock_mode(mode_of(lock.mode)).object_lock_retain_until_date(stamp(lock.until));
        }
        call
    }

    /// Keeps the newest version of a file from being removed for longer.
    ///
    /// # Errors
    /// When the store refuses or cannot be asked.
    pub async fn extend_lock(&self, path: &str, lock: FileLock) -> Result<(), ConnectorError> {
        let mode = match lock.mode {
            LockMode::Governance => ObjectLockRetentionMode::Governance,
            LockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let retention =
            ObjectLockRetention::builder().mode(mode).retain_until_date(stamp(lock.until)).build();
        let call = self.bucket.reads.put_object_retention().bucket(&self.bucket.name).key(self.key(path));
        let sent = call.retention(retention).send().await;
        sent.map(drop).map_err(|error| self.bucket.failed("keeping a file for longer", &error))
    }
}

fn mode_of(mode: LockMode) -> ObjectLockMode {
    match mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    }
}

fn lock_of(mode: Option<&str>, until: Option<DateTime<Utc>>) -> Option<FileLock> {
    let mode = match mode? {
        "COMPLIANCE" => LockMode::Compliance,
        "GOVERNANCE" => LockMode::Governance,
        _ => return None,
    };
    Some(FileLock { mode, until: until? })
}

/// Whole seconds, rounded up: stores keep no more.
fn stamp(at: DateTime<Utc>) -> aws_sdk_s3::primitives::DateTime {
    let up = i64::from(at.timestamp_subsec_nanos() > 0);
    aws_sdk_s3::primitives::DateTime::from_secs(at.timestamp().saturating_add(up))
}

fn instant(at: &aws_sdk_s3::primitives::DateTime) -> Option<DateTime<Utc>> {
    at.to_millis().ok().and_then(DateTime::from_timestamp_millis)
}

fn status_of<E>(error: &SdkError<E>) -> Option<u16> {
    match error {
        SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
        _ => None,
    }
}

/// Whether there is no such file. That there is no such bucket is another matter.
fn is_absent<E>(error: &SdkError<E>) -> bool
where
    E: aws_sdk_s3::error::ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(answer) => {
            answer.raw().status().as_u16() == 404 && answer.err().code() != Some("NoSuchBucket")
        }
        _ => false,
    }
}
