//! From what is stored under one key to where each record of it falls.
//!
//! The decision is [`crate::classify`]'s; this module hands it the attributes, and adds what only a bucket
//! knows: what a delete marker hides, what is locked, which keys cannot be named.

use super::attributes::{Attributes, Wanted, fetch};
use super::client::Bucket;
use super::listing::{Entry, Kind};
use super::walk::Group;
use super::{ETAG, IS_LATEST, KEY, KIND, LAST_MODIFIED, SIZE, STORAGE_CLASS, VERSION, template_of};
use crate::classify::classify;
use crate::dataset::KeyTemplate;
use crate::error::ConnectorError;
use crate::objects::{Judged, composed_start};
use crate::predicate::template::StartTemplate;
use crate::selection::{Class, DoubtReason, RecordFacts, Selection, StartCondition, StartEncoding};
use crate::start::{read, standing};
use crate::value::Value;
use std::collections::BTreeMap;

/// Longest key of an object, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// Judges the records of one selection.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    bucket: &'a Bucket,
    selection: &'a Selection,
    template: &'a KeyTemplate,
    composed_start: Option<(&'a str, Option<StartTemplate>)>,
    wanted: Wanted,
    can_lock: bool,
}

type Captures = BTreeMap<String, String>;

impl<'a> Judge<'a> {
    pub(super) async fn new(bucket: &'a Bucket, selection: &'a Selection) -> Result<Self, ConnectorError> {
        let template = template_of(&selection.address)?;
        let composed_start = composed_start(selection).map(|text| (text, StartTemplate::parse(text)));
        let (wanted, can_lock) = (Wanted::of(selection), bucket.can_lock().await?);
        Ok(Self { bucket, selection, template, composed_start, wanted, can_lock })
    }

    /// What the template captures; `None` if the key is none of the dataset.
    pub(super) fn captures(&self, key: &str) -> Option<Captures> {
        self.template.matches(key)
    }

    /// Whether nothing under this key can be due, whatever its tags say: the listing alone tells.
    pub(super) fn is_early(&self, group: &Group, captures: &Captures) -> bool {
        let StartCondition::Event { field, encoding, .. } = &self.selection.start else { return false };
        if crate::dataset::is_attribute(&field.name) {
            return false;
        }
        group.entries.iter().all(|entry| {
            let facts = self.facts(entry, captures, Attributes::new());
            let stored = facts.fields.get(&field.name).unwrap_or(&Value::Null);
            let reading = read(encoding, stored);
            // A marker is judged by what it hides, and if it hides nothing it is due.
            entry.kind != Kind::Marker
                && standing(&self.selection.start, reading).is_none_or(|standing| !standing.due)
        })
    }

    /// The facts of each record under one key, with what is locked if `locks`.
    pub(super) async fn facts_of(
        &self,
        group: &Group,
        captures: &Captures,
        locks: bool,
    ) -> Result<Vec<RecordFacts>, ConnectorError> {
        let entries: Vec<&Entry> = group.entries.iter().collect();
        let attributes = if self.wanted.is_empty() {
            vec![Some(Attributes::new()); entries.len()]
        } else {
            fetch(self.bucket, &entries, &self.wanted).await?
        };
        let mut facts: Vec<RecordFacts> = entries
            .iter()
            .zip(attributes)
            .map(|(entry, attributes)| self.facts(entry, captures, attributes.unwrap_or_default()))
            .collect();
        self.judge_markers_by_versions(&entries, &mut facts);
        if locks && self.can_lock {
            self.add_locks(&entries, &mut facts).await?;
        }
        self.keep_markers(&entries, &mut facts);
        Ok(facts)
    }

    /// Only what is due otherwise is asked for its lock.
    async fn add_locks(&self, entries: &[&Entry], facts: &mut [RecordFacts]) -> Result<(), ConnectorError> {
        let due: Vec<usize> = (0..facts.len())
            .filter(|at| facts.get(*at).is_some_and(|facts| classify(self.selection, facts) == Class::Due))
            .collect();
        let asked: Vec<&Entry> = due.iter().filter_map(|at| entries.get(*at).copied()).collect();
        for (at, lock) in due.into_iter().zip(self.bucket.locks(&asked).await?) {
            if let Some(facts) = facts.get_mut(at) {
                facts.lock = lock;
            }
        }
        Ok(())
    }

    /// A marker has the attributes of the newest version under its key; over nothing it has waited enough.
    fn judge_markers_by_versions(&self, entries: &[&Entry], facts: &mut [RecordFacts]) {
        let newest = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.kind == Kind::Version)
            .max_by_key(|(_, entry)| (entry.is_latest, entry.modified_at))
            .and_then(|(at, _)| facts.get(at))
            .map(|facts| facts.fields.clone());
        for (entry, facts) in entries.iter().zip(facts).filter(|(entry, _)| entry.kind == Kind::Marker) {
            let own = [KEY, VERSION, KIND, IS_LATEST];
            match &newest {
                Some(fields) => {
                    let inherited = fields.iter().filter(|(name, _)| !own.contains(&name.as_str()));
                    facts.fields.extend(inherited.map(|(name, value)| (name.clone(), value.clone())));
                }
                None => self.begin_at_once(entry, facts),
            }
        }
    }

    /// The beginning of time as the start, unless the key tells it.
    fn begin_at_once(&self, entry: &Entry, facts: &mut RecordFacts) {
        let StartCondition::Event { field, encoding, .. } = &self.selection.start else { return };
        if self.composed_start.is_some() || entry.kind != Kind::Marker {
            return;
        }
        let epoch = chrono::DateTime::UNIX_EPOCH;
        let start = match encoding {
            StartEncoding::Instant => Value::Instant(epoch),
            StartEncoding::EpochSeconds | StartEncoding::EpochMillis => Value::Int(0),
            _ => Value::Text("1970-01-01".to_owned()),
        };
        facts.fields.insert(field.name.clone(), start);
    }

    /// A marker stays as long as a version that it may hide does.
    fn keep_markers(&self, entries: &[&Entry], facts: &mut [RecordFacts]) {
        let a_version_stays = entries
            .iter()
            .zip(&*facts)
            .any(|(entry, facts)| entry.kind == Kind::Version && self.class(entry, facts) != Class::Due);
        for (_, facts) in entries.iter().zip(facts).filter(|(entry, _)| entry.kind == Kind::Marker) {
            if a_version_stays {
                facts.referenced = vec![true];
            }
        }
    }

    /// Where a record falls.
    pub(super) fn class(&self, entry: &Entry, facts: &RecordFacts) -> Class {
        match classify(self.selection, facts) {
            class @ (Class::OutOfScope | Class::Undecidable(_)) => class,
            _ if entry.unreadable => Class::Undecidable(DoubtReason::NameUnreadable),
            _ if entry.key.is_empty() || entry.key.len() > KEY_BYTES_MAX => {
                Class::Undecidable(DoubtReason::NotGovernable)
            }
            class => class,
        }
    }

    /// Everything that a survey counts of one record.
    pub(super) fn judge(&self, entry: &Entry, facts: &RecordFacts) -> Judged {
        let size = entry.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let mut judged = Judged::of(self.class(entry, facts), self.selection, facts, size);
        // A marker has waited since the version went, not since the beginning of time.
        if entry.kind == Kind::Marker && judged.started_at == Some(chrono::DateTime::UNIX_EPOCH) {
            (judged.started_at, judged.overdue) = (None, false);
        }
        judged
    }

    fn facts(&self, entry: &Entry, captures: &Captures, attributes: Attributes) -> RecordFacts {
        let mut fields = BTreeMap::new();
        if let Some((composition, template)) = &self.composed_start {
            let start = template.as_ref().and_then(|template| template.render(captures));
            fields.insert((*composition).to_owned(), start.map_or(Value::Null, Value::Text));
        }
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        fields.extend(attributes.into_iter().map(|(name, value)| (name, Value::Text(value))));
        fields.extend(captures.iter().map(|(name, value)| (name.clone(), Value::Text(value.clone()))));
        let own = [
            (KEY, Value::Text(entry.key.clone())),
            (VERSION, Value::Text(entry.part.clone())),
            (KIND, Value::Text(entry.kind.word().to_owned())),
            (SIZE, entry.size.map_or(Value::Null, Value::Int)),
            (LAST_MODIFIED, entry.modified_at.map_or(Value::Null, Value::Instant)),
            (ETAG, text(&entry.etag)),
            (STORAGE_CLASS, text(&entry.storage_class)),
            (IS_LATEST, Value::Bool(entry.is_latest)),
        ];
        fields.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        RecordFacts { fields, changed_at: entry.modified_at, ..RecordFacts::default() }
    }
}
