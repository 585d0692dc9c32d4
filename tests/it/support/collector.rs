//! What a collector of spans was sent. It is read by the description of the format alone (opentelemetry.proto,
//! collector/trace/v1), with none of the libraries that wrote it.

use super::sink::Sink;
use std::collections::BTreeMap;

/// One span as it came.
#[derive(Debug, Clone)]
pub(crate) struct SentSpan {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for a root.
    pub(crate) parent: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Events and links.
    pub(crate) more: usize,
    pub(crate) has_failed: bool,
    /// Why it failed.
    pub(crate) message: String,
}

impl SentSpan {
    /// An attribute of ours.
    #[track_caller]
    pub(crate) fn of(&self, key: &str) -> &str {
        let found = self.attributes.get(&format!("oubliette.{key}"));
        found.unwrap_or_else(|| panic!("{key} is missing in {self:?}"))
    }
}

/// The variable that names the collector.
pub(crate) fn at(sink: &Sink) -> (&'static str, String) {
    ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", sink.address))
}

/// Every span that was sent, in the order of their arrival.
pub(crate) fn spans(sink: &Sink) -> Vec<SentSpan> {
    let requests = sink.received();
    let scopes = requests.iter().flat_map(|one| {
        assert!(one.head.starts_with("POST /v1/traces "), "{}", one.head);
        assert_eq!(one.header("content-type"), Some("application/x-protobuf"));
        below(&one.bytes, 1).into_iter().flat_map(|resource| below(resource, 2))
    });
    scopes.flat_map(|scope| below(scope, 2)).map(span).collect()
}

/// What the sender says of itself, as one text for each request.
pub(crate) fn resources(sink: &Sink) -> Vec<BTreeMap<String, String>> {
    let requests = sink.received();
    let resources = requests.iter().flat_map(|one| below(&one.bytes, 1));
    resources
        .map(|resource| below(resource, 1).into_iter().flat_map(|own| attributes(own, 1)).collect())
        .collect()
}

fn span(bytes: &[u8]) -> SentSpan {
    let text = |number| String::from_utf8(below(bytes, number).concat()).unwrap();
    let hex = |number| oubliette::digest::hex(&below(bytes, number).concat());
    let status = below(bytes, 15).concat();
    SentSpan {
        name: text(5),
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        attributes: attributes(bytes, 9).collect(),
        more: below(bytes, 11).len() + below(bytes, 13).len(),
        has_failed: numbers(&status, 3) == [2],
        message: String::from_utf8(below(&status, 2).concat()).unwrap(),
    }
}

/// Keys with their values as text.
fn attributes(bytes: &[u8], number: u64) -> impl Iterator<Item = (String, String)> {
    below(bytes, number).into_iter().map(|one| {
        let key = String::from_utf8(below(one, 1).concat()).unwrap();
        let value = below(one, 2).concat();
        let texts = below(&value, 1).into_iter().map(|text| String::from_utf8(text.to_vec()).unwrap());
        let counts = numbers(&value, 3).into_iter().map(|count| count.to_string());
        let found: Vec<String> = texts.chain(counts).collect();
        assert_eq!(found.len(), 1, "the value of {key} is neither a text nor a whole number");
        (key, found.concat())
    })
}

/// One field of a message: a number, or bytes.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

/// The messages and texts with this number.
fn below(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let all = fields(bytes).into_iter().filter(|(found, _)| *found == number);
    all.filter_map(|(_, field)| if let Field::Bytes(bytes) = field { Some(bytes) } else { None }).collect()
}

fn numbers(bytes: &[u8], number: u64) -> Vec<u64> {
    let all = fields(bytes).into_iter().filter(|(found, _)| *found == number);
    all.filter_map(|(_, field)| if let Field::Number(count) = field { Some(count) } else { None }).collect()
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Bytes(take(&mut bytes, 8)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                Field::Bytes(take(&mut bytes, length))
            }
            5 => Field::Bytes(take(&mut bytes, 4)),
            other => panic!("there is no wire type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0..10 {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number without an end")
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}
