//! Reading an archive straight from a bucket, for [`crate::archive::verify`].
//!
//! Floor 6. Verifying is plain work of one thread that asks for one file after the other; requests run on the
//! runtime that this was made in, and what is announced is fetched ahead, so that the way to the bucket is
//! not waited for each time. **To be used from a blocking thread of that runtime only.** What is fetched
//! ahead is bounded: [`AHEAD`] files of at most [`AHEAD_BYTES_MAX`].

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use connectors::s3::files::{BucketFiles, ReadFile};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::bucket::{BucketLock, is_locked_for, of_store};
use crate::archive::{ArchiveError, ArchiveFiles, ListedFile, Past};

/// Requests under way at once, and answers waiting to be asked for.
const AHEAD: usize = 32;
/// Larger files are read when they are asked for.
const AHEAD_BYTES_MAX: usize = 512 << 10;

type Answer = Result<Option<ReadFile>, ArchiveError>;

/// An archive in a bucket, for reading.
pub struct BucketReader {
    files: BucketFiles,
    runtime: Handle,
    /// What the settings ask for, to be compared with what is found.
    lock: Option<BucketLock>,
    known: Mutex<Known>,
}

/// What was learnt on the way.
#[derive(Default)]
struct Known {
    /// Files small enough to be fetched ahead.
    small: HashSet<String>,
    ahead: Option<Receiver<(String, Answer)>>,
    /// Whether older versions could be seen.
    past_is_hidden: bool,
    /// Files under no lock or one that is too short: how many, and the first.
    unlocked: (u64, String),
}

impl BucketReader {
    /// Must be called inside the runtime.
    #[must_use]
    pub fn new(files: BucketFiles, lock: Option<BucketLock>) -> Self {
        Self { files, runtime: Handle::current(), lock, known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was fetched ahead. What was announced and never asked for is passed over.
    fn fetched(&self, path: &str) -> Option<Answer> {
        let known = self.known();
        if !known.small.contains(path) {
            return None;
        }
        let ahead = known.ahead.as_ref()?;
        ahead.iter().find(|(next, _)| next == path).map(|(_, answer)| answer)
    }

    fn note_lock(&self, path: &str, file: &ReadFile) {
        let Some(lock) = self.lock else { return };
        let fits = file.written_at.is_some_and(|written_at| is_locked_for(lock, file, written_at));
        if !fits {
            let mut known = self.known();
            known.unlocked.0 += 1;
            if known.unlocked.1.is_empty() {
                path.clone_into(&mut known.unlocked.1);
            }
        }
    }
}

impl ArchiveFiles for BucketReader {
    fn list(&self, files_max: usize) -> Result<Vec<ListedFile>, ArchiveError> {
        let (listed, sees_past) =
            self.runtime.block_on(self.files.list(files_max)).map_err(|error| of_store("", &error))?;
        let mut known = self.known();
        known.past_is_hidden = !sees_past;
        let mut files = Vec::with_capacity(listed.len());
        for file in listed {
            let size = usize::try_from(file.size_bytes).unwrap_or(usize::MAX);
            if size <= AHEAD_BYTES_MAX && file.is_there {
                known.small.insert(file.path.clone());
            }
            files.push(ListedFile {
                is_plain: file.is_readable,
                size_bytes: file.size_bytes,
                past: Past {
                    older_versions: file.versions.saturating_sub(1),
                    deletions: file.markers,
                    is_gone: !file.is_there,
                },
                path: file.path,
            });
        }
        Ok(files)
    }

    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        let answer = match self.fetched(path) {
            Some(answer) => answer,
            None => self
                .runtime
                .block_on(self.files.read(path, bytes_max))
                .map_err(|error| of_store(path, &error)),
        };
        let Some(file) = answer? else { return Ok(None) };
        self.note_lock(path, &file);
        if file.bytes.len() > bytes_max {
            let source = std::io::Error::other(format!("larger than {bytes_max} bytes"));
            return Err(ArchiveError::Io { path: path.to_owned(), source });
        }
        Ok(Some(file.bytes))
    }

    fn will_read(&self, paths: Vec<String>) {
        let (sender, receiver) = sync_channel(AHEAD);
        let mut known = self.known();
        let paths: Vec<String> = paths.into_iter().filter(|path| known.small.contains(path)).collect();
        known.ahead = Some(receiver);
        drop(known);
        let (files, runtime) = (self.files.clone(), self.runtime.clone());
        // A thread of its own: the channel blocks while nobody asks.
        std::thread::spawn(move || runtime.block_on(fetch(files, paths, sender)));
    }

    fn earlier(&self, path: &str, bytes_max: usize) -> Result<Vec<Vec<u8>>, ArchiveError> {
        if self.known().past_is_hidden {
            return Ok(Vec::new());
        }
        let earlier = self.runtime.block_on(self.files.earlier(path, bytes_max));
        let earlier = earlier.map_err(|error| of_store(path, &error))?;
        Ok(earlier.into_iter().map(|file| file.bytes).collect())
    }

    fn remarks(&self) -> Vec<(&'static str, String, String)> {
        let known = self.known();
        let mut remarks = Vec::new();
        if known.past_is_hidden {
            let message = "older versions of the bucket may not be listed: what was overwritten is not seen";
            remarks.push(("versions_not_seen", String::new(), message.to_owned()));
        }
        let (count, first) = &known.unlocked;
        if *count > 0 {
            let message =
                format!("{count} files are not locked for as long as the settings say; the first is this");
            remarks.push(("not_locked", first.clone(), message));
        }
        remarks
    }
}

/// Fetches in order, many at once; ends when nobody listens any more.
async fn fetch(files: BucketFiles, paths: Vec<String>, sender: SyncSender<(String, Answer)>) {
    let reads = paths.into_iter().map(|path| {
        let files = files.clone();
        async move {
            let read = files.read(&path, AHEAD_BYTES_MAX).await;
            let read = read.map_err(|error| of_store(&path, &error));
            (path, read)
        }
    });
    let mut reads = futures_util::stream::iter(reads).buffered(AHEAD);
    while let Some(answer) = reads.next().await {
        if sender.send(answer).is_err() {
            return;
        }
    }
}
