//! Digests that plans and standing approvals bind.
//!
//! Floor 3. SHA-256 over canonical JSON (RFC 8785), in lower-case hexadecimal.

use crate::catalog::{Catalog, Target};
use crate::digest::Digest32;
use serde::Serialize;

/// The digest of the whole catalog.
#[must_use]
pub fn of_catalog(catalog: &Catalog) -> String {
    #[expect(clippy::expect_used, reason = "no validated catalog lacks a canonical form")]
    catalog.digest().expect("a catalog has a digest")
}

/// The digest that a standing approval binds.
#[must_use]
pub fn of_rule(catalog: &Catalog, target: &Target<'_>) -> String {
    #[expect(clippy::expect_used, reason = "no validated rule lacks a canonical form")]
    catalog.rule_digest(&target.policy.name, target.rule).expect("a rule has a digest")
}

/// The digest of any value of this crate that serialises.
#[must_use]
pub(crate) fn of(value: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "only maps without text keys and non-finite numbers fail, and no value of a plan has any"
    )]
    let digest = Digest32::of_canonical(value).expect("values of a plan serialise");
    digest.hex()
}

/// SHA-256 of bytes, in lower-case hexadecimal.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> String {
    Digest32::of(bytes).hex()
}
