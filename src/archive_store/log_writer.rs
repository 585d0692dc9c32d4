//! The writer of the log: the entry first, then tiles, then the checkpoint, which is the commit point.
//!
//! Floor 6. In a directory, what lies beyond the checkpoint was never committed; the next entry overwrites
//! it. In a bucket several may write: whoever creates the entries tile that ends with the next entry has
//! fixed that entry, and everybody else completes it on opening. It is believed only if the checkpoint that
//! follows from it lies with it, signed by this log: nobody without the key can have an entry taken up.
//!
//! A checkpoint is signed for a size only once: the copy under `checkpoints/` is made after the
//! commit, and completed on opening, so that no two notes of one size can ever be seen.

use std::collections::HashMap;

use super::store::{Decided, Store};
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
    pub(super) async fn open(
        files: &dyn Store,
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
        match files.read(&ArchivePath::Checkpoint.to_string(), NOTE_BYTES_MAX).await? {
            Some(note) => writer.load(files, note).await?,
            None => writer.start(files, kept.as_ref()).await?,
        }
        writer.complete_decided(files).await?;
        if let Some(kept) = kept {
            match writer.tree.root(kept.size) {
                None => return Err(ArchiveError::Shrunk { found: writer.tree.size(), kept: kept.size }),
                Some(root) if root != kept.root => return Err(ArchiveError::Forked { size: kept.size }),
                Some(_) => {}
            }
        }
        writer.finish_commit(files).await?;
        Ok(writer)
    }

    async fn start(&mut self, files: &dyn Store, kept: Option<&Checkpoint>) -> Result<(), ArchiveError> {
        if let Some(kept) = kept {
            return Err(ArchiveError::Shrunk { found: 0, kept: kept.size });
        }
        // The copy of the first note is written after the first checkpoint: a copy without a
        // checkpoint means that somebody took the checkpoint away.
        if files.read(&ArchivePath::Note(0).to_string(), NOTE_BYTES_MAX).await?.is_some() {
            return Err(ArchiveError::Damaged { reason: "the checkpoint is missing".to_owned() });
        }
        self.sign()?;
        self.commit(files).await
    }

    async fn load(&mut self, files: &dyn Store, note: Vec<u8>) -> Result<(), ArchiveError> {
        let checkpoint = Checkpoint::open(&note, self.signer.verifier_key())?;
        for tile in Tile::needed(None, checkpoint.size) {
            for bytes in read_entries(files, tile).await? {
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

    /// Takes up entries that were fixed beyond the checkpoint, one after the other.
    async fn complete_decided(&mut self, files: &dyn Store) -> Result<(), ArchiveError> {
        loop {
            let next = self.next_entries_tile();
            let Some(decided) = files.decided(&next.path(), ENTRIES_TILE_BYTES_MAX).await? else {
                return Ok(());
            };
            // The commit before may have been cut short too.
            self.finish_commit(files).await?;
            self.take_up(next, &decided)?;
            self.write_tiles(files).await?;
            self.commit(files).await?;
        }
    }

    /// Remembers a fixed entry if the log itself has signed what follows from it.
    fn take_up(&mut self, tile: Tile, decided: &Decided) -> Result<(), ArchiveError> {
        let foreign = || ArchiveError::Damaged {
            reason: format!("'{}' lies beyond the checkpoint and was not put there by this log", tile.path()),
        };
        let mut entries = decode_entries(&decided.tile).ok_or_else(foreign)?;
        let last = entries.pop().ok_or_else(foreign)?;
        let before: &[Vec<u8>] = if tile.width == 1 { &[] } else { &self.open_tile };
        let entry = LogEntry::parse(&last).filter(|_| entries == before).ok_or_else(foreign)?;
        let signed =
            Checkpoint::open(decided.note.as_bytes(), self.signer.verifier_key()).map_err(|_| foreign())?;
        self.remember(entry, last);
        let root = self.tree.root(signed.size);
        if signed.size != self.tree.size() || root != Some(signed.root) {
            return Err(foreign());
        }
        self.note.clone_from(&decided.note);
        Ok(())
    }

    /// The entries tile that the next entry will end.
    fn next_entries_tile(&self) -> Tile {
        let size = self.tree.size();
        // At most 256.
        let width = u16::try_from(size % TILE_WIDTH + 1).unwrap_or(256);
        Tile { level: None, index: size / TILE_WIDTH, width }
    }

    /// Appends an entry durably, unless it is there; answers its index. After an error the writer is to be
    /// opened anew.
    pub(super) async fn append_if_absent(
        &mut self,
        files: &dyn Store,
        entry: LogEntry,
    ) -> Result<u64, ArchiveError> {
        if let Some(index) = self.find(&entry) {
            return Ok(index);
        }
        let index = self.tree.size();
        let tile = self.next_entries_tile();
        self.remember(entry, entry.text().into_bytes());
        self.sign()?;
        files.decide(&tile.path(), &encode_entries(&self.open_tile), &self.note).await?;
        failpoint::hit("after-entry");
        self.write_tiles(files).await?;
        failpoint::hit("after-tiles");
        self.commit(files).await?;
        Ok(index)
    }

    /// Writes every hash tile that the newest entry changed.
    async fn write_tiles(&self, files: &dyn Store) -> Result<(), ArchiveError> {
        for tile in self.tiles_ending_here() {
            if let Some(hashes) = tile.hashes(&self.tree) {
                files.write_tile(&tile.path(), &hashes).await?;
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

    /// Signs the checkpoint of the log as it is now; the signature is deterministic.
    fn sign(&mut self) -> Result<(), ArchiveError> {
        let size = self.tree.size();
        let no_root = || ArchiveError::Damaged { reason: "the log has no root at its own size".to_owned() };
        let root = self.tree.root(size).ok_or_else(no_root)?;
        self.note = Checkpoint::sign(size, root, self.signer.as_ref())?;
        Ok(())
    }

    async fn commit(&self, files: &dyn Store) -> Result<(), ArchiveError> {
        files.replace(&ArchivePath::Checkpoint.to_string(), self.note.as_bytes()).await?;
        failpoint::hit("after-checkpoint");
        self.finish_commit(files).await
    }

    /// What follows a commit and is completed after a crash: the note's copy, and the removal of
    /// partial tiles that are full now (which tlog-tiles allows).
    async fn finish_commit(&self, files: &dyn Store) -> Result<(), ArchiveError> {
        let size = self.tree.size();
        files.write_once(&ArchivePath::Note(size).to_string(), self.note.as_bytes()).await?;
        let last_entries = Tile::needed(None, size).last();
        for tile in self.tiles_ending_here().chain(last_entries) {
            if u64::from(tile.width) == TILE_WIDTH {
                files.prune(&tile.full_path()).await?;
            }
        }
        Ok(())
    }

    /// The proof file of an entry, at the first checkpoint that has it.
    pub(super) async fn proof(&self, files: &dyn Store, index: u64) -> Result<String, ArchiveError> {
        let missing = || ArchiveError::Damaged { reason: format!("no note of entry {index}") };
        let path = self.tree.path(index, index + 1).ok_or_else(missing)?;
        let note = files.read(&ArchivePath::Note(index + 1).to_string(), NOTE_BYTES_MAX).await?;
        let note = note.and_then(|note| String::from_utf8(note).ok()).ok_or_else(missing)?;
        Ok(proof_text(index, &path, &note))
    }
}

async fn read_entries(files: &dyn Store, tile: Tile) -> Result<Vec<Vec<u8>>, ArchiveError> {
    let damaged = |what: &str| ArchiveError::Damaged { reason: format!("'{}' {what}", tile.path()) };
    let bytes =
        files.read(&tile.path(), ENTRIES_TILE_BYTES_MAX).await?.ok_or_else(|| damaged("is missing"))?;
    let entries = decode_entries(&bytes).ok_or_else(|| damaged("is unreadable"))?;
    if entries.len() == usize::from(tile.width) { Ok(entries) } else { Err(damaged("is incomplete")) }
}
