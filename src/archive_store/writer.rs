//! The writer of an archive, wherever it is kept.
//!
//! Floor 6, adapter of [`CertificateArchive`]. Every step is idempotent: after a crash the same call with
//! the same bytes completes what is missing.

use async_trait::async_trait;

use super::log_writer::LogWriter;
use super::store::Store;
use crate::archive::entry::LogEntry;
use crate::archive::layout::{ArchivePath, CertificatePart, CertificatePlace};
use crate::archive::note::NoteSigner;
use crate::archive::{ArchiveError, CertificateArchive, Publication, Published};
use crate::certificate::{ENVELOPE_BYTES_MAX, TrustRoot};
use crate::digest::Digest32;
use connectors::failpoint;

/// Writes an archive kept in `S`.
pub struct ArchiveWriter<S> {
    files: S,
    log: LogWriter,
    pub(super) trust_root: TrustRoot,
}

/// What an archive is opened with.
pub(super) struct Opening<'a> {
    /// The signed trust root's file, which is filed with its keys.
    pub(super) trust_root: &'a [u8],
    pub(super) log_signer: Box<dyn NoteSigner>,
    /// The newest checkpoint that the caller has kept outside the archive.
    pub(super) kept_note: Option<&'a str>,
}

#[expect(private_bounds, reason = "the places are those of this module")]
impl<S: Store> ArchiveWriter<S> {
    /// Files the trust root and reads the log, or starts one.
    pub(super) async fn begin(files: S, opening: Opening<'_>) -> Result<Self, ArchiveError> {
        let Opening { trust_root: bytes, log_signer, kept_note } = opening;
        let trust_root = TrustRoot::parse(bytes)?;
        let key = log_signer.verifier_key();
        if trust_root.log.vkey != key.to_text() || trust_root.log.origin.as_str() != key.name() {
            return Err(ArchiveError::OtherLog);
        }
        file_trust_root(&files, &trust_root, bytes).await?;
        let log = LogWriter::open(&files, log_signer, kept_note).await?;
        Ok(Self { files, log, trust_root })
    }

    async fn append(&mut self, entry: LogEntry) -> Result<u64, ArchiveError> {
        self.log.append_if_absent(&self.files, entry).await
    }

    /// Refuses a certificate that names a policy which is neither given nor filed.
    async fn policies_are_known(
        &self,
        evidence: &crate::evidence::Evidence,
        given: &[Digest32],
    ) -> Result<(), ArchiveError> {
        for policy in &evidence.policies {
            let path = ArchivePath::Policy(policy.digest).to_string();
            let known =
                given.contains(&policy.digest) || self.files.read(&path, ENVELOPE_BYTES_MAX).await?.is_some();
            if !known {
                return Err(ArchiveError::DigestDiffers { digest: policy.digest });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl<S: Store> CertificateArchive for ArchiveWriter<S> {
    async fn publish_intent(&mut self, plan_digest: Digest32, plan_json: &[u8]) -> Result<u64, ArchiveError> {
        if Digest32::of(plan_json) != plan_digest {
            return Err(ArchiveError::DigestDiffers { digest: plan_digest });
        }
        self.files.write_once(&ArchivePath::Plan(plan_digest).to_string(), plan_json).await?;
        failpoint::hit("after-plan-filed");
        self.append(LogEntry::Intent(plan_digest)).await
    }

    async fn file_policies(&mut self, policies: &[Vec<u8>]) -> Result<(), ArchiveError> {
        for policy in policies {
            let path = ArchivePath::Policy(Digest32::of(policy)).to_string();
            self.files.write_once(&path, policy).await?;
        }
        Ok(())
    }

    async fn publish_abandonment(&mut self, plan_digest: Digest32) -> Result<u64, ArchiveError> {
        if self.log.find(&LogEntry::Intent(plan_digest)).is_none() {
            return Err(ArchiveError::IntentMissing);
        }
        self.append(LogEntry::Abandoned(plan_digest)).await
    }

    async fn publish(&mut self, publication: &Publication<'_>) -> Result<Published, ArchiveError> {
        let verified = self.trust_root.verify(publication.envelope)?;
        let predicate = &verified.statement.predicate;
        let evidence = &predicate.evidence;
        let intent = self.log.find(&LogEntry::Intent(evidence.plan_digest));
        if intent != Some(evidence.intent_log_index) {
            return Err(ArchiveError::IntentMissing);
        }
        let given: Vec<Digest32> = publication.policies.iter().map(|policy| Digest32::of(policy)).collect();
        self.policies_are_known(evidence, &given).await?;
        for (policy, digest) in publication.policies.iter().zip(given) {
            self.files.write_once(&ArchivePath::Policy(digest).to_string(), policy).await?;
        }
        let place = CertificatePlace::new(predicate.certificate_id.clone(), predicate.issued_at);
        let path = |part| ArchivePath::Certificate(place.clone(), part).to_string();
        self.files.write_once(&path(CertificatePart::Envelope), publication.envelope).await?;
        failpoint::hit("after-envelope");
        self.files.write_once(&path(CertificatePart::Html), publication.html.as_bytes()).await?;
        let entry = LogEntry::Certificate(verified.envelope_digest);
        let log_index = self.append(entry).await?;
        failpoint::hit("before-proof");
        let proof = self.log.proof(&self.files, log_index).await?;
        self.files.write_once(&path(CertificatePart::Proof), proof.as_bytes()).await?;
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

async fn file_trust_root(files: &dyn Store, given: &TrustRoot, bytes: &[u8]) -> Result<(), ArchiveError> {
    let path = ArchivePath::TrustRoot.to_string();
    let found = files.read(&path, ENVELOPE_BYTES_MAX).await?;
    if found.as_deref() != Some(bytes) {
        if let Some(found) = found {
            let found = TrustRoot::parse(&found)?;
            if found.version >= given.version {
                return Err(ArchiveError::TrustRootOlder { found: found.version, given: given.version });
            }
        }
        files.replace(&path, bytes).await?;
    }
    files.is_fit((&path, bytes)).await?;
    for key in &given.keys {
        let path = ArchivePath::PublicKey(key.keyid).to_string();
        files.write_once(&path, key.public_key_pem.as_bytes()).await?;
    }
    Ok(())
}
