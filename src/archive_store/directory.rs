//! An archive in a directory.
//!
//! Floor 6, adapter of [`CertificateArchive`]. One writer at a time (a lock file held by the
//! operating system, freed when the process ends however it ends). Every step is idempotent: after
//! a crash the same call with the same bytes completes what is missing.
#![expect(clippy::disallowed_methods, reason = "opens the lock file")]

use std::fs::File;
use std::path::Path;

use super::files::{DurableFiles, LOCK, io_error};
use super::log_writer::LogWriter;
use crate::archive::entry::LogEntry;
use crate::archive::layout::{ArchivePath, CertificatePart, CertificatePlace};
use crate::archive::note::NoteSigner;
use crate::archive::{ArchiveError, CertificateArchive, Publication, Published};
use crate::certificate::{ENVELOPE_BYTES_MAX, TrustRoot};
use crate::digest::Digest32;
use connectors::failpoint;

/// Everybody may read an archive: nothing personal is in it.
const MODE: u32 = 0o644;

/// Writes an archive in a directory.
pub struct DirectoryArchive {
    files: DurableFiles,
    log: LogWriter,
    trust_root: TrustRoot,
    _lock: File,
}

impl DirectoryArchive {
    /// Opens an archive for writing; an empty directory becomes one. `trust_root` is the signed trust
    /// root's file, which is filed with its keys. `kept_note` is the newest checkpoint the caller
    /// has kept outside the archive.
    ///
    /// # Errors
    /// If another program writes to it, the log is not the one that was published before, or the
    /// trust root is older than the archive's or names another log.
    pub fn open(
        root: &Path,
        trust_root: &[u8],
        log_signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        let files = DurableFiles::open(root, MODE)?;
        Self::open_files(files, trust_root, log_signer, kept_note)
    }

    fn open_files(
        files: DurableFiles,
        trust_root_bytes: &[u8],
        log_signer: Box<dyn NoteSigner>,
        kept_note: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        let trust_root = TrustRoot::parse(trust_root_bytes)?;
        let key = log_signer.verifier_key();
        if trust_root.log.vkey != key.to_text() || trust_root.log.origin.as_str() != key.name() {
            return Err(ArchiveError::OtherLog);
        }
        let lock = lock(&files)?;
        files.clean()?;
        file_trust_root(&files, &trust_root, trust_root_bytes)?;
        let log = LogWriter::open(&files, log_signer, kept_note)?;
        Ok(Self { files, log, trust_root, _lock: lock })
    }

    fn publish_for_plan(&mut self, entry: LogEntry) -> Result<u64, ArchiveError> {
        self.log.append_if_absent(&self.files, entry)
    }
}

impl CertificateArchive for DirectoryArchive {
    fn publish_intent(&mut self, plan_digest: Digest32, plan_json: &[u8]) -> Result<u64, ArchiveError> {
        if Digest32::of(plan_json) != plan_digest {
            return Err(ArchiveError::DigestDiffers { digest: plan_digest });
        }
        self.files.write_once(&ArchivePath::Plan(plan_digest).to_string(), plan_json)?;
        self.publish_for_plan(LogEntry::Intent(plan_digest))
    }

    fn file_policies(&mut self, policies: &[Vec<u8>]) -> Result<(), ArchiveError> {
        for policy in policies {
            let path = ArchivePath::Policy(Digest32::of(policy)).to_string();
            self.files.write_once(&path, policy)?;
        }
        Ok(())
    }

    fn publish_abandonment(&mut self, plan_digest: Digest32) -> Result<u64, ArchiveError> {
        if self.log.find(&LogEntry::Intent(plan_digest)).is_none() {
            return Err(ArchiveError::IntentMissing);
        }
        self.publish_for_plan(LogEntry::Abandoned(plan_digest))
    }

    fn publish(&mut self, publication: &Publication<'_>) -> Result<Published, ArchiveError> {
        let verified = self.trust_root.verify(publication.envelope)?;
        let predicate = &verified.statement.predicate;
        let evidence = &predicate.evidence;
        let intent = self.log.find(&LogEntry::Intent(evidence.plan_digest));
        if intent != Some(evidence.intent_log_index) {
            return Err(ArchiveError::IntentMissing);
        }
        let given: Vec<Digest32> = publication.policies.iter().map(|policy| Digest32::of(policy)).collect();
        for policy in &evidence.policies {
            let path = ArchivePath::Policy(policy.digest).to_string();
            let known =
                given.contains(&policy.digest) || self.files.read(&path, ENVELOPE_BYTES_MAX)?.is_some();
            if !known {
                return Err(ArchiveError::DigestDiffers { digest: policy.digest });
            }
        }
        for (policy, digest) in publication.policies.iter().zip(given) {
            self.files.write_once(&ArchivePath::Policy(digest).to_string(), policy)?;
        }
        let place = CertificatePlace::new(predicate.certificate_id.clone(), predicate.issued_at);
        let path = |part| ArchivePath::Certificate(place.clone(), part).to_string();
        self.files.write_once(&path(CertificatePart::Envelope), publication.envelope)?;
        failpoint::hit("after-envelope");
        self.files.write_once(&path(CertificatePart::Html), publication.html.as_bytes())?;
        let entry = LogEntry::Certificate(verified.envelope_digest);
        let log_index = self.log.append_if_absent(&self.files, entry)?;
        failpoint::hit("before-proof");
        let proof = self.log.proof(&self.files, log_index)?;
        self.files.write_once(&path(CertificatePart::Proof), proof.as_bytes())?;
        Ok(Published {
            certificate_id: predicate.certificate_id.clone(),
            log_index,
            tree_size: log_index + 1,
            envelope_digest: verified.envelope_digest,
        })
    }

    fn checkpoint(&self) -> &str {
        self.log.note()
    }
}

fn lock(files: &DurableFiles) -> Result<File, ArchiveError> {
    let path = files.full_path(LOCK);
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = options.open(path).map_err(|source| io_error(LOCK, source))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(ArchiveError::Locked),
        Err(error) => Err(io_error(LOCK, error.into())),
    }
}

fn file_trust_root(files: &DurableFiles, given: &TrustRoot, bytes: &[u8]) -> Result<(), ArchiveError> {
    let path = ArchivePath::TrustRoot.to_string();
    let found = files.read(&path, ENVELOPE_BYTES_MAX)?;
    if found.as_deref() != Some(bytes) {
        if let Some(found) = found {
            let found = TrustRoot::parse(&found)?;
            if found.version >= given.version {
                return Err(ArchiveError::TrustRootOlder { found: found.version, given: given.version });
            }
        }
        files.replace(&path, bytes)?;
    }
    for key in &given.keys {
        files.write_once(&ArchivePath::PublicKey(key.keyid).to_string(), key.public_key_pem.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
