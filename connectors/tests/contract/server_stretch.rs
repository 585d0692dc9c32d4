//! Ranges of the key with what a reader saw to be due in them, and what becomes of these when others change
//! records meanwhile.

use super::server::{Key, Kind, ServerFixture, StartType};
use oubliette_connectors::testkit::{AcceptedIntents, Fixture as _, Record, Start, purge_selection};
use oubliette_connectors::{Batch, BatchOutcome, BatchRange, Bound, Reach, RecordKey, Selection, Stretch};
use std::collections::BTreeSet;

const KINDS: [Kind; 2] = [Kind::Postgres, Kind::Mysql];

/// Forty records of which each third is due.
fn records() -> Vec<Record> {
    let start = |number: u32| {
        let year = if number.is_multiple_of(3) { 2010 } else { 2023 };
        Start::On(chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap())
    };
    (1..=40).map(|number| Record { number, start: start(number), attribute: None }).collect()
}

fn due(numbers: impl Iterator<Item = i64>) -> Vec<RecordKey> {
    numbers.filter(|number| number % 3 == 0).map(RecordKey::int).collect()
}

fn kept() -> BTreeSet<u32> {
    (1..=40).filter(|number: &u32| !number.is_multiple_of(3)).collect()
}

async fn dispose(
    fixture: &ServerFixture,
    selection: &Selection,
    after: Option<RecordKey>,
    stretch: Stretch,
) -> (BatchOutcome, usize) {
    let up_to = match stretch.bound {
        Bound::At(key) => Some(key),
        Bound::End => None,
        Bound::Unknown => panic!("a server tells where a range ends"),
    };
    let range = BatchRange { after, up_to, due: stretch.due, records_max: u32::MAX };
    let batch = Batch { selection: selection.clone(), range, only_keys: None };
    let intents = AcceptedIntents::default();
    let outcome = fixture.disposer().await.dispose(&batch, &intents).await.unwrap();
    (outcome, intents.0.into_inner().len())
}

fn disposed(outcome: &BatchOutcome) -> Vec<RecordKey> {
    outcome.groups.iter().flat_map(|group| group.disposed.clone()).collect()
}

#[tokio::test]
async fn a_walk_over_stretches_disposes_of_what_is_due_and_of_nothing_else() {
    for kind in KINDS {
        for reach in [Reach::Records(1), Reach::Records(7), Reach::Due(5), Reach::Records(1_000)] {
            let fixture = ServerFixture::new(kind, Key::Integer, StartType::Instant);
            let selection = purge_selection(&fixture.create(&records()).await);
            let source = fixture.source().await;
            let (mut after, mut gone) = (None, Vec::new());
            loop {
                let stretch = source.stretch(&selection, after.as_ref(), reach).await.unwrap();
                let listed = stretch.due.clone().unwrap();
                let (outcome, intents) = dispose(&fixture, &selection, after, stretch).await;
                assert_eq!(disposed(&outcome), listed, "{kind:?} {reach:?}");
                assert_eq!(intents, usize::from(!listed.is_empty()));
                gone.extend(listed);
                after = outcome.last_key;
                if outcome.exhausted {
                    break;
                }
            }
            assert_eq!(gone, due(1..=40), "{kind:?} {reach:?}");
            assert_eq!(fixture.numbers().await, kept());
        }
    }
}

#[tokio::test]
async fn a_listed_record_that_is_no_longer_due_stays_and_the_others_go() {
    for kind in KINDS {
        for change in ["UPDATE {0} SET {2} = '2023-05-05' WHERE {1} = 6", "DELETE FROM {0} WHERE {1} = 6"] {
            let fixture = ServerFixture::new(kind, Key::Integer, StartType::Instant);
            let selection = purge_selection(&fixture.create(&records()).await);
            let stretch = fixture.source().await.stretch(&selection, None, Reach::Records(20)).await.unwrap();
            assert_eq!(stretch.due, Some(due(1..=20)));
            fixture.run(change, &[]).await;
            let (outcome, intents) = dispose(&fixture, &selection, None, stretch).await;
            let expected: Vec<RecordKey> = due((1..=20).filter(|number| *number != 6));
            assert_eq!((disposed(&outcome), intents), (expected, 1), "{kind:?} {change}");
            assert_eq!(fixture.numbers().await.contains(&6), change.starts_with("UPDATE"));
        }
    }
}

#[tokio::test]
async fn a_record_that_comes_to_be_due_later_is_no_part_of_the_batch() {
    for kind in KINDS {
        let fixture = ServerFixture::new(kind, Key::Integer, StartType::Instant);
        let selection = purge_selection(&fixture.create(&records()).await);
        let stretch = fixture.source().await.stretch(&selection, None, Reach::Records(20)).await.unwrap();
        fixture.run("UPDATE {0} SET {2} = '2010-05-05' WHERE {1} = 7", &[]).await;
        let (outcome, _) = dispose(&fixture, &selection, None, stretch).await;
        assert_eq!(disposed(&outcome), due(1..=20), "{kind:?}");
        let again = Stretch { bound: Bound::At(RecordKey::int(20)), due: None };
        let (outcome, _) = dispose(&fixture, &selection, None, again).await;
        assert_eq!(disposed(&outcome), [RecordKey::int(7)], "{kind:?}");
    }
}

#[tokio::test]
async fn keys_that_are_no_numbers_are_not_listed() {
    for kind in KINDS {
        let fixture = ServerFixture::new(kind, Key::Text, StartType::Instant);
        let selection = purge_selection(&fixture.create(&records()).await);
        let stretch = fixture.source().await.stretch(&selection, None, Reach::Records(20)).await.unwrap();
        assert_eq!(stretch.due, None, "{kind:?}");
        assert!(matches!(stretch.bound, Bound::At(_)), "{kind:?} {stretch:?}");
    }
}
