//! From a data map to [`Dataset`]s (floor 1).
//!
//! The form was checked before ([`super::document`]). Whether stores and the datasets that links
//! name exist is checked with the whole catalog.

use super::model::{Dataset, EpochUnit, EventSource, KeyDate, Link, LinkTarget, Ownership};
use crate::policy::read::{parsed, text, texts_of};
use crate::yaml::{Node, Place, Report};
use connectors::{KeyTemplate, Location};
use std::collections::{BTreeMap, BTreeSet};

/// A dataset with its node.
#[derive(Debug)]
pub struct ReadDataset<'a> {
    pub dataset: Dataset,
    pub node: &'a Node,
}

/// Names of the datasets of a data map, for the links of others.
pub fn names(node: &Node) -> impl Iterator<Item = String> {
    node.get("datasets").map(Node::items).unwrap_or_default().iter().filter_map(|item| text(item, "name"))
}

/// Makes datasets of a checked document. `names` are those of every data map.
pub fn datasets<'a>(
    node: &'a Node,
    names: &BTreeSet<String>,
    report: &mut Report<'_>,
) -> Vec<ReadDataset<'a>> {
    let items = node.get("datasets").map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| dataset(item, names, report).map(|dataset| ReadDataset { dataset, node: item }))
        .collect()
}

fn dataset(node: &Node, names: &BTreeSet<String>, report: &mut Report<'_>) -> Option<Dataset> {
    if node.entries().is_empty() {
        return None;
    }
    let place = Captures::of(node, report);
    let captures = place.as_ref().and_then(|captures| captures.names.as_ref());
    let subject = columns(node, "subject");
    if let Some(captures) = captures {
        check_captures(node.get("subject"), captures, report);
        refuse_in_objects(node, report);
    }
    let events = events(node, captures, report);
    let links = links(node, names, report);
    Some(Dataset {
        name: text(node, "name")?,
        store: text(node, "store")?,
        location: place?.location,
        record_type: text(node, "record_type")?,
        subject,
        events,
        fields: columns(node, "fields"),
        links,
        alias: text(node, "alias"),
        marker: text(node, "marker"),
        not_personal: texts_of(node, "not_personal"),
        search_text: texts_of(node, "search_text"),
    })
}

/// The location, and for objects the names that its key template captures.
struct Captures {
    location: Location,
    names: Option<BTreeSet<String>>,
}

impl Captures {
    fn of(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        match (node.get("table"), node.get("objects")) {
            (Some(table), None) => Some(Self { location: table_location(table, report)?, names: None }),
            (None, Some(objects)) => Self::of_objects(objects, report),
            _ => {
                let message = "a dataset is either a `table` or `objects`".to_owned();
                report.error("bad-location", node.place, message, None);
                None
            }
        }
    }

    fn of_objects(objects: &Node, report: &mut Report<'_>) -> Option<Self> {
        let key = objects.get("key")?;
        let text = key.text()?;
        match KeyTemplate::parse(text) {
            Ok(template) => {
                let names = Some(template.captures().map(str::to_owned).collect());
                Some(Self { location: Location::Objects { key: template }, names })
            }
            Err(error) => {
                let hint = Some("expected a template such as receipts/{year}/{file}".to_owned());
                report.error("bad-template", key.place, error.to_string(), hint);
                None
            }
        }
    }
}

fn table_location(node: &Node, report: &mut Report<'_>) -> Option<Location> {
    let name = node.text()?;
    let mut parts = name_parts(name).unwrap_or_default().into_iter();
    let location = match (parts.next(), parts.next(), parts.next()) {
        (Some(table), None, None) => Some((None, table)),
        (Some(schema), Some(table), None) => Some((Some(schema), table)),
        _ => None,
    };
    let named = location.filter(|(schema, table)| !table.is_empty() && schema.as_deref() != Some(""));
    let Some((schema, table)) = named else {
        let message = format!("{} is no table, nor schema and table", report.shown(name, node.place));
        report.error("bad-table", node.place, message, Some(TABLE_FORM.to_owned()));
        return None;
    };
    Some(Location::Table { schema, table })
}

const TABLE_FORM: &str = "expected `table` or `schema.table`; a name with a dot in double quotes, as in SQL";

/// The names between the dots. One that begins with a double quote ends with the next single one; a
/// doubled quote inside stands for itself, as in SQL. `None` if a quote is not closed.
fn name_parts(name: &str) -> Option<Vec<String>> {
    let (mut parts, mut rest) = (Vec::new(), name);
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => rest.find('.').map_or((rest.to_owned(), ""), |dot| {
                let (part, after) = rest.split_at(dot);
                (part.to_owned(), after)
            }),
        };
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(parts),
            None => return None,
        }
    }
}

/// The name that ends at its closing quote, and what follows it.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), text);
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Some((name, after)),
        }
    }
}

fn columns(node: &Node, key: &str) -> BTreeMap<String, String> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    let texts =
        entries.iter().filter_map(|(entry, value)| Some((entry.text.clone(), value.text()?.to_owned())));
    texts.collect()
}

fn check_captures(subject: Option<&Node>, captures: &BTreeSet<String>, report: &mut Report<'_>) {
    for (_, value) in subject.map(Node::entries).unwrap_or_default() {
        if let Some(name) = value.text() {
            check_capture(name, captures, value.place, report);
        }
    }
}

fn check_capture(name: &str, captures: &BTreeSet<String>, place: Place, report: &mut Report<'_>) -> bool {
    if captures.contains(name) {
        return true;
    }
    let known: Vec<&str> = captures.iter().map(String::as_str).collect();
    let message = format!("the key template captures no {}", report.shown(name, place));
    report.error("unknown-capture", place, message, Some(format!("it captures {}", known.join(", "))));
    false
}

/// What only rows have.
fn refuse_in_objects(node: &Node, report: &mut Report<'_>) {
    for key in ["links", "marker", "search_text"] {
        if let Some(value) = node.get(key) {
            let message = format!("objects have no columns, so no `{key}`");
            report.error("not-for-objects", value.place, message, None);
        }
    }
}

fn events(
    node: &Node,
    captures: Option<&BTreeSet<String>>,
    report: &mut Report<'_>,
) -> BTreeMap<String, EventSource> {
    let mut events = BTreeMap::new();
    for (entry, value) in node.get("events").map(Node::entries).unwrap_or_default() {
        let source = match captures {
            None => column_event(value),
            Some(captures) => object_event(value, captures, report),
        };
        if let Some(source) = source {
            events.insert(entry.text.clone(), source);
        }
    }
    events
}

fn column_event(node: &Node) -> Option<EventSource> {
    if let Some(column) = node.text() {
        return Some(EventSource::Column { column: column.to_owned(), zone: None, unit: None });
    }
    let unit = node.get("unit").and_then(Node::text).map(|unit| match unit {
        "milliseconds" => EpochUnit::Milliseconds,
        _ => EpochUnit::Seconds,
    });
    Some(EventSource::Column { column: text(node, "column")?, zone: parsed(node, "zone"), unit })
}

fn object_event(node: &Node, captures: &BTreeSet<String>, report: &mut Report<'_>) -> Option<EventSource> {
    let Some(text) = node.text() else {
        let source = column_event(node)?;
        let column = node.get("column")?;
        return check_capture(column.text()?, captures, column.place, report).then_some(source);
    };
    if text == "last_modified" {
        return Some(EventSource::LastModified);
    }
    for word in ["tag", "metadata"] {
        if let Some(name) = call_argument(text, word) {
            let (name, zone, unit) = (name.to_owned(), None, None);
            return Some(if word == "tag" {
                EventSource::Tag { name, zone, unit }
            } else {
                EventSource::Metadata { name, zone, unit }
            });
        }
    }
    let names = key_date_names(text);
    let Some((year, rest)) = names.as_deref().and_then(<[String]>::split_first) else {
        let message = format!("{} is no event of an object", report.shown(text, node.place));
        let hint = "expected last_modified, {year}-{month}, tag('name') or metadata('name')".to_owned();
        report.error("bad-event", node.place, message, Some(hint));
        return None;
    };
    for name in std::iter::once(year).chain(rest) {
        check_capture(name, captures, node.place, report);
    }
    let mut rest = rest.iter().cloned();
    Some(EventSource::Key(KeyDate { year: year.clone(), month: rest.next(), day: rest.next() }))
}

fn call_argument<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let argument = text.strip_prefix(word)?.strip_prefix("('")?.strip_suffix("')")?;
    (!argument.is_empty() && !argument.contains('\'')).then_some(argument)
}

/// The names of `{year}`, `{year}-{month}` or `{year}-{month}-{day}`.
fn key_date_names(text: &str) -> Option<Vec<String>> {
    let parts: Option<Vec<String>> =
        text.split('-').map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned())).collect();
    parts.filter(|names| names.len() <= 3 && names.iter().all(|name| !name.contains(['{', '}'])))
}

fn links(node: &Node, names: &BTreeSet<String>, report: &mut Report<'_>) -> Vec<Link> {
    let items = node.get("links").map(Node::items).unwrap_or_default();
    let mut links: Vec<Link> = items.iter().filter_map(|item| link(item, names, report)).collect();
    links.sort_by(|a, b| (&a.column, &a.to.dataset).cmp(&(&b.column, &b.to.dataset)));
    links
}

fn link(node: &Node, names: &BTreeSet<String>, report: &mut Report<'_>) -> Option<Link> {
    let to = node.get("to")?;
    let target = to.text()?;
    let Some(to) = link_target(target, names) else {
        let hint = report.did_you_mean(target, names.iter().map(String::as_str));
        let message = format!("no dataset is called {}", report.shown(target, to.place));
        report.error("unknown-dataset", to.place, message, hint);
        return None;
    };
    let ownership = match node.get("ownership")?.text()? {
        "owns" => Ownership::Owns,
        "shared" => Ownership::Shared,
        "accesses" => Ownership::Accesses,
        _ => Ownership::Mentions,
    };
    Some(Link { column: text(node, "column")?, to, ownership })
}

/// Names of datasets may hold points themselves: the whole text first, then without its last part.
fn link_target(target: &str, names: &BTreeSet<String>) -> Option<LinkTarget> {
    if names.contains(target) {
        return Some(LinkTarget { dataset: target.to_owned(), column: None });
    }
    let (dataset, column) = target.rsplit_once('.')?;
    names
        .contains(dataset)
        .then(|| LinkTarget { dataset: dataset.to_owned(), column: Some(column.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&[&str]>) {
        let expected = expected.map(|parts| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(name_parts(name), expected);
    }

    #[test]
    fn a_name_with_a_dot_is_quoted_as_in_sql() {
        check("prospects", Some(&["prospects"]));
        check("public.prospects", Some(&["public", "prospects"]));
        check(r#""a.b""#, Some(&["a.b"]));
        check(r#"main."a.b""c""#, Some(&["main", "a.b\"c"]));
        check(r#"main."a.b""c"""#, None);
        check(r#"or"der"#, Some(&["or\"der"]));
        check(r#""a"b"#, None);
        check("a..b", Some(&["a", "", "b"]));
    }
}
