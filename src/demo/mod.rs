//! The demonstration shop: a small French retailer with several channels, made up from a fixed seed.
//!
//! Floor 8. Makes a project with documents, a database and a folder of receipts and delivery notes, and counts what is in
//! them with the stores' own words. It decides nothing and disposes of nothing: the story around it
//! runs the same commands as everybody.
#![expect(clippy::disallowed_methods, reason = "makes the files of the demonstration, and counts them")]

mod chance;
mod shop;

use crate::ids::IdSource;
use crate::init::{self, InitError, SETTINGS_FILE};
use crate::policy::Language;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The customer who is in a dispute in the story. Something about them is due in every channel.
pub const DISPUTED_CUSTOMER: i64 = 42;

const DATABASE: &str = "data/shop.db";
const FILES: &str = "data/files";

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    #[error("{} exists and is not empty", path.display())]
    NotEmpty { path: PathBuf },
    #[error(transparent)]
    Project(#[from] InitError),
    #[error("the demonstration database cannot be made or read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{} cannot be read or written: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// What the stores hold, in their own count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Rows by table.
    pub tables: Vec<(&'static str, u64)>,
    /// Files of either kind.
    pub receipts: u64,
    pub delivery_notes: u64,
    pub accounts_anonymized: u64,
    pub invoices_anonymized: u64,
    /// Rows whose foreign key leads nowhere.
    pub broken_references: u64,
}

impl Census {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Makes the shop in a directory that does not exist or is empty. The same `now` makes the same shop.
///
/// # Errors
/// [`DemoError::NotEmpty`] before anything is written.
pub async fn make(
    directory: &Path,
    language: Language,
    now: DateTime<Utc>,
    ids: &dyn IdSource,
) -> Result<(), DemoError> {
    let io = |source| DemoError::Io { path: directory.to_path_buf(), source };
    match fs::read_dir(directory) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(DemoError::NotEmpty { path: directory.to_path_buf() });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let settings = include_str!("documents/oubliette.yaml");
    let settings = match language {
        Language::Fr => settings.to_owned(),
        Language::En => settings.replace("language: fr", "language: en"),
    };
    let documents = [
        (SETTINGS_FILE, settings.as_str()),
        ("data-map.yaml", include_str!("documents/data-map.yaml")),
        ("policies/customers.yaml", include_str!("documents/customers.yaml")),
        ("policies/sales.yaml", include_str!("documents/sales.yaml")),
    ];
    init::create(directory, &documents, now, ids)?;
    fs::create_dir_all(directory.join(FILES)).map_err(io)?;
    let mut database = open(directory, true).await?;
    let documents = shop::fill(&mut database, now).await?;
    database.close().await?;
    for document in documents {
        let path = directory.join(FILES).join(&document.key);
        let io = |source| DemoError::Io { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io)?;
        }
        fs::write(&path, document.text).map_err(io)?;
    }
    Ok(())
}

/// Counts with the database's and the file system's own words.
///
/// # Errors
/// When one of them cannot be read.
pub async fn census(directory: &Path) -> Result<Census, DemoError> {
    let mut database = open(directory, false).await?;
    let mut census = Census {
        receipts: count_files(&directory.join(FILES).join("receipts"))?,
        delivery_notes: count_files(&directory.join(FILES).join("delivery-notes"))?,
        ..Census::default()
    };
    for (table, statement) in shop::COUNTS {
        census.tables.push((table, count(&mut database, statement).await?));
    }
    census.accounts_anonymized = count(&mut database, shop::COUNT_ACCOUNTS_ANONYMIZED).await?;
    census.invoices_anonymized = count(&mut database, shop::COUNT_INVOICES_ANONYMIZED).await?;
    census.broken_references = count(&mut database, shop::COUNT_BROKEN_REFERENCES).await?;
    database.close().await?;
    Ok(census)
}

async fn open(directory: &Path, create: bool) -> Result<SqliteConnection, DemoError> {
    let options = SqliteConnectOptions::new().filename(directory.join(DATABASE)).create_if_missing(create);
    if create {
        let path = directory.join("data");
        fs::create_dir_all(&path).map_err(|source| DemoError::Io { path, source })?;
    }
    Ok(options.connect().await?)
}

async fn count(database: &mut SqliteConnection, statement: &'static str) -> Result<u64, DemoError> {
    let rows: i64 = sqlx::query_scalar(statement).fetch_one(database).await?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

fn count_files(directory: &Path) -> Result<u64, DemoError> {
    let mut files = 0;
    let mut open = vec![directory.to_path_buf()];
    while let Some(path) = open.pop() {
        let io = |source| DemoError::Io { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            if entry.file_type().map_err(io)?.is_dir() {
                open.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RandomIds;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    async fn made() -> (tempfile::TempDir, Census) {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path(), Language::Fr, now(), &RandomIds).await.unwrap();
        let census = census(directory.path()).await.unwrap();
        (directory, census)
    }

    #[tokio::test]
    async fn the_same_instant_makes_the_same_shop() {
        let ((_first, one), (_second, other)) = (made().await, made().await);
        assert_eq!(one, other);
        assert!(one.rows() > 10_000, "{one:?}");
        assert!(one.receipts > 400 && one.delivery_notes > 500 && one.broken_references == 0, "{one:?}");
        assert!(one.tables.iter().all(|(_, rows)| *rows > 300), "{one:?}");
    }

    #[tokio::test]
    async fn a_directory_with_anything_in_it_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mine"), "x").unwrap();
        let refused = make(directory.path(), Language::En, now(), &RandomIds).await;
        assert!(matches!(refused, Err(DemoError::NotEmpty { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
