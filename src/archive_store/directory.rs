//! An archive in a directory.
//!
//! Floor 6. One writer at a time (a lock file held by the operating system, freed when the process ends
//! however it ends).
#![expect(clippy::disallowed_methods, reason = "opens the lock file")]

use std::fs::File;
use std::path::Path;

use async_trait::async_trait;

use super::files::{DurableFiles, LOCK, io_error};
use super::store::{Decided, Store};
use super::writer::{ArchiveWriter, Opening};
use crate::archive::ArchiveError;
use crate::archive::note::NoteSigner;
use crate::certificate::TrustRoot;

/// Everybody may read an archive: nothing personal is in it.
const MODE: u32 = 0o644;

/// Writes an archive in a directory.
pub type DirectoryArchive = ArchiveWriter<DirectoryStore>;

/// A directory of which this process is the only writer.
pub struct DirectoryStore {
    files: DurableFiles,
    _lock: File,
}

impl DirectoryArchive {
    /// Opens an archive for writing; an empty directory becomes one. `trust_root` is the signed trust
    /// root's file, which is filed with its keys. `kept_note` is the newest checkpoint the caller
    /// has kept outside the archive.
    ///
    /// # Errors
    /// If another program writes to it, the log is not the one that was published before, or the
    /// trust root is older than the archive's or names another log.
    pub async fn open(
        root: &Path,
        trust_root: &[u8],
        log_signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        let files = DurableFiles::open(root, MODE)?;
        Self::open_files(files, trust_root, log_signer, kept_note).await
    }

    async fn open_files(
        files: DurableFiles,
        trust_root: &[u8],
        log_signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        // Before anything is written: a file that is no trust root makes no archive.
        TrustRoot::parse(trust_root)?;
        let lock = lock(&files)?;
        files.clean()?;
        let store = DirectoryStore { files, _lock: lock };
        Self::begin(store, Opening { trust_root, log_signer, kept_note }).await
    }
}

#[async_trait]
impl Store for DirectoryStore {
    async fn is_fit(&self, _: (&str, &[u8])) -> Result<(), ArchiveError> {
        Ok(())
    }

    async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.files.read(path, bytes_max)
    }

    async fn write_once(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.files.write_once(path, bytes)
    }

    async fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.files.replace(path, bytes)
    }

    async fn decide(&self, path: &str, tile: &[u8], _: &str) -> Result<(), ArchiveError> {
        self.files.replace(path, tile)
    }

    async fn decided(&self, _: &str, _: usize) -> Result<Option<Decided>, ArchiveError> {
        Ok(None)
    }

    async fn write_tile(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.files.replace(path, bytes)
    }

    async fn prune(&self, full_path: &str) -> Result<(), ArchiveError> {
        self.files.remove_folder(&format!("{full_path}.p"))
    }
}

fn lock(files: &DurableFiles) -> Result<File, ArchiveError> {
    let path = files.full_path(LOCK);
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(path).map_err(|source| io_error(LOCK, source))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(ArchiveError::Locked),
        Err(error) => Err(io_error(LOCK, error.into())),
    }
}

#[cfg(test)]
mod tests;
