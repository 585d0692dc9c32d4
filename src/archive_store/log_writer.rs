//! The log's only writer: entries and tiles first, then the checkpoint, which is the commit point.
//!
//! Floor 6. What lies beyond the checkpoint was never committed; the next entry overwrites it. A
//! checkpoint is signed for a size only once: the copy under `checkpoints/` is made after the
//! commit, and completed on opening, so that no two notes of one size can ever be seen.

use std::collections::HashMap;

use super::files::DurableFiles;
use crate::archive::ArchiveError;
use crate::archive::entry::LogEntry;
use crate::archive::layout::ArchivePath;
use crate::archive::note::{Checkpoint, NOTE_BYTES_MAX, NoteSigner};
use crate::archive::proof::proof_text;
use crate::archive::tile::{
    ENTRIES_TILE_BYTES_MAX, TILE_LEVELS_MAX, TILE_WIDTH, Tile, decode_entries, encode_entries,
};
use crate::certificate::merkle::{HashLevels, leaf_hash};
use connectors::failpoint;

pub(super) struct LogWriter {
    signer: Box<dyn NoteSigner>,
    tree: HashLevels,
    places: HashMap<LogEntry, u64>,
    /// The entries of the last, not yet full entries tile.
    open_tile: Vec<Vec<u8>>,
    note: String,
}

impl LogWriter {
    /// Reads the committed log, or starts an empty one. `kept_note` is the newest checkpoint that the
    /// caller saw.
    pub(super) fn open(
        files: &DurableFiles,
        signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        let kept =
            kept_note.map(|note| Checkpoint::open(note.as_bytes(), signer.verifier_key())).transpose()?;
        let mut writer = Self {
            signer,
            tree: HashLevels::default(),
            places: HashMap::new(),
            open_tile: Vec::new(),
            note: String::new(),
        };
        match files.read(&ArchivePath::Checkpoint.to_string(), NOTE_BYTES_MAX)? {
            Some(note) => writer.load(files, note)?,
            None => writer.start(files, kept.as_ref())?,
        }
        if let Some(kept) = kept {
            match writer.tree.root(kept.size) {
                None => return Err(ArchiveError::Shrunk { found: writer.tree.size(), kept: kept.size }),
                Some(root) if root != kept.root => return Err(ArchiveError::Forked { size: kept.size }),
                Some(_) => {}
            }
        }
        writer.finish_commit(files)?;
        Ok(writer)
    }

    fn start(&mut self, files: &DurableFiles, kept: Option<&Checkpoint>) -> Result<(), ArchiveError> {
        if let Some(kept) = kept {
            return Err(ArchiveError::Shrunk { found: 0, kept: kept.size });
        }
        // The copy of the first note is written after the first checkpoint: a copy without a
        // checkpoint means that somebody took the checkpoint away.
        if files.read(&ArchivePath::Note(0).to_string(), NOTE_BYTES_MAX)?.is_some() {
            return Err(ArchiveError::Damaged { reason: "the checkpoint is missing".to_owned() });
        }
        self.commit(files)
    }

    fn load(&mut self, files: &DurableFiles, note: Vec<u8>) -> Result<(), ArchiveError> {
        let checkpoint = Checkpoint::open(&note, self.signer.verifier_key())?;
        for tile in Tile::needed(None, checkpoint.size) {
            for bytes in read_entries(files, tile)? {
                let damaged = || ArchiveError::Damaged { reason: format!("'{}' is unreadable", tile.path()) };
                let entry = LogEntry::parse(&bytes).ok_or_else(damaged)?;
                self.remember(entry, bytes);
            }
        }
        if self.tree.size() != checkpoint.size || self.tree.root(checkpoint.size) != Some(checkpoint.root) {
            return Err(ArchiveError::Damaged {
                reason: "the entries do not lead to the checkpoint".to_owned(),
            });
        }
        self.note = String::from_utf8(note)
            .map_err(|_| ArchiveError::Damaged { reason: "the checkpoint is not text".to_owned() })?;
        Ok(())
    }

    fn remember(&mut self, entry: LogEntry, bytes: Vec<u8>) {
        self.places.entry(entry).or_insert(self.tree.size());
        self.tree.push(leaf_hash(&bytes));
        if self.open_tile.len() as u64 == TILE_WIDTH {
            self.open_tile.clear();
        }
        self.open_tile.push(bytes);
    }

    pub(super) fn note(&self) -> &str {
        &self.note
    }

    pub(super) fn find(&self, entry: &LogEntry) -> Option<u64> {
        self.places.get(entry).copied()
    }

    /// Appends an entry durably, unless it is there; answers its index.
    pub(super) fn append_if_absent(
        &mut self,
        files: &DurableFiles,
        entry: LogEntry,
    ) -> Result<u64, ArchiveError> {
        if let Some(index) = self.find(&entry) {
            return Ok(index);
        }
        let index = self.tree.size();
        self.remember(entry, entry.text().into_bytes());
        self.write_tiles(files)?;
        failpoint::hit("after-tiles");
        self.commit(files)?;
        Ok(index)
    }

    /// Writes every tile that the newest entry changed.
    fn write_tiles(&self, files: &DurableFiles) -> Result<(), ArchiveError> {
        let Some(entries) = Tile::needed(None, self.tree.size()).last() else { return Ok(()) };
        files.replace(&entries.path(), &encode_entries(&self.open_tile))?;
        for tile in self.tiles_ending_here() {
            if let Some(hashes) = tile.hashes(&self.tree) {
                files.replace(&tile.path(), &hashes)?;
            }
        }
        Ok(())
    }

    /// The hash tiles whose last hash ends with the newest entry.
    fn tiles_ending_here(&self) -> impl Iterator<Item = Tile> {
        let size = self.tree.size();
        (0..TILE_LEVELS_MAX)
            .take_while(move |level| size.trailing_zeros() >= u32::from(*level) * 8)
            .filter_map(move |level| Tile::needed(Some(level), size).last())
    }

    fn commit(&mut self, files: &DurableFiles) -> Result<(), ArchiveError> {
        let size = self.tree.size();
        let no_root = || ArchiveError::Damaged { reason: "the log has no root at its own size".to_owned() };
        let root = self.tree.root(size).ok_or_else(no_root)?;
        self.note = Checkpoint::sign(size, root, self.signer.as_ref())?;
        files.replace(&ArchivePath::Checkpoint.to_string(), self.note.as_bytes())?;
        failpoint::hit("after-checkpoint");
        self.finish_commit(files)
    }

    /// What follows a commit and is completed after a crash: the note's copy, and the removal of
    /// partial tiles that are full now (which tlog-tiles allows).
    fn finish_commit(&self, files: &DurableFiles) -> Result<(), ArchiveError> {
        let size = self.tree.size();
        files.write_once(&ArchivePath::Note(size).to_string(), self.note.as_bytes())?;
        let last_entries = Tile::needed(None, size).last();
        for tile in self.tiles_ending_here().chain(last_entries) {
            if u64::from(tile.width) == TILE_WIDTH {
                files.remove_folder(&format!("{}.p", tile.full_path()))?;
            }
        }
        Ok(())
    }

    /// The proof file of an entry, at the first checkpoint that has it.
    pub(super) fn proof(&self, files: &DurableFiles, index: u64) -> Result<String, ArchiveError> {
        let missing = || ArchiveError::Damaged { reason: format!("no note of entry {index}") };
        let path = self.tree.path(index, index + 1).ok_or_else(missing)?;
        let note = files.read(&ArchivePath::Note(index + 1).to_string(), NOTE_BYTES_MAX)?;
        let note = note.and_then(|note| String::from_utf8(note).ok()).ok_or_else(missing)?;
        Ok(proof_text(index, &path, &note))
    }
}

fn read_entries(files: &DurableFiles, tile: Tile) -> Result<Vec<Vec<u8>>, ArchiveError> {
    let damaged = |what: &str| ArchiveError::Damaged { reason: format!("'{}' {what}", tile.path()) };
    let bytes = files.read(&tile.path(), ENTRIES_TILE_BYTES_MAX)?.ok_or_else(|| damaged("is missing"))?;
    let entries = decode_entries(&bytes).ok_or_else(|| damaged("is unreadable"))?;
    if entries.len() == usize::from(tile.width) { Ok(entries) } else { Err(damaged("is incomplete")) }
}
