//! Every shipped document, read by an implementation that is not ours: the trees must be the same.

#![expect(clippy::disallowed_methods, reason = "reads the shipped documents")]

use super::{Node, NodeValue, Report, Source, parse};
use crate::diagnostic::Diagnostics;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// Ours keeps the text of a scalar, theirs its type: compared are the texts.
fn same(ours: &Node, theirs: &Value) -> bool {
    match (&ours.value, theirs) {
        (NodeValue::Scalar { text, .. }, Value::String(value)) => text == value,
        (NodeValue::Scalar { .. }, Value::Null) => ours.text().is_none(),
        (NodeValue::Scalar { text, plain: true }, Value::Bool(value)) => text.parse() == Ok(*value),
        (NodeValue::Scalar { text, plain: true }, Value::Number(value)) => {
            text.parse::<f64>().ok() == value.as_f64()
        }
        (NodeValue::List(items), Value::Array(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| same(item, value))
        }
        (NodeValue::Map(entries), Value::Object(map)) => {
            entries.len() == map.len()
                && entries.iter().all(|(key, item)| map.get(&key.text).is_some_and(|value| same(item, value)))
        }
        _ => false,
    }
}

#[test]
fn a_second_reader_sees_the_same_in_every_shipped_document() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["policies", "docs/examples", "src"] {
        documents(&root.join(folder), &mut found);
    }
    assert!(found.len() >= 8, "only {} documents found", found.len());
    for path in found {
        let bytes = std::fs::read(&path).expect("a document");
        let mut diagnostics = Diagnostics::new();
        let source = Source::decode(&path.display().to_string(), &bytes, &mut diagnostics).expect("a text");
        let ours = parse(&mut Report { source: &source, diagnostics: &mut diagnostics }).expect("a tree");
        let theirs: Value = serde_yaml::from_str(source.text()).expect("theirs reads it too");
        assert!(same(&ours, &theirs), "{} is read differently", path.display());
    }
}
