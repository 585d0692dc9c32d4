//! The checks of the contract, one property each.

#![expect(clippy::expect_used, reason = "a check that cannot go on must stop")]

use super::fixture::{Fixture, Record, Start, TestDataset};
use super::walk::{AS_OF_ON, AcceptedIntents, CUTOFF_ON, RefusedIntents, day, dispose_all, purge_selection};
use crate::batch::{Batch, BatchOutcome, BatchRange, DatasetKeys, KeptReason, ObservedState};
use crate::classify::classify;
use crate::port::RecordSource;
use crate::predicate::Predicate;
use crate::selection::{Class, DoubtReason, Exclusion, Selection, StartCondition, Survey};
use crate::value::{RecordKey, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Records of the standard dataset.
const RECORDS: u32 = 60;
/// Enough for every batch in one.
const LARGE: u32 = 1_000;
const HELD: &str = "Alice O'Hara; --";

/// A dataset in which every class of record occurs, in mixed order.
fn records(fixture: &dyn Fixture) -> Vec<Record> {
    let starts = [
        Start::On(day(2003, 2, 28)),
        Start::On(CUTOFF_ON),
        Start::On(day(2021, 1, 1)),
        Start::Missing,
        Start::On(day(2019, 7, 14)),
        Start::On(day(2030, 1, 1)),
        Start::Unreadable,
    ];
    let attributes = [Some("bob"), Some(HELD), None, Some("Bob"), Some("中文")];
    (1..=RECORDS)
        .zip(starts.iter().cycle().zip(attributes.iter().cycle()))
        .filter(|(_, (start, _))| fixture.can_hold(**start))
        .map(|(number, (start, attribute))| {
            let attribute = attribute.or(if fixture.can_lack_attribute() { None } else { Some("carol") });
            Record { number, start: *start, attribute: attribute.map(str::to_owned) }
        })
        .collect()
}

fn is_due(record: &Record) -> bool {
    matches!(record.start, Start::On(date) if date <= CUTOFF_ON)
}

fn numbers<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<u32> {
    records.into_iter().map(|record| record.number).collect()
}

fn due(records: &[Record]) -> BTreeSet<u32> {
    numbers(records.iter().filter(|record| is_due(record)))
}

fn hold(dataset: &TestDataset, identity: &str) -> Exclusion {
    Exclusion {
        hold_id: "matter-1".to_owned(),
        predicate: Predicate::identity(dataset.attribute.clone(), identity),
    }
}

fn canonical<'a>(keys: impl IntoIterator<Item = &'a RecordKey>) -> Vec<String> {
    keys.into_iter().map(RecordKey::canonical).collect()
}

fn disposed(outcomes: &[BatchOutcome]) -> Vec<RecordKey> {
    outcomes.iter().flat_map(|outcome| &outcome.groups).flat_map(|group| group.disposed.clone()).collect()
}

/// Keys of these numbers in their order.
fn keys_of(fixture: &dyn Fixture, numbers: &BTreeSet<u32>) -> Vec<RecordKey> {
    numbers.iter().map(|number| fixture.key(*number)).collect()
}

async fn purge(fixture: &dyn Fixture, selection: &Selection, records_max: u32) -> Vec<BatchOutcome> {
    let disposer = fixture.disposer().await;
    dispose_all(disposer.as_ref(), selection, records_max, &AcceptedIntents::default())
        .await
        .expect("the walk ends")
}

async fn survey(fixture: &dyn Fixture, selection: &Selection) -> Survey {
    fixture.source().await.survey(selection).await.expect("a survey")
}

/// What is gone is what was due, and nothing else.
pub async fn purge_removes_exactly_the_due(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let outcomes = purge(fixture, &selection, LARGE).await;
    let expected = due(&records);
    assert!(!expected.is_empty() && expected.len() < records.len(), "the dataset is a fair one");
    assert_eq!(canonical(&disposed(&outcomes)), canonical(&keys_of(fixture, &expected)));
    assert_eq!(fixture.numbers().await, &numbers(&records) - &expected);
}

/// A second run finds nothing and changes nothing.
pub async fn purge_is_safe_to_repeat(fixture: &dyn Fixture) {
    let selection = purge_selection(&fixture.create(&records(fixture)).await);
    purge(fixture, &selection, LARGE).await;
    let left = fixture.numbers().await;
    let again = purge(fixture, &selection, LARGE).await;
    assert!(disposed(&again).is_empty());
    assert!(again.iter().all(|outcome| outcome.groups.is_empty() && outcome.exhausted));
    assert_eq!(fixture.numbers().await, left);
}

/// If the intent cannot be made durable, nothing happens, and the next attempt works.
pub async fn a_refused_intent_changes_nothing(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let disposer = fixture.disposer().await;
    let refused = dispose_all(disposer.as_ref(), &selection, LARGE, &RefusedIntents).await;
    assert!(matches!(refused, Err(crate::ConnectorError::IntentRefused { .. })), "{refused:?}");
    assert_eq!(fixture.numbers().await, numbers(&records));
    let outcomes = dispose_all(disposer.as_ref(), &selection, LARGE, &AcceptedIntents::default()).await;
    assert_eq!(disposed(&outcomes.expect("the next attempt")).len(), due(&records).len());
}

/// What was told before is what was done.
pub async fn intended_keys_equal_disposed_keys(fixture: &dyn Fixture) {
    let selection = purge_selection(&fixture.create(&records(fixture)).await);
    let disposer = fixture.disposer().await;
    let intents = AcceptedIntents::default();
    let outcomes = dispose_all(disposer.as_ref(), &selection, 7, &intents).await.expect("the walk ends");
    let intended: Vec<RecordKey> = intents
        .0
        .lock()
        .await
        .iter()
        .flat_map(|intended| &intended.groups)
        .flat_map(|group| group.keys.clone())
        .collect();
    assert_eq!(canonical(&intended), canonical(&disposed(&outcomes)));
    let told =
        intents.0.lock().await.iter().filter_map(|intended| intended.last_key.clone()).collect::<Vec<_>>();
    let answered: Vec<RecordKey> = outcomes
        .iter()
        .filter(|outcome| !outcome.groups.is_empty())
        .filter_map(|outcome| outcome.last_key.clone())
        .collect();
    assert_eq!(canonical(&told), canonical(&answered));
}

/// A record under a hold is not touched, and counted as held.
pub async fn held_records_stay(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.holds.push(hold(&dataset, HELD));
    // Where the attribute is missing, nobody can say whether the hold covers the record.
    let is_held = |record: &&Record| record.attribute.as_deref().is_none_or(|value| value == HELD);
    let held = numbers(records.iter().filter(|record| is_due(record)).filter(is_held));
    assert!(!held.is_empty());
    let before = survey(fixture, &selection).await;
    assert_eq!(before.held, held.len() as u64);
    assert_eq!(before.held_by, BTreeMap::from([("matter-1".to_owned(), held.len() as u64)]));
    purge(fixture, &selection, 5).await;
    assert_eq!(fixture.numbers().await, &numbers(&records) - &(&due(&records) - &held));
}

/// In doubt a hold holds.
pub async fn a_hold_that_is_unknown_for_a_record_keeps_it(fixture: &dyn Fixture) {
    if !fixture.can_lack_attribute() {
        return;
    }
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.holds.push(hold(&dataset, "nobody"));
    purge(fixture, &selection, LARGE).await;
    let left = fixture.numbers().await;
    for record in records.iter().filter(|record| is_due(record)) {
        assert_eq!(left.contains(&record.number), record.attribute.is_none(), "record {}", record.number);
    }
}

/// A record of which nothing certain can be said is kept, counted and sampled.
pub async fn undecidable_records_stay(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.conflicts.push(Predicate::identity(dataset.attribute.clone(), "BOB"));
    let is_conflict = |record: &Record| matches!(record.attribute.as_deref(), Some("bob" | "Bob"));
    let reason = |record: &Record| match record.start {
        _ if is_conflict(record) => Some(DoubtReason::Conflict),
        Start::Missing => Some(DoubtReason::StartMissing),
        Start::Unreadable => Some(DoubtReason::StartUnreadable),
        Start::On(date) if date > AS_OF_ON => Some(DoubtReason::StartInFuture),
        Start::On(_) => None,
    };
    let mut expected: BTreeMap<DoubtReason, Vec<RecordKey>> = BTreeMap::new();
    for record in &records {
        if let Some(reason) = reason(record) {
            expected.entry(reason).or_default().push(fixture.key(record.number));
        }
    }
    let before = survey(fixture, &selection).await;
    let counts = expected.iter().map(|(reason, keys)| (*reason, keys.len() as u64)).collect();
    assert_eq!(before.undecidable, counts);
    for (reason, sample) in &before.undecidable_samples {
        let all = expected.get(reason).map(canonical).unwrap_or_default();
        assert!(!sample.is_empty() && sample.len() <= crate::selection::SAMPLE_KEYS_MAX);
        assert_eq!(canonical(sample), all[..sample.len()], "{reason:?}");
    }
    purge(fixture, &selection, LARGE).await;
    let gone = numbers(records.iter().filter(|record| is_due(record) && !is_conflict(record)));
    assert_eq!(fixture.numbers().await, &numbers(&records) - &gone);
}

/// Batches of any size cover the due records without gap or repetition, in key order.
pub async fn the_walk_visits_each_due_record_once(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let expected = canonical(&keys_of(fixture, &due(&records)));
    let batch_records = 4;
    let outcomes = purge(fixture, &selection, batch_records).await;
    assert!(outcomes.len() >= expected.len() / 4);
    for outcome in &outcomes {
        let own: Vec<RecordKey> = disposed(std::slice::from_ref(outcome));
        assert!(own.len() <= batch_records as usize);
        if let (Some(last), Some(told)) = (own.last(), &outcome.last_key) {
            assert_eq!(last.canonical(), told.canonical());
        }
    }
    assert_eq!(canonical(&disposed(&outcomes)), expected);
}

/// Pages of any size list the due records without gap or repetition, in key order.
pub async fn pages_list_each_due_record_once(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let source = fixture.source().await;
    let expected = canonical(&keys_of(fixture, &due(&records)));
    for records_max in [1, 3, LARGE] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = source.page(&selection, after.as_ref(), records_max).await.expect("a page");
            assert!(page.records.len() <= records_max as usize);
            found.extend(page.records.into_iter().map(|record| record.key));
            after = found.last().cloned();
            if page.exhausted {
                break;
            }
            assert!(found.len() <= RECORDS as usize, "the pages end");
        }
        assert_eq!(canonical(&found), expected, "pages of {records_max}");
    }
}

/// What goes on request is exactly what the scope names, whatever its start; a scope that names everything
/// is refused.
pub async fn what_goes_on_request_is_named_by_its_scope(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let scope = Predicate::one_of(dataset.attribute.clone(), [Value::Text(HELD.to_owned())]);
    let selection = Selection { start: StartCondition::OnRequest, scope, ..purge_selection(&dataset) };
    let named = numbers(records.iter().filter(|record| record.attribute.as_deref() == Some(HELD)));
    assert!(named.len() > 5 && named.len() < records.len());
    let source = fixture.source().await;
    let columns = [dataset.attribute.name.clone()];
    for records_max in [2, LARGE] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = source.rows(&selection, &columns, after.as_ref(), records_max).await.expect("rows");
            after = page.rows.last().map(|row| row.key.clone());
            for row in page.rows {
                assert_eq!(row.values, [Value::Text(HELD.to_owned())]);
                found.push(row.key);
            }
            if page.exhausted {
                break;
            }
            assert!(found.len() <= RECORDS as usize, "the pages end");
        }
        assert_eq!(canonical(&found), canonical(&keys_of(fixture, &named)), "pages of {records_max}");
    }
    let everything = Selection { scope: Predicate::always(), ..selection.clone() };
    assert!(source.survey(&everything).await.is_err(), "nobody asked for everything");
    let disposer = fixture.disposer().await;
    let intents = AcceptedIntents::default();
    assert!(dispose_all(&*disposer, &everything, LARGE, &intents).await.is_err());
    dispose_all(&*disposer, &selection, 4, &intents).await.expect("a walk");
    let left: BTreeSet<u32> = numbers(&records).difference(&named).copied().collect();
    assert_eq!(fixture.numbers().await, left);
}

async fn observed(
    source: &dyn RecordSource,
    selection: &Selection,
    keys: Vec<RecordKey>,
) -> Vec<ObservedState> {
    let group = DatasetKeys { dataset: selection.address.dataset.clone(), keys };
    let seen = source.observe(selection, &group).await.expect("an observation");
    assert_eq!(
        canonical(seen.iter().map(|observation| &observation.key)),
        canonical(&group.keys),
        "every key is answered, in the order asked"
    );
    seen.into_iter().map(|observation| observation.state).collect()
}

/// Looking afterwards sees each record as it is, in whatever order it is asked.
pub async fn observe_tells_absent_and_present(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let source = fixture.source().await;
    let mut keys: Vec<RecordKey> = records.iter().map(|record| fixture.key(record.number)).collect();
    let before = observed(source.as_ref(), &selection, keys.clone()).await;
    assert!(before.iter().all(|state| *state == ObservedState::Present));
    purge(fixture, &selection, LARGE).await;
    let state = |record: &Record| if is_due(record) { ObservedState::Absent } else { ObservedState::Present };
    let mut expected: Vec<ObservedState> = records.iter().map(state).collect();
    assert_eq!(observed(source.as_ref(), &selection, keys.clone()).await, expected);
    keys.reverse();
    expected.reverse();
    assert_eq!(observed(source.as_ref(), &selection, keys).await, expected);
    assert_eq!(observed(source.as_ref(), &selection, Vec::new()).await, []);
}

fn only(selection: &Selection, keys: Vec<RecordKey>) -> Batch {
    let range = BatchRange { after: None, up_to: None, due: None, records_max: LARGE };
    Batch { selection: selection.clone(), range, only_keys: Some(keys) }
}

/// What the owner changed after it was listed is not what was approved.
pub async fn a_changed_record_is_kept(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let due = due(&records);
    let changed = *due.iter().nth(1).expect("a due record");
    fixture.change(changed).await;
    let disposer = fixture.disposer().await;
    let batch = only(&selection, keys_of(fixture, &due));
    let outcome = disposer.dispose(&batch, &AcceptedIntents::default()).await.expect("a batch");
    let own = outcome.groups.last().expect("a group");
    assert_eq!(own.disposed.len(), due.len() - 1);
    assert_eq!(canonical(own.kept.iter().map(|kept| &kept.key)), [fixture.key(changed).canonical()]);
    let reason = own.kept.first().map(|kept| kept.reason);
    assert!(matches!(reason, Some(KeptReason::NoLongerDue | KeptReason::ChangedSincePlan)), "{reason:?}");
    assert!(fixture.numbers().await.contains(&changed));
}

/// Keys that are named narrow the selection and never widen it.
pub async fn only_the_records_asked_for_are_touched(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let not_due = records.iter().find(|record| !is_due(record)).expect("one that is not due").number;
    let mut asked: BTreeSet<u32> = due(&records).into_iter().step_by(2).collect();
    let expected = &numbers(&records) - &asked;
    asked.insert(not_due);
    let disposer = fixture.disposer().await;
    let intents = AcceptedIntents::default();
    let batch = only(&selection, keys_of(fixture, &asked));
    let outcome = disposer.dispose(&batch, &intents).await.expect("a batch");
    assert!(outcome.exhausted);
    assert_eq!(fixture.numbers().await, expected);
    let own = outcome.groups.last().expect("a group");
    assert_eq!(canonical(own.kept.iter().map(|kept| &kept.key)), [fixture.key(not_due).canonical()]);
    let nothing = only(&selection, vec![fixture.key(not_due)]);
    let outcome = disposer.dispose(&nothing, &RefusedIntents).await.expect("no intent is needed for nothing");
    assert!(outcome.groups.iter().all(|group| group.disposed.is_empty()));
}

/// A record that somebody else removed is not claimed as disposed of.
pub async fn records_asked_for_that_are_gone_are_already_absent(fixture: &dyn Fixture) {
    let records = records(fixture);
    let selection = purge_selection(&fixture.create(&records).await);
    let due = due(&records);
    let gone = *due.first().expect("a due record");
    fixture.remove(gone).await;
    let disposer = fixture.disposer().await;
    let batch = only(&selection, keys_of(fixture, &due));
    let outcome = disposer.dispose(&batch, &AcceptedIntents::default()).await.expect("a batch");
    let own = outcome.groups.last().expect("a group");
    assert_eq!(canonical(&own.already_absent), [fixture.key(gone).canonical()]);
    assert_eq!(own.disposed.len(), due.len() - 1);
}

/// Every record falls into exactly one class.
pub async fn survey_counts_partition_the_dataset(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.scope = Predicate::identity(dataset.attribute.clone(), "bob");
    selection.holds.push(hold(&dataset, HELD));
    let survey = survey(fixture, &selection).await;
    assert_eq!(survey.total, records.len() as u64);
    let in_scope = records.iter().filter(|record| matches!(record.attribute.as_deref(), Some("bob" | "Bob")));
    assert_eq!(survey.in_scope, in_scope.count() as u64);
    let undecidable: u64 = survey.undecidable.values().sum();
    let classes = [
        survey.due,
        survey.held,
        survey.not_yet_due,
        survey.referenced,
        survey.already_done,
        survey.changed_since_plan,
        undecidable,
    ];
    assert_eq!(classes.iter().sum::<u64>(), survey.in_scope, "{survey:?}");
}

/// What the reviewer was told is what happens.
pub async fn survey_counts_what_is_disposed_of(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.holds.push(hold(&dataset, HELD));
    let before = survey(fixture, &selection).await;
    let outcomes = purge(fixture, &selection, 6).await;
    let gone = disposed(&outcomes);
    assert_eq!(before.due, gone.len() as u64);
    assert_eq!(canonical(&before.due_samples), canonical(gone.iter().take(before.due_samples.len())));
    let starts = records.iter().filter(|record| gone.contains(&fixture.key(record.number)));
    let starts: Vec<_> = starts
        .filter_map(|record| match record.start {
            Start::On(date) => Some(date),
            _ => None,
        })
        .collect();
    assert_eq!(before.oldest_due_at.map(|at| at.date_naive()), starts.iter().min().copied());
    assert_eq!(before.newest_due_at.map(|at| at.date_naive()), starts.iter().max().copied());
    assert_eq!(before.overdue, starts.iter().filter(|start| **start <= day(2010, 12, 31)).count() as u64);
    assert!(before.due_bytes > 0);
    assert_eq!(survey(fixture, &selection).await.due, 0);
}

/// The pure function and the store answer the same for every record.
pub async fn the_oracle_agrees_with_the_survey(fixture: &dyn Fixture) {
    let records = records(fixture);
    let dataset = fixture.create(&records).await;
    let mut selection = purge_selection(&dataset);
    selection.holds.push(hold(&dataset, HELD));
    selection.conflicts.push(Predicate::identity(dataset.attribute.clone(), "中文"));
    let source = fixture.source().await;
    let survey = source.survey(&selection).await.expect("a survey");
    let mut counted: BTreeMap<Class, u64> = BTreeMap::new();
    for record in &records {
        let facts = source.facts(&selection, &fixture.key(record.number)).await.expect("facts");
        *counted.entry(classify(&selection, &facts.expect("the record is there"))).or_default() += 1;
    }
    let count = |class| counted.get(&class).copied().unwrap_or_default();
    assert_eq!(survey.due, count(Class::Due));
    assert_eq!(survey.held, count(Class::Held));
    assert_eq!(survey.not_yet_due, count(Class::NotYetDue));
    for (reason, number) in &survey.undecidable {
        assert_eq!(*number, count(Class::Undecidable(*reason)), "{reason:?}");
    }
    assert_eq!(source.facts(&selection, &fixture.key(RECORDS + 1)).await.expect("facts"), None);
    let keys: Vec<RecordKey> = records.iter().map(|record| fixture.key(record.number)).collect();
    let asked = [keys, vec![fixture.key(RECORDS + 1)]].concat();
    let mut told: BTreeMap<Class, u64> = BTreeMap::new();
    for (_, class) in source.classes(&selection, &asked).await.expect("classes") {
        *told.entry(class).or_default() += 1;
    }
    assert_eq!(told, counted);
}
