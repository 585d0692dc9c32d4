//! The archive: certificates as static files under an append-only log.
//!
//! Floor 5. Here are the formats (C2SP tlog-tiles, signed notes, proofs), the port through which a
//! run publishes ([`CertificateArchive`]), the port through which files are read ([`ArchiveFiles`]),
//! and [`verify`], which needs only the files and the trust root. The adapters that touch disks are
//! in `crate::archive_store`.
//!
//! Nothing personal is in an archive: digests, counts, codes and public aliases.

pub mod entry;
pub mod layout;
pub mod note;
pub mod proof;
pub mod tile;
pub mod verify;

use std::io;

use async_trait::async_trait;
use thiserror::Error;

use crate::certificate::{CertificateError, CertificateId, SignerError};
use crate::digest::Digest32;
use note::NoteError;

/// Publishes what a run must leave behind. Every call may be repeated with the same bytes after a
/// crash at any instant: it then completes what is missing and answers the same.
#[async_trait]
pub trait CertificateArchive: Send {
    /// Files the counts-only plan and enters the intent into the log; the answer is durable before
    /// it is given. To be called before the first destructive statement.
    ///
    /// # Errors
    /// [`ArchiveError::DigestDiffers`] if `plan_digest` is not the SHA-256 of `plan_json`.
    async fn publish_intent(&mut self, plan_digest: Digest32, plan_json: &[u8]) -> Result<u64, ArchiveError>;

    /// Files the policies that a certificate to come will name, so that it does not depend on their
    /// still being there when the run ends.
    ///
    /// # Errors
    /// If the archive cannot be written.
    async fn file_policies(&mut self, policies: &[Vec<u8>]) -> Result<(), ArchiveError>;

    /// Enters that an intended plan ended without disposing of anything.
    ///
    /// # Errors
    /// If the plan was never intended, or the archive cannot be written.
    async fn publish_abandonment(&mut self, plan_digest: Digest32) -> Result<u64, ArchiveError>;

    /// Files a certificate with its view and policies, and enters it into the log.
    ///
    /// # Errors
    /// If the certificate does not hold, its intent is not in the log, its id is taken by other
    /// bytes, or the archive cannot be written.
    async fn publish(&mut self, publication: &Publication<'_>) -> Result<Published, ArchiveError>;

    /// The newest signed checkpoint. The caller keeps it outside the archive and gives it back when
    /// the archive is opened again, so that a log that shrank or forked is noticed.
    fn checkpoint(&self) -> &str;
}

/// A certificate and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The DSSE envelope's file.
    pub envelope: &'a [u8],
    /// The view for people, rendered from the verified envelope.
    pub html: &'a str,
    /// The YAML files whose digests the certificate names.
    pub policies: &'a [&'a [u8]],
}

/// Proof that a certificate is in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub certificate_id: CertificateId,
    pub log_index: u64,
    /// The size of the log at the checkpoint to which the proof beside the certificate leads.
    pub tree_size: u64,
    pub envelope_digest: Digest32,
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    #[error("cannot read or write '{path}' in the archive: {source}")]
    Io { path: String, source: io::Error },
    #[error("another program is writing to this archive")]
    Locked,
    #[error("'{path}' is in the archive with other bytes")]
    Conflict { path: String },
    #[error("the archive is damaged: {reason}; run `oubliette verify`")]
    Damaged { reason: String },
    /// The log has fewer entries than were once signed: somebody put an old copy in place.
    #[error("the log has {found} entries, but {kept} were published before")]
    Shrunk { found: u64, kept: u64 },
    #[error("the log's first {size} entries are not those published before")]
    Forked { size: u64 },
    /// Of two writers of one bucket this one came second. What it wrote is not in the log.
    #[error("another program wrote to the archive in the meantime")]
    Outrun,
    /// Two writers could then put two entries in one place of the log.
    #[error("the store of the archive does not heed conditions on writes ({condition})")]
    NoConditions { condition: &'static str },
    #[error("the bytes do not have the digest {digest}")]
    DigestDiffers { digest: Digest32 },
    #[error("the plan's intent is not in the log where the certificate says")]
    IntentMissing,
    #[error("the trust root does not name the key of this log")]
    OtherLog,
    #[error("the trust root in the archive is version {found}, this one is {given}")]
    TrustRootOlder { found: u32, given: u32 },
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Reads an archive's files, wherever they are.
pub trait ArchiveFiles {
    /// All files, sorted by path. Symbolic links are listed as such and never followed.
    ///
    /// # Errors
    /// If the archive cannot be listed, or has more than `files_max` files.
    fn list(&self, files_max: usize) -> Result<Vec<ListedFile>, ArchiveError>;

    /// One file's bytes; `None` if there is no such regular file.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than `bytes_max`.
    fn read(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, ArchiveError>;

    /// Says what is read next, and in which order, so that what is far away can be fetched ahead.
    fn will_read(&self, _paths: Vec<String>) {}

    /// What stood in a file before, where older versions are kept.
    ///
    /// # Errors
    /// If they cannot be read, or one is larger than `bytes_max`.
    fn earlier(&self, _path: &str, _bytes_max: usize) -> Result<Vec<Vec<u8>>, ArchiveError> {
        Ok(Vec::new())
    }

    /// What the place has to say about the files read so far, once all were read: code, path, words.
    fn remarks(&self) -> Vec<(&'static str, String, String)> {
        Vec::new()
    }
}

/// One name in an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedFile {
    /// Relative, with `/`; where a name is not UTF-8, with replacement characters.
    pub path: String,
    /// Whether it is a plain file with a UTF-8 name.
    pub is_plain: bool,
    pub size_bytes: u64,
    pub past: Past,
}

/// What became of a name where older versions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Past {
    /// Versions under this name besides the newest.
    pub older_versions: u64,
    /// Times that the name was deleted.
    pub deletions: u64,
    /// The last thing that happened was a deletion: there is nothing to read.
    pub is_gone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever an archive's files hold, the parsers answer; what they accept has one spelling.
        #[test]
        fn no_bytes_make_a_parser_panic(bytes: Vec<u8>, path in "[a-z0-9./+-]{0,40}", group in 0_u64..u64::MAX) {
            let key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
            let key = note::VerifierKey::parse(key).expect("a verifier key");
            prop_assert!(note::Checkpoint::open(&bytes, &key).is_err());
            prop_assert!(entry::LogEntry::parse(&bytes).is_none());
            if let Some(entries) = tile::decode_entries(&bytes) {
                prop_assert_eq!(tile::encode_entries(&entries), bytes);
            }
            for text in [path.clone(), format!("tile/{path}"), format!("certificates/{path}"), format!("checkpoints/{path}")] {
                if let Some(parsed) = layout::ArchivePath::parse(&text) {
                    prop_assert_eq!(parsed.to_string(), text);
                }
            }
            let tile = tile::Tile { level: Some(0), index: group, width: 256 };
            prop_assert_eq!(tile::Tile::parse(&tile.path()), Some(tile));
        }
    }
}
