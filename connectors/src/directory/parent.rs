//! Looks at files by their keys, through the directory that holds them.
//!
//! Keys come in order and neighbours mostly share their directory, so the one used last stays open.
//! A directory that is moved elsewhere while it is open stays the directory it was.

use super::key;
use super::root::{Opened, Root, Status, look};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;

/// The parent directory used last: neighbours in key order mostly share it.
#[derive(Debug, Default)]
pub(super) struct Parent {
    at: Option<(String, Opened)>,
}

/// What is seen in the place of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Entry(Status),
    Absent,
    /// Behind a symbolic link or a mount point: not looked at.
    Foreign,
}

impl Parent {
    /// Looks at the file with this key. A name longer than the file system has any is that of no file.
    pub(super) fn look(&mut self, root: &Root, text: &str) -> Result<Seen, Errno> {
        match self.look_at(root, text) {
            Err(Errno::NAMETOOLONG) => Ok(Seen::Absent),
            seen => seen,
        }
    }

    fn look_at(&mut self, root: &Root, text: &str) -> Result<Seen, Errno> {
        let (path, name) = key::split(text);
        match self.open(root, path)? {
            Opened::Absent => Ok(Seen::Absent),
            Opened::Foreign => Ok(Seen::Foreign),
            Opened::Directory(directory) => {
                Ok(look(directory.as_fd(), name.as_bytes())?.map_or(Seen::Absent, Seen::Entry))
            }
        }
    }

    /// Opens the directory with this path, or keeps it open.
    pub(super) fn open(&mut self, root: &Root, path: &str) -> Result<&Opened, Errno> {
        let opened = match self.at.take() {
            Some((at, opened)) if at == path => opened,
            _ => root.open_directory(path)?,
        };
        Ok(&self.at.insert((path.to_owned(), opened)).1)
    }

    /// The path of the directory that is open, and itself.
    pub(super) fn directory(&self) -> Option<(&str, BorrowedFd<'_>)> {
        match &self.at {
            Some((path, Opened::Directory(directory))) => Some((path, directory.as_fd())),
            _ => None,
        }
    }
}
