//! What is there now for these keys. Evidence stands on this.
//!
//! One page that lists the whole of the prefix that all of them share tells it for many at once where little is
//! left, as after a purge. Where more is left, each is looked at by itself.

use super::REQUESTS_AT_ONCE;
use super::attributes::{Seen, Wanted, fetch};
use super::client::Bucket;
use super::key::{MARKER, NULL, Named, UPLOAD, content_of};
use super::listing::{Entry, Kind, Range};
use super::walk::{of_key, versions_of};
use crate::batch::{Observation, ObservedState};
use crate::classify::already_done;
use crate::error::ConnectorError;
use crate::selection::{RecordFacts, Selection};
use crate::transform::Disposal;
use crate::value::{RecordKey, Value};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::HashSet;

pub(super) async fn observe(
    bucket: &Bucket,
    selection: &Selection,
    keys: &[RecordKey],
) -> Result<Vec<Observation>, ConnectorError> {
    let all_absent = match selection.disposal {
        Disposal::Purge => listed(bucket, keys).await?,
        Disposal::Anonymize { .. } => None,
    };
    if let Some(there) = all_absent {
        let state = |at: &usize| {
            if there.contains(at) { ObservedState::Present } else { ObservedState::Absent }
        };
        let seen = keys.iter().enumerate();
        return Ok(seen.map(|(at, key)| Observation { key: key.clone(), state: state(&at) }).collect());
    }
    let looks: Vec<_> = keys.iter().map(|key| one(bucket, selection, key)).collect();
    futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await
}

/// Which of the keys, by place, are in a whole listing of what they have in common; `None` if that is more than
/// one page.
async fn listed(bucket: &Bucket, keys: &[RecordKey]) -> Result<Option<HashSet<usize>>, ConnectorError> {
    let Some(named) = keys.iter().map(Named::of).collect::<Option<Vec<_>>>() else { return Ok(None) };
    if named.len() < KEYS_MIN {
        return Ok(None);
    }
    let prefix = common_prefix(named.iter().map(|named| named.key()));
    let range = Range { prefix, after: None, by_directory: false, entries_max: 0 };
    let page = bucket.versions(range).await?;
    if page.next.is_some() {
        return Ok(None);
    }
    let content = |entry: Entry| {
        let part = content_of(&entry.part).into_owned();
        (entry.key, part)
    };
    let mut there: HashSet<(String, String)> = page.entries.into_iter().map(content).collect();
    there.extend(bucket.uploads(prefix).await?.into_iter().map(content));
    let objects: HashSet<&str> = there.iter().map(|(key, _)| key.as_str()).collect();
    let is_there = |named: &Named<'_>| match *named {
        Named::Object(key) => objects.contains(key),
        Named::Version { key, part } => there.contains(&(key.to_owned(), content_of(part).into_owned())),
    };
    Ok(Some(named.iter().enumerate().filter(|(_, named)| is_there(named)).map(|(at, _)| at).collect()))
}

/// For fewer keys a look at each costs no more.
const KEYS_MIN: usize = 3;

fn common_prefix<'a>(mut keys: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(mut prefix) = keys.next() else { return "" };
    for key in keys {
        let same = prefix.char_indices().zip(key.chars()).take_while(|((_, one), other)| one == other);
        let end = same.last().map_or(0, |((at, one), _)| at + one.len_utf8());
        prefix = prefix.get(..end).unwrap_or_default();
    }
    prefix
}

async fn one(bucket: &Bucket, selection: &Selection, key: &RecordKey) -> Result<Observation, ConnectorError> {
    let state = match Named::of(key) {
        // What cannot be looked at was not seen gone.
        None => ObservedState::Present,
        Some(Named::Object(name)) => of_object(bucket, name).await?,
        Some(Named::Version { key, part }) => of_version(bucket, selection, key, part).await?,
    };
    Ok(Observation { key: key.clone(), state })
}

fn absent_if(absent: bool) -> ObservedState {
    if absent { ObservedState::Absent } else { ObservedState::Present }
}

/// Absent when neither the listing of the key nor a look at it finds anything.
async fn of_object(bucket: &Bucket, name: &str) -> Result<ObservedState, ConnectorError> {
    let left = !of_key(bucket, name).await?.entries.is_empty();
    Ok(absent_if(!left && !bucket.has_current(name).await?))
}

async fn of_version(
    bucket: &Bucket,
    selection: &Selection,
    key: &str,
    part: &str,
) -> Result<ObservedState, ConnectorError> {
    if part.starts_with(UPLOAD) {
        let left = bucket.uploads(key).await?;
        return Ok(absent_if(!left.iter().any(|entry| entry.key == key && entry.part == part)));
    }
    // Another one may stand in the place of a version without an id; and of a marker that is there, some stores
    // say that it is not found.
    if part.starts_with(MARKER) || part.split(';').next() == Some(NULL) {
        let named = Named::Version { key, part };
        let there = versions_of(bucket, key).await?.into_iter().find(|entry| named.is_content(entry));
        return match there {
            None => Ok(ObservedState::Absent),
            Some(entry) => state_of(bucket, selection, &entry).await,
        };
    }
    match bucket.head(key, part).await? {
        Seen::Absent => Ok(ObservedState::Absent),
        Seen::Marker => Ok(ObservedState::Present),
        Seen::Version(_) if selection.disposal == Disposal::Purge => Ok(ObservedState::Present),
        Seen::Version(_) => {
            let there = versions_of(bucket, key).await?.into_iter().find(|entry| entry.part == part);
            match there {
                None => Ok(ObservedState::Present),
                Some(entry) => state_of(bucket, selection, &entry).await,
            }
        }
    }
}

/// The state of what is there.
async fn state_of(
    bucket: &Bucket,
    selection: &Selection,
    entry: &Entry,
) -> Result<ObservedState, ConnectorError> {
    if selection.disposal == Disposal::Purge || entry.kind != Kind::Version {
        return Ok(ObservedState::Present);
    }
    let fetched = fetch(bucket, &[entry], &Wanted::of(selection)).await?;
    let Some(Some(attributes)) = fetched.into_iter().next() else { return Ok(ObservedState::Absent) };
    let fields = attributes.into_iter().map(|(name, value)| (name, Value::Text(value))).collect();
    let facts = RecordFacts { fields, ..RecordFacts::default() };
    Ok(if already_done(&selection.disposal, &facts) {
        ObservedState::Anonymized
    } else {
        ObservedState::Present
    })
}

impl Bucket {
    /// Whether the key has a current version that is no marker.
    async fn has_current(&self, key: &str) -> Result<bool, ConnectorError> {
        match self.reads.head_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(true),
            Err(aws_sdk_s3::error::SdkError::ServiceError(answer))
                if answer.raw().status().as_u16() == 404 =>
            {
                Ok(false)
            }
            Err(error) => Err(self.failed("looking at an object", &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_prefix_ends_between_characters() {
        assert_eq!(common_prefix(["a/é1", "a/é2"].into_iter()), "a/é");
        assert_eq!(common_prefix(["a/é", "a/è"].into_iter()), "a/");
        assert_eq!(common_prefix(["a", "b"].into_iter()), "");
        assert_eq!(common_prefix(["a/b", "a"].into_iter()), "a");
        assert_eq!(common_prefix(std::iter::empty()), "");
    }
}
