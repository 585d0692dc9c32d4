//! The letter that answers a person, in plain words (floor 8, pure).
//!
//! It is made of the request and of what its certificates state, and of nothing else, so that it cannot say
//! more than was seen. It names nobody: whoever sends it knows the address.

use super::recipients;
use super::text::{add_line, date, number, printable};
use super::words::answer as words;
use super::words::recipients as words_of_recipients;
use super::words::{Message, run};
use crate::app::{BESIDE_DUTY, GIVEN_ANEW, OUTSIDE, RequestAnswer, SHARED, Titles, UNLINKING};
use crate::erasure::request::RequestState;
use crate::evidence::{Residual, ResidualStatus, TargetEvidence};
use crate::policy::{Language, Texts};

/// The whole letter, as plain text.
#[must_use]
pub fn letter(answer: &RequestAnswer, language: Language) -> String {
    let request = &answer.request;
    let mut page = words::TITLE.text(language).to_owned() + "\n\n";
    let reference =
        words::REFERENCE.fill(language, &[&request.request_id, &date(request.received_on, language)]);
    add_line(&mut page, format_args!("{reference}"));
    add_line(&mut page, format_args!("{}\n", words::FROM.fill(language, &[&printable(&answer.controller)])));
    match (request.state, &request.refusal) {
        (RequestState::Refused, Some(refusal)) => {
            let reason = words::refusal(refusal.reason).text(language);
            add_line(&mut page, format_args!("{}", words::REFUSED.fill(language, &[&reason])));
        }
        (RequestState::Cancelled, _) => {
            add_line(&mut page, format_args!("{}", words::CANCELLED.text(language)));
        }
        _ => page.push_str(&done(answer, language)),
    }
    if let Some(days_left) = answer.days_left {
        let line = match &request.extension {
            _ if days_left < 0 => words::LATE.fill(language, &[&date(request.due_on, language)]),
            Some(extension) => {
                let reason = words::extension(extension.reason).text(language);
                let (due, before) = (date(request.due_on, language), date(extension.due_before_on, language));
                words::EXTENDED.fill(language, &[&due, &before, &reason])
            }
            None => words::PENDING.fill(language, &[&date(request.due_on, language)]),
        };
        add_line(&mut page, format_args!("\n{line}"));
    }
    add_line(&mut page, format_args!("\n{}", words::RIGHTS.text(language)));
    let contact = words::RIGHTS_CONTACT.fill(language, &[&printable(&answer.contact)]);
    add_line(&mut page, format_args!("  {contact}"));
    add_line(&mut page, format_args!("  {}", words::RIGHTS_AUTHORITY.text(language)));
    page
}

/// What was erased, what is kept, what is undone, what remains, by the certificates.
fn done(answer: &RequestAnswer, language: Language) -> String {
    let id = answer.request.request_id.as_str();
    let titles = &answer.titles;
    let theirs: Vec<Vec<TargetEvidence>> =
        answer.statements.iter().map(|one| one.predicate.evidence.targets_for(id)).collect();
    let all = || theirs.iter().flatten();
    let erased = tallied(all().flat_map(|target| erased(target, titles, language)), language);
    let mut page = String::new();
    if erased.is_empty() {
        let is_known = all().any(|target| target.counts.matched > 0 || !target.failures.is_empty());
        let line = if is_known || answer.statements.is_empty() { words::NOTHING_YET } else { words::NOTHING };
        add_line(&mut page, format_args!("{}", line.text(language)));
    } else {
        section(&mut page, words::ERASED.text(language), &erased);
    }
    // Only the last certificate says how things stand.
    let Some(last) = theirs.last() else { return page };
    let outside = tallied(last.iter().filter_map(|target| outside(target, titles, language)), language);
    let held_back = last.iter().filter(|target| outside_of(target).is_none());
    let (mut kept, stays): (Vec<_>, Vec<_>) =
        held_back.flat_map(|target| kept_lines(target, titles, language)).partition(|(goes, _)| *goes);
    if !kept.is_empty() {
        kept.push((true, words::KEPT_USE.text(language).to_owned()));
    }
    let kept: Vec<String> = kept.into_iter().chain(stays).map(|(_, line)| line).collect();
    if !kept.is_empty() {
        section(&mut page, words::KEPT.text(language), &kept);
    }
    if !outside.is_empty() {
        section(&mut page, words::OUTSIDE.text(language), &outside);
    }
    let mut undone: Vec<String> = last.iter().flat_map(|target| undone(target, titles, language)).collect();
    undone.dedup();
    if !undone.is_empty() {
        undone.push(words::UNDONE_LATER.text(language).to_owned());
        section(&mut page, words::UNDONE.text(language), &undone);
    }
    let residuals = answer.statements.iter().flat_map(|one| one.predicate.evidence.residuals_for(id));
    let mut copies: Vec<String> = residuals.filter_map(|residual| copy(&residual, language)).collect();
    copies.dedup();
    if !copies.is_empty() {
        section(&mut page, words::COPIES.text(language), &copies);
    }
    let recipients = recipients::letter_lines(&answer.recipients, language);
    if !recipients.is_empty() {
        section(&mut page, words_of_recipients::LETTER.text(language), &recipients);
    }
    let proofs = answer
        .statements
        .iter()
        .map(|statement| words::PROOF_LINE.fill(language, &[&statement.predicate.certificate_id]));
    let receipt = answer.has_receipt.then(|| words::PROOF_RECEIPT.text(language).to_owned());
    section(&mut page, words::PROOF.text(language), &proofs.chain(receipt).collect::<Vec<_>>());
    page
}

fn section(page: &mut String, title: &str, lines: &[String]) {
    add_line(page, format_args!("{}{title}", if page.is_empty() { "" } else { "\n" }));
    for line in lines {
        add_line(page, format_args!("  - {line}"));
    }
}

/// What kind of records, in the words of their rule; without one, in those of the rules of the same type.
fn what(target: &TargetEvidence, titles: &Titles, language: Language) -> String {
    let by_rule = target.rule.id.as_str() != "on-request";
    let of_rule = |wanted: &str| {
        let mut title = target.rule.title.iter().filter(|(code, _)| by_rule && code.as_str() == wanted);
        title.next().map(|(_, text)| text.as_str().to_owned())
    };
    let of_rule = Texts { fr: of_rule("fr"), en: of_rule("en") };
    let of_type = titles.get(target.record_type.as_str()).map(|title| title.get(language));
    let texts = [Some(of_rule.get(language)), of_type, Some(target.record_type.as_str())];
    let text = texts.into_iter().flatten().find(|text| !text.is_empty());
    printable(text.unwrap_or_default())
}

/// Lines that say the same of different numbers of records become one: two datasets may hold one kind of records.
fn tallied(counts: impl IntoIterator<Item = (Message, String, u64)>, language: Language) -> Vec<String> {
    let mut lines: Vec<(Message, String, u64)> = Vec::new();
    for (message, what, count) in counts {
        match lines.iter_mut().find(|line| (line.0, &line.1) == (message, &what)) {
            Some(line) => line.2 += count,
            None => lines.push((message, what, count)),
        }
    }
    lines.into_iter().map(|(message, what, count)| message.fill(language, &[&what, &number(count)])).collect()
}

fn erased(target: &TargetEvidence, titles: &Titles, language: Language) -> Vec<(Message, String, u64)> {
    if target.technique.as_str() == UNLINKING {
        // A step on the way: the same records are told as erased.
        return Vec::new();
    }
    let what = what(target, titles, language);
    let counts = &target.counts;
    let is_beside = target.technique.as_str() == BESIDE_DUTY;
    let anonymized = if is_beside { words::BESIDE_LINE } else { words::ANONYMIZED_LINE };
    let both = [(words::ERASED_LINE, counts.purged), (anonymized, counts.anonymized)];
    let some = both.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(message, count)| (message, what.clone(), count)).collect()
}

/// What of a target stays, a line for each reason.
pub(super) fn kept(target: &TargetEvidence, titles: &Titles, language: Language) -> Vec<String> {
    kept_lines(target, titles, language).into_iter().map(|(_, line)| line).collect()
}

/// Each with whether it goes when the reason ends. What others share, or the person gave anew, stays; of what nobody can
/// tell when it may go, nothing is promised.
fn kept_lines(target: &TargetEvidence, titles: &Titles, language: Language) -> Vec<(bool, String)> {
    let what = what(target, titles, language);
    let line = |exception: &crate::evidence::Exception| {
        let reason = run::exception(exception.code.as_str()).text(language);
        let count = number(exception.count);
        let day = |day| date(day, language);
        let told = match exception.days() {
            Some((first, last)) if first != last => {
                words::KEPT_BETWEEN.fill(language, &[&what, &count, &reason, &day(first), &day(last)])
            }
            Some((_, until)) => words::KEPT_UNTIL.fill(language, &[&what, &count, &reason, &day(until)]),
            None => words::KEPT_OPEN.fill(language, &[&what, &count, &reason]),
        };
        (goes_later(exception.code.as_str()), told)
    };
    target.exceptions.iter().map(line).collect()
}

fn goes_later(code: &str) -> bool {
    ![SHARED, GIVEN_ANEW].contains(&code) && !code.starts_with("undecidable")
}

/// Records that the request does not reach, which go on to be used.
fn outside(target: &TargetEvidence, titles: &Titles, language: Language) -> Option<(Message, String, u64)> {
    let count = outside_of(target)?;
    Some((words::OUTSIDE_LINE, what(target, titles, language), count))
}

fn outside_of(target: &TargetEvidence) -> Option<u64> {
    let mut exceptions = target.exceptions.iter();
    exceptions.find(|exception| exception.code.as_str() == OUTSIDE).map(|exception| exception.count)
}

fn undone(target: &TargetEvidence, titles: &Titles, language: Language) -> Vec<String> {
    let what = what(target, titles, language);
    let line = |failure: &crate::evidence::Failure| {
        let reason = run::failure(failure.code.as_str()).text(language);
        words::UNDONE_LINE.fill(language, &[&what, &reason])
    };
    target.failures.iter().map(line).collect()
}

fn copy(residual: &Residual, language: Language) -> Option<String> {
    let place = printable(residual.location.as_str());
    match (residual.status, residual.expires_at) {
        (ResidualStatus::Closed, _) => None,
        (_, Some(until)) => {
            Some(words::COPY_UNTIL.fill(language, &[&place, &date(until.date_naive(), language)]))
        }
        (_, None) => Some(words::COPY_OPEN.fill(language, &[&place])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_kind_are_counted_together() {
        let line = |message, count| (message, "Invoices".to_owned(), count);
        let counts =
            [line(words::ERASED_LINE, 2), line(words::ANONYMIZED_LINE, 1), line(words::ERASED_LINE, 3)];
        let expected = ["Invoices: 5 record(s) erased", "Invoices: 1 record(s) made anonymous"];
        assert_eq!(tallied(counts, Language::En), expected);
    }
}
