//! The walk over the files of one dataset, in byte order of their whole keys.
//!
//! It holds the names of one directory a level and nothing else, so memory grows with the largest
//! directories on one path and not with the tree. It can begin after any key: what lies wholly
//! before is not even listed. Names that appear after their directory was listed are met by the
//! next walk, not by this one.
//!
//! It reads only. What it finds has been looked at without following links, but a look grows old:
//! who destroys looks again.

use super::bounds::Bounds;
use super::key;
use super::listing::{Kind, Listing};
use super::root::{Opened, Root, Status, look};
use crate::selection::DoubtReason;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A walk and where it stands.
#[derive(Debug)]
pub(super) struct Walk {
    root: Arc<Root>,
    bounds: Bounds,
    /// Only keys after this one are yielded.
    after: Option<Vec<u8>>,
    levels: Vec<Level>,
    /// Path of the entry found last.
    path: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    directory: OwnedFd,
    listing: Listing,
    /// Bytes of the path of this directory, its final `/` included.
    path_bytes: usize,
}

/// One step of the walk; its path is [`Walk::path`].
#[derive(Debug)]
pub(super) enum Found {
    /// Something with a key of the dataset, as it was a moment ago, and what the template captured.
    Entry(Status, BTreeMap<String, String>),
    /// Something in the place of the dataset of which nothing certain can be said: a symbolic link,
    /// a special file, a name that is not Unicode, a mount point, a path too deep or too long.
    NotGovernable(DoubtReason),
}

impl Walk {
    pub(super) fn start(root: Arc<Root>, bounds: Bounds, after: Option<&str>) -> Result<Self, Errno> {
        let directory = root.reopen()?;
        let mut walk = Self {
            root,
            bounds,
            after: after.map(|text| text.as_bytes().to_vec()),
            levels: Vec::new(),
            path: Vec::new(),
        };
        walk.descend(directory)?;
        Ok(walk)
    }

    /// Path of what was found last.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The next file of the dataset, or what stands in the place of one.
    pub(super) fn advance(&mut self) -> Result<Option<Found>, Errno> {
        while let Some(level) = self.levels.last_mut() {
            self.path.truncate(level.path_bytes);
            let Some((name, kind)) = level.listing.advance() else {
                self.levels.pop();
                continue;
            };
            self.path.extend_from_slice(name);
            let found = if kind == Kind::Directory { self.enter()? } else { self.look_at_entry(kind)? };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Looks at the entry that `path` names, which is no directory.
    fn look_at_entry(&mut self, kind: Kind) -> Result<Option<Found>, Errno> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        let text = String::from_utf8_lossy(&self.path);
        let Some(captures) = self.bounds.captures(&text) else {
            // What a link points to might be a whole directory of the dataset.
            let directory = kind == Kind::Link && self.bounds.may_enter(&format!("{text}/"));
            return Ok(directory.then_some(Found::NotGovernable(DoubtReason::NoRegularFile)));
        };
        let doubt = if kind != Kind::File {
            Some(DoubtReason::NoRegularFile)
        } else if matches!(text, Cow::Owned(_)) {
            Some(DoubtReason::NameUnreadable)
        } else {
            (!key::is_plain(&text)).then_some(DoubtReason::NotGovernable)
        };
        if let Some(doubt) = doubt {
            return Ok(Some(Found::NotGovernable(doubt)));
        }
        let name = self.path.get(level.path_bytes..).unwrap_or_default();
        let status = look(level.directory.as_fd(), name)?;
        Ok(status.map(|status| {
            if status.regular {
                Found::Entry(status, captures)
            } else {
                Found::NotGovernable(DoubtReason::NoRegularFile)
            }
        }))
    }

    /// Enters the directory that `path` names, if there can be something in it.
    fn enter(&mut self) -> Result<Option<Found>, Errno> {
        let Some(level) = self.levels.last() else { return Ok(None) };
        if !self.bounds.may_enter(&format!("{}/", String::from_utf8_lossy(&self.path))) {
            return Ok(None);
        }
        if self.levels.len() > key::DEPTH_MAX || self.path.len() > key::KEY_BYTES_MAX {
            return Ok(Some(Found::NotGovernable(DoubtReason::NotGovernable)));
        }
        let name = self.path.get(level.path_bytes..).unwrap_or_default();
        match self.root.open_child(level.directory.as_fd(), name)? {
            Opened::Directory(directory) => {
                self.path.push(b'/');
                self.descend(directory)?;
                Ok(None)
            }
            Opened::Absent => Ok(None),
            Opened::Foreign => Ok(Some(Found::NotGovernable(DoubtReason::NoRegularFile))),
        }
    }

    /// Lists the directory of `path`, which is empty for the root or ends with `/`.
    fn descend(&mut self, directory: OwnedFd) -> Result<(), Errno> {
        let rest = self.after.as_deref().and_then(|after| after.strip_prefix(self.path.as_slice()));
        let listing = Listing::read(directory.as_fd(), rest)?;
        self.levels.push(Level { directory, listing, path_bytes: self.path.len() });
        Ok(())
    }
}
