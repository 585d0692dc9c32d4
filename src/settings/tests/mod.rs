//! Documents as they come: the example, one fault each, many faults at once, and hostile files.

mod bucket;
mod catalog;
mod faults;
mod hostile;
mod secrets;

use super::files::{EntryKind, FileError, FileReader, Found};
use super::load::{Loaded, load};
use crate::diagnostic::Severity;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXAMPLE_POLICY: &str = include_str!("../../../policies/examples/customers-fr.yaml");
const EXAMPLE_SETTINGS: &str = include_str!("../../../policies/examples/oubliette.yaml");

/// Files in memory.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Files {
    fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.insert(PathBuf::from(path), content.as_ref().to_vec());
        self
    }

    fn load(&self) -> Loaded {
        load(&[PathBuf::from("docs")], as_of(), self)
    }
}

impl FileReader for Files {
    fn find(&self, path: &Path) -> Result<Found, FileError> {
        if self.0.contains_key(path) {
            return Ok(Found::File);
        }
        let names = self.0.keys().filter_map(|file| file.strip_prefix(path).ok());
        let entries: Vec<_> = names.map(|name| (name.display().to_string(), EntryKind::File)).collect();
        if entries.is_empty() { Err(FileError::Missing) } else { Ok(Found::Folder(entries)) }
    }

    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        let bytes = self.0.get(path).ok_or(FileError::Missing)?;
        Ok(bytes.iter().copied().take(usize::try_from(bytes_max).unwrap()).collect())
    }
}

fn as_of() -> DateTime<Utc> {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// `line:column code` of every diagnostic of one file.
fn faults(content: impl AsRef<[u8]>) -> Vec<String> {
    let loaded = Files::default().with("docs/a.yaml", content).load();
    let items = loaded.diagnostics.items().iter();
    items.map(|item| format!("{}:{} {}", item.line, item.column, item.code)).collect()
}

#[track_caller]
fn check(content: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(faults(content), expected);
}

/// The example with one text replaced; the faults it then has.
#[track_caller]
fn check_change(from: &str, to: &str, expected: &[&str]) {
    let (policy, settings) = (EXAMPLE_POLICY.replace(from, to), EXAMPLE_SETTINGS.replace(from, to));
    assert!(policy != EXAMPLE_POLICY || settings != EXAMPLE_SETTINGS, "{from} is not in the example");
    let loaded =
        Files::default().with("docs/oubliette.yaml", settings).with("docs/policy.yaml", policy).load();
    let items = loaded.diagnostics.items().iter();
    let found: Vec<String> =
        items.map(|item| format!("{}:{} {}", item.line, item.column, item.code)).collect();
    assert_eq!(found, expected, "{}", loaded.diagnostics);
    let errors = loaded.diagnostics.items().iter().any(|item| item.severity == Severity::Error);
    assert_eq!(loaded.catalog.is_none(), errors);
}

fn example() -> Loaded {
    Files::default()
        .with("docs/oubliette.yaml", EXAMPLE_SETTINGS)
        .with("docs/policy.yaml", EXAMPLE_POLICY)
        .load()
}
