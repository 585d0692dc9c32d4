//! From the fields of one line of an inventory to an entry, as a listing has it.

use super::{Broken, FIELD_BYTES_MAX};
use crate::s3::key::{NULL, part_of};
use crate::s3::listing::{Entry, Kind, Told, url_decoded};
use crate::selection::{Lock, LockKind};
use chrono::{DateTime, Utc};

/// Where each field stands in a line.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    bucket: usize,
    key: usize,
    version: usize,
    is_latest: usize,
    is_marker: usize,
    size: Option<usize>,
    modified: usize,
    etag: Option<usize>,
    class: Option<usize>,
    /// Mode, end of retention, legal hold: all or none.
    lock: Option<[usize; 3]>,
    width: usize,
    /// Keys are written as in URLs.
    url_encoded: bool,
}

/// Fields that a selection reads and an inventory need not have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    pub(super) size: bool,
    pub(super) etag: bool,
    pub(super) class: bool,
}

impl Columns {
    /// `names` as the manifest (`VersionId`) or a Parquet file (`version_id`) spells them.
    pub(super) fn of<'a>(
        names: impl Iterator<Item = &'a str>,
        needs: Needs,
        url_encoded: bool,
    ) -> Result<Self, Broken> {
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let names: Vec<String> = names.map(plain).collect();
        let at = |name: &str| names.iter().position(|known| known == name);
        let needed = |name: &str| at(&plain(name)).ok_or_else(|| format!("it lacks the field {name}"));
        let of_all = |name: &str| {
            at(&plain(name))
                .ok_or_else(|| format!("it lacks the field {name}: it must be one of all versions"))
        };
        let lock = [at("objectlockmode"), at("objectlockretainuntildate"), at("objectlocklegalholdstatus")];
        let columns = Self {
            bucket: needed("Bucket")?,
            key: needed("Key")?,
            version: of_all("VersionId")?,
            is_latest: of_all("IsLatest")?,
            is_marker: of_all("IsDeleteMarker")?,
            modified: needed("LastModifiedDate")?,
            size: at("size"),
            etag: at("etag"),
            class: at("storageclass"),
            lock: match lock {
                [Some(mode), Some(until), Some(hold)] => Some([mode, until, hold]),
                _ => None,
            },
            width: names.len(),
            url_encoded,
        };
        let told = [
            (needs.size, columns.size, "Size"),
            (needs.etag, columns.etag, "ETag"),
            (needs.class, columns.class, "StorageClass"),
        ];
        match told.into_iter().find(|(needed, column, _)| *needed && column.is_none()) {
            Some((_, _, name)) => Err(format!("it lacks the field {name}, which the rule reads")),
            None => Ok(columns),
        }
    }

    /// The entry of one line, whose empty fields are missing.
    pub(super) fn entry(&self, fields: &[String], bucket: &str) -> Result<Entry, Broken> {
        if fields.len() != self.width {
            return Err(format!("a line of it has {} fields instead of {}", fields.len(), self.width));
        }
        if fields.iter().any(|field| field.len() > FIELD_BYTES_MAX) {
            return Err("a field of it is too long".to_owned());
        }
        let field = |at: usize| fields.get(at).map_or("", String::as_str);
        let optional = |at: Option<usize>| at.map(field).filter(|text| !text.is_empty()).map(str::to_owned);
        if field(self.bucket) != bucket {
            return Err("a line of it is of another bucket".to_owned());
        }
        let (key, whole) =
            if self.url_encoded { url_decoded(field(self.key)) } else { (field(self.key).to_owned(), true) };
        if key.is_empty() {
            return Err("a line of it has no key".to_owned());
        }
        let kind = if truth(field(self.is_marker))? { Kind::Marker } else { Kind::Version };
        let modified_at = instant(field(self.modified))?;
        let etag = optional(self.etag);
        let id = Some(field(self.version)).filter(|id| !id.is_empty()).unwrap_or(NULL).to_owned();
        let size =
            optional(self.size).map(|text| text.parse().map_err(|_| "a size of it is no number".to_owned()));
        Ok(Entry {
            part: part_of(kind, &id, Some(modified_at.timestamp_millis()), etag.as_deref()),
            key,
            id,
            kind,
            etag,
            size: size.transpose()?,
            modified_at: Some(modified_at),
            storage_class: optional(self.class),
            is_latest: truth(field(self.is_latest))?,
            unreadable: !whole,
            lock: self.lock.map_or(Ok(Told::Nothing), |[mode, until, hold]| {
                lock(field(mode), field(until), field(hold)).map(Told::Lock)
            })?,
        })
    }
}

fn truth(text: &str) -> Result<bool, Broken> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("a line of it does not say whether a version is the latest or a delete marker".to_owned()),
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, Broken> {
    let read = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    read.map_err(|_| "a time of it cannot be read".to_owned())
}

fn lock(mode: &str, until: &str, hold: &str) -> Result<Option<Lock>, Broken> {
    match hold {
        "On" | "ON" | "on" | "true" => return Ok(Some(Lock { kind: LockKind::LegalHold, until: None })),
        "" | "Off" | "OFF" | "off" | "false" => {}
        _ => return Err("a line of it does not say whether there is a legal hold".to_owned()),
    }
    let kind = match mode {
        "" => return Ok(None),
        "GOVERNANCE" => LockKind::Governance,
        // A mode that is not known is taken for the stronger one.
        _ => LockKind::Compliance,
    };
    let until = if until.is_empty() { None } else { Some(instant(until)?) };
    Ok(Some(Lock { kind, until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &[
        "Bucket",
        "Key",
        "VersionId",
        "IsLatest",
        "IsDeleteMarker",
        "Size",
        "LastModifiedDate",
        "ETag",
        "StorageClass",
        "IsMultipartUploaded",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "ObjectLockLegalHoldStatus",
    ];

    fn line(change: &[(usize, &str)]) -> Result<Entry, Broken> {
        let mut fields: Vec<String> = [
            "b",
            "a%2F%2B+%C3%A9/x",
            "v1",
            "true",
            "false",
            "7",
            "2020-01-02T03:04:05.000Z",
            "tag",
            "STANDARD",
            "false",
            "",
            "",
            "",
        ]
        .map(str::to_owned)
        .to_vec();
        for (at, text) in change {
            fields[*at] = (*text).to_owned();
        }
        Columns::of(NAMES.iter().copied(), Needs::default(), true).unwrap().entry(&fields, "b")
    }

    #[test]
    fn a_line_is_an_entry() {
        let entry = line(&[]).unwrap();
        assert_eq!((entry.key.as_str(), entry.part.as_str(), entry.size), ("a/+ é/x", "v1", Some(7)));
        assert!(entry.kind == Kind::Version && entry.is_latest && entry.lock == Told::Lock(None));
        let marker = line(&[(4, "true"), (5, ""), (7, "")]).unwrap();
        assert_eq!((marker.kind, marker.part.as_str(), marker.size), (Kind::Marker, "~marker;v1", None));
        assert_eq!(line(&[(2, "")]).unwrap().part, "null;1577934245000;tag");
        assert!(line(&[(1, "%ff")]).unwrap().unreadable);
    }

    #[test]
    fn locks_are_read() {
        let locked = |mode, until, hold| line(&[(10, mode), (11, until), (12, hold)]).map(|entry| entry.lock);
        let until = "2031-01-01T00:00:00.000Z";
        let at = instant(until).ok();
        assert_eq!(
            locked("GOVERNANCE", until, "Off"),
            Ok(Told::Lock(Some(Lock { kind: LockKind::Governance, until: at })))
        );
        assert_eq!(
            locked("NEW", until, ""),
            Ok(Told::Lock(Some(Lock { kind: LockKind::Compliance, until: at })))
        );
        assert_eq!(
            locked("", "", "On"),
            Ok(Told::Lock(Some(Lock { kind: LockKind::LegalHold, until: None })))
        );
        assert!(locked("", "", "maybe").is_err() && locked("GOVERNANCE", "soon", "").is_err());
    }

    #[test]
    fn lines_that_are_none_of_this_inventory_are_refused() {
        for (at, text) in [(0, "other"), (1, ""), (3, "perhaps"), (4, ""), (5, "many"), (6, "yesterday")] {
            assert!(line(&[(at, text)]).is_err(), "{at} {text}");
        }
        assert!(line(&[(1, &"k".repeat(FIELD_BYTES_MAX + 1))]).is_err());
        let columns = Columns::of(NAMES.iter().copied(), Needs::default(), true).unwrap();
        assert!(columns.entry(&["b".to_owned()], "b").is_err());
    }

    #[test]
    fn an_inventory_without_what_is_needed_is_refused() {
        let without = |left_out: &str, needs: Needs| {
            Columns::of(NAMES.iter().copied().filter(|name| *name != left_out), needs, false)
                .map(|_| ())
                .unwrap_err()
        };
        assert!(without("VersionId", Needs::default()).contains("all versions"));
        assert!(without("Key", Needs::default()).contains("Key"));
        assert!(
            without("StorageClass", Needs { class: true, ..Needs::default() }).contains("the rule reads")
        );
        let parquet = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "last_modified_date"];
        let read = Columns::of(parquet.into_iter(), Needs::default(), false).unwrap();
        assert!(read.lock.is_none() && read.size.is_none());
    }
}
