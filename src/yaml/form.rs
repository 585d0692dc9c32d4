//! Forms: tables that say what may stand where in a document (floor 0).
//!
//! [`Form::check`] walks a tree against a table and reports every fault: unknown and missing keys,
//! wrong types, unknown words, malformed scalars. What the values mean together is checked later,
//! by who reads them. The tables are also what [`super::schema`] writes out.

use super::node::{Node, NodeValue, Place};
use super::source::{Report, shortened};
use crate::limits::NAME_CHARACTERS_MAX;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A scalar whose text has a form of its own.
    Scalar(&'static ScalarForm),
    /// One of a few words.
    Words(&'static [&'static str]),
    /// `true` or `false`, without quotes; no other word of YAML 1.1.
    Boolean,
    /// A whole number, without quotes.
    Count {
        low: u64,
        high: u64,
    },
    List(&'static Form),
    /// A map from names to values of one form.
    Entries(&'static Form),
    /// A map with known keys.
    Map(&'static Shape),
    /// The first that fits; a map goes to the first form of maps.
    OneOf(&'static [Form]),
}

/// A scalar with a form of its own.
#[derive(Debug)]
pub struct ScalarForm {
    /// What is expected, as in "expected …".
    pub expected: &'static str,
    /// Code of the diagnostic for a text that has not the form.
    pub code: &'static str,
    /// The form as a regular expression (ECMA 262) for editors, where it has one.
    pub pattern: Option<&'static str>,
    /// Why the text is not of the form, in words that do not repeat the text.
    pub check: fn(&str) -> Result<(), String>,
}

/// A map with known keys.
#[derive(Debug)]
pub struct Shape {
    /// What it is, as in "unknown key in {name}".
    pub name: &'static str,
    pub keys: &'static [Key],
    /// Exactly one of the keys must be there.
    pub exactly_one: bool,
}

#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub required: bool,
    /// What it means, for editors.
    pub about: &'static str,
}

impl Key {
    #[must_use]
    pub const fn required(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, required: true, about }
    }

    #[must_use]
    pub const fn optional(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, required: false, about }
    }
}

/// Any text that is something.
pub static TEXT: ScalarForm =
    ScalarForm { expected: "a text", code: "wrong-type", pattern: None, check: check_text };

/// A name: letters, digits, `.`, `_` and `-`.
pub static NAME: ScalarForm = ScalarForm {
    expected: "a name of letters, digits, `.`, `_` and `-`",
    code: "bad-name",
    pattern: Some("^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"),
    check: check_name,
};

fn check_text(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("the text is empty".to_owned()) } else { Ok(()) }
}

fn check_name(text: &str) -> Result<(), String> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !first || !rest {
        return Err(
            "a name has letters, digits, `.`, `_` and `-`, and begins with a letter or digit".to_owned()
        );
    }
    if text.len() > NAME_CHARACTERS_MAX {
        return Err(format!("a name has at most {NAME_CHARACTERS_MAX} characters"));
    }
    Ok(())
}

impl Form {
    /// Whether the tree has this form; every fault is reported.
    pub fn check(&self, node: &Node, report: &mut Report<'_>) -> bool {
        match self {
            Self::Scalar(form) => check_scalar(form, node, report),
            Self::Words(words) => check_word(words, node, report),
            Self::Boolean => {
                let good = matches!(node.plain(), Some("true" | "false"));
                good || wrong_type("true or false, without quotes", node, report)
            }
            Self::Count { low, high } => check_count(*low, *high, node, report),
            Self::List(item) => {
                if !matches!(node.value, NodeValue::List(_)) {
                    return wrong_type(&self.expected(), node, report);
                }
                all(node.items().iter().map(|node| item.check(node, report)))
            }
            Self::Entries(value) => {
                if !matches!(node.value, NodeValue::Map(_)) {
                    return wrong_type(&self.expected(), node, report);
                }
                all(node.entries().iter().map(|(_, node)| value.check(node, report)))
            }
            Self::Map(shape) => check_shape(shape, node, report),
            Self::OneOf(forms) => check_one_of(forms, &self.expected(), node, report),
        }
    }

    /// What is expected, in words.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Scalar(form) => form.expected.to_owned(),
            Self::Words(words) => words.join(" | "),
            Self::Boolean => "true or false".to_owned(),
            Self::Count { low, high } => format!("a whole number from {low} to {high}"),
            Self::List(item) => format!("a list of: {}", item.expected()),
            Self::Entries(_) => "a map".to_owned(),
            Self::Map(shape) => shape.expected(),
            Self::OneOf(forms) => {
                let forms: Vec<String> = forms.iter().map(Self::expected).collect();
                forms.join(", or ")
            }
        }
    }

    fn fits_kind(&self, node: &Node) -> bool {
        match self {
            Self::Scalar(_) | Self::Words(_) | Self::Boolean | Self::Count { .. } => {
                matches!(node.value, NodeValue::Scalar { .. })
            }
            Self::List(_) => matches!(node.value, NodeValue::List(_)),
            Self::Entries(_) | Self::Map(_) => matches!(node.value, NodeValue::Map(_)),
            Self::OneOf(forms) => forms.iter().any(|form| form.fits_kind(node)),
        }
    }
}

impl Shape {
    fn expected(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        format!("{} as a map with {}", self.name, keys.join(", "))
    }

    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Without stopping at the first that is false: every fault is wanted.
fn all(outcomes: impl Iterator<Item = bool>) -> bool {
    outcomes.filter(|good| !good).count() == 0
}

fn wrong_type(expected: &str, node: &Node, report: &mut Report<'_>) -> bool {
    let message = format!("{} where something else is wanted", node.kind());
    report.error("wrong-type", node.place, message, Some(format!("expected {expected}")));
    false
}

fn check_scalar(form: &ScalarForm, node: &Node, report: &mut Report<'_>) -> bool {
    let Some(text) = node.text() else { return wrong_type(form.expected, node, report) };
    let Err(reason) = (form.check)(text) else { return true };
    report.error(form.code, node.place, reason, Some(format!("expected {}", form.expected)));
    false
}

fn check_word(words: &'static [&'static str], node: &Node, report: &mut Report<'_>) -> bool {
    let Some(text) = node.text() else { return wrong_type(&words.join(" | "), node, report) };
    if words.contains(&text) {
        return true;
    }
    let shown = report.shown(text, node.place);
    let hint = report
        .did_you_mean(text, words.iter().copied())
        .unwrap_or_else(|| format!("expected {}", words.join(" | ")));
    report.error("unknown-word", node.place, format!("{shown} is not known here"), Some(hint));
    false
}

fn check_count(low: u64, high: u64, node: &Node, report: &mut Report<'_>) -> bool {
    let expected = format!("a whole number from {low} to {high}, without quotes");
    let Some(text) = node.plain().filter(|_| !node.is_nothing()) else {
        return wrong_type(&expected, node, report);
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > 1 && digits.starts_with('0') {
        return wrong_type(&expected, node, report);
    }
    if text.parse::<u64>().is_ok_and(|number| (low..=high).contains(&number)) {
        return true;
    }
    let shown = report.shown(text, node.place);
    report.error(
        "out-of-range",
        node.place,
        format!("{shown} is out of range"),
        Some(format!("expected {expected}")),
    );
    false
}

fn check_one_of(forms: &[Form], expected: &str, node: &Node, report: &mut Report<'_>) -> bool {
    let mut fitting = forms.iter().filter(|form| form.fits_kind(node));
    let (Some(first), second) = (fitting.next(), fitting.next()) else {
        return wrong_type(expected, node, report);
    };
    if second.is_none() {
        return first.check(node, report);
    }
    let passes = |form: &Form| {
        let mut silent = crate::diagnostic::Diagnostics::new();
        form.check(node, &mut Report { source: report.source, diagnostics: &mut silent })
    };
    if forms.iter().filter(|form| form.fits_kind(node)).any(passes) {
        return true;
    }
    let message = match node.text() {
        Some(text) => format!("{} is not of the expected form", report.shown(text, node.place)),
        None => format!("{} where something else is wanted", node.kind()),
    };
    report.error("wrong-form", node.place, message, Some(format!("expected {expected}")));
    false
}

fn check_shape(shape: &Shape, node: &Node, report: &mut Report<'_>) -> bool {
    if !matches!(node.value, NodeValue::Map(_)) {
        return wrong_type(&shape.expected(), node, report);
    }
    let mut good = true;
    for (entry, value) in node.entries() {
        if let Some(key) = shape.key(&entry.text) {
            good &= key.form.check(value, report);
        } else {
            report_unknown_key(shape, &entry.text, entry.place, report);
            good = false;
        }
    }
    for key in shape.keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
        let message = format!("{} lacks `{}`", shape.name, key.name);
        report.error("missing-key", node.place, message, Some(format!("add `{}`: {}", key.name, key.about)));
        good = false;
    }
    if shape.exactly_one && node.entries().len() != 1 {
        let message = format!("{} has {} keys where one is wanted", shape.name, node.entries().len());
        report.error("wrong-form", node.place, message, Some(format!("expected {}", shape.expected())));
        good = false;
    }
    good
}

fn report_unknown_key(shape: &Shape, word: &str, place: Place, report: &mut Report<'_>) {
    // In a place where credentials stand, a key that is no name may be part of one.
    let hidden = report.source.is_sensitive(place.line) && check_name(word).is_err();
    let shown = if hidden { "this".to_owned() } else { shortened(word) };
    let keys: Vec<&str> = shape.keys.iter().map(|key| key.name).collect();
    let hint = report
        .did_you_mean(word, keys.iter().copied())
        .unwrap_or_else(|| format!("known keys are {}", keys.join(", ")));
    report.error("unknown-key", place, format!("{shown} is no key of {}", shape.name), Some(hint));
}
