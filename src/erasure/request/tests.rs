//! What a request may become, and what it may not.

use super::*;
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn received() -> Request {
    Request::receive(NewRequest {
        request_id: "request-1".to_owned(),
        kind: RequestKind::Erasure,
        ground: None,
        law: Law::EuGdpr,
        country: "FR".to_owned(),
        received_at: at("2026-03-04T23:30:00Z"),
        about_child: false,
        record_types: BTreeSet::new(),
    })
    .unwrap()
}

#[test]
fn the_clock_runs_from_the_civil_date_of_the_receipt() {
    let request = received();
    assert_eq!(request.received_on.to_string(), "2026-03-05", "it is past midnight in Paris");
    assert_eq!(request.due_on.to_string(), "2026-04-07");
    assert_eq!(request.due_at(), at("2026-04-07T22:00:00Z"), "the last hour of the day in Paris");
    assert_eq!(request.days_left(at("2026-04-07T21:59:59Z")), Some(0));
    assert_eq!(request.days_left(at("2026-04-08T12:00:00Z")), Some(-1));
}

#[test]
fn nothing_is_planned_before_the_identity_is_verified() {
    let mut request = received();
    let refused = request.plan().unwrap_err();
    assert_eq!(refused, RequestError::NotVerified { request_id: "request-1".to_owned() });
    request.verify(at("2026-03-06T08:00:00Z")).unwrap();
    assert!(matches!(request.verify(at("2026-03-06T08:00:00Z")), Err(RequestError::State { .. })));
    request.plan().unwrap();
    request.begin().unwrap();
    request.begin().unwrap();
    assert!(request.plan().is_err() && request.cancel(at("2026-03-07T08:00:00Z")).is_err());
    request.end(RunEnded::InPart, at("2026-03-07T08:00:00Z"));
    request.plan().unwrap();
    request.begin().unwrap();
    request.end(RunEnded::SomeKept, at("2026-03-08T08:00:00Z"));
    assert_eq!((request.state, request.days_left(at("2026-03-09T08:00:00Z"))), (RequestState::Waiting, None));
    request.plan().unwrap();
    // The answer was given when it began to wait: nothing is late when the rest goes.
    assert_eq!((request.state, request.days_left(at("2036-03-07T08:00:00Z"))), (RequestState::Planned, None));
    request.begin().unwrap();
    request.end(RunEnded::Whole, at("2036-03-08T08:00:00Z"));
    assert_eq!(request.ended_at, Some(at("2036-03-08T08:00:00Z")));
    let done = request.clone();
    request.end(RunEnded::InPart, at("2036-03-09T08:00:00Z"));
    assert_eq!(request, done, "a finished request stays finished");
}

#[test]
fn an_extension_is_announced_in_time_and_once() {
    let mut request = received();
    let late = request.clone().extend(ExtensionReason::Complexity, at("2026-04-07T22:30:00Z"));
    assert!(matches!(late, Err(RequestError::ExtendedTooLate { .. })));
    request.extend(ExtensionReason::Number, at("2026-04-07T21:30:00Z")).unwrap();
    assert_eq!(request.due_on.to_string(), "2026-06-05");
    let again = request.extend(ExtensionReason::Number, at("2026-04-08T08:00:00Z"));
    assert!(matches!(again, Err(RequestError::ExtendedAlready { .. })));
}

#[test]
fn an_objection_to_marketing_says_what_serves_it() {
    let new = |record_types| NewRequest {
        request_id: "request-2".to_owned(),
        kind: RequestKind::MarketingObjection,
        ground: None,
        law: Law::EuGdpr,
        country: "FR".to_owned(),
        received_at: at("2026-03-05T12:00:00Z"),
        about_child: false,
        record_types,
    };
    assert_eq!(Request::receive(new(BTreeSet::new())), Err(RequestError::RecordTypesMissing));
    let request = Request::receive(new(BTreeSet::from(["prospect".to_owned()]))).unwrap();
    assert_eq!(request.ground, Ground::Objection);
}

#[test]
fn a_request_that_came_earlier_than_the_one_it_joins_moves_the_deadline_forward() {
    let mut request = received();
    let (due_on, received_at) = (request.due_on, request.received_at);
    request.was_received(received_at + chrono::Days::new(3)).unwrap();
    assert_eq!((request.due_on, request.received_at), (due_on, received_at));
    request.was_received(received_at - chrono::Days::new(20)).unwrap();
    assert!(request.due_on < due_on, "{}", request.due_on);
    assert_eq!(request.received_at, received_at - chrono::Days::new(20));
}

#[test]
fn a_second_request_brings_no_new_identity_into_the_first() {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<String>>();
    let none = BTreeSet::new();
    let (own, part, more) = (set(&["a", "b"]), set(&["b"]), set(&["b", "c"]));
    let mut first = received();
    assert!(first.covers(&own, RequestKind::Erasure, &none, &part));
    assert!(first.covers(&own, RequestKind::ConsentWithdrawal, &none, &part), "less than everything");
    assert!(!first.covers(&own, RequestKind::Erasure, &none, &more));
    assert!(!first.covers(&own, RequestKind::Erasure, &none, &none));
    first.refuse(RefusalReason::IdentityNotVerified, at("2026-03-20T12:00:00Z")).unwrap();
    assert!(!first.covers(&own, RequestKind::Erasure, &none, &part), "a refused request answers nobody");
}

proptest! {
    /// Whatever is tried in whatever order: nothing runs unverified, and an end is an end.
    #[test]
    fn no_order_of_events_weakens_the_checks(events in proptest::collection::vec(0_u8..8, 0..24)) {
        let mut request = received();
        let mut began = false;
        for (minute, event) in events.into_iter().enumerate() {
            let now = at("2026-03-06T08:00:00Z") + chrono::Duration::minutes(i64::try_from(minute).unwrap());
            let before = request.clone();
            let changed = match event {
                0 => request.verify(now).is_ok(),
                1 => request.plan().is_ok(),
                2 => request.begin().is_ok(),
                3 => request.extend(ExtensionReason::Complexity, now).is_ok(),
                4 => request.refuse(RefusalReason::NoGround, now).is_ok(),
                5 => request.cancel(now).is_ok(),
                6 => { request.end(RunEnded::Whole, now); true }
                _ => { request.end(RunEnded::InPart, now); true }
            };
            if event >= 6 && before.state != RequestState::Running {
                // Only a run ends: the caller has one.
                request = before.clone();
            }
            began |= request.state == RequestState::Running;
            prop_assert!(changed || request == before, "what is refused changes nothing");
            prop_assert!(request.state != RequestState::Running || request.verified_at.is_some());
            prop_assert!(!before.state.is_final() || request == before);
            let withdrawn = matches!(request.state, RequestState::Refused | RequestState::Cancelled);
            prop_assert!(!(withdrawn && began), "what was begun is neither refused nor cancelled");
            prop_assert_eq!(request.ended_at.is_some(), request.state.is_final());
        }
    }
}
