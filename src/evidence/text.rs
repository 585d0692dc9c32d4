//! The two texts a certificate may hold: opaque codes, and short public texts.
//!
//! Floor 5. Both are checked when made and when read, so that no record's content fits in by
//! accident and no hostile file brings control characters to a terminal.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An opaque code, id or alias: 1 to 128 characters of `A–Z a–z 0–9 . _ : / + @ -`, beginning with
/// a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct Code(String);

/// A public text of a policy or the settings: 1 to 500 printable characters on one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct PublicText(String);

/// The text may not stand on a certificate. It is not repeated: it could be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    #[error("not a code: 1 to 128 ASCII letters, digits and '._:/+@-', beginning with a letter or digit")]
    NotACode,
    #[error("not a public text: 1 to 500 printable characters on one line")]
    NotPrintable,
}

const CODE_BYTES_MAX: usize = 128;
const PUBLIC_TEXT_CHARS_MAX: usize = 500;

impl Code {
    /// # Errors
    /// If the text is not a code.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/+@-".contains(&byte);
        let starts_well = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if starts_well && text.len() <= CODE_BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(TextError::NotACode)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PublicText {
    /// # Errors
    /// If the text is empty, long, or has control or direction-changing characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        let length = text.chars().count();
        if (1..=PUBLIC_TEXT_CHARS_MAX).contains(&length) && !text.chars().any(is_unprintable) {
            Ok(Self(text))
        } else {
            Err(TextError::NotPrintable)
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Controls, line separators, and the marks that turn the direction of text around (a reader must
/// see what was signed).
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl TryFrom<Cow<'_, str>> for Code {
    type Error = TextError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl TryFrom<Cow<'_, str>> for PublicText {
    type Error = TextError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl From<PublicText> for String {
    fn from(text: PublicText) -> Self {
        text.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PublicText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_no_room_for_free_text() {
        for good in ["prospect", "eu-gdpr:A6-1-f", "crm.prospects", "P3Y", "sql.delete", "7"] {
            assert!(Code::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "-x", "é", "a\n", "<b>", "a\"", &"x".repeat(129)] {
            assert_eq!(Code::new(bad), Err(TextError::NotACode), "{bad}");
        }
    }

    #[test]
    fn a_public_text_is_one_printable_line() {
        assert!(PublicText::new("Coordonnées des prospects <fr> & « co »").is_ok());
        for bad in ["", "a\nb", "\u{1b}[2J", "a\u{202e}b", &"x".repeat(501)] {
            assert_eq!(PublicText::new(bad), Err(TextError::NotPrintable));
        }
    }
}
