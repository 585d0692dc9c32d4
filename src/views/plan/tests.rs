//! The plan's text, on fixed values.

use super::*;
use crate::plan::{
    Cutoff, Disposition, Effect, EffectKind, FindingCode, FindingSeverity, ItemCounts, PlanFinding,
    PolicyReference, RuleReference,
};
use chrono::{DateTime, NaiveDate, Utc};
use connectors::DoubtReason;
use std::collections::BTreeMap;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn item() -> PlanItem {
    let mut item: PlanItem = serde_json::from_value(serde_json::json!({
        "item": 0, "rule": rule(), "record_type": "order", "store": "shop", "dataset": "shop.orders",
        "store_alias": "shop", "dataset_alias": "orders", "schema_digest": "00", "disposition": "purge",
        "cutoff": null, "counts": ItemCounts::default(), "undecidable_samples": {}, "due_samples": [],
        "oldest_due_at": null, "newest_due_at": null, "due_bytes": 0, "effects": [],
        "guards": { "records_max": 100_000, "share_max_percent": 20, "keep_newest": 0 },
        "backups_kept": null
    }))
    .unwrap_or_else(|error| panic!("{error}"));
    item.disposition = Disposition::Purge;
    item.cutoff = Some(Cutoff {
        cutoff_at: at(1_600_000_000),
        cutoff_on: day("2020-09-13"),
        overdue_at: at(1_597_000_000),
        overdue_on: day("2020-08-09"),
        as_of_on: day("2025-09-13"),
    });
    item.counts = ItemCounts {
        total: 5_000,
        in_scope: 4_900,
        due: 1_200,
        overdue: 30,
        held: 8,
        held_by: BTreeMap::from([("hold-1".to_owned(), 8)]),
        not_yet_due: 3_688,
        undecidable: BTreeMap::from([(DoubtReason::StartMissing, 4)]),
        ..ItemCounts::default()
    };
    item.undecidable_samples = BTreeMap::from([(DoubtReason::StartMissing, vec!["1…7".to_owned()])]);
    item.oldest_due_at = Some(at(1_400_000_000));
    item.newest_due_at = Some(at(1_599_999_999));
    item.due_bytes = 1_250_000;
    item.backups_kept = Some("P35D".into());
    item
}

fn rule() -> RuleReference {
    RuleReference {
        policy: "shop".into(),
        policy_version: 2,
        rule: "order".into(),
        digest: "00".into(),
        title: BTreeMap::from([("fr".into(), "Commandes".into()), ("en".into(), "Orders".into())]),
        legal_basis: "eu-gdpr:A6-1-b".into(),
        starts_from: "delivered".into(),
        rounding: None,
        retain_for: "P5Y".into(),
        delete_within: Some("P30D".into()),
        time_zone: "Europe/Paris".into(),
        citations: vec!["C. com. L110-4".into()],
    }
}

fn plan() -> Plan {
    Plan {
        format_version: 1,
        plan_id: "plan-1".into(),
        tool_version: "0.1.0".into(),
        author: "camille".into(),
        drafted_at: at(1_757_800_000),
        as_of: at(1_757_800_000),
        expires_at: at(1_758_400_000),
        catalog_digest: "00".into(),
        policies: vec![PolicyReference { policy: "shop".into(), version: 2, digest: "00".into() }],
        hold_revision: 1,
        items: vec![item()],
        findings: vec![PlanFinding {
            severity: FindingSeverity::NeedsApproval,
            code: FindingCode::GuardShare,
            item: Some(0),
            message: "24.0 % of 'shop.orders' is due, the guard allows 20 %".into(),
        }],
        unreachable: Vec::new(),
        simulated: false,
    }
}

fn standing(plan: &Plan) -> Standing<'_> {
    Standing {
        plan,
        digest: "abcd",
        approvals: &[],
        run: None,
        not_ready: Some("plan 'plan-1' is not approved"),
    }
}

#[track_caller]
fn check(page: &str, expected: &[&str]) {
    for part in expected {
        assert!(page.contains(part), "{part:?} is not in\n{page}");
    }
}

#[test]
fn the_reviewer_sees_what_goes_what_stays_and_why() {
    let plan = plan();
    let page = human(&standing(&plan), Language::En);
    check(
        &page,
        &[
            "Plan plan-1\n  digest       abcd\n",
            "2025-09-13T21:46:40Z by camille",
            "shop version 2",
            "Nothing has been changed: a plan only reads.",
            "1. Orders (shop/order): shop.orders (purged)",
            "Kept for 5 years from 'delivered' (Europe/Paris).",
            "Legal basis: GDPR, art. 6(1)(b).",
            "Citations: C. com. L110-4.",
            "started on 2020-09-13 or earlier; overdue, on 2020-08-09 or earlier.",
            "Due: 1\u{202f}200 of 5\u{202f}000, about 1.2\u{a0}MB, started from 2014-05-13 to 2020-09-13.",
            "8 held (hold-1: 8)",
            "4 undecidable: 4 without a start date (for example 1…7)",
            "3\u{202f}688 not yet due",
            "100 outside the rule",
            "Backups expire after 35 days",
            "at most 100\u{202f}000 records, at most 20 % of the dataset",
            "! [needs a person's approval] item 1: a greater share of the dataset is due than the guard allows (1\u{202f}200 of 5\u{202f}000 due, at most 20 % without a person's approval)",
        ],
    );
}

#[test]
fn the_french_plan_of_a_guard_has_no_english() {
    let plan = plan();
    let page = human(&standing(&plan), Language::Fr);
    check(
        &page,
        &[
            "1. Commandes (shop/order) : shop.orders (purgé)",
            "Durée : 5 ans à compter de « delivered »",
            "8 sous gel (hold-1: 8)",
            "[demande l'accord d'une personne] point 1 : plus grande part des données",
        ],
    );
    for word in ["Kept", "Due:", "undecidable", "Legal basis", "the guard allows"] {
        assert!(!page.contains(word), "{word} is in\n{page}");
    }
}

#[test]
fn the_table_fits_a_hundred_columns() {
    let mut plan = plan();
    let mut second = item();
    second.item = 1;
    second.dataset = "a_store_with_a_long_name.a_dataset_with_a_long_name_too".into();
    second.counts.due = 123_456_789;
    second.counts.total = 999_999_999;
    plan.items.push(second);
    let page = human(&standing(&plan), Language::Fr);
    let table: Vec<&str> = page.lines().skip_while(|line| !line.contains('─')).collect();
    let table: Vec<&str> = table.into_iter().take_while(|line| !line.is_empty()).collect();
    assert!(table.len() > 8, "{page}");
    for line in table {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn what_says_nothing_is_left_out() {
    let mut plan = plan();
    let item = &mut plan.items[0];
    item.due_samples = vec!["…".into(), "…/…".into()];
    item.undecidable_samples.values_mut().for_each(|samples| *samples = vec!["…".into()]);
    item.effects = vec![Effect {
        kind: EffectKind::Dependents,
        dataset: "d".into(),
        dataset_alias: "d".into(),
        records: 0,
    }];
    let page = human(&standing(&plan), Language::En);
    for absent in ["For example", "for example", "Goes along", "the newest 0"] {
        assert!(!page.contains(absent), "{absent} is in\n{page}");
    }
}

#[test]
fn what_goes_along_is_named() {
    let mut plan = plan();
    for (kind, dataset) in [
        (EffectKind::Dependents, "shop.lines"),
        (EffectKind::LinkedObjects, "shop.receipts"),
        (EffectKind::Trigger, "shop.orders"),
    ] {
        plan.items[0].effects.push(Effect {
            kind,
            dataset: dataset.into(),
            dataset_alias: dataset.into(),
            records: 3_000,
        });
    }
    let page = human(&standing(&plan), Language::En);
    check(
        &page,
        &[
            "Goes along: 3\u{202f}000 of 'shop.lines' that depend on them, purged first",
            "3\u{202f}000 files of 'shop.receipts' that the rows name",
            "a trigger on 'shop.orders' fires for 3\u{202f}000 records",
        ],
    );
}

#[test]
fn the_next_step_is_an_exact_command() {
    let plan = plan();
    let unapproved = standing(&plan);
    check(&next_steps(&unapproved, Language::En), &["\n  oubliette approve plan-1 --as NAME\n"]);
    let ready = Standing { not_ready: None, ..unapproved };
    check(&next_steps(&ready, Language::En), &["\n  oubliette apply plan-1\n"]);
    let simulated = Plan { simulated: true, ..plan.clone() };
    assert!(!next_steps(&standing(&simulated), Language::En).contains("oubliette approve"));
}

#[test]
fn approvals_are_shown_with_what_is_still_missing() {
    let plan = plan();
    let page = approvals(&standing(&plan), Language::En);
    check(
        &page,
        &["Nobody has approved this plan yet.", "cannot be applied: plan 'plan-1' is not approved."],
    );
    let approval = Approval {
        plan_id: "plan-1".into(),
        plan_digest: "abcd".into(),
        approver: "dpo".into(),
        approved_at: at(1_757_900_000),
        note: Some("seen with legal".into()),
    };
    let approved =
        Standing { approvals: std::slice::from_ref(&approval), not_ready: None, ..standing(&plan) };
    check(
        &approvals(&approved, Language::En),
        &["dpo at 2025-09-15T01:33:20Z: seen with legal", "This plan can be applied."],
    );
}

#[test]
fn the_json_form_holds_the_plan_as_it_stands() {
    let plan = plan();
    let json = serde_json::to_value(StandingJson::new(&standing(&plan))).unwrap();
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["ready"], false);
    assert_eq!(json["plan"], serde_json::to_value(&plan).unwrap());
}
