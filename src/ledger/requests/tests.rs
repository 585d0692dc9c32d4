//! Requests in the ledger: kept, found by their hashes, and forgotten whole.

use super::*;
use crate::erasure::deadline::Law;
use crate::erasure::ground::RequestKind;
use crate::erasure::request::{NewRequest, RequestState};
use crate::ids::RandomIds;
use crate::journal::RunKey;
use crate::plan::Plan;
use crate::plan::store::PlanStore as _;
use crate::plan::testing::{at, plan};
use std::sync::Arc;

async fn ledger(directory: &std::path::Path) -> Ledger {
    let key = RunKey::new([3; 32]);
    Ledger::open_sqlite(&directory.join("ledger.db"), key, Arc::new(RandomIds)).await.unwrap()
}

fn request() -> Request {
    Request::receive(NewRequest {
        request_id: "request-1".to_owned(),
        kind: RequestKind::Erasure,
        ground: None,
        law: Law::EuGdpr,
        country: "FR".to_owned(),
        received_at: at("2026-06-01T12:00:00Z"),
        about_child: false,
        record_types: BTreeSet::new(),
    })
    .unwrap()
}

fn event(what: &str, note: Option<&str>) -> RequestEvent {
    let note = note.map(str::to_owned);
    RequestEvent { at: at("2026-06-01T12:00:00Z"), event: what.to_owned(), note }
}

#[tokio::test]
async fn a_request_is_kept_found_by_its_hashes_and_forgotten_whole() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let mut request = request();
    let identities = BTreeSet::from([Identity::parse("email=canari7391@example.org").unwrap()]);
    let hashes = BTreeSet::from(["a1".to_owned(), "b2".to_owned()]);
    let row = NewRequestRow {
        request: &request,
        identities: &identities,
        hashes: &hashes,
        event: event("received", Some("canari7391 wrote")),
    };
    ledger.insert_requests(&[row]).await.unwrap();
    assert_eq!(ledger.request("request-1").await.unwrap(), Some(request.clone()));
    assert_eq!(ledger.request_identities("request-1").await.unwrap(), Some(identities));
    let named = ledger.requests_naming(&BTreeSet::from(["b2".to_owned()])).await.unwrap();
    assert_eq!(named, [(request.clone(), hashes)]);
    assert!(ledger.requests_naming(&BTreeSet::from(["c3".to_owned()])).await.unwrap().is_empty());

    let plan = plan();
    ledger.save_plan(&plan, &plan.canonical(), &plan.digest()).await.unwrap();
    let found = Found { key: [9; 32], ..Found::default() };
    ledger.keep_found(&plan.plan_id, &[("request-1", &found)]).await.unwrap();
    assert_eq!(ledger.found(&plan.plan_id, "request-1").await.unwrap(), Some(found.clone()));
    let all = ledger.found_of_plan(&plan.plan_id).await.unwrap();
    assert_eq!(all, BTreeMap::from([("request-1".to_owned(), found)]));
    assert!(ledger.is_newest_plan(&plan.plan_id).await.unwrap());
    assert_eq!(ledger.requests_of_plan(&plan.plan_id).await.unwrap(), std::slice::from_ref(&request));
    assert_eq!(ledger.plans_of_request("request-1").await.unwrap(), std::slice::from_ref(&plan.plan_id));

    request.cancel(at("2026-06-02T12:00:00Z")).unwrap();
    ledger.update_request(&request, &event("cancelled", None)).await.unwrap();
    ledger.forget_persons().await.unwrap();
    assert_eq!(ledger.request_identities("request-1").await.unwrap(), None);
    assert_eq!(ledger.found(&plan.plan_id, "request-1").await.unwrap(), None);
    let events = ledger.request_events("request-1").await.unwrap();
    assert_eq!(events, [event("received", None), event("cancelled", None)]);
    assert!(ledger.requests(false).await.unwrap().is_empty());
    assert_eq!(ledger.requests(true).await.unwrap()[0].state, RequestState::Cancelled);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the files are looked at as they are")]
async fn no_byte_of_an_identity_is_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let identities = BTreeSet::from([Identity::parse("email=canari7391@example.org").unwrap()]);
    let (request, hashes) = (request(), BTreeSet::new());
    let received = event("received", Some("canari7391"));
    let row = NewRequestRow { request: &request, identities: &identities, hashes: &hashes, event: received };
    ledger.insert_requests(&[row]).await.unwrap();
    let mut files = 0;
    for entry in directory.path().read_dir().unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        assert!(!String::from_utf8_lossy(&bytes).contains("canari7391"));
    }
    assert!(files > 0);
}

#[tokio::test]
async fn a_plan_of_several_requests_is_the_newest_only_as_long_as_it_is_for_each() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let (identities, hashes) = (BTreeSet::new(), BTreeSet::new());
    let [first, second] =
        ["request-1", "request-2"].map(|id| Request { request_id: id.to_owned(), ..request() });
    let row = |request| {
        let event = event("received", None);
        NewRequestRow { request, identities: &identities, hashes: &hashes, event }
    };
    ledger.insert_requests(&[row(&first), row(&second)]).await.unwrap();
    let found = Found::default();
    let plans = ["plan-a", "plan-b"].map(|id| Plan { plan_id: id.to_owned(), ..plan() });
    for (plan, of) in plans.iter().zip([&["request-1", "request-2"][..], &["request-2"]]) {
        ledger.save_plan(plan, &plan.canonical(), &plan.digest()).await.unwrap();
        let of: Vec<_> = of.iter().map(|id| (*id, &found)).collect();
        ledger.keep_found(&plan.plan_id, &of).await.unwrap();
    }
    assert!(!ledger.is_newest_plan("plan-a").await.unwrap());
    assert!(ledger.is_newest_plan("plan-b").await.unwrap());
    assert_eq!(ledger.requests_of_plan("plan-a").await.unwrap(), [first, second]);
    assert_eq!(ledger.plans_of_request("request-2").await.unwrap(), ["plan-a", "plan-b"]);
    assert_eq!(ledger.requests_running_by("plan-a").await.unwrap(), []);
}
