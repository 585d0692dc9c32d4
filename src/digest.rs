//! SHA-256 digests as values: computed, written and read as lower-case hexadecimal.
//!
//! Floor 0. Hexadecimal has one spelling here (lower case, 64 characters), because a digest names
//! files and is compared as text by other people's tools. This module reads no files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256 digest (FIPS 180-4), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest32([u8; 32]);

/// The text is not a SHA-256 digest: 64 lower-case hexadecimal digits are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a sha-256 digest (64 lower-case hexadecimal digits)")]
pub struct DigestError;

impl Digest32 {
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a value in canonical JSON (RFC 8785): order of keys and blanks do not count.
    ///
    /// # Errors
    /// If the value has no JSON form: a map whose keys are no texts, or a number that is not finite.
    pub fn of_canonical(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json_canonicalizer::to_vec(value).map(|canonical| Self::of(&canonical))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl FromStr for Digest32 {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let bytes = unhex(text).ok_or(DigestError)?;
        Ok(Self(bytes.try_into().map_err(|_| DigestError)?))
    }
}

impl Serialize for Digest32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a lower-case hexadecimal text; `None` if it is anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_that_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest32::of(b"abc").to_string(), expected);
        assert_eq!(expected.parse::<Digest32>(), Ok(Digest32::of(b"abc")));
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let text = Digest32::of(b"abc").hex();
        for wrong in [text.to_uppercase(), text[1..].to_owned(), format!("{text}0"), String::new()] {
            assert_eq!(wrong.parse::<Digest32>(), Err(DigestError));
        }
    }
}
