//! Plans on their way to execution, and records explained.

use super::*;
use crate::plan::approval::{ApprovalRules, Approvals, ApprovedPlan, CompileError};
use crate::plan::explain::{ExplainInput, Explanation, RuleOutcome, explain, parse_key};
use crate::plan::staleness::{DriftMargin, StaleReason, observe_current, stale_reasons};
use crate::plan::store::Approval;
use crate::policy::Share;
use crate::verdict::{Reason, Verdict};
use connectors::StartCondition;

#[tokio::test]
async fn owned_files_are_planned_with_the_rows_that_name_them() {
    let invoices = INVOICES
        .replace("events:", "links: [{column: receipt, to: files.receipts, ownership: owns}], events:");
    let files =
        "  - {name: files.receipts, store: files, objects: {key: \"{file}\"}, record_type: receipt}\n";
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, &invoices, LINES, files], &[INVOICE_RULE]).await;
    for receipt in ["a.pdf", "b.pdf"] {
        std::fs::write(shop.directory.path().join("files").join(receipt), "receipt").unwrap();
    }
    let plan = shop.draft().await;
    assert_eq!(refusals(&plan), []);
    let linked: Vec<_> = plan.items[0]
        .effects
        .iter()
        .filter(|effect| effect.kind == EffectKind::LinkedObjects)
        .map(|effect| (effect.dataset.as_str(), effect.records))
        .collect();
    assert_eq!(linked, [("files.receipts", 2)]);
    let world = World::inspect(&shop.catalog, &shop.sources).await;
    let items = approved(&plan).executable(&shop.catalog, &world).unwrap();
    assert_eq!(items[0].links[0].column, "receipt");
    assert_eq!(items[0].links[0].selection.start, StartCondition::Linked);
    assert_eq!(items[0].selection.link_columns, ["receipt"]);
    assert_eq!(items[0].selection.unchanged_since, None);
    assert_eq!(items[0].links[0].selection.unchanged_since, Some(plan.drafted_at));
}

fn approved(plan: &Plan) -> ApprovedPlan {
    let approval = Approval {
        plan_id: plan.plan_id.clone(),
        plan_digest: plan.digest(),
        approver: "bea".to_owned(),
        approved_at: plan.drafted_at,
        note: None,
        signature: None,
    };
    let approvals = Approvals { of_plan: std::slice::from_ref(&approval), standing: &[] };
    ApprovedPlan::new(plan.clone(), approvals, ApprovalRules::default(), plan.drafted_at).unwrap()
}

#[tokio::test]
async fn an_approved_plan_executes_only_on_what_was_approved() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, CUSTOMER_RULE]).await;
    let plan = shop.draft().await;
    let world = World::inspect(&shop.catalog, &shop.sources).await;
    let items = approved(&plan).executable(&shop.catalog, &world).unwrap();
    assert_eq!(items.iter().map(|item| item.item.item).collect::<Vec<_>>(), [0, 1]);
    assert!(items[1].selection.none_left.iter().all(|entry| entry.disregarding.is_none()));
    shop.hold(HoldScope::Dataset { dataset: "shop.lines".to_owned() });
    let held = items[0].with_holds(&shop.holds).unwrap();
    assert_eq!((held.holds.len(), held.dependents[0].holds.len()), (0, 1));
    shop.run("ALTER TABLE line ADD COLUMN more TEXT").await;
    let changed = World::inspect(&shop.catalog, &shop.sources).await;
    let result = approved(&plan).executable(&shop.catalog, &changed);
    assert!(matches!(result, Err(CompileError::SchemaChanged { dataset }) if dataset == "shop.invoices"));
    let other = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    assert!(matches!(approved(&plan).executable(&other.catalog, &world), Err(CompileError::CatalogChanged)));
}

#[tokio::test]
async fn backfilled_records_make_a_plan_stale() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    let plan = shop.draft().await;
    let margin = DriftMargin { share_max: Share::from_basis_points(10_000), records_max: 1 };
    let clock = shop.input().clock;
    let look = async |shop: &Shop| {
        observe_current(&plan, &shop.catalog, &shop.sources, &shop.holds, clock).await.unwrap()
    };
    assert_eq!(stale_reasons(&plan, &look(&shop).await, margin, plan.drafted_at), []);
    shop.run("INSERT INTO invoice VALUES (6001, 1002, '2014-01-01 00:00:00', NULL), (6002, 1002, '2014-01-01 00:00:00', NULL)").await;
    shop.hold(HoldScope::Dataset { dataset: "shop.customers".to_owned() });
    let reasons = stale_reasons(&plan, &look(&shop).await, margin, plan.drafted_at);
    assert_eq!(
        reasons,
        [
            StaleReason::HoldsChanged { planned: 0, now: 1 },
            StaleReason::CountsDrifted { item: 0, dataset: "shop.invoices".to_owned(), planned: 3, now: 5 }
        ]
    );
}

pub(super) fn outcome_of(explanation: &Explanation) -> &RuleOutcome {
    &explanation.rules[0].outcome
}

pub(super) async fn explain_one(shop: &Shop, dataset: &str, key: &str) -> Explanation {
    let input = ExplainInput {
        catalog: &shop.catalog,
        sources: &shop.sources,
        holds: &shop.holds,
        as_of: at("2026-06-15T12:00:00Z"),
    };
    explain(input, dataset, &[key.to_owned()]).await.unwrap()
}

#[tokio::test]
async fn one_record_is_explained_with_its_dates_and_without_its_values() {
    let mut shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE, CUSTOMER_RULE]).await;
    let due = explain_one(&shop, "shop.invoices", "5001").await;
    let due_at = Some(at("2020-03-01T09:00:00Z"));
    assert_eq!(outcome_of(&due), &RuleOutcome::Decided(Verdict::Dispose { due_at }));
    assert_eq!(due.fields["receipt"], "a…(5)");
    let kept = explain_one(&shop, "shop.invoices", "5004").await;
    let due_at = Some(at("2030-05-01T08:00:00Z"));
    assert_eq!(outcome_of(&kept), &RuleOutcome::Decided(Verdict::Retain(Reason::NotYetDue { due_at })));
    let doubtful = explain_one(&shop, "shop.invoices", "5005").await;
    let missing = Verdict::Undecidable(DoubtReason::StartMissing);
    assert_eq!(outcome_of(&doubtful), &RuleOutcome::Decided(missing));
    let free = explain_one(&shop, "shop.customers", "1001").await;
    assert_eq!(outcome_of(&free), &RuleOutcome::Decided(Verdict::Dispose { due_at: None }));
    assert!(!format!("{free:?}").contains("anna@"));
    let referenced = explain_one(&shop, "shop.customers", "1002").await;
    assert!(matches!(
        outcome_of(&referenced),
        RuleOutcome::Decided(Verdict::Retain(Reason::ReferencedBy { references, .. })) if *references == [0]
    ));
    assert_eq!(referenced.rules[0].references, ["shop.invoices"]);
    shop.hold(HoldScope::Predicate { dataset: "shop.lines".to_owned(), text: "label = 'x'".to_owned() });
    let held = explain_one(&shop, "shop.invoices", "5001").await;
    assert!(matches!(
        outcome_of(&held),
        RuleOutcome::Decided(Verdict::Retain(Reason::LegalHold { hold_ids, .. })) if *hold_ids == ["hold-1"]
    ));
    assert!(!explain_one(&shop, "shop.invoices", "999").await.found);
}

#[tokio::test]
async fn a_key_that_fits_no_column_is_told_without_repeating_it() {
    let shop = Shop::new(SCHEMA, &[CUSTOMERS, INVOICES, LINES], &[INVOICE_RULE]).await;
    let shape = World::inspect(&shop.catalog, &shop.sources).await.shape("shop.invoices").unwrap().clone();
    let error = parse_key("shop.invoices", &shape, &["anna@example.org".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "this is no key of dataset 'shop.invoices': give id (int)");
}
