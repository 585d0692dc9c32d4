//! The person's receipt: the private proof of which of their records stand on the certificates of their request.
//!
//! Floor 5. The receipt has all commitments of each certificate, from which anybody computes the root, and opens those
//! of the person whose place is known. Commitments are salted: those of persons whose requests stand on the same
//! certificate say nothing of them. It is personal data and goes to the person, never into the archive. Bounded by
//! what requests may find.

use super::commitment::{Commitment, CommitmentKey, commitment_of};
use super::merkle::{StreamingTree, leaf_hash};
use super::receipt::Locator;
use super::record_set::CommitmentReader;
use super::{CertificateError, CertificateId, RecordSetError, Statement, canonical, read_canonical};
use crate::digest::Digest32;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the file says it is.
pub const FORMAT: &str = "oubliette-person-receipt/v1";
/// Larger files are not read.
pub const BYTES_MAX: usize = 256 << 20;
/// More than the requests of one certificate can find.
const COMMITMENTS_MAX: u64 = 2_000_000;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonReceipt {
    pub format: String,
    /// The reference of the request, as the certificates have it.
    pub request: String,
    /// Oldest first.
    pub certificates: Vec<OpenedSet>,
}

/// The record set of one certificate, opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenedSet {
    pub certificate_id: CertificateId,
    pub root: Digest32,
    /// All of the certificate, sorted: the leaves of its tree.
    pub commitments: Vec<Digest32>,
    pub records: Vec<OpenedRecord>,
}

/// One record of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedRecord {
    /// Its place among the commitments, from 0.
    pub index: u64,
    pub locator: Locator,
    pub salt: Digest32,
}

/// Opens the record set of a request's certificate. Places that are not in it (records that were kept) are
/// passed over.
///
/// # Errors
/// When the sealed files do not belong to the certificate or cannot be read.
pub fn open(
    key: &CommitmentKey,
    commitments: &Path,
    locators: Vec<Locator>,
    statement: &Statement,
) -> Result<OpenedSet, CertificateError> {
    let leaves = read(commitments, statement.predicate.evidence.record_set.count)?;
    let mut records = Vec::new();
    for locator in locators {
        let (salt, text) = key.open(&locator.store, &locator.dataset, &locator.key);
        if let Ok(index) = leaves.binary_search(&commitment_of(&salt, &text)) {
            records.push(OpenedRecord { index: index as u64, locator, salt: Digest32::from_bytes(salt) });
        }
    }
    records.sort_by_key(|record| record.index);
    records.dedup_by_key(|record| record.index);
    let set = OpenedSet {
        certificate_id: statement.predicate.certificate_id.clone(),
        root: statement.predicate.evidence.record_set.root,
        commitments: leaves.into_iter().map(Digest32::from_bytes).collect(),
        records,
    };
    set.verify(statement)?;
    Ok(set)
}

fn read(path: &Path, count: u64) -> Result<Vec<Commitment>, CertificateError> {
    if count > COMMITMENTS_MAX {
        return Err(CertificateError::TooLarge { most: BYTES_MAX });
    }
    let mut leaves = Vec::new();
    if count == 0 {
        return Ok(leaves);
    }
    let io = |source| RecordSetError::Io { directory: path.to_path_buf(), source };
    let mut reader = CommitmentReader::open(path).map_err(io)?;
    while let Some(commitment) = reader.next()? {
        if leaves.len() as u64 >= count {
            return Err(RecordSetError::Damaged.into());
        }
        leaves.push(commitment);
    }
    Ok(leaves)
}

impl OpenedSet {
    /// Checks it against the statement of a verified certificate.
    ///
    /// # Errors
    /// [`CertificateError::ReceiptRefused`] with the step that does not hold.
    pub fn verify(&self, statement: &Statement) -> Result<(), CertificateError> {
        let refused = |reason| Err(CertificateError::ReceiptRefused { reason });
        let record_set = &statement.predicate.evidence.record_set;
        if self.certificate_id != statement.predicate.certificate_id {
            return refused("it belongs to another certificate");
        }
        if self.root != record_set.root || self.commitments.len() as u64 != record_set.count {
            return refused("its root is not that of the certificate");
        }
        let mut tree = StreamingTree::new();
        let mut previous = None;
        for commitment in &self.commitments {
            if previous.is_some_and(|previous: &Digest32| previous.as_bytes() >= commitment.as_bytes()) {
                return refused("its commitments are not in their order");
            }
            previous = Some(commitment);
            tree.push(leaf_hash(commitment.as_bytes()));
        }
        if Digest32::from_bytes(tree.root()) != self.root {
            return refused("its commitments do not lead to the root");
        }
        for record in &self.records {
            let opened = commitment_of(record.salt.as_bytes(), &canonical(&record.locator)?);
            let place = usize::try_from(record.index).ok();
            let named = place.and_then(|place| self.commitments.get(place));
            if named.is_none_or(|named| *named.as_bytes() != opened) {
                return refused("a salt does not open its commitment");
            }
        }
        Ok(())
    }
}

impl PersonReceipt {
    #[must_use]
    pub fn new(request: &str, certificates: Vec<OpenedSet>) -> Self {
        Self { format: FORMAT.to_owned(), request: request.to_owned(), certificates }
    }

    /// Checks the part that belongs to a verified certificate.
    ///
    /// # Errors
    /// [`CertificateError::ReceiptRefused`] with the step that does not hold.
    pub fn verify(&self, set: &OpenedSet, statement: &Statement) -> Result<(), CertificateError> {
        let refused = |reason| Err(CertificateError::ReceiptRefused { reason });
        if self.format != FORMAT {
            return refused("it is of another format");
        }
        if !statement.predicate.evidence.is_for(&self.request) {
            return refused("its certificate is for another request");
        }
        set.verify(statement)
    }

    /// Records that it opens.
    #[must_use]
    pub fn records(&self) -> usize {
        self.certificates.iter().map(|set| set.records.len()).sum()
    }

    /// # Errors
    /// If the bytes are not such a receipt in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        read_canonical(bytes, BYTES_MAX)
    }

    /// Whether the bytes say that they are one.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        // The canonical form of the object: its names in order.
        bytes.starts_with(b"{\"certificates\":[")
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// Never for a receipt that was issued or parsed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CertificateError> {
        canonical(self)
    }
}
