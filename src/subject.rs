//! The subject of a record: identities that find a person, in one form (floor 1, pure).
//!
//! An identity is a kind (`email`, `customer_id`, the words of the data map's `subject`) and a value. The
//! same address is written in many ways; this module gives it one normal form, tells under which forms a
//! store may hold it, and makes the keyed hash that stands for it in the ledger. It does not say who a
//! person is, and it invents nothing: dots and tags of an e-mail address stay, because they are other
//! mailboxes with most providers.

mod form;

pub use form::{FormHash, FormHasher, recovered, stored_form};

use connectors::{Field, Predicate};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// Longest value of an identity, in bytes; an e-mail address has at most 254 (RFC 5321).
pub const VALUE_BYTES_MAX: usize = 512;
/// Longest kind, in bytes.
const KIND_BYTES_MAX: usize = 64;
/// A shorter text, such as a customer number of few digits, means many things.
const TEXT_CHARACTERS_MIN: usize = 6;
/// Digits of an E.164 number.
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// One identity in its normal form. Two are the same person's if they are equal.
///
/// `Debug` is redacted: the value is personal data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    kind: String,
    value: String,
}

/// How values of a kind are normalised, told by the name of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityClass {
    /// `email`, or a name that ends in `_email`.
    Email,
    /// `phone` or `mobile`, or a name that ends in `_phone` or `_mobile`.
    Phone,
    /// Customer numbers and anything else: compared without outer blanks, small and capital letters alike.
    Other,
}

/// Why a text is no identity. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentityError {
    #[error("expected KIND=VALUE, such as email=jo@example.org")]
    Form,
    #[error("the value is empty, or longer than {VALUE_BYTES_MAX} bytes")]
    Length,
    #[error("the value has control characters")]
    Control,
    #[error("an e-mail address has one @ with something on both sides, and no blank inside")]
    Email,
    #[error("a phone number is international (+33 6 12 34 56 78), with 7 to 15 digits")]
    Phone,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity({}, redacted)", self.kind)
    }
}

impl IdentityClass {
    #[must_use]
    pub fn of(kind: &str) -> Self {
        let is = |word: &str| kind == word || kind.strip_suffix(word).is_some_and(|rest| rest.ends_with('_'));
        if is("email") {
            Self::Email
        } else if is("phone") || is("mobile") {
            Self::Phone
        } else {
            Self::Other
        }
    }
}

impl IdentityClass {
    /// Whether what stands between these two is an identity of its own.
    fn stands_alone(self, before: &str, after: &str) -> bool {
        let (left, mut right) = (before.chars().next_back(), after.chars());
        let next = right.next();
        let is_word = |character: char| character.is_alphanumeric();
        match self {
            Self::Phone => {
                !left.is_some_and(|one| one.is_ascii_digit() || one == '+')
                    && !next.is_some_and(|one| one.is_ascii_digit())
            }
            // "jo@example.org." ends a sentence; "jo@example.org.uk" is another address.
            Self::Email => {
                let goes_on = match next {
                    Some('.' | '-') => right.next().is_some_and(is_word),
                    Some(one) => is_word(one) || one == '_',
                    None => false,
                };
                !goes_on && !left.is_some_and(|one| is_word(one) || "._+-%".contains(one))
            }
            Self::Other => {
                let joins = |one: char| is_word(one) || one == '_' || one == '-';
                !left.is_some_and(joins) && !next.is_some_and(joins)
            }
        }
    }
}

impl Identity {
    /// An identity as a person names it.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn new(kind: &str, value: &str) -> Result<Self, IdentityError> {
        let is_word = |kind: &str| {
            kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        if kind.is_empty() || kind.len() > KIND_BYTES_MAX || !is_word(kind) {
            return Err(IdentityError::Form);
        }
        let value = normal(IdentityClass::of(kind), value)?;
        Ok(Self { kind: kind.to_owned(), value })
    }

    /// Reads `KIND=VALUE`.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let (kind, value) = text.split_once('=').ok_or(IdentityError::Form)?;
        Self::new(kind.trim(), value)
    }

    /// An identity as a store holds it; `None` for what names nobody (blank) or cannot be one.
    #[must_use]
    pub fn stored(kind: &str, value: &connectors::Value) -> Option<Self> {
        let text = match value {
            connectors::Value::Text(text) => text.clone(),
            connectors::Value::Int(number) => number.to_string(),
            _ => return None,
        };
        Self::new(kind, &text).ok()
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The normal form. Personal data: for selections and for the person's own papers only.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What a store may hold for this identity, compared without outer blanks and with ASCII letters in
    /// lower case (as [`Predicate::identity`] does). Never empty.
    #[must_use]
    pub fn search_forms(&self) -> BTreeSet<String> {
        match IdentityClass::of(&self.kind) {
            IdentityClass::Phone => phone_forms(&self.value),
            IdentityClass::Email | IdentityClass::Other => text_forms(&self.value),
        }
    }

    /// The forms under which the identity is searched inside of texts, as [`Identity::search_forms`] has them;
    /// none for one that is too short to mean this person wherever it stands.
    #[must_use]
    pub fn forms_in_text(&self) -> BTreeSet<String> {
        let mut forms = self.search_forms();
        forms.retain(|form| form.chars().count() >= TEXT_CHARACTERS_MIN);
        forms
    }

    /// Whether a text names this identity, and not only a longer one in which it is contained.
    #[must_use]
    pub fn is_named_in(&self, text: &str) -> bool {
        let (class, text) = (IdentityClass::of(&self.kind), text.to_ascii_lowercase());
        self.forms_in_text().iter().any(|form| {
            text.match_indices(form.as_str()).any(|(at, _)| {
                let before = text.get(..at).unwrap_or_default();
                let after = text.get(at + form.len()..).unwrap_or_default();
                class.stands_alone(before, after)
            })
        })
    }

    /// True for the records whose column holds the identity in one of its forms.
    #[must_use]
    pub fn predicate(&self, field: Field) -> Predicate {
        Predicate::one_of_identities(field, self.search_forms())
    }
}

/// What stands for identities where they must not be read: HMAC-SHA-256 under a key of the ledger.
/// Whoever has the key can still try values, so the hash is personal data too.
#[derive(Clone)]
pub struct IdentityKey([u8; 32]);

impl fmt::Debug for IdentityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdentityKey(redacted)")
    }
}

impl IdentityKey {
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The hash of an identity, in lower-case hexadecimal.
    #[must_use]
    pub fn hash(&self, identity: &Identity) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(b"oubliette identity v1\0");
        mac.update(identity.kind.as_bytes());
        mac.update(b"\0");
        mac.update(identity.value.as_bytes());
        crate::digest::hex(&mac.finalize().into_bytes())
    }
}

fn normal(class: IdentityClass, value: &str) -> Result<String, IdentityError> {
    let trimmed = value.trim();
    if trimmed.is_empty() || trimmed.len() > VALUE_BYTES_MAX {
        return Err(IdentityError::Length);
    }
    if trimmed.chars().any(char::is_control) {
        return Err(IdentityError::Control);
    }
    match class {
        IdentityClass::Phone => phone(trimmed),
        IdentityClass::Other => Ok(lower(trimmed)),
        IdentityClass::Email => {
            let parts: Vec<&str> = trimmed.split('@').collect();
            let fits = matches!(parts.as_slice(), [local, domain] if !local.is_empty() && !domain.is_empty())
                && !trimmed.contains(char::is_whitespace);
            if fits { Ok(lower(trimmed)) } else { Err(IdentityError::Email) }
        }
    }
}

/// Lower case in composed form (NFC), so that the same letters are the same bytes. Done twice: lower case
/// can take a text out of its composed form.
fn lower(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// `+` and digits. National numbers are refused: whose country they are of would be a guess.
fn phone(text: &str) -> Result<String, IdentityError> {
    let is_blank = |character: char| {
        character.is_whitespace()
            || matches!(character, '.' | '-' | '/' | '(' | ')' | '\u{2010}'..='\u{2013}')
    };
    // "+33 (0)6 12": the zero is for callers at home.
    let text = text.replace("(0)", "");
    let dialled: String = text.chars().filter(|character| !is_blank(*character)).collect();
    let digits = dialled.strip_prefix('+').or_else(|| dialled.strip_prefix("00"));
    let digits = digits.ok_or(IdentityError::Phone)?;
    let fits = E164_DIGITS.contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if fits { Ok(format!("+{digits}")) } else { Err(IdentityError::Phone) }
}

/// A store lowers ASCII letters only and composes nothing.
fn text_forms(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for text in [value.to_owned(), value.to_uppercase()] {
        forms.insert(text.nfc().collect::<String>().to_ascii_lowercase());
        forms.insert(text.nfd().collect::<String>().to_ascii_lowercase());
    }
    forms
}

/// Calling codes of one and of two digits (ITU-T E.164 list); every other has three.
const ONE_DIGIT_CODES: [&str; 2] = ["1", "7"];
const TWO_DIGIT_CODES: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48",
    "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// The usual ways to write a number: international, and at home with a leading zero; whole or in groups.
fn phone_forms(value: &str) -> BTreeSet<String> {
    let digits = value.trim_start_matches('+');
    let code = [1, 2, 3].into_iter().find_map(|length| {
        let code = digits.get(..length)?;
        let known = match length {
            1 => ONE_DIGIT_CODES.contains(&code),
            2 => TWO_DIGIT_CODES.contains(&code),
            _ => true,
        };
        known.then_some(code)
    });
    let mut forms = BTreeSet::from([format!("+{digits}"), format!("00{digits}"), digits.to_owned()]);
    let Some(national) = code.and_then(|code| digits.strip_prefix(code)) else { return forms };
    let code = code.unwrap_or_default();
    for blank in ["", " ", ".", "-"] {
        let pairs = |text: &str| {
            let text: Vec<char> = text.chars().collect();
            text.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(blank)
        };
        let home = pairs(&format!("0{national}"));
        // "0612345678" and "06 12 34 56 78", and the same after the calling code.
        let abroad = home.strip_prefix('0').unwrap_or(&home).to_owned();
        forms.extend([format!("+{code}{blank}{abroad}"), format!("00{code}{blank}{abroad}")]);
        forms.insert(format!("+{code}{blank}(0){abroad}"));
        forms.insert(home);
    }
    forms
}

#[cfg(test)]
mod tests;
