//! `manifest.json`: which files make up an inventory.

use super::{Broken, InventoryOptions};
use crate::s3::fault::code_of;
use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Most files in one inventory.
const FILES_MAX: usize = 100_000;
/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 30;

/// The manifest as far as it is used. Fields that AWS adds later are no reason to refuse it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    source_bucket: String,
    /// `arn:aws:s3:::NAME`.
    destination_bucket: String,
    /// Milliseconds since 1970.
    creation_timestamp: String,
    file_format: String,
    file_schema: String,
    files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct File {
    pub(super) key: String,
    pub(super) size: u64,
    /// In hexadecimal.
    #[serde(rename = "MD5checksum")]
    pub(super) md5: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
}

/// A manifest whose files may be read.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) created_at: DateTime<Utc>,
    pub(super) format: Format,
    /// Names of the columns of a CSV file, in their order; a Parquet file has its own.
    pub(super) columns: Vec<String>,
    pub(super) files: Vec<File>,
}

impl Manifest {
    /// Reads the manifest of an inventory of `bucket`.
    pub(super) fn read(bytes: &[u8], bucket: &str, options: &InventoryOptions) -> Result<Self, Broken> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|_| "its manifest is no manifest of an inventory".to_owned())?;
        if document.source_bucket != bucket {
            return Err("it is of another bucket".to_owned());
        }
        let destination = document.destination_bucket.rsplit(':').next();
        if destination != Some(options.bucket.as_str()) {
            return Err("its manifest names another bucket than that of the settings".to_owned());
        }
        let format = match document.file_format.as_str() {
            "CSV" => Format::Csv,
            "Parquet" => Format::Parquet,
            other => return Err(format!("its format is '{}': CSV and Parquet are read", code_of(other))),
        };
        let created_at = document.creation_timestamp.parse().ok().and_then(DateTime::from_timestamp_millis);
        let created_at = created_at.ok_or_else(|| "its manifest does not say when it was made".to_owned())?;
        if document.files.len() > FILES_MAX {
            return Err(format!("it has more than {FILES_MAX} files"));
        }
        for file in &document.files {
            file.check(&options.prefix)?;
        }
        let columns = match format {
            Format::Csv => document.file_schema.split(',').map(|name| name.trim().to_owned()).collect(),
            Format::Parquet => Vec::new(),
        };
        Ok(Self { created_at, format, columns, files: document.files })
    }
}

impl File {
    fn check(&self, prefix: &str) -> Result<(), Broken> {
        // AWS keeps the files in `data/` beside the folders of the deliveries.
        let is_below = self.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        if !is_below || self.key.split('/').any(|part| matches!(part, "." | "..")) {
            return Err("its manifest names a file outside its folder".to_owned());
        }
        if self.size > FILE_BYTES_MAX {
            return Err("a file of it is larger than 8 GiB".to_owned());
        }
        if self.md5.len() != 32 || !self.md5.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("its manifest has a file without an MD5".to_owned());
        }
        Ok(())
    }
}

/// Whether this is the name of a folder of one delivery, such as `2026-03-05T01-00Z/`.
pub(super) fn is_delivery(folder: &str) -> bool {
    let form = b"dddd-dd-ddTdd-ddZ/";
    folder.len() == form.len()
        && folder.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> InventoryOptions {
        InventoryOptions {
            bucket: "lists".to_owned(),
            prefix: "exports/all".to_owned(),
            age_max: chrono::TimeDelta::days(2),
        }
    }

    fn manifest(change: impl Fn(&mut serde_json::Value)) -> Result<Manifest, Broken> {
        let mut document = serde_json::json!({
            "sourceBucket": "exports", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
            "creationTimestamp": "1772672400000", "fileFormat": "CSV", "fileSchema": "Bucket, Key, VersionId",
            "files": [{"key": "exports/all/data/1.csv.gz", "size": 10, "MD5checksum": "f11166069f1990abeb9c97ace9cdfabc"}],
        });
        change(&mut document);
        Manifest::read(&serde_json::to_vec(&document).unwrap(), "exports", &options())
    }

    #[test]
    fn a_manifest_of_this_bucket_is_read() {
        let read = manifest(|_| {}).unwrap();
        assert_eq!(read.columns, ["Bucket", "Key", "VersionId"]);
        assert_eq!(read.created_at.to_rfc3339(), "2026-03-05T01:00:00+00:00");
        assert_eq!((read.format, read.files.len()), (Format::Csv, 1));
    }

    #[test]
    fn what_a_manifest_must_not_say_is_refused() {
        #[track_caller]
        fn check(words: &str, change: impl Fn(&mut serde_json::Value)) {
            let refused = manifest(change).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
        check("another bucket", |it| it["sourceBucket"] = "other".into());
        check("another bucket", |it| it["destinationBucket"] = "arn:aws:s3:::other".into());
        check("CSV and Parquet", |it| it["fileFormat"] = "ORC".into());
        check("when it was made", |it| it["creationTimestamp"] = "soon".into());
        check("no manifest", |it| it["files"] = "none".into());
        for key in ["exports/else/1", "exports/all/../x", "exports/allx/1", "/exports/all/1", "exports/all"] {
            check("outside", |it| it["files"][0]["key"] = key.into());
        }
        check("8 GiB", |it| it["files"][0]["size"] = (9_u64 << 30).into());
        check("MD5", |it| it["files"][0]["MD5checksum"] = "".into());
        let refused = Manifest::read(b"{", "exports", &options()).unwrap_err();
        assert!(refused.contains("no manifest"), "{refused}");
    }

    #[test]
    fn folders_of_deliveries_are_told_by_their_names() {
        assert!(is_delivery("2026-03-05T01-00Z/"));
        for other in ["data/", "hive/", "2026-03-05T01-00Z", "2026-03-05T01:00Z/", "x2026-03-05T01-00Z/"] {
            assert!(!is_delivery(other), "{other}");
        }
    }
}
