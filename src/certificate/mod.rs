//! Certificates: signed statements about what was seen of a run.
//!
//! Floor 5. A [`Statement`] (in-toto v1, our own predicate) is built from [`crate::evidence`] only,
//! and only after its counts have been checked; its canonical bytes are signed in a DSSE
//! [`Envelope`]. A [`VerifiedCertificate`] comes out of [`TrustRoot::verify`] alone. Records appear as
//! salted commitments ([`commitment`]) under one Merkle root ([`record_set`]); a [`receipt`] opens
//! one of them, a [`person_receipt`] those of one request.
//!
//! What a certificate proves: the key holder said exactly this, and did not change or withdraw it
//! since. It does not prove that no other copy exists, and says so.

pub mod commitment;
pub mod dsse;
pub mod merkle;
pub mod person_receipt;
pub mod receipt;
pub mod record_set;
pub mod signer;
pub mod statement;
pub mod trust_root;

pub use commitment::{Commitment, CommitmentKey, Committer, repeated};
pub use dsse::Envelope;
pub use record_set::{RecordSet, RecordSetBuilder, RecordSetError};
pub use signer::{PublicKey, Signer, SignerError};
pub use statement::{CertificateId, Identity, Relation, RelationKind, Statement};
pub use trust_root::{TrustRoot, VerifiedCertificate};

use thiserror::Error;

use crate::evidence::{EvidenceError, Outcome};

/// Larger envelopes are not read.
pub const ENVELOPE_BYTES_MAX: usize = 24 << 20;

/// A certificate, trust root or receipt that cannot be made or does not hold.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CertificateError {
    #[error("not a valid document: {reason}")]
    Malformed { reason: String },
    #[error("the bytes are not in canonical form")]
    NotCanonical,
    #[error("larger than {most} bytes")]
    TooLarge { most: usize },
    #[error("the evidence contradicts itself: {0}")]
    Evidence(#[from] EvidenceError),
    #[error("the outcome says '{claimed}', the counts say '{derived}'")]
    OutcomeDiffers { claimed: Outcome, derived: Outcome },
    #[error("signed with key {keyid}, which the trust root does not name")]
    UnknownKey { keyid: String },
    #[error("the signature of key {keyid} does not hold")]
    BadSignature { keyid: String },
    #[error("key {keyid} was not valid when the certificate was issued")]
    KeyNotValid { keyid: String },
    #[error("carries no signature")]
    Unsigned,
    #[error("cannot sign: {0}")]
    Signer(#[from] SignerError),
    #[error("the record is not in the certificate's record set")]
    NotInRecordSet,
    #[error("the receipt does not hold: {reason}")]
    ReceiptRefused { reason: &'static str },
    #[error(transparent)]
    RecordSet(#[from] RecordSetError),
}

/// RFC 8785 bytes of a value.
pub(crate) fn canonical<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CertificateError> {
    serde_json_canonicalizer::to_vec(value)
        .map_err(|error| CertificateError::Malformed { reason: error.to_string() })
}

/// Reads a value and holds its bytes against the canonical ones, so that one value has one file.
pub(crate) fn read_canonical<T>(bytes: &[u8], most: usize) -> Result<T, CertificateError>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    if bytes.len() > most {
        return Err(CertificateError::TooLarge { most });
    }
    // The message of serde_json can repeat a hostile file's content: only the place is kept.
    let value: T = serde_json::from_slice(bytes).map_err(|error| CertificateError::Malformed {
        reason: format!("line {} column {}: {}", error.line(), error.column(), category(&error)),
    })?;
    if canonical(&value)? == bytes { Ok(value) } else { Err(CertificateError::NotCanonical) }
}

fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Io => "cannot be read",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "not of the expected shape",
        serde_json::error::Category::Eof => "ends too early",
    }
}

/// Whole seconds and below as RFC 3339 in UTC, for people.
#[must_use]
pub fn instant_text(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
pub(crate) mod tests;
