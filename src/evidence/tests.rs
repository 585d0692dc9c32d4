//! Tests of `evidence`.

use super::*;

pub(crate) fn code(text: &str) -> Code {
    Code::new(text).expect("a code")
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(crate) fn text(text: &str) -> PublicText {
    PublicText::new(text).expect("a public text")
}

/// A purge of `purged` records, read back.
pub(crate) fn target(purged: u64) -> TargetEvidence {
    TargetEvidence {
        store: code("crm"),
        dataset: code("crm.prospects"),
        record_type: code("prospect"),
        rule: RuleReference {
            id: code("prospect"),
            version: 3,
            period: code("P3Y"),
            starts_from: code("last_contact"),
            legal_basis: code("eu-gdpr:A6-1-f"),
            citation: Some(text("CNIL, délibération 2021-131, § 6")),
            title: [
                (code("fr"), text("Coordonnées des prospects <b>")),
                (code("en"), text("Prospect contact data & more")),
            ]
            .into(),
        },
        action: Action::Purge,
        technique: code("sql.delete"),
        counts: Counts { matched: purged, purged, ..Counts::default() },
        verification: Some(Verification {
            method: VerificationMethod::ReQuery,
            checked: purged,
            remaining: 0,
            at: at("2026-05-04T02:31:10Z"),
        }),
        exceptions: vec![],
        failures: vec![],
        residue_steps: vec![code("vacuum")],
        records_before: Some(purged + 10),
        records_after: Some(10),
    }
}

/// Evidence over these targets; the record set's root is of no real set.
pub(crate) fn evidence(targets: Vec<TargetEvidence>) -> Evidence {
    let count = targets.iter().map(|target| target.counts.disposed()).sum();
    Evidence {
        run_id: code("run-1"),
        kind: Kind::RetentionExpiry,
        controller: Controller {
            name: text("Boutique Exemple SAS"),
            country: Some(code("FR")),
            contact: Some(text("dpo@example.org")),
        },
        request: None,
        requests: vec![],
        policies: vec![PolicyReference {
            name: code("customers-fr"),
            version: 3,
            digest: Digest32::of(b"policy: customers-fr\n"),
        }],
        plan_digest: Digest32::of(b"{\"plan\":1}"),
        approvals: vec![Approval {
            role: code("data-owner"),
            kind: ApprovalKind::Plan,
            approved_at: at("2026-05-03T09:00:00Z"),
        }],
        intent_log_index: 0,
        started_at: at("2026-05-04T02:30:00Z"),
        finished_at: at("2026-05-04T02:31:11Z"),
        tool: Tool { name: code("oubliette"), version: code("0.1.0") },
        basis: Basis::Observed,
        targets,
        residuals: vec![],
        downstream: vec![],
        record_set: RecordSetEvidence { mode: RecordSetMode::PerRecord, count, root: Digest32::of(b"") },
    }
}

fn residual(expires: bool) -> Residual {
    Residual {
        kind: code("backup"),
        location: code("crm.backups"),
        expires_at: expires.then(|| at("2026-06-08T00:00:00Z")),
        control: ResidualControl::ReapplyOnRestore,
        status: ResidualStatus::Expiring,
        known: None,
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Evidence), expected: Outcome) {
    let mut value = evidence(vec![target(3), target(4)]);
    change(&mut value);
    assert_eq!(value.outcome(), expected);
}

/// Moves one record of the first target from `purged` to another part.
fn one(value: &mut Evidence, part: impl FnOnce(&mut Counts) -> &mut u64) {
    let counts = &mut value.targets[0].counts;
    counts.purged -= 1;
    *part(counts) += 1;
}

#[test]
fn everything_gone_and_seen_gone_is_complete() {
    check(|_| (), Outcome::Complete);
}

#[test]
fn nothing_matched_is_nothing_found_never_erased_zero() {
    check(|value| value.targets = vec![target(0)], Outcome::NothingFound);
    check(|value| value.targets = vec![], Outcome::NothingFound);
}

#[test]
fn one_failure_makes_it_partial_even_beside_a_million_successes() {
    check(|value| one(value, |counts| &mut counts.failed), Outcome::Partial);
}

#[test]
fn a_store_that_could_not_be_reached_makes_it_partial_or_failed() {
    let unreachable = |value: &mut Evidence| {
        value.targets[0] = target(0);
        value.targets[0].verification = None;
        value.targets[0].failures = vec![Failure { code: code("store_unreachable"), count: 0 }];
    };
    check(unreachable, Outcome::Partial);
    check(
        |value| {
            unreachable(value);
            value.targets.truncate(1);
        },
        Outcome::Failed,
    );
}

#[test]
fn a_claim_nobody_read_back_is_partial() {
    check(|value| value.targets[0].verification = None, Outcome::Partial);
    let seen = |value: &mut Evidence| value.targets[0].verification.clone().expect("seen");
    check(
        |value| value.targets[0].verification = Some(Verification { remaining: 1, ..seen(value) }),
        Outcome::Partial,
    );
    check(
        |value| {
            one(value, |counts| &mut counts.excepted);
            value.targets[0].verification = Some(Verification { remaining: 2, ..seen(value) });
        },
        Outcome::Partial,
    );
    check(
        |value| {
            one(value, |counts| &mut counts.excepted);
            value.targets[0].verification = Some(Verification { remaining: 1, ..seen(value) });
        },
        Outcome::CompleteWithExceptions,
    );
    check(
        |value| {
            value.targets[0].verification =
                Some(Verification { method: VerificationMethod::Sample, ..seen(value) });
        },
        Outcome::Partial,
    );
}

#[test]
fn a_hold_makes_it_complete_with_exceptions_also_beside_dated_residuals() {
    check(|value| one(value, |counts| &mut counts.excepted), Outcome::CompleteWithExceptions);
    check(
        |value| {
            one(value, |counts| &mut counts.excepted);
            value.residuals = vec![residual(true)];
        },
        Outcome::CompleteWithExceptions,
    );
}

#[test]
fn residuals_are_pending_with_a_date_and_partial_without() {
    check(|value| value.residuals = vec![residual(true)], Outcome::CompleteResidualsPending);
    check(|value| value.residuals = vec![residual(true), residual(false)], Outcome::Partial);
    check(
        |value| value.residuals = vec![Residual { control: ResidualControl::None, ..residual(true) }],
        Outcome::Partial,
    );
    check(
        |value| value.residuals = vec![Residual { status: ResidualStatus::Closed, ..residual(false) }],
        Outcome::Complete,
    );
}

#[test]
fn a_pseudonym_is_never_counted_as_erased() {
    check(|value| one(value, |counts| &mut counts.pseudonymized), Outcome::Partial);
    check(
        |value| {
            value.targets.truncate(1);
            value.targets[0].action = Action::Pseudonymize;
            value.targets[0].counts = Counts { matched: 3, pseudonymized: 3, ..Counts::default() };
        },
        Outcome::Complete,
    );
    check(
        |value| {
            value.kind = Kind::ErasureRequest;
            value.targets[0].action = Action::Pseudonymize;
            value.targets[0].counts = Counts { matched: 3, pseudonymized: 3, ..Counts::default() };
        },
        Outcome::Partial,
    );
}

#[test]
fn counts_that_do_not_add_up_are_refused() {
    let mut value = evidence(vec![target(3)]);
    assert_eq!(value.check(), Ok(()));
    value.targets[0].counts.matched = 4;
    assert_eq!(value.check(), Err(EvidenceError::PartsDoNotAddUp { target: 0, matched: 4, sum: 3 }));
    value.targets[0].counts.excepted = 1;
    assert_eq!(value.check(), Err(EvidenceError::ExceptionsDoNotAddUp { target: 0, excepted: 1, sum: 0 }));
    value.targets[0].exceptions = vec![Exception::new(code("legal_hold"), 1)];
    assert_eq!(value.check(), Ok(()));
    value.record_set.count = 2;
    assert_eq!(value.check(), Err(EvidenceError::RecordSetDiffers { disposed: 3, committed: 2 }));
    value.targets[0].counts.failed = u64::MAX;
    assert_eq!(value.check(), Err(EvidenceError::CountTooLarge));
}

#[test]
fn a_closure_names_ended_copies_and_how_that_is_known_and_nothing_else_does() {
    let closed = Residual {
        status: ResidualStatus::Closed,
        known: Some(ResidualKnowledge::DeclaredEnd),
        ..residual(true)
    };
    let mut value = evidence(vec![]);
    value.kind = Kind::ResidualClosure;
    value.approvals.clear();
    value.residuals = vec![closed.clone()];
    assert_eq!((value.check(), value.outcome()), (Ok(()), Outcome::Complete));
    value.residuals.push(residual(true));
    assert_eq!((value.check(), value.outcome()), (Ok(()), Outcome::CompleteResidualsPending));
    value.residuals.remove(0);
    assert_eq!(value.check(), Err(EvidenceError::NoClosure), "nothing has ended");
    value.residuals = vec![Residual { known: None, ..closed.clone() }];
    assert_eq!(value.check(), Err(EvidenceError::NoClosure), "not said how it is known");
    let mut value = evidence(vec![target(3)]);
    value.residuals = vec![closed];
    assert_eq!(value.check(), Err(EvidenceError::NoClosure), "a run closes nothing");
}

fn requested(reference: &str, parts: Vec<RequestPart>, outcome: Outcome) -> RequestEvidence {
    RequestEvidence {
        reference: code(reference),
        received_at: at("2026-04-04T00:00:00Z"),
        due_at: at("2026-05-05T00:00:00Z"),
        legal_basis: code("eu-gdpr:JustificationA17NonNecessity"),
        outcome,
        parts,
    }
}

/// Two persons over a target of three records and one of which one is kept for both.
fn of_two() -> Evidence {
    let kept = Exception::new(code("shared_with_others"), 1);
    let mut shared = target(0);
    shared.counts = Counts { matched: 1, excepted: 1, ..Counts::default() };
    shared.exceptions = vec![kept.clone()];
    shared.verification = shared.verification.map(|seen| Verification { remaining: 1, checked: 1, ..seen });
    let mut value = evidence(vec![target(3), shared]);
    value.kind = Kind::ErasureRequest;
    let part = |purged| RequestPart { target: 0, purged, ..RequestPart::default() };
    let also = || RequestPart { target: 1, exceptions: vec![kept.clone()], ..RequestPart::default() };
    value.requests = vec![
        requested("request-1", vec![part(2), also()], Outcome::CompleteWithExceptions),
        requested("request-2", vec![part(1), also()], Outcome::CompleteWithExceptions),
        requested("request-3", vec![], Outcome::NothingFound),
    ];
    value
}

#[test]
fn what_was_disposed_of_is_divided_among_requests_without_a_rest() {
    let value = of_two();
    value.check().unwrap();
    value.check_read_back().unwrap();
    assert!(value.is_for("request-3") && !value.is_for("request-4"));
    assert_eq!(value.targets_for("request-1")[0].counts.purged, 2);
    assert_eq!(value.targets_for("request-3"), []);
    let refused = |change: fn(&mut Evidence)| {
        let mut value = of_two();
        change(&mut value);
        value.check().unwrap_err()
    };
    let parts = EvidenceError::PartsOfRequestsDiffer { target: 0 };
    assert_eq!(refused(|value| value.requests[0].parts[0].purged = 1), parts);
    assert_eq!(refused(|value| value.requests[0].parts[0].purged = 3), parts);
    let nobody = EvidenceError::PartsOfRequestsDiffer { target: 1 };
    let untold = |value: &mut Evidence| {
        for request in &mut value.requests[..2] {
            request.parts.pop();
            request.outcome = Outcome::Complete;
        }
    };
    assert_eq!(refused(untold), nobody);
    for change in [
        |value: &mut Evidence| value.requests[1].outcome = Outcome::Complete,
        |value: &mut Evidence| value.requests[1].parts[0].target = 7,
        |value: &mut Evidence| value.requests[1].parts.reverse(),
        |value: &mut Evidence| value.requests[2].outcome = Outcome::Complete,
    ] {
        assert!(matches!(refused(change), EvidenceError::RequestDiffers { .. }));
    }
    assert_eq!(refused(|value| value.requests.clear()), EvidenceError::RequestMismatch);
    assert_eq!(refused(|value| value.kind = Kind::RetentionExpiry), EvidenceError::RequestMismatch);
}

#[test]
fn one_persons_failure_is_not_anothers() {
    let mut value = of_two();
    let failed = Failure { code: code("still_present"), count: 1 };
    value.targets[0].counts = Counts { matched: 4, purged: 3, failed: 1, ..Counts::default() };
    value.targets[0].failures = vec![failed.clone()];
    value.targets[0].verification.as_mut().unwrap().remaining = 1;
    value.requests[1].parts[0].failures = vec![failed];
    value.requests[1].outcome = Outcome::Partial;
    value.check().unwrap();
    assert_eq!(value.outcome(), Outcome::Partial);
    // A copy without an end concerns who had something in its store.
    value.residuals = vec![Residual { location: code("crm"), ..residual(false) }];
    value.requests[0].outcome = Outcome::Partial;
    value.check().unwrap();
    assert_eq!(value.residuals_for("request-3"), []);
}
