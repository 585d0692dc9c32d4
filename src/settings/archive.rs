//! From the settings of the archive to [`ArchiveSettings`] (floor 6).
//!
//! The form was checked before ([`super::document`]).

use super::bucket::{USUAL_REGION, credentials, is_bucket_name, secret};
use super::model::{ArchiveBucket, ArchiveLock, ArchiveSettings, Bucket};
use super::read::warn_of_plain_secret;
use crate::policy::Period;
use crate::policy::read::{boolean, parsed, text};
use crate::yaml::{Node, Report};
use std::path::PathBuf;

const USUAL_DIRECTORY: &str = "certificates";
/// A lock in compliance cannot be taken back by anybody.
const LOCK_YEARS_MAX: u32 = 100;

/// The archive of the settings; a directory unless said.
pub(super) fn archive(node: Option<&Node>, report: &mut Report<'_>) -> Option<ArchiveSettings> {
    if let Some(node) = node.and_then(|node| node.get("s3")) {
        return bucket(node, report).map(|bucket| ArchiveSettings::Bucket(Box::new(bucket)));
    }
    let path = node.and_then(|node| text(node, "directory"));
    let path = PathBuf::from(path.unwrap_or_else(|| USUAL_DIRECTORY.to_owned()));
    Some(ArchiveSettings::Directory { path })
}

fn bucket(node: &Node, report: &mut Report<'_>) -> Option<ArchiveBucket> {
    let place = |key: &str| node.get(key).map_or(node.place, |node| node.place);
    let Some(name) = text(node, "bucket").filter(|name| is_bucket_name(name)) else {
        let message = "the archive lacks the name of its `bucket`".to_owned();
        let hint = "3 to 63 lower-case letters, digits, points and hyphens".to_owned();
        report.error("bad-bucket", place("bucket"), message, Some(hint));
        return None;
    };
    let written = text(node, "prefix").unwrap_or_default();
    let Some(prefix) = prefix_of(&written) else {
        let message = "the `prefix` of the archive cannot be used".to_owned();
        let hint = "names of letters, digits, `.`, `_` and `-`, with single slashes between them".to_owned();
        report.error("bad-prefix", place("prefix"), message, Some(hint));
        return None;
    };
    let endpoint = secret(node, "endpoint");
    if let Some(endpoint) = &endpoint {
        warn_of_plain_secret("the archive", "endpoint", endpoint, node, report);
        if text(node, "endpoint").is_some_and(|text| text.starts_with("http://")) {
            let message = "the archive is reached without encryption".to_owned();
            report.warning("not-encrypted", place("endpoint"), message, Some("write https://".to_owned()));
        }
    }
    let own = credentials("archive.s3", "credentials", node, report)?;
    let lock = lock(node, report)?;
    let bucket = Bucket {
        name,
        region: text(node, "region").unwrap_or_else(|| USUAL_REGION.to_owned()),
        endpoint,
        path_style: boolean(node, "path_style").unwrap_or(false),
        ca: text(node, "ca").map(PathBuf::from),
        reader: own.clone(),
        writer: own,
        inventory: None,
    };
    Some(ArchiveBucket { bucket, prefix, lock })
}

/// The prefix with a slash at its end, or empty; `None` if it is none. Also what a `s3://` address names.
#[must_use]
pub fn prefix_of(written: &str) -> Option<String> {
    let names = written.strip_suffix('/').unwrap_or(written);
    if names.is_empty() {
        return written.is_empty().then(String::new);
    }
    let fits = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_');
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.chars().all(fits);
    names.split('/').all(is_name).then(|| format!("{names}/"))
}

/// The inner `None`: no lock is asked for.
#[expect(clippy::option_option, reason = "a lock that cannot be used, and none")]
fn lock(node: &Node, report: &mut Report<'_>) -> Option<Option<ArchiveLock>> {
    let mode = text(node, "object_lock_mode");
    let Some(period) = parsed::<Period>(node, "object_lock") else {
        if let Some(mode) = mode.and_then(|_| node.get("object_lock_mode")) {
            let message = "`object_lock_mode` says nothing without `object_lock`".to_owned();
            let hint = "say for how long, such as object_lock: P6Y".to_owned();
            report.error("bad-lock", mode.place, message, Some(hint));
            return None;
        }
        return Some(None);
    };
    let is_long = period.total_months() > LOCK_YEARS_MAX * 12 || period.total_days() > LOCK_YEARS_MAX * 366;
    if period.is_zero() || is_long {
        let place = node.get("object_lock").map_or(node.place, |node| node.place);
        let message = format!("`object_lock` is longer than nothing and at most {LOCK_YEARS_MAX} years");
        report.error("bad-lock", place, message, None);
        return None;
    }
    Some(Some(ArchiveLock { period, is_governance: mode.as_deref() == Some("governance") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_one_slash_and_leads_nowhere_else() {
        for (written, read) in
            [("", Some("")), ("a", Some("a/")), ("a/b-1/", Some("a/b-1/")), ("a.b/c_d", Some("a.b/c_d/"))]
        {
            assert_eq!(prefix_of(written).as_deref(), read, "{written}");
        }
        for written in ["/", "/a", "a//b", "a/../b", ".", "a b", "a/\u{e9}", "a?b", "//"] {
            assert_eq!(prefix_of(written), None, "{written}");
        }
    }
}
