//! Sealing: keys of records rest in the journal only encrypted, under a key of the run.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): the nonce is long enough to be random for each
//! batch. The associated data binds a sealed text to its place, so that it cannot be moved.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;
/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// The key of one run, or of the ledger's own secrets. Zeroed when dropped; `Debug` shows nothing.
#[derive(Clone)]
pub struct RunKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for RunKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RunKey(redacted)")
    }
}

/// A nonce followed by the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

#[derive(Debug, Error, PartialEq, Eq)]
#[error("a sealed text cannot be opened: wrong key, or it was changed or moved")]
pub struct SealError;

impl RunKey {
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Seals `plain`; `nonce` must be random and used once, `place` says where the text belongs.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], place: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().into());
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let text = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError)?;
        let mut sealed = Vec::with_capacity(NONCE_BYTES + text.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Ok(Sealed(sealed))
    }

    /// Opens what [`RunKey::seal`] made for the same place.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, text) = sealed.0.split_at_checked(NONCE_BYTES).ok_or(SealError)?;
        let cipher = XChaCha20Poly1305::new(self.0.as_slice().into());
        let payload = Payload { msg: text, aad: place.as_bytes() };
        cipher.decrypt(XNonce::from_slice(nonce), payload).map(Zeroizing::new).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_only_with_its_key_at_its_place_and_unchanged() {
        let key = RunKey::new([7; KEY_BYTES]);
        let sealed = key.seal([9; NONCE_BYTES], "run/1", b"alice@example.org").expect("seals");
        assert_eq!(key.open("run/1", &sealed).expect("opens").as_slice(), b"alice@example.org");
        assert!(key.open("run/2", &sealed).is_err(), "moved");
        assert!(RunKey::new([8; KEY_BYTES]).open("run/1", &sealed).is_err(), "wrong key");
        for position in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[position] ^= 1;
            assert!(key.open("run/1", &changed).is_err(), "byte {position}");
        }
        assert!(key.open("run/1", &Sealed(vec![1, 2, 3])).is_err(), "too short");
    }

    #[test]
    fn neither_the_key_nor_the_text_shows_in_what_is_stored() {
        let key = RunKey::new([7; KEY_BYTES]);
        let sealed = key.seal([9; NONCE_BYTES], "p", b"alice@example.org").expect("seals");
        assert!(!sealed.0.windows(5).any(|window| window == b"alice"));
        assert_eq!(format!("{key:?}"), "RunKey(redacted)");
    }
}
