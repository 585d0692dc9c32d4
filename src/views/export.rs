//! The copy of a person's data, as JSON (floor 8). Written record by record: nothing is held but one record.

use super::JSON_FORMAT_VERSION;
use super::looking::SearchedJson;
use super::words::looking as words;
use crate::app::{ExportHead, ExportSink, ExportedDataset, ExportedRecord};
use crate::erasure::found::Standing;
use connectors::Value;
use serde_json::{Map, json};
use std::io::{self, Write};

/// Writes an export as one JSON object.
#[derive(Debug)]
pub struct JsonExport<W> {
    out: W,
    is_first: bool,
}

impl<W: Write + Send> JsonExport<W> {
    pub fn new(out: W) -> Self {
        Self { out, is_first: true }
    }

    /// What it wrote to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// A comma between two items of a list.
    fn part(&mut self) -> io::Result<()> {
        let text = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        self.out.write_all(text.as_bytes())
    }

    fn member(&mut self, name: &str, value: &serde_json::Value) -> io::Result<()> {
        write!(self.out, "{}: ", serde_json::Value::from(name))?;
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b",\n")
    }
}

impl<W: Write + Send> ExportSink for JsonExport<W> {
    fn begin(&mut self, head: &ExportHead<'_>) -> io::Result<()> {
        let look = &head.located.look;
        self.out.write_all(b"{\n")?;
        self.member("format_version", &json!(JSON_FORMAT_VERSION))?;
        self.member("about", &json!({"fr": words::ABOUT.fr, "en": words::ABOUT.en}))?;
        self.member("controller", &json!({"name": head.controller, "contact": head.contact}))?;
        self.member("exported_at", &json!(look.at))?;
        self.member("export_id", &json!(look.look_id))?;
        self.member("request_id", &json!(look.request_id))?;
        let searched: Vec<SearchedJson<'_>> =
            head.located.datasets.iter().map(SearchedJson::public).collect();
        self.member("searched", &json!(searched))?;
        self.out.write_all(b"\"datasets\": [")
    }

    fn begin_dataset(&mut self, exported: &ExportedDataset<'_>) -> io::Result<()> {
        let dataset = exported.dataset;
        let rules = exported.rules.iter().map(|rule| {
            json!({
                "title": rule.title,
                "purpose": rule.purpose,
                "legal_basis": rule.legal_basis,
                "kept_for": rule.retain_for,
                "counted_from": rule.starts_from,
            })
        });
        let rules: Vec<serde_json::Value> = rules.collect();
        self.part()?;
        self.out.write_all(b"{\n")?;
        self.member("dataset", &json!(dataset.public_name()))?;
        self.member("store", &json!(exported.store_alias))?;
        self.member("record_type", &json!(dataset.record_type))?;
        self.member("rules", &json!(rules))?;
        self.member("categories", &json!(dataset.fields))?;
        self.is_first = true;
        self.out.write_all(b"\"records\": [")
    }

    fn record(&mut self, record: &ExportedRecord<'_>) -> io::Result<()> {
        let fields: Map<String, serde_json::Value> =
            record.fields.iter().map(|(name, value)| ((*name).to_owned(), plain(value))).collect();
        let mut written = json!({ "fields": fields });
        if let (Standing::Shared(why), Some(object)) = (record.standing, written.as_object_mut()) {
            object.insert("shared".to_owned(), json!(why));
            object.insert("left_out".to_owned(), json!(record.left_out));
        }
        self.part()?;
        serde_json::to_writer(&mut self.out, &written)?;
        Ok(())
    }

    fn end_dataset(&mut self) -> io::Result<()> {
        self.is_first = false;
        self.out.write_all(b"\n]}")
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n]\n}\n")?;
        self.out.flush()
    }
}

/// A value as a program reads it: bytes in hexadecimal after `\\x`, times as ISO 8601.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Real(value) if value.is_finite() => json!(value),
        Value::Real(value) => json!(value.to_string()),
        Value::Text(value) => json!(value),
        Value::Bytes(value) => json!(format!("\\x{}", crate::digest::hex(value))),
        Value::Date(value) => json!(value.to_string()),
        Value::Instant(value) => json!(value.to_rfc3339()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        assert_eq!(plain(value).to_string(), expected);
    }

    #[test]
    fn every_value_is_read_by_any_program() {
        check(&Value::Null, "null");
        check(&Value::Int(i64::MAX), "9223372036854775807");
        check(&Value::Real(0.5), "0.5");
        check(&Value::Real(f64::NAN), "\"NaN\"");
        check(&Value::Text("\"é\n".to_owned()), "\"\\\"é\\n\"");
        check(&Value::Bytes(vec![0, 255]), "\"\\\\x00ff\"");
        check(&Value::Bool(true), "true");
    }
}
