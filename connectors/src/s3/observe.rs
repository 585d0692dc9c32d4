//! What is there now for these keys. Evidence stands on this.
//!
//! A page that lists the whole of the prefix that some of them share tells it for all of these at once where little is
//! left, as after a purge; where more is left, they are told apart by what follows, and the last few are each looked
//! at by itself. Only a listing that came whole in one page is believed.

use super::attributes::{Seen, Wanted, fetch};
use super::client::Bucket;
use super::key::{MARKER, NULL, Named, UPLOAD, content_of, is_plain_in_xml};
use super::listing::{Entry, Kind, Range};
use super::walk::{of_key, versions_of};
use super::{LANES, REQUESTS_AT_ONCE};
use crate::batch::{Observation, ObservedState};
use crate::classify::already_done;
use crate::error::ConnectorError;
use crate::selection::{RecordFacts, Selection};
use crate::transform::Disposal;
use crate::value::{RecordKey, Value};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeMap, HashSet};

pub(super) async fn observe(
    bucket: &Bucket,
    selection: &Selection,
    keys: &[RecordKey],
) -> Result<Vec<Observation>, ConnectorError> {
    let mut states: Vec<Option<ObservedState>> = vec![None; keys.len()];
    if selection.disposal == Disposal::Purge {
        for (at, state) in listed(bucket, keys).await? {
            if let Some(place) = states.get_mut(at) {
                *place = Some(state);
            }
        }
    }
    let looks: Vec<_> = keys
        .iter()
        .zip(states)
        .map(|(key, state)| async move {
            match state {
                Some(state) => Ok(Observation { key: key.clone(), state }),
                None => one(bucket, selection, key).await,
            }
        })
        .collect();
    futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await
}

/// A key by its place among those that are asked for.
type Asked<'a> = (usize, Named<'a>);

/// What whole listings tell of the keys, by their place; not of all of them.
async fn listed(bucket: &Bucket, keys: &[RecordKey]) -> Result<Vec<(usize, ObservedState)>, ConnectorError> {
    let mut open: Vec<Vec<Asked<'_>>> = vec![
        keys.iter()
            .enumerate()
            .filter_map(|(at, key)| Some((at, Named::of(key)?)))
            .filter(in_listings)
            .collect(),
    ];
    let mut told = Vec::new();
    while !open.is_empty() {
        open.retain(|group| group.len() >= KEYS_MIN);
        let looks: Vec<_> = open.into_iter().map(|group| look(bucket, group)).collect();
        let looks: Vec<Look<'_>> = futures_util::stream::iter(looks).buffered(LANES).try_collect().await?;
        open = Vec::new();
        for look in looks {
            match look {
                Look::Whole(states) => told.extend(states),
                Look::TooMuch(groups) => open.extend(groups),
            }
        }
    }
    Ok(told)
}

/// What a listing may not write is looked at by itself.
fn in_listings((_, named): &Asked<'_>) -> bool {
    is_plain_in_xml(named.key())
}

enum Look<'a> {
    Whole(Vec<(usize, ObservedState)>),
    /// The keys by what follows their common prefix.
    TooMuch(Vec<Vec<Asked<'a>>>),
}

async fn look<'a>(bucket: &Bucket, group: Vec<Asked<'a>>) -> Result<Look<'a>, ConnectorError> {
    let prefix = common_prefix(group.iter().map(|(_, named)| named.key()));
    let range = Range { prefix, after: None, by_directory: false, entries_max: 0 };
    let page = bucket.versions(range).await?;
    if page.next.is_some() {
        return Ok(Look::TooMuch(apart(group, prefix)));
    }
    let content = |entry: Entry| {
        let part = content_of(&entry.part).into_owned();
        (entry.key, part)
    };
    let mut there: HashSet<(String, String)> = page.entries.into_iter().map(content).collect();
    if group.iter().any(|(_, named)| named.may_be_upload()) {
        there.extend(bucket.uploads(prefix).await?.into_iter().map(content));
    }
    let objects: HashSet<&str> = there.iter().map(|(key, _)| key.as_str()).collect();
    let is_there = |named: Named<'_>| match named {
        Named::Object(key) => objects.contains(key),
        Named::Version { key, part } => there.contains(&(key.to_owned(), content_of(part).into_owned())),
    };
    let states = group.into_iter().map(|(at, named)| (at, absent_if(!is_there(named))));
    Ok(Look::Whole(states.collect()))
}

/// The group in parts whose common prefixes are longer, but for a key that is the prefix itself.
fn apart<'a>(group: Vec<Asked<'a>>, prefix: &str) -> Vec<Vec<Asked<'a>>> {
    let mut parts: BTreeMap<char, Vec<Asked<'a>>> = BTreeMap::new();
    for asked in group {
        let next = asked.1.key().strip_prefix(prefix).and_then(|rest| rest.chars().next());
        if let Some(next) = next {
            parts.entry(next).or_default().push(asked);
        }
    }
    parts.into_values().collect()
}

/// For fewer keys a look at each costs no more.
const KEYS_MIN: usize = 8;

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
            // A listing that cannot write the key does not show it either.
            None if !is_plain_in_xml(key) => Ok(absent_if(!bucket.has_current(key).await?)),
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
    fn what_is_told_apart_has_longer_prefixes() {
        let keys = ["a/1", "a/12", "a/2", "a/"].map(Named::Object);
        let group: Vec<Asked<'_>> = keys.into_iter().enumerate().collect();
        let parts = apart(group, "a/");
        let places: Vec<Vec<usize>> =
            parts.iter().map(|part| part.iter().map(|(at, _)| *at).collect()).collect();
        assert_eq!(places, [vec![0, 1], vec![2]]);
    }

    #[test]
    fn the_common_prefix_ends_between_characters() {
        assert_eq!(common_prefix(["a/é1", "a/é2"].into_iter()), "a/é");
        assert_eq!(common_prefix(["a/é", "a/è"].into_iter()), "a/");
        assert_eq!(common_prefix(["a", "b"].into_iter()), "");
        assert_eq!(common_prefix(["a/b", "a"].into_iter()), "a");
        assert_eq!(common_prefix(std::iter::empty()), "");
    }
}
