//! The trust root: which keys may sign certificates, when, and which key signs the log.
//!
//! Floor 5, pure. It reaches the verifier from outside the archive (a contract's annex, a privacy
//! notice), as a file or as the file's SHA-256 fingerprint. It is itself a DSSE envelope, signed by
//! keys that it names, so that a damaged file is not taken for a good one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::signer::Algorithm;
use super::statement::PAYLOAD_TYPE;
use super::{CertificateError, Envelope, PublicKey, Signer, Statement, canonical, read_canonical};
use crate::digest::Digest32;
use crate::evidence::Code;

const TRUST_ROOT_PAYLOAD_TYPE: &str = "application/vnd.oubliette.trust-root+json";
const TRUST_ROOT_BYTES_MAX: usize = 1 << 20;
const KEYS_MAX: usize = 1_000;

/// The keys to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustRoot {
    pub version: u32,
    pub issued_at: DateTime<Utc>,
    pub keys: Vec<CertificateKey>,
    pub log: LogKey,
}

/// One key for certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateKey {
    pub keyid: Digest32,
    pub algorithm: Algorithm,
    pub public_key_pem: String,
    pub not_before: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<DateTime<Utc>>,
    pub status: KeyStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    /// Signs no more; what it signed in its time stays good.
    Retired,
    /// In wrong hands since `compromised_at`.
    Compromised,
}

/// The log's name and key, as `<origin>+<hash>+<base64>` (C2SP signed-note verifier key).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogKey {
    pub origin: Code,
    pub vkey: String,
}

/// A certificate whose signatures, schema, counts and outcome all hold.
#[derive(Debug, Clone)]
pub struct VerifiedCertificate {
    pub statement: Statement,
    /// SHA-256 of the envelope file: what the log's leaf names.
    pub envelope_digest: Digest32,
    pub keyids: Vec<Digest32>,
}

impl TrustRoot {
    /// The first trust root of an installation: one active key, good from `issued_at` on.
    #[must_use]
    pub fn first(key: &PublicKey, log: LogKey, issued_at: DateTime<Utc>) -> Self {
        let key = CertificateKey {
            keyid: key.keyid(),
            algorithm: Algorithm::EcdsaP256Sha256,
            public_key_pem: key.pem().to_owned(),
            not_before: issued_at,
            not_after: None,
            status: KeyStatus::Active,
            compromised_at: None,
        };
        Self { version: 1, issued_at, keys: vec![key], log }
    }

    /// The bytes of the file. After a change of keys, sign with the old and the new key.
    ///
    /// # Errors
    /// If a signer cannot sign, or is not named in the trust root.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Vec<u8>, CertificateError> {
        let envelope = Envelope::sign(TRUST_ROOT_PAYLOAD_TYPE, canonical(self)?, signers)?;
        let bytes = envelope.to_bytes()?;
        Self::parse(&bytes)?;
        Ok(bytes)
    }

    /// Reads a trust root file and checks that the keys it names signed it.
    ///
    /// # Errors
    /// If the form, a key or a signature does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let envelope = Envelope::parse(bytes)?;
        if envelope.payload_type != TRUST_ROOT_PAYLOAD_TYPE {
            return Err(CertificateError::Malformed { reason: "not a trust root".to_owned() });
        }
        let root: Self = read_canonical(&envelope.payload, TRUST_ROOT_BYTES_MAX)?;
        if root.keys.len() > KEYS_MAX {
            return Err(CertificateError::TooLarge { most: KEYS_MAX });
        }
        for key in &root.keys {
            if PublicKey::from_pem(&key.public_key_pem)?.keyid() != key.keyid {
                return Err(CertificateError::Malformed { reason: "a key does not match its id".to_owned() });
            }
        }
        root.check_signatures(&envelope)?;
        Ok(root)
    }

    /// SHA-256 of the trust root file: the fingerprint to be handed out.
    #[must_use]
    pub fn fingerprint(file_bytes: &[u8]) -> Digest32 {
        Digest32::of(file_bytes)
    }

    /// Checks a certificate's envelope file: form, every signature, the keys' validity when it was
    /// issued, schema, counts and outcome.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn verify(&self, envelope_bytes: &[u8]) -> Result<VerifiedCertificate, CertificateError> {
        let envelope = Envelope::parse(envelope_bytes)?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(CertificateError::Malformed { reason: "not an in-toto statement".to_owned() });
        }
        let statement = Statement::parse(&envelope.payload)?;
        self.check_signatures(&envelope)?;
        for signature in &envelope.signatures {
            let key = self.key(signature.keyid)?;
            if !key.was_valid_at(statement.predicate.issued_at) {
                return Err(CertificateError::KeyNotValid { keyid: key.keyid.hex() });
            }
        }
        Ok(VerifiedCertificate {
            statement,
            envelope_digest: Digest32::of(envelope_bytes),
            keyids: envelope.signatures.iter().map(|signature| signature.keyid).collect(),
        })
    }

    /// Refuses a key with which a certificate issued at `at` would not verify: to be asked before
    /// anything is done that must be certified.
    ///
    /// # Errors
    /// [`CertificateError::UnknownKey`] and [`CertificateError::KeyNotValid`].
    pub fn refuse_signer(&self, keyid: Digest32, at: DateTime<Utc>) -> Result<(), CertificateError> {
        let key = self.key(keyid)?;
        if key.was_valid_at(at) { Ok(()) } else { Err(CertificateError::KeyNotValid { keyid: keyid.hex() }) }
    }

    fn key(&self, keyid: Digest32) -> Result<&CertificateKey, CertificateError> {
        let unknown = || CertificateError::UnknownKey { keyid: keyid.hex() };
        self.keys.iter().find(|key| key.keyid == keyid).ok_or_else(unknown)
    }

    fn check_signatures(&self, envelope: &Envelope) -> Result<(), CertificateError> {
        if envelope.signatures.is_empty() {
            return Err(CertificateError::Unsigned);
        }
        let message = envelope.signed_bytes();
        for signature in &envelope.signatures {
            let key = PublicKey::from_pem(&self.key(signature.keyid)?.public_key_pem)?;
            if !key.verify(&message, &signature.signature) {
                return Err(CertificateError::BadSignature { keyid: signature.keyid.hex() });
            }
        }
        Ok(())
    }
}

impl CertificateKey {
    /// Whether a certificate issued at this instant may bear this key. The instant is the
    /// certificate's own word: against a thief of the key only an outside time stamp helps, so a
    /// compromised key without a date is good for nothing.
    #[must_use]
    pub fn was_valid_at(&self, at: DateTime<Utc>) -> bool {
        let in_window = self.not_before <= at && self.not_after.is_none_or(|end| at <= end);
        let in_good_hands = match self.status {
            KeyStatus::Active | KeyStatus::Retired => true,
            KeyStatus::Compromised => self.compromised_at.is_some_and(|stolen_at| at < stolen_at),
        };
        in_window && in_good_hands
    }
}
