//! Datasets as validated values (floor 1).
//!
//! What the live store says about them (types, keys, foreign keys) is not here: it is read at plan
//! time.

use crate::policy::Period;
use chrono_tz::Tz;
use connectors::{DatasetAddress, Location};
use serde::Serialize;
use std::collections::BTreeMap;

/// A table, or the objects of one key template, that rules speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Name in the data map, unique over all stores.
    pub name: String,
    /// Name of the store in the settings.
    pub store: String,
    pub location: Location,
    pub record_type: String,
    /// Which columns (or captures of the key template) identify the person, by identity.
    pub subject: BTreeMap<String, String>,
    /// Where each event is written, by event.
    pub events: BTreeMap<String, EventSource>,
    /// Data category of a column.
    pub fields: BTreeMap<String, String>,
    /// Links beyond foreign keys, in the order of their columns.
    pub links: Vec<Link>,
    /// What certificates call the dataset in public.
    pub alias: Option<String>,
    /// Nullable column that tells which records are anonymized already.
    pub marker: Option<String>,
    /// Columns declared to hold nothing personal.
    pub not_personal: Vec<String>,
    /// Columns of free text in which a person may be named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search_text: Vec<String>,
}

impl Dataset {
    #[must_use]
    pub fn address(&self) -> DatasetAddress {
        DatasetAddress {
            store: self.store.clone(),
            dataset: self.name.clone(),
            location: self.location.clone(),
        }
    }

    /// The name that may stand on a certificate.
    #[must_use]
    pub fn public_name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.location, Location::Table { .. })
    }
}

/// Where an event is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSource {
    /// A column. `zone` is that of times written without one, `unit` that of epoch numbers.
    Column { column: String, zone: Option<Tz>, unit: Option<EpochUnit> },
    /// Captures of the key template that make a civil date.
    Key(KeyDate),
    /// The last modification of an object.
    LastModified,
    /// A tag of an object.
    Tag { name: String, zone: Option<Tz>, unit: Option<EpochUnit> },
    /// A user metadata entry of an object.
    Metadata { name: String, zone: Option<Tz>, unit: Option<EpochUnit> },
}

/// A civil date out of the captures of a key template. `day` is there only with `month`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyDate {
    pub year: String,
    pub month: Option<String>,
    pub day: Option<String>,
}

impl KeyDate {
    /// The captures as they make ISO 8601 text: `{year}-{month}`.
    #[must_use]
    pub fn template(&self) -> String {
        let parts = [Some(&self.year), self.month.as_ref(), self.day.as_ref()];
        let parts: Vec<String> = parts.into_iter().flatten().map(|name| format!("{{{name}}}")).collect();
        parts.join("-")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochUnit {
    Seconds,
    Milliseconds,
}

/// A column that refers to records of another dataset without a foreign key. A link to a dataset of
/// objects names files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    pub column: String,
    pub to: LinkTarget,
    pub ownership: Ownership,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkTarget {
    pub dataset: String,
    /// The column there; `None` is its key (for objects, the object's key).
    pub column: Option<String>,
}

/// What the record here has to do with the one it names, and which of the two goes with the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The two are one thing. A file goes with the row that names it, and before it; a row that names
    /// a row of another table is part of that row, as an order line is of its order: it is purged
    /// with it, and before it.
    Owns,
    /// Others may name the same record: neither takes the other along, and a row stays as long as a
    /// record here names it. A file has no such protection.
    Shared,
    /// Whom the named record is about has access by the row here (a session, a place in somebody's account): the
    /// row ends with that record, whatever else it is part of, and takes nothing else along. It does not keep
    /// the row for others, as owning it would.
    Accesses,
    /// The record here only speaks of the other: neither takes the other along, and none keeps the
    /// other. Where the database has a foreign key, that still keeps the row.
    Mentions,
}

impl Ownership {
    /// A row here goes with the row of another table that it names.
    #[must_use]
    pub fn goes_along(self) -> bool {
        matches!(self, Self::Owns | Self::Accesses)
    }
}

/// What the settings say about a store that matters to plans and certificates. No credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreTerms {
    pub kind: StoreKind,
    /// What certificates call the store in public.
    pub alias: Option<String>,
    /// How long backups of the store live; `None` is unknown, which makes a certificate partial.
    pub backups_kept: Option<Period>,
    /// How long the server's own logs (write-ahead log and its archive, binary log, statements) live, where
    /// the settings say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_kept: Option<Period>,
    /// Whether a partition in which everything is due is dropped as a whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drops_partitions: bool,
    /// How the settings name the place, before secrets are filled in.
    pub location: String,
    /// Of a bucket: governance retention is bypassed. Part of what is approved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bypass_governance: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    Sqlite,
    Directory,
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// A bucket.
    S3,
}

impl StoreKind {
    /// The word of the settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Directory => "directory",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::S3 => "s3",
        }
    }

    /// Whether its datasets are tables (else objects).
    #[must_use]
    pub fn has_tables(self) -> bool {
        !matches!(self, Self::Directory | Self::S3)
    }
}
