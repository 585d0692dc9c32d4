//! Sealing of what the ledger keeps about people: holds, approvers, notes.
//!
//! Floor 6. JSON under the ledger's sealing key, bound to its place (see [`crate::journal::seal`]).

use super::LedgerError;
use crate::ids::IdSource;
use crate::journal::seal::NONCE_BYTES;
use crate::journal::{RunKey, Sealed};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) struct Secret {
    key: RunKey,
    nonces: Arc<dyn IdSource>,
}

impl Secret {
    pub(super) fn new(key: RunKey, nonces: Arc<dyn IdSource>) -> Self {
        Self { key, nonces }
    }

    pub(super) fn seal(&self, place: &str, value: &impl Serialize) -> Result<Vec<u8>, LedgerError> {
        let mut nonce = [0; NONCE_BYTES];
        self.nonces.fill(&mut nonce).map_err(|error| LedgerError::failed(&error.to_string()))?;
        let failed = || LedgerError::failed("a text cannot be sealed");
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| failed())?);
        self.key.seal(nonce, place, &plain).map(|sealed| sealed.0).map_err(|_| failed())
    }

    pub(super) fn open<T: DeserializeOwned>(&self, place: &str, sealed: Vec<u8>) -> Result<T, LedgerError> {
        let plain = self.key.open(place, &Sealed(sealed)).map_err(|_| LedgerError::WrongKey)?;
        // The parser's message may quote the text.
        serde_json::from_slice(&plain).map_err(|_| LedgerError::failed("a sealed text cannot be read"))
    }
}
