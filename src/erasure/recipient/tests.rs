//! What a recipient is told, and nothing else.

use super::*;
use crate::plan::testing::at;

fn people(texts: &[&str]) -> BTreeSet<Identity> {
    texts.iter().map(|text| Identity::parse(text).unwrap()).collect()
}

fn told(identities: &BTreeSet<Identity>) -> Told<'_> {
    Told {
        notice_id: "notice-1",
        request_id: "request-1",
        controller: "Boutique \"Exemple\"",
        ground: "eu-gdpr:JustificationA17NonNecessity",
        erased_at: at("2026-06-01T12:00:00Z"),
        identities,
    }
}

#[test]
fn a_template_names_only_what_may_be_told() {
    assert_eq!(places("https://x/{identity.email}?n={notice}"), Ok(vec!["identity.email", "notice"]));
    for (text, fault) in [("{name}", "name"), ("{identity.}", "identity."), ("{notice", "a brace")] {
        assert!(places(text).unwrap_err().starts_with(fault), "{text}");
    }
}

#[test]
fn values_cannot_leave_their_place() {
    let one = people(&["email=a/b?c=d&e\"{notice}@example.org"]);
    let address = filled("https://x/u/{identity.email}", &told(&one), Quoting::Address).unwrap();
    assert_eq!(address, "https://x/u/a%2Fb%3Fc%3Dd%26e%22%7Bnotice%7D%40example.org");
    let body = json!({"who": "<{identity.email}>", "all": "{identities}", "by": "{controller}", "n": 1});
    let filled = filled_body(&body, &told(&one)).unwrap();
    assert_eq!(filled["who"], "<a/b?c=d&e\"{notice}@example.org>");
    assert_eq!(filled["all"][0]["kind"], "email");
    assert_eq!((&filled["by"], &filled["n"]), (&json!("Boutique \"Exemple\""), &json!(1)));
}

#[test]
fn who_is_known_by_several_is_told_of_each() {
    let all = people(&["email=a@example.org", "email=b@example.org", "customer_id=7"]);
    assert_eq!(filled("{identity.email}", &told(&all), Quoting::Plain), None);
    assert_eq!(filled("{identity.phone}", &told(&all), Quoting::Plain), None);
    let each = one_by_one(&all, &BTreeSet::from(["email".to_owned()]));
    assert_eq!(each.len(), 2);
    assert!(
        each.iter()
            .all(|set| set.len() == 2 && filled("{identity.email}", &told(set), Quoting::Plain).is_some())
    );
}

#[test]
fn waits_double_up_to_a_day() {
    let start = at("2026-06-01T00:00:00Z");
    let minutes = |attempts| (next_attempt(attempts, start) - start).num_minutes();
    assert_eq!([1, 2, 3, 11, 12, 40].map(minutes), [1, 2, 4, 1024, 1440, 1440]);
}
