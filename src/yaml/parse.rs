//! From text to the located tree (floor 0).
//!
//! The events come from the parser; the tree is built here, with budgets, so that no document can
//! cost more than its bounds. Faults that leave a tree (duplicate keys, tags, merge keys) are
//! reported and the rest goes on; a syntax error ends the parse.

use super::node::{Entry, Node, NodeValue, Place};
use super::source::{Report, shortened};
use crate::limits::{DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, SCALAR_BYTES_MAX};
use granit_parser::{ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, Span};
use std::collections::HashSet;

/// The tree of a document; `None`, with diagnostics, when there is none. An empty file has none and
/// is no fault.
pub fn parse(report: &mut Report<'_>) -> Option<Node> {
    let mut options = Options::default();
    options.disallow_directives = true;
    options.strict_indentation = true;
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = DOCUMENT_DEPTH_MAX;
    let source = report.source;
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(source.text(), options) {
        let step = match next {
            Ok((event, span)) => builder.take(event, span, report),
            Err(error) => {
                report_syntax(&error, report);
                return None;
            }
        };
        step?;
    }
    builder.root
}

fn place_of(span: Span) -> Place {
    place_at(span.start)
}

fn place_at(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

fn report_syntax(error: &ScanError, report: &mut Report<'_>) {
    let place = place_at(*error.marker());
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        report_too_deep(place, report);
        return;
    }
    // The parser's words may quote the document.
    let hidden = report.source.is_sensitive(place.line);
    let detail = if hidden { String::new() } else { format!(": {}", error.info()) };
    let hint = "look at the indentation, the colons and the quotes of this line and the one before";
    report.error("yaml-syntax", place, format!("not well-formed YAML{detail}"), Some(hint.to_owned()));
}

fn report_too_deep(place: Place, report: &mut Report<'_>) {
    let message = format!("nested more than {DOCUMENT_DEPTH_MAX} levels deep");
    report.error("too-deep", place, message, None);
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

struct Open {
    place: Place,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<(Entry, Node)>, seen: HashSet<String>, key: Option<PendingKey> },
}

/// A key that waits for its value. `None` inside means that the value is to be dropped.
struct PendingKey(Option<Entry>);

impl Builder {
    /// Takes one event. `None` ends the parse.
    fn take(&mut self, event: Event<'_>, span: Span, report: &mut Report<'_>) -> Option<()> {
        let place = place_of(span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let hint = Some("put each document into a file of its own".to_owned());
                    report.error(
                        "several-documents",
                        place,
                        "a second document begins here".to_owned(),
                        hint,
                    );
                    return None;
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                refuse_anchor(place, report);
                self.add(Node { place, value: NodeValue::List(Vec::new()) }, report)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                check_properties(anchor, tag.is_some(), span, report);
                if text.len() > SCALAR_BYTES_MAX {
                    let message = format!("a text is longer than {SCALAR_BYTES_MAX} bytes");
                    report.error("text-too-long", place, message, None);
                    return None;
                }
                let plain = style == ScalarStyle::Plain;
                self.add(
                    Node { place, value: NodeValue::Scalar { text: text.into_owned(), plain } },
                    report,
                )?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_properties(anchor, tag.is_some(), span, report);
                self.begin(place, OpenKind::List(Vec::new()), report)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                check_properties(anchor, tag.is_some(), span, report);
                let kind = OpenKind::Map { entries: Vec::new(), seen: HashSet::new(), key: None };
                self.begin(place, kind, report)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(report)?,
            _ => {}
        }
        Some(())
    }

    fn begin(&mut self, place: Place, kind: OpenKind, report: &mut Report<'_>) -> Option<()> {
        if self.open.len() >= DOCUMENT_DEPTH_MAX {
            report_too_deep(place, report);
            return None;
        }
        self.open.push(Open { place, kind });
        Some(())
    }

    fn end(&mut self, report: &mut Report<'_>) -> Option<()> {
        let Open { place, kind } = self.open.pop()?;
        let value = match kind {
            OpenKind::List(items) => NodeValue::List(items),
            OpenKind::Map { entries, .. } => NodeValue::Map(entries),
        };
        self.add(Node { place, value }, report)
    }

    fn add(&mut self, node: Node, report: &mut Report<'_>) -> Option<()> {
        self.nodes += 1;
        if self.nodes > DOCUMENT_NODES_MAX {
            let message = format!("the document has more than {DOCUMENT_NODES_MAX} values");
            report.error("too-many-values", node.place, message, None);
            return None;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(node),
            Some(Open { kind: OpenKind::Map { entries, seen, key }, .. }) => match key.take() {
                None => *key = Some(PendingKey(take_key(node, seen, report))),
                Some(PendingKey(Some(entry))) => entries.push((entry, node)),
                Some(PendingKey(None)) => {}
            },
        }
        Some(())
    }
}

/// A node as a key; `None`, with a diagnostic, when it cannot be one.
fn take_key(node: Node, seen: &mut HashSet<String>, report: &mut Report<'_>) -> Option<Entry> {
    let place = node.place;
    let NodeValue::Scalar { text, plain } = node.value else {
        report.error("complex-key", place, "a key must be a text".to_owned(), None);
        return None;
    };
    if plain && text == "<<" {
        let hint = Some("write the keys out where they apply".to_owned());
        report.error("merge-key", place, "merge keys are not used in these documents".to_owned(), hint);
        return None;
    }
    if !seen.insert(text.clone()) {
        let name =
            if report.source.is_sensitive(place.line) { "the key".to_owned() } else { shortened(&text) };
        let hint = Some("keep one of the two".to_owned());
        report.error("duplicate-key", place, format!("{name} stands here a second time"), hint);
        return None;
    }
    Some(Entry { text, place })
}

fn check_properties(anchor: usize, tagged: bool, span: Span, report: &mut Report<'_>) {
    let place = span.tag_start().map_or_else(|| place_of(span), place_at);
    if anchor != 0 {
        refuse_anchor(place_of(span), report);
    }
    if tagged {
        let hint = Some("leave the tag out; quote the value if it is a text".to_owned());
        report.error("tag", place, "tags are not used in these documents".to_owned(), hint);
    }
}

fn refuse_anchor(place: Place, report: &mut Report<'_>) {
    let hint = Some("write the value out where it applies; quote a text that begins with & or *".to_owned());
    report.error("anchor", place, "anchors and aliases are not used in these documents".to_owned(), hint);
}
