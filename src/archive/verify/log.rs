//! The log: its checkpoint, its entries, and everything that follows from them.
//!
//! Floor 5. Entries are the only input; hash tiles, older notes and proofs are recomputed.

use std::collections::HashMap;

use super::{CheckpointSummary, Inventory, VerifyOptions, VerifyReport, read_file};
use crate::archive::ArchiveFiles;
use crate::archive::entry::LogEntry;
use crate::archive::layout::ArchivePath;
use crate::archive::note::{Checkpoint, NOTE_BYTES_MAX, VerifierKey};
use crate::archive::tile::{
    ENTRIES_TILE_BYTES_MAX, HASH_TILE_BYTES_MAX, TILE_LEVELS_MAX, TILE_WIDTH, Tile, decode_entries,
    encode_entries,
};
use crate::certificate::merkle::{HashLevels, leaf_hash};
use crate::digest::Digest32;

/// A log whose entries lead to its signed checkpoint.
pub(super) struct VerifiedLog {
    pub(super) tree: HashLevels,
    pub(super) entries: Vec<Option<LogEntry>>,
    /// The first place of each entry.
    pub(super) places: HashMap<LogEntry, u64>,
    /// The notes whose signature holds and whose root is that of the entries, by size.
    pub(super) notes: std::collections::BTreeMap<u64, String>,
}

impl VerifiedLog {
    /// Reads and checks the log; `None` if it does not hold, with findings.
    pub(super) fn read(
        files: &dyn ArchiveFiles,
        key: &VerifierKey,
        options: &VerifyOptions<'_>,
        inventory: &Inventory,
        report: &mut VerifyReport,
    ) -> Option<Self> {
        let note = read_file(files, &ArchivePath::Checkpoint, NOTE_BYTES_MAX, report)?;
        let head = match Checkpoint::open(&note, key) {
            Ok(head) => head,
            Err(error) => {
                report.error("checkpoint_invalid", ArchivePath::Checkpoint, error);
                return None;
            }
        };
        if head.size < options.entries_min {
            let message = format!("{} entries, but {} are known", head.size, options.entries_min);
            report.error("log_shrunk", ArchivePath::Checkpoint, message);
        }
        let mut log = Self {
            tree: HashLevels::default(),
            entries: Vec::new(),
            places: HashMap::new(),
            notes: std::collections::BTreeMap::new(),
        };
        let bundles = log.read_entries(files, head.size, report)?;
        if log.tree.root(head.size) != Some(head.root) {
            let message = "the entries do not lead to the root of the checkpoint";
            report.error("root_differs", ArchivePath::Checkpoint, message);
            return None;
        }
        log.check_tiles(files, inventory, &bundles, report);
        log.check_notes(files, key, inventory, report);
        if log.notes.get(&head.size).map(String::as_bytes) != Some(&note) {
            let message = "not the checkpoint with the same size";
            report.error("checkpoint_differs", ArchivePath::Note(head.size), message);
        }
        log.check_earlier(files, key, report);
        log.check_kept(key, options, report);
        report.checkpoint = Some(CheckpointSummary {
            origin: head.origin,
            size: head.size,
            root: Digest32::from_bytes(head.root),
            note: String::from_utf8_lossy(&note).into_owned(),
        });
        Some(log)
    }

    /// Reads all entries; gives each entries tile as it must be when full or at its present width.
    fn read_entries(
        &mut self,
        files: &dyn ArchiveFiles,
        size: u64,
        report: &mut VerifyReport,
    ) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut last = Vec::new();
        files.will_read(Tile::needed(None, size).map(|tile| tile.path()).collect());
        for tile in Tile::needed(None, size) {
            let path = ArchivePath::Tile(tile);
            let bytes = read_file(files, &path, ENTRIES_TILE_BYTES_MAX, report)?;
            let entries = decode_entries(&bytes).filter(|all| all.len() == usize::from(tile.width));
            let Some(entries) = entries else {
                report.error("tile_differs", path, "not the number of entries that the log has");
                return None;
            };
            for bytes in &entries {
                let entry = LogEntry::parse(bytes);
                if let Some(entry) = entry {
                    self.places.entry(entry).or_insert(self.tree.size());
                }
                self.tree.push(leaf_hash(bytes));
                self.entries.push(entry);
            }
            last.push(entries);
        }
        Some(last)
    }

    /// Every tile in the archive holds what the entries lead to, and none that is needed is missing.
    fn check_tiles(
        &self,
        files: &dyn ArchiveFiles,
        inventory: &Inventory,
        bundles: &[Vec<Vec<u8>>],
        report: &mut VerifyReport,
    ) {
        let size = self.tree.size();
        for level in 0..TILE_LEVELS_MAX {
            for tile in Tile::needed(Some(level), size) {
                if !inventory.tiles.contains(&tile) {
                    report.error("file_missing", ArchivePath::Tile(tile), "the file is missing");
                }
            }
        }
        files.will_read(inventory.tiles.iter().map(Tile::path).collect());
        for tile in &inventory.tiles {
            let path = ArchivePath::Tile(*tile);
            let expected = match tile.level {
                Some(_) => tile.hashes(&self.tree),
                None => usize::try_from(tile.index)
                    .ok()
                    .and_then(|index| bundles.get(index)?.get(..usize::from(tile.width)))
                    .map(encode_entries),
            };
            let Some(expected) = expected else {
                let message = "beyond the checkpoint: left by an interrupted writer, or put there";
                report.warning("tile_uncommitted", path, message);
                continue;
            };
            let most = if tile.level.is_some() { HASH_TILE_BYTES_MAX } else { ENTRIES_TILE_BYTES_MAX };
            if read_file(files, &path, most, report).is_some_and(|found| found != expected) {
                report.error("tile_differs", path, "not what the entries lead to");
            }
        }
        debug_assert!(bundles.len() as u64 == size.div_ceil(TILE_WIDTH), "one bundle a tile");
    }

    /// Every note that was ever published is signed and a prefix of the log.
    fn check_notes(
        &mut self,
        files: &dyn ArchiveFiles,
        key: &VerifierKey,
        inventory: &Inventory,
        report: &mut VerifyReport,
    ) {
        files.will_read(inventory.notes.iter().map(|size| ArchivePath::Note(*size).to_string()).collect());
        for size in &inventory.notes {
            let path = ArchivePath::Note(*size);
            let Some(note) = read_file(files, &path, NOTE_BYTES_MAX, report) else { continue };
            match Checkpoint::open(&note, key) {
                Err(error) => report.error("checkpoint_invalid", path, error),
                Ok(checkpoint) if checkpoint.size != *size => {
                    report.error("checkpoint_differs", path, "of another size than its name says");
                }
                Ok(checkpoint) if self.tree.root(*size) != Some(checkpoint.root) => {
                    let message = "the log does not begin with what this checkpoint signed";
                    report.error("log_forked", path, message);
                }
                Ok(_) => drop(self.notes.insert(*size, String::from_utf8_lossy(&note).into_owned())),
            }
        }
        for size in (0..=self.tree.size()).filter(|size| !inventory.notes.contains(size)) {
            report.error("file_missing", ArchivePath::Note(size), "the note of this size is missing");
        }
    }

    /// What the checkpoint was before, where the place keeps that: a beginning of the log, and no longer.
    fn check_earlier(&self, files: &dyn ArchiveFiles, key: &VerifierKey, report: &mut VerifyReport) {
        let path = ArchivePath::Checkpoint;
        let earlier = match files.earlier(&path.to_string(), NOTE_BYTES_MAX) {
            Ok(earlier) => earlier,
            Err(error) => return report.error("unreadable", path, error),
        };
        for note in earlier {
            match Checkpoint::open(&note, key) {
                Err(error) => report.error("checkpoint_invalid", &path, format!("an older version: {error}")),
                Ok(older) if older.size > self.tree.size() => {
                    let message = format!("an older version had {} entries", older.size);
                    report.error("log_shrunk", &path, message);
                }
                Ok(older) if self.tree.root(older.size) != Some(older.root) => {
                    let message = "the log does not begin with an older version of its checkpoint";
                    report.error("log_forked", &path, message);
                }
                Ok(_) => {}
            }
        }
    }

    fn check_kept(&self, key: &VerifierKey, options: &VerifyOptions<'_>, report: &mut VerifyReport) {
        let Some(kept) = options.kept_checkpoint else { return };
        match Checkpoint::open(kept, key) {
            Err(error) => report.error("kept_checkpoint_invalid", "kept checkpoint", error),
            Ok(kept) if kept.size > self.tree.size() => {
                let message =
                    format!("the kept checkpoint has {} entries, the log {}", kept.size, self.tree.size());
                report.error("log_shrunk", ArchivePath::Checkpoint, message);
            }
            Ok(kept) if self.tree.root(kept.size) != Some(kept.root) => {
                let message = "the log does not begin with the kept checkpoint";
                report.error("log_forked", ArchivePath::Checkpoint, message);
            }
            Ok(_) => {}
        }
    }
}
