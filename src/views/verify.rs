//! The report of `verify` (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::text::{add_line, instant, printable};
use super::words::Message;
use super::words::run as words;
use crate::archive::verify::{Finding, Severity, VerifyReport};
use crate::policy::Language;
use serde::Serialize;

/// Findings with their weight, then the verdict.
#[must_use]
pub fn human(report: &VerifyReport, language: Language) -> String {
    let mut page = String::new();
    for finding in report.findings.iter().filter(|_| !report.is_empty()) {
        let weight = severity(finding.severity).text(language);
        let place =
            if finding.path.is_empty() { String::new() } else { format!("{}: ", printable(&finding.path)) };
        add_line(
            &mut page,
            format_args!("{weight} [{}] {place}{}", finding.code, printable(&finding.message)),
        );
    }
    for certificate in &report.certificates {
        let outcome = words::outcome(certificate.outcome).text(language);
        let issued_at = instant(certificate.issued_at);
        add_line(&mut page, format_args!("  {} {issued_at} {outcome}", certificate.id.as_str()));
    }
    if let Some(digest) = &report.trust_root {
        page.push_str(&words::VERIFY_FINGERPRINT.fill(language, &[digest]));
        page.push('\n');
    }
    let entries = report.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    let verdict = if report.is_empty() {
        words::VERIFY_EMPTY.text(language).to_owned()
    } else if report.holds() {
        words::VERIFY_GOOD.fill(language, &[&report.certificates.len(), &entries])
    } else {
        let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        words::VERIFY_BAD.fill(language, &[&errors])
    };
    page + &verdict + "\n"
}

fn severity(severity: Severity) -> Message {
    match severity {
        Severity::Warning => words::SEVERITY_WARNING,
        Severity::Error => words::SEVERITY_ERROR,
    }
}

/// The JSON form of `verify`.
#[derive(Debug, Serialize)]
pub struct VerifyJson<'a> {
    format_version: u32,
    /// Whether nothing worse than a warning was found.
    holds: bool,
    trust_root_fingerprint: Option<String>,
    files_checked: u64,
    checkpoint: Option<CheckpointJson<'a>>,
    findings: Vec<FindingJson<'a>>,
    certificates: Vec<super::certificates::SummaryJson>,
}

#[derive(Debug, Serialize)]
struct CheckpointJson<'a> {
    origin: &'a str,
    size: u64,
    root: String,
    note: &'a str,
}

#[derive(Debug, Serialize)]
struct FindingJson<'a> {
    severity: &'static str,
    code: &'a str,
    path: &'a str,
    message: &'a str,
}

impl<'a> VerifyJson<'a> {
    #[must_use]
    pub fn new(report: &'a VerifyReport) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            holds: report.holds(),
            trust_root_fingerprint: report.trust_root.as_ref().map(ToString::to_string),
            files_checked: report.files_checked,
            checkpoint: report.checkpoint.as_ref().map(|checkpoint| CheckpointJson {
                origin: &checkpoint.origin,
                size: checkpoint.size,
                root: checkpoint.root.to_string(),
                note: &checkpoint.note,
            }),
            findings: report.findings.iter().map(FindingJson::from).collect(),
            certificates: report.certificates.iter().map(super::certificates::SummaryJson::new).collect(),
        }
    }
}

impl<'a> From<&'a Finding> for FindingJson<'a> {
    fn from(finding: &'a Finding) -> Self {
        let severity = match finding.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        Self { severity, code: finding.code, path: &finding.path, message: &finding.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(severity: Severity) -> VerifyReport {
        let finding = Finding {
            code: "tile_changed",
            severity,
            path: "tile/0/000".into(),
            message: "its bytes are not those of the log\u{1b}[2J".into(),
        };
        VerifyReport { findings: vec![finding], ..VerifyReport::default() }
    }

    #[test]
    fn an_error_says_so_in_words_and_cannot_steer_the_terminal() {
        let page = human(&report(Severity::Error), Language::Fr);
        assert!(page.starts_with("ERREUR [tile_changed] tile/0/000: its bytes"), "{page}");
        assert!(page.ends_with("L'archive n'est PAS bonne : 1 anomalie(s).\n"), "{page}");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn a_warning_does_not_make_it_bad() {
        let report = report(Severity::Warning);
        assert!(
            human(&report, Language::En).ends_with("The archive is good: 0 certificate(s), 0 log entries.\n")
        );
        let json = serde_json::to_value(VerifyJson::new(&report)).unwrap();
        assert_eq!(json["holds"], true);
        assert_eq!(json["findings"][0]["severity"], "warning");
    }
}
