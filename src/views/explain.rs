//! Why one record stays or goes, in sentences (floor 8, pure). Values are masked before they come
//! here.

use super::JSON_FORMAT_VERSION;
use super::text::{add_line, instant, number, period, printable};
use super::words::explain as words;
use super::words::plan as plan_words;
use crate::plan::explain::{Along, Explanation, RuleExplanation, RuleOutcome};
use crate::plan::named::Fate;
use crate::policy::Language;
use crate::verdict::{Reason, Verdict};
use connectors::Prospect;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The record, what is known of it, and one paragraph for each rule.
#[must_use]
pub fn human(explanation: &Explanation, language: Language) -> String {
    let (dataset, key) = (printable(&explanation.dataset), printable(&explanation.masked_key));
    let mut page = words::RECORD.fill(language, &[&dataset, &key, &instant(explanation.as_of)]) + "\n";
    if !explanation.found {
        return page + words::NOT_FOUND.text(language) + "\n";
    }
    for (column, value) in &explanation.fields {
        add_line(&mut page, format_args!("  {:<24}{}", printable(column), printable(value)));
    }
    if explanation.rules.is_empty() {
        page.push_str(&words::NO_RULE.fill(language, &[&printable(&explanation.record_type)]));
        page.push('\n');
    }
    for rule in &explanation.rules {
        page.push_str(&paragraph(rule, language));
    }
    page
}

fn paragraph(rule: &RuleExplanation, language: Language) -> String {
    let length = period(&rule.retain_for, language);
    let values: [&dyn Display; 5] =
        [&rule.policy, &rule.policy_version, &rule.rule, &length, &printable(&rule.starts_from)];
    let heading = words::RULE.fill(language, &values);
    let along = match &rule.along {
        None => String::new(),
        Some(Along { dataset, masked_key: Some(key) }) => {
            words::ALONG.fill(language, &[&printable(dataset), &printable(key)]) + "\n  "
        }
        Some(Along { dataset, masked_key: None }) => {
            words::ALONG_ROWS.fill(language, &[&printable(dataset)]) + "\n  "
        }
    };
    format!("\n{heading}\n  {along}{}\n", sentence(rule, language))
}

fn sentence(rule: &RuleExplanation, language: Language) -> String {
    match &rule.outcome {
        RuleOutcome::KeptForever => words::FOREVER.text(language).to_owned(),
        RuleOutcome::NotApplicable(reason) => words::NOT_APPLICABLE.fill(language, &[&printable(reason)]),
        RuleOutcome::ItsFileStays { column, fate } => {
            words::ITS_FILE_STAYS.fill(language, &[&printable(column), &file_stays(*fate, language)])
        }
        RuleOutcome::FileStays(fate) => words::FILE_STAYS.fill(language, &[&file_stays(*fate, language)]),
        RuleOutcome::Decided(Verdict::Dispose { due_at: None }) if rule.along.is_some() => {
            words::WITH_IT.fill(language, &[&disposition(rule, language)])
        }
        RuleOutcome::Decided(Verdict::Dispose { due_at: Some(due_at) }) => {
            words::DUE_SINCE.fill(language, &[&instant(*due_at), &disposition(rule, language)])
        }
        RuleOutcome::Decided(Verdict::Dispose { due_at: None }) => {
            words::DUE_BY_STATE.fill(language, &[&disposition(rule, language)])
        }
        RuleOutcome::Decided(Verdict::Undecidable(reason)) => {
            let why = plan_words::doubt(*reason).fill(language, &[&number(1)]);
            words::UNDECIDABLE.fill(language, &[&why])
        }
        RuleOutcome::Decided(Verdict::Retain(reason)) => retained(rule, reason, language),
    }
}

fn file_stays(fate: Fate, language: Language) -> &'static str {
    let why = match fate {
        Fate::KeptByRows => words::FILE_KEPT,
        Fate::Is(Prospect::Held) => words::FILE_HELD,
        Fate::Is(Prospect::Claimed) => words::FILE_CLAIMED,
        Fate::Is(Prospect::Absent) => words::FILE_ABSENT,
        Fate::Is(Prospect::CannotGo | Prospect::Going) => words::FILE_CANNOT,
    };
    why.text(language)
}

fn retained(rule: &RuleExplanation, reason: &Reason, language: Language) -> String {
    match reason {
        Reason::OutOfScope => words::OUT_OF_SCOPE.text(language).to_owned(),
        Reason::AlreadyDone => words::ALREADY_DONE.text(language).to_owned(),
        Reason::NotYetDue { due_at: Some(due_at) } => words::NOT_YET.fill(language, &[&instant(*due_at)]),
        Reason::NotYetDue { due_at: None } => words::NEVER.text(language).to_owned(),
        Reason::ReferencedBy { references, .. } => {
            let names: Vec<String> = references
                .iter()
                .filter_map(|at| rule.references.get(*at))
                .map(|name| printable(name))
                .collect();
            if names.is_empty() {
                return words::HIDING.text(language).to_owned();
            }
            words::REFERENCED.fill(language, &[&names.join(", ")])
        }
        Reason::LegalHold { hold_ids, .. } => words::HELD.fill(language, &[&hold_ids.join(", ")]),
        Reason::Locked { until: Some(until), .. } => words::LOCKED_UNTIL.fill(language, &[&instant(*until)]),
        Reason::Locked { until: None, .. } => words::LOCKED.text(language).to_owned(),
    }
}

fn disposition(rule: &RuleExplanation, language: Language) -> &'static str {
    match rule.disposition {
        "purge" => plan_words::PURGE.text(language),
        "anonymize" => plan_words::ANONYMIZE.text(language),
        "pseudonymize" => plan_words::PSEUDONYMIZE.text(language),
        other => other,
    }
}

/// The JSON form of `explain`.
#[derive(Debug, Serialize)]
pub struct ExplanationJson<'a> {
    format_version: u32,
    dataset: &'a str,
    masked_key: &'a str,
    record_type: &'a str,
    as_of: String,
    found: bool,
    /// Masked.
    fields: &'a BTreeMap<String, String>,
    rules: Vec<RuleJson<'a>>,
}

#[derive(Debug, Serialize)]
struct RuleJson<'a> {
    policy: &'a str,
    policy_version: u32,
    rule: &'a str,
    /// The dataset of the record with which this one would go along: the rule speaks of that one.
    along_with: Option<&'a str>,
    starts_from: &'a str,
    retain_for: &'a str,
    disposition: &'a str,
    /// `dispose`, `retain`, `undecidable` or `not_applicable`.
    verdict: &'static str,
    reason: Option<String>,
    due_at: Option<String>,
    held_by: &'a [String],
}

impl<'a> ExplanationJson<'a> {
    #[must_use]
    pub fn new(explanation: &'a Explanation) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            dataset: &explanation.dataset,
            masked_key: &explanation.masked_key,
            record_type: &explanation.record_type,
            as_of: instant(explanation.as_of),
            found: explanation.found,
            fields: &explanation.fields,
            rules: explanation.rules.iter().map(RuleJson::new).collect(),
        }
    }
}

impl<'a> RuleJson<'a> {
    fn new(rule: &'a RuleExplanation) -> Self {
        let (verdict, reason, due_at) = verdict_of(&rule.outcome);
        let held_by = match &rule.outcome {
            RuleOutcome::Decided(Verdict::Retain(Reason::LegalHold { hold_ids, .. })) => hold_ids.as_slice(),
            _ => &[],
        };
        Self {
            policy: &rule.policy,
            policy_version: rule.policy_version,
            rule: &rule.rule,
            along_with: rule.along.as_ref().map(|along| along.dataset.as_str()),
            starts_from: &rule.starts_from,
            retain_for: &rule.retain_for,
            disposition: rule.disposition,
            verdict,
            reason,
            due_at: due_at.map(instant),
            held_by,
        }
    }
}

type VerdictParts = (&'static str, Option<String>, Option<chrono::DateTime<chrono::Utc>>);

fn verdict_of(outcome: &RuleOutcome) -> VerdictParts {
    let retain = |code: &str, due_at| ("retain", Some(code.to_owned()), due_at);
    match outcome {
        RuleOutcome::KeptForever => retain("kept_forever", None),
        RuleOutcome::ItsFileStays { .. } => retain("its_file_stays", None),
        RuleOutcome::FileStays(_) => retain("file_stays", None),
        RuleOutcome::NotApplicable(reason) => ("not_applicable", Some(reason.clone()), None),
        RuleOutcome::Decided(Verdict::Dispose { due_at }) => ("dispose", None, *due_at),
        RuleOutcome::Decided(Verdict::Undecidable(reason)) => {
            let code = serde_json::to_value(reason).ok().and_then(|code| code.as_str().map(str::to_owned));
            ("undecidable", code, None)
        }
        RuleOutcome::Decided(Verdict::Retain(reason)) => match reason {
            Reason::OutOfScope => retain("out_of_scope", None),
            Reason::AlreadyDone => retain("already_done", None),
            Reason::NotYetDue { due_at } => retain("not_yet_due", *due_at),
            Reason::ReferencedBy { due_at, .. } => retain("referenced", *due_at),
            Reason::LegalHold { due_at, .. } => retain("legal_hold", *due_at),
            Reason::Locked { due_at, .. } => retain("locked", *due_at),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use connectors::DoubtReason;

    fn explanation(outcome: RuleOutcome) -> Explanation {
        Explanation {
            dataset: "shop.orders".into(),
            masked_key: "1…2".into(),
            record_type: "order".into(),
            as_of: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            found: true,
            fields: BTreeMap::from([("delivered_at".to_owned(), "2019-…".to_owned())]),
            rules: vec![RuleExplanation {
                policy: "shop".into(),
                policy_version: 3,
                rule: "order".into(),
                along: None,
                starts_from: "delivered".into(),
                retain_for: "P5Y".into(),
                disposition: "purge",
                references: vec!["shop.tickets".into()],
                outcome,
            }],
        }
    }

    #[track_caller]
    fn check(outcome: RuleOutcome, sentence: &str, verdict: &str) {
        let explanation = explanation(outcome);
        let page = human(&explanation, Language::En);
        assert!(page.ends_with(&format!("\n  {sentence}\n")), "{page}");
        let json = serde_json::to_value(ExplanationJson::new(&explanation)).unwrap();
        assert_eq!(json["rules"][0]["verdict"], verdict);
    }

    #[test]
    fn every_verdict_is_a_sentence() {
        let due_at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let decided = RuleOutcome::Decided;
        check(
            decided(Verdict::Dispose { due_at: Some(due_at) }),
            "Due since 2023-11-14T22:13:20Z: it would be purged.",
            "dispose",
        );
        check(
            decided(Verdict::Retain(Reason::NotYetDue { due_at: Some(due_at) })),
            "Kept: due on 2023-11-14T22:13:20Z.",
            "retain",
        );
        check(
            decided(Verdict::Retain(Reason::LegalHold { hold_ids: vec!["h-1".into()], due_at: None })),
            "Kept: under legal hold (h-1).",
            "retain",
        );
        check(
            decided(Verdict::Retain(Reason::ReferencedBy { references: vec![0], due_at: None })),
            "Kept: still referred to from shop.tickets.",
            "retain",
        );
        check(
            decided(Verdict::Undecidable(DoubtReason::StartMissing)),
            "Kept: nothing certain can be said (1 without a start date).",
            "undecidable",
        );
        check(RuleOutcome::KeptForever, "Kept: the rule keeps its records for ever.", "retain");
    }

    #[test]
    fn a_record_that_is_not_there_is_said() {
        let absent = Explanation { found: false, ..explanation(RuleOutcome::KeptForever) };
        assert!(human(&absent, Language::Fr).ends_with("Cet enregistrement n'existe pas.\n"));
    }
}
