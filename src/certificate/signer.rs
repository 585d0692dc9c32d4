//! The port for signing certificates, and the public keys that check them.
//!
//! Floor 5. The one algorithm is ECDSA over P-256 with SHA-256, signatures in DER (FIPS 186-5): it is
//! what every `openssl dgst -sha256 -verify` understands. Which algorithm a key has stands in the
//! trust root, never in the certificate. Private keys live behind [`Signer`], outside this floor.

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::CertificateError;
use crate::digest::Digest32;

/// Signs with a key that it keeps to itself.
pub trait Signer: Send + Sync {
    fn public_key(&self) -> &PublicKey;

    /// A signature over the message, in the form the algorithm's trust root entry names (DER).
    ///
    /// # Errors
    /// If the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

#[derive(Debug, Error)]
#[error("the signing key cannot be used: {reason}")]
pub struct SignerError {
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
}

/// A P-256 key that checks signatures.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    keyid: Digest32,
    pem: String,
}

impl PublicKey {
    /// # Errors
    /// If the key has no encoding, which no valid key lacks.
    pub fn new(key: VerifyingKey) -> Result<Self, CertificateError> {
        let malformed = |_| CertificateError::Malformed { reason: "not a P-256 public key".to_owned() };
        let der = key.to_public_key_der().map_err(malformed)?;
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(malformed)?;
        Ok(Self { key, keyid: Digest32::of(der.as_bytes()), pem })
    }

    /// Reads a `SubjectPublicKeyInfo` in PEM, in the one spelling that [`Self::pem`] has.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let key = VerifyingKey::from_public_key_pem(pem)
            .map_err(|_| CertificateError::Malformed { reason: "not a P-256 public key".to_owned() })?;
        let key = Self::new(key)?;
        if key.pem == pem { Ok(key) } else { Err(CertificateError::NotCanonical) }
    }

    /// SHA-256 of the DER `SubjectPublicKeyInfo`: what `openssl pkey -pubin -outform DER | sha256sum`
    /// prints.
    #[must_use]
    pub fn keyid(&self) -> Digest32 {
        self.keyid
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Whether the signature holds for the message.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.keyid == other.keyid
    }
}

impl Eq for PublicKey {}
