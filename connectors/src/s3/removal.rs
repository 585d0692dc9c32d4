//! The deletions themselves, and what their answers mean.
//!
//! Versions and uploads go first; delete markers go when every version of their key that was to go is
//! answered for.

use super::LANES;
use super::client::Bucket;
use super::fault;
use super::key::{NULL, is_plain_in_xml, record_key};
use super::listing::{Entry, Kind};
use crate::batch::{DatasetOutcome, KeptKey, KeptReason};
use crate::error::ConnectorError;
use crate::failpoint;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};

/// Most versions in one request; every store refuses more.
const VERSIONS_PER_REQUEST: usize = 1_000;

/// Requests with several versions under way at once. A store works through the versions of one request one after the
/// other, so that many small requests take less time than few large ones.
const BULKS_AT_ONCE: usize = 20;

/// Fewest versions in one request where there are more: each request costs something.
const VERSIONS_PER_REQUEST_MIN: usize = 100;

/// Longer keys are deleted one by one: SeaweedFS 4.48 fails on them in one request with others.
const BULK_KEY_BYTES_MAX: usize = 255;

/// What the store answered for one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Deleted,
    Absent,
    Kept(KeptReason),
}

/// Deletes these, and adds to the outcome what was answered for each.
///
/// # Errors
/// When an answer leaves open what became of a version: the batch is in doubt.
pub(super) async fn remove(
    bucket: &Bucket,
    entries: Vec<Entry>,
    mut outcome: DatasetOutcome,
) -> Result<DatasetOutcome, ConnectorError> {
    let (markers, others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.kind == Kind::Marker);
    let answers = remove_all(bucket, &others).await?;
    let mut staying: HashSet<&str> = HashSet::new();
    for (entry, answer) in others.iter().zip(&answers) {
        if matches!(answer, Answer::Kept(_)) {
            staying.insert(&entry.key);
        }
        add(&mut outcome, entry, *answer);
    }
    let (kept, free): (Vec<Entry>, Vec<Entry>) =
        markers.into_iter().partition(|marker| staying.contains(marker.key.as_str()));
    for marker in &kept {
        add(&mut outcome, marker, Answer::Kept(KeptReason::NoLongerDue));
    }
    let answers = remove_all(bucket, &free).await?;
    for (marker, answer) in free.iter().zip(answers) {
        add(&mut outcome, marker, answer);
    }
    Ok(outcome)
}

fn add(outcome: &mut DatasetOutcome, entry: &Entry, answer: Answer) {
    let key = record_key(entry);
    match answer {
        Answer::Deleted => outcome.disposed.push(key),
        Answer::Absent => outcome.already_absent.push(key),
        Answer::Kept(reason) => outcome.kept.push(KeptKey { key, reason }),
    }
}

/// The answers for these entries, in their order.
async fn remove_all(bucket: &Bucket, entries: &[Entry]) -> Result<Vec<Answer>, ConnectorError> {
    let in_bulk = |entry: &Entry| {
        let key = entry.key.as_str();
        entry.kind != Kind::Upload && is_plain_in_xml(key) && key.len() <= BULK_KEY_BYTES_MAX
    };
    let (bulk, single): (Vec<usize>, Vec<usize>) =
        (0..entries.len()).partition(|at| entries.get(*at).is_some_and(in_bulk));
    let of = |places: &[usize]| -> Vec<Entry> {
        places.iter().filter_map(|at| entries.get(*at).cloned()).collect()
    };
    let per_request =
        bulk.len().div_ceil(BULKS_AT_ONCE).clamp(VERSIONS_PER_REQUEST_MIN, VERSIONS_PER_REQUEST);
    let requests: Vec<_> =
        bulk.chunks(per_request).map(|places| remove_in_bulk(bucket, of(places))).collect();
    let of_bulk: Vec<Vec<Answer>> =
        futures_util::stream::iter(requests).buffered(BULKS_AT_ONCE).try_collect().await?;
    let requests: Vec<_> = of(&single).into_iter().map(|entry| remove_one(bucket, entry)).collect();
    let of_single: Vec<Answer> = futures_util::stream::iter(requests).buffered(LANES).try_collect().await?;
    let mut answers = vec![Answer::Kept(KeptReason::Refused); entries.len()];
    let answered =
        bulk.into_iter().zip(of_bulk.into_iter().flatten()).chain(single.into_iter().zip(of_single));
    for (at, answer) in answered {
        if let Some(place) = answers.get_mut(at) {
            *place = answer;
        }
    }
    Ok(answers)
}

async fn remove_in_bulk(bucket: &Bucket, entries: Vec<Entry>) -> Result<Vec<Answer>, ConnectorError> {
    let mut delete = Delete::builder();
    for entry in &entries {
        let named = ObjectIdentifier::builder()
            .key(&entry.key)
            .version_id(&entry.id)
            // Another content in the same place is not what was judged.
            .set_e_tag(entry.etag.clone().filter(|_| entry.id == NULL))
            .build()
            .map_err(|_| bucket.unusable("a deletion cannot be written"))?;
        delete = delete.objects(named);
    }
    let delete = delete.build().map_err(|_| bucket.unusable("a deletion cannot be written"))?;
    let call = bucket.writer()?.delete_objects().bucket(&bucket.name).delete(delete);
    let answer = call
        .set_bypass_governance_retention(bucket.bypass_governance.then_some(true))
        .send()
        .await
        .map_err(|error| bucket.failed("deleting versions", &error));
    failpoint::hit("after-unlink");
    let answer = answer?;
    let mut refused: HashMap<(&str, &str), &str> = HashMap::new();
    for error in answer.errors() {
        let id = error.version_id().filter(|id| !id.is_empty()).unwrap_or(NULL);
        refused.insert((error.key().unwrap_or_default(), id), error.code().unwrap_or_default());
    }
    // What is not among the errors is gone, says the store; whoever looks afterwards will see.
    let code_of = |entry: &Entry| refused.get(&(entry.key.as_str(), entry.id.as_str())).copied();
    let answers: Result<Vec<Answer>, ConnectorError> = entries
        .iter()
        .map(|entry| code_of(entry).map_or(Ok(Answer::Deleted), |code| meaning(bucket, code)))
        .collect();
    let told = answers?;
    let known = told.iter().filter(|answer| **answer != Answer::Deleted).count();
    if known < refused.len() {
        return Err(bucket.unusable("it refused what it was not asked for"));
    }
    Ok(told)
}

async fn remove_one(bucket: &Bucket, entry: Entry) -> Result<Answer, ConnectorError> {
    let writer = bucket.writer()?;
    let answered = match entry.kind {
        Kind::Upload => {
            let call = writer.abort_multipart_upload().bucket(&bucket.name).key(&entry.key);
            told(bucket, call.upload_id(&entry.id).send().await)
        }
        Kind::Version | Kind::Marker => {
            let call = writer.delete_object().bucket(&bucket.name).key(&entry.key).version_id(&entry.id);
            let call = call
                .set_bypass_governance_retention(bucket.bypass_governance.then_some(true))
                .set_if_match(entry.etag.clone().filter(|_| entry.id == NULL));
            told(bucket, call.send().await)
        }
    };
    failpoint::hit("after-unlink");
    answered
}

fn told<T, E>(bucket: &Bucket, answer: Result<T, SdkError<E>>) -> Result<Answer, ConnectorError>
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::fmt::Debug,
{
    match answer {
        Ok(_) => Ok(Answer::Deleted),
        Err(SdkError::ServiceError(answer)) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            if fault::is_overload(code, status) || fault::may_pass(code, status) {
                return Err(bucket.failed("deleting a version", &SdkError::ServiceError(answer)));
            }
            meaning(bucket, code)
        }
        Err(error) => Err(bucket.failed("deleting a version", &error)),
    }
}

/// What a code says of one version. One that leaves open whether it is gone is an error.
fn meaning(bucket: &Bucket, code: &str) -> Result<Answer, ConnectorError> {
    Ok(match code {
        "NoSuchKey" | "NoSuchVersion" | "NoSuchUpload" => Answer::Absent,
        "PreconditionFailed" | "ConditionalRequestConflict" => Answer::Kept(KeptReason::ChangedSincePlan),
        code if fault::is_overload(code, 0) => {
            let reason = format!("deleting versions: it asks to go slower ({})", fault::code_of(code));
            return Err(ConnectorError::Busy { store: bucket.store.clone(), reason });
        }
        "AccessDenied" | "ObjectLocked" | "InvalidRequest" | "MethodNotAllowed" | "AllAccessDisabled" => {
            Answer::Kept(KeptReason::Refused)
        }
        code => {
            let reason =
                format!("deleting versions: an answer leaves open what is gone ({})", fault::code_of(code));
            return Err(ConnectorError::Unreachable { store: bucket.store.clone(), reason });
        }
    })
}

impl Bucket {
    pub(super) fn writer(&self) -> Result<&aws_sdk_s3::Client, ConnectorError> {
        self.writes.as_ref().ok_or_else(|| self.unusable("it was opened for reading"))
    }
}
