//! Where the archive is: opening it for writing, for reading, and looking whether it is fit.
//!
//! Floor 7.

use super::{App, AppError};
use crate::archive::note::NoteSigner as _;
use crate::archive::verify::{TrustAnchor, VerifyOptions, VerifyReport, verify};
use crate::archive::{ArchiveFiles, CertificateArchive};
use crate::archive_store::{
    BucketArchive, BucketLock, BucketPlace, BucketReader, DirectoryArchive, DirectoryFiles,
};
use crate::certificate::VerifiedCertificate;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::digest::Digest32;
use crate::keys::FileLogSigner;
use crate::settings::{ArchiveBucket, ArchiveLock, ArchiveSettings};
use anyhow::Context as _;
use connectors::s3::files::{BucketFiles, LockMode};
use connectors::s3::{Credentials, S3Options};
use std::path::PathBuf;
use std::sync::Arc;

/// What errors call the archive's bucket.
const ARCHIVE: &str = "archive";

/// An archive for reading, wherever it is.
pub type SharedFiles = Arc<dyn ArchiveFiles + Send + Sync>;

/// What an archive is verified against.
#[derive(Debug, Clone)]
pub struct Auditing {
    pub anchor: Anchor,
    /// An older checkpoint that somebody kept.
    pub kept_checkpoint: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub enum Anchor {
    /// The bytes of the trust root's file.
    File(Vec<u8>),
    Fingerprint(Digest32),
}

/// Verifies an archive beside whatever else goes on.
///
/// # Errors
/// When the work was cut short; findings are in the report.
pub async fn audit(
    files: SharedFiles,
    auditing: Auditing,
    render: fn(&VerifiedCertificate) -> String,
) -> Result<VerifyReport, AppError> {
    let work = move || {
        let anchor = match &auditing.anchor {
            Anchor::File(bytes) => TrustAnchor::File(bytes),
            Anchor::Fingerprint(digest) => TrustAnchor::Fingerprint(*digest),
        };
        let kept_checkpoint = auditing.kept_checkpoint.as_deref();
        verify(&*files, &VerifyOptions { anchor, kept_checkpoint, entries_min: 0 }, &render)
    };
    Ok(tokio::task::spawn_blocking(work).await.context("the archive was not verified to the end")?)
}

/// An archive in a bucket for reading, with credentials of whoever asks.
///
/// # Errors
/// When the certificates to believe cannot be used.
pub async fn bucket_files(
    options: &S3Options,
    prefix: &str,
    credentials: &Credentials,
) -> Result<SharedFiles, AppError> {
    let files = Box::pin(BucketFiles::open(ARCHIVE, options, prefix, credentials)).await?;
    Ok(Arc::new(BucketReader::new(files, None)))
}

impl App {
    /// Opens the archive for writing; refused if it is older than what was published before.
    pub(super) async fn archive(&self) -> Result<Box<dyn CertificateArchive>, AppError> {
        // On the heap: whoever publishes would else carry every request to a bucket on its stack.
        Box::pin(self.open_archive()).await
    }

    async fn open_archive(&self) -> Result<Box<dyn CertificateArchive>, AppError> {
        let trust_root = self.trust_root()?;
        let origin = trust_root.log.origin.as_str();
        let signer = FileLogSigner::open(&self.settings.path(&self.settings.log_key), origin)?;
        let kept = self.ledger.checkpoint(signer.verifier_key().name()).await?;
        let kept = kept.map(String::from_utf8).transpose().context("the kept checkpoint is damaged")?;
        let (kept, signer) = (kept.as_deref(), Box::new(signer));
        let bytes = self.trust_root_bytes()?;
        Ok(match &self.settings.archive {
            ArchiveSettings::Directory { path } => {
                Box::new(DirectoryArchive::open(&self.settings.path(path), &bytes, signer, kept).await?)
            }
            ArchiveSettings::Bucket(bucket) => {
                let place = BucketPlace {
                    files: self.archive_bucket(bucket).await?,
                    lock: bucket.lock.map(lock_of),
                    clock: Arc::clone(&self.environment.clock),
                };
                Box::new(BucketArchive::open(place, &bytes, signer, kept).await?)
            }
        })
    }

    /// The archive for reading; `None` if there is none yet.
    ///
    /// # Errors
    /// When the way to it cannot be opened.
    pub async fn archive_files(&self) -> Result<Option<SharedFiles>, AppError> {
        Ok(match &self.settings.archive {
            ArchiveSettings::Directory { path } => {
                let path = self.settings.path(path);
                path.exists().then(|| Arc::new(DirectoryFiles::new(&path)) as SharedFiles)
            }
            ArchiveSettings::Bucket(bucket) => {
                let files = Box::pin(self.archive_bucket(bucket)).await?;
                Some(Arc::new(BucketReader::new(files, bucket.lock.map(lock_of))))
            }
        })
    }

    async fn archive_bucket(&self, archive: &ArchiveBucket) -> Result<BucketFiles, AppError> {
        let options = self.bucket(ARCHIVE, &archive.bucket, false)?;
        let credentials = self.credentials(&archive.bucket.reader)?;
        Ok(BucketFiles::open(ARCHIVE, &options, &archive.prefix, &credentials).await?)
    }

    /// Where the archive is, as it is shown: a directory, or an `s3://` address.
    #[must_use]
    pub fn archive_place(&self) -> PathBuf {
        match &self.settings.archive {
            ArchiveSettings::Directory { path } => self.settings.path(path),
            ArchiveSettings::Bucket(archive) => {
                PathBuf::from(format!("s3://{}/{}", archive.bucket.name, archive.prefix))
            }
        }
    }

    /// Verifies the whole archive with the project's trust root.
    ///
    /// # Errors
    /// When archive or trust root cannot be opened; findings are in the report.
    pub async fn verify(&self) -> Result<VerifyReport, AppError> {
        let auditing = Auditing { anchor: Anchor::File(self.trust_root_bytes()?), kept_checkpoint: None };
        match self.archive_files().await? {
            Some(files) => audit(files, auditing, self.environment.render).await,
            None => Ok(VerifyReport::default()),
        }
    }

    /// Whether the bucket of the archive keeps what the settings ask for. It writes nothing.
    pub(super) async fn check_archive(&self) -> Result<Diagnostics, AppError> {
        let mut diagnostics = Diagnostics::new();
        let ArchiveSettings::Bucket(archive) = &self.settings.archive else { return Ok(diagnostics) };
        let files = Box::pin(self.archive_bucket(archive)).await?;
        let found = match Box::pin(looked_at(&files, archive)).await {
            Ok(found) => found,
            Err(error) => vec![(Severity::Error, "archive-unreachable", error.to_string(), None)],
        };
        for (severity, code, message, hint) in found {
            let spot = self.places.setting("archive");
            let (file, line, column) = (spot.file, spot.line, spot.column);
            let hint = hint.map(str::to_owned);
            let excerpt = String::new();
            diagnostics.push(Diagnostic { severity, code, file, line, column, message, excerpt, hint });
        }
        Ok(diagnostics)
    }
}

type Found = (Severity, &'static str, String, Option<&'static str>);

/// What is to be said of the bucket.
async fn looked_at(
    files: &BucketFiles,
    archive: &ArchiveBucket,
) -> Result<Vec<Found>, connectors::ConnectorError> {
    let mut found: Vec<Found> = Vec::new();
    let state = files.state().await?;
    match (archive.lock, state.can_lock) {
        (Some(_), Some(false)) => found.push((
            Severity::Error,
            "archive-no-lock",
            "the bucket of the archive has no Object Lock, so nothing can be written under `object_lock`"
                .to_owned(),
            Some(
                "Object Lock is turned on when a bucket is made: make another one, or take `object_lock` out",
            ),
        )),
        (_, None) => found.push((
            Severity::Warning,
            "archive-not-seen",
            "whether the bucket of the archive has Object Lock may not be looked at".to_owned(),
            Some("allow s3:GetBucketObjectLockConfiguration"),
        )),
        (None, Some(_)) if state.default_lock.is_none() => found.push((
            Severity::Warning,
            "archive-not-locked",
            "whoever can delete from the bucket of the archive can delete certificates".to_owned(),
            Some("keep them with `object_lock`, such as P6Y, in a bucket that was made with Object Lock"),
        )),
        (None | Some(_), Some(_)) => {}
    }
    if state.keeps_versions == Some(false) {
        let message = "the bucket of the archive keeps no versions: what is overwritten leaves no trace";
        found.push((
            Severity::Warning,
            "archive-no-versions",
            message.to_owned(),
            Some("turn versioning on"),
        ));
    }
    let Some(lock) = archive.lock.map(lock_of) else { return Ok(found) };
    if let Some(default) = state.default_lock
        && let Some(after) = lock.period.after(chrono::DateTime::UNIX_EPOCH)
        && i64::from(default.days) > after.signed_duration_since(chrono::DateTime::UNIX_EPOCH).num_days()
    {
        let message =
            format!("the bucket's own default lock, {} days, is longer than `object_lock`", default.days);
        let hint = "what is written under `object_lock` is kept for the shorter time";
        found.push((Severity::Warning, "archive-lock-shorter", message, Some(hint)));
    }
    if let Some(newest) = files.look("checkpoint").await?
        && let Some(written_at) = newest.written_at
        && !crate::archive_store::is_locked_for(lock, &newest, written_at)
    {
        let message = match newest.lock {
            Some(kept) => format!("the newest checkpoint of the archive is locked until {} only", kept.until),
            None => "the newest checkpoint of the archive is under no lock".to_owned(),
        };
        let hint = "it was written before `object_lock` was asked for, or the store does not heed it";
        found.push((Severity::Warning, "archive-lock-shorter", message, Some(hint)));
    }
    Ok(found)
}

fn lock_of(lock: ArchiveLock) -> BucketLock {
    let mode = if lock.is_governance { LockMode::Governance } else { LockMode::Compliance };
    BucketLock { mode, period: lock.period }
}
