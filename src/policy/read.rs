//! From a policy document to a [`Policy`] (floor 1).
//!
//! The form was checked before ([`super::document`]); a part that has not its form is left out here
//! in silence, since it is reported. What the values mean together is checked in `check.rs`.

use super::bounds::{Bound, BoundKind, Certainty, Sense};
use super::check;
use super::model::{
    Disposition, EmptyDataset, Exempt, Guards, Policy, RetainFor, Rule, ScopeText, StartType, StartsFrom,
    Texts,
};
use super::packs;
use super::period::Period;
use super::retention::{FiscalYearEnd, Rounding};
use super::scalars::{FOREVER, parse_date, parse_share};
use crate::limits::{POLICY_RULES_MAX, RULE_BOUNDS_MAX};
use crate::yaml::{Node, Report};
use chrono::NaiveDate;
use connectors::Transform;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// A policy with the nodes of its rules, in the order of [`Policy::rules`].
#[derive(Debug)]
pub struct ReadPolicy<'a> {
    pub policy: Policy,
    pub node: &'a Node,
    pub rule_nodes: Vec<&'a Node>,
}

/// What a policy is read with.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Guards of rules that name none.
    pub guards: Guards,
    /// The day on which a review is overdue or not.
    pub today: NaiveDate,
}

/// Makes a policy of a checked document. `None` when its head is not usable.
pub fn policy<'a>(
    node: &'a Node,
    surroundings: &Surroundings,
    report: &mut Report<'_>,
) -> Option<ReadPolicy<'a>> {
    let mut policy = Policy {
        name: text(node, "policy")?,
        version: parsed(node, "version")?,
        effective_from: date(node, "effective_from")?,
        owner: text(node, "owner")?,
        next_review: date(node, "next_review")?,
        jurisdictions: texts_of(node, "jurisdictions"),
        time_zone: parsed(node, "time_zone")?,
        fiscal_year_ends: fiscal_year_end(node)?,
        rules: Vec::new(),
    };
    if policy.next_review < surroundings.today {
        check::review_overdue(&policy, node, report);
    }
    if !check::is_within(POLICY_RULES_MAX, "rules", node, report) {
        return None;
    }
    let mut rule_nodes = Vec::new();
    let mut ids = BTreeSet::new();
    for rule_node in node.get("rules").map(Node::items).unwrap_or_default() {
        let Some(rule) = rule(rule_node, &policy, surroundings, report) else { continue };
        check::rule(&rule, rule_node, report);
        if !ids.insert(rule.id.clone()) {
            check::rule_twice(&rule, rule_node, report);
        }
        policy.rules.push(rule);
        rule_nodes.push(rule_node);
    }
    Some(ReadPolicy { policy, node, rule_nodes })
}

fn rule(node: &Node, policy: &Policy, surroundings: &Surroundings, report: &mut Report<'_>) -> Option<Rule> {
    let id = text(node, "id")?;
    Some(Rule {
        record_type: text(node, "record_type").unwrap_or_else(|| id.clone()),
        applies_to: texts_of(node, "applies_to"),
        title: texts(node.get("title")?),
        purpose: texts(node.get("purpose")?),
        legal_basis: text(node, "legal_basis")?,
        starts_from: starts_from(node.get("starts_from")?, report)?,
        start_type: start_type(node.get("starts_from")?),
        retain_for: retain_for(node)?,
        delete_within: parsed(node, "delete_within"),
        scope: scope(node, report),
        disposition: disposition(node.get("disposition")?)?,
        bounds: bounds(node, report),
        reason: text(node, "reason"),
        guards: guards(node.get("guards"), surroundings.guards),
        erasure_exception: node.get("erasure").and_then(|erasure| text(erasure, "exception")),
        erasure_citation: node.get("erasure").and_then(|erasure| text(erasure, "citation")),
        exempt: node.get("erasure").and_then(exempt),
        processing_record: text(node, "processing_record"),
        owner: text(node, "owner").unwrap_or_else(|| policy.owner.clone()),
        about_children: boolean(node, "about_children").unwrap_or(false),
        time_zone: policy.time_zone,
        fiscal_year_ends: policy.fiscal_year_ends,
        id,
    })
}

fn starts_from(node: &Node, report: &mut Report<'_>) -> Option<StartsFrom> {
    if let Some(event) = node.text() {
        return Some(StartsFrom::Event { event: event.to_owned(), rounding: Rounding::None });
    }
    let none_left = node.get("none_left");
    match (text(node, "event"), none_left) {
        (Some(event), None) => Some(StartsFrom::Event { event, rounding: rounding(node) }),
        (None, Some(types)) if !types.items().is_empty() && node.get("rounding").is_none() => {
            Some(StartsFrom::NoneLeft { record_types: texts_of(node, "none_left") })
        }
        _ => {
            let message = "a start is one event (with its rounding) or one list `none_left`".to_owned();
            report.error("bad-start", node.place, message, None);
            None
        }
    }
}

fn start_type(node: &Node) -> StartType {
    match node.get("type").and_then(Node::text) {
        Some("collection") => StartType::Collection,
        Some("relationship") => StartType::Relationship,
        None if node.text() == Some("collection") => StartType::Collection,
        None if node.get("none_left").is_some() => StartType::Relationship,
        Some(_) | None => StartType::Operation,
    }
}

fn retain_for(node: &Node) -> Option<RetainFor> {
    match node.get("retain_for")?.text()? {
        FOREVER => Some(RetainFor::Forever),
        text => text.parse().ok().map(RetainFor::Period),
    }
}

fn scope(node: &Node, report: &mut Report<'_>) -> Option<ScopeText> {
    let scope = node.get("where")?;
    let text = scope.text()?.to_owned();
    Some(ScopeText {
        text,
        file: report.source.file().to_owned(),
        line: scope.place.line,
        column: scope.place.column,
    })
}

fn disposition(node: &Node) -> Option<Disposition> {
    if node.text() == Some("purge") {
        return Some(Disposition::Purge);
    }
    if let Some(fields) = node.get("anonymize") {
        return Some(Disposition::Anonymize { fields: transforms(fields)? });
    }
    node.get("pseudonymize")
        .and_then(|fields| Some(Disposition::Pseudonymize { fields: transforms(fields)? }))
}

fn exempt(node: &Node) -> Option<Exempt> {
    if node.get("keeps").is_none() && node.get("meanwhile").is_none() {
        return None;
    }
    let meanwhile = node.get("meanwhile").and_then(transforms).unwrap_or_default();
    Some(Exempt { keeps: texts_of(node, "keeps"), meanwhile })
}

fn transforms(node: &Node) -> Option<BTreeMap<String, Transform>> {
    node.entries().iter().map(|(entry, node)| Some((entry.text.clone(), transform(node)?))).collect()
}

fn transform(node: &Node) -> Option<Transform> {
    if node.text() == Some("null") {
        return Some(Transform::Null);
    }
    let (entry, value) = node.entries().first()?;
    match entry.text.as_str() {
        "replace" => Some(Transform::Replace { text: value.text()?.to_owned() }),
        "hash" => Some(Transform::Hash { hex_length: parsed(value, "hex_length")? }),
        "generalize" => match value.text() {
            Some("year") => Some(Transform::GeneralizeYear),
            Some(_) => Some(Transform::GeneralizeMonth),
            None => Some(Transform::GeneralizeBucket { step: parsed(value, "bucket")? }),
        },
        "mask" => Some(Transform::Mask {
            keep_first: parsed(value, "keep_first")?,
            keep_last: parsed(value, "keep_last")?,
        }),
        "truncate" => Some(Transform::Truncate { characters: value.text()?.parse().ok()? }),
        _ => None,
    }
}

fn bounds(node: &Node, report: &mut Report<'_>) -> Vec<Bound> {
    if !check::is_within(RULE_BOUNDS_MAX, "bounds", node, report) {
        return Vec::new();
    }
    let items = node.get("bounds").map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| bound(item, report)).collect()
}

fn bound(node: &Node, report: &mut Report<'_>) -> Option<Bound> {
    if let Some(id) = node.get("pack") {
        return pack_bound(node, id, report);
    }
    let read = || {
        let kind = BoundKind::parse(node.get("kind")?.text()?)?;
        let sense = node.get("sense").and_then(Node::text).and_then(Sense::parse);
        Some(Bound {
            pack: None,
            kind,
            sense: sense.filter(|_| kind == BoundKind::Recommended).unwrap_or(kind.usual_sense()),
            period: parsed::<Period>(node, "period")?,
            rounding: rounding(node),
            citation: text(node, "cite")?,
            certainty: Certainty::Declared,
        })
    };
    let bound = read();
    let incomplete = ["kind", "period", "cite"].iter().any(|key| node.get(key).is_none());
    if incomplete {
        let message = "a bound is a `pack`, or a `kind` with `period` and `cite`".to_owned();
        report.error("bad-bound", node.place, message, None);
    }
    bound
}

fn pack_bound(node: &Node, id: &Node, report: &mut Report<'_>) -> Option<Bound> {
    let name = id.text()?;
    let extra = node.entries().iter().find(|(entry, _)| !matches!(entry.text.as_str(), "pack" | "confirmed"));
    if let Some((entry, _)) = extra {
        let message = format!("`{}` does not go with `pack`, which says it already", entry.text);
        report.error("bad-bound", entry.place, message, None);
    }
    let Some(row) = packs::row(name) else {
        let hint = report.did_you_mean(name, packs::shipped().iter().map(|row| row.id.as_str()));
        report.error("unknown-pack", id.place, format!("no shipped pack has a row `{name}`"), hint);
        return None;
    };
    let confirmed = boolean(node, "confirmed").unwrap_or(false);
    if row.certainty == Certainty::Unchecked && !confirmed {
        let message = format!("`{name}` ({}) was not checked against a text of law", row.citation);
        let hint = "check it, then write `confirmed: true` beside it".to_owned();
        report.warning("unchecked-citation", id.place, message, Some(hint));
    }
    Some(row.bound(confirmed))
}

/// The guards of a rule over those it falls back on.
pub fn guards(node: Option<&Node>, defaults: Guards) -> Guards {
    let Some(node) = node else { return defaults };
    let empty_dataset = match node.get("empty_dataset").and_then(Node::text) {
        Some("allow") => EmptyDataset::Allow,
        Some(_) => EmptyDataset::Refuse,
        None => defaults.empty_dataset,
    };
    let max_share = node.get("max_share").and_then(Node::text).and_then(parse_share);
    Guards {
        max_share: max_share.unwrap_or(defaults.max_share),
        max_records: parsed(node, "max_records").unwrap_or(defaults.max_records),
        empty_dataset,
        keep_newest: parsed(node, "keep_newest").unwrap_or(defaults.keep_newest),
        max_records_per_day: parsed(node, "max_records_per_day").or(defaults.max_records_per_day),
    }
}

fn fiscal_year_end(node: &Node) -> Option<FiscalYearEnd> {
    match node.get("fiscal_year_ends") {
        None => Some(FiscalYearEnd::default()),
        Some(end) => FiscalYearEnd::parse(end.text()?),
    }
}

fn texts(node: &Node) -> Texts {
    Texts { fr: text(node, "fr"), en: text(node, "en") }
}

/// The `rounding` of a map; none where nothing is said.
pub fn rounding(node: &Node) -> Rounding {
    match node.get("rounding").and_then(Node::text) {
        Some("end_of_month") => Rounding::EndOfMonth,
        Some("end_of_calendar_year") => Rounding::EndOfCalendarYear,
        Some("end_of_fiscal_year") => Rounding::EndOfFiscalYear,
        _ => Rounding::None,
    }
}

/// The text under a key.
pub fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(str::to_owned)
}

/// The texts of a list under a key.
pub fn texts_of(node: &Node, key: &str) -> Vec<String> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}

/// The value of a scalar under a key.
pub fn parsed<T: FromStr>(node: &Node, key: &str) -> Option<T> {
    node.get(key)?.text()?.parse().ok()
}

/// `true` or `false` under a key.
pub fn boolean(node: &Node, key: &str) -> Option<bool> {
    node.get(key)?.plain()?.parse().ok()
}

/// The date under a key.
pub fn date(node: &Node, key: &str) -> Option<NaiveDate> {
    parse_date(node.get(key)?.text()?)
}
