//! JSON Schema (draft 2020-12) out of the tables of forms, for editors (floor 0).
//!
//! The schema says less than the checks do: what depends on several values is not in it.

use super::form::{Form, Shape};
use serde_json::{Map, Value, json};

/// The schema of a file that may hold the keys of any of these shapes. What a shape requires is
/// required of a file that has one of its keys. Inner shapes become `$defs`, by their names.
#[must_use]
pub fn schema_of_any(title: &str, shapes: &[&'static Shape]) -> Value {
    let mut definitions = Map::new();
    let mut properties = Map::new();
    let mut conditions = Vec::new();
    for shape in shapes {
        let schema = shape_schema(shape, &mut definitions);
        if let Some(own) = schema["properties"].as_object() {
            let present: Vec<Value> = own.keys().map(|key| json!({ "required": [key] })).collect();
            conditions
                .push(json!({ "if": { "anyOf": present }, "then": { "required": schema["required"] } }));
            properties.extend(own.clone());
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "allOf": conditions,
        "$defs": definitions,
    })
}

fn definition_name(shape: &Shape) -> String {
    let words = shape.name.trim_start_matches("a ").trim_start_matches("an ").trim_start_matches("the ");
    words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn reference(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    let name = definition_name(shape);
    if !definitions.contains_key(&name) {
        // Reserved first: a shape may hold itself.
        definitions.insert(name.clone(), Value::Null);
        let definition = shape_schema(shape, definitions);
        definitions.insert(name.clone(), definition);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn shape_schema(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut property = form_schema(&key.form, definitions);
        if let Some(object) = property.as_object_mut() {
            object.insert("description".to_owned(), Value::from(key.about));
        }
        properties.insert(key.name.to_owned(), property);
    }
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    });
    if let (true, Some(object)) = (shape.exactly_one, schema.as_object_mut()) {
        object.insert("minProperties".to_owned(), Value::from(1));
        object.insert("maxProperties".to_owned(), Value::from(1));
    }
    schema
}

fn form_schema(form: &Form, definitions: &mut Map<String, Value>) -> Value {
    match form {
        Form::Scalar(scalar) => match scalar.pattern {
            Some(pattern) => json!({ "type": ["string", "number"], "pattern": pattern }),
            None => json!({ "type": ["string", "number"] }),
        },
        Form::Words(words) => json!({ "enum": words }),
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Count { low, high } => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Form::List(item) => json!({ "type": "array", "items": form_schema(item, definitions) }),
        Form::Entries(value) => {
            json!({ "type": "object", "additionalProperties": form_schema(value, definitions) })
        }
        Form::Map(shape) => reference(shape, definitions),
        Form::OneOf(forms) => {
            let schemas: Vec<Value> = forms.iter().map(|form| form_schema(form, definitions)).collect();
            json!({ "anyOf": schemas })
        }
    }
}
