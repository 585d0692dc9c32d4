//! What the writer of an archive needs of the place where it is kept.
//!
//! Floor 6. Two places: a directory of which one process holds the lock, and a bucket in which every
//! write has a condition. Each operation may be repeated after a crash at any instant.

use async_trait::async_trait;

use crate::archive::ArchiveError;

/// An entry of the log that was fixed beyond the checkpoint, by whoever died before publishing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decided {
    /// The entries tile that ends with the entry.
    pub(super) tile: Vec<u8>,
    /// The checkpoint that was to follow, as the log has signed it.
    pub(super) note: String,
}

#[async_trait]
pub(super) trait Store: Send + Sync {
    /// Refuses a place that cannot keep two writers apart. `trust_root` is there already, with these bytes.
    async fn is_fit(&self, trust_root: (&str, &[u8])) -> Result<(), ArchiveError>;

    /// A file's bytes; `None` if there is no such file.
    async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// Writes a file that never changes. The same bytes may be there already; other bytes are a conflict.
    async fn write_once(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError>;

    /// Writes a file, in place of what was read under its path last.
    async fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError>;

    /// Fixes the next entry of the log by writing the entries tile that ends with it. `note` is the
    /// checkpoint to follow. Of two writers one gets [`ArchiveError::Outrun`].
    async fn decide(&self, path: &str, tile: &[u8], note: &str) -> Result<(), ArchiveError>;

    /// What was fixed under the path of the tile that the next entry would end. Always `None` where one
    /// writer holds a lock: what lies beyond the checkpoint is then written over.
    async fn decided(&self, path: &str, bytes_max: usize) -> Result<Option<Decided>, ArchiveError>;

    /// Writes a hash tile of the entry just fixed.
    async fn write_tile(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError>;

    /// The partial forms of a tile may go once it is full (C2SP tlog-tiles).
    async fn prune(&self, full_path: &str) -> Result<(), ArchiveError>;
}
