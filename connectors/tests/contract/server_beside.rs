//! What others do to the rows of a batch while PostgreSQL carries it out in one snapshot.

use super::server::{Key, Kind, ServerFixture, StartType};
use oubliette_connectors::testkit::{AcceptedIntents, Fixture as _, Record, Start, purge_selection};
use oubliette_connectors::{Batch, BatchOutcome, BatchRange, Intended, RecordKey, Selection};
use std::collections::BTreeSet;
use std::time::Duration;

const CHANGED: i64 = 5;

fn fixture() -> ServerFixture {
    ServerFixture::new(Kind::Postgres, Key::Integer, StartType::Instant)
}

/// Twenty records that are due.
fn records() -> Vec<Record> {
    let start = Start::On(chrono::NaiveDate::from_ymd_opt(2010, 1, 1).unwrap());
    (1..=20).map(|number| Record { number, start, attribute: None }).collect()
}

async fn dispose(fixture: &ServerFixture, selection: &Selection) -> (BatchOutcome, Vec<Intended>) {
    let range = BatchRange { after: None, up_to: None, due: None, records_max: 1_000 };
    let batch = Batch { selection: selection.clone(), range, only_keys: None };
    let intents = AcceptedIntents::default();
    let outcome = fixture.disposer().await.dispose(&batch, &intents).await.unwrap();
    (outcome, intents.0.into_inner())
}

/// All but one are told before and gone after.
async fn check_all_but_one(fixture: &ServerFixture, (outcome, intents): (BatchOutcome, Vec<Intended>)) {
    let expected: Vec<RecordKey> = (1..=20).filter(|key| *key != CHANGED).map(RecordKey::int).collect();
    let [group] = outcome.groups.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(group.disposed, expected);
    let [intended] = intents.as_slice() else { panic!("one attempt is told: {intents:?}") };
    assert_eq!(intended.groups[0].keys, expected);
    assert_eq!(fixture.numbers().await, BTreeSet::from([u32::try_from(CHANGED).unwrap()]));
}

#[tokio::test]
async fn a_row_that_another_changes_meanwhile_is_judged_as_it_is_then() {
    let fixture = fixture();
    let selection = purge_selection(&fixture.create(&records()).await);
    let address = fixture.address().await;
    let mut other = <sqlx::PgConnection as sqlx::Connection>::connect(&address).await.unwrap();
    let run = async |other: &mut sqlx::PgConnection, sql: &'static str| {
        sqlx::query(sql).fetch_all(other).await.unwrap().len()
    };
    run(&mut other, "BEGIN").await;
    run(&mut other, "UPDATE events SET \"created at\" = '2023-05-05' WHERE id = 5").await;
    let changing = async {
        // The batch has taken its snapshot, and waits for the row.
        for _ in 0..200 {
            if run(&mut other, "SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()").await
                > 0
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        run(&mut other, "COMMIT").await;
    };
    let (told, ()) = tokio::join!(dispose(&fixture, &selection), changing);
    check_all_but_one(&fixture, told).await;
}

#[tokio::test]
async fn a_row_that_a_trigger_withholds_is_not_taken_for_gone() {
    let fixture = fixture();
    let mut dataset = fixture.create(&records()).await;
    fixture
        .run(
            "CREATE FUNCTION withhold() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN IF OLD.id = 5 THEN RETURN NULL; END IF; RETURN OLD; END'",
            &[],
        )
        .await;
    fixture.run("CREATE TRIGGER t BEFORE DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION withhold()", &[]).await;
    dataset.shape = fixture.source().await.inspect(&dataset.address).await.unwrap();
    let told = dispose(&fixture, &purge_selection(&dataset)).await;
    check_all_but_one(&fixture, told).await;
}
