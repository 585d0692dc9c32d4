//! Files in a directory, written so that a crash leaves either the old or the new file.
//!
//! Floor 6. A write is: temporary file, its bytes on the disk, rename, the directory on the disk.
//! Reading never follows a symbolic link. Knows nothing of what the files mean.
#![expect(clippy::disallowed_methods, reason = "the adapter for archive files")]

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::archive::{ArchiveError, ArchiveFiles, ListedFile, Past};

/// Unfinished files live here; the writer empties it when it opens the archive.
pub(super) const TEMPORARY: &str = ".tmp";
/// Held while somebody writes; always empty.
pub(super) const LOCK: &str = ".lock";
/// Deeper folders are not looked into: the deepest known path has 5 parts, entries tiles up to 9.
const DEPTH_MAX: usize = 12;

/// An archive in a directory, for reading.
#[derive(Debug, Clone)]
pub struct DirectoryFiles {
    root: PathBuf,
}

impl DirectoryFiles {
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn list_into(
        &self,
        folder: &str,
        depth: usize,
        files_max: usize,
        files: &mut Vec<ListedFile>,
    ) -> Result<(), ArchiveError> {
        let failed = |source| io_error(folder, source);
        for entry in fs::read_dir(self.root.join(folder)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name();
            let name_text = name.to_string_lossy();
            let path =
                if folder.is_empty() { name_text.to_string() } else { format!("{folder}/{name_text}") };
            if files.len() >= files_max {
                return Err(failed(io::Error::other("too many files")));
            }
            if kind.is_dir() && name.to_str().is_some() && depth < DEPTH_MAX {
                self.list_into(&path, depth + 1, files_max, files)?;
            } else {
                let size_bytes = entry.metadata().map_err(failed)?.len();
                files.push(ListedFile {
                    path,
                    is_plain: kind.is_file() && name.to_str().is_some(),
                    size_bytes,
                    past: Past::default(),
                });
            }
        }
        Ok(())
    }
}

impl ArchiveFiles for DirectoryFiles {
    fn list(&self, files_max: usize) -> Result<Vec<ListedFile>, ArchiveError> {
        let mut files = Vec::new();
        self.list_into("", 0, files_max, &mut files)?;
        files.sort();
        Ok(files)
    }

    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        let failed = |source| io_error(path, source);
        let full = self.root.join(path);
        match fs::symlink_metadata(&full) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        }
        let mut options = File::options();
        options.read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            rustix::fs::OFlags::NOFOLLOW.bits().cast_signed(),
        );
        let file = options.open(&full).map_err(failed)?;
        let mut bytes = Vec::new();
        let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > bytes_max {
            return Err(failed(io::Error::other(format!("larger than {bytes_max} bytes"))));
        }
        Ok(Some(bytes))
    }
}

/// Writes files below a root, durably.
#[derive(Debug)]
pub(super) struct DurableFiles {
    root: PathBuf,
    reader: DirectoryFiles,
    mode: u32,
    /// Tests let the n-th step fail, as a crash would.
    #[cfg(test)]
    pub(super) steps_left: std::sync::Mutex<Option<u32>>,
}

impl DurableFiles {
    /// Opens a root, which is made if need be, and removes unfinished files. Files get this mode,
    /// folders the same with the right to enter.
    pub(super) fn open(root: &Path, mode: u32) -> Result<Self, ArchiveError> {
        let files = Self {
            root: root.to_path_buf(),
            reader: DirectoryFiles::new(root),
            mode,
            #[cfg(test)]
            steps_left: std::sync::Mutex::new(None),
        };
        files.ensure_folder(&files.root).map_err(|source| io_error("", source))?;
        Ok(files)
    }

    /// Removes what an interrupted writer left unfinished. Only for the holder of the lock.
    pub(super) fn clean(&self) -> Result<(), ArchiveError> {
        self.remove_folder(TEMPORARY)
    }

    pub(super) fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.reader.read(path, bytes_max)
    }

    pub(super) fn full_path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Writes a file that never changes. If it is there with the same bytes, that is made durable;
    /// with other bytes it is a conflict.
    pub(super) fn write_once(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        match self.read(path, bytes.len()) {
            Ok(None) => self.replace(path, bytes),
            Ok(Some(found)) if found == bytes => {
                sync_parent(&self.full_path(path)).map_err(|source| io_error(path, source))
            }
            _ => Err(ArchiveError::Conflict { path: path.to_owned() }),
        }
    }

    /// Writes a file, in place of what may be there.
    pub(super) fn replace(&self, path: &str, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.replace_in_steps(path, bytes).map_err(|source| io_error(path, source))
    }

    fn replace_in_steps(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.full_path(path);
        if let Some(parent) = target.parent() {
            self.ensure_folder(parent)?;
        }
        let temporary = self.root.join(TEMPORARY).join(path.replace('/', "_"));
        self.ensure_folder(&self.root.join(TEMPORARY))?;
        self.step()?;
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, self.mode);
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        self.step()?;
        file.sync_all()?;
        self.step()?;
        fs::rename(&temporary, &target)?;
        self.step()?;
        sync_parent(&target)
    }

    /// Removes a folder with its files, if it is there.
    pub(super) fn remove_folder(&self, path: &str) -> Result<(), ArchiveError> {
        let removed = self.step().and_then(|()| fs::remove_dir_all(self.full_path(path)));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path, error)),
            _ => Ok(()),
        }
    }

    /// Makes a folder and those above it, each durable in its parent.
    fn ensure_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.ensure_folder(parent)?;
        }
        self.step()?;
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, self.mode | (self.mode & 0o444) >> 2);
        match builder.create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_parent(folder),
        }
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        let mut left = self.steps_left.lock().map_err(|_| io::Error::other("a test panicked"))?;
        match left.as_mut() {
            Some(0) => return Err(io::Error::other("interrupted by the test")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests interrupt here")]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a rename or a new name durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn io_error(path: &str, source: io::Error) -> ArchiveError {
    ArchiveError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_listed_and_never_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let outside = tempfile::NamedTempFile::new().expect("a file");
        std::os::unix::fs::symlink(outside.path(), directory.path().join("checkpoint")).expect("linked");
        std::os::unix::fs::symlink("/", directory.path().join("tile")).expect("linked");
        let files = DirectoryFiles::new(directory.path());
        assert!(files.list(10).expect("listed").iter().all(|file| !file.is_plain));
        assert_eq!(files.read("checkpoint", 10).expect("no error"), None);
    }

    #[test]
    fn a_file_larger_than_allowed_is_an_error_and_not_read_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("plan"), [0; 11]).expect("written");
        let files = DirectoryFiles::new(directory.path());
        assert!(files.read("plan", 10).is_err());
        assert_eq!(files.read("plan", 11).expect("read").map(|bytes| bytes.len()), Some(11));
    }
}
