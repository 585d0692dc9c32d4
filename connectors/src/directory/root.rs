//! The root of a directory store, opened once, and the only ways to reach what lies beneath it.
//!
//! Every call is relative to a directory that is already open, and none follows a symbolic link,
//! leaves the root or crosses a mount point. On Linux the kernel promises that in one call
//! (`openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV`, see openat2(2));
//! elsewhere, and where a sandbox forbids that call, one component after the other is opened with
//! `O_NOFOLLOW` and its device compared with that of the root (which does not notice a bind mount of
//! the same file system).
//!
//! Floor: system calls. It knows neither selections nor templates.

use super::key;
use crate::error::ConnectorError;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, fsync, openat, statat};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

const DIRECTORY_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Attempts at `openat2` when somebody renames directories meanwhile (it answers `EAGAIN` then).
const RACE_ATTEMPTS_MAX: u32 = 8;

/// Longest relative path handed to the kernel in one piece; `PATH_MAX` is 4096 with its end.
const PATH_BYTES_MAX: usize = 4000;

/// An open root directory. Whatever is later put in its place, this one is meant.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    store: String,
    device: u64,
    resolves_beneath: bool,
}

/// What stands where a directory was looked for.
#[derive(Debug)]
pub(super) enum Opened {
    Directory(OwnedFd),
    /// Nothing, or something that cannot have entries: no record can be beneath.
    Absent,
    /// A symbolic link or a mount point: what is beneath belongs to somebody else.
    Foreign,
}

/// What is known of one directory entry, and enough to notice any change to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) regular: bool,
    pub(super) links: u64,
    pub(super) size: u64,
    /// Seconds since 1970 and nanoseconds, as the file system keeps them (`st_mtime`, `st_ctime`).
    pub(super) modified: (i64, u32),
    pub(super) inode_changed: (i64, u32),
    inode: u64,
    device: u64,
}

impl Status {
    /// Of something that cannot be looked at by its name.
    pub(super) const UNSEEN: Self = Self {
        regular: false,
        links: 0,
        size: 0,
        modified: (0, 0),
        inode_changed: (0, 0),
        inode: 0,
        device: 0,
    };
}

impl Root {
    /// Opens the root. Links on the way to it are the operator's; the root itself must be none.
    pub(super) fn open(store: &str, path: &Path) -> Result<Self, ConnectorError> {
        // "link/" and "link/." would be resolved in spite of O_NOFOLLOW.
        let path: PathBuf = path.components().collect();
        let fd = openat(CWD, &path, DIRECTORY_FLAGS, Mode::empty())
            .map_err(|errno| root_error(store, &path, errno))?;
        let status = fstat(&fd).map_err(|errno| system_error(store, "looking at the root", errno))?;
        let resolves_beneath = open_beneath(fd.as_fd(), b".").is_ok();
        Ok(Self { fd, store: store.to_owned(), device: device_of(&status), resolves_beneath })
    }

    /// For tests: as if the kernel had no `openat2`.
    #[cfg(test)]
    pub(super) fn without_openat2(mut self) -> Self {
        self.resolves_beneath = false;
        self
    }

    pub(super) fn store(&self) -> &str {
        &self.store
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The root once more, with a position of its own for reading.
    pub(super) fn reopen(&self) -> Result<OwnedFd, Errno> {
        openat(&self.fd, c".", DIRECTORY_FLAGS, Mode::empty())
    }

    /// Opens the directory `name`, one component, in `parent`.
    pub(super) fn open_child(&self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<Opened, Errno> {
        if self.resolves_beneath
            && let Some(opened) = settle_beneath(parent, name)
        {
            return opened;
        }
        let fd = match openat(parent, name, DIRECTORY_FLAGS, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(Opened::Absent),
            // Linux answers ENOTDIR for a link too when a directory is asked for.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => return not_a_directory(parent, name),
            Err(errno) => return Err(errno),
        };
        if device_of(&fstat(&fd)?) == self.device { Ok(Opened::Directory(fd)) } else { Ok(Opened::Foreign) }
    }

    /// Opens the directory with this path relative to the root; the empty path is the root itself.
    pub(super) fn open_directory(&self, path: &str) -> Result<Opened, Errno> {
        if path.is_empty() {
            return Ok(Opened::Directory(self.reopen()?));
        }
        if !key::is_plain(path) {
            return Err(Errno::INVAL);
        }
        if self.resolves_beneath
            && path.len() <= PATH_BYTES_MAX
            && let Some(opened) = settle_beneath(self.fd(), path.as_bytes())
        {
            return opened;
        }
        let mut current = self.reopen()?;
        for component in path.split('/') {
            match self.open_child(current.as_fd(), component.as_bytes())? {
                Opened::Directory(next) => current = next,
                other => return Ok(other),
            }
        }
        Ok(Opened::Directory(current))
    }

    /// Makes all that was removed beneath the root survive a loss of power.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        sync_file_system(self.fd())
    }
}

/// What the entry `name` of `directory` is, without following it; `None` if there is none.
pub(super) fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Status>, Errno> {
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Status::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Makes removals from one directory survive a loss of power. File systems that cannot sync a
/// directory say so with `EINVAL`; theirs are as durable as they get.
pub(super) fn sync_directory(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    match fsync(directory) {
        Err(Errno::INVAL) => Ok(()),
        other => other,
    }
}

#[cfg(target_os = "linux")]
fn sync_file_system(root: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::fs::syncfs(root)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_root: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::fs::sync();
    Ok(())
}

#[cfg(target_os = "linux")]
fn open_beneath(directory: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    openat2(directory, path, DIRECTORY_FLAGS, Mode::empty(), resolve)
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_directory: BorrowedFd<'_>, _path: &[u8]) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens in one call, or answers `None` when the way by components has to decide.
fn settle_beneath(directory: BorrowedFd<'_>, path: &[u8]) -> Option<Result<Opened, Errno>> {
    for _ in 0..RACE_ATTEMPTS_MAX {
        return match open_beneath(directory, path) {
            Ok(fd) => Some(Ok(Opened::Directory(fd))),
            Err(Errno::NOENT) => Some(Ok(Opened::Absent)),
            Err(Errno::LOOP | Errno::XDEV) => Some(Ok(Opened::Foreign)),
            Err(Errno::AGAIN) => continue,
            Err(Errno::NOTDIR | Errno::NOSYS | Errno::NAMETOOLONG) => None,
            Err(errno) => Some(Err(errno)),
        };
    }
    None
}

fn not_a_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Opened, Errno> {
    let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Opened::Absent),
        Err(errno) => return Err(errno),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Symlink => Ok(Opened::Foreign),
        // It became a directory again meanwhile: too restless to judge.
        FileType::Directory => Err(Errno::AGAIN),
        _ => Ok(Opened::Absent),
    }
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_fallible_conversions,
    reason = "the widths of these fields differ between platforms"
)]
impl Status {
    /// A regular file with no other name. Removing one name of several erases nothing: the content
    /// stays reachable under the others, which may be anywhere.
    pub(super) fn is_governable(&self) -> bool {
        self.regular && self.links == 1
    }

    fn of(stat: &rustix::fs::Stat) -> Self {
        Self {
            regular: FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
            links: u64::try_from(stat.st_nlink).unwrap_or(u64::MAX),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: instant_parts(i64::try_from(stat.st_mtime), u32::try_from(stat.st_mtime_nsec)),
            inode_changed: instant_parts(i64::try_from(stat.st_ctime), u32::try_from(stat.st_ctime_nsec)),
            inode: u64::try_from(stat.st_ino).unwrap_or(0),
            device: device_of(stat),
        }
    }
}

/// Out of range on either side becomes an instant that no calendar has, so the start is missing.
fn instant_parts<A, B>(seconds: Result<i64, A>, nanoseconds: Result<u32, B>) -> (i64, u32) {
    (seconds.unwrap_or(i64::MAX), nanoseconds.unwrap_or(u32::MAX))
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_fallible_conversions,
    reason = "the width of this field differs between platforms"
)]
fn device_of(stat: &rustix::fs::Stat) -> u64 {
    u64::try_from(stat.st_dev).unwrap_or(u64::MAX)
}

fn root_error(store: &str, path: &Path, errno: Errno) -> ConnectorError {
    let is_link =
        rustix::fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    let store = store.to_owned();
    match errno {
        _ if is_link => ConnectorError::Failed {
            store,
            reason: "its root is a symbolic link, and links are not followed".to_owned(),
        },
        Errno::NOENT => {
            ConnectorError::Unreachable { store, reason: "its root directory does not exist".to_owned() }
        }
        Errno::NOTDIR => ConnectorError::Failed { store, reason: "its root is not a directory".to_owned() },
        errno => system_error(&store, "opening the root", errno),
    }
}

/// An error of the operating system by what the caller can do about it. `doing` says what was tried,
/// never on which file.
pub(super) fn system_error(store: &str, doing: &str, errno: Errno) -> ConnectorError {
    let store = store.to_owned();
    let reason = format!("{doing}: {}", std::io::Error::from(errno).kind());
    match errno {
        Errno::ACCESS | Errno::PERM | Errno::ROFS => ConnectorError::Denied { store, reason },
        Errno::NOSPC | Errno::DQUOT => ConnectorError::Full { store, reason },
        Errno::BUSY | Errno::AGAIN => ConnectorError::Busy { store, reason },
        Errno::STALE | Errno::NOTCONN | Errno::HOSTDOWN | Errno::NODEV | Errno::TIMEDOUT => {
            ConnectorError::Unreachable { store, reason }
        }
        _ => ConnectorError::Failed { store, reason },
    }
}
