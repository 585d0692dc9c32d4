//! Compact bytes for the keys of a batch before they are sealed.
//!
//! Floor 4. One version byte, one kind byte, then variable-length integers (LEB128), keys in runs:
//! single integers as differences from the one before, single texts by the prefix they share with
//! the one before, anything else value by value. Decoding never panics, takes memory in proportion
//! to the bytes it is given, and refuses what it does not know. It does not encrypt: that is
//! [`super::seal`].

mod reader;
mod writer;

use connectors::{DatasetKeys, Intended, RecordKey};
use reader::Reader;
use std::collections::HashSet;
use thiserror::Error;
use writer::Writer;

/// First byte of every encoding. A reader refuses any other.
pub const CODEC_VERSION: u8 = 1;
/// Most groups (datasets) of one batch.
pub const GROUPS_MAX: usize = 4_096;
/// Most keys of one batch, over all groups.
pub const KEYS_MAX: usize = 4_000_000;
/// Most columns of one key.
pub const KEY_PARTS_MAX: usize = 64;
/// Most bytes that the texts of one encoding take once decoded. Shared prefixes would otherwise let
/// few bytes grow into many.
pub const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

const KIND_INTENDED: u8 = b'I';
/// The same, with the mark of the batch at its end.
const KIND_MARKED: u8 = b'M';
const KIND_OUTCOME: u8 = b'O';
const KIND_RANGE: u8 = b'R';

/// Records after `after`, up to and with `up_to`; without one, from the beginning, or to the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyRange {
    pub after: Option<RecordKey>,
    pub up_to: Option<RecordKey>,
}

/// What differs between the intent of a batch and its outcome: few keys, where naming every key
/// twice would double the journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutcomeDelta {
    pub groups: Vec<DeltaGroup>,
    /// Where the walk goes on.
    pub last_key: Option<RecordKey>,
    /// Nothing due is left after `last_key`.
    pub exhausted: bool,
}

/// The keys of one dataset that were intended and yet not disposed of: absent before, or kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeltaGroup {
    pub dataset: String,
    pub not_disposed: Vec<RecordKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Written by a newer version: update the program.
    #[error("the keys of a batch have the unknown encoding version {found}")]
    Version { found: u8 },
    /// Damaged, or not the kind that was asked for.
    #[error("the encoded keys of a batch are damaged")]
    Malformed,
    /// Make the batch smaller.
    #[error("a batch is too large to be encoded")]
    TooLarge,
}

/// Encodes an intent.
pub fn encode_intended(intended: &Intended) -> Result<Vec<u8>, CodecError> {
    let groups = intended.groups.iter().map(|group| (group.dataset.as_str(), group.keys.as_slice()));
    let kind = if intended.mark.is_some() { KIND_MARKED } else { KIND_INTENDED };
    let mut writer = Writer::new(kind);
    writer.groups(intended.groups.len(), groups)?;
    writer.optional_key(intended.last_key.as_ref())?;
    if let Some(mark) = &intended.mark {
        writer.text(mark)?;
    }
    Ok(writer.finish())
}

/// Decodes what [`encode_intended`] made.
pub fn decode_intended(bytes: &[u8]) -> Result<Intended, CodecError> {
    let is_marked = bytes.get(1) == Some(&KIND_MARKED);
    let mut reader = Reader::new(bytes, if is_marked { KIND_MARKED } else { KIND_INTENDED })?;
    let groups = reader.groups(|dataset, keys| DatasetKeys { dataset, keys })?;
    let last_key = reader.optional_key()?;
    let mark = if is_marked { Some(reader.text()?) } else { None };
    reader.end()?;
    Ok(Intended { groups, last_key, mark })
}

/// Encodes an outcome.
pub fn encode_outcome(outcome: &OutcomeDelta) -> Result<Vec<u8>, CodecError> {
    let groups = outcome.groups.iter().map(|group| (group.dataset.as_str(), group.not_disposed.as_slice()));
    let mut writer = Writer::new(KIND_OUTCOME);
    writer.groups(outcome.groups.len(), groups)?;
    writer.optional_key(outcome.last_key.as_ref())?;
    writer.flag(outcome.exhausted);
    Ok(writer.finish())
}

/// Decodes what [`encode_outcome`] made.
pub fn decode_outcome(bytes: &[u8]) -> Result<OutcomeDelta, CodecError> {
    let mut reader = Reader::new(bytes, KIND_OUTCOME)?;
    let groups = reader.groups(|dataset, not_disposed| DeltaGroup { dataset, not_disposed })?;
    let last_key = reader.optional_key()?;
    let exhausted = reader.flag()?;
    reader.end()?;
    Ok(OutcomeDelta { groups, last_key, exhausted })
}

/// Encodes a range.
pub fn encode_range(range: &KeyRange) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::new(KIND_RANGE);
    writer.optional_key(range.after.as_ref())?;
    writer.optional_key(range.up_to.as_ref())?;
    Ok(writer.finish())
}

/// Decodes what [`encode_range`] made.
pub fn decode_range(bytes: &[u8]) -> Result<KeyRange, CodecError> {
    let mut reader = Reader::new(bytes, KIND_RANGE)?;
    let (after, up_to) = (reader.optional_key()?, reader.optional_key()?);
    reader.end()?;
    Ok(KeyRange { after, up_to })
}

impl OutcomeDelta {
    /// The keys that were disposed of: the intended ones without those that were not, by dataset in
    /// the order of the intent.
    #[must_use]
    pub fn disposed(&self, intended: &Intended) -> Vec<DatasetKeys> {
        intended.groups.iter().map(|group| self.disposed_of_group(group)).collect()
    }

    fn disposed_of_group(&self, group: &DatasetKeys) -> DatasetKeys {
        let spared: HashSet<String> = self
            .groups
            .iter()
            .filter(|delta| delta.dataset == group.dataset)
            .flat_map(|delta| delta.not_disposed.iter().map(RecordKey::canonical))
            .collect();
        let keys = if spared.is_empty() {
            group.keys.clone()
        } else {
            group.keys.iter().filter(|key| !spared.contains(&key.canonical())).cloned().collect()
        };
        DatasetKeys { dataset: group.dataset.clone(), keys }
    }
}

#[cfg(test)]
mod tests;
