//! Anonymizing in place.

use super::*;
use crate::batch::ObservedState::{Absent, Anonymized, Present};
use crate::batch::{DatasetKeys, ObservedState};
use crate::transform::{FieldTransform, Marker, Transform};
use crate::value::RecordKey;

const PEOPLE: &str = "
    CREATE TABLE people(id INTEGER PRIMARY KEY, made TEXT, name TEXT, mail TEXT UNIQUE, born TEXT,
        age INT CHECK (age >= 0), must TEXT NOT NULL, done TEXT);
    INSERT INTO people VALUES
        (1, '2019-01-01', 'Alice', 'a@x', '1980-05-06', 43, 'm', NULL),
        (2, '2019-01-01', 'Bob', 'b@x', '1990-07-08', NULL, 'm', NULL),
        (3, '2022-01-01', 'Carol', 'c@x', '2000-01-02', 17, 'm', NULL)";

fn field(column: &str, value_type: ValueType, transform: Transform) -> FieldTransform {
    FieldTransform { column: column.into(), value_type, transform }
}

async fn anonymizing(store: &Store, fields: Vec<FieldTransform>, marker: Option<Marker>) -> Selection {
    let mut selection = store.selection("people").await;
    selection.disposal = Disposal::Anonymize { fields, marker };
    selection
}

async fn observed(store: &Store, selection: &Selection) -> Vec<ObservedState> {
    let keys = [1, 2, 3, 4].map(RecordKey::int).to_vec();
    let group = DatasetKeys { dataset: "shop.people".into(), keys };
    let seen = store.source().await.observe(selection, &group).await.unwrap();
    seen.into_iter().map(|observation| observation.state).collect()
}

#[tokio::test]
async fn fields_are_rewritten_in_the_store_and_seen_to_be() {
    let store = Store::new(PEOPLE).await;
    let fields = vec![
        field("name", ValueType::Text, Transform::Replace { text: "gone".into() }),
        field("mail", ValueType::Text, Transform::Null),
        field("born", ValueType::Text, Transform::GeneralizeYear),
        field("age", ValueType::Int, Transform::GeneralizeBucket { step: 10 }),
    ];
    let selection = anonymizing(&store, fields, None).await;
    assert_eq!(observed(&store, &selection).await, [Present, Present, Present, Absent]);
    let outcome = store.dispose(&selection).await.unwrap();
    assert_eq!(outcome.groups[0].disposed, [RecordKey::int(1), RecordKey::int(2)]);
    let all = "SELECT group_concat(concat_ws('|', name, mail, born, age), ' ') FROM people";
    assert_eq!(store.text(all).await, "gone|1980-01-01|40 gone|1990-01-01 Carol|c@x|2000-01-02|17");
    assert_eq!(observed(&store, &selection).await, [Anonymized, Anonymized, Present, Absent]);
    assert!(store.dispose(&selection).await.unwrap().groups.is_empty(), "what is done is done once");
    let survey = store.source().await.survey(&selection).await.unwrap();
    assert_eq!((survey.due, survey.already_done, survey.not_yet_due), (0, 2, 1));
}

#[tokio::test]
async fn a_hash_is_made_here_and_its_marker_says_that_it_is_done() {
    let store = Store::new(PEOPLE).await;
    let marker =
        Marker { column: "done".into(), at: chrono::DateTime::from_timestamp(1_750_000_000, 0).unwrap() };
    let fields = vec![field("mail", ValueType::Text, Transform::Hash { hex_length: 16 })];
    let selection = anonymizing(&store, fields, Some(marker)).await;
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::NotSupported { .. })), "no key, no hash: {refused:?}");
    assert_eq!(store.text("SELECT mail FROM people WHERE id = 1").await, "a@x");
    let disposer = store.disposer().await.with_hash_key([7; 32]);
    assert!(!format!("{disposer:?}").contains("7, 7"), "the key is not shown");
    assert_eq!(dispose_with(&disposer, &selection).await.unwrap().groups[0].disposed.len(), 2);
    let told = "SELECT length(mail) || done FROM people WHERE id = 2";
    assert_eq!(store.text(told).await, "162025-06-15T15:06:40Z");
    assert_eq!(observed(&store, &selection).await, [Anonymized, Anonymized, Present, Absent]);
    assert!(dispose_with(&disposer, &selection).await.unwrap().groups.is_empty());
}

#[track_caller]
fn check(refused: Result<BatchOutcome, ConnectorError>, expected: &str) {
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ConnectorError::Constraint { .. }), "{refused:?}");
    assert!(refused.to_string().contains(expected), "{refused}");
}

#[tokio::test]
async fn what_a_constraint_forbids_changes_no_row() {
    let cases = [
        ("mail", ValueType::Text, Transform::Replace { text: "same".into() }, "a UNIQUE constraint"),
        ("must", ValueType::Text, Transform::Null, "a NOT NULL constraint"),
        ("age", ValueType::Int, Transform::Replace { text: "-1".into() }, "a CHECK constraint"),
    ];
    for (column, value_type, transform, expected) in cases {
        let store = Store::new(PEOPLE).await;
        let before = store.text("SELECT group_concat(concat_ws('|', mail, must, age)) FROM people").await;
        let selection = anonymizing(&store, vec![field(column, value_type, transform)], None).await;
        check(store.dispose(&selection).await, expected);
        let after = store.text("SELECT group_concat(concat_ws('|', mail, must, age)) FROM people").await;
        assert_eq!(after, before, "{column}");
    }
}

#[tokio::test]
async fn a_generated_column_cannot_be_rewritten_and_a_dependent_not_kept() {
    let store = Store::new(
        "CREATE TABLE people(id INTEGER PRIMARY KEY, made TEXT, name TEXT, shout TEXT AS (upper(name)));
         INSERT INTO people(id, made, name) VALUES (1, '2019-01-01', 'Alice')",
    )
    .await;
    let mut selection =
        anonymizing(&store, vec![field("shout", ValueType::Text, Transform::Null)], None).await;
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::SchemaDrift { .. })), "{refused:?}");
    selection = anonymizing(&store, vec![field("name", ValueType::Text, Transform::Null)], None).await;
    assert_eq!(store.dispose(&selection).await.unwrap().groups[0].disposed.len(), 1);
    assert_eq!(store.text("SELECT shout FROM people").await, "");
    selection.dependents.push(store.dependent("people", "id", "id").await);
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::NotSupported { .. })), "{refused:?}");
}
