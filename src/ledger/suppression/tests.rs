//! Suppression in the ledger: kept, kept for longer, and destroyed when its time comes.

use super::*;
use crate::erasure::deadline::Law;
use crate::erasure::ground::RequestKind;
use crate::erasure::request::{NewRequest, Request};
use crate::erasure::returned::Returned;
use crate::ids::RandomIds;
use crate::journal::RunKey;
use crate::ledger::{NewRequestRow, RequestEvent};
use crate::plan::testing::at;
use std::collections::BTreeMap;
use std::sync::Arc;

async fn ledger(directory: &std::path::Path) -> Ledger {
    let key = RunKey::new([3; 32]);
    let ledger = Ledger::open_sqlite(&directory.join("ledger.db"), key, Arc::new(RandomIds)).await.unwrap();
    let request = Request::receive(NewRequest {
        request_id: "request-1".to_owned(),
        kind: RequestKind::Erasure,
        ground: None,
        law: Law::EuGdpr,
        country: "FR".to_owned(),
        received_at: at("2026-06-01T12:00:00Z"),
        about_child: false,
        record_types: BTreeSet::new(),
    });
    let event = RequestEvent { at: at("2026-06-01T12:00:00Z"), event: "received".to_owned(), note: None };
    let (request, none) = (request.unwrap(), BTreeSet::new());
    let row = NewRequestRow { request: &request, identities: &BTreeSet::new(), hashes: &none, event };
    ledger.insert_requests(&[row]).await.unwrap();
    ledger
}

fn form(number: u8) -> SuppressedForm {
    SuppressedForm { kind: "email".to_owned(), hash: [number; 32] }
}

#[tokio::test]
async fn the_first_erasure_stays_what_is_kept_is_replaced_and_all_of_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    let (forms, kept) = (BTreeSet::from([form(1), form(2)]), BTreeSet::from([[7; 32]]));
    let given = BTreeSet::from([[1; 32]]);
    let first = Suppression {
        request_id: "request-1",
        certificate_id: "first",
        erased_at: at("2026-06-10T00:00:00Z"),
        expires_at: at("2026-07-10T00:00:00Z"),
        forms,
        given: given.clone(),
        kept: &kept,
    };
    ledger.suppress(std::slice::from_ref(&first)).await.unwrap();
    ledger.suppress(std::slice::from_ref(&first)).await.unwrap();
    let (forms, kept) = (BTreeSet::from([form(2), form(3)]), BTreeSet::from([[8; 32]]));
    let second = Suppression {
        certificate_id: "second",
        erased_at: at("2026-06-20T00:00:00Z"),
        expires_at: at("2026-07-20T00:00:00Z"),
        forms,
        kept: &kept,
        ..first
    };
    ledger.suppress(&[second]).await.unwrap();
    let now = at("2026-07-01T00:00:00Z");
    let [person] = ledger.suppressed(now).await.unwrap().try_into().unwrap();
    assert_eq!(person.certificate_id, "first");
    assert_eq!(person.erased_at, at("2026-06-10T00:00:00Z"));
    assert_eq!(person.last_erased_at, at("2026-06-20T00:00:00Z"));
    assert_eq!(person.forms, BTreeSet::from([form(1), form(2), form(3)]));
    assert_eq!(person.given, given);
    assert_eq!(person.kept, BTreeSet::from([[8; 32]]));

    let (erased_at, later) = (at("2026-07-01T00:00:00Z"), at("2026-08-01T00:00:00Z"));
    ledger.prolong_suppression("request-1", erased_at, later).await.unwrap();
    ledger.prolong_suppression("request-1", erased_at, at("2026-07-02T00:00:00Z")).await.unwrap();
    assert_eq!(ledger.end_suppressions(at("2026-07-31T00:00:00Z")).await.unwrap(), 0);
    assert_eq!(ledger.suppressed(now).await.unwrap()[0].expires_at, later);
    assert_eq!(ledger.end_suppressions(later).await.unwrap(), 1);
    assert!(ledger.suppressed(now).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_the_newest_look_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(directory.path()).await;
    assert_eq!(ledger.last_look().await.unwrap(), None);
    let returned = Returned { dataset: "crm.customers".to_owned(), came_back: 2, ..Returned::default() };
    let mut look = Look {
        at: at("2026-06-10T00:00:00Z"),
        persons: 1,
        records_read: 9,
        datasets: vec![returned],
        lost: BTreeMap::new(),
    };
    ledger.put_look(&look).await.unwrap();
    look.datasets.clear();
    ledger.put_look(&look).await.unwrap();
    assert_eq!(ledger.last_look().await.unwrap(), Some(look));
}
