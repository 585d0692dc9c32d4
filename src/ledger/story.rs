//! The contract of a ledger as stories that hold for every implementation of its three ports.
//!
//! Each takes `open`, which opens the same ledger anew (as another process would), and ids that no
//! other story uses, so that all can be told on one ledger.

use crate::hold::{Hold, HoldError, HoldRegister, HoldScope};
use crate::journal::{
    BatchCounts, BatchId, BatchState, HELPERS_FROM, JournalEntry, JournalError, JournalStore, RunRecord,
    RunState, Sealed, Transition, batch_numbers,
};
use crate::plan::Plan;
use crate::plan::store::{Approval, PlanStore, PlanStoreError, StandingApproval};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All three ports, as one ledger has them.
pub(super) trait Ledger: JournalStore + PlanStore + HoldRegister + 'static {}
impl<L: JournalStore + PlanStore + HoldRegister + 'static> Ledger for L {}

pub(super) fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 123_456_789).expect("an instant")
}

pub(super) fn run(run_id: &str) -> RunRecord {
    RunRecord {
        run_id: run_id.into(),
        plan_id: format!("plan-of-{run_id}"),
        plan_digest: "ab".repeat(32),
        certificate_id: format!("certificate-of-{run_id}"),
        state: RunState::Running,
        started_at: instant(0),
        intent_index: None,
        reconciled: false,
        statement: None,
        run_key_sealed: Some(b"run key under the sealing key".to_vec()),
    }
}

pub(super) fn entry(run_id: &str, batch: u32, transition: Transition) -> JournalEntry {
    let counts = BatchCounts { intended: 3, disposed: 2, already_absent: 0, excepted: 1, failed: 0 };
    JournalEntry {
        id: BatchId { run_id: run_id.into(), item: 0, part: 0, batch },
        attempt: 1,
        transition,
        dataset: "crm.prospects".into(),
        sealed: None,
        counts: BTreeMap::from([("crm.prospects".into(), counts)]),
        kept: BTreeMap::from([("crm.prospects".into(), BTreeMap::from([("held".into(), 1)]))]),
        hold_revision: 0,
        at: instant(i64::from(batch)),
    }
}

/// An intent under the register's revision of this moment.
async fn intent(ledger: &impl Ledger, run_id: &str, batch: u32) -> JournalEntry {
    let hold_revision = ledger.revision().await.expect("a revision");
    let sealed = Some(Sealed(format!("intended-{batch}").into_bytes()));
    JournalEntry { sealed, hold_revision, ..entry(run_id, batch, Transition::Intend) }
}

pub(super) fn hold(hold_id: &str) -> Hold {
    Hold {
        hold_id: hold_id.into(),
        matter: "Dupont v. Exemple".into(),
        reason: "litigation".into(),
        owner: "counsel@example.org".into(),
        placed_at: instant(0),
        review_on: chrono::NaiveDate::from_ymd_opt(2027, 1, 31),
        released_at: None,
        scope: HoldScope::Subject { identity: "email".into(), value: "alice@example.org".into() },
    }
}

pub(super) fn plan(plan_id: &str) -> Plan {
    Plan {
        format_version: crate::plan::PLAN_FORMAT_VERSION,
        plan_id: plan_id.into(),
        tool_version: "0.1.0".into(),
        author: "staff".into(),
        drafted_at: instant(0),
        as_of: instant(0),
        expires_at: instant(86_400),
        catalog_digest: "cd".repeat(32),
        policies: Vec::new(),
        hold_revision: 0,
        items: Vec::new(),
        findings: Vec::new(),
        unreachable: Vec::new(),
        leaks: Vec::new(),
        simulated: false,
        request: None,
    }
}

/// Tells every story but the long one.
pub(super) async fn tell_all<L: Ledger>(open: impl AsyncFn() -> L) {
    a_batch_goes_from_intent_to_proof(&open).await;
    forbidden_transitions_are_refused(&open().await).await;
    all_entries_or_none(&open().await).await;
    batches_are_paged_in_order(&open().await).await;
    a_run_only_goes_forward(&open).await;
    a_hold_before_the_intent_refuses_it(&open().await).await;
    holds_come_back_as_they_were_placed(&open).await;
    plans_are_kept_and_approved(&open).await;
    standing_approvals_end_when_revoked(&open().await).await;
    one_process_works_on_a_run(&open().await, &open().await).await;
}

async fn a_batch_goes_from_intent_to_proof<L: Ledger>(open: &impl AsyncFn() -> L) {
    let ledger = open().await;
    ledger.begin_run(&run("way")).await.expect("begins");
    assert_eq!(ledger.next_batch("way", 0, 0).await.expect("a number"), 0);
    assert_eq!(ledger.last_proven("way", 0, 0).await.expect("nothing"), None);
    let intended = intent(&ledger, "way", 0).await;
    ledger.append(&intended).await.expect("intends");

    let again = open().await;
    let open_batches = again.open_batches("way").await.expect("open batches");
    assert_eq!(open_batches.len(), 1);
    assert_eq!(open_batches[0].state, BatchState::Intended);
    assert_eq!(open_batches[0].intended, intended.sealed);
    assert_eq!(open_batches[0].counts, intended.counts);
    assert_eq!(open_batches[0].kept, intended.kept);
    assert_eq!(open_batches[0].at, intended.at);

    let mut settle = entry("way", 0, Transition::Settle);
    settle.sealed = Some(Sealed(b"outcome".to_vec()));
    again.append_all(&[settle, entry("way", 0, Transition::Prove)]).await.expect("settles and proves");
    let proven = ledger.last_proven("way", 0, 0).await.expect("reads").expect("a proven batch");
    assert_eq!((proven.state, proven.reconciled), (BatchState::Proven, true));
    assert_eq!(proven.outcome, Some(Sealed(b"outcome".to_vec())));
    assert_eq!(proven.intended, intended.sealed);
    assert!(ledger.run("way").await.expect("reads").expect("the run").reconciled, "looking is remembered");
    assert_eq!(ledger.last_proven("way", 0, 1).await.expect("another part"), None);
    assert_eq!(ledger.open_batches("way").await.expect("open batches"), []);
    assert_eq!(ledger.next_batch("way", 0, 0).await.expect("a number"), 1);
}

async fn forbidden_transitions_are_refused(ledger: &impl Ledger) {
    ledger.begin_run(&run("rules")).await.expect("begins");
    let unknown = ledger.append(&entry("no-such-run", 0, Transition::Intend)).await;
    assert!(matches!(unknown, Err(JournalError::UnknownRun { run_id }) if run_id == "no-such-run"));
    for transition in [Transition::Act, Transition::Settle, Transition::Prove, Transition::Abandon] {
        check_refused(ledger, &entry("rules", 0, transition)).await;
    }
    check_refused(ledger, &intent(ledger, "rules", 1).await).await;
    ledger.append(&intent(ledger, "rules", 0).await).await.expect("intends");
    check_refused(ledger, &intent(ledger, "rules", 0).await).await;
    check_refused(ledger, &entry("rules", 0, Transition::Prove)).await;
    let mut other_part = intent(ledger, "rules", 0).await;
    other_part.id.part = 1;
    check_refused(ledger, &other_part).await;
    for part in [HELPERS_FROM, HELPERS_FROM + 1] {
        let mut of_helper = other_part.clone();
        (of_helper.id.part, of_helper.id.batch) = (part, *batch_numbers(part).start());
        ledger.append(&of_helper).await.expect("helpers have numbers of their own");
        let next = ledger.next_batch("rules", 0, part).await.expect("a number");
        assert_eq!(next, of_helper.id.batch + 1);
    }
    let next = ledger.next_batch("rules", 0, 2).await.expect("a number");
    assert_eq!(next, 1, "parts of an item share its numbers");
    ledger.append(&entry("rules", 0, Transition::Abandon)).await.expect("abandons");
    for transition in [Transition::Intend, Transition::Act, Transition::Prove, Transition::Abandon] {
        check_refused(ledger, &entry("rules", 0, transition)).await;
    }
    assert_eq!(ledger.next_batch("rules", 0, 0).await.expect("a number"), 1, "an abandoned number is used");
}

#[track_caller]
fn check_refused(ledger: &impl Ledger, entry: &JournalEntry) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let refused = ledger.append(entry).await;
        let allowed = JournalError::NotAllowed { transition: entry.transition }.to_string();
        assert_eq!(refused.expect_err("refused").to_string(), allowed, "at {caller}");
    }
}

async fn all_entries_or_none(ledger: &impl Ledger) {
    ledger.begin_run(&run("whole")).await.expect("begins");
    let entries = [intent(ledger, "whole", 0).await, entry("whole", 0, Transition::Prove)];
    assert!(ledger.append_all(&entries).await.is_err(), "proof without an answer");
    assert_eq!(ledger.batches("whole", None, 10).await.expect("batches"), []);
}

async fn batches_are_paged_in_order(ledger: &impl Ledger) {
    ledger.begin_run(&run("pages")).await.expect("begins");
    for (item, part, batch) in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 2), (0, 0, 3)] {
        let mut entry = intent(ledger, "pages", batch).await;
        entry.id = BatchId { run_id: "pages".into(), item, part, batch };
        ledger.append(&entry).await.expect("intends");
    }
    let mut seen: Vec<BatchId> = Vec::new();
    loop {
        let page = ledger.batches("pages", seen.last(), 2).await.expect("a page");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|batch| batch.id));
    }
    let mut expected = seen.clone();
    expected.sort();
    assert_eq!((seen.len(), &seen), (5, &expected));
    assert_eq!(ledger.next_batch("pages", 0, 0).await.expect("a number"), 4);
    assert_eq!(ledger.next_batch("pages", 2, 0).await.expect("a number"), 0);
}

async fn a_run_only_goes_forward<L: Ledger>(open: &impl AsyncFn() -> L) {
    let ledger = open().await;
    let mut record = run("forward");
    ledger.begin_run(&record).await.expect("begins");
    let twin = RunRecord { run_id: "other".into(), certificate_id: "other".into(), ..record.clone() };
    let exists = ledger.begin_run(&twin).await;
    assert!(matches!(exists, Err(JournalError::RunExists { run_id }) if run_id == "forward"));
    assert!(matches!(
        ledger.update_run(&run("nobody")).await,
        Err(JournalError::UnknownRun { run_id }) if run_id == "nobody"
    ));

    ledger.append(&intent(&ledger, "forward", 0).await).await.expect("intends");
    record.state = RunState::Certifying;
    record.statement = Some("{\"fixed\":true}".into());
    let early = ledger.update_run(&record).await;
    assert!(matches!(early, Err(JournalError::BatchesOpen { open: 1, .. })));
    ledger.append(&entry("forward", 0, Transition::Act)).await.expect("acts");
    assert!(ledger.update_run(&record).await.is_err(), "an acted batch is not seen yet");
    ledger.append(&entry("forward", 0, Transition::Prove)).await.expect("proves");
    let skipped = RunRecord { state: RunState::Certified, ..record.clone() };
    assert!(matches!(ledger.update_run(&skipped).await, Err(JournalError::NotForward { .. })));
    record.intent_index = Some(7);
    ledger.update_run(&record).await.expect("certifies");
    assert_eq!(open().await.run_of_plan("plan-of-forward").await.expect("reads"), Some(record.clone()));

    check_refused(&ledger, &intent(&ledger, "forward", 1).await).await;
    let rewritten = RunRecord { statement: Some("{}".into()), ..record.clone() };
    assert!(matches!(ledger.update_run(&rewritten).await, Err(JournalError::NotForward { .. })));
    let back = RunRecord { state: RunState::Running, ..record.clone() };
    assert!(matches!(ledger.update_run(&back).await, Err(JournalError::NotForward { .. })));
    let kept = ledger.destroy_sealed("forward").await;
    assert!(matches!(kept, Err(JournalError::NotCertified { .. })), "keys are still needed");
    assert!(ledger.open_runs().await.expect("runs").iter().any(|run| run.run_id == "forward"));

    record.state = RunState::Certified;
    ledger.update_run(&record).await.expect("is certified");
    assert!(ledger.open_runs().await.expect("runs").iter().all(|run| run.run_id != "forward"));
    assert_eq!(ledger.undestroyed_runs().await.expect("runs"), ["forward"]);
    ledger.destroy_sealed("forward").await.expect("destroys");
    assert_eq!(open().await.undestroyed_runs().await.expect("runs"), [""; 0]);
    ledger.destroy_sealed("forward").await.expect("destroys what is gone");
    let batches = open().await.batches("forward", None, 10).await.expect("batches");
    assert_eq!((batches[0].intended.as_ref(), batches[0].outcome.as_ref()), (None, None));
    assert_eq!(batches[0].counts["crm.prospects"].disposed, 2, "counts stay");
    assert_eq!(ledger.run("forward").await.expect("reads").expect("the run").run_key_sealed, None);
}

async fn a_hold_before_the_intent_refuses_it(ledger: &impl Ledger) {
    ledger.begin_run(&run("overtaken")).await.expect("begins");
    let prepared = intent(ledger, "overtaken", 0).await;
    let revision = ledger.place(&hold("overtaking")).await.expect("places");
    assert!(matches!(ledger.append(&prepared).await, Err(JournalError::HoldsChanged)));
    assert_eq!(ledger.batches("overtaken", None, 10).await.expect("batches"), []);
    ledger.append(&intent(ledger, "overtaken", 0).await).await.expect("intends anew");

    let older = ledger.batches_before(revision).await.expect("counts");
    assert_eq!(ledger.batches_before(revision + 1).await.expect("counts"), older + 1);
    ledger.append(&entry("overtaken", 0, Transition::Act)).await.expect("acts");
    assert_eq!(ledger.batches_before(revision + 1).await.expect("counts"), older, "it cannot touch more");

    let prepared = intent(ledger, "overtaken", 1).await;
    ledger.release("overtaking", instant(1)).await.expect("releases");
    assert!(matches!(ledger.append(&prepared).await, Err(JournalError::HoldsChanged)));
}

async fn holds_come_back_as_they_were_placed<L: Ledger>(open: &impl AsyncFn() -> L) {
    let ledger = open().await;
    let before = ledger.book().await.expect("the book");
    let scope = HoldScope::Predicate { dataset: "crm.prospects".into(), text: "name = 'Zoë'".into() };
    let placed = Hold { scope, review_on: None, ..hold("kept") };
    let revision = ledger.place(&placed).await.expect("places");
    assert_eq!(revision, before.revision + 1);
    let book = open().await.book().await.expect("the book");
    assert_eq!((book.revision, book.holds.last()), (revision, Some(&placed)));
    assert!(matches!(ledger.place(&placed).await, Err(HoldError::Clash { .. })));
    let unknown = ledger.release("no-such-hold", instant(1)).await;
    assert!(matches!(unknown, Err(HoldError::Unknown { hold_id }) if hold_id == "no-such-hold"));
    assert_eq!(ledger.revision().await.expect("a revision"), revision, "what failed changed nothing");

    assert_eq!(ledger.release("kept", instant(9)).await.expect("releases"), revision + 1);
    assert!(matches!(ledger.release("kept", instant(9)).await, Err(HoldError::Unknown { .. })));
    assert_eq!(ledger.book().await.expect("the book").holds, before.holds);
    let released = Hold { released_at: Some(instant(9)), ..placed };
    assert_eq!(ledger.all().await.expect("all holds").last(), Some(&released));
}

async fn plans_are_kept_and_approved<L: Ledger>(open: &impl AsyncFn() -> L) {
    let ledger = open().await;
    let (older, newer) = (plan("older"), Plan { drafted_at: instant(5), ..plan("newer") });
    ledger.save_plan(&newer, b"{new}", "n").await.expect("saves");
    ledger.save_plan(&older, b"{old}", "o").await.expect("saves");
    ledger.save_plan(&older, b"{old}", "o").await.expect("saves the same again");
    assert!(matches!(ledger.save_plan(&older, b"{}", "o").await, Err(PlanStoreError::Clash { .. })));
    let again = open().await;
    assert_eq!(again.plan("older").await.expect("reads"), Some((b"{old}".to_vec(), "o".to_owned())));
    assert_eq!(again.plan("nowhere").await.expect("reads"), None);

    let approval = Approval {
        plan_id: "older".into(),
        plan_digest: "o".into(),
        approver: "dpo@example.org".into(),
        approved_at: instant(7),
        note: Some("checked with Alice".into()),
        signature: Some("-----BEGIN SSH SIGNATURE-----".into()),
    };
    let unknown = Approval { plan_id: "nowhere".into(), ..approval.clone() };
    assert!(matches!(ledger.approve(&unknown).await, Err(PlanStoreError::Unknown { .. })));
    let other_bytes = Approval { plan_digest: "x".into(), ..approval.clone() };
    assert!(matches!(ledger.approve(&other_bytes).await, Err(PlanStoreError::Clash { .. })));
    assert_eq!(ledger.approvals("older").await.expect("reads"), []);
    ledger.approve(&approval).await.expect("approves");
    assert_eq!(again.approvals("older").await.expect("reads"), [approval]);

    let begun = RunRecord { plan_id: "older".into(), ..run("of-older") };
    ledger.begin_run(&begun).await.expect("begins");
    let list = again.plans(2).await.expect("lists");
    let lines: Vec<_> =
        list.iter().map(|line| (line.plan_id.as_str(), line.approved, line.run_id.as_deref())).collect();
    assert_eq!(lines, [("newer", false, None), ("older", true, Some("of-older"))]);
    assert_eq!(again.plans(1).await.expect("lists").len(), 1);
}

async fn standing_approvals_end_when_revoked(ledger: &impl Ledger) {
    let approval = StandingApproval {
        policy: "customers-fr".into(),
        rule: "prospect".into(),
        rule_digest: "r".into(),
        approver: "dpo@example.org".into(),
        approved_at: instant(0),
        revoked_at: None,
        signature: Some("AAAA".into()),
    };
    ledger.approve_standing(&approval).await.expect("approves");
    let other = StandingApproval { rule: "invoice".into(), ..approval.clone() };
    ledger.approve_standing(&other).await.expect("approves");
    assert_eq!(ledger.standing().await.expect("reads"), [approval, other.clone()]);
    assert_eq!(ledger.revoke_standing("customers-fr", "prospect", instant(1)).await.expect("revokes"), 1);
    assert_eq!(ledger.revoke_standing("customers-fr", "prospect", instant(1)).await.expect("revokes"), 0);
    assert_eq!(ledger.standing().await.expect("reads"), [other]);
}

async fn one_process_works_on_a_run(one: &impl Ledger, other: &impl Ledger) {
    let lease = one.acquire("way").await.expect("is free");
    let busy = other.acquire("way").await;
    assert!(matches!(busy, Err(JournalError::Busy { scope }) if scope == "way"));
    other.place(&hold("while-running")).await.expect("holds are placed while a run is going");
    drop(lease);
    other.acquire("way").await.expect("is free again");
}

/// Two processes race: one intends batches as fast as it can, the other places holds. Once a hold is
/// placed, no intent under an older revision may appear (invariant I4).
pub(super) async fn no_intent_slips_past_a_hold<L: Ledger>(open: impl AsyncFn() -> L, tries: u32) {
    let (one, other) = (Arc::new(open().await), open().await);
    one.begin_run(&run("race")).await.expect("begins");
    let worker = tokio::spawn({
        let ledger = Arc::clone(&one);
        async move {
            let (mut intended, mut overtaken) = (0, 0);
            for _ in 0..tries {
                let entry = intent(&*ledger, "race", intended).await;
                tokio::task::yield_now().await;
                match ledger.append(&entry).await {
                    Ok(()) => intended += 1,
                    Err(JournalError::HoldsChanged) => overtaken += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            (intended, overtaken)
        }
    });
    // What each hold saw right after it was placed: the number of intents under older revisions.
    let mut seen: Vec<(u64, u64)> = Vec::new();
    while !worker.is_finished() {
        let revision = other.place(&hold(&format!("race-{}", seen.len()))).await.expect("places");
        seen.push((revision, other.batches_before(revision).await.expect("counts")));
        tokio::time::sleep(TimeDelta::milliseconds(1).to_std().expect("a duration")).await;
    }
    let (intended, overtaken) = worker.await.expect("the worker ends");
    assert!(intended > 0 && overtaken > 0, "no race happened: {intended} intended, {overtaken} overtaken");
    for (revision, count) in seen {
        assert_eq!(other.batches_before(revision).await.expect("counts"), count, "revision {revision}");
    }
}
