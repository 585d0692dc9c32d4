//! Makes removals survive a loss of power, with few flushes of the disk.

use super::root::{Root, sync_directory};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

/// Up to so many directories are synced one by one after a batch; beyond, the whole file system is,
/// in one call, which costs less than a flush of the disk for each.
const SYNCED_DIRECTORIES_MAX: usize = 16;

/// Directories from which something was removed and that were not synced since.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    directories: Vec<OwnedFd>,
    last_path: Option<String>,
    too_many: bool,
}

impl Unsynced {
    /// Notes one directory; `path` tells whether it is the one noted last.
    pub(super) fn note(&mut self, path: &str, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        if self.too_many || self.last_path.as_deref() == Some(path) {
            return Ok(());
        }
        if self.directories.len() == SYNCED_DIRECTORIES_MAX {
            self.note_all();
            return Ok(());
        }
        let directory = directory.try_clone_to_owned();
        self.directories.push(directory.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?);
        self.last_path = Some(path.to_owned());
        Ok(())
    }

    /// Notes that a directory is concerned which is not there any more itself.
    pub(super) fn note_all(&mut self) {
        self.too_many = true;
        self.directories.clear();
    }

    pub(super) fn sync(&self, root: &Root) -> Result<(), Errno> {
        if self.too_many {
            return root.sync();
        }
        self.directories.iter().try_for_each(|directory| sync_directory(directory.as_fd()))
    }
}
