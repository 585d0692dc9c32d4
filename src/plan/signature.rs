//! Signed approvals: whether a yes was really given by whom it names.
//!
//! Floor 3; pure. An approver signs the lines of [`plan_lines`] or [`standing_lines`] with an SSH key
//! (`ssh-keygen -Y sign`, see [`ssh`]) or a P-256 key (`openssl dgst -sha256 -sign`). Which key is whose
//! stands in the settings. A signature says that the holder of a key saw these lines; it says nothing of
//! what they understood, and whoever can change the settings can name another key.

mod ssh;

pub use ssh::NAMESPACE;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use ssh::SshSignature;
use thiserror::Error;

/// Larger texts are no signature.
const SIGNATURE_BYTES_MAX: usize = 16 << 10;

/// A public key of an approver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApproverKey {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

/// Somebody who may approve, with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    pub name: String,
    pub key: ApproverKey,
}

/// Whose signatures are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signers<'a> {
    /// One person may have several keys, and so stand here several times.
    pub approvers: &'a [Approver],
    /// Every approval must be signed; else those of the persons named alone.
    pub required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    #[error("the approval is not signed, which the settings demand")]
    Missing,
    #[error("the settings name no key of this approver")]
    NoKey,
    #[error("the signature cannot be read: an SSH signature in its armor, or one of ECDSA in DER, is wanted")]
    Unreadable,
    /// `ssh-keygen -n` was told something else.
    #[error("the signature was made for another purpose: its namespace is not `{NAMESPACE}`")]
    OtherPurpose,
    #[error("the signature was made with a key that is not this approver's")]
    OtherKey,
    #[error("the signature is not one of these lines")]
    Wrong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no public key of ssh-ed25519 or ecdsa-sha2-nistp256, in one line, and no P-256 key in PEM")]
pub struct KeyFormError;

/// What an approver of a plan signs.
#[must_use]
pub fn plan_lines(plan_id: &str, plan_digest: &str, approver: &str) -> String {
    format!("oubliette approval v1\nplan {plan_id}\ndigest {plan_digest}\napprover {}\n", one_line(approver))
}

/// What somebody signs who approves a rule as it stands.
#[must_use]
pub fn standing_lines(policy: &str, rule: &str, rule_digest: &str, approver: &str) -> String {
    format!(
        "oubliette standing approval v1\nrule {policy}/{rule}\ndigest {rule_digest}\napprover {}\n",
        one_line(approver)
    )
}

/// A line break in a name would make other lines of it.
fn one_line(name: &str) -> String {
    name.trim().chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

impl ApproverKey {
    /// Reads the line of a `.pub` file of OpenSSH, or a P-256 key in PEM.
    ///
    /// # Errors
    /// [`KeyFormError`].
    pub fn parse(text: &str) -> Result<Self, KeyFormError> {
        if text.trim_start().starts_with("-----BEGIN") {
            return p256::ecdsa::VerifyingKey::from_public_key_pem(text.trim())
                .map(Self::P256)
                .map_err(|_| KeyFormError);
        }
        let encoded = text.split_whitespace().nth(1).ok_or(KeyFormError)?;
        let blob = STANDARD.decode(encoded).map_err(|_| KeyFormError)?;
        let key = ssh::public_key(&blob).ok_or(KeyFormError)?;
        // The word before it is for people, but must not lie.
        let word = if matches!(key, Self::Ed25519(_)) { ssh::ED25519 } else { ssh::P256 };
        if text.split_whitespace().next() == Some(word) { Ok(key) } else { Err(KeyFormError) }
    }

    fn check_plain(&self, lines: &str, der: &[u8]) -> Result<(), SignatureError> {
        let Self::P256(key) = self else { return Err(SignatureError::Unreadable) };
        let signature = p256::ecdsa::DerSignature::from_bytes(der).map_err(|_| SignatureError::Unreadable)?;
        key.verify(lines.as_bytes(), &signature).map_err(|_| SignatureError::Wrong)
    }
}

impl Signers<'_> {
    /// Whether an approval by this name, with this signature or none, may stand.
    ///
    /// # Errors
    /// [`SignatureError`] says why not.
    pub fn check(&self, approver: &str, signature: Option<&str>, lines: &str) -> Result<(), SignatureError> {
        let keys: Vec<&ApproverKey> = self
            .approvers
            .iter()
            .filter(|known| is_same_person(&known.name, approver))
            .map(|known| &known.key)
            .collect();
        match signature {
            None if keys.is_empty() && !self.required => Ok(()),
            None => Err(SignatureError::Missing),
            Some(_) if keys.is_empty() => Err(SignatureError::NoKey),
            Some(text) => check(&keys, text, lines),
        }
    }
}

fn check(keys: &[&ApproverKey], text: &str, lines: &str) -> Result<(), SignatureError> {
    if text.len() > SIGNATURE_BYTES_MAX {
        return Err(SignatureError::Unreadable);
    }
    if SshSignature::is_armored(text) {
        let signature = SshSignature::parse(text).ok_or(SignatureError::Unreadable)?;
        if signature.namespace != NAMESPACE {
            return Err(SignatureError::OtherPurpose);
        }
        if !keys.iter().any(|key| **key == signature.key) {
            return Err(SignatureError::OtherKey);
        }
        return if signature.is_of(lines.as_bytes()) { Ok(()) } else { Err(SignatureError::Wrong) };
    }
    let der = STANDARD.decode(text.trim()).map_err(|_| SignatureError::Unreadable)?;
    // With several keys of one person, the one that fits counts.
    let outcomes: Vec<_> = keys.iter().map(|key| key.check_plain(lines, &der)).collect();
    if outcomes.contains(&Ok(())) {
        return Ok(());
    }
    outcomes.into_iter().next().unwrap_or(Err(SignatureError::NoKey))
}

/// A signature file as it is kept: the armor of SSH as it is, anything else in base64.
#[must_use]
pub fn kept_form(file: &[u8]) -> String {
    match std::str::from_utf8(file) {
        Ok(text) if SshSignature::is_armored(text) => text.trim().to_owned() + "\n",
        Ok(text) if STANDARD.decode(text.trim()).is_ok() => text.trim().to_owned(),
        _ => STANDARD.encode(file),
    }
}

/// The same name, whatever its case and the blanks around it.
pub(super) fn is_same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
