//! Tests over real directories. `as_of` lies far in the future, so that files made by a test are old.
#![expect(clippy::disallowed_methods, reason = "these tests make real files")]

mod attacks;
mod batches;
mod surveys;
mod walks;

use super::root::Root;
use super::{DirectoryDisposer, DirectorySource};
use crate::batch::{Batch, BatchOutcome, BatchRange, Intended, IntentSink, KeptReason};
use crate::dataset::{DatasetAddress, DatasetShape, KeyTemplate, Location};
use crate::error::ConnectorError;
use crate::port::RecordDisposer;
use crate::predicate::{Field, Predicate};
use crate::selection::{Exclusion, Selection, StartCondition, StartEncoding};
use crate::transform::Disposal;
use crate::value::{RecordKey, ValueType};
use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A root with something beside it, to see that the outside stays untouched.
struct Place {
    base: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { base: tempfile::tempdir().unwrap() };
        std::fs::create_dir(place.root()).unwrap();
        std::fs::create_dir(place.outside()).unwrap();
        place
    }

    fn with_files(keys: &[&str]) -> Self {
        let place = Self::new();
        for key in keys {
            place.file(key);
        }
        place
    }

    fn root(&self) -> PathBuf {
        self.base.path().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.base.path().join("outside")
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root().join(key)
    }

    fn file(&self, key: &str) {
        let path = self.path(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, key).unwrap();
    }

    /// Sets the last modification of a file to the beginning of a year.
    fn modified_in(&self, key: &str, year: i32) {
        let seconds = u64::try_from(at(year).timestamp()).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(self.path(key)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn has(&self, key: &str) -> bool {
        std::fs::symlink_metadata(self.path(key)).is_ok()
    }

    fn source(&self) -> DirectorySource {
        DirectorySource::open("files", &self.root()).unwrap()
    }

    fn disposer(&self) -> DirectoryDisposer {
        DirectoryDisposer::open("files", &self.root()).unwrap()
    }

    /// One for each way to open directories.
    fn disposers(&self) -> [DirectoryDisposer; 2] {
        [
            self.disposer(),
            DirectoryDisposer::over(Root::open("files", &self.root()).unwrap().without_openat2()),
        ]
    }
}

fn at(year: i32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap()
}

fn text_field(name: &str) -> Field {
    Field { name: name.to_owned(), value_type: ValueType::Text }
}

fn event(field: Field, encoding: StartEncoding, cutoff_year: i32) -> StartCondition {
    StartCondition::Event {
        field,
        encoding,
        cutoff_at: at(cutoff_year),
        cutoff_on: at(cutoff_year).date_naive(),
        as_of: at(2100),
        as_of_on: at(2100).date_naive(),
        overdue_at: at(cutoff_year - 10),
        overdue_on: at(cutoff_year - 10).date_naive(),
    }
}

/// Every file that matches the template and was last modified before 2090.
fn selection(template: &str) -> Selection {
    let modified = Field { name: "last_modified".to_owned(), value_type: ValueType::Instant };
    Selection {
        address: DatasetAddress {
            store: "files".to_owned(),
            dataset: "files.all".to_owned(),
            location: Location::Objects { key: KeyTemplate::parse(template).unwrap() },
        },
        shape: DatasetShape {
            columns: Vec::new(),
            key: vec!["key".to_owned()],
            references: Vec::new(),
            referenced_by: Vec::new(),
            triggers: Vec::new(),
            attributes: None,
        },
        scope: Predicate::always(),
        start: event(modified, StartEncoding::Instant, 2090),
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

fn held(mut selection: Selection, hold_id: &str, field: &str, value: &str) -> Selection {
    let predicate = Predicate::identity(text_field(field), value);
    selection.holds.push(Exclusion { hold_id: hold_id.to_owned(), predicate });
    selection
}

fn batch(selection: &Selection, after: Option<&str>, records_max: u32) -> Batch {
    let range = BatchRange { after: after.map(RecordKey::text), up_to: None, due: None, records_max };
    Batch { selection: selection.clone(), range, only_keys: None }
}

fn named(selection: &Selection, keys: &[&str]) -> Batch {
    let only_keys = Some(keys.iter().map(|key| RecordKey::text(*key)).collect());
    Batch { only_keys, ..batch(selection, None, 100) }
}

/// Remembers what was intended, and does something at that moment.
struct Sink<F: Fn() + Send + Sync> {
    intended: Mutex<Vec<String>>,
    meanwhile: F,
}

impl<F: Fn() + Send + Sync> Sink<F> {
    fn doing(meanwhile: F) -> Self {
        Self { intended: Mutex::default(), meanwhile }
    }

    fn intended(&self) -> Vec<String> {
        self.intended.lock().unwrap().clone()
    }
}

#[async_trait]
impl<F: Fn() + Send + Sync> IntentSink for Sink<F> {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        for group in &intended.groups {
            self.intended.lock().unwrap().extend(texts(&group.keys));
        }
        (self.meanwhile)();
        Ok(())
    }
}

fn quiet() -> Sink<fn()> {
    Sink { intended: Mutex::default(), meanwhile: || {} }
}

fn texts(keys: &[RecordKey]) -> Vec<String> {
    keys.iter().map(|key| super::key::text_of(key).unwrap().to_owned()).collect()
}

fn disposed(outcome: &BatchOutcome) -> Vec<String> {
    outcome.groups.iter().flat_map(|group| texts(&group.disposed)).collect()
}

fn absent(outcome: &BatchOutcome) -> Vec<String> {
    outcome.groups.iter().flat_map(|group| texts(&group.already_absent)).collect()
}

fn kept(outcome: &BatchOutcome) -> Vec<(String, KeptReason)> {
    let kept = outcome.groups.iter().flat_map(|group| &group.kept);
    kept.map(|one| (super::key::text_of(&one.key).unwrap().to_owned(), one.reason)).collect()
}

async fn dispose_all(disposer: &DirectoryDisposer, selection: &Selection) -> BatchOutcome {
    disposer.dispose(&batch(selection, None, 1000), &quiet()).await.unwrap()
}

fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}
