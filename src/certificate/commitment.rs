//! Commitments: one keyed value per record, that says nothing without the certificate's seed.
//!
//! Floor 5, pure. Formula (the seed is 32 random bytes, one per certificate):
//! ```text
//! locator    = {"dataset":"…","key":"…","store":"…"}                (RFC 8785)
//! salt       = HKDF-Expand-SHA-256(seed, "erasure-certificate/v1/record/" ‖ locator, 32)   (RFC 5869)
//! commitment = HMAC-SHA-256(salt, "erasure-certificate/v1/record\0" ‖ locator)             (RFC 2104)
//! ```
//! `key` is the canonical text of the record's key. A person's receipt shows one salt, which opens
//! one record; destroying the seed makes all others unlinkable (EDPB Guidelines 02/2025 § 4.2). The
//! salt depends on the record and not on its place. Where a record came again under a key whose record was
//! disposed of earlier in the same run, and went too, the second one and each after it has instead:
//! ```text
//! repeated = HMAC-SHA256(commitment, "erasure-certificate/v1/repeated\0" ‖ time)   (time: 2, 3, … as 8 bytes, big-endian)
//! ```
//!
//! Made for millions of records: the seed's key schedule and the constant front of the locator are
//! hashed once, and no memory is allocated per record.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

const SALT_INFO: &[u8] = b"erasure-certificate/v1/record/";
const RECORD_LABEL: &[u8] = b"erasure-certificate/v1/record\0";
const REPEATED_LABEL: &[u8] = b"erasure-certificate/v1/repeated\0";
/// The counter byte of the only block of HKDF-Expand (RFC 5869 section 2.3).
const FIRST_BLOCK: &[u8] = &[1];

/// What a commitment is: 32 bytes.
pub type Commitment = [u8; 32];

/// The secret of one certificate, from which every record's salt comes. Destroying it (and the
/// journal) ends the linkability of all commitments for which no receipt was issued.
#[derive(Clone)]
pub struct CommitmentKey {
    seed: Zeroizing<[u8; 32]>,
    expand: Hmac<Sha256>,
}

impl CommitmentKey {
    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let expand = Hmac::<Sha256>::new(&<[u8; 64]>::into(padded(&seed)));
        Self { seed: Zeroizing::new(seed), expand }
    }

    /// The seed, to be kept in the sealed store and nowhere else.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The commitment to one record. For many records of one dataset use [`Self::committer`].
    #[must_use]
    pub fn commit(&self, store: &str, dataset: &str, key_canonical: &str) -> Commitment {
        self.committer(store, dataset).commit(key_canonical)
    }

    /// The salt and the canonical locator of one record, for its receipt.
    #[must_use]
    pub fn open(&self, store: &str, dataset: &str, key_canonical: &str) -> ([u8; 32], Vec<u8>) {
        let mut committer = self.committer(store, dataset);
        let salt = committer.salt(key_canonical);
        (*salt, [committer.front.as_slice(), committer.tail.as_slice()].concat())
    }

    /// Commits to the records of one dataset, fast.
    #[must_use]
    pub fn committer(&self, store: &str, dataset: &str) -> Committer {
        let mut front = b"{\"dataset\":\"".to_vec();
        push_escaped(&mut front, dataset);
        front.extend_from_slice(b"\",\"key\":\"");
        let mut end = b"\",\"store\":\"".to_vec();
        push_escaped(&mut end, store);
        end.extend_from_slice(b"\"}");
        let mut expand = self.expand.clone();
        expand.update(SALT_INFO);
        expand.update(&front);
        let labelled_front = [RECORD_LABEL, &front].concat();
        Committer { expand, front, labelled_front, end, tail: Vec::with_capacity(128) }
    }
}

/// Commits to the records of one dataset under one key.
pub struct Committer {
    /// HMAC under the seed with everything that all records of the dataset have in common.
    expand: Hmac<Sha256>,
    front: Vec<u8>,
    labelled_front: Vec<u8>,
    end: Vec<u8>,
    /// The rest of the locator of the record at hand, reused.
    tail: Vec<u8>,
}

impl Committer {
    /// The commitment to the record whose key has this canonical text.
    pub fn commit(&mut self, key_canonical: &str) -> Commitment {
        let salt = self.salt(key_canonical);
        let mut mac = Hmac::<Sha256>::new(&<[u8; 64]>::into(padded(&salt)));
        mac.update(&self.labelled_front);
        mac.update(&self.tail);
        mac.finalize().into_bytes().into()
    }

    fn salt(&mut self, key_canonical: &str) -> Zeroizing<[u8; 32]> {
        self.tail.clear();
        push_escaped(&mut self.tail, key_canonical);
        self.tail.extend_from_slice(&self.end);
        let mut expand = self.expand.clone();
        expand.update(&self.tail);
        expand.update(FIRST_BLOCK);
        Zeroizing::new(expand.finalize().into_bytes().into())
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.tail.zeroize();
    }
}

/// The commitment to the `time`-th record (from 2) that was disposed of under the key to which `commitment`
/// commits.
#[must_use]
pub fn repeated(commitment: &Commitment, time: u64) -> Commitment {
    let mut mac = Hmac::<Sha256>::new(&<[u8; 64]>::into(padded(commitment)));
    mac.update(REPEATED_LABEL);
    mac.update(&time.to_be_bytes());
    mac.finalize().into_bytes().into()
}

/// The commitment that a salt and a locator open to; what a receipt's reader computes.
#[must_use]
pub fn commitment_of(salt: &[u8; 32], locator: &[u8]) -> Commitment {
    let mut mac = Hmac::<Sha256>::new(&<[u8; 64]>::into(padded(salt)));
    mac.update(RECORD_LABEL);
    mac.update(locator);
    mac.finalize().into_bytes().into()
}

/// The canonical locator of a record (RFC 8785: sorted keys, minimal escapes).
#[must_use]
pub fn locator(store: &str, dataset: &str, key_canonical: &str) -> Vec<u8> {
    let mut text = b"{\"dataset\":\"".to_vec();
    push_escaped(&mut text, dataset);
    text.extend_from_slice(b"\",\"key\":\"");
    push_escaped(&mut text, key_canonical);
    text.extend_from_slice(b"\",\"store\":\"");
    push_escaped(&mut text, store);
    text.extend_from_slice(b"\"}");
    text
}

/// HMAC pads a short key with zeros to a block (RFC 2104 section 2), so a padded key is the same key
/// and needs no length check.
fn padded(key: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    let (front, _) = block.split_at_mut(32);
    front.copy_from_slice(key);
    block
}

/// Appends the text as the inside of a JSON string, escaped as RFC 8785 section 3.2.2.2 wants it.
fn push_escaped(buffer: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        buffer.extend_from_slice(bytes);
        return;
    }
    for byte in bytes {
        match byte {
            b'"' => buffer.extend_from_slice(b"\\\""),
            b'\\' => buffer.extend_from_slice(b"\\\\"),
            0x08 => buffer.extend_from_slice(b"\\b"),
            b'\t' => buffer.extend_from_slice(b"\\t"),
            b'\n' => buffer.extend_from_slice(b"\\n"),
            0x0c => buffer.extend_from_slice(b"\\f"),
            b'\r' => buffer.extend_from_slice(b"\\r"),
            control if *control < 0x20 => {
                buffer.extend_from_slice(b"\\u00");
                buffer.extend_from_slice(crate::digest::hex(&[*control]).as_bytes());
            }
            plain => buffer.push(*plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{hex, unhex};
    use proptest::prelude::*;

    /// The formula as it stands in the documentation, with other people's code.
    fn by_the_book(seed: &[u8; 32], store: &str, dataset: &str, key: &str) -> Commitment {
        let locator = serde_json_canonicalizer::to_vec(
            &serde_json::json!({"store": store, "dataset": dataset, "key": key}),
        )
        .expect("json");
        let mut salt = [0; 32];
        hkdf::Hkdf::<Sha256>::from_prk(seed)
            .expect("long enough")
            .expand(&[SALT_INFO, &locator].concat(), &mut salt)
            .expect("short enough");
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).expect("any length");
        mac.update(&[RECORD_LABEL, &locator].concat());
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn hmac_answers_as_rfc_4231_test_cases_1_and_2() {
        let cases = [
            (vec![0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ];
        for (key, message, expected) in cases {
            let mut block = [0_u8; 64];
            block[..key.len()].copy_from_slice(&key);
            let mut mac = Hmac::<Sha256>::new(&block.into());
            mac.update(message.as_bytes());
            assert_eq!(hex(&mac.finalize().into_bytes()), expected);
        }
    }

    #[test]
    fn a_commitment_is_the_formula_and_its_opening_leads_to_it() {
        let seed: [u8; 32] =
            unhex(&"5a".repeat(32)).and_then(|bytes| bytes.try_into().ok()).expect("32 bytes");
        let key = CommitmentKey::new(seed);
        let commitment = key.commit("crm", "crm.prospects", "[42]");
        assert_eq!(commitment, by_the_book(&seed, "crm", "crm.prospects", "[42]"));
        let (salt, opened) = key.open("crm", "crm.prospects", "[42]");
        assert_eq!(opened, locator("crm", "crm.prospects", "[42]"));
        assert_eq!(commitment_of(&salt, &opened), commitment);
        assert_ne!(commitment, CommitmentKey::new([0x5b; 32]).commit("crm", "crm.prospects", "[42]"));
    }

    proptest! {
        #[test]
        fn the_fast_way_equals_the_formula(seed: [u8; 32], store: String, dataset: String, keys: [String; 3]) {
            let key = CommitmentKey::new(seed);
            let mut committer = key.committer(&store, &dataset);
            for text in &keys {
                prop_assert_eq!(committer.commit(text), by_the_book(&seed, &store, &dataset, text));
            }
        }
    }
}
