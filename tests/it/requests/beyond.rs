//! What a request does not reach: it stays, and the person is told so.

use super::{dump, erased, gone, shop, state, verified};
use crate::support::{Project, plan_id};
use serde_json::{Value, json};

const OBJECTION: [&str; 4] = ["--kind", "marketing-objection", "--record-type", "newsletter"];

/// Records that a certificate lists as outside of the request, by dataset and rule.
fn outside(targets: &Value) -> Vec<(String, String, u64)> {
    let targets = targets.as_array().unwrap().iter();
    let kept = targets.filter(|target| target["exceptions"][0]["code"] == "outside_request");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = kept
        .map(|target| {
            let counts = &target["counts"];
            assert_eq!(counts["matched"], counts["excepted"], "{target:#}");
            (text(&target["dataset"]), text(&target["rule"]["id"]), counts["excepted"].as_u64().unwrap())
        })
        .collect();
    all.sort();
    all
}

fn stays() -> Vec<(String, String, u64)> {
    [
        ("billing.invoices", "invoice", 2),
        ("billing.lines", "invoice", 2),
        ("crm.addresses", "on-request", 1),
        ("crm.customers", "on-request", 2),
        ("crm.visits", "on-request", 2),
        ("files.letters", "on-request", 1),
        ("files.receipts", "on-request", 2),
    ]
    .map(|(dataset, rule, records)| (dataset.to_owned(), rule.to_owned(), records))
    .into()
}

fn lines(project: &Project, language: &str, request: &str) -> [String; 2] {
    ["answer", "show"]
        .map(|what| project.run(&["--lang", language, "requests", what, request]).expect(0).stdout)
}

#[test]
fn what_an_objection_does_not_reach_is_listed_as_kept() {
    let project = shop();
    let before = dump(&project);
    let request = verified(&project, "email=jo@example.org", &OBJECTION);
    let page = project.run(&["--lang", "fr", "erase", &request]).expect(0).stdout;
    let said = "billing.invoices : 2 enregistrement(s) de la personne conservé(s), que la demande ne vise pas (Factures)";
    assert!(page.contains(said), "{page}");
    assert!(
        page.contains("crm.customers : 2 enregistrement(s)") && page.contains("ne vise pas (aucune règle)")
    );
    let (plan, statement) = erased(&project, &request, 0);
    let planned = plan["request"]["beyond"].as_array().unwrap();
    assert_eq!(planned.iter().map(|one| one["records"].as_u64().unwrap()).sum::<u64>(), 12, "{planned:?}");
    assert_eq!(gone(&before, &dump(&project)), ["newsletter|newsletter|1|jo@example.org|2024-01-01"]);
    assert_eq!(outside(&statement["evidence"]["targets"]), stays());
    assert_eq!(statement["outcome"], "complete_with_exceptions");
    assert_eq!(state(&project, &request), "done", "what the request does not reach waits for nothing");
    let [letter, story] = lines(&project, "en", &request);
    assert!(letter.contains("What your request does not reach, and we keep\n"), "{letter}");
    assert!(letter.contains("  - Invoices: 4 record(s)\n"), "{letter}");
    let (_, after) = letter.split_once("What your request does not reach").unwrap();
    assert!(!after.contains("We use them for nothing else"), "{letter}");
    assert!(story.contains("  Invoices: 2 record(s), which the request does not reach\n"), "{story}");
    let [letter, story] = lines(&project, "fr", &request);
    assert!(letter.contains("Ce que votre demande ne vise pas, et que nous gardons\n"), "{letter}");
    assert!(story.contains("  Factures : 2 enregistrement(s), que la demande ne vise pas\n"), "{story}");
    let shown = project.run(&["--format", "json", "requests", "show", &request]).expect(0).json();
    let kept = json!({"dataset": "billing.invoices", "record_type": "invoice", "reason": "outside_request",
        "records": 2, "until_on": null});
    assert!(shown["kept"].as_array().unwrap().contains(&kept), "{shown:#}");
}

/// Of several who object at once each is told of their own, and of no other's.
#[test]
fn each_of_several_is_told_what_stays_of_theirs() {
    let project = shop();
    let ids = ["jo", "kim"].map(|who| verified(&project, &format!("email={who}@example.org"), &OBJECTION));
    let planned = project.run(&["--format", "json", "erase", "--together"]).expect(0).json();
    project.run(&["approve", &plan_id(&planned), "--as", "dpo"]).expect(0);
    let end = project.run(&["--format", "json", "apply", &plan_id(&planned)]).expect(0).json();
    super::statement(&project, &end);
    for (id, invoices, visits) in [(&ids[0], 4, 2), (&ids[1], 2, 1)] {
        assert_eq!(state(&project, id), "done");
        let [letter, story] = lines(&project, "en", id);
        assert!(letter.contains(&format!("  - Invoices: {invoices} record(s)\n")), "{letter}");
        assert!(story.contains(&format!("  visit: {visits} record(s), which the request")), "{story}");
    }
}

#[test]
fn a_withdrawn_consent_takes_only_what_stood_on_it_and_says_so() {
    let project = shop();
    let before = dump(&project);
    let request = verified(&project, "email=jo@example.org", &["--kind", "consent-withdrawal"]);
    let (_, statement) = erased(&project, &request, 0);
    assert_eq!(gone(&before, &dump(&project)), ["newsletter|newsletter|1|jo@example.org|2024-01-01"]);
    assert_eq!(statement["evidence"]["kind"], "consent_withdrawal");
    assert_eq!(outside(&statement["evidence"]["targets"]), stays());
    // Everything is asked for: nothing is outside.
    let request = verified(&project, "email=kim@example.org", &[]);
    let (plan, statement) = erased(&project, &request, 0);
    assert!(outside(&statement["evidence"]["targets"]).is_empty());
    assert!(plan["request"].get("beyond").is_none());
}
