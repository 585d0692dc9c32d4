//! A new project directory: documents with comments, keys, and the trust root for auditors.
//!
//! Floor 7. Writes into a directory of the caller's choice and overwrites nothing: everything that
//! would be written is looked for first. Says nothing itself.
#![expect(clippy::disallowed_methods, reason = "makes the directories and files of a new project")]

use crate::archive::note::NoteSigner;
use crate::certificate::trust_root::LogKey;
use crate::certificate::{CertificateError, Signer, TrustRoot};
use crate::digest::hex;
use crate::evidence::Code;
use crate::ids::{IdSource, RandomnessError};
use crate::keys::{self, FileLogSigner, FileSigner, KeyError};
use crate::policy::Language;
use chrono::{DateTime, Utc};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file of keys to trust, beside the settings and outside the archive.
pub const TRUST_ROOT_FILE: &str = "trust-root.json";
/// The settings file.
pub const SETTINGS_FILE: &str = "oubliette.yaml";

const DIRECTORIES: [&str; 5] = ["state", "certificates", "sealed", "keys", "policies"];
const KEYS: [&str; 3] = ["keys/certificate.key", "keys/log.key", "keys/sealing.key"];
const GITIGNORE: &str = "# Keys, the ledger and what links certificates to records stay here.\n/keys/\n/state/\n/sealed/\n/data/*.db*\n";

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitError {
    #[error("{} exists already; nothing was written", path.display())]
    Exists { path: PathBuf },
    #[error("{} cannot be written: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the trust root cannot be made: {0}")]
    TrustRoot(#[from] CertificateError),
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    #[error("the name of the log is not valid")]
    Origin,
}

impl InitError {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists { .. } => Some("choose another directory; a project is never overwritten"),
            Self::Io { .. } => Some("check the rights of the directory and the free space"),
            Self::Key(_) | Self::TrustRoot(_) | Self::Randomness(_) | Self::Origin => None,
        }
    }
}

/// One file of a project: its path below the directory, and its text.
pub type ProjectFile<'a> = (&'a str, &'a str);

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// Paths below the directory, in the order in which they were written.
    pub files: Vec<String>,
    /// SHA-256 of the trust root's file: what auditors are told by another way.
    pub trust_root_fingerprint: String,
}

/// The documents of the example, in the language.
#[must_use]
pub fn example(language: Language) -> [ProjectFile<'static>; 4] {
    let sql = ("data/example.sql", include_str!("../../packaging/example/example.sql"));
    match language {
        Language::Fr => [
            (SETTINGS_FILE, include_str!("fr/oubliette.yaml")),
            ("data-map.yaml", include_str!("fr/data-map.yaml")),
            ("policies/example.yaml", include_str!("fr/example.yaml")),
            sql,
        ],
        Language::En => [
            (SETTINGS_FILE, include_str!("en/oubliette.yaml")),
            ("data-map.yaml", include_str!("../../packaging/example/data-map.yaml")),
            ("policies/example.yaml", include_str!("../../packaging/example/policies/example.yaml")),
            sql,
        ],
    }
}

/// Makes a project with these documents, new keys and their trust root.
///
/// # Errors
/// [`InitError::Exists`] before anything is written when any of its files is there already.
pub fn create(
    directory: &Path,
    documents: &[ProjectFile<'_>],
    now: DateTime<Utc>,
    ids: &dyn IdSource,
) -> Result<NewProject, InitError> {
    let others = [".gitignore", TRUST_ROOT_FILE];
    let names = documents.iter().map(|(name, _)| *name).chain(others).chain(KEYS);
    for path in names.map(|name| directory.join(name)) {
        if path.symlink_metadata().is_ok() {
            return Err(InitError::Exists { path });
        }
    }
    for name in DIRECTORIES {
        let path = directory.join(name);
        fs::create_dir_all(&path).map_err(|source| InitError::Io { path: path.clone(), source })?;
        if name != "certificates" && name != "policies" {
            keep_private(&path)?;
        }
    }
    let mut files = Vec::new();
    for (name, text) in documents.iter().copied().chain([(".gitignore", GITIGNORE)]) {
        write_new(&directory.join(name), text.as_bytes(), 0o644)?;
        files.push(name.to_owned());
    }
    let trust_root = make_keys(directory, now, ids)?;
    write_new(&directory.join(TRUST_ROOT_FILE), &trust_root, 0o644)?;
    files.extend(KEYS.iter().chain([&TRUST_ROOT_FILE]).map(|name| (*name).to_owned()));
    Ok(NewProject { files, trust_root_fingerprint: TrustRoot::fingerprint(&trust_root).to_string() })
}

/// Makes the three keys; the bytes of the signed trust root.
fn make_keys(directory: &Path, now: DateTime<Utc>, ids: &dyn IdSource) -> Result<Vec<u8>, InitError> {
    let mut failed = None;
    let mut randomness = |bytes: &mut [u8]| failed = ids.fill(bytes).err().or(failed);
    // A log's name must be unique and is public: it names no machine and no person.
    let mut name = [0_u8; 8];
    ids.fill(&mut name)?;
    let origin = format!("oubliette/{}", hex(&name));
    let [certificate, log, sealing] = KEYS.map(|name| directory.join(name));
    let signer = FileSigner::generate(&certificate, &mut randomness)?;
    let log_signer = FileLogSigner::generate(&log, &origin, &mut randomness)?;
    keys::generate_sealing_key(&sealing, &mut randomness)?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let log_key = LogKey {
        origin: Code::new(&origin).map_err(|_| InitError::Origin)?,
        vkey: log_signer.verifier_key().to_text(),
    };
    let root = TrustRoot::first(signer.public_key(), log_key, now);
    Ok(root.sign(&[&signer as &dyn Signer])?)
}

/// Writes a file that must not exist, durably.
///
/// # Errors
/// [`InitError::Exists`] when it does.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), InitError> {
    let mut file = create_new(path, mode)?;
    let failed = |source| InitError::Io { path: path.to_path_buf(), source };
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Makes a new file with these rights, to be written.
///
/// # Errors
/// When something is there already, or it cannot be made.
pub fn create_new(path: &Path, mode: u32) -> Result<fs::File, InitError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists { path: path.to_path_buf() },
        _ => InitError::Io { path: path.to_path_buf(), source },
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.open(path).map_err(failed)
}

fn keep_private(path: &Path) -> Result<(), InitError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(|source| InitError::Io { path: path.to_path_buf(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    #[derive(Debug, Default)]
    struct Counting(AtomicU8);

    impl IdSource for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessError> {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    #[test]
    fn a_project_has_documents_private_keys_and_a_trust_root_outside_the_archive() {
        use std::os::unix::fs::PermissionsExt as _;
        for language in [Language::Fr, Language::En] {
            let directory = tempfile::tempdir().unwrap();
            let made = create(directory.path(), &example(language), now(), &Counting::default()).unwrap();
            for name in &made.files {
                assert!(directory.path().join(name).is_file(), "{name}");
            }
            for name in KEYS {
                let mode = fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{name}");
            }
            let bytes = fs::read(directory.path().join(TRUST_ROOT_FILE)).unwrap();
            assert_eq!(TrustRoot::fingerprint(&bytes).to_string(), made.trust_root_fingerprint);
            TrustRoot::parse(&bytes).unwrap();
        }
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_written_half() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("trust-root.json"), "mine").unwrap();
        let refused = create(directory.path(), &example(Language::En), now(), &Counting::default());
        assert!(matches!(refused, Err(InitError::Exists { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(directory.path().join("trust-root.json")).unwrap(), "mine");
    }
}
