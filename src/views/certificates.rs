//! Certificates on the command line (floor 8, pure). The page for people is another view, in HTML.

use super::text::{self, add_line, instant, number, printable};
use super::words::run as words;
use super::{JSON_FORMAT_VERSION, counts};
use crate::archive::verify::CertificateSummary;
use crate::certificate::Statement;
use crate::evidence::{Evidence, TargetEvidence};
use crate::policy::Language;
use serde::Serialize;
use std::path::Path;

/// One row a certificate.
#[must_use]
pub fn list(certificates: &[CertificateSummary], language: Language) -> String {
    if certificates.is_empty() {
        return words::CERTIFICATES_NONE.text(language).to_owned() + "\n";
    }
    let header =
        [words::COLUMN_CERTIFICATE, words::COLUMN_ISSUED, words::COLUMN_OUTCOME, words::COLUMN_DISPOSED];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for certificate in certificates {
        table.add_row([
            certificate.id.as_str().to_owned(),
            instant(certificate.issued_at),
            words::outcome(certificate.outcome).text(language).to_owned(),
            number(certificate.records),
        ]);
    }
    // An identifier is copied into the next command: it must not be broken.
    text::widen(&mut table, 0, 36);
    text::lines(&table)
}

/// What one certificate states.
#[must_use]
pub fn show(statement: &Statement, directory: &Path, language: Language) -> String {
    let (predicate, evidence) = (&statement.predicate, &statement.predicate.evidence);
    let rows = [
        (words::OUTCOME, words::outcome(predicate.outcome).text(language).to_owned()),
        (words::CONTROLLER, printable(evidence.controller.name.as_str())),
        (words::ISSUED, instant(predicate.issued_at)),
        (words::STARTED, instant(evidence.started_at)),
        (words::FINISHED, instant(evidence.finished_at)),
        (words::PLAN_DIGEST, evidence.plan_digest.to_string()),
        (words::FOLDER, directory.display().to_string()),
    ];
    let mut page = words::CERTIFICATE_AT.fill(language, &[&predicate.certificate_id.as_str()]) + "\n";
    for (name, value) in rows {
        add_line(&mut page, format_args!("  {:<27}{value}", name.text(language)));
    }
    page.push_str(&targets(&evidence.targets, language));
    page.push_str(&kept(evidence, language));
    page + "\n" + words::LIMITS.text(language) + "\n"
}

fn targets(targets: &[TargetEvidence], language: Language) -> String {
    let rows = targets
        .iter()
        .map(|target| (format!("{}/{}", target.store.as_str(), target.dataset.as_str()), &target.counts));
    counts::table(rows, language)
}

fn kept(evidence: &Evidence, language: Language) -> String {
    let of_targets = evidence
        .targets
        .iter()
        .map(|target| (target.dataset.as_str(), target.exceptions.as_slice(), target.failures.as_slice()));
    let mut page = counts::reasons(of_targets, language);
    for (index, residual) in evidence.residuals.iter().enumerate() {
        if index == 0 {
            add_line(&mut page, format_args!("{}", words::RESIDUALS.text(language)));
        }
        let (code, place) = (residual.kind.as_str(), residual.location.as_str());
        let kind = words::residual(code).text(language);
        let line = match residual.expires_at {
            Some(until) => words::RESIDUAL_UNTIL.fill(language, &[&kind, &place, &instant(until), &code]),
            None => words::RESIDUAL_UNKNOWN.fill(language, &[&kind, &place, &code]),
        };
        add_line(&mut page, format_args!("  {line}"));
    }
    page
}

/// The JSON form of `certificates list`.
#[derive(Debug, Serialize)]
pub struct CertificatesJson {
    format_version: u32,
    certificates: Vec<SummaryJson>,
}

/// One certificate in a list.
#[derive(Debug, Serialize)]
pub struct SummaryJson {
    certificate_id: String,
    issued_at: String,
    outcome: &'static str,
    records: u64,
    log_index: u64,
    path: String,
}

/// The JSON form of `certificates show`: the signed statement as it stands, and where it is.
#[derive(Debug, Serialize)]
pub struct CertificateJson<'a> {
    pub format_version: u32,
    pub directory: String,
    pub statement: &'a Statement,
}

impl CertificatesJson {
    #[must_use]
    pub fn new(certificates: &[CertificateSummary]) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            certificates: certificates.iter().map(SummaryJson::new).collect(),
        }
    }
}

impl SummaryJson {
    #[must_use]
    pub fn new(summary: &CertificateSummary) -> Self {
        Self {
            certificate_id: summary.id.as_str().to_owned(),
            issued_at: instant(summary.issued_at),
            outcome: summary.outcome.as_str(),
            records: summary.records,
            log_index: summary.log_index,
            path: summary.path.clone(),
        }
    }
}
