//! The inclusion proof beside each certificate (C2SP tlog-proof).
//!
//! Floor 5, pure. The verifier makes the file anew from the log and compares bytes; other people's
//! tools read it without the log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::certificate::merkle::Hash;

/// The text of a proof: index, path from the bottom up, and the checkpoint it leads to.
#[must_use]
pub fn proof_text(index: u64, path: &[Hash], checkpoint_note: &str) -> String {
    let path: String = path.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("c2sp.org/tlog-proof@v1\nindex {index}\n{path}\n{checkpoint_note}")
}
