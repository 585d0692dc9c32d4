//! Tests of `plan::staleness`.

use super::*;
use crate::plan::testing::{at, plan};

fn unchanged() -> CurrentState {
    let plan = plan();
    CurrentState {
        catalog_digest: plan.catalog_digest.clone(),
        hold_revision: plan.hold_revision,
        schema_digests: BTreeMap::from([(0, plan.items[0].schema_digest.clone())]),
        due: BTreeMap::from([(0, 5)]),
    }
}

#[track_caller]
fn check(current: &CurrentState, now: &str, expected: &[&str]) {
    let codes: Vec<_> = stale_reasons(&plan(), current, DriftMargin::default(), at(now))
        .iter()
        .map(StaleReason::code)
        .collect();
    assert_eq!(codes, expected);
}

#[test]
fn an_unchanged_world_makes_no_plan_stale() {
    check(&unchanged(), "2026-06-16T11:59:59Z", &[]);
}

#[test]
fn every_reason_is_told_at_once() {
    let current = CurrentState {
        catalog_digest: "other".to_owned(),
        hold_revision: 4,
        schema_digests: BTreeMap::new(),
        due: BTreeMap::from([(0, 106)]),
    };
    check(
        &current,
        "2026-06-16T12:00:00Z",
        &["expired", "policy-changed", "holds-changed", "schema-changed", "counts-drifted"],
    );
}

#[test]
fn counts_may_move_by_the_margin_in_both_directions() {
    let margin = DriftMargin::default();
    for now in [950, 1_000, 1_050] {
        assert!(margin.allows(1_000, now), "{now}");
    }
    assert!(!margin.allows(1_000, 1_051) && !margin.allows(1_000, 949), "more than 5 %");
    assert!(margin.allows(10_000, 10_100) && !margin.allows(10_000, 10_101), "more than 100 records");
    assert!(margin.allows(u64::MAX, u64::MAX) && !margin.allows(0, 1) && !margin.allows(0, u64::MAX));
    let grown = CurrentState { due: BTreeMap::from([(0, 6)]), ..unchanged() };
    check(&grown, "2026-06-15T13:00:00Z", &["counts-drifted"]);
}
