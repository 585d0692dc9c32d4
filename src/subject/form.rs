//! Values as they stand in a store, compared by keyed hashes alone (floor 1, pure).
//!
//! Once a person is erased nobody knows their identities any more; what is left is a hash of each form under
//! which a store could hold one. A stored value is brought into the form in which stores compare it, and
//! hashed. One whose hash is known is the identity again, because the value itself is in the store.

use super::{Identity, IdentityClass, IdentityKey};
use connectors::Value;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What stands for one form of an identity.
pub type FormHash = [u8; 32];

/// Longest calling code of a country, in digits (E.164).
const CALLING_CODES: std::ops::RangeInclusive<u32> = 1..=999;

/// Hashes many values under one key: its schedule is computed once.
#[derive(Clone)]
pub struct FormHasher(Hmac<Sha256>);

impl std::fmt::Debug for FormHasher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FormHasher(redacted)")
    }
}

impl IdentityKey {
    /// `None` never happens: a key of 32 bytes fits.
    #[must_use]
    pub fn forms(&self) -> Option<FormHasher> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"oubliette suppression v1\0");
        Some(FormHasher(mac))
    }
}

impl FormHasher {
    /// The hash of a form of an identity of this kind.
    #[must_use]
    pub fn hash(&self, kind: &str, form: &str) -> FormHash {
        self.of(&[kind, form])
    }

    /// The hash of "this record names this identity".
    #[must_use]
    pub fn hash_in_record(&self, dataset: &str, key: &str, kind: &str, form: &str) -> FormHash {
        self.of(&["record", dataset, key, kind, form])
    }

    /// Each with its length, so that parts cannot run into one another.
    fn of(&self, parts: &[&str]) -> FormHash {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// A stored value in the form in which stores compare identities: without outer blanks, ASCII letters in
/// lower case. `None` for what names nobody.
#[must_use]
pub fn stored_form(value: &Value) -> Option<String> {
    let form = match value {
        Value::Text(text) => text.trim_matches(' ').to_ascii_lowercase(),
        Value::Int(number) => number.to_string(),
        _ => return None,
    };
    (!form.trim().is_empty()).then_some(form)
}

/// The identity whose form stands in a store; `is_known` tells whether the hash of a form is one of the
/// person's. A telephone number that is written as at home is tried under every calling code.
#[must_use]
pub fn recovered(kind: &str, value: &Value, is_known: &dyn Fn(&str) -> bool) -> Option<Identity> {
    if let Some(identity) = Identity::stored(kind, value).filter(|one| is_known(one.value())) {
        return Some(identity);
    }
    if IdentityClass::of(kind) != IdentityClass::Phone {
        return None;
    }
    let digits: String = stored_form(value)?.chars().filter(char::is_ascii_digit).collect();
    let candidate = |text: String| Identity::new(kind, &text).ok().filter(|one| is_known(one.value()));
    let national = digits.trim_start_matches('0');
    candidate(format!("+{digits}"))
        .or_else(|| CALLING_CODES.into_iter().find_map(|code| candidate(format!("+{code}{national}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn known(text: &str) -> BTreeSet<FormHash> {
        let hasher = IdentityKey::new([5; 32]).forms().unwrap();
        let identity = Identity::parse(text).unwrap();
        identity.search_forms().iter().map(|form| hasher.hash(identity.kind(), form)).collect()
    }

    #[track_caller]
    fn check(identity: &str, stored: &Value, expected: bool) {
        let (hasher, known) = (IdentityKey::new([5; 32]).forms().unwrap(), known(identity));
        let kind = identity.split_once('=').unwrap().0;
        let is_known = |form: &str| known.contains(&hasher.hash(kind, form));
        assert_eq!(stored_form(stored).is_some_and(|form| is_known(&form)), expected, "{identity}");
        let again = recovered(kind, stored, &is_known);
        assert_eq!(again, Identity::parse(identity).ok().filter(|_| expected), "{identity}");
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn a_stored_value_is_known_by_its_hash_and_becomes_the_identity_again() {
        check("email=jo@example.org", &text("  JO@Example.org "), true);
        check("email=jo@example.org", &text("jo@example.orgs"), false);
        check("email=élise@example.org", &text("\u{c9}lise@example.org"), true);
        check("customer_id=42", &Value::Int(42), true);
        check("customer_id=42", &text("042"), false);
        check("phone=+33612345678", &text("06 12 34 56 78"), true);
        check("phone=+33612345678", &text("33612345678"), true);
        check("phone=+33612345678", &text("06 12 34 56 79"), false);
        check("email=jo@example.org", &Value::Null, false);
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        let hasher = IdentityKey::new([5; 32]).forms().unwrap();
        assert_ne!(hasher.hash("ab", "c"), hasher.hash("a", "bc"));
        assert_ne!(hasher.hash_in_record("d", "k", "a", "b"), hasher.hash_in_record("d", "ka", "", "b"));
        assert_ne!(hasher.hash("a", "b"), IdentityKey::new([6; 32]).forms().unwrap().hash("a", "b"));
    }
}
