//! What an outbox promises, on either kind of ledger.

use super::*;
use crate::ids::{IdSource as _, RandomIds};
use chrono::TimeDelta;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

async fn post(ledger: &Ledger, about: &str, seconds: i64, targets: &[&str]) -> Option<String> {
    let notice_id = RandomIds.new_id("notice").unwrap();
    let targets: Vec<String> = targets.iter().map(|&target| target.to_owned()).collect();
    let notice = NewNotice {
        notice_id: &notice_id,
        sameness: &Digest32::of(about.as_bytes()),
        raised_at: at(seconds),
        value: about,
        targets: &targets,
    };
    let quiet_since = at(seconds) - TimeDelta::seconds(100);
    ledger.post_notice(&notice, quiet_since).await.unwrap().then_some(notice_id)
}

async fn claim(ledger: &Ledger, seconds: i64) -> Vec<Delivery> {
    ledger.claim_deliveries(at(seconds), at(seconds + 60), 10).await.unwrap()
}

/// All of it, in the order of a life.
pub(in crate::ledger) async fn contract(ledger: &Ledger) {
    the_same_is_not_told_twice_within_the_time(ledger).await;
    what_is_claimed_comes_again_if_nobody_says_how_it_went(ledger).await;
    what_ended_stays_until_it_is_old(ledger).await;
}

async fn the_same_is_not_told_twice_within_the_time(ledger: &Ledger) {
    assert_eq!(ledger.outbox_state().await.unwrap(), OutboxState::default());
    assert!(post(ledger, "a", 0, &["hook", "mail"]).await.is_some());
    assert!(post(ledger, "a", 99, &["hook"]).await.is_none());
    assert!(post(ledger, "b", 99, &["hook"]).await.is_some());
    assert!(post(ledger, "a", 101, &["hook"]).await.is_some());
    // Before the first, as by a clock that was set back.
    assert!(post(ledger, "a", -500, &["hook"]).await.is_some());
    let state = ledger.outbox_state().await.unwrap();
    assert_eq!(state, OutboxState { waiting: 5, given_up: 0, oldest_raised_at: Some(at(-500)) });
}

async fn what_is_claimed_comes_again_if_nobody_says_how_it_went(ledger: &Ledger) {
    let first = claim(ledger, 100).await;
    let seen: Vec<(&str, &str, u32)> =
        first.iter().map(|one| (one.value.as_str(), one.target.as_str(), one.attempts)).collect();
    assert_eq!(seen, [("a", "hook", 1), ("a", "hook", 1), ("a", "mail", 1), ("b", "hook", 1)]);
    assert!(claim(ledger, 100).await.is_empty(), "they are claimed");
    ledger.delivered(&first[0]).await.unwrap();
    ledger.give_delivery_up(&first[1], "404").await.unwrap();
    ledger.retry_delivery(&first[2], at(500), "503").await.unwrap();
    // Who had the fourth died. The one that was raised in between is due too.
    let again = claim(ledger, 160).await;
    let seen: Vec<(&str, u32)> = again.iter().map(|one| (one.value.as_str(), one.attempts)).collect();
    assert_eq!(seen, [("a", 1), ("b", 2)]);
    assert_eq!(claim(ledger, 500).await.iter().filter(|one| one.target == "mail").count(), 1);
}

async fn what_ended_stays_until_it_is_old(ledger: &Ledger) {
    let state = ledger.outbox_state().await.unwrap();
    assert_eq!((state.waiting, state.given_up), (3, 1));
    assert_eq!(ledger.trim_notices(at(-500)).await.unwrap(), 0, "nothing is that old");
    // One was delivered; the one of which half was given up still waits for the other half.
    assert_eq!(ledger.trim_notices(at(1)).await.unwrap(), 1);
    assert_eq!(ledger.outbox_state().await.unwrap().waiting, 3);
    // Both processes at once: who is given a delivery has it alone.
    let (one, other) = tokio::join!(claim(ledger, 9_000), claim(ledger, 9_000));
    assert_eq!(one.len() + other.len(), 3);
}
