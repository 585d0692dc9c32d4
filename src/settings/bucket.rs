//! From the settings of a bucket to [`Bucket`] (floor 6).
//!
//! The form was checked before ([`super::document`]).

use super::model::{Bucket, BucketCredentials, Inventory};
use super::read::warn_of_plain_secret;
use super::secret::SecretText;
use crate::policy::Period;
use crate::policy::read::{boolean, parsed, text};
use crate::yaml::{Node, Report};
use std::path::PathBuf;
use std::time::Duration;

/// A bucket needs one, and stores that have none take this.
pub(super) const USUAL_REGION: &str = "us-east-1";
/// One a day, and a day of delay.
const INVENTORY_DAYS_MAX: u32 = 2;

pub(super) fn bucket(name: &str, node: &Node, report: &mut Report<'_>) -> Option<Bucket> {
    let Some(bucket) = text(node, "bucket").filter(|bucket| is_bucket_name(bucket)) else {
        let message = format!("store `{name}` lacks the name of its `bucket`");
        let hint = "3 to 63 lower-case letters, digits, points and hyphens".to_owned();
        let place = node.get("bucket").map_or(node.place, |node| node.place);
        report.error("bad-bucket", place, message, Some(hint));
        return None;
    };
    let endpoint = secret(node, "endpoint");
    if let Some(endpoint) = &endpoint {
        warn_of_plain_secret(&format!("store `{name}`"), "endpoint", endpoint, node, report);
        if text(node, "endpoint").is_some_and(|text| text.starts_with("http://")) {
            let place = node.get("endpoint").map_or(node.place, |node| node.place);
            let message = format!("store `{name}` is reached without encryption");
            report.warning("not-encrypted", place, message, Some("write https://".to_owned()));
        }
    }
    let reader = credentials(name, "reader", node, report)?;
    let writer = credentials(name, "writer", node, report)?;
    if reader == writer {
        let message = format!("store `{name}` is read and written with the same credentials");
        let hint = "give the reader a key that cannot delete: `oubliette grants` says how".to_owned();
        report.warning("same-credentials", node.place, message, Some(hint));
    }
    Some(Bucket {
        inventory: node.get("inventory").map(|inventory| self::inventory(&bucket, inventory)),
        name: bucket,
        region: text(node, "region").unwrap_or_else(|| USUAL_REGION.to_owned()),
        endpoint,
        path_style: boolean(node, "path_style").unwrap_or(false),
        ca: text(node, "ca").map(PathBuf::from),
        reader,
        writer,
    })
}

fn inventory(bucket: &str, node: &Node) -> Inventory {
    let age_max = parsed::<Period>(node, "max_age").unwrap_or_else(|| Period::days_of(INVENTORY_DAYS_MAX));
    Inventory {
        bucket: text(node, "bucket").unwrap_or_else(|| bucket.to_owned()),
        prefix: text(node, "prefix").unwrap_or_default().trim_matches('/').to_owned(),
        age_max: Duration::from_secs(age_max.seconds_range().0),
    }
}

pub(super) fn is_bucket_name(name: &str) -> bool {
    let fits = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_');
    (3..=63).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('.')
}

pub(super) fn secret(node: &Node, key: &str) -> Option<SecretText> {
    SecretText::parse(node.get(key)?.text()?).ok()
}

/// The credentials of one side; those of the environment if none are written.
pub(super) fn credentials(
    name: &str,
    side: &str,
    node: &Node,
    report: &mut Report<'_>,
) -> Option<BucketCredentials> {
    let Some(node) = node.get(side) else { return Some(BucketCredentials::Environment) };
    if let Some(place) = node.text().map(|_| node.place) {
        let message = format!("the `{side}` of a bucket is a map, such as {{profile: NAME}}");
        report.error("bad-credentials", place, message, None);
        return None;
    }
    let anonymous = boolean(node, "anonymous").unwrap_or(false);
    let (access_key, secret_key) = (secret(node, "access_key"), secret(node, "secret_key"));
    let session_token = secret(node, "session_token");
    let (profile, arn) = (text(node, "profile"), text(node, "role"));
    let external_id = secret(node, "external_id");
    let is_alone = session_token.is_none() || access_key.is_some();
    let has_role = external_id.is_none() || arn.is_some();
    let found = match (access_key, secret_key, profile, arn, anonymous) {
        _ if !is_alone || !has_role => None,
        (Some(access_key), Some(secret_key), None, None, false) => {
            if is_plain(&secret_key) {
                let message = format!("store `{name}` has the secret key of its {side} in plain text");
                let hint = "write ${env:NAME} or ${file:PATH}".to_owned();
                report.warning("plain-secret", node.place, message, Some(hint));
            }
            Some(BucketCredentials::Static { access_key, secret_key, session_token })
        }
        (None, None, Some(profile), None, false) => Some(BucketCredentials::Profile(profile)),
        (None, None, None, Some(arn), false) => Some(BucketCredentials::Role { arn, external_id }),
        (None, None, None, None, true) => Some(BucketCredentials::Anonymous),
        _ => None,
    };
    if found.is_none() {
        let message = format!("the `{side}` of store `{name}` shows in no one way who it is");
        let hint =
            "write either access_key and secret_key, or profile, or role, or anonymous: true".to_owned();
        report.error("bad-credentials", node.place, message, Some(hint));
    }
    found
}

/// Without any reference.
fn is_plain(text: &SecretText) -> bool {
    !text.public_form().contains("${")
}
