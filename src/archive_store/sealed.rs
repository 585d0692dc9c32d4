//! The sealed store: what opens commitments, apart from the archive and deletable.
//!
//! Floor 6. `<certificate id>/seed` and `<certificate id>/record-commitments.bin`, for the owner's eyes
//! only (0700, 0600). Never to be put under a write-once lock: destroying a seed ends the
//! linkability of every record of that certificate for which no receipt was issued.
#![expect(clippy::disallowed_methods, reason = "destroys the seed's file")]

use std::io;
use std::path::{Path, PathBuf};

use super::files::{DurableFiles, io_error, sync_parent};
use crate::archive::ArchiveError;
use crate::certificate::{CertificateId, CommitmentKey};

const MODE: u32 = 0o600;
const SEED_BYTES: usize = 32;

/// The sealed store in a directory.
#[derive(Debug)]
pub struct SealedStore {
    files: DurableFiles,
}

impl SealedStore {
    /// # Errors
    /// If the directory cannot be made.
    pub fn open(root: &Path) -> Result<Self, ArchiveError> {
        Ok(Self { files: DurableFiles::open(root, MODE)? })
    }

    /// Keeps a certificate's seed; again with the same seed changes nothing.
    ///
    /// # Errors
    /// If another seed is there, or it cannot be written.
    pub fn keep_seed(&self, id: &CertificateId, key: &CommitmentKey) -> Result<(), ArchiveError> {
        self.files.write_once(&seed_path(id), key.seed())
    }

    /// The key of a certificate; `None` if its seed was destroyed or never kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn key(&self, id: &CertificateId) -> Result<Option<CommitmentKey>, ArchiveError> {
        let Some(seed) = self.files.read(&seed_path(id), SEED_BYTES)? else { return Ok(None) };
        let seed = <[u8; SEED_BYTES]>::try_from(seed)
            .map_err(|_| ArchiveError::Damaged { reason: "a seed is not 32 bytes".to_owned() })?;
        Ok(Some(CommitmentKey::new(seed)))
    }

    /// Where the sorted commitments of a certificate are, or are to be written. Its folder exists
    /// once the seed is kept.
    #[must_use]
    pub fn commitments_path(&self, id: &CertificateId) -> PathBuf {
        self.files.full_path(&format!("{id}/record-commitments.bin"))
    }

    /// Destroys the seed.
    ///
    /// # Errors
    /// If the file is there and cannot be removed.
    pub fn destroy_seed(&self, id: &CertificateId) -> Result<(), ArchiveError> {
        let path = seed_path(id);
        let full = self.files.full_path(&path);
        match std::fs::remove_file(&full).and_then(|()| sync_parent(&full)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path, error)),
            _ => Ok(()),
        }
    }
}

fn seed_path(id: &CertificateId) -> String {
    format!("{id}/seed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_seed_is_kept_for_the_owner_alone_until_it_is_destroyed() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SealedStore::open(&directory.path().join("sealed")).expect("opened");
        let id: CertificateId = "0b54f2c5-57a8-4c2b-9a3e-1d2f3a4b5c6d".parse().expect("an id");
        store.keep_seed(&id, &CommitmentKey::new([1; 32])).expect("kept");
        store.keep_seed(&id, &CommitmentKey::new([1; 32])).expect("kept again");
        assert!(matches!(
            store.keep_seed(&id, &CommitmentKey::new([2; 32])),
            Err(ArchiveError::Conflict { .. })
        ));
        let mode = |path: &str| {
            let path = directory.path().join("sealed").join(path);
            std::fs::metadata(path).expect("there").permissions().mode() & 0o777
        };
        assert_eq!((mode(&seed_path(&id)), mode(id.as_str()), mode("")), (0o600, 0o700, 0o700));
        assert_eq!(store.key(&id).expect("read").map(|key| *key.seed()), Some([1; 32]));
        store.destroy_seed(&id).expect("destroyed");
        assert!(store.key(&id).expect("read").is_none());
    }
}
