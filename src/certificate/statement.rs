//! The statement: in-toto Statement v1 with the predicate `erasure-certificate/v1`.
//!
//! Floor 5, pure. Its bytes are RFC 8785 canonical JSON; reading it back checks the schema strictly,
//! the counts, and that the outcome is the one the counts lead to.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CertificateError, ENVELOPE_BYTES_MAX, Envelope, Signer, canonical, read_canonical};
use crate::digest::{Digest32, hex, unhex};
use crate::evidence::{Evidence, Outcome};

pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
pub const PREDICATE_TYPE: &str = "https://oubliette.dev/erasure-certificate/v1";
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const SUBJECT_NAME: &str = "record-commitments";
/// The version that is written. In version 1 a read-back counted only what remained beyond the records
/// kept or failed, which was never anything; version 2 counts every record concerned that is still there.
const SCHEMA_VERSION: u32 = 2;
/// Versions that are read.
const SCHEMA_VERSIONS: std::ops::RangeInclusive<u32> = 1..=SCHEMA_VERSION;

/// A random UUID in its lower-case text form (RFC 9562).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>", into = "String")]
pub struct CertificateId(String);

/// What makes a certificate this one. To be drawn at random by the caller once per run and kept in
/// the journal before publishing: signing is deterministic, so a run resumed with the same identity
/// publishes the same bytes and not a second certificate.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate_id: CertificateId,
    /// 128 random bits, so that nobody finds the file's digest by guessing its content.
    pub nonce: [u8; 16],
    pub issued_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    type_uri: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    pub predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: Digest32,
}

/// What is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate {
    pub certificate_id: CertificateId,
    nonce: Nonce,
    schema_version: u32,
    pub issued_at: DateTime<Utc>,
    /// Derived from the evidence, and derived again by every reader.
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relates_to: Vec<Relation>,
    pub evidence: Evidence,
    /// Which fixed text says what is not proven.
    pub limits: Limits,
    pub media_sanitization: MediaSanitization,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "std::borrow::Cow<'_, str>", into = "String")]
struct Nonce([u8; 16]);

/// How this certificate stands to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Relation {
    pub certificate_id: CertificateId,
    pub relation: RelationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    Supersedes,
    ClosesResidual,
    Continues,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limits {
    /// States what was seen through the stores' own interfaces; other copies may exist.
    #[serde(rename = "stores_as_seen_v1")]
    StoresAsSeenV1,
}

/// Deleting rows is not NIST SP 800-88 media sanitization, and is not said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSanitization {
    NotClaimed,
}

impl Predicate {
    /// Version of the schema, to which the page for people belongs too.
    #[must_use]
    pub fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

impl Statement {
    /// The statement of this evidence.
    ///
    /// # Errors
    /// If the evidence contradicts itself; then nothing must be signed.
    pub fn new(
        evidence: Evidence,
        identity: Identity,
        relates_to: Vec<Relation>,
    ) -> Result<Self, CertificateError> {
        let statement = Self {
            type_uri: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: SUBJECT_NAME.to_owned(),
                digest: SubjectDigest { sha256: evidence.record_set.root },
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                certificate_id: identity.certificate_id,
                nonce: Nonce(identity.nonce),
                schema_version: SCHEMA_VERSION,
                issued_at: identity.issued_at,
                outcome: evidence.outcome(),
                relates_to,
                evidence,
                limits: Limits::StoresAsSeenV1,
                media_sanitization: MediaSanitization::NotClaimed,
            },
        };
        statement.check()?;
        Ok(statement)
    }

    /// The same as an earlier version of this program would have made it.
    #[cfg(test)]
    pub(crate) fn with_schema_version(mut self, version: u32) -> Self {
        self.predicate.schema_version = version;
        self
    }

    /// Reads a statement's canonical bytes.
    ///
    /// # Errors
    /// If the schema, the counts, the outcome or the form is not as it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let statement: Self = read_canonical(bytes, ENVELOPE_BYTES_MAX)?;
        statement.check()?;
        Ok(statement)
    }

    /// Signs the statement.
    ///
    /// # Errors
    /// If a signer cannot sign.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, CertificateError> {
        self.check()?;
        Envelope::sign(PAYLOAD_TYPE, canonical(self)?, signers)
    }

    fn check(&self) -> Result<(), CertificateError> {
        let malformed = |reason: &str| Err(CertificateError::Malformed { reason: reason.to_owned() });
        let predicate = &self.predicate;
        if self.type_uri != STATEMENT_TYPE || self.predicate_type != PREDICATE_TYPE {
            return malformed("not an erasure certificate of version 1");
        }
        if !SCHEMA_VERSIONS.contains(&predicate.schema_version) {
            return malformed("a schema version this program does not know");
        }
        match self.subject.as_slice() {
            [subject]
                if subject.name == SUBJECT_NAME
                    && subject.digest.sha256 == predicate.evidence.record_set.root => {}
            _ => return malformed("the subject is not the record set"),
        }
        if predicate.relates_to.len() > crate::evidence::LIST_ENTRIES_MAX {
            return malformed("relates to too many certificates");
        }
        if predicate.issued_at < predicate.evidence.finished_at {
            return malformed("issued before the run ended");
        }
        predicate.evidence.check()?;
        if predicate.schema_version >= 2 {
            predicate.evidence.check_read_back()?;
        }
        let derived = predicate.evidence.outcome();
        if predicate.outcome != derived {
            return Err(CertificateError::OutcomeDiffers { claimed: predicate.outcome, derived });
        }
        Ok(())
    }
}

impl CertificateId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CertificateId {
    type Err = CertificateError;

    fn from_str(text: &str) -> Result<Self, CertificateError> {
        let well_formed = text.len() == 36
            && text.bytes().enumerate().all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(CertificateError::Malformed { reason: "not a lower-case UUID".to_owned() })
        }
    }
}

impl TryFrom<std::borrow::Cow<'_, str>> for CertificateId {
    type Error = CertificateError;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, CertificateError> {
        text.parse()
    }
}

impl From<CertificateId> for String {
    fn from(id: CertificateId) -> Self {
        id.0
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<std::borrow::Cow<'_, str>> for Nonce {
    type Error = &'static str;

    fn try_from(text: std::borrow::Cow<'_, str>) -> Result<Self, &'static str> {
        unhex(&text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or("not 16 bytes in hexadecimal")
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        hex(&nonce.0)
    }
}
