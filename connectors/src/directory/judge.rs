//! From what a look at a file showed to where the file falls.
//!
//! The decision is [`crate::classify`]'s; this module hands it the attributes of the file and adds
//! the one thing that only a directory knows: whether the file can be governed at all.

use super::root::Status;
use super::{KEY, LAST_MODIFIED, SIZE, template_of};
use crate::classify::classify;
use crate::dataset::KeyTemplate;
use crate::error::ConnectorError;
use crate::objects::{Judged, composed_start};
use crate::predicate::template::StartTemplate;
use crate::selection::{Class, DoubtReason, RecordFacts, Selection};
use crate::value::Value;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

pub(super) type Captures = BTreeMap<String, String>;

/// Judges the files of one selection.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    selection: &'a Selection,
    template: &'a KeyTemplate,
    /// A start composed of captures, such as `{year}-{month}`: the name of its field is this text.
    composed_start: Option<(&'a str, Option<StartTemplate>)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(selection: &'a Selection) -> Result<Self, ConnectorError> {
        let template = template_of(&selection.address)?;
        let composed_start = composed_start(selection).map(|text| (text, StartTemplate::parse(text)));
        Ok(Self { selection, template, composed_start })
    }

    /// What the template captures from a key that comes from outside; `None` if it cannot name a
    /// file of the dataset, and then nothing is looked at.
    pub(super) fn captures(&self, key: &str) -> Option<Captures> {
        if super::key::is_plain(key) { self.template.matches(key) } else { None }
    }

    /// The attributes of a file, given what the template captured from its key.
    pub(super) fn facts(&self, key: &str, captures: Captures, status: &Status) -> RecordFacts {
        let mut fields = BTreeMap::new();
        if let Some((composition, template)) = &self.composed_start {
            let start = template.as_ref().and_then(|template| template.render(&captures));
            fields.insert((*composition).to_owned(), start.map_or(Value::Null, Value::Text));
        }
        fields.extend(captures.into_iter().map(|(name, text)| (name, Value::Text(text))));
        fields.insert(KEY.to_owned(), Value::Text(key.to_owned()));
        fields.insert(SIZE.to_owned(), i64::try_from(status.size).map_or(Value::Null, Value::Int));
        let modified_at = instant(status.modified);
        fields.insert(LAST_MODIFIED.to_owned(), modified_at.map_or(Value::Null, Value::Instant));
        // An instant that no calendar has is later than any plan.
        let latest = |parts| instant(parts).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let changed_at = Some(latest(status.modified).max(latest(status.inode_changed)));
        RecordFacts { fields, changed_at, ..RecordFacts::default() }
    }

    /// Everything that a survey counts of one file.
    pub(super) fn judge(&self, key: &str, captures: Captures, status: &Status) -> Judged {
        let facts = self.facts(key, captures, status);
        let class = self.class_of(&facts, status);
        Judged::of(class, self.selection, &facts, status.size)
    }

    pub(super) fn class(&self, key: &str, captures: Captures, status: &Status) -> Class {
        self.seen(key, captures, status).1
    }

    /// Facts and class in one.
    pub(super) fn seen(&self, key: &str, captures: Captures, status: &Status) -> (RecordFacts, Class) {
        let facts = self.facts(key, captures, status);
        let class = self.class_of(&facts, status);
        (facts, class)
    }

    /// A file with several names is undecidable unless the rule does not speak of it at all, or
    /// something even plainer is wrong with it.
    fn class_of(&self, facts: &RecordFacts, status: &Status) -> Class {
        match classify(self.selection, facts) {
            class @ (Class::OutOfScope | Class::Undecidable(_)) => class,
            _ if !status.regular => Class::Undecidable(DoubtReason::NoRegularFile),
            _ if !status.is_governable() => Class::Undecidable(DoubtReason::SeveralNames),
            class => class,
        }
    }
}

fn instant((seconds, nanoseconds): (i64, u32)) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, nanoseconds)
}
