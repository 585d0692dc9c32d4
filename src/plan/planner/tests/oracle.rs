//! What a plan counts set-based is what the oracle says record by record.

use super::approved::{explain_one, outcome_of};
use super::*;
use crate::plan::explain::RuleOutcome;
use crate::verdict::{Reason, Verdict};
use proptest::prelude::*;

const CASES: u32 = 24;

/// Starts as they are found in the wild: good, missing, broken, in the future, at the threshold.
fn starts() -> impl Strategy<Value = Option<String>> {
    let dated = (2015..2032_i32, 1..13_u32, 1..29_u32, 0..24_u32)
        .prop_map(|(year, month, day, hour)| Some(format!("{year}-{month:02}-{day:02} {hour:02}:30:00")));
    let odd = proptest::sample::select(vec![
        None,
        Some(String::new()),
        Some("soon".to_owned()),
        Some("2021-06-15 14:00:00".to_owned()),
        Some("2021-06-15 14:00:01".to_owned()),
        Some("2021-06-15".to_owned()),
        Some("2021-03-28 02:30:00".to_owned()),
        Some("2020-02-29 00:00:00.5".to_owned()),
    ]);
    prop_oneof![3 => dated, 2 => odd]
}

#[derive(Debug, Clone)]
struct Invoice {
    customer: u32,
    issued_at: Option<String>,
    lines: u32,
}

fn invoices() -> impl Strategy<Value = Vec<Invoice>> {
    let one = (1001..1005_u32, starts(), 0..3_u32).prop_map(|(customer, issued_at, lines)| Invoice {
        customer,
        issued_at,
        lines,
    });
    proptest::collection::vec(one, 0..12)
}

fn schema_of(invoices: &[Invoice]) -> String {
    let (tables, _) = SCHEMA.split_once("INSERT INTO invoice").unwrap();
    let mut statements = vec![tables.to_owned()];
    for (id, invoice) in (5001..).zip(invoices) {
        let issued = invoice.issued_at.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"));
        statements.push(format!("INSERT INTO invoice VALUES ({id}, {}, {issued}, NULL);", invoice.customer));
        for line in 0..invoice.lines {
            statements.push(format!("INSERT INTO line (invoice_id, label) VALUES ({id}, 'label {line}');"));
        }
    }
    statements.concat()
}

fn tally(counts: &mut ItemCounts, outcome: &RuleOutcome) {
    let RuleOutcome::Decided(verdict) = outcome else { panic!("{outcome:?}") };
    counts.total += 1;
    counts.in_scope += u64::from(*verdict != Verdict::Retain(Reason::OutOfScope));
    match verdict {
        Verdict::Dispose { .. } => counts.due += 1,
        Verdict::Undecidable(reason) => *counts.undecidable.entry(*reason).or_default() += 1,
        Verdict::Retain(Reason::OutOfScope) => {}
        Verdict::Retain(Reason::NotYetDue { .. }) => counts.not_yet_due += 1,
        Verdict::Retain(Reason::ReferencedBy { .. }) => counts.referenced += 1,
        Verdict::Retain(Reason::AlreadyDone) => counts.already_done += 1,
        Verdict::Retain(Reason::Locked { .. }) => panic!("no table has locks"),
        Verdict::Retain(Reason::LegalHold { hold_ids, .. }) => {
            counts.held += 1;
            for hold_id in hold_ids {
                *counts.held_by.entry(hold_id.clone()).or_default() += 1;
            }
        }
    }
}

async fn check(invoices: &[Invoice], holds: [bool; 2]) {
    let rule = INVOICE_RULE.replace("retain_for", "where: \"id <> 5003\"\n    retain_for");
    let mut shop =
        Shop::new(&schema_of(invoices), &[CUSTOMERS, INVOICES, LINES], &[&rule, CUSTOMER_RULE]).await;
    if holds[0] {
        shop.hold(HoldScope::Subject { identity: "customer_id".to_owned(), value: "1002".to_owned() });
    }
    if holds[1] {
        let text = "label LIKE '%1'".to_owned();
        shop.hold(HoldScope::Predicate { dataset: "shop.lines".to_owned(), text });
    }
    let plan = shop.draft().await;
    let (mut told_invoices, mut told_customers) = (ItemCounts::default(), ItemCounts::default());
    for (id, _) in (5001..).zip(invoices) {
        let explained = explain_one(&shop, "shop.invoices", &i64::to_string(&id)).await;
        tally(&mut told_invoices, outcome_of(&explained));
    }
    for customer in 1001..1005 {
        let explained = explain_one(&shop, "shop.customers", &i64::to_string(&customer)).await;
        tally(&mut told_customers, outcome_of(&explained));
    }
    let plain = |counts: &ItemCounts| ItemCounts { overdue: 0, ..counts.clone() };
    assert_eq!(plain(counts(&plan, "shop.invoices")), told_invoices);
    assert_eq!(plain(counts(&plan, "shop.customers")), told_customers);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_counts_of_a_plan_are_the_verdicts_of_its_records(
        invoices in invoices(),
        holds in any::<[bool; 2]>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&invoices, holds));
    }
}
