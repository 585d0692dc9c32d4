//! Closures of remaining copies (floor 8, pure).

use super::JSON_FORMAT_VERSION;
use super::text::{add_line, instant};
use super::words::run as words;
use crate::app::ClosureEnd;
use crate::evidence::{Residual, ResidualKnowledge};
use crate::policy::Language;
use serde::Serialize;

/// Each closure with its copies, and how it is known that they have ended.
#[must_use]
pub fn closures(ends: &[ClosureEnd], language: Language) -> String {
    if ends.is_empty() {
        return words::CLOSURES_NONE.text(language).to_owned() + "\n";
    }
    let mut page = String::new();
    for end in ends {
        let predicate = &end.statement.predicate;
        let ids = [predicate.certificate_id.as_str(), end.closes.as_str()];
        add_line(&mut page, format_args!("{}", words::CLOSURE_AT.fill(language, &[&ids[0], &ids[1]])));
        for residual in &predicate.evidence.residuals {
            add_line(&mut page, format_args!("  {}", line(residual, language)));
        }
    }
    page
}

fn line(residual: &Residual, language: Language) -> String {
    let (code, place) = (residual.kind.as_str(), residual.location.as_str());
    let kind = words::residual(code).text(language);
    let message = match residual.known {
        Some(ResidualKnowledge::SeenGone) => words::CLOSURE_SEEN,
        Some(ResidualKnowledge::DeclaredEnd) => words::CLOSURE_DECLARED,
        None => words::CLOSURE_OPEN,
    };
    let until = residual.expires_at.map_or_else(|| code.to_owned(), instant);
    message.fill(language, &[&kind, &place, &until])
}

/// The JSON form of `certificates close-residuals`.
#[derive(Debug, Serialize)]
pub struct ClosuresJson<'a> {
    format_version: u32,
    closures: Vec<ClosureJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ClosureJson<'a> {
    certificate_id: &'a str,
    closes: &'a str,
    outcome: &'static str,
    directory: String,
    residuals: &'a [Residual],
}

impl<'a> ClosuresJson<'a> {
    #[must_use]
    pub fn new(ends: &'a [ClosureEnd]) -> Self {
        let closures = ends.iter().map(|end| {
            let predicate = &end.statement.predicate;
            ClosureJson {
                certificate_id: predicate.certificate_id.as_str(),
                closes: end.closes.as_str(),
                outcome: predicate.outcome.as_str(),
                directory: end.directory.display().to_string(),
                residuals: &predicate.evidence.residuals,
            }
        });
        Self { format_version: JSON_FORMAT_VERSION, closures: closures.collect() }
    }
}
