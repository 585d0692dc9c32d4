//! Measures the removal of many files against `find DIR -type f -delete` on an equal tree, in one
//! run, and prints the ratio. Ours includes listing, judging, intent, the second look at each file,
//! syncing, and reading back that every file is gone.
//!
//! `directory_speed [DIRECTORIES] [FILES_EACH] [BATCH_RECORDS] [ROUNDS] [WHERE]`; by default 100
//! directories of 1000 files, batches of 5000, 3 rounds, in the directory for temporary files. What
//! a journal on disk costs is not in it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement makes its own files, reads the clock, prints, and stops when it cannot go on"
)]

use async_trait::async_trait;
use chrono::{Days, Utc};
use oubliette_connectors::directory::{DirectoryDisposer, DirectorySource};
use oubliette_connectors::{
    Batch, BatchRange, ConnectorError, DatasetAddress, DatasetKeys, Disposal, Field, Intended, IntentSink,
    KeyTemplate, Location, ObservedState, Predicate, RecordDisposer, RecordSource, Selection, StartCondition,
    StartEncoding, ValueType,
};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
struct Tree {
    directories: usize,
    files_each: usize,
}

impl Tree {
    fn files(self) -> usize {
        self.directories * self.files_each
    }

    fn create(self, root: &Path) {
        for directory in 0..self.directories {
            let path = root.join(format!("d{directory:05}"));
            std::fs::create_dir_all(&path).expect("a directory is made");
            for file in 0..self.files_each {
                std::fs::write(path.join(format!("receipt-{file:07}.json")), b"{\"total\": 1}\n")
                    .expect("a file is written");
            }
        }
        rustix::fs::sync();
    }
}

/// Counts what a journal would write.
#[derive(Debug, Default)]
struct CountingSink(AtomicUsize);

#[async_trait]
impl IntentSink for CountingSink {
    async fn intend(&self, intended: &Intended) -> Result<(), ConnectorError> {
        let keys: usize = intended.groups.iter().map(|group| group.keys.len()).sum();
        self.0.fetch_add(keys, Ordering::Relaxed);
        Ok(())
    }
}

fn all_files() -> DatasetAddress {
    DatasetAddress {
        store: "speed".to_owned(),
        dataset: "speed.files".to_owned(),
        location: Location::Objects {
            key: KeyTemplate::parse("{directory}/{file}").expect("the template is valid"),
        },
    }
}

async fn selection(source: &DirectorySource) -> Selection {
    let as_of = Utc::now().checked_add_days(Days::new(1)).expect("there is a tomorrow");
    let address = all_files();
    let shape = source.inspect(&address).await.expect("the root can be inspected");
    Selection {
        address,
        shape,
        scope: Predicate::always(),
        start: StartCondition::Event {
            field: Field { name: "last_modified".to_owned(), value_type: ValueType::Instant },
            encoding: StartEncoding::Instant,
            cutoff_at: as_of,
            cutoff_on: as_of.date_naive(),
            as_of,
            as_of_on: as_of.date_naive(),
            overdue_at: as_of,
            overdue_on: as_of.date_naive(),
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: Some(as_of),
        disposal: Disposal::Purge,
    }
}

/// Purges everything beneath the root; answers with how many were seen gone.
async fn purge(root: &Path, records_max: u32) -> usize {
    let source = DirectorySource::open("speed", root).expect("the root opens");
    let disposer = DirectoryDisposer::open("speed", root).expect("the root opens");
    let selection = selection(&source).await;
    let sink = CountingSink::default();
    let (mut after, mut seen_gone) = (None, 0);
    loop {
        let batch = Batch {
            selection: selection.clone(),
            range: BatchRange { after, up_to: None, due: None, records_max },
            only_keys: None,
        };
        let outcome = disposer.dispose(&batch, &sink).await.expect("a batch is disposed of");
        for group in &outcome.groups {
            let keys = DatasetKeys { dataset: group.dataset.clone(), keys: group.disposed.clone() };
            let observed = source.observe(&selection, &keys).await.expect("the files are looked for");
            seen_gone += observed.iter().filter(|one| one.state == ObservedState::Absent).count();
        }
        if outcome.exhausted {
            break;
        }
        after = outcome.last_key;
    }
    disposer.finish().await.expect("the directory is synced");
    assert_eq!(seen_gone, sink.0.load(Ordering::Relaxed), "what was intended was seen gone");
    seen_gone
}

fn find_delete(root: &Path) -> Duration {
    let began = Instant::now();
    let status = Command::new("find").arg(root).args(["-type", "f", "-delete"]).status();
    assert!(status.expect("find runs").success(), "find succeeds");
    began.elapsed()
}

/// The most memory this process ever held, in kilobytes, as Linux reports it.
fn peak_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn argument(position: usize, default: usize) -> usize {
    std::env::args().nth(position).and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() {
    let tree = Tree { directories: argument(1, 100), files_each: argument(2, 1000) };
    let records_max = u32::try_from(argument(3, 5000)).expect("a batch size");
    let rounds = argument(4, 3);
    let within = std::env::args().nth(5).map_or_else(std::env::temp_dir, Into::into);
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let (theirs_at, ours_at) = (
            tempfile::tempdir_in(&within).expect("a directory"),
            tempfile::tempdir_in(&within).expect("a directory"),
        );
        tree.create(theirs_at.path());
        tree.create(ours_at.path());
        let theirs = find_delete(theirs_at.path());
        rustix::fs::sync();
        let began = Instant::now();
        let gone = purge(ours_at.path(), records_max).await;
        let ours = began.elapsed();
        assert_eq!(gone, tree.files(), "every file was seen gone");
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!("round {round}: find {theirs:.2?}, oubliette {ours:.2?}, ratio {ratio:.2}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    let memory = peak_memory_kb().map_or_else(|| "unknown".to_owned(), |kb| format!("{} MB", kb / 1024));
    println!(
        "{} files, batches of {records_max}: median ratio {median:.2}, peak memory {memory}",
        tree.files()
    );
}
