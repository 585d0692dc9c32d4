//! Purging: dependents, foreign keys, triggers, and a schema that changed.

use super::*;
use crate::batch::{DatasetKeys, ObservedState};
use crate::selection::{Exclusion, NoneLeft};
use crate::value::{RecordKey, Value};

const FAMILY: &str = "
    CREATE TABLE orders(id INTEGER PRIMARY KEY, code TEXT UNIQUE, made TEXT);
    CREATE TABLE lines(order_code TEXT REFERENCES orders(code), n INT, PRIMARY KEY (order_code, n));
    CREATE TABLE notes(id INTEGER PRIMARY KEY, order_code TEXT, n INT, who TEXT,
        FOREIGN KEY (order_code, n) REFERENCES lines(order_code, n));
    INSERT INTO orders VALUES (1, 'a', '2019-01-01'), (2, 'b', '2022-01-01'), (3, 'c', '2018-01-01');
    INSERT INTO lines VALUES ('a', 1), ('a', 2), ('b', 1), ('c', 1);
    INSERT INTO notes VALUES (10, 'a', 2, 'alice'), (11, 'b', 1, 'bob'), (12, 'c', 1, 'carol'), (13, 'c', 1, 'bob')";

async fn family(store: &Store) -> Selection {
    let mut selection = store.selection("orders").await;
    let mut lines = store.dependent("lines", "order_code", "code").await;
    let mut notes = store.dependent("notes", "order_code", "order_code").await;
    notes.pairs.push(("n".into(), "n".into()));
    lines.dependents.push(notes);
    selection.dependents.push(lines);
    selection
}

#[tokio::test]
async fn dependents_go_first_and_are_all_told() {
    let store = Store::new(FAMILY).await;
    let selection = family(&store).await;
    let source = store.source().await;
    let survey = source.survey(&selection).await.unwrap();
    let expected = [("shop.lines".to_owned(), 3), ("shop.notes".to_owned(), 3)];
    assert_eq!(survey.dependents.into_iter().collect::<Vec<_>>(), expected);
    let outcome = store.dispose(&selection).await.unwrap();
    let told: Vec<(&str, Vec<String>)> = outcome
        .groups
        .iter()
        .map(|group| (group.dataset.as_str(), group.disposed.iter().map(RecordKey::canonical).collect()))
        .collect();
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            ("shop.notes", keys(&["[10]", "[12]", "[13]"])),
            ("shop.lines", keys(&["[\"a\",1]", "[\"a\",2]", "[\"c\",1]"])),
            ("shop.orders", keys(&["[1]", "[3]"])),
        ]
    );
    for group in outcome.groups {
        let group = DatasetKeys { dataset: group.dataset, keys: group.disposed };
        let seen = source.observe(&selection, &group).await.unwrap();
        assert!(seen.iter().all(|observation| observation.state == ObservedState::Absent));
    }
    let left = "SELECT (SELECT count(*) FROM orders) || (SELECT count(*) FROM lines) || (SELECT count(*) FROM notes)";
    assert_eq!(store.text(left).await, "111");
}

#[tokio::test]
async fn a_held_dependent_keeps_its_parent_and_all_that_hangs_on_it() {
    let store = Store::new(FAMILY).await;
    let mut selection = family(&store).await;
    let who = Field { name: "who".into(), value_type: ValueType::Text };
    let hold = Exclusion { hold_id: "m".into(), predicate: Predicate::identity(who, "Carol") };
    selection.dependents[0].dependents[0].holds.push(hold);
    let survey = store.source().await.survey(&selection).await.unwrap();
    assert_eq!((survey.due, survey.held, survey.held_by["m"]), (1, 1, 1));
    let facts = store.source().await.facts(&selection, &RecordKey::int(3)).await.unwrap().unwrap();
    assert_eq!(facts.dependent_holds, ["m"]);
    let outcome = store.dispose(&selection).await.unwrap();
    assert_eq!(outcome.groups.last().unwrap().disposed, [RecordKey::int(1)]);
    assert_eq!(store.text("SELECT group_concat(id) FROM notes").await, "11,12,13");
}

#[tokio::test]
async fn a_dependent_that_two_ways_lead_to_counts_once() {
    let store = Store::new(
        "CREATE TABLE people(id INTEGER PRIMARY KEY, made TEXT);
         CREATE TABLE mails(id INTEGER PRIMARY KEY, sender INT REFERENCES people, reader INT REFERENCES people);
         INSERT INTO people VALUES (1, '2019-01-01'), (2, '2019-01-01'), (3, '2022-01-01');
         INSERT INTO mails VALUES (1, 1, 2), (2, 1, 3), (3, 3, 2), (4, 3, 3)",
    )
    .await;
    let mut selection = store.selection("people").await;
    for column in ["sender", "reader"] {
        selection.dependents.push(store.dependent("mails", column, "id").await);
    }
    assert_eq!(store.source().await.survey(&selection).await.unwrap().dependents["shop.mails"], 3);
    let outcome = store.dispose(&selection).await.unwrap();
    let told: Vec<_> =
        outcome.groups.iter().map(|group| (group.dataset.as_str(), group.disposed.len())).collect();
    assert_eq!(told, [("shop.mails", 3), ("shop.people", 2)]);
    assert_eq!(store.text("SELECT group_concat(id) FROM mails").await, "4");
}

#[tokio::test]
async fn a_foreign_key_that_was_not_planned_stops_the_batch() {
    let store = Store::new(FAMILY).await;
    let selection = store.selection("orders").await;
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::Constraint { .. })), "{refused:?}");
    assert_eq!(store.text("SELECT group_concat(id) FROM orders").await, "1,2,3");
}

#[tokio::test]
async fn a_cascade_that_was_not_planned_stops_the_batch() {
    let store = Store::new(
        "CREATE TABLE people(id INTEGER PRIMARY KEY, made TEXT);
         CREATE TABLE mails(id INTEGER PRIMARY KEY, who INT REFERENCES people ON DELETE CASCADE);
         INSERT INTO people VALUES (1, '2019-01-01'); INSERT INTO mails VALUES (7, 1)",
    )
    .await;
    let mut selection = store.selection("people").await;
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::Constraint { .. })), "{refused:?}");
    assert_eq!(store.text("SELECT '' || count(*) FROM mails").await, "1");
    selection.dependents.push(store.dependent("mails", "who", "id").await);
    let outcome = store.dispose(&selection).await.unwrap();
    assert_eq!(outcome.groups[0].disposed, [RecordKey::int(7)]);
}

#[tokio::test]
async fn rows_that_refer_to_each_other_go_in_one_batch() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, other INT REFERENCES t);
         INSERT INTO t VALUES (1, '2019-01-01', NULL), (2, '2019-01-01', 1), (3, '2022-01-01', NULL);
         UPDATE t SET other = 2 WHERE id = 1",
    )
    .await;
    let selection = store.selection("t").await;
    assert_eq!(store.dispose(&selection).await.unwrap().groups[0].disposed.len(), 2);
    store.run("INSERT INTO t VALUES (4, '2019-01-01', NULL); UPDATE t SET other = 4 WHERE id = 3").await;
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::Constraint { .. })), "{refused:?}");
    assert_eq!(store.text("SELECT group_concat(id) FROM t").await, "3,4");
}

#[tokio::test]
async fn what_is_still_referred_to_stays() {
    let store = Store::new(FAMILY).await;
    let mut selection = store.selection("orders").await;
    let lines = store.dependent("lines", "order_code", "code").await;
    selection.none_left.push(NoneLeft {
        address: lines.address,
        shape: lines.shape,
        pairs: lines.pairs,
        disregarding: None,
    });
    let survey = store.source().await.survey(&selection).await.unwrap();
    assert_eq!((survey.due, survey.referenced), (0, 2));
    assert!(store.dispose(&selection).await.unwrap().groups.is_empty());
    store.run("DELETE FROM notes; DELETE FROM lines WHERE order_code = 'a'").await;
    assert_eq!(store.dispose(&selection).await.unwrap().groups[0].disposed, [RecordKey::int(1)]);
    selection.start = StartCondition::NoneLeft;
    selection.none_left.clear();
    let refused = store.dispose(&selection).await;
    assert!(matches!(refused, Err(ConnectorError::NotSupported { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_trigger_that_raises_stops_the_batch() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); CREATE TABLE log(x TEXT);
         INSERT INTO t VALUES (1, '2019-01-01'), (2, '2019-01-01');
         CREATE TRIGGER keep BEFORE DELETE ON t BEGIN
           INSERT INTO log VALUES ('saw ' || OLD.id);
           SELECT RAISE(ABORT, 'alice@example.org stays') WHERE OLD.id = 2; END",
    )
    .await;
    let selection = store.selection("t").await;
    let refused = store.dispose(&selection).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a rule of the store forbids this for dataset 'shop.t': a trigger (SQLite result code 1811)"
    );
    assert_eq!(store.text("SELECT (SELECT count(*) FROM t) || (SELECT count(*) FROM log)").await, "20");
}

#[tokio::test]
async fn a_trigger_that_ignores_a_row_stops_the_batch() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT);
         INSERT INTO t VALUES (1, '2019-01-01'), (2, '2019-01-01');
         CREATE TRIGGER keep BEFORE DELETE ON t WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END",
    )
    .await;
    let refused = store.dispose(&store.selection("t").await).await;
    assert!(matches!(refused, Err(ConnectorError::Failed { .. })), "{refused:?}");
    assert_eq!(store.text("SELECT '' || count(*) FROM t").await, "2");
}

#[tokio::test]
async fn a_schema_that_changed_since_the_plan_is_refused() {
    let changes = [
        ("ALTER TABLE t RENAME COLUMN made TO born", "its columns changed"),
        ("ALTER TABLE t ADD COLUMN more TEXT", "its columns changed"),
        ("CREATE TRIGGER n AFTER DELETE ON t BEGIN SELECT 1; END", "its triggers changed"),
        (
            "CREATE TABLE u(id INT REFERENCES t ON DELETE CASCADE)",
            "the foreign keys that point to it changed",
        ),
        ("DROP TABLE t", "there is no such table"),
    ];
    for (change, expected) in changes {
        let store = Store::new(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); INSERT INTO t VALUES (1, '2019-01-01')",
        )
        .await;
        let selection = store.selection("t").await;
        let disposer = store.disposer().await;
        store.run(change).await;
        let refused = dispose_with(&disposer, &selection).await.unwrap_err();
        assert!(matches!(refused, ConnectorError::SchemaDrift { .. }), "{change}: {refused:?}");
        assert!(refused.to_string().contains(expected), "{change}: {refused}");
    }
}

#[tokio::test]
async fn keys_that_differ_by_their_case_only_are_different_records() {
    let store = Store::new(
        "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, made TEXT);
         INSERT INTO t VALUES ('Alice', '2019-01-01'), ('bob', '2019-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let asked = vec![RecordKey::text("ALICE"), RecordKey::text("bob")];
    let range = BatchRange { after: None, up_to: None, due: None, records_max: 10 };
    let batch = Batch { selection: selection.clone(), range, only_keys: Some(asked.clone()) };
    let outcome = store.disposer().await.dispose(&batch, &AcceptedIntents::default()).await.unwrap();
    assert_eq!(outcome.groups[0].disposed, [RecordKey::text("bob")]);
    assert_eq!(outcome.groups[0].already_absent, [RecordKey::text("ALICE")]);
    assert_eq!(store.text("SELECT k FROM t").await, "Alice");
    let group = DatasetKeys { dataset: "shop.t".into(), keys: asked };
    let seen = store.source().await.observe(&selection, &group).await.unwrap();
    assert_eq!(seen[0].state, ObservedState::Absent);
}

#[tokio::test]
async fn sparse_and_dense_rules_walk_all_the_same() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT); CREATE INDEX by_made ON t(made);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO t SELECT CASE WHEN i < 1000 THEN i ELSE i * 1000000000 END,
           CASE WHEN i % 3 = 0 THEN '2019-01-01' ELSE '2022-01-01' END FROM n;
         INSERT INTO t VALUES (-9223372036854775808, '2019-01-01'), (9223372036854775807, '2019-01-01')",
    )
    .await;
    let selection = store.selection("t").await;
    let disposer = store.disposer().await;
    let outcomes =
        crate::testkit::dispose_all(&disposer, &selection, 77, &AcceptedIntents::default()).await.unwrap();
    let disposed: usize =
        outcomes.iter().flat_map(|outcome| &outcome.groups).map(|group| group.disposed.len()).sum();
    assert_eq!(disposed, 1002);
    assert_eq!(store.text("SELECT sum(made < '2021') || ' ' || count(*) FROM t").await, "0 2000");
}

#[tokio::test]
async fn links_are_listed_and_counted() {
    let store = Store::new(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, made TEXT, file TEXT);
         INSERT INTO t VALUES (1, '2019-01-01', 'a/1.pdf'), (2, '2019-01-01', ''), (3, '2019-01-01', NULL),
           (4, '2019-01-01', 42), (5, '2022-01-01', 'b.pdf')",
    )
    .await;
    let mut selection = store.selection("t").await;
    selection.link_columns.push("file".into());
    let source = store.source().await;
    assert_eq!(source.survey(&selection).await.unwrap().linked["file"], 2);
    let page = source.page(&selection, Some(&RecordKey::of(vec![Value::Int(0)])), 3).await.unwrap();
    assert!(!page.exhausted);
    let links: Vec<_> = page.records.iter().map(|record| record.links[0].as_deref()).collect();
    assert_eq!(links, [Some("a/1.pdf"), None, None]);
    let page = source.page(&selection, page.records.last().map(|record| &record.key), 3).await.unwrap();
    assert!(page.exhausted);
    assert_eq!(page.records[0].links[0].as_deref(), Some("42"));
}
