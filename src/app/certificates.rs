//! Certificates of the project's own archive: list, open, receipts.
//!
//! Floor 7. Reads the archive as an auditor would, with the project's trust root.

use super::{App, AppError};
use crate::archive::verify::{CertificateSummary, TrustAnchor, VerifyOptions, VerifyReport, verify};
use crate::archive_store::DirectoryFiles;
use crate::certificate::receipt::{self, Locator, Receipt};
use crate::certificate::{CertificateId, Statement};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

impl App {
    /// Verifies the whole archive with the project's trust root.
    ///
    /// # Errors
    /// When archive or trust root cannot be opened; findings are in the report.
    pub fn verify(&self) -> Result<VerifyReport, AppError> {
        let trust_root = self.trust_root_bytes()?;
        let files = DirectoryFiles::new(&self.archive_directory());
        let options =
            VerifyOptions { anchor: TrustAnchor::File(&trust_root), kept_checkpoint: None, entries_min: 0 };
        Ok(verify(&files, &options, &self.environment.render))
    }

    /// The certificates that hold, oldest first.
    ///
    /// # Errors
    /// When the archive cannot be opened. One that does not exist yet has none.
    pub fn certificates(&self) -> Result<Vec<CertificateSummary>, AppError> {
        if !self.archive_directory().exists() {
            return Ok(Vec::new());
        }
        let mut certificates = self.verify()?.certificates;
        certificates.sort_by_key(|certificate| certificate.log_index);
        Ok(certificates)
    }

    /// A certificate by its id or the beginning of it, with the folder it lies in.
    ///
    /// # Errors
    /// [`AppError::NoSuchCertificate`].
    pub fn certificate(&self, id: &str) -> Result<(Statement, PathBuf), AppError> {
        let unknown = || AppError::NoSuchCertificate { certificate_id: id.to_owned() };
        let certificates = self.certificates()?;
        let mut matching = certificates.iter().filter(|certificate| certificate.id.as_str().starts_with(id));
        let (Some(found), None) = (matching.next(), matching.next()) else { return Err(unknown()) };
        let file = self.archive_directory().join(&found.path);
        let directory = file.parent().map_or_else(|| self.archive_directory(), Path::to_path_buf);
        let files = DirectoryFiles::new(&self.archive_directory());
        let bytes =
            crate::archive::ArchiveFiles::read(&files, &found.path, crate::certificate::ENVELOPE_BYTES_MAX)?;
        let verified = self.trust_root()?.verify(&bytes.ok_or_else(unknown)?)?;
        Ok((verified.statement, directory))
    }

    /// The private proof that one record is in a certificate: for the person it was about.
    ///
    /// # Errors
    /// When the seed was destroyed, or the record is not in the certificate.
    pub fn receipt(&self, certificate_id: &str, dataset: &str, key: &str) -> Result<Receipt, AppError> {
        let (statement, _) = self.certificate(certificate_id)?;
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
