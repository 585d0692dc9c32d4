//! The JSON Schema of all three kinds of document, for editors (floor 6).
//!
//! A file may hold any of them, so there is one schema: a map that is closed over the keys of all.

use super::document::SETTINGS;
use crate::data_map::document::DATA_MAP;
use crate::policy::document::POLICY;
use crate::yaml::schema::schema_of_any;
use serde_json::Value;

/// The schema that `policies/schema.json` holds.
#[must_use]
pub fn document_schema() -> Value {
    schema_of_any("Documents of Oubliette: settings, data map, policy", &[&SETTINGS, &DATA_MAP, &POLICY])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Run with `UPDATE_SCHEMA=1` to write the file anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test that keeps a file of the repository up to date")]
    fn the_schema_file_is_that_of_the_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/schema.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&document_schema()).unwrap());
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "run the test with UPDATE_SCHEMA=1");
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        let schema = document_schema();
        let text = schema.to_string();
        let references = text.split("\"#/$defs/").skip(1);
        let names: Vec<&str> = references.map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(names.len() > 15);
        assert!(names.iter().all(|name| schema["$defs"][name].is_object()));
    }
}
