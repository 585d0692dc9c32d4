//! Certificates of the project's own archive: list, open, receipts.
//!
//! Floor 7. Reads the archive as an auditor would, with the project's trust root.

use super::{App, AppError};
use crate::archive::layout::{ArchivePath, CertificatePart, CertificatePlace};
use crate::archive::verify::CertificateSummary;
use crate::certificate::receipt::{self, Locator, Receipt};
use crate::certificate::{CertificateId, ENVELOPE_BYTES_MAX, Statement};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

impl App {
    /// The certificates that hold, oldest first.
    ///
    /// # Errors
    /// When the archive cannot be opened. One that does not exist yet has none.
    pub async fn certificates(&self) -> Result<Vec<CertificateSummary>, AppError> {
        let mut certificates = self.verify().await?.certificates;
        certificates.sort_by_key(|certificate| certificate.log_index);
        Ok(certificates)
    }

    /// A certificate by its id or the beginning of it, with the folder it lies in.
    ///
    /// # Errors
    /// [`AppError::NoSuchCertificate`].
    pub async fn certificate(&self, id: &str) -> Result<(Statement, PathBuf), AppError> {
        let unknown = || AppError::NoSuchCertificate { certificate_id: id.to_owned() };
        let certificates = self.certificates().await?;
        let mut matching = certificates.iter().filter(|certificate| certificate.id.as_str().starts_with(id));
        let (Some(found), None) = (matching.next(), matching.next()) else { return Err(unknown()) };
        let directory = self.folder_of(&found.path);
        let files = self.archive_files().await?.ok_or_else(unknown)?;
        let path = found.path.clone();
        let read = tokio::task::spawn_blocking(move || files.read(&path, ENVELOPE_BYTES_MAX)).await;
        let bytes = read.context("the certificate was not read to the end")??;
        let verified = self.trust_root()?.verify(&bytes.ok_or_else(unknown)?)?;
        Ok((verified.statement, directory))
    }

    /// The folder of a certificate, as it is shown.
    pub(super) fn folder_of_certificate(&self, statement: &Statement) -> PathBuf {
        let predicate = &statement.predicate;
        let place = CertificatePlace::new(predicate.certificate_id.clone(), predicate.issued_at);
        self.folder_of(&ArchivePath::Certificate(place, CertificatePart::Html).to_string())
    }

    /// The folder of a file of the archive, as it is shown.
    fn folder_of(&self, path: &str) -> PathBuf {
        let file = self.archive_place().join(path);
        file.parent().map_or_else(|| self.archive_place(), Path::to_path_buf)
    }

    /// The private proof that one record is in a certificate: for the person it was about.
    ///
    /// # Errors
    /// When the seed was destroyed, or the record is not in the certificate.
    pub async fn receipt(&self, certificate_id: &str, dataset: &str, key: &str) -> Result<Receipt, AppError> {
        let (statement, _) = self.certificate(certificate_id).await?;
        let id: &CertificateId = &statement.predicate.certificate_id;
        let declared = self.catalog.dataset(dataset);
        if declared.is_none() {
            return Err(AppError::NoSuchDataset { dataset: dataset.to_owned() });
        }
        let (store, dataset) = super::evidence::names(&self.catalog, dataset)?;
        let sealed = self.sealed()?;
        let commitment_key = sealed
            .key(id)?
            .context("the seed of this certificate was destroyed: no receipt can be issued")?;
        let commitments = sealed.commitments_path(id);
        for key in key_texts(key) {
            let issued = receipt::issue(
                &commitment_key,
                &commitments,
                Locator { store: store.to_string(), dataset: dataset.to_string(), key },
                &statement,
            );
            match issued {
                Err(crate::certificate::CertificateError::NotInRecordSet) => {}
                other => return Ok(other?),
            }
        }
        Err(AppError::NotInCertificate { certificate_id: id.to_string() })
    }
}

/// What the canonical text of a key may be, from what a person typed. The record is gone, so its
/// type cannot be looked up: a number is tried as a number first.
fn key_texts(key: &str) -> Vec<String> {
    let text = connectors::RecordKey::text(key).canonical();
    if let Ok(number) = key.trim().parse::<i64>() {
        return vec![connectors::RecordKey::int(number).canonical(), text];
    }
    let array = serde_json::from_str::<Vec<serde_json::Value>>(key).ok();
    match array.and_then(|array| serde_json::to_string(&array).ok()) {
        Some(array) => vec![array, text],
        None => vec![text],
    }
}
