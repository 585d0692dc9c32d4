//! Key templates of objects: `receipts/{year}/{month}/{customer_id}/{file}`.
//!
//! A template matches a whole key or not at all. `{name}` takes one character or more but never a `/`;
//! a last `{name*}` takes the rest of the key, slashes included. `{year}`, `{month}` and `{day}` take
//! exactly four, two and two digits. `{{` and `}}` are braces. Where a key could be read in several
//! ways, each capture from the left is as short as it can be.

use super::template_match::Segment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Longest text of a template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 1024;
/// Most captures in one template.
pub const CAPTURES_MAX: usize = 32;

/// What is wrong with the text of a template. Positions are in characters, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateError {
    #[error("a key template needs at least one character")]
    Empty,
    #[error("a key template may have at most {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
    #[error("a key template may have at most {CAPTURES_MAX} captures")]
    TooManyCaptures,
    #[error("U+0000 cannot be part of a key")]
    Nul,
    #[error("character {position}: '{{' opens a capture that is never closed; write '{{{{' for a brace")]
    Unclosed { position: usize },
    #[error("character {position}: '}}' closes nothing; write '}}}}' for a brace")]
    Unopened { position: usize },
    #[error(
        "character {position}: a capture is named with lower-case letters, digits and '_', and does not begin with a digit"
    )]
    CaptureName { position: usize },
    #[error("character {position}: the capture '{name}' occurs twice")]
    Duplicate { position: usize, name: String },
    #[error("character {position}: text is needed between the capture '{name}' and the one before it")]
    Adjacent { position: usize, name: String },
    #[error("character {position}: '{{{name}*}}' takes the rest of the key and must come last")]
    RestNotLast { position: usize, name: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Literal(String),
    /// One character or more, no slash.
    Free(String),
    /// Exactly so many digits.
    Digits(String, usize),
    /// Everything that is left, at least one character.
    Rest(String),
}

/// A parsed key template. Serialised as its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyTemplate {
    text: String,
    tokens: Vec<Token>,
    segments: Vec<Segment>,
}

impl TryFrom<String> for KeyTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        Self::parse(&text)
    }
}

impl From<KeyTemplate> for String {
    fn from(template: KeyTemplate) -> Self {
        template.text
    }
}

impl KeyTemplate {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let tokens = super::template_parse::tokens(text)?;
        let segments = super::template_match::segments(&tokens);
        Ok(Self { text: text.to_owned(), tokens, segments })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names of the captures, in their order.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Literal(_) => None,
            Token::Free(name) | Token::Digits(name, _) | Token::Rest(name) => Some(name.as_str()),
        })
    }

    /// What every matching key begins with; may be empty, may end inside a directory's name.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        match self.tokens.first() {
            Some(Token::Literal(text)) => text,
            _ => "",
        }
    }

    /// How many leading directories of a matching key have names of a fixed length, such as `{year}`: few of
    /// them exist, so that they can be told apart before anything in them is listed.
    #[must_use]
    pub fn fixed_directories(&self) -> usize {
        let directories = self.segments.len().saturating_sub(1);
        self.segments.iter().take(directories).take_while(|segment| segment.is_fixed()).count()
    }

    /// The captured texts if the whole key matches.
    #[must_use]
    pub fn matches(&self, key: &str) -> Option<BTreeMap<String, String>> {
        super::template_match::matches(&self.segments, key)
    }

    /// Whether a key that begins with the directory `prefix` can match and have a start at or before
    /// `cutoff_on`. `start_template` is how the start is composed of captures, such as
    /// `{year}-{month}`. False only if that is certain; then the directory need not be listed to find
    /// what is due. What comes after the last `/` of `prefix` is not looked at.
    #[must_use]
    pub fn can_contain_due(&self, prefix: &str, start_template: &str, cutoff_on: chrono::NaiveDate) -> bool {
        super::template_match::can_contain_due(&self.segments, prefix, start_template, cutoff_on)
    }
}

/// How a start is composed of captures, such as `{year}-{month}`; parsed once for a whole listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTemplate {
    tokens: Vec<Token>,
}

impl StartTemplate {
    /// `None` if the text is not well formed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        super::template_parse::loose_tokens(text).ok().map(|tokens| Self { tokens })
    }

    /// The start with the captures put in; `None` if it names an unknown capture.
    #[must_use]
    pub fn render(&self, captures: &BTreeMap<String, String>) -> Option<String> {
        let mut rendered = String::new();
        for token in &self.tokens {
            match token {
                Token::Literal(text) => rendered.push_str(text),
                Token::Free(name) | Token::Digits(name, _) | Token::Rest(name) => {
                    rendered.push_str(captures.get(name)?);
                }
            }
        }
        Some(rendered)
    }
}

/// A start such as `{year}-{month}` with the captures put in; `None` if it names an unknown capture or
/// is not well formed.
#[must_use]
pub fn render_start(captures: &BTreeMap<String, String>, start_template: &str) -> Option<String> {
    StartTemplate::parse(start_template)?.render(captures)
}
