//! Receipts: the private proof that one record stands on a certificate.
//!
//! Floor 5. A receipt opens one commitment (locator and salt) and leads it to the certificate's root
//! by its inclusion path. It is personal data and goes to the person or the auditor who asked, never
//! into the archive. Issuing streams the sealed commitments file: bounded memory.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::commitment::{CommitmentKey, commitment_of};
use super::merkle::{StreamingTree, leaf_hash, root_from_path};
use super::record_set::CommitmentReader;
use super::{CertificateError, CertificateId, RecordSetError, Statement, canonical, read_canonical};
use crate::digest::Digest32;

const RECEIPT_BYTES_MAX: usize = 1 << 20;

/// Where a record was: the three words of its locator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locator {
    pub dataset: String,
    /// The canonical text of the record's key.
    pub key: String,
    pub store: String,
}

/// One record, shown to be in a certificate's record set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    pub certificate_id: CertificateId,
    pub locator: Locator,
    pub salt: Digest32,
    pub commitment: Digest32,
    pub index: u64,
    pub tree_size: u64,
    /// The sibling hashes, from the bottom up.
    pub path: Vec<Digest32>,
    pub root: Digest32,
}

/// Issues the receipt of one record from the sealed seed and commitments of its certificate.
///
/// # Errors
/// [`CertificateError::NotInRecordSet`] if the certificate does not cover the record; or the sealed
/// files do not belong to the certificate or cannot be read.
pub fn issue(
    key: &CommitmentKey,
    commitments: &Path,
    locator: Locator,
    statement: &Statement,
) -> Result<Receipt, CertificateError> {
    let (salt, canonical_locator) = key.open(&locator.store, &locator.dataset, &locator.key);
    let wanted = commitment_of(&salt, &canonical_locator);
    let io = |source| RecordSetError::Io { directory: commitments.to_path_buf(), source };
    let mut reader = CommitmentReader::open(commitments).map_err(io)?;
    let (mut tree, mut index, mut previous) = (StreamingTree::new(), None, None);
    while let Some(commitment) = reader.next()? {
        if previous.is_some_and(|previous| previous >= commitment) {
            return Err(RecordSetError::Damaged.into());
        }
        previous = Some(commitment);
        if commitment == wanted {
            index = Some(tree.size());
            tree.push_target(leaf_hash(&commitment));
        } else {
            tree.push(leaf_hash(&commitment));
        }
    }
    let index = index.ok_or(CertificateError::NotInRecordSet)?;
    let receipt = Receipt {
        certificate_id: statement.predicate.certificate_id.clone(),
        locator,
        salt: Digest32::from_bytes(salt),
        commitment: Digest32::from_bytes(wanted),
        index,
        tree_size: tree.size(),
        path: tree.target_path().into_iter().map(Digest32::from_bytes).collect(),
        root: Digest32::from_bytes(tree.root()),
    };
    verify(&receipt, statement)?;
    Ok(receipt)
}

/// Checks a receipt against the statement of a verified certificate.
///
/// # Errors
/// [`CertificateError::ReceiptRefused`] with the step that does not hold.
pub fn verify(receipt: &Receipt, statement: &Statement) -> Result<(), CertificateError> {
    let refused = |reason| Err(CertificateError::ReceiptRefused { reason });
    let record_set = &statement.predicate.evidence.record_set;
    if receipt.certificate_id != statement.predicate.certificate_id {
        return refused("it belongs to another certificate");
    }
    if receipt.root != record_set.root || receipt.tree_size != record_set.count {
        return refused("its root is not that of the certificate");
    }
    let commitment = commitment_of(receipt.salt.as_bytes(), &canonical(&receipt.locator)?);
    if Digest32::from_bytes(commitment) != receipt.commitment {
        return refused("its salt does not open the commitment");
    }
    let path: Vec<_> = receipt.path.iter().map(|hash| *hash.as_bytes()).collect();
    let root = root_from_path(leaf_hash(&commitment), receipt.index, receipt.tree_size, &path);
    if root != Some(*receipt.root.as_bytes()) {
        return refused("its path does not lead to the root");
    }
    Ok(())
}

impl Receipt {
    /// # Errors
    /// If the bytes are not a receipt in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        read_canonical(bytes, RECEIPT_BYTES_MAX)
    }

    /// The bytes of the receipt's file.
    ///
    /// # Errors
    /// Never for a receipt that was issued or parsed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CertificateError> {
        canonical(self)
    }
}
