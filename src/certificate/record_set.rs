//! The record set: all commitments of a certificate, sorted, under one Merkle root.
//!
//! Floor 5. Sorted by value, so that the place of a commitment says nothing about the record.
//! Memory is bounded whatever the number of records: commitments are gathered up to a buffer,
//! sorted, spooled to a work directory, and merged at the end in a stream that writes the sorted
//! file (32 bytes a record) and computes the root. A record that came again under its key and went again
//! stands in it as often as it went ([`super::commitment::repeated`]). This module does IO in the directory it is
//! given, and nowhere else.
#![expect(
    clippy::disallowed_methods,
    reason = "spools sorted commitments to the work directory given by the caller"
)]

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use thiserror::Error;

use super::commitment::{Commitment, repeated};
use super::merkle::{StreamingTree, leaf_hash};
use crate::digest::Digest32;

/// Commitments held in memory before they are spooled (8 MiB).
const BUFFER_COMMITMENTS: usize = 1 << 18;
/// Spool files merged at once: bounds open files and buffers (64 × 64 KiB), and the blocks that are made of these, of
/// which up to four are in memory.
const MERGE_WAYS: usize = 64;
/// Commitments of one spool file in memory while it is merged (64 KiB).
const RUN_COMMITMENTS: usize = 1 << 11;
/// After so many commitments what is written goes to the disk (2 MiB, or a block if that is more): other writers of that
/// disk, such as a database, wait for what is put there at once.
const SYNCED_COMMITMENTS: usize = 1 << 16;
const READ_BUFFER_BYTES: usize = 1 << 16;
const SPOOL_SUFFIX: &str = "spool";

/// The sorted commitments of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSet {
    pub count: u64,
    /// The RFC 6962 root over the commitments as leaves.
    pub root: Digest32,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordSetError {
    #[error("cannot write the record set in {directory}: {source}", directory = .directory.display())]
    Io { directory: PathBuf, source: io::Error },
    #[error("the record set is damaged: not sorted, or not a whole number of commitments")]
    Damaged,
    #[error("the record set was not hashed to its end")]
    HashingEnded,
}

/// Gathers commitments in any order.
#[derive(Debug)]
pub struct RecordSetBuilder {
    directory: PathBuf,
    buffer: Vec<Commitment>,
    spools: Vec<PathBuf>,
    spools_made: u64,
}

impl RecordSetBuilder {
    /// Starts in a work directory of its own, which is made if need be; spool files that an
    /// interrupted builder left there are removed.
    ///
    /// # Errors
    /// If the directory cannot be made or cleaned.
    pub fn create(directory: &Path) -> Result<Self, RecordSetError> {
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(directory)?;
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.extension().is_some_and(|suffix| suffix == SPOOL_SUFFIX) {
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        };
        prepare().map_err(|source| RecordSetError::Io { directory: directory.to_path_buf(), source })?;
        Ok(Self {
            directory: directory.to_path_buf(),
            buffer: Vec::new(),
            spools: Vec::new(),
            spools_made: 0,
        })
    }

    /// Adds the commitments of one batch, in any order.
    ///
    /// # Errors
    /// If they cannot be spooled.
    pub fn add_batch(&mut self, batch: Vec<Commitment>) -> Result<(), RecordSetError> {
        if self.buffer.is_empty() {
            self.buffer = batch;
        } else {
            self.buffer.extend_from_slice(&batch);
        }
        if self.buffer.len() >= BUFFER_COMMITMENTS { self.spool() } else { Ok(()) }
    }

    /// Merges everything into `out_path` (mode 0600, replaced whole) and gives count and root.
    ///
    /// # Errors
    /// If it cannot be written; then nothing is.
    pub fn finish(mut self, out_path: &Path) -> Result<RecordSet, RecordSetError> {
        let unfinished = out_path.with_extension("unfinished");
        let set = match self.merge_all(&unfinished) {
            Ok(set) => set,
            Err(error) => {
                self.remove(&[unfinished])?;
                return Err(error);
            }
        };
        fs::rename(&unfinished, out_path).map_err(|source| self.io(source))?;
        let parent = out_path.parent().unwrap_or(Path::new("."));
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(|source| self.io(source))?;
        Ok(set)
    }

    fn merge_all(&mut self, unfinished: &Path) -> Result<RecordSet, RecordSetError> {
        loop {
            self.spool()?;
            while self.spools.len() > MERGE_WAYS {
                let rest = self.spools.split_off(MERGE_WAYS);
                let ways = std::mem::replace(&mut self.spools, rest);
                let path = self.next_spool_path();
                // All that are equal must meet before they are told apart.
                self.merge(&ways, &path, Equal::Stay)?;
                self.spools.push(path);
                self.remove(&ways)?;
            }
            let ways = std::mem::take(&mut self.spools);
            let set = self.merge(&ways, unfinished, Equal::Repeat)?;
            self.remove(&ways)?;
            if self.buffer.is_empty() && self.spools.is_empty() {
                return Ok(set);
            }
            let path = self.next_spool_path();
            fs::rename(unfinished, &path).map_err(|source| self.io(source))?;
            self.spools.push(path);
        }
    }

    fn spool(&mut self) -> Result<(), RecordSetError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.buffer.sort_unstable();
        let path = self.next_spool_path();
        let write = || -> io::Result<()> { create_private(&path)?.write_all(self.buffer.as_flattened()) };
        write().map_err(|source| self.io(source))?;
        self.buffer.clear();
        self.spools.push(path);
        Ok(())
    }

    fn next_spool_path(&mut self) -> PathBuf {
        self.spools_made += 1;
        self.directory.join(format!("{:08}.{SPOOL_SUFFIX}", self.spools_made))
    }

    /// Merges sorted files into one. Of equal commitments the first is written, and the others are gathered anew as
    /// repeated ones, unless they are to stay: then the file is not the last, and it is neither hashed nor brought to the
    /// disk. What is hashed is hashed on a second thread.
    fn merge(
        &mut self,
        ways: &[PathBuf],
        out_path: &Path,
        equal: Equal,
    ) -> Result<RecordSet, RecordSetError> {
        let directory = self.directory.clone();
        let io = |source| RecordSetError::Io { directory: directory.clone(), source };
        let mut runs = Runs::open(ways).map_err(io)?;
        let mut out = create_private(out_path).map_err(io)?;
        let tree = std::thread::scope(|scope| {
            let (written, to_be_hashed) = sync_channel::<Vec<Commitment>>(1);
            let hashing = std::thread::Builder::new()
                .spawn_scoped(scope, move || tree_over(to_be_hashed))
                .map_err(io)?;
            let (mut previous, mut time, mut unsynced) = (None, 1, 0);
            while let Some(mut block) = runs.next_block()? {
                let mut again = Vec::new();
                block.retain(|commitment| {
                    time = if previous == Some(*commitment) { time + 1 } else { 1 };
                    previous = Some(*commitment);
                    let stays = time == 1 || equal == Equal::Stay;
                    if !stays {
                        again.push(repeated(commitment, time));
                    }
                    stays
                });
                if !again.is_empty() {
                    self.add_batch(again)?;
                }
                out.write_all(block.as_flattened()).map_err(io)?;
                if equal == Equal::Stay {
                    continue;
                }
                unsynced += block.len();
                if unsynced > SYNCED_COMMITMENTS {
                    out.sync_data().map_err(io)?;
                    unsynced = 0;
                }
                if written.send(block).is_err() {
                    break;
                }
            }
            drop(written);
            hashing.join().map_err(|_| RecordSetError::HashingEnded)
        })?;
        if equal == Equal::Repeat {
            out.sync_all().map_err(io)?;
        }
        Ok(RecordSet { count: tree.size(), root: Digest32::from_bytes(tree.root()) })
    }

    fn remove(&self, paths: &[PathBuf]) -> Result<(), RecordSetError> {
        for path in paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.io(error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> RecordSetError {
        RecordSetError::Io { directory: self.directory.clone(), source }
    }
}

fn tree_over(blocks: Receiver<Vec<Commitment>>) -> StreamingTree {
    let mut tree = StreamingTree::new();
    for commitment in blocks.into_iter().flatten() {
        tree.push(leaf_hash(&commitment));
    }
    tree
}

/// Sorted files that are read side by side.
struct Runs(Vec<Run>);

impl Runs {
    fn open(paths: &[PathBuf]) -> io::Result<Self> {
        paths.iter().map(|path| Run::open(path)).collect::<io::Result<_>>().map(Self)
    }

    /// The next commitments of all files, sorted: more than half of what one buffer holds until the end is near, and never
    /// more than all hold. `None` at the end.
    fn next_block(&mut self) -> Result<Option<Vec<Commitment>>, RecordSetError> {
        for run in &mut self.0 {
            run.fill()?;
        }
        // What is behind the last one of a buffer is not known yet.
        let bound =
            self.0.iter().filter(|run| !run.at_end).filter_map(|run| run.buffer.last()).min().copied();
        let mut block = Vec::with_capacity(self.0.iter().map(|run| run.buffer.len()).sum());
        for run in &mut self.0 {
            let within = match &bound {
                Some(bound) => run.buffer.partition_point(|commitment| commitment <= bound),
                None => run.buffer.len(),
            };
            block.extend(run.buffer.drain(..within));
        }
        #[expect(
            clippy::stable_sort_primitive,
            reason = "a stable sort makes use of parts that are sorted already"
        )]
        block.sort();
        Ok((!block.is_empty()).then_some(block))
    }
}

/// One sorted file.
struct Run {
    path: PathBuf,
    file: File,
    /// What is read and not taken.
    buffer: Vec<Commitment>,
    at_end: bool,
}

impl Run {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), file: File::open(path)?, buffer: Vec::new(), at_end: false })
    }

    fn fill(&mut self) -> Result<(), RecordSetError> {
        let taken = self.buffer.len();
        if self.at_end || taken > RUN_COMMITMENTS / 2 {
            return Ok(());
        }
        self.buffer.resize(RUN_COMMITMENTS, [0; 32]);
        let free = self.buffer.get_mut(taken..).unwrap_or_default().as_flattened_mut();
        let read =
            read_full(&mut self.file, free).map_err(|source| RecordSetError::reading(&self.path, source))?;
        if read % size_of::<Commitment>() != 0 {
            return Err(RecordSetError::Damaged);
        }
        self.at_end = read < free.len();
        self.buffer.truncate(taken + read / size_of::<Commitment>());
        Ok(())
    }
}

/// Fills the buffer as far as the file reaches. Answers with the number of bytes.
fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What becomes of equal commitments in a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Equal {
    Stay,
    Repeat,
}

impl RecordSetError {
    fn reading(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Damaged;
        }
        Self::Io { directory: path.parent().unwrap_or(path).to_path_buf(), source }
    }
}

/// Reads a sorted file of commitments, one after another.
#[derive(Debug)]
pub(super) struct CommitmentReader {
    path: PathBuf,
    file: BufReader<File>,
}

impl CommitmentReader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path)?);
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// The next commitment; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Commitment>, RecordSetError> {
        use std::io::BufRead as _;
        let at_end = self.file.fill_buf().map(<[u8]>::is_empty);
        let at_end = at_end.map_err(|source| RecordSetError::reading(&self.path, source))?;
        if at_end {
            return Ok(None);
        }
        let mut commitment = [0; 32];
        self.file
            .read_exact(&mut commitment)
            .map_err(|source| RecordSetError::reading(&self.path, source))?;
        Ok(Some(commitment))
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commitments(count: u32) -> Vec<Commitment> {
        (0..count).map(|record| *Digest32::of(&record.to_be_bytes()).as_bytes()).collect()
    }

    fn root_in_memory(mut all: Vec<Commitment>) -> Digest32 {
        all.sort_unstable();
        let mut tree = StreamingTree::new();
        for commitment in &all {
            tree.push(leaf_hash(commitment));
        }
        Digest32::from_bytes(tree.root())
    }

    #[test]
    fn batches_in_any_order_give_one_sorted_file_and_its_root() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("record-commitments.bin");
        let all = commitments(1_000);
        let mut builder = RecordSetBuilder::create(&directory.path().join("work")).expect("made");
        for batch in all.chunks(37) {
            builder.add_batch(batch.to_vec()).expect("added");
            builder.spool().expect("spooled");
            if builder.spools.len() == 3 {
                // More files than one merge takes, with little data.
                for _ in 0..100 {
                    let path = builder.next_spool_path();
                    fs::write(&path, []).expect("written");
                    builder.spools.push(path);
                }
            }
        }
        let set = builder.finish(&out).expect("finished");
        assert_eq!(set, RecordSet { count: 1_000, root: root_in_memory(all.clone()) });
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(fs::read(&out).expect("read"), sorted.as_flattened());
        assert_eq!(fs::read_dir(directory.path().join("work")).expect("listed").count(), 0);
    }

    #[test]
    fn a_record_that_went_more_than_once_stands_in_it_as_often() {
        let directory = tempfile::tempdir().expect("a directory");
        let out = directory.path().join("record-commitments.bin");
        let mut builder = RecordSetBuilder::create(&directory.path().join("work")).expect("made");
        let all = commitments(10);
        // Over more files than one merge takes.
        for _ in 0..MERGE_WAYS {
            builder.add_batch(all[3..4].to_vec()).expect("added");
            builder.spool().expect("spooled");
        }
        builder.add_batch(all.clone()).expect("added");
        let mut expected = all.clone();
        expected.extend((2..=MERGE_WAYS as u64 + 1).map(|time| repeated(&all[3], time)));
        let set = builder.finish(&out).expect("finished");
        assert_eq!(set, RecordSet { count: 10 + MERGE_WAYS as u64, root: root_in_memory(expected.clone()) });
        expected.sort_unstable();
        assert_eq!(fs::read(&out).expect("read"), expected.as_flattened());
        assert_eq!(fs::read_dir(directory.path().join("work")).expect("listed").count(), 0);
    }

    #[test]
    fn an_interrupted_builder_leaves_nothing_to_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut killed = RecordSetBuilder::create(directory.path()).expect("made");
        killed.add_batch(commitments(10)).expect("added");
        killed.spool().expect("spooled");
        drop(killed);
        let builder = RecordSetBuilder::create(directory.path()).expect("made");
        let set = builder.finish(&directory.path().join("out.bin")).expect("finished");
        assert_eq!(set, RecordSet { count: 0, root: Digest32::of(b"") });
    }
}
