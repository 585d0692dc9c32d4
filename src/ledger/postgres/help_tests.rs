//! Offers, and helpers that come, answer, are lost and are dismissed.

use super::testing::{Database, LASTS};
use crate::journal::{
    Answer, HelpStore, JournalError, JournalStore, News, Offer, RunLease, Sealed, Transition,
};
use crate::ledger::Ledger;
use crate::ledger::story::{entry, run};
use std::time::Duration;

fn offer(number: u64) -> Offer {
    Offer { item: 0, number, range: Sealed(vec![1, 2, 3]) }
}

struct Two {
    leader: Ledger,
    other: Ledger,
    lease: Box<dyn RunLease>,
    database: Database,
}

/// A leader with a run under way, and another process.
async fn two() -> Two {
    let database = Database::make().await;
    let (leader, other) = (database.open().await, database.open().await);
    let lease = leader.acquire("any").await.expect("is free");
    leader.begin_run(&run("r")).await.expect("begins");
    Two { leader, other, lease, database }
}

#[tokio::test]
async fn an_offer_is_taken_once_answered_and_told() {
    let two = two().await;
    assert_eq!(two.other.wanted().await.expect("looks"), None);
    let news = two.leader.exchange("r", 0, &[offer(0), offer(1)], false).await.expect("offers");
    assert_eq!(news, News { open: 2, ..News::default() });
    assert_eq!(two.other.wanted().await.expect("looks"), Some("r".to_owned()));

    let right = two.other.join("r").await.expect("joins");
    assert_eq!(right.helper, 0);
    let first = two.other.take("r", 0).await.expect("takes").expect("an offer");
    assert_eq!(first, offer(0));
    assert_eq!(two.other.take("r", 0).await.expect("takes").expect("an offer"), offer(1));
    assert_eq!(two.other.take("r", 0).await.expect("looks"), None);
    let news = two.leader.exchange("r", 0, &[], true).await.expect("asks");
    assert_eq!(news, News { taken: 2, ..News::default() }, "what is taken is not withdrawn");

    two.other.answer("r", 0, (0, 0), Answer::Done { disposed: 5 }).await.expect("answers");
    two.other.answer("r", 0, (0, 1), Answer::Returned).await.expect("answers");
    assert!(two.other.answer("r", 0, (0, 1), Answer::Returned).await.is_err(), "it has it no more");
    let news = two.leader.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news.answers, [(0, Answer::Done { disposed: 5 }), (1, Answer::Returned)]);
    assert_eq!((news.open, news.taken), (0, 0));

    two.leader.exchange("r", 0, &[offer(2)], false).await.expect("offers");
    let news = two.leader.exchange("r", 0, &[], true).await.expect("takes back");
    assert_eq!(news.answers, [(2, Answer::Withdrawn)]);
    two.other.leave("r", 0).await.expect("leaves");
    assert_eq!(two.leader.helpers("r").await.expect("reads"), [0; 0]);
    drop(right);
    assert_eq!(two.other.join("r").await.expect("joins").helper, 1, "a number is given once");
}

#[tokio::test]
async fn what_a_dismissed_helper_writes_is_refused() {
    let two = two().await;
    two.leader.exchange("r", 0, &[offer(0), offer(1)], false).await.expect("offers");
    let right = two.other.join("r").await.expect("joins");
    two.other.take("r", 0).await.expect("takes").expect("an offer");
    two.other.append(&entry("r", 0, Transition::Intend)).await.expect("a helper intends");
    assert_eq!(two.leader.helpers("r").await.expect("reads"), [0]);
    let more = two.other.begin_run(&run("another")).await;
    assert!(
        matches!(more, Err(JournalError::Busy { .. })),
        "a helper writes batches and nothing else: {more:?}"
    );
    two.leader.dismiss("r", 0).await.expect("dismisses");
    assert_eq!(two.leader.helpers("r").await.expect("reads"), [0], "it may have left something open");

    let prove = [entry("r", 0, Transition::Act), entry("r", 0, Transition::Prove)];
    assert_lost(&two.other.append_all(&prove).await);
    assert_lost(&two.other.answer("r", 0, (0, 0), Answer::Returned).await);
    assert_lost(&two.other.take("r", 0).await.map(drop));
    assert_lost(&two.other.leave("r", 0).await);
    tokio::time::sleep(LASTS).await;
    assert!(!right.lease.is_held(), "it knows");

    let news = two.leader.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news.lost, [0]);
    two.leader.append_all(&prove).await.expect("the leader settles");
    assert_eq!(two.leader.cleared("r", 0, 0).await.expect("clears"), [0]);
    assert_eq!(two.leader.helpers("r").await.expect("reads"), [0; 0]);
    let news = two.leader.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news, News { open: 1, ..News::default() });
}

#[track_caller]
fn assert_lost(answer: &Result<(), JournalError>) {
    assert!(matches!(answer, Err(JournalError::LeaseLost { scope }) if scope == "help/r/0"), "{answer:?}");
}

#[tokio::test]
async fn a_helper_that_is_dismissed_before_it_has_its_right_takes_nothing() {
    let two = two().await;
    two.leader.exchange("r", 0, &[offer(0)], false).await.expect("offers");
    let right = two.other.join("r").await.expect("joins");
    two.leader.dismiss("r", 0).await.expect("dismisses");
    drop(right);
    // As if it had asked for its right only now.
    let _late = two.other.acquire("help/r/0").await.expect("nobody has it");
    assert_eq!(two.other.take("r", 0).await.expect("looks"), None);
}

#[tokio::test]
async fn a_helper_that_is_gone_is_told_when_its_right_expires() {
    let two = two().await;
    two.leader.exchange("r", 0, &[offer(0)], false).await.expect("offers");
    let right = two.other.join("r").await.expect("joins");
    two.other.take("r", 0).await.expect("takes").expect("an offer");
    let news = two.leader.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news.lost, [0; 0], "it is alive");
    tokio::task::spawn_blocking(move || drop(right)).await.expect("gives it back");
    let news = two.leader.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news.lost, [0]);
}

#[tokio::test]
async fn without_a_living_leader_nothing_is_taken() {
    let two = two().await;
    two.leader.exchange("r", 0, &[offer(0)], false).await.expect("offers");
    let _right = two.other.join("r").await.expect("joins");
    let lease = two.lease;
    tokio::task::spawn_blocking(move || drop(lease)).await.expect("gives it back");
    assert_eq!(two.other.wanted().await.expect("looks"), None);
    assert_eq!(two.other.take("r", 0).await.expect("looks"), None);
    // What was offered before is nobody's under the next leader, which forgets it.
    let _next = two.other.acquire("any").await.expect("is free");
    assert_eq!(two.other.wanted().await.expect("looks"), None);
    assert_eq!(two.other.take("r", 0).await.expect("looks"), None);
    two.other.forget_offers("r").await.expect("forgets");
    let news = two.other.exchange("r", 0, &[], false).await.expect("asks");
    assert_eq!(news, News::default());
}

#[tokio::test]
async fn nobody_helps_with_a_run_that_is_over_and_its_ranges_are_destroyed() {
    let two = two().await;
    two.leader.exchange("r", 0, &[offer(0)], false).await.expect("offers");
    let mut record = run("r");
    record.state = crate::journal::RunState::Certifying;
    record.statement = Some("{}".into());
    two.leader.update_run(&record).await.expect("is stated");
    assert!(matches!(two.other.join("r").await, Err(JournalError::RunOver { .. })));
    record.state = crate::journal::RunState::Certified;
    two.leader.update_run(&record).await.expect("is certified");
    two.leader.destroy_sealed("r").await.expect("destroys");
    let mut connection = two.database.connect().await;
    let left = sqlx::query("SELECT 1 FROM oubliette.offer UNION ALL SELECT 1 FROM oubliette.helper")
        .fetch_all(&mut connection)
        .await
        .expect("reads");
    assert!(left.is_empty());
}

/// Leases of helpers stay for an hour after they expired, in case their owner writes late; not for ever.
#[tokio::test]
async fn leases_of_helpers_do_not_pile_up() {
    use sqlx::Executor as _;
    let two = two().await;
    let right = two.other.join("r").await.expect("joins");
    tokio::task::spawn_blocking(move || drop(right)).await.expect("gives it back");
    let mut connection = two.database.connect().await;
    let old = "UPDATE oubliette.lease SET expires_at = clock_timestamp() - INTERVAL '2 hours' WHERE scope LIKE 'help/%'";
    connection.execute(old).await.expect("expires");
    let _right = two.other.join("r").await.expect("joins");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let leases = sqlx::query("SELECT scope FROM oubliette.lease WHERE scope LIKE 'help/%'")
        .fetch_all(&mut connection)
        .await
        .expect("reads");
    assert_eq!(leases.len(), 1);
}
