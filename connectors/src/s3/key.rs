//! Keys of records: the key of the object and the part that tells its version.
//!
//! The second part is the version id as the store gives it; `null;TIME;TAG` for the version that a write
//! replaces, with its time in milliseconds and the tag of its content; `~marker;ID` for a delete marker (or
//! `~marker;null;TIME`); `upload;ID` for an unfinished upload.
//! A key of one part names an object with everything under its key, as a column of a table does.

use super::listing::{Entry, Kind};
use crate::value::{RecordKey, Value};
use std::borrow::Cow;

/// What a record key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// Every version, marker and upload of this key.
    Object(&'a str),
    Version {
        key: &'a str,
        part: &'a str,
    },
}

impl<'a> Named<'a> {
    /// `None` if the record key is not made of one text or two.
    pub(super) fn of(key: &'a RecordKey) -> Option<Self> {
        match key.0.as_slice() {
            [Value::Text(key)] => Some(Self::Object(key)),
            [Value::Text(key), Value::Text(part)] => Some(Self::Version { key, part }),
            _ => None,
        }
    }

    pub(super) fn key(self) -> &'a str {
        match self {
            Self::Object(key) | Self::Version { key, .. } => key,
        }
    }

    /// Whether the entry, which has the same key, has the content that is named, though it may have been touched
    /// since.
    pub(super) fn is_content(self, entry: &Entry) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Version { part, .. } => content_of(&entry.part) == content_of(part),
        }
    }

    /// Whether an unfinished upload may be what is named.
    pub(super) fn may_be_upload(self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Version { part, .. } => part.starts_with(UPLOAD),
        }
    }

    /// Whether the entry, which has the same key, is what is named.
    pub(super) fn is(self, entry: &Entry) -> bool {
        match self {
            Self::Object(_) => true,
            Self::Version { part, .. } => entry.part == part,
        }
    }
}

/// What of a part tells the content: of a version that a write replaces its tag without its time, because on
/// some stores a change of tags is a change of time.
pub(super) fn content_of(part: &str) -> Cow<'_, str> {
    let timed = part.strip_prefix(NULL).and_then(|rest| rest.strip_prefix(';'));
    match timed.and_then(|timed| timed.split_once(';')) {
        Some((_, etag)) => Cow::Owned(format!("{NULL};;{etag}")),
        None => Cow::Borrowed(part),
    }
}

pub(super) fn record_key(entry: &Entry) -> RecordKey {
    RecordKey::of(vec![Value::Text(entry.key.clone()), Value::Text(entry.part.clone())])
}

/// The part of a record key that tells this version from the others of its key.
pub(super) fn part_of(kind: Kind, id: &str, modified_ms: Option<i64>, etag: Option<&str>) -> String {
    let time = modified_ms.unwrap_or_default();
    match kind {
        Kind::Upload => format!("{UPLOAD}{id}"),
        Kind::Version if id == NULL => format!("{NULL};{time};{}", etag.unwrap_or_default()),
        Kind::Version => id.to_owned(),
        // Sorted after every version, as it goes after them.
        Kind::Marker if id == NULL => format!("{MARKER}{NULL};{time}"),
        Kind::Marker => format!("{MARKER}{id}"),
    }
}

/// The id of the version that a write replaces.
pub(super) const NULL: &str = "null";

/// What the part of a delete marker begins with.
pub(super) const MARKER: &str = "~marker;";

/// What the part of an unfinished upload begins with; no version id does.
pub(super) const UPLOAD: &str = "upload;";

/// Whether XML 1.0 carries the key unchanged, whatever the writer and the reader do about white space.
pub(super) fn is_plain_in_xml(key: &str) -> bool {
    let plain = |character: char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    key.chars().all(plain) && key.trim() == key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_version_is_told_apart_from_what_replaces_it() {
        let first = part_of(Kind::Version, NULL, Some(1), Some("a"));
        assert_ne!(first, part_of(Kind::Version, NULL, Some(2), Some("a")));
        assert_ne!(first, part_of(Kind::Version, NULL, Some(1), Some("b")));
        let touched = part_of(Kind::Version, NULL, Some(2), Some("a"));
        assert_eq!(content_of(&first), content_of(&touched));
        assert_ne!(content_of(&first), content_of(&part_of(Kind::Version, NULL, Some(1), Some("b"))));
        assert_eq!(content_of("v1"), "v1");
        assert_eq!(part_of(Kind::Version, "v1", Some(1), Some("a")), "v1");
        assert_ne!(part_of(Kind::Upload, "v1", None, None), "v1");
    }

    #[test]
    fn keys_that_xml_may_change_are_told() {
        for key in ["a", "a b", "<&>\"'", "é中🦀", "a%2Fb", "//"] {
            assert!(is_plain_in_xml(key), "{key:?}");
        }
        for key in [" a", "a ", "a\rb", "a\nb", "a\u{1}b", "a\tb", "\u{ffff}", "a\u{7f}"] {
            assert!(!is_plain_in_xml(key), "{key:?}");
        }
    }

    #[test]
    fn a_key_of_another_form_names_nothing() {
        assert_eq!(Named::of(&RecordKey::int(1)), None);
        assert_eq!(Named::of(&RecordKey::text("a")), Some(Named::Object("a")));
        let three =
            RecordKey::of(vec![Value::Text("a".into()), Value::Text("b".into()), Value::Text("c".into())]);
        assert_eq!(Named::of(&three), None);
    }
}
