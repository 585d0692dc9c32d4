//! The IAM policies of the two sides of a bucket.

use super::inventory::InventoryOptions;

/// What one side may do with one bucket.
#[derive(Debug, Clone, Default)]
struct Rights {
    of_bucket: Vec<&'static str>,
    of_objects: Vec<&'static str>,
}

/// The policies of reader and writer, as JSON; `inventory` is what the reader reads beside the bucket. `prefixes` are those of the datasets; `bypasses` says whether
/// governance retention is bypassed, `anonymizes` whether tags are rewritten.
#[must_use]
pub fn policies(
    bucket: &str,
    prefixes: &[String],
    bypasses: bool,
    anonymizes: bool,
    inventory: Option<&InventoryOptions>,
) -> [String; 2] {
    let reading = Rights {
        of_bucket: vec![
            "s3:ListBucketVersions",
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            "s3:GetBucketVersioning",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetReplicationConfiguration",
            "s3:GetLifecycleConfiguration",
        ],
        of_objects: vec![
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:GetObjectTagging",
            "s3:GetObjectVersionTagging",
            "s3:GetObjectRetention",
            "s3:GetObjectLegalHold",
        ],
    };
    let mut writing = reading.clone();
    writing.of_objects.extend(["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"]);
    if bypasses {
        writing.of_objects.push("s3:BypassGovernanceRetention");
    }
    if anonymizes {
        writing.of_objects.extend(["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]);
    }
    [policy(bucket, prefixes, &reading, inventory), policy(bucket, prefixes, &writing, None)]
}

/// The policy of whoever keeps files that are only ever added, below a prefix: nothing lets it delete.
#[must_use]
pub fn keeping_policy(bucket: &str, prefix: &str, locks: bool) -> String {
    let mut rights = Rights {
        of_bucket: vec![
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:GetBucketVersioning",
            "s3:GetBucketObjectLockConfiguration",
        ],
        of_objects: vec!["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
    };
    if locks {
        rights.of_objects.extend(["s3:GetObjectRetention", "s3:PutObjectRetention"]);
    }
    policy(bucket, &[prefix.to_owned()], &rights, None)
}

fn policy(
    bucket: &str,
    prefixes: &[String],
    rights: &Rights,
    inventory: Option<&InventoryOptions>,
) -> String {
    let place = format!("arn:aws:s3:::{bucket}");
    let mut objects: Vec<String> =
        prefixes.iter().map(|prefix| format!("{place}/{}*", literal(prefix))).collect();
    objects.sort_unstable();
    objects.dedup();
    let mut statements = vec![
        serde_json::json!({"Sid": "Bucket", "Effect": "Allow", "Action": rights.of_bucket, "Resource": place}),
        serde_json::json!({"Sid": "Objects", "Effect": "Allow", "Action": rights.of_objects, "Resource": objects}),
    ];
    if let Some(inventory) = inventory {
        let place = format!("arn:aws:s3:::{}", inventory.bucket);
        let files = format!("{place}/{}/*", literal(&inventory.prefix));
        statements.push(serde_json::json!(
            {"Sid": "Inventories", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": place}
        ));
        statements.push(serde_json::json!(
            {"Sid": "Inventory", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": files}
        ));
    }
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": statements});
    serde_json::to_string_pretty(&policy).unwrap_or_default()
}

/// A prefix in which nothing is a wildcard or a variable of the policy language.
fn literal(prefix: &str) -> String {
    let mut text = String::with_capacity(prefix.len());
    for character in prefix.chars() {
        match character {
            '*' | '?' | '$' => {
                text.push_str("${");
                text.push(character);
                text.push('}');
            }
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_writer_may_delete_and_only_below_the_prefixes() {
        let [reader, writer] =
            policies("b", &["receipts/".to_owned(), "a*b/".to_owned()], false, false, None);
        assert!(
            !reader.contains("Delete") && !reader.contains("Put") && !reader.contains("Abort"),
            "{reader}"
        );
        assert!(writer.contains("s3:DeleteObjectVersion") && !writer.contains("Bypass"), "{writer}");
        assert!(writer.contains("arn:aws:s3:::b/receipts/*"), "{writer}");
        assert!(writer.contains("arn:aws:s3:::b/a${*}b/*"), "{writer}");
        let [_, bypassing] = policies("b", &[], true, true, None);
        assert!(
            bypassing.contains("s3:BypassGovernanceRetention")
                && bypassing.contains("PutObjectVersionTagging")
        );
        let keeping = keeping_policy("vault", "oubliette/", true);
        assert!(keeping.contains("s3:PutObjectRetention") && !keeping.contains("Delete"), "{keeping}");
        assert!(keeping.contains("arn:aws:s3:::vault/oubliette/*"), "{keeping}");
        let age_max = chrono::TimeDelta::days(1);
        let inventory = InventoryOptions { bucket: "lists".to_owned(), prefix: "all".to_owned(), age_max };
        let [reader, writer] = policies("b", &[], false, false, Some(&inventory));
        assert!(reader.contains("arn:aws:s3:::lists/all/*") && !writer.contains("lists"), "{reader}");
    }
}
