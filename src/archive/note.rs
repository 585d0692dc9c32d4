//! Signed notes and checkpoints: how the log says how long it is and what is in it.
//!
//! Floor 5, pure. Formats: C2SP signed-note v1 and tlog-checkpoint v1, one Ed25519 signature by the
//! log. A note has exactly one accepted spelling, so that every byte of the file is covered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::certificate::SignerError;
use crate::certificate::merkle::Hash;

/// The algorithm byte of Ed25519 in a verifier key.
const ED25519: u8 = 1;
/// Longer notes are not read.
pub const NOTE_BYTES_MAX: usize = 16 << 10;

/// Signs notes with a key that it keeps to itself.
pub trait NoteSigner: Send + Sync {
    fn verifier_key(&self) -> &VerifierKey;

    /// An Ed25519 signature over the note's text.
    ///
    /// # Errors
    /// If the key cannot be used.
    fn sign(&self, text: &[u8]) -> Result<[u8; 64], SignerError>;
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoteError {
    #[error("a key name is 1 to 128 characters without white space and '+'")]
    BadName,
    #[error("not a verifier key")]
    BadVerifierKey,
    #[error("not a signed checkpoint: {0}")]
    Malformed(&'static str),
    #[error("the signature of the checkpoint does not hold")]
    BadSignature,
    #[error("the checkpoint is of another log")]
    OtherLog,
}

/// A log's public key with its name (C2SP signed-note "verifier key").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// # Errors
    /// If the name cannot stand in a note.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        let usable = (1..=128).contains(&name.len())
            && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control());
        if usable { Ok(Self { name: name.to_owned(), key }) } else { Err(NoteError::BadName) }
    }

    /// Reads `<name>+<hash>+<base64 of algorithm and key>`.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let bad = || NoteError::BadVerifierKey;
        let mut parts = text.splitn(3, '+');
        let name = parts.next().ok_or_else(bad)?;
        let encoded = parts.nth(1).ok_or_else(bad)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| bad())?;
        let Some((&ED25519, key)) = bytes.split_first() else { return Err(bad()) };
        let key = <&[u8; 32]>::try_from(key).map_err(|_| bad())?;
        let key = Self::new(name, VerifyingKey::from_bytes(key).map_err(|_| bad())?)?;
        if key.to_text() == text { Ok(key) } else { Err(bad()) }
    }

    /// The text form, as verifying tools take it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let key = STANDARD.encode([&[ED25519], self.key.as_bytes().as_slice()].concat());
        format!("{}+{}+{key}", self.name, crate::digest::hex(&self.key_hash()))
    }

    /// The name of the key, which is the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn key_hash(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
        [a, b, c, d]
    }
}

/// The head of the log: how many entries, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The signed note of a log's head.
    ///
    /// # Errors
    /// If the signer cannot sign.
    pub fn sign(size: u64, root: Hash, signer: &dyn NoteSigner) -> Result<String, SignerError> {
        let key = signer.verifier_key();
        let text = Self { origin: key.name().to_owned(), size, root }.text();
        let signature = signer.sign(text.as_bytes())?;
        Ok(assemble(&text, key, &signature))
    }

    /// Reads a signed note and checks its signature.
    ///
    /// # Errors
    /// If the form or the signature does not hold, or it is another log's.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed("too long"));
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Malformed("no signature block"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Malformed("not three lines"));
        };
        if origin != key.name() {
            return Err(NoteError::OtherLog);
        }
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| NoteError::Malformed("the size is not a number"))?,
            root: STANDARD
                .decode(root)
                .ok()
                .and_then(|root| root.try_into().ok())
                .ok_or(NoteError::Malformed("the root is not a hash"))?,
        };
        let encoded = signatures
            .strip_suffix('\n')
            .and_then(|line| line.strip_prefix("— "))
            .and_then(|line| line.strip_prefix(key.name()))
            .and_then(|line| line.strip_prefix(' '))
            .ok_or(NoteError::Malformed("not signed by the log alone"))?;
        let bytes =
            STANDARD.decode(encoded).map_err(|_| NoteError::Malformed("the signature is not base64"))?;
        let signature = bytes
            .strip_prefix(&key.key_hash())
            .and_then(|signature| <&[u8; 64]>::try_from(signature).ok())
            .ok_or(NoteError::BadSignature)?;
        if assemble(&checkpoint.text(), key, signature) != note {
            return Err(NoteError::Malformed("not in canonical form"));
        }
        key.key
            .verify_strict(checkpoint.text().as_bytes(), &Signature::from_bytes(signature))
            .map_err(|_| NoteError::BadSignature)?;
        Ok(checkpoint)
    }
}

fn assemble(text: &str, key: &VerifierKey, signature: &[u8; 64]) -> String {
    let signature = STANDARD.encode([key.key_hash().as_slice(), signature].concat());
    format!("{text}\n— {} {signature}\n", key.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier key of the Go checksum database, as its documentation prints it.
    const SUM_GOLANG_ORG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

    #[test]
    fn the_key_of_a_public_log_is_read_and_its_hash_recomputed() {
        let key = VerifierKey::parse(SUM_GOLANG_ORG).expect("a verifier key");
        assert_eq!(key.name(), "sum.golang.org");
        assert_eq!(key.to_text(), SUM_GOLANG_ORG);
        for bad in ["", "a+b", "a b+033de0ae+AA==", &SUM_GOLANG_ORG.replace("033d", "033e")] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }
}
