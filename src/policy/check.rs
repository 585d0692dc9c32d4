//! What the values of one rule mean together (floor 1; requirements R2, R3, R12, R14, R15, R17,
//! R29).

use super::bounds::{Bound, BoundKind, Sense, first_start_later};
use super::model::{Disposition, Policy, RetainFor, Rule, StartsFrom, Texts};
use super::retention::RetentionClock;
use crate::yaml::{Node, Place, Report};
use connectors::{Transform, TransformClass};
use std::collections::BTreeMap;

/// The review date of a policy has passed (R15).
pub(super) fn review_overdue(policy: &Policy, node: &Node, report: &mut Report<'_>) {
    let message = format!("the review of policy `{}` was due on {}", policy.name, policy.next_review);
    let hint = "review it, then set the next date".to_owned();
    report.warning("review-overdue", place_of(node, "next_review"), message, Some(hint));
}

/// A second rule of one name in one policy.
pub(super) fn rule_twice(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let message = format!("a second rule `{}` in one policy", rule.id);
    report.error("duplicate-rule", place_of(node, "id"), message, Some("give it another id".to_owned()));
}

/// An exception that covers some fields says of all others what becomes of them, and that leaves no pseudonym.
fn exempt(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let (Some(exempt), Some(erasure)) = (&rule.exempt, node.get("erasure")) else { return };
    let place_of = |key: &str| erasure.get(key).map_or(erasure.place, |found| found.place);
    if exempt.keeps.is_empty() || exempt.meanwhile.is_empty() {
        let message = "`keeps` and `meanwhile` go together".to_owned();
        let hint =
            "name under `keeps` what the law wants kept, and say under `meanwhile` what becomes of the rest";
        report.error("bad-erasure", erasure.place, message, Some(hint.to_owned()));
    }
    for (column, transform) in &exempt.meanwhile {
        if exempt.keeps.contains(column) {
            let message = format!("column `{column}` stands under `keeps` and under `meanwhile`");
            report.error("bad-erasure", place_of("meanwhile"), message, None);
        }
        if transform.class() > TransformClass::Generalized {
            let message = format!("what becomes of column `{column}` is still personal");
            let hint = "destroy or generalize it: the person asked for erasure".to_owned();
            report.error("bad-erasure", place_of("meanwhile"), message, Some(hint));
        }
    }
}

/// Every fault of one rule by itself.
pub(super) fn rule(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    exempt(rule, node, report);
    check_texts(&rule.title, "title", rule, node, report);
    check_texts(&rule.purpose, "purpose", rule, node, report);
    check_start(rule, node, report);
    check_scope(rule, node, report);
    check_disposition(rule, node, report);
    match rule.clock() {
        None => check_forever(rule, node, report),
        Some(clock) => check_bounds(rule, &clock, node, report),
    }
}

fn check_texts(texts: &Texts, key: &str, rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let place = place_of(node, key);
    let missing = match (&texts.fr, &texts.en) {
        (Some(_), Some(_)) => return,
        (None, None) => {
            let message = format!("`{key}` of rule `{}` says nothing", rule.id);
            report.error("missing-text", place, message, Some("write `fr` and `en`".to_owned()));
            return;
        }
        (None, _) => "French",
        (_, None) => "English",
    };
    let message = format!("`{key}` of rule `{}` is missing in {missing}", rule.id);
    report.warning("missing-translation", place, message, None);
}

fn check_start(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let zero = matches!(rule.retain_for, RetainFor::Period(period) if period.is_zero());
    if matches!(rule.starts_from, StartsFrom::NoneLeft { .. }) && !zero {
        let message = format!("rule `{}` starts from a state, whose age is not known", rule.id);
        let hint = "write `retain_for: P0D`, or start from an event".to_owned();
        report.error("state-with-period", place_of(node, "retain_for"), message, Some(hint));
    }
}

/// The syntax of `where`. Its names and types are for the live schema to check.
fn check_scope(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let (Some(scope), Some(value)) = (&rule.scope, node.get("where")) else { return };
    let Err(error) = connectors::predicate::parse(&scope.text) else { return };
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).max(1);
    let inner = Place { line: number(error.position.line), column: number(error.position.column) };
    let place = report.source.place_within(value.place, inner);
    report.error("bad-predicate", place, error.fault.to_string(), error.hint);
}

/// R29: the label of a record is that of its worst field, and is computed.
fn check_disposition(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let Some(fields) = rule.disposition.fields() else { return };
    let place = place_of(node, "disposition");
    if fields.is_empty() {
        report.error("no-fields", place, format!("rule `{}` changes no column", rule.id), None);
        return;
    }
    let personal = rule.disposition.class() > TransformClass::Generalized;
    match &rule.disposition {
        Disposition::Anonymize { fields } if personal => {
            let columns = columns_left_personal(fields);
            let message = format!("rule `{}` leaves personal data in {columns}", rule.id);
            let hint = "call it pseudonymize, or destroy or generalize these columns".to_owned();
            report.error("not-anonymous", place, message, Some(hint));
        }
        Disposition::Pseudonymize { .. } if !personal => {
            let message = format!("rule `{}` leaves no pseudonym", rule.id);
            report.warning("no-pseudonym", place, message, Some("call it anonymize".to_owned()));
        }
        _ => {}
    }
}

fn columns_left_personal(fields: &BTreeMap<String, Transform>) -> String {
    let left = fields.iter().filter(|(_, transform)| transform.class() > TransformClass::Generalized);
    let columns: Vec<String> = left.map(|(column, _)| format!("`{column}`")).collect();
    columns.join(", ")
}

/// R12: no end needs a reason, is no choice for children's data, nor against a duty to delete.
fn check_forever(rule: &Rule, node: &Node, report: &mut Report<'_>) {
    let place = place_of(node, "retain_for");
    if rule.about_children {
        let message = format!("rule `{}` keeps data about children forever", rule.id);
        let hint = "16 CFR 312.10 forbids it; name a period".to_owned();
        report.error("forever-children", place, message, Some(hint));
    }
    if rule.reason.is_none() {
        let message = format!("rule `{}` keeps forever without a reason", rule.id);
        report.error(
            "forever-without-reason",
            place,
            message,
            Some("add `reason`, or name a period".to_owned()),
        );
    }
    if let Some(bound) = rule.bounds.iter().find(|bound| bound.kind == BoundKind::Maximum) {
        let message = format!("rule `{}` keeps forever against a duty to delete: {}", rule.id, named(bound));
        report.error("above-maximum", place, message, None);
    }
}

/// Lists that are too long to be compared: whether the list under `key` is within its bound.
pub(super) fn is_within(most: usize, key: &str, node: &Node, report: &mut Report<'_>) -> bool {
    let good = node.get(key).is_none_or(|list| list.items().len() <= most);
    if !good {
        report.error("too-many", place_of(node, key), format!("`{key}` has more than {most} entries"), None);
    }
    good
}

fn check_bounds(rule: &Rule, clock: &RetentionClock, node: &Node, report: &mut Report<'_>) {
    if check_crossed(rule, clock, node, report) {
        return;
    }
    let place = place_of(node, "retain_for");
    for bound in &rule.bounds {
        let Some(start_on) = bound.start_against(clock) else { continue };
        let direction = if bound.sense == Sense::AtLeast { "shorter" } else { "longer" };
        let message = format!(
            "rule `{}` keeps {direction} than {} (for instance from {start_on})",
            rule.id,
            named(bound)
        );
        let reason_hint = || Some("add `reason`, or change the period".to_owned());
        match bound.kind {
            BoundKind::Minimum => {
                let hint = "keep longer; mind the rounding of the start".to_owned();
                report.error("below-minimum", place, message, Some(hint));
            }
            BoundKind::Maximum => {
                report.error("above-maximum", place, message, Some("keep shorter".to_owned()));
            }
            BoundKind::Recommended if rule.reason.is_none() => {
                report.error("outside-recommended", place, message, reason_hint());
            }
            BoundKind::Limitation if rule.reason.is_none() => {
                report.warning("beyond-limitation", place, message, reason_hint());
            }
            BoundKind::Recommended | BoundKind::Limitation => {}
        }
    }
}

/// R2, R14: a duty to keep longer than another orders to delete is not for a program to decide.
fn check_crossed(rule: &Rule, clock: &RetentionClock, node: &Node, report: &mut Report<'_>) -> bool {
    let of_kind = |kind| rule.bounds.iter().filter(move |bound| bound.kind == kind);
    for minimum in of_kind(BoundKind::Minimum) {
        for maximum in of_kind(BoundKind::Maximum) {
            if first_start_later(&minimum.clock(clock), &maximum.clock(clock)).is_some() {
                let message = format!(
                    "rule `{}` stands under crossed bounds: {} and {}",
                    rule.id,
                    named(minimum),
                    named(maximum)
                );
                let hint = "ask counsel which of the two applies, and split the record type".to_owned();
                report.error("bounds-crossed", place_of(node, "bounds"), message, Some(hint));
                return true;
            }
        }
    }
    false
}

fn named(bound: &Bound) -> String {
    let kind = match bound.kind {
        BoundKind::Minimum => "the minimum",
        BoundKind::Maximum => "the maximum",
        BoundKind::Recommended => "the recommended",
        BoundKind::Limitation => "the limitation",
    };
    format!("{kind} {} of {}", bound.period, bound.citation)
}

/// The place of the value under a key, else of the whole map.
fn place_of(node: &Node, key: &str) -> Place {
    node.get(key).map_or(node.place, |value| value.place)
}
