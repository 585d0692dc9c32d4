//! Identities: one form for many spellings, never one form for two people.

use super::*;

#[track_caller]
fn named(identity: &str, text: &str, expected: bool) {
    assert_eq!(Identity::parse(identity).unwrap().is_named_in(text), expected, "{text}");
}

#[test]
fn an_identity_is_named_where_it_stands_by_itself() {
    for text in ["write to JO@example.org.", "<jo@Example.org>", "(jo@example.org)", "a, jo@example.org"] {
        named("email=jo@example.org", text, true);
    }
    for text in [
        "banjo@example.org",
        "jo@example.orgs",
        "jo@example.org.uk",
        "a.jo@example.org",
        "x+jo@example.org",
        "",
    ] {
        named("email=jo@example.org", text, false);
    }
    named("phone=+33612345678", "call 06 12 34 56 78!", true);
    named("phone=+33612345678", "ref 90612345678", false);
    named("customer_id=C-100042", "see c-100042, please", true);
    named("customer_id=C-100042", "see C-1000421", false);
    named("customer_id=42", "room 42", false);
}

use connectors::{Value, ValueType};
use proptest::prelude::*;

#[track_caller]
fn same(kind: &str, spellings: &[&str]) {
    let normal: BTreeSet<Identity> =
        spellings.iter().map(|text| Identity::new(kind, text).unwrap()).collect();
    assert_eq!(normal.len(), 1, "{kind}: {spellings:?}");
}

#[test]
fn spellings_of_one_identity_are_one() {
    same("email", &["Jo.Doe+news@Example.ORG", "  jo.doe+NEWS@example.org\u{a0}"]);
    same("contact_email", &["E\u{301}mile@example.fr", "\u{c9}MILE@EXAMPLE.FR", "\u{e9}mile@example.fr"]);
    same("phone", &["+33 6 12 34 56 78", "0033612345678", "+33 (0)6.12.34.56.78", "+33-6-12-34-56-78"]);
    same("customer_id", &[" 0042A", "0042a"]);
}

#[test]
fn what_may_be_two_people_stays_two() {
    for (kind, left, right) in [
        ("email", "jo.doe@example.org", "jodoe@example.org"),
        ("email", "jo+a@example.org", "jo@example.org"),
        ("customer_id", "42", "042"),
        ("phone", "+33612345678", "+330612345678"),
    ] {
        assert_ne!(Identity::new(kind, left), Identity::new(kind, right));
    }
}

#[test]
fn what_is_no_identity_is_refused_without_being_repeated() {
    for (text, expected) in [
        ("email", IdentityError::Form),
        ("=x", IdentityError::Form),
        ("e mail=x@y", IdentityError::Form),
        ("email=  ", IdentityError::Length),
        ("email=jo at example.org", IdentityError::Email),
        ("email=a@b@c", IdentityError::Email),
        ("customer_id=a\u{7}b", IdentityError::Control),
        ("phone=0612345678", IdentityError::Phone),
        ("phone=+33 6x", IdentityError::Phone),
    ] {
        let error = Identity::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("0612345678"));
    }
    assert_eq!(format!("{:?}", Identity::parse("email=jo@x.org").unwrap()), "Identity(email, redacted)");
}

fn finds(identity: &Identity, value_type: ValueType, stored: &Value) -> bool {
    let field = Field { name: "column".to_owned(), value_type };
    identity.predicate(field).evaluate(&|_| stored.clone()) == Some(true)
}

#[test]
fn a_store_is_searched_under_the_forms_that_people_write() {
    let phone = Identity::parse("phone=+33612345678").unwrap();
    for stored in ["06 12 34 56 78", "0612345678", "06.12.34.56.78", "+33 6 12 34 56 78", "+33612345678"] {
        assert!(finds(&phone, ValueType::Text, &Value::Text(stored.to_owned())), "{stored}");
    }
    assert!(!finds(&phone, ValueType::Text, &Value::Text("06 12 34 56 79".to_owned())));
    let email = Identity::parse("email=\u{e9}mile@example.fr").unwrap();
    for stored in [" \u{c9}mile@Example.fr ", "E\u{301}MILE@EXAMPLE.FR", "e\u{301}mile@example.fr"] {
        assert!(finds(&email, ValueType::Text, &Value::Text(stored.to_owned())), "{stored}");
    }
    let number = Identity::parse("customer_id=42").unwrap();
    assert!(finds(&number, ValueType::Int, &Value::Int(42)));
    assert!(finds(&number, ValueType::Text, &Value::Text("42 ".to_owned())));
    assert!(!finds(&number, ValueType::Int, &Value::Int(4)));
    let code = Identity::parse("customer_id=C-42").unwrap();
    assert!(!finds(&code, ValueType::Int, &Value::Int(42)), "a number never equals a code");
}

#[test]
fn the_hash_is_keyed_and_tells_kinds_apart() {
    let (one, other) = (IdentityKey::new([1; 32]), IdentityKey::new([2; 32]));
    let email = Identity::parse("email=jo@example.org").unwrap();
    let login = Identity::parse("login=jo@example.org").unwrap();
    assert_eq!(one.hash(&email).len(), 64);
    assert_ne!(one.hash(&email), other.hash(&email));
    assert_ne!(one.hash(&email), one.hash(&login));
    assert_eq!(one.hash(&email), one.hash(&Identity::parse("email= JO@example.org").unwrap()));
}

proptest! {
    #[test]
    fn the_normal_form_is_its_own_normal_form(kind in "email|phone|customer_id|login", text in "\\PC{0,40}") {
        if let Ok(identity) = Identity::new(&kind, &text) {
            let again = Identity::new(&kind, identity.value());
            prop_assert_eq!(again.as_ref(), Ok(&identity));
        }
    }

    #[test]
    fn an_identity_finds_the_text_it_was_made_from(
        local in "[a-zA-Z0-9.+_\u{e9}\u{c9}\u{fc}-]{1,12}", domain in "[a-zA-Z0-9-]{1,10}\\.(org|FR)", blank in " {0,2}",
    ) {
        let text = format!("{blank}{local}@{domain}{blank}");
        let identity = Identity::new("email", &text).unwrap();
        // A store keeps either all of a word's accents in capitals or none of them.
        let uniform = local == local.to_lowercase() || local == local.to_uppercase() || local.is_ascii();
        prop_assert!(!uniform || finds(&identity, ValueType::Text, &Value::Text(text)));
    }

    #[test]
    fn two_numbers_never_share_a_written_form(left in 10_u64..999_999_999, right in 10_u64..999_999_999) {
        let number = |digits: u64| Identity::new("phone", &format!("+33{digits:09}")).ok();
        if let (Some(one), Some(other)) = (number(left), number(right)) && left != right {
            prop_assert!(one.search_forms().is_disjoint(&other.search_forms()));
        }
    }
}
