//! Pages of a listing: versions, delete markers and unfinished uploads, as entries.
//!
//! Keys are asked for in the form of URLs, because XML does not carry every key; a store that ignores the
//! wish is believed as it says so.

mod current;

use super::client::Bucket;
use super::key::part_of;
use crate::error::ConnectorError;
use crate::selection::Lock;
use aws_sdk_s3::types::EncodingType;
use chrono::{DateTime, Utc};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Version,
    Marker,
    Upload,
}

impl Kind {
    /// The word of predicates.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Marker => "delete_marker",
            Self::Upload => "upload",
        }
    }
}

/// What was told of the lock of a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Told {
    /// It must be asked for.
    #[default]
    Nothing,
    Lock(Option<Lock>),
}

/// One line of a listing.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// See [`super::key`].
    pub(super) part: String,
    /// The version id, or that of the upload.
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) etag: Option<String>,
    pub(super) size: Option<i64>,
    pub(super) modified_at: Option<DateTime<Utc>>,
    pub(super) storage_class: Option<String>,
    pub(super) is_latest: bool,
    /// The key cannot be told from this listing: it was replaced in part.
    pub(super) unreadable: bool,
    pub(super) lock: Told,
}

/// Where a listing goes on: after this key, or after this version of it; of objects also by what the store told.
pub(super) type Marker = (String, Option<String>);

#[derive(Debug, Default)]
pub(super) struct VersionPage {
    pub(super) entries: Vec<Entry>,
    pub(super) directories: Vec<String>,
    pub(super) next: Option<Marker>,
}

/// What is listed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range<'a> {
    pub(super) prefix: &'a str,
    pub(super) after: Option<&'a Marker>,
    /// Only the directories below the prefix are named, and what lies beside them.
    pub(super) by_directory: bool,
    /// Most entries of a page; 0: as many as the store likes.
    pub(super) entries_max: i32,
}

/// Most unfinished uploads of one prefix.
const UPLOADS_MAX: usize = 100_000;

impl Bucket {
    pub(super) async fn versions(&self, range: Range<'_>) -> Result<VersionPage, ConnectorError> {
        let (key_marker, version_marker) = match range.after {
            None => (None, None),
            Some((key, version)) => (Some(key.clone()), version.clone()),
        };
        let answer = self
            .reads
            .list_object_versions()
            .bucket(&self.name)
            .encoding_type(EncodingType::Url)
            .set_prefix((!range.prefix.is_empty()).then(|| range.prefix.to_owned()))
            .set_delimiter(range.by_directory.then(|| "/".to_owned()))
            .set_max_keys((range.entries_max > 0).then_some(range.entries_max))
            .set_key_marker(key_marker)
            .set_version_id_marker(version_marker)
            .send()
            .await
            .map_err(|error| self.failed("listing the versions of the bucket", &error))?;
        let decoding = Decoding::of(answer.encoding_type());
        let mut page = VersionPage::default();
        for version in answer.versions() {
            let etag = version.e_tag().map(|text| text.trim_matches('"').to_owned());
            let line = Line {
                kind: Kind::Version,
                key: version.key(),
                id: version.version_id(),
                modified: version.last_modified(),
                is_latest: version.is_latest().unwrap_or(false),
            };
            page.entries.extend(decoding.entry(line, etag).map(|entry| Entry {
                size: version.size(),
                storage_class: version.storage_class().map(|class| class.as_str().to_owned()),
                ..entry
            }));
        }
        for marker in answer.delete_markers() {
            let line = Line {
                kind: Kind::Marker,
                key: marker.key(),
                id: marker.version_id(),
                modified: marker.last_modified(),
                is_latest: marker.is_latest().unwrap_or(false),
            };
            page.entries.extend(decoding.entry(line, None));
        }
        let directories = answer.common_prefixes().iter().filter_map(|common| common.prefix());
        page.directories = directories.map(|text| decoding.text(text).0).collect();
        if answer.is_truncated() == Some(true) {
            let key = answer.next_key_marker().map(|text| decoding.text(text).0);
            let version = answer.next_version_id_marker().filter(|id| !id.is_empty());
            let next = key.map(|key| (key, version.map(str::to_owned)));
            if next.is_none() || next.as_ref() == range.after {
                return Err(self.unusable("a listing of it does not come to an end"));
            }
            page.next = next;
        }
        Ok(page)
    }

    /// Every unfinished upload of keys with this prefix, by key. A store that knows no such listing has none.
    pub(super) async fn uploads(&self, prefix: &str) -> Result<Vec<Entry>, ConnectorError> {
        let mut found = Vec::new();
        let mut after: Option<Marker> = None;
        loop {
            let (key_marker, id_marker) = after.clone().unzip();
            let answer = self
                .reads
                .list_multipart_uploads()
                .bucket(&self.name)
                .encoding_type(EncodingType::Url)
                .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker.flatten())
                .send()
                .await
                .map_err(|error| self.failed("listing unfinished uploads", &error));
            let answer = match answer {
                Err(ConnectorError::NotSupported { .. }) => return Ok(Vec::new()),
                answer => answer?,
            };
            let decoding = Decoding::of(answer.encoding_type());
            for upload in answer.uploads() {
                let line = Line {
                    kind: Kind::Upload,
                    key: upload.key(),
                    id: upload.upload_id(),
                    modified: upload.initiated(),
                    is_latest: false,
                };
                let class = upload.storage_class().map(|class| class.as_str().to_owned());
                found.extend(decoding.entry(line, None).map(|entry| Entry { storage_class: class, ..entry }));
            }
            if found.len() > UPLOADS_MAX {
                return Err(self.unusable("it holds more than 100000 unfinished uploads"));
            }
            let next = answer.next_key_marker().filter(|_| answer.is_truncated() == Some(true)).map(|key| {
                let id = answer.next_upload_id_marker().filter(|id| !id.is_empty());
                (decoding.text(key).0, id.map(str::to_owned))
            });
            if next.is_none() {
                // A prefix of its own is not heeded by every store.
                found.retain(|entry| entry.key.starts_with(prefix));
                found.sort_by(|one, other| (&one.key, &one.part).cmp(&(&other.key, &other.part)));
                return Ok(found);
            }
            if next == after {
                return Err(self.unusable("a listing of its uploads does not come to an end"));
            }
            after = next;
        }
    }

    pub(super) fn unusable(&self, reason: &str) -> ConnectorError {
        ConnectorError::Failed { store: self.store.clone(), reason: reason.to_owned() }
    }
}

/// What every kind of line has.
#[derive(Clone, Copy)]
struct Line<'a> {
    kind: Kind,
    key: Option<&'a str>,
    id: Option<&'a str>,
    modified: Option<&'a aws_sdk_s3::primitives::DateTime>,
    is_latest: bool,
}

/// How the keys of one answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoding {
    Plain,
    Url,
}

impl Decoding {
    fn of(told: Option<&EncodingType>) -> Self {
        if told == Some(&EncodingType::Url) { Self::Url } else { Self::Plain }
    }

    /// The text, and whether it is whole.
    fn text(self, text: &str) -> (String, bool) {
        match self {
            // XML has no form for some characters; stores put this in their place.
            Self::Plain => (text.to_owned(), !text.contains(char::REPLACEMENT_CHARACTER)),
            Self::Url => url_decoded(text),
        }
    }

    fn entry(self, line: Line<'_>, etag: Option<String>) -> Option<Entry> {
        let (key, whole) = self.text(line.key?);
        let id = line.id.filter(|id| !id.is_empty()).unwrap_or(super::key::NULL).to_owned();
        let modified_ms = line.modified.and_then(|at| at.to_millis().ok());
        Some(Entry {
            part: part_of(line.kind, &id, modified_ms, etag.as_deref()),
            key,
            id,
            kind: line.kind,
            etag,
            size: None,
            modified_at: modified_ms.and_then(DateTime::from_timestamp_millis),
            storage_class: None,
            is_latest: line.is_latest,
            unreadable: !whole,
            lock: Told::Nothing,
        })
    }
}

/// The text of `application/x-www-form-urlencoded`, and whether it was one.
pub(super) fn url_decoded(text: &str) -> (String, bool) {
    let mut bytes = Vec::with_capacity(text.len());
    let mut whole = true;
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                rest = after;
                hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default()
            }
            (b'%', _) => {
                whole = false;
                b'%'
            }
            (byte, _) => *byte,
        });
    }
    match String::from_utf8(bytes) {
        Ok(decoded) => (decoded, whole),
        Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, whole: bool) {
        assert_eq!(url_decoded(text), (expected.to_owned(), whole), "{text}");
    }

    #[test]
    fn keys_are_decoded_as_forms_are() {
        check("a/b", "a/b", true);
        check("a+b%2Bc", "a b+c", true);
        check("%C3%A9%0A%01", "é\n\u{1}", true);
        check("p%252Fq", "p%2Fq", true);
        check("%", "%", false);
        check("%G1", "%G1", false);
        check("%ff", "\u{fffd}", false);
    }

    #[test]
    fn a_key_that_the_store_could_not_write_is_told() {
        assert_eq!(Decoding::Plain.text("p%2Fq"), ("p%2Fq".to_owned(), true));
        assert!(!Decoding::Plain.text("a\u{fffd}b").1);
    }
}
