//! Files and the environment, as documents and secrets are read from them (floor 6).
//!
//! [`FileReader`] is what the loader knows; [`DiskFiles`] is the real one. Nothing here writes.

#![expect(
    clippy::disallowed_methods,
    reason = "the adapter that reads documents, secrets and the environment"
)]

use super::secret::{SecretError, SecretLookup};
use crate::limits::{FOLDER_ENTRIES_MAX, SECRET_BYTES_MAX};
use std::env::VarError;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// What stands under a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    File,
    /// Names of the entries, in any order, with what they are themselves.
    Folder(Vec<(String, EntryKind)>),
}

/// What an entry of a folder is, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
    Link,
    /// A pipe, socket or device: reading it might never end.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileError {
    #[error("there is no such file or folder")]
    Missing,
    #[error("this is neither a file nor a folder")]
    NeitherFileNorFolder,
    #[error("the folder has more than {FOLDER_ENTRIES_MAX} entries")]
    TooManyEntries,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Where documents come from.
pub trait FileReader {
    /// What stands under a path, links followed.
    ///
    /// # Errors
    /// [`FileError`].
    fn find(&self, path: &Path) -> Result<Found, FileError>;

    /// The first `bytes_max` bytes of a file.
    ///
    /// # Errors
    /// [`FileError`].
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError>;
}

/// The files of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl FileReader for DiskFiles {
    fn find(&self, path: &Path) -> Result<Found, FileError> {
        let metadata = std::fs::metadata(path).map_err(|error| file_error(&error))?;
        if metadata.is_file() {
            return Ok(Found::File);
        }
        if !metadata.is_dir() {
            return Err(FileError::NeitherFileNorFolder);
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|error| file_error(&error))? {
            let entry = entry.map_err(|error| file_error(&error))?;
            if entries.len() >= FOLDER_ENTRIES_MAX {
                return Err(FileError::TooManyEntries);
            }
            let kind = entry.file_type().map_err(|error| file_error(&error))?;
            let kind = match (kind.is_symlink(), kind.is_dir(), kind.is_file()) {
                (true, ..) => EntryKind::Link,
                (_, true, _) => EntryKind::Folder,
                (_, _, true) => EntryKind::File,
                _ => EntryKind::Other,
            };
            // A name that is not Unicode ends in no `.yaml` that could be read.
            entries.push((entry.file_name().to_string_lossy().into_owned(), kind));
        }
        Ok(Found::Folder(entries))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        // A pipe would block for ever: only regular files are opened.
        if self.find(path)? != Found::File {
            return Err(FileError::NeitherFileNorFolder);
        }
        let file = File::open(path).map_err(|error| file_error(&error))?;
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes).map_err(|error| file_error(&error))?;
        Ok(bytes)
    }
}

/// What makes a file the same under several names: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    number: u64,
}

/// The identity of what stands under a path, links followed; `None` if nothing can be seen there.
#[must_use]
pub fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(Identity { device: metadata.dev(), number: metadata.ino() })
}

/// The absolute path, with links followed as far as it exists; the rest is taken as it is written.
#[must_use]
pub fn resolved(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for existing in whole.ancestors() {
        let Ok(found) = std::fs::canonicalize(existing) else { continue };
        let rest = whole.strip_prefix(existing).unwrap_or(Path::new(""));
        return rest.components().fold(found, |mut path, part| {
            match part {
                Component::ParentDir => drop(path.pop()),
                part => path.push(part),
            }
            path
        });
    }
    whole
}

fn file_error(error: &std::io::Error) -> FileError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing,
        kind => FileError::Unreadable(kind.to_string()),
    }
}

/// Secrets out of the environment and files beside the settings.
#[derive(Debug, Clone)]
pub struct SystemSecrets {
    /// The directory of the settings file.
    pub directory: PathBuf,
}

impl SecretLookup for SystemSecrets {
    fn environment(&self, name: &str) -> Result<Option<String>, SecretError> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(SecretError::NotUnicode { name: name.to_owned() }),
        }
    }

    fn file(&self, path: &str) -> Result<String, SecretError> {
        let fail = |reason: String| SecretError::File { path: path.to_owned(), reason };
        let bytes = DiskFiles
            .read(&self.directory.join(path), SECRET_BYTES_MAX + 1)
            .map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 > SECRET_BYTES_MAX {
            return Err(fail(format!("it is larger than {SECRET_BYTES_MAX} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| fail("it is not UTF-8".to_owned()))
    }
}
