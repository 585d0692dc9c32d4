//! How a run ended (floor 8, pure).

use super::replay::{self, LookJson};
use super::text::{self, add_line, printable};
use super::words::run as words;
use super::{JSON_FORMAT_VERSION, counts};
use crate::app::{ApplyEnd, TargetTotals};
use crate::evidence::{Exception, Failure, Outcome};
use crate::execution::Interruption;
use crate::policy::Language;
use serde::Serialize;
use std::path::Path;

/// Outcome, counts by dataset, failures and the certificate.
#[must_use]
pub fn human(end: &ApplyEnd, language: Language) -> String {
    let seconds = text::seconds(end.elapsed, language);
    let mut page = words::RUN.fill(language, &[&end.run_id, &outcome(end, language)]);
    add_line(&mut page, format_args!(" {}", words::ELAPSED.fill(language, &[&seconds])));
    if !end.totals.is_empty() {
        page.push_str(&totals(&end.totals, language));
        let reasons = end.totals.iter().map(|target| {
            (target.dataset.as_str(), target.exceptions.as_slice(), target.failures.as_slice())
        });
        page.push_str(&counts::reasons(reasons, language));
    }
    for failure in &end.failures {
        let (item, error) = (u64::from(failure.item) + 1, printable(&failure.error.to_string()));
        page.push_str(&words::FAILURE_ON_ITEM.fill(language, &[&item, &error]));
        page.push('\n');
    }
    if let Some(id) = &end.certificate_id {
        page.push_str(&words::CERTIFICATE_AT.fill(language, &[id]));
        page.push('\n');
    }
    if let Some(directory) = &end.certificate_directory {
        let html = page_of(directory);
        add_line(&mut page, format_args!("  {}", words::CERTIFICATE_PAGE.fill(language, &[&html])));
    }
    if let Some(look) = &end.returned {
        page.push_str(&replay::newest(look, language));
    }
    if end.interrupted.is_some() {
        page.push_str(words::RESUME_WITH.text(language));
        page.push('\n');
    }
    page
}

/// The page for people in the folder of a certificate.
#[must_use]
pub fn page_of(directory: &Path) -> String {
    directory.join("certificate.html").display().to_string()
}

/// The outcome in words, or why there is none.
fn outcome(end: &ApplyEnd, language: Language) -> String {
    match (end.interrupted, end.outcome) {
        (Some(Interruption::StopRequested), _) => {
            words::RUN_INTERRUPTED.fill(language, &[&words::STOP_REQUESTED.text(language)])
        }
        (Some(Interruption::PauseFile), _) => {
            words::RUN_INTERRUPTED.fill(language, &[&words::PAUSE_FILE.text(language)])
        }
        (Some(Interruption::WindowOver), _) => {
            words::RUN_INTERRUPTED.fill(language, &[&words::WINDOW_OVER.text(language)])
        }
        (None, Some(outcome)) => words::outcome(outcome).text(language).to_owned(),
        (None, None) => words::RUN_NO_OUTCOME.text(language).to_owned(),
    }
}

fn totals(totals: &[TargetTotals], language: Language) -> String {
    let rows = totals.iter().map(|target| {
        let name = format!("{} ({})", printable(&target.dataset), printable(&target.rule));
        (name, &target.counts)
    });
    counts::table(rows, language)
}

/// The JSON form of `apply`.
#[derive(Debug, Serialize)]
pub struct RunJson<'a> {
    format_version: u32,
    run_id: &'a str,
    outcome: Option<&'static str>,
    interrupted: Option<&'static str>,
    failures: Vec<FailureJson>,
    certificate_id: Option<&'a str>,
    certificate_directory: Option<String>,
    totals: Vec<TotalsJson<'a>>,
    elapsed_ms: u64,
    /// After a retention run: what was seen of erased persons.
    erased_seen_again: Option<LookJson<'a>>,
}

#[derive(Debug, Serialize)]
struct FailureJson {
    item: u32,
    error: String,
}

#[derive(Debug, Serialize)]
struct TotalsJson<'a> {
    dataset: &'a str,
    rule: &'a str,
    matched: u64,
    purged: u64,
    anonymized: u64,
    pseudonymized: u64,
    already_absent: u64,
    excepted: u64,
    failed: u64,
    /// Why records were kept, as the certificate has it.
    exceptions: &'a [Exception],
    /// Why records that should have gone did not, as the certificate has it.
    failures: &'a [Failure],
}

impl<'a> RunJson<'a> {
    #[must_use]
    pub fn new(end: &'a ApplyEnd) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            run_id: &end.run_id,
            outcome: end.outcome.map(Outcome::as_str),
            interrupted: end.interrupted.map(|interruption| match interruption {
                Interruption::StopRequested => "stop_requested",
                Interruption::PauseFile => "pause_file",
                Interruption::WindowOver => "window_over",
            }),
            failures: end
                .failures
                .iter()
                .map(|failure| FailureJson { item: failure.item, error: failure.error.to_string() })
                .collect(),
            certificate_id: end.certificate_id.as_deref(),
            certificate_directory: end.certificate_directory.as_ref().map(|path| path.display().to_string()),
            totals: end.totals.iter().map(TotalsJson::from).collect(),
            elapsed_ms: u64::try_from(end.elapsed.as_millis()).unwrap_or(u64::MAX),
            erased_seen_again: end.returned.as_ref().map(LookJson::new),
        }
    }
}

impl<'a> From<&'a TargetTotals> for TotalsJson<'a> {
    fn from(totals: &'a TargetTotals) -> Self {
        let counts = &totals.counts;
        Self {
            dataset: &totals.dataset,
            rule: &totals.rule,
            matched: counts.matched,
            purged: counts.purged,
            anonymized: counts.anonymized,
            pseudonymized: counts.pseudonymized,
            already_absent: counts.already_absent,
            excepted: counts.excepted,
            failed: counts.failed,
            exceptions: &totals.exceptions,
            failures: &totals.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Code, Counts};
    use std::time::Duration;

    fn end() -> ApplyEnd {
        ApplyEnd {
            run_id: "r-1".into(),
            outcome: Some(Outcome::CompleteWithExceptions),
            interrupted: None,
            failures: Vec::new(),
            certificate_id: Some("c-1".into()),
            certificate_directory: Some("certificates/c-1".into()),
            totals: vec![TargetTotals {
                dataset: "shop.orders".into(),
                rule: "order".into(),
                counts: Counts { matched: 1_236, purged: 1_230, excepted: 4, failed: 2, ..Counts::default() },
                exceptions: vec![Exception::new(Code::new("legal_hold").unwrap(), 4)],
                failures: vec![
                    Failure { code: Code::new("constraint").unwrap(), count: 2 },
                    Failure { code: Code::new("unreachable").unwrap(), count: 0 },
                ],
            }],
            elapsed: Duration::from_millis(2_500),
            returned: None,
        }
    }

    #[test]
    fn the_outcome_and_the_counts_are_said() {
        let page = human(&end(), Language::Fr);
        assert!(page.starts_with("Exécution r-1 : complet, avec des exceptions en 2,5 s\n"), "{page}");
        assert!(page.contains("1\u{202f}236") && page.contains("1\u{202f}230"), "{page}");
        assert!(page.ends_with("Attestation c-1\n  À lire : certificates/c-1/certificate.html\n"), "{page}");
    }

    #[test]
    fn what_failed_and_what_was_kept_is_said_with_its_cause() {
        let page = human(&end(), Language::Fr);
        for line in [
            "shop.orders : 4 enregistrement(s), gel juridique (legal_hold)",
            "shop.orders : 2 enregistrement(s), refusés par une contrainte du système (constraint)",
            "shop.orders : nombre inconnu, système injoignable (unreachable)",
        ] {
            assert!(page.contains(line), "{page}");
        }
        let page = human(&end(), Language::En);
        assert!(page.contains("Failures\n  shop.orders: 2 record(s), refused by a constraint"), "{page}");
    }

    #[test]
    fn an_interrupted_run_says_how_to_go_on_and_claims_no_outcome() {
        let stopped = ApplyEnd {
            outcome: None,
            interrupted: Some(Interruption::PauseFile),
            certificate_id: None,
            certificate_directory: None,
            ..end()
        };
        let page = human(&stopped, Language::En);
        assert!(page.starts_with("Run r-1: interrupted (the pause file exists)"), "{page}");
        assert!(page.ends_with("To go on: oubliette apply --resume\n"), "{page}");
        let json = serde_json::to_value(RunJson::new(&stopped)).unwrap();
        assert_eq!(json["outcome"], serde_json::Value::Null);
        assert_eq!(json["interrupted"], "pause_file");
    }

    #[test]
    fn the_json_form_has_every_count() {
        let json = serde_json::to_value(RunJson::new(&end())).unwrap();
        assert_eq!(json["format_version"], 1);
        assert_eq!(json["outcome"], "complete_with_exceptions");
        assert_eq!(json["totals"][0]["excepted"], 4);
        assert_eq!(json["totals"][0]["exceptions"][0]["code"], "legal_hold");
        assert_eq!(json["totals"][0]["failures"][0], serde_json::json!({"code": "constraint", "count": 2}));
        assert_eq!(json["elapsed_ms"], 2_500);
    }
}
