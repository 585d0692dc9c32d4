//! Anonymizing tags: each version gets a set of tags in which the fields have their final values.
//!
//! The whole set is written at once, so what somebody else changed between the reading and the writing is
//! lost; tags have no conditional write.

use super::LANES;
use super::client::Bucket;
use super::fault;
use super::key::record_key;
use super::listing::{Entry, Kind};
use crate::batch::{DatasetOutcome, KeptKey, KeptReason};
use crate::dataset::attribute;
use crate::error::ConnectorError;
use crate::failpoint;
use crate::transform::FieldTransform;
use crate::value::Value;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::types::{Tag, Tagging};
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Rewrites the tags of these.
///
/// # Errors
/// When an answer leaves open what became of a version: the batch is in doubt.
pub(super) async fn rewrite(
    bucket: &Bucket,
    entries: Vec<Entry>,
    fields: &[FieldTransform],
    mut outcome: DatasetOutcome,
) -> Result<DatasetOutcome, ConnectorError> {
    let requests: Vec<_> = entries.into_iter().map(|entry| rewrite_one(bucket, entry, fields)).collect();
    let answers: Vec<(Entry, Option<KeptReason>, bool)> =
        futures_util::stream::iter(requests).buffered(LANES).try_collect().await?;
    for (entry, kept, absent) in answers {
        let key = record_key(&entry);
        match kept {
            Some(reason) => outcome.kept.push(KeptKey { key, reason }),
            None if absent => outcome.already_absent.push(key),
            None => outcome.disposed.push(key),
        }
    }
    Ok(outcome)
}

/// The entry with why it is kept, and whether it is gone.
async fn rewrite_one(
    bucket: &Bucket,
    entry: Entry,
    fields: &[FieldTransform],
) -> Result<(Entry, Option<KeptReason>, bool), ConnectorError> {
    if entry.kind != Kind::Version {
        return Ok((entry, Some(KeptReason::NoLongerDue), false));
    }
    let Some(tags) = bucket.tags(&entry).await? else { return Ok((entry, None, true)) };
    let mut left = Vec::new();
    for (name, value) in tags {
        let Some(value) = rewritten(&name, value, fields) else { continue };
        let tag = Tag::builder().key(name).value(value).build();
        left.push(tag.map_err(|_| bucket.unusable("a tag cannot be written"))?);
    }
    let written = Tagging::builder().set_tag_set(Some(left)).build();
    let written = written.map_err(|_| bucket.unusable("tags cannot be written"))?;
    let call = bucket.writer()?.put_object_tagging().bucket(&bucket.name).key(&entry.key);
    let answer = call.version_id(&entry.id).tagging(written).send().await;
    failpoint::hit("after-unlink");
    match answer {
        Ok(_) => Ok((entry, None, false)),
        Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => {
            Ok((entry, None, true))
        }
        Err(SdkError::ServiceError(answer))
            if answer.raw().status().as_u16() == 403
                && !fault::is_overload(answer.err().code().unwrap_or_default(), 403) =>
        {
            Ok((entry, Some(KeptReason::Refused), false))
        }
        Err(error) => Err(bucket.failed("rewriting the tags of a version", &error)),
    }
}

/// The value that a tag has afterwards; `None` if it is removed.
fn rewritten(name: &str, value: String, fields: &[FieldTransform]) -> Option<String> {
    let field = fields.iter().find(|field| attribute("tag", &field.column).as_deref() == Some(name));
    let Some(field) = field else { return Some(value) };
    match field.transform.apply(&Value::Text(value), field.value_type, None) {
        Value::Text(value) => Some(value),
        _ => None,
    }
}
