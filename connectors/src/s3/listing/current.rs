//! Pages of a bucket that never kept versions: its objects as they are now.
//!
//! Each is the version `null`, which a write replaces, as a listing of versions tells it too. A listing of objects
//! is less work for a store. It would hide what a bucket with versions holds beside them, so whoever uses it asks
//! first ([`Bucket::never_kept_versions`]), and what is left in the end is counted by versions.

use super::{Decoding, Entry, Kind, Line, Range, VersionPage};
use crate::error::ConnectorError;
use crate::s3::client::Bucket;
use aws_sdk_s3::types::EncodingType;

impl Bucket {
    /// Whether versions were never switched on, in which case there are none but the objects themselves. False where
    /// that may not be looked at: versions can be asked for everywhere.
    pub(in crate::s3) async fn never_kept_versions(&self) -> Result<bool, ConnectorError> {
        match self.reads.get_bucket_versioning().bucket(&self.name).send().await {
            Ok(told) => Ok(told.status().is_none()),
            Err(error) => match self.failed("reading how the bucket is set up", &error) {
                ConnectorError::Denied { .. } | ConnectorError::NotSupported { .. } => Ok(false),
                error => Err(error),
            },
        }
    }

    /// One page of the objects. Not by directory: nobody asks for that.
    pub(in crate::s3) async fn current(&self, range: Range<'_>) -> Result<VersionPage, ConnectorError> {
        // Where a page ended is told by a token; a walk that begins after a record has its key.
        let (after, token) = match range.after {
            Some((_, Some(token))) => (None, Some(token.clone())),
            Some((key, None)) => (Some(key.clone()), None),
            None => (None, None),
        };
        let answer = self
            .reads
            .list_objects_v2()
            .bucket(&self.name)
            .encoding_type(EncodingType::Url)
            .set_prefix((!range.prefix.is_empty()).then(|| range.prefix.to_owned()))
            .set_max_keys((range.entries_max > 0).then_some(range.entries_max))
            .set_start_after(after)
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| self.failed("listing the objects of the bucket", &error))?;
        let decoding = Decoding::of(answer.encoding_type());
        let mut page = VersionPage::default();
        for object in answer.contents() {
            let etag = object.e_tag().map(|text| text.trim_matches('"').to_owned());
            let line = Line {
                kind: Kind::Version,
                key: object.key(),
                id: None,
                modified: object.last_modified(),
                is_latest: true,
            };
            page.entries.extend(decoding.entry(line, etag).map(|entry| Entry {
                size: object.size(),
                storage_class: object.storage_class().map(|class| class.as_str().to_owned()),
                ..entry
            }));
        }
        if answer.is_truncated() == Some(true) {
            let token = answer.next_continuation_token().map(str::to_owned);
            let last = page.entries.last().map(|last| &last.key).or(range.after.map(|(key, _)| key));
            let last = last.cloned().unwrap_or_default();
            if token.is_none() || range.after.is_some_and(|(_, before)| *before == token) {
                return Err(self.unusable("a listing of it does not come to an end"));
            }
            page.next = Some((last, token));
        }
        Ok(page)
    }
}
