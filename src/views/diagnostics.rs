//! The answer of `check` (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::words::plan as words;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::policy::Language;
use serde::Serialize;

/// Counts, after the diagnostics themselves (which are in English).
#[must_use]
pub fn human(diagnostics: &Diagnostics, offline: bool, language: Language) -> String {
    let mut page = diagnostics.to_string();
    if offline {
        page.push_str(words::CHECK_OFFLINE.text(language));
        page.push('\n');
    }
    if diagnostics.is_empty() {
        return page + words::CHECK_GOOD.text(language) + "\n";
    }
    page + &words::CHECK_COUNTS.fill(language, &[&diagnostics.errors(), &diagnostics.warnings()]) + "\n"
}

/// The JSON form of `check`.
#[derive(Debug, Serialize)]
pub struct DiagnosticsJson<'a> {
    format_version: u32,
    offline: bool,
    errors: usize,
    warnings: usize,
    /// How many more there are than are listed.
    omitted: usize,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

#[derive(Debug, Serialize)]
struct DiagnosticJson<'a> {
    severity: &'static str,
    code: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> DiagnosticsJson<'a> {
    #[must_use]
    pub fn new(diagnostics: &'a Diagnostics, offline: bool) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            offline,
            errors: diagnostics.errors(),
            warnings: diagnostics.warnings(),
            omitted: diagnostics.omitted(),
            diagnostics: diagnostics.items().iter().map(DiagnosticJson::from).collect(),
        }
    }
}

impl<'a> From<&'a Diagnostic> for DiagnosticJson<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity.as_str(),
            code: diagnostic.code,
            file: &diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
            message: &diagnostic.message,
            hint: diagnostic.hint.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;

    fn one() -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: "unknown-key",
            file: "oubliette.yaml".into(),
            line: 2,
            column: 1,
            message: "unknown key `stroes`".into(),
            excerpt: "stroes: {}".into(),
            hint: Some("did you mean `stores`?".into()),
        });
        diagnostics
    }

    #[test]
    fn faults_are_counted_after_they_are_shown() {
        let page = human(&one(), true, Language::Fr);
        assert!(page.starts_with("oubliette.yaml:2:1: error[unknown-key]: unknown key `stroes`\n"), "{page}");
        assert!(page.ends_with(
            "Documents seuls : les systèmes n'ont pas été lus.\n1 erreur(s), 0 avertissement(s).\n"
        ));
    }

    #[test]
    fn no_fault_is_said_in_one_line() {
        assert_eq!(human(&Diagnostics::new(), false, Language::En), "No faults found.\n");
    }

    #[test]
    fn the_json_form_has_its_version_and_no_excerpt() {
        let found = one();
        let json = serde_json::to_value(DiagnosticsJson::new(&found, false)).unwrap();
        assert_eq!(json["format_version"], 1);
        assert_eq!(json["errors"], 1);
        assert_eq!(json["diagnostics"][0]["code"], "unknown-key");
        assert_eq!(json["diagnostics"][0].get("excerpt"), None);
    }
}
