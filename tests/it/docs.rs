//! The references in `docs/` name every key that the documents may have.
//!
//! The keys are those of the JSON Schema, which is made of the same tables as the validation.

use crate::support::binary;
use crate::tidy::root;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

fn schema() -> Value {
    let answer = Command::new(binary()).arg("schema").output().unwrap();
    serde_json::from_slice(&answer.stdout).expect("a schema")
}

/// The keys of a definition and of the definitions that it refers to.
fn keys(schema: &Value, definition: &Value, found: &mut BTreeSet<String>) {
    match definition {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            if let Some(Value::String(reference)) = map.get("$ref") {
                let name = reference.rsplit('/').next().unwrap();
                keys(schema, &schema["$defs"][name], found);
            }
            map.values().for_each(|value| keys(schema, value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| keys(schema, value, found)),
        _ => {}
    }
}

#[track_caller]
fn check(page: &str, top_level: &[&str], least: usize) {
    let text = fs::read_to_string(root().join("docs").join(page)).expect("the page is there");
    let schema = schema();
    let mut wanted: BTreeSet<String> = top_level.iter().map(|&key| key.to_owned()).collect();
    for key in top_level {
        keys(&schema, &schema["properties"][key], &mut wanted);
    }
    assert!(wanted.len() >= least, "only {wanted:?}");
    // Keys stand in back quotes, alone or in a path with points.
    let is_named = |key: &String| {
        let forms = [format!("`{key}`"), format!(".{key}`"), format!("`{key}.")];
        forms.iter().any(|form| text.contains(form))
    };
    let missing: Vec<&String> = wanted.iter().filter(|key| !is_named(key)).collect();
    assert!(missing.is_empty(), "docs/{page} does not name {missing:?}");
}

#[test]
fn the_data_map_page_names_every_key() {
    check("data-map.md", &["datasets"], 19);
}

#[test]
fn the_settings_page_names_every_key() {
    let keys = [
        "controller",
        "ledger",
        "archive",
        "sealed",
        "signing_key",
        "log_key",
        "sealing_key",
        "author",
        "stores",
        "schedules",
        "daemon",
        "approvals",
        "guards",
        "drift",
        "clock_tolerance",
        "pause_file",
        "language",
        "notification",
        "http",
    ];
    check("settings.md", &keys, 50);
}
