//! Keys of files: relative paths, `/` between components, UTF-8.
//!
//! Keys also come from outside, from columns that name an object; what could lead anywhere but
//! beneath the root is refused here, before any system call sees it.

use crate::value::{RecordKey, Value};

/// Deepest directory that is walked, the root being 0.
pub(super) const DEPTH_MAX: usize = 64;

/// Longest key, in bytes; deeper or longer paths are kept and reported.
pub(super) const KEY_BYTES_MAX: usize = 16_384;

/// Whether the text can only name something beneath the root: relative, no empty component, no
/// `.` and no `..`, no NUL, and neither too deep nor too long.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= KEY_BYTES_MAX
        && text.bytes().filter(|byte| *byte == b'/').count() <= DEPTH_MAX
        && !text.contains('\0')
        && text.split('/').all(|component| !matches!(component, "" | "." | ".."))
}

/// The text of a record key; `None` if it is not one text.
pub(super) fn text_of(key: &RecordKey) -> Option<&str> {
    match key.0.as_slice() {
        [Value::Text(text)] => Some(text),
        _ => None,
    }
}

/// The path of the directory (empty for the root) and the name in it.
pub(super) fn split(text: &str) -> (&str, &str) {
    text.rsplit_once('/').unwrap_or(("", text))
}

/// The record key of a path: its text, or its bytes where it is no Unicode.
pub(super) fn record_key(path: &[u8]) -> RecordKey {
    match std::str::from_utf8(path) {
        Ok(text) => RecordKey::text(text),
        Err(_) => RecordKey::of(vec![Value::Bytes(path.to_vec())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_plain(text), expected, "{text:?}");
    }

    #[test]
    fn keys_that_could_leave_the_root_are_not_plain() {
        for text in ["", "/", "/etc/passwd", "a//b", "a/", "..", "../a", "a/../b", "a/..", ".", "./a", "a\0b"]
        {
            check(text, false);
        }
        check(&format!("{}x", "d/".repeat(DEPTH_MAX + 1)), false);
        check(&"x".repeat(KEY_BYTES_MAX + 1), false);
    }

    #[test]
    fn odd_names_are_plain_keys() {
        for text in
            ["a", "a/b", "...", "..a/b..", "a b/'\"", "; rm -rf", "line\nbreak", "e\u{301}", "-rf", "~"]
        {
            check(text, true);
        }
        check(&format!("{}x", "d/".repeat(DEPTH_MAX)), true);
    }

    #[test]
    fn a_key_of_two_values_or_of_a_number_has_no_text() {
        assert_eq!(text_of(&RecordKey::int(1)), None);
        assert_eq!(text_of(&RecordKey::of(vec![Value::Text("a".into()), Value::Text("b".into())])), None);
        assert_eq!(text_of(&RecordKey::text("a/b")), Some("a/b"));
    }
}
