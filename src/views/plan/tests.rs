//! The plan's text, on fixed values.

use super::*;
use crate::plan::{
    ApprovalError, CountedBy, Cutoff, Disposition, Effect, EffectKind, FindingCode, FindingSeverity,
    ItemCounts, PlanFinding, PolicyReference, RuleReference,
};
use chrono::{DateTime, NaiveDate, Utc};
use connectors::DoubtReason;
use std::collections::BTreeMap;
use std::sync::LazyLock;

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
        "oldest_due_at": null, "newest_due_at": null, "due_bytes": 0, "effects": [], "named": [],
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
        counted_by: Some(CountedBy::Days),
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
        leaks: Vec::new(),
        simulated: false,
        request: None,
    }
}

static UNAPPROVED: LazyLock<AppError> =
    LazyLock::new(|| AppError::Approval(ApprovalError::NotApproved { plan_id: "plan-1".into() }));

fn standing(plan: &Plan) -> Standing<'_> {
    Standing {
        plan,
        digest: "abcd",
        approvals: &[],
        run: None,
        is_approved: false,
        not_ready: Some(&UNAPPROVED),
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
fn files_that_rows_name_and_that_do_not_go_are_told() {
    let mut plan = plan();
    let named = crate::plan::NamedObjects {
        column: "path".into(),
        dataset: "shop.receipts".into(),
        rows_looked_at: 5_000,
        absent: 2,
        rows_staying: 7,
        ..Default::default()
    };
    plan.items[0].named = vec![named.clone(), crate::plan::NamedObjects { more_rows: true, ..named }];
    let page = human(&standing(&plan), Language::En);
    check(
        &page,
        &[
            "named in 'path' that do not go: 2 that are not there (the row goes); so 7 due rows stay.",
            "do not go, at least: 2 that are not there",
            "due rows were followed.",
        ],
    );
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

/// A column with a time is compared with an instant, which is said in the policy's own zone.
#[test]
fn the_cutoff_is_said_as_it_is_applied() {
    let page = |counted_by: Option<CountedBy>, language| {
        let mut plan = plan();
        plan.items[0].cutoff.as_mut().unwrap().counted_by = counted_by;
        human(&standing(&plan), language)
    };
    let days = "Due are records that started on 2020-09-13 or earlier; overdue, on 2020-08-09 or earlier.";
    check(&page(Some(CountedBy::Days), Language::En), &[days]);
    check(&page(None, Language::En), &[days]);
    check(
        &page(Some(CountedBy::Instants), Language::En),
        &["started at 2020-09-13 14:26:40 (Europe/Paris) or earlier; overdue, at 2020-08-09 21:06:40 or"],
    );
    check(
        &page(Some(CountedBy::InstantsOrDays), Language::Fr),
        &[
            "au plus tard le 2020-09-13 14:26:40 (Europe/Paris) ; en retard, au plus tard le 2020-08-09 21:06:40.",
            "Un départ sans heure compte par jour : au plus tard le 2020-09-13 ; en retard, le 2020-08-09.",
        ],
    );
}

#[test]
fn the_next_step_is_an_exact_command() {
    let plan = plan();
    let unapproved = standing(&plan);
    check(&next_steps(&unapproved, Language::En), &["\n  oubliette approve plan-1 --as NAME\n"]);
    let ready = Standing { is_approved: true, not_ready: None, ..unapproved };
    check(&next_steps(&ready, Language::En), &["\n  oubliette apply plan-1\n"]);
    let simulated = Plan { simulated: true, ..plan.clone() };
    assert!(!next_steps(&standing(&simulated), Language::En).contains("oubliette approve"));
}

#[test]
fn approvals_are_shown_with_what_is_still_missing() {
    let plan = plan();
    let page = approvals(&standing(&plan), Language::En);
    check(&page, &["Nobody has approved this plan yet.", "cannot be applied: it is not approved."]);
    let approval = Approval {
        plan_id: "plan-1".into(),
        plan_digest: "abcd".into(),
        approver: "dpo".into(),
        approved_at: at(1_757_900_000),
        note: Some("seen with legal".into()),
        signature: None,
    };
    let approvals_of = std::slice::from_ref(&approval);
    let approved =
        Standing { approvals: approvals_of, is_approved: true, not_ready: None, ..standing(&plan) };
    check(
        &approvals(&approved, Language::En),
        &["dpo at 2025-09-15T01:33:20Z: seen with legal", "This plan can be applied; `apply` compares"],
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

/// Every finding whose figures the plan holds is French to a French reader, and what is not is said to be
/// in English.
#[test]
fn findings_are_said_in_the_reader_s_language() {
    let mut plan = plan();
    plan.items[0].counts.undecidable =
        BTreeMap::from([(DoubtReason::StartUnreadable, 4), (DoubtReason::Conflict, 2)]);
    plan.items[0].effects.push(Effect {
        kind: EffectKind::Trigger,
        dataset: "shop.orders".into(),
        records: 7,
        dataset_alias: "orders".into(),
    });
    let whole = [
        FindingCode::GuardRecords,
        FindingCode::GuardShare,
        FindingCode::GuardWholeDataset,
        FindingCode::GuardKeepNewest,
        FindingCode::ShareUndecidable,
        FindingCode::StartNeverSet,
        FindingCode::RulesConflict,
        FindingCode::TriggersFire,
        FindingCode::BackupsUnknown,
        FindingCode::NothingDue,
        FindingCode::StartUnresolved,
        FindingCode::KeyMissing,
    ];
    for code in whole {
        let finding = PlanFinding {
            severity: FindingSeverity::Note,
            code,
            item: Some(0),
            message: "English words".into(),
        };
        let line = super::finding::line(&finding, &plan, Language::Fr);
        assert!(!line.contains("English") && !line.contains("anglais"), "{line}");
    }
    let other = PlanFinding {
        severity: FindingSeverity::Refusal,
        code: FindingCode::ConstraintViolated,
        item: Some(0),
        message: "English words".into(),
    };
    let line = super::finding::line(&other, &plan, Language::Fr);
    assert!(line.contains("(détail, en anglais : English words)"), "{line}");
    assert!(!super::finding::line(&other, &plan, Language::En).contains("détail"));
}

#[test]
fn what_could_not_be_counted_is_not_shown_as_zero_and_not_as_nothing_due() {
    let mut plan = plan();
    plan.items[0].counts = ItemCounts::default();
    plan.items[0].due_samples.clear();
    (plan.items[0].oldest_due_at, plan.items[0].newest_due_at) = (None, None);
    plan.findings = vec![PlanFinding {
        severity: FindingSeverity::Refusal,
        code: FindingCode::KeyMissing,
        item: Some(0),
        message: "dataset 'shop.orders' has no primary key".into(),
    }];
    plan.unreachable.clear();
    let page = human(&standing(&plan), Language::En);
    check(&page, &["Not counted: see below what stands in the way.", "has no primary key"]);
    assert!(!page.contains("Due: 0 of 0"), "{page}");
    assert!(!next_steps(&standing(&plan), Language::En).contains("Nothing is due"));
}
