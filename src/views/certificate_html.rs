//! The certificate for people: one self-contained HTML page in French and English.
//!
//! Floor 8, pure: the same verified certificate gives the same bytes, so that the verifier can render
//! it again and compare. No script, no picture, nothing loaded. Colour only repeats what a word and a
//! sign already say. The texts are in `texts`.
//!
//! The page belongs to the schema version of its statement. Once a version has been released its
//! words, its markup and its style stay as they are, or every archive made with it would no longer
//! verify: a better page is for the next schema version. A test holds the bytes of each version.

mod texts;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::text::{legal_basis, period};
use crate::certificate::VerifiedCertificate;
use crate::evidence::{Basis, Counts, Evidence, Kind, Outcome, Residual, ResidualStatus, TargetEvidence};
use chrono::{DateTime, Utc};
use texts::Texts;

/// Calm, readable on a screen and on paper.
const STYLE: &str = "\
:root{color-scheme:light}*{box-sizing:border-box}\
body{margin:0 auto;max-width:60rem;padding:2rem 1.5rem;font:1rem/1.55 system-ui,sans-serif;color:#1d2733;background:#fff}\
h1{font-size:1.7rem;line-height:1.2;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #c9d2dc}\
section[lang]{margin-bottom:3rem}section[lang]+section[lang]{border-top:3px solid #1d2733;padding-top:2rem}\
nav{font-size:.9rem}a{color:#0b4f9e}.outcome{border-left:.4rem solid #4a5a6b;background:#f4f6f8;padding:.8rem 1rem;margin:1rem 0}\
.outcome strong{font-size:1.15rem}.good{border-color:#1f6f43}.wait{border-color:#8a6100}.bad{border-color:#9b1c1c}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.93rem}caption{text-align:left;font-weight:600;padding:.4rem 0}\
th,td{border-bottom:1px solid #dde3e9;padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top}\
th{font-weight:600}tbody th{font-weight:400}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;padding:.35rem 0 .35rem .9rem}\
h3{font-size:1rem;margin:1.3rem 0 .3rem}dl{display:grid;grid-template-columns:11rem 1fr;gap:.2rem 1rem;margin:.4rem 0}\
dt{color:#46535f}dd{margin:0;overflow-wrap:anywhere}code{color:#46535f}code,pre{font:.85rem/1.5 ui-monospace,monospace}\
pre{background:#f4f6f8;padding:.8rem;white-space:pre-wrap;overflow-wrap:anywhere}\
@media(max-width:34rem){body{padding:1rem}dl{display:block}dd{margin:0 0 .5rem}}\
@media print{body{padding:0;max-width:none;font-size:10pt}nav{display:none}section[lang]+section[lang]{break-before:page;border:0}\
h2,h3{break-after:avoid}tr,dl,li,.outcome{break-inside:avoid}a{color:inherit}}";

/// Renders the page of a verified certificate.
#[must_use]
pub fn render(certificate: &VerifiedCertificate) -> String {
    let predicate = &certificate.statement.predicate;
    let texts = texts::of(predicate.schema_version());
    let page = html! {
        (DOCTYPE)
        html lang="fr" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (texts[0].title) " · " (texts[1].title) " " (predicate.certificate_id) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav { a href="#fr" lang="fr" { "Français" } " · " a href="#en" lang="en" { "English" } }
                main {
                    @for texts in texts { (language(certificate, texts)) }
                }
            }
        }
    };
    page.into_string()
}

fn language(certificate: &VerifiedCertificate, t: &Texts) -> Markup {
    let predicate = &certificate.statement.predicate;
    let evidence = &predicate.evidence;
    html! {
        section lang=(t.lang) id=(t.lang) {
            p { (evidence.controller.name) }
            h1 { (t.title) }
            (outcome(predicate.outcome, evidence.kind, t))
            (identity(certificate, t))
            h2 { (t.done) }
            @if evidence.basis == Basis::Reconciled { p { (t.reconciled) } }
            @if evidence.targets.is_empty() { p { (t.nothing) } }
            @else { (overview(evidence, t)) }
            @for (position, target) in evidence.targets.iter().enumerate() { (done(position, target, t)) }
            @if !evidence.requests.is_empty() { h2 { (t.requests) } (requests(evidence, t)) }
            h2 { (t.kept) }
            (kept(evidence, t))
            h2 { (t.remains) }
            (remains(evidence, t))
            @if !evidence.downstream.is_empty() { h2 { (t.told) } (told(evidence, t)) }
            h2 { (t.proves) }
            ul { @for line in t.proves_lines { li { (line) } } }
            h2 { (t.does_not_prove) }
            ul { @for line in t.does_not_prove_lines { li { (line) } } }
            h2 { (t.check) }
            (check(certificate, t))
        }
    }
}

fn outcome(outcome: Outcome, kind: Kind, t: &Texts) -> Markup {
    let (class, sign) = match outcome {
        Outcome::Complete | Outcome::NothingFound => ("good", "✓"),
        Outcome::CompleteResidualsPending | Outcome::CompleteWithExceptions => ("wait", "◔"),
        Outcome::Partial | Outcome::Failed => ("bad", "✗"),
    };
    let words = if kind == Kind::ResidualClosure { t.closure } else { t.outcome };
    let (word, sentence) = words(outcome);
    html! {
        div class={ "outcome " (class) } {
            strong { span aria-hidden="true" { (sign) " " } (word) }
            p { (sentence) }
        }
    }
}

fn identity(certificate: &VerifiedCertificate, t: &Texts) -> Markup {
    let predicate = &certificate.statement.predicate;
    let evidence = &predicate.evidence;
    html! {
        dl {
            dt { (t.certificate) } dd { code { (predicate.certificate_id) } }
            @for relation in &predicate.relates_to {
                dt { (t.relates_to) } dd { ((t.relation)(relation.relation)) " " code { (relation.certificate_id) } }
            }
            dt { (t.kind) } dd { ((t.kinds)(evidence.kind)) }
            @if let Some(request) = &evidence.request {
                dt { (t.request) }
                dd { code { (request.reference) } " · " (t.received) " " (moment(request.received_at)) " · "
                    (t.due) " " (moment(request.due_at)) " · " (legal_basis(request.legal_basis.as_str(), t.language)) }
            }
            dt { (t.controller) }
            dd {
                (evidence.controller.name)
                @if let Some(country) = &evidence.controller.country { ", " (country) }
                @if let Some(contact) = &evidence.controller.contact { " · " (contact) }
            }
            dt { (t.period) } dd { (moment(evidence.started_at)) " – " (moment(evidence.finished_at)) }
            dt { (t.issued) } dd { (moment(predicate.issued_at)) }
            @for approval in &evidence.approvals {
                dt { (t.approved) }
                dd { ((t.role)(approval.role.as_str())) " · " (moment(approval.approved_at)) " · " ((t.approval)(approval.kind)) }
            }
            @for policy in &evidence.policies {
                dt { (t.policy) } dd { (policy.name) ", " (t.version) " " (policy.version) " · " code { (policy.digest) } }
            }
            dt { (t.plan) } dd { code { (evidence.plan_digest) } }
            dt { (t.tool) } dd { (evidence.tool.name) " " (evidence.tool.version) }
        }
    }
}

/// Reads one number out of the counts.
type Count = fn(&Counts) -> u64;

/// A row a target; a column of which every count is zero is left out, but for that of the records concerned.
fn overview(evidence: &Evidence, t: &Texts) -> Markup {
    let columns: [(&str, Count); 7] = [
        (t.matched, |counts| counts.matched),
        (t.purged, |counts| counts.purged),
        (t.anonymized, |counts| counts.anonymized),
        (t.pseudonymized, |counts| counts.pseudonymized),
        (t.already_absent, |counts| counts.already_absent),
        (t.excepted, |counts| counts.excepted),
        (t.failed, |counts| counts.failed),
    ];
    let is_shown = |position: usize, count: Count| {
        position == 0 || evidence.targets.iter().any(|target| count(&target.counts) > 0)
    };
    let shown: Vec<_> = columns
        .into_iter()
        .enumerate()
        .filter(|(position, (_, count))| is_shown(*position, *count))
        .map(|(_, column)| column)
        .collect();
    html! {
        div class="scroll" {
            table {
                thead { tr { th scope="col" { (t.dataset) } @for (word, _) in &shown { th scope="col" class="n" { (word) } } } }
                tbody {
                    @for (position, target) in evidence.targets.iter().enumerate() {
                        tr {
                            th scope="row" { (position + 1) ". " (target.dataset) }
                            @for (_, count) in &shown { td class="n" { (number(count(&target.counts), t)) } }
                        }
                    }
                }
            }
        }
    }
}

fn done(position: usize, target: &TargetEvidence, t: &Texts) -> Markup {
    let rule = &target.rule;
    // What the request does not reach has no rule by which it goes.
    let is_looked_at = target.technique.as_str() == crate::app::TECHNIQUE_OUTSIDE;
    let action = if is_looked_at { t.only_looked_at } else { (t.actions)(target.action) };
    let title = rule.title.iter().find(|(language, _)| language.as_str() == t.lang);
    html! {
        h3 {
            (position + 1) ". " (target.dataset) " (" (target.store) ")"
            @if let Some((_, title)) = title { " – " (title) }
        }
        dl {
            dt { (t.action) }
            dd { (action) " · " code { (target.technique) @for step in &target.residue_steps { ", " (step) } } }
            @if !is_looked_at {
            dt { (t.rule) }
            dd {
                (period(rule.period.as_str(), t.language)) " " (t.after) " " code { (rule.starts_from) } " · "
                (legal_basis(rule.legal_basis.as_str(), t.language))
                @if let Some(citation) = &rule.citation { " · " (citation) }
                " · " (t.rule_id) " " code { (rule.id) } " " (t.version) " " (rule.version)
            }
            }
            dt { (t.read_back) }
            dd {
                @match &target.verification {
                    Some(seen) => {
                        ((t.method)(seen.method)) " · " (moment(seen.at)) " · " (t.checked) " "
                        (number(seen.checked, t)) " · " (t.still_there) " " (number(seen.remaining, t))
                    }
                    None => (t.not_read_back),
                }
            }
            @if let (Some(before), Some(after)) = (target.records_before, target.records_after) {
                dt { (t.before_after) } dd { (number(before, t)) " → " (number(after, t)) }
            }
        }
    }
}

/// A row a request that was carried out together with others.
fn requests(evidence: &Evidence, t: &Texts) -> Markup {
    let columns = [t.matched, t.purged, t.anonymized, t.excepted, t.failed];
    html! {
        p { (t.requests_intro) }
        div class="scroll" {
            table {
                thead {
                    tr {
                        th scope="col" { (t.request) }
                        th scope="col" { (t.outcome_word) }
                        @for word in columns { th scope="col" class="n" { (word) } }
                    }
                }
                tbody {
                    @for request in &evidence.requests {
                        @let counts = request.counts();
                        tr {
                            th scope="row" { code { (request.reference) } }
                            td { ((t.outcome)(request.outcome).0) }
                            @for count in [counts.matched, counts.purged, counts.anonymized, counts.excepted, counts.failed] {
                                td class="n" { (number(count, t)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn kept(evidence: &Evidence, t: &Texts) -> Markup {
    let exceptions = || {
        evidence.targets.iter().flat_map(|target| target.exceptions.iter().map(move |each| (target, each)))
    };
    let failures =
        || evidence.targets.iter().flat_map(|target| target.failures.iter().map(move |each| (target, each)));
    html! {
        @if exceptions().next().is_none() && failures().next().is_none() { p { (t.nothing_kept) } }
        @else {
            ul {
                @for (target, each) in exceptions() {
                    li { (target.dataset) ": " (number(each.count, t)) " · " ((t.reason)(each.code.as_str())) " " code { (each.code) }
                        @if let Some(hold) = &each.hold_ref { " · " (t.hold) " " code { (hold) } }
                        @if let Some((first, last)) = each.days() {
                            " · " (t.review) " " (first)
                            @if first != last { " – " (last) }
                        } }
                }
                @for (target, each) in failures() {
                    li { strong { (t.went_wrong) } " " (target.dataset) ": "
                        @if each.count == 0 { (t.unknown_number) } @else { (number(each.count, t)) }
                        " · " ((t.failure)(each.code.as_str())) " " code { (each.code) } }
                }
            }
        }
    }
}

fn remains(evidence: &Evidence, t: &Texts) -> Markup {
    let until = |residual: &Residual| match (residual.status, residual.expires_at) {
        (ResidualStatus::Closed, _) => residual.known.map_or(t.gone, t.known).to_owned(),
        (ResidualStatus::Expiring, Some(at)) => format!("{} {}", t.until, moment(at)),
        _ => t.no_end.to_owned(),
    };
    html! {
        @if evidence.residuals.is_empty() { p { (t.nothing_remains) } }
        @else {
            p { (t.remains_intro) }
            ul {
                @for residual in &evidence.residuals {
                    li { @if let Some(word) = (t.residual)(residual.kind.as_str()) { (word) " " }
                        code { (residual.kind) } " · " (residual.location) " · " (until(residual)) " · "
                        ((t.control)(residual.control)) }
                }
            }
        }
    }
}

fn told(evidence: &Evidence, t: &Texts) -> Markup {
    let or_open = |at: Option<DateTime<Utc>>| at.map_or_else(|| t.open.to_owned(), moment);
    html! {
        ul {
            @for recipient in &evidence.downstream {
                li { (recipient.alias) " · " (t.notified) " " (or_open(recipient.notified_at)) " · "
                    (t.acknowledged) " " (or_open(recipient.acknowledged_at)) }
            }
        }
    }
}

fn check(certificate: &VerifiedCertificate, t: &Texts) -> Markup {
    let record_set = &certificate.statement.predicate.evidence.record_set;
    html! {
        p { (t.check_intro) }
        pre {
            "jq -r .payload certificate.dsse.json | base64 -d > body\n"
            "jq -r '.signatures[0].sig' certificate.dsse.json | base64 -d > sig\n"
            "PT=$(jq -r .payloadType certificate.dsse.json)\n"
            "{ printf 'DSSEv1 %d %s %d ' ${#PT} \"$PT\" $(wc -c < body); cat body; } > pae\n"
            "openssl dgst -sha256 -verify key.pub.pem -signature sig pae\n"
            "openssl pkey -pubin -in key.pub.pem -outform DER | sha256sum\n"
            "jq .predicate body\n"
            "printf 'erasure-log/v1 certificate\\nsha256 %s\\n' $(sha256sum certificate.dsse.json | cut -d' ' -f1)\n"
        }
        dl {
            @for keyid in &certificate.keyids { dt { (t.key) } dd { code { (keyid) } } }
            dt { (t.file_digest) } dd { code { (certificate.envelope_digest) } }
            dt { (t.record_set) } dd { (number(record_set.count, t)) " · " code { (record_set.root) } }
        }
        p { (t.check_log) }
    }
}

/// An instant for people: `2026-05-04 02:31:07 UTC`.
fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A count with its thousands apart, as the language writes it (never broken over a line).
fn number(count: u64, t: &Texts) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(t.thousands);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
