//! From `recipients:` of the settings to [`RecipientSettings`] (floor 6).
//!
//! The form was checked before ([`super::document`]). What a recipient received is compared with the data map,
//! so that a misspelt name does not leave somebody untold.

use super::model::{Channel, HttpTemplate, RecipientSettings, Settings, WebhookSettings};
use super::secret::SecretText;
use crate::catalog::Catalog;
use crate::check::Places;
use crate::check::places::Spot;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::erasure::recipient::{Received, Recipient, Role, places};
use crate::policy::read::{boolean, text, texts_of};
use crate::yaml::{Node, Report};
use connectors::nearest::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Methods by which an erasure may be told.
pub(super) const METHODS: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];
/// Headers that belong to the message itself.
const OWN_HEADERS: [&str; 5] =
    ["host", "content-length", "content-type", "transfer-encoding", "idempotency-key"];

pub(super) fn recipients(
    node: Option<&Node>,
    report: &mut Report<'_>,
) -> BTreeMap<String, RecipientSettings> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(entry, node)| Some((entry.text.clone(), recipient(&entry.text, node, report)?)))
        .collect()
}

fn recipient(id: &str, node: &Node, report: &mut Report<'_>) -> Option<RecipientSettings> {
    let set = |key: &str| texts_of(node, key).into_iter().collect::<BTreeSet<String>>();
    let received = Received {
        datasets: set("datasets"),
        record_types: set("record_types"),
        categories: set("categories"),
    };
    if received == Received::default() {
        let message = format!("recipient `{id}` does not say what it received");
        let hint = "list `datasets`, `record_types` or `categories` of the data map".to_owned();
        report.error("missing-key", node.place, message, Some(hint));
        return None;
    }
    let identities = set("identities");
    if identities.is_empty() {
        let message = format!("recipient `{id}` does not say under which identities it knows people");
        let hint = "list kinds of the data map's `subject` under `identities`, such as [email]".to_owned();
        report.error("missing-key", node.place, message, Some(hint));
        return None;
    }
    let channels = ["webhook", "http", "manual"].map(|key| node.get(key));
    let channel = match channels {
        [Some(webhook), None, None] => Channel::Webhook(webhook_of(webhook)?),
        [None, Some(http), None] => Channel::Http(Box::new(template(id, http, &identities, report)?)),
        [None, None, Some(_)] if boolean(node, "manual") == Some(true) => Channel::ByHand,
        _ => {
            let message = format!("recipient `{id}` is told by `webhook`, by `http`, or with `manual: true`");
            report.error("bad-recipient", node.place, message, None);
            return None;
        }
    };
    Some(RecipientSettings {
        recipient: Recipient {
            id: id.to_owned(),
            name: text(node, "name")?,
            alias: text(node, "alias").unwrap_or_else(|| id.to_owned()),
            role: Role::parse(&text(node, "role")?)?,
            received,
            identities,
        },
        channel,
    })
}

fn secret(node: &Node, key: &str) -> Option<SecretText> {
    SecretText::parse(node.get(key)?.text()?).ok()
}

pub(super) fn webhook_of(node: &Node) -> Option<WebhookSettings> {
    Some(WebhookSettings {
        url: secret(node, "url")?,
        secrets: ["secret", "old_secret"].into_iter().filter_map(|key| secret(node, key)).collect(),
        ca: text(node, "ca").map(PathBuf::from),
        plain_http: boolean(node, "plain_http").unwrap_or(false),
    })
}

fn template(
    id: &str,
    node: &Node,
    identities: &BTreeSet<String>,
    report: &mut Report<'_>,
) -> Option<HttpTemplate> {
    let mut is_good = check_places(id, node, "url", identities, report);
    is_good &= check_places(id, node, "body", identities, report);
    let body = match text(node, "body") {
        None => None,
        Some(text) => match serde_json::from_str(&text) {
            Ok(body) => Some(body),
            Err(error) => {
                let place = node.get("body").map_or(node.place, |body| body.place);
                let message = format!("the body for recipient `{id}` is no JSON: {error}");
                report.error("bad-template", place, message, None);
                return None;
            }
        },
    };
    let mut headers = BTreeMap::new();
    for (entry, value) in node.get("headers").map(Node::entries).unwrap_or_default() {
        let name = entry.text.to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if OWN_HEADERS.contains(&name.as_str()) || name.is_empty() || !name.bytes().all(is_token) {
            let message =
                format!("recipient `{id}` cannot have the header {}", report.shown(&entry.text, entry.place));
            report.error("bad-header", entry.place, message, None);
            is_good = false;
        }
        if let Some(value) = value.text().and_then(|text| SecretText::parse(text).ok()) {
            headers.insert(name, value);
        }
    }
    is_good.then_some(())?;
    let kinds = ["url", "body"].into_iter().flat_map(|key| kinds_in(node, key)).collect();
    Some(HttpTemplate {
        kinds,
        method: text(node, "method").unwrap_or_else(|| "POST".to_owned()),
        url: secret(node, "url")?,
        headers,
        body,
        ca: text(node, "ca").map(PathBuf::from),
        plain_http: boolean(node, "plain_http").unwrap_or(false),
    })
}

/// Whether every place of a template is one of the list, and names a kind of identity that may be told.
fn check_places(
    id: &str,
    node: &Node,
    key: &str,
    identities: &BTreeSet<String>,
    report: &mut Report<'_>,
) -> bool {
    let Some(value) = node.get(key) else { return true };
    let Some(text) = value.text() else { return false };
    let mut is_good = true;
    // The braces of JSON itself name nothing: only its texts are filled in.
    let texts = if key == "body" { texts_in(text) } else { vec![without_references(text)] };
    for text in texts {
        let fault = match places(&text) {
            Ok(found) => found
                .into_iter()
                .filter_map(|place| place.strip_prefix("identity."))
                .find(|kind| !identities.contains(*kind))
                .map(|kind| format!("`identity.{kind}`, which is not among its `identities`")),
            Err(place) => Some(format!("`{place}`, which names nothing that may be told")),
        };
        if let Some(fault) = fault {
            let hint =
                "{notice}, {request}, {controller}, {ground}, {erased_at}, {identities} or {identity.KIND}";
            let message = format!("the {key} for recipient `{id}` has {fault}");
            report.error("bad-template", value.place, message, Some(hint.to_owned()));
            is_good = false;
        }
    }
    is_good
}

fn kinds_in(node: &Node, key: &str) -> Vec<String> {
    let text = text(node, key).unwrap_or_default();
    let texts = if key == "body" { texts_in(&text) } else { vec![without_references(&text)] };
    let kinds = |text: &String| -> Vec<String> {
        let found = places(text).unwrap_or_default();
        found.into_iter().filter_map(|place| place.strip_prefix("identity.")).map(str::to_owned).collect()
    };
    texts.iter().flat_map(kinds).collect()
}

/// Every text of a JSON value that is not the name of a key.
fn texts_in(text: &str) -> Vec<String> {
    fn gather(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => found.push(text.clone()),
            serde_json::Value::Array(all) => all.iter().for_each(|one| gather(one, found)),
            serde_json::Value::Object(all) => all.values().for_each(|one| gather(one, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_str(text) {
        gather(&value, &mut found);
    }
    found
}

fn without_references(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        plain.push_str(before);
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    plain + rest
}

/// Names that a recipient received and that the data map does not have; aliases that two recipients share.
#[must_use]
pub fn check(settings: &Settings, catalog: &Catalog, places: &Places) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let datasets = || catalog.datasets().values();
    let known: [(&str, BTreeSet<&str>); 4] = [
        ("dataset", datasets().map(|one| one.name.as_str()).collect()),
        ("record type", datasets().map(|one| one.record_type.as_str()).collect()),
        ("data category", datasets().flat_map(|one| one.fields.values()).map(String::as_str).collect()),
        ("kind of identity", datasets().flat_map(|one| one.subject.keys()).map(String::as_str).collect()),
    ];
    let mut aliases = BTreeSet::new();
    for (id, settings) in &settings.recipients {
        let one = &settings.recipient;
        let named =
            [&one.received.datasets, &one.received.record_types, &one.received.categories, &one.identities];
        for ((what, known), named) in known.iter().zip(named) {
            for name in named.iter().filter(|name| !known.contains(name.as_str())) {
                let hint = nearest(name, known.iter().copied()).map(|near| format!("did you mean '{near}'?"));
                let message = format!("recipient `{id}` names a {what} that the data map does not have");
                diagnostics.push(fault(places.setting("recipients"), message, hint));
            }
        }
        if !aliases.insert(one.alias.as_str()) {
            let message = format!("recipient `{id}` has the alias of another");
            diagnostics.push(fault(places.setting("recipients"), message, None));
        }
    }
    diagnostics
}

fn fault(spot: Spot, message: String, hint: Option<String>) -> Diagnostic {
    let Spot { file, line, column } = spot;
    Diagnostic {
        severity: Severity::Error,
        code: "bad-recipient",
        file,
        line,
        column,
        message,
        excerpt: String::new(),
        hint,
    }
}
