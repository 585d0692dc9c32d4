//! `certificates`: list, show, the page for people, receipts.

use super::Call;
use super::verify::{named, no_anchor, read_up_to, trust_root};
use crate::app::SharedFiles;
use crate::archive::layout::{ArchivePath, CertificatePart};
use crate::archive::{ArchiveError, ArchiveFiles};
use crate::certificate::person_receipt::{self, PersonReceipt};
use crate::certificate::receipt::{self, Receipt};
use crate::certificate::{CertificateId, ENVELOPE_BYTES_MAX, TrustRoot, VerifiedCertificate};
use crate::cli::arguments::CertificatesCommand;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::init;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::certificates::{CertificateJson, CertificatesJson, list, show};
use crate::views::closures::{ClosuresJson, closures};
use crate::views::run::page_of;
use crate::views::words::run as words;
use serde_json::json;
use std::path::Path;

/// Files of an archive that are looked at to find one certificate.
const FILES_MAX: usize = 1_000_000;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &CertificatesCommand,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    if let CertificatesCommand::VerifyReceipt { receipt, archive, bucket, trust_root: root } = wanted {
        let files = named(archive, bucket).await?;
        return verify_receipt(call, receipt, files, root.as_deref(), output).await;
    }
    let app = call.open(output).await?;
    match wanted {
        CertificatesCommand::List => {
            let found = app.certificates().await?;
            output.answer(&CertificatesJson::new(&found), |language| list(&found, language))?;
        }
        CertificatesCommand::Show { certificate } => {
            let (statement, directory) = app.certificate(certificate).await?;
            let json = CertificateJson {
                format_version: JSON_FORMAT_VERSION,
                directory: directory.display().to_string(),
                statement: &statement,
            };
            output.answer(&json, |language| show(&statement, &directory, language))?;
        }
        CertificatesCommand::Html { certificate } => {
            let page = page_of(&app.certificate(certificate).await?.1);
            let json = json!({ "format_version": JSON_FORMAT_VERSION, "html": page });
            output.answer(&json, |_| page.clone() + "\n")?;
        }
        CertificatesCommand::CloseResiduals => {
            let ends = app.close_residuals().await?;
            output.answer(&ClosuresJson::new(&ends), |language| closures(&ends, language))?;
        }
        CertificatesCommand::Receipt { certificate, dataset, key, out } => {
            let receipt = app.receipt(certificate, dataset, key).await?;
            hand_over(&receipt, out.as_deref(), output)?;
        }
        CertificatesCommand::VerifyReceipt { .. } => {}
    }
    Ok(ExitStatus::Done)
}

/// A receipt goes out byte for byte: it is canonical JSON in either format.
fn hand_over(receipt: &Receipt, out: Option<&Path>, output: &mut Output<'_>) -> Result<(), Failure> {
    let bytes = receipt
        .to_bytes()
        .map_err(|error| Failure::unexpected(format!("the receipt cannot be written: {error}")))?;
    let Some(path) = out else {
        return output.data(&String::from_utf8_lossy(&bytes));
    };
    // It names a record: for its owner's eyes only.
    init::write_new(path, &bytes, 0o600).map_err(|error| Failure::from_file(&error))?;
    output.remark(&words::RECEIPT_WRITTEN.fill(output.language, &[&path.display()]));
    Ok(())
}

async fn verify_receipt(
    call: &Call<'_>,
    receipt_file: &Path,
    files: SharedFiles,
    root: Option<&Path>,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let failed = |reason: String| Failure::new(ExitStatus::VerificationFailed, reason);
    let unreadable = |error| failed(format!("the receipt cannot be read: {error}"));
    let bytes = read_up_to(receipt_file, person_receipt::BYTES_MAX as u64)?;
    let root = trust_root(call, root, true)?.ok_or_else(no_anchor)?;
    let root =
        TrustRoot::parse(&root).map_err(|error| failed(format!("the trust root is not good: {error}")))?;
    if PersonReceipt::is_one(&bytes) {
        let receipt = PersonReceipt::parse(&bytes).map_err(unreadable)?;
        return verify_person_receipt(&receipt, &files, &root, output).await;
    }
    let receipt = Receipt::parse(&bytes).map_err(unreadable)?;
    let certificate = certificate_of(&files, &receipt.certificate_id, &root).await?;
    receipt::verify(&receipt, &certificate.statement).map_err(|error| failed(error.to_string()))?;
    let id = receipt.certificate_id.as_str();
    let json = json!({ "format_version": JSON_FORMAT_VERSION, "holds": true, "certificate_id": id });
    output.answer(&json, |language| words::RECEIPT_HOLDS.fill(language, &[&id]) + "\n")?;
    Ok(ExitStatus::Done)
}

/// Every certificate that the receipt speaks of must be there, and hold.
async fn verify_person_receipt(
    receipt: &PersonReceipt,
    files: &SharedFiles,
    root: &TrustRoot,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let failed = |reason: String| Failure::new(ExitStatus::VerificationFailed, reason);
    if receipt.certificates.is_empty() {
        return Err(failed("the receipt names no certificate".to_owned()));
    }
    for set in &receipt.certificates {
        let certificate = certificate_of(files, &set.certificate_id, root).await?;
        receipt.verify(set, &certificate.statement).map_err(|error| failed(error.to_string()))?;
    }
    let ids: Vec<&str> = receipt.certificates.iter().map(|set| set.certificate_id.as_str()).collect();
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "holds": true,
        "request_id": receipt.request,
        "records": receipt.records(),
        "certificate_ids": ids,
    });
    output.answer(&json, |language| {
        words::PERSON_RECEIPT_HOLDS.fill(language, &[&receipt.records(), &ids.len(), &receipt.request]) + "\n"
    })?;
    Ok(ExitStatus::Done)
}

/// The certificate of this id in an archive, verified.
async fn certificate_of(
    files: &SharedFiles,
    id: &CertificateId,
    root: &TrustRoot,
) -> Result<VerifiedCertificate, Failure> {
    let failed = |reason: String| Failure::new(ExitStatus::VerificationFailed, reason);
    let (files, wanted) = (SharedFiles::clone(files), id.clone());
    let read = tokio::task::spawn_blocking(move || envelope_of(&*files, &wanted)).await;
    let read = read.map_err(|_| Failure::unexpected("the archive was not read to the end"))?;
    let bytes = read.map_err(|error| failed(format!("the archive cannot be read: {error}")))?;
    let bytes = bytes.ok_or_else(|| failed(format!("certificate {} is not in the archive", id.as_str())))?;
    root.verify(&bytes).map_err(|error| failed(error.to_string()))
}

/// The file of a certificate, wherever its month put it.
fn envelope_of(files: &dyn ArchiveFiles, id: &CertificateId) -> Result<Option<Vec<u8>>, ArchiveError> {
    let is_wanted = |path: &str| {
        matches!(
            ArchivePath::parse(path),
            Some(ArchivePath::Certificate(place, CertificatePart::Envelope)) if place.id == *id
        )
    };
    let listed = files.list(FILES_MAX)?;
    match listed.into_iter().map(|file| file.path).find(|path| is_wanted(path)) {
        Some(path) => files.read(&path, ENVELOPE_BYTES_MAX),
        None => Ok(None),
    }
}
