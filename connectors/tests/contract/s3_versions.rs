//! What only a bucket has: versions, markers, unfinished uploads, locks, keys that XML does not carry.

use crate::s3_bucket::{Place, Versioning, rare_keys};
use async_trait::async_trait;
use aws_sdk_s3::types::ObjectLockMode;
use chrono::{DateTime, Duration, TimeZone, Utc};
use oubliette_connectors::predicate::Predicate;
use oubliette_connectors::s3::{Credentials, S3Disposer, S3Options, S3Source};
use oubliette_connectors::testkit::{AcceptedIntents, dispose_all};
use oubliette_connectors::{
    Batch, BatchRange, ConnectorError, DatasetKeys, Disposal, Field, FieldTransform, Intended, IntentSink,
    KeptReason, LockKind, ObservedState, Prospect, RecordDisposer as _, RecordKey, RecordSource as _,
    Selection, StartCondition, StartEncoding, Survey, Transform, ValueType,
};
use std::collections::BTreeSet;

fn at(year: i32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap()
}

/// Whatever was written before `cutoff_year`, by its last modification.
pub(crate) async fn selection(place: &Place, template: &str, cutoff_year: i32) -> Selection {
    let address = place.address(template);
    let shape = place.source().await.inspect(&address).await.unwrap();
    Selection {
        address,
        shape,
        scope: Predicate::always(),
        start: StartCondition::Event {
            field: Field { name: "last_modified".to_owned(), value_type: ValueType::Instant },
            encoding: StartEncoding::Instant,
            cutoff_at: at(cutoff_year),
            cutoff_on: at(cutoff_year).date_naive(),
            as_of: at(2150),
            as_of_on: at(2150).date_naive(),
            overdue_at: at(2000),
            overdue_on: at(2000).date_naive(),
        },
        conflicts: Vec::new(),
        holds: Vec::new(),
        none_left: Vec::new(),
        dependents: Vec::new(),
        link_columns: Vec::new(),
        unchanged_since: None,
        disposal: Disposal::Purge,
    }
}

fn by_year(selection: &Selection, composition: &str, cutoff_year: i32) -> Selection {
    let mut by_key = selection.clone();
    if let StartCondition::Event { field, encoding, cutoff_on, cutoff_at, .. } = &mut by_key.start {
        *field = Field { name: composition.to_owned(), value_type: ValueType::Text };
        *encoding = StartEncoding::CivilYear;
        (*cutoff_at, *cutoff_on) = (at(cutoff_year), at(cutoff_year).date_naive());
    }
    by_key
}

async fn purge(place: &Place, selection: &Selection, records_max: u32) -> usize {
    let disposer = place.disposer().await;
    let outcomes = dispose_all(&disposer, selection, records_max, &AcceptedIntents::default()).await.unwrap();
    outcomes.iter().flat_map(|outcome| &outcome.groups).map(|group| group.disposed.len()).sum()
}

async fn survey(place: &Place, selection: &Selection) -> Survey {
    place.source().await.survey(selection).await.unwrap()
}

#[tokio::test]
async fn every_version_and_marker_goes_in_batches_of_any_size() {
    for records_max in [1, 2, 3, 1000] {
        let place = Place::new(Versioning::Enabled).await;
        for round in 0..3 {
            for key in ["a", "b", "c/d"] {
                place.put(key, &format!("{round}")).await;
            }
            place.hide("b").await;
        }
        place.begin_upload("c/e").await;
        let all = selection(&place, "{all*}", 2100).await;
        let before = survey(&place, &all).await;
        assert_eq!((before.total, before.due), (13, 13), "9 versions, 3 markers, 1 upload");
        assert_eq!(purge(&place, &all, records_max).await, 13, "batches of {records_max}");
        assert!(place.lines().await.is_empty());
        assert_eq!(place.uploads().await, 0);
        assert_eq!(survey(&place, &all).await.total, 0);
    }
}

/// Its objects are listed, over several pages, and from any record on.
#[tokio::test]
async fn a_bucket_that_never_kept_versions_goes_to_its_last_object() {
    let place = Place::new(Versioning::Never).await;
    let odd = ["a b+c", "a%2Fb", "é中🦀", "tab\there", "=;,?#", "'"];
    let keys = (0..1_100).map(|number| format!("d{}/file {number}+é", number / 300));
    let keys: Vec<String> = keys.chain(odd.iter().chain(rare_keys()).map(|key| (*key).to_owned())).collect();
    for key in &keys {
        place.put(key, "x").await;
    }
    place.begin_upload("c/e").await;
    let all = selection(&place, "{all*}", 2100).await;
    let expected = keys.len() + 1;
    assert_eq!(survey(&place, &all).await.due, expected as u64);
    let source = place.source().await;
    let (mut seen, mut after) = (BTreeSet::new(), None);
    loop {
        let page = source.page(&all, after.as_ref(), 450).await.unwrap();
        after = page.records.last().map(|record| record.key.clone()).or(after);
        let known = seen.len();
        seen.extend(page.records.iter().map(|record| record.key.canonical()));
        assert_eq!(seen.len(), known + page.records.len(), "no record twice");
        if page.exhausted {
            break;
        }
    }
    assert_eq!(seen.len(), expected);
    assert_eq!(purge(&place, &all, 450).await, expected);
    assert!(place.lines().await.is_empty());
    assert_eq!((place.uploads().await, survey(&place, &all).await.total), (0, 0));
}

#[tokio::test]
async fn a_marker_stays_while_a_version_that_it_hides_stays() {
    let place = Place::new(Versioning::Enabled).await;
    let old = place.put_tagged("a", "old", &[("keep", "no")]).await;
    let kept = place.put_tagged("a", "kept", &[("keep", "yes")]).await;
    place.hide("a").await;
    let mut wanted = selection(&place, "{file}", 2100).await;
    let keep = Field { name: "tag('keep')".to_owned(), value_type: ValueType::Text };
    wanted.holds.push(oubliette_connectors::Exclusion {
        hold_id: "h".to_owned(),
        predicate: Predicate::identity(keep, "yes"),
    });
    assert_eq!(purge(&place, &wanted, 1).await, 1);
    let left = place.lines().await;
    assert!(!left.iter().any(|(_, id, _)| *id == old));
    assert!(left.iter().any(|(_, id, _)| *id == kept));
    assert_eq!(
        left.iter().filter(|(.., marker)| *marker).count(),
        1,
        "without its marker it would be seen again"
    );
    wanted.holds.clear();
    assert_eq!(purge(&place, &wanted, 1).await, 2);
    assert!(place.lines().await.is_empty());
}

/// One key, so that each is looked at by itself, and SeaweedFS answers 404 to a look at a marker.
#[tokio::test]
async fn a_marker_that_is_there_is_seen() {
    let place = Place::new(Versioning::Enabled).await;
    let version = place.put("a", "x").await;
    place.hide("a").await;
    let all = selection(&place, "{file}", 2100).await;
    let source = place.source().await;
    let page = source.page(&all, None, 10).await.unwrap();
    let keys: Vec<RecordKey> = page.records.into_iter().map(|record| record.key).collect();
    let look = |keys: Vec<RecordKey>| {
        let group = DatasetKeys { dataset: all.address.dataset.clone(), keys };
        let (source, all) = (&source, &all);
        async move {
            source.observe(all, &group).await.unwrap().into_iter().map(|one| one.state).collect::<Vec<_>>()
        }
    };
    assert_eq!(look(keys.clone()).await, [ObservedState::Present; 2]);
    place.remove("a", &version).await;
    assert_eq!(look(keys).await, [ObservedState::Absent, ObservedState::Present]);
}

#[tokio::test]
async fn a_marker_over_nothing_goes_at_once_unless_its_key_tells_when() {
    let place = Place::new(Versioning::Enabled).await;
    for key in ["2019/a", "2099/a"] {
        let id = place.put(key, "x").await;
        place.hide(key).await;
        place.remove(key, &id).await;
    }
    // By its own time a marker of today is not due in 2010.
    let by_time = selection(&place, "{year}/{file}", 2010).await;
    let by_key = by_year(&by_time, "{year}", 2020);
    assert_eq!(survey(&place, &by_key).await.due, 1);
    assert_eq!(survey(&place, &by_time).await.due, 2);
    assert_eq!(survey(&place, &by_time).await.overdue, 0, "nobody waited for it");
    assert_eq!(purge(&place, &by_key, 10).await, 1);
    assert_eq!(place.keys().await.into_iter().collect::<Vec<_>>(), ["2099/a"]);
}

#[tokio::test]
async fn only_directories_in_which_something_can_be_due_are_emptied() {
    let place = Place::new(Versioning::Enabled).await;
    for key in ["2018/01/a", "2018/12/b", "2019/01/c", "2019/x", "other/2018/01/d", "2018/01/sub/e"] {
        place.put(key, "x").await;
    }
    let by_key = by_year(&selection(&place, "{year}/{month}/{file}", 2100).await, "{year}", 2018);
    let by_key = {
        let mut by_key = by_key;
        if let StartCondition::Event { cutoff_on, .. } = &mut by_key.start {
            *cutoff_on = chrono::NaiveDate::from_ymd_opt(2018, 12, 31).unwrap();
        }
        by_key
    };
    assert_eq!(
        survey(&place, &by_key).await.total,
        3,
        "what the template does not match is not of the dataset"
    );
    assert_eq!(purge(&place, &by_key, 100).await, 2);
    let left: Vec<String> = place.keys().await.into_iter().collect();
    assert_eq!(left, ["2018/01/sub/e", "2019/01/c", "2019/x", "other/2018/01/d"]);
}

#[tokio::test]
async fn what_is_locked_stays_and_is_told_with_its_date() {
    let place = Place::new(Versioning::Locking).await;
    let until = Utc.with_ymd_and_hms(2031, 5, 6, 7, 8, 9).unwrap();
    let mut ids = Vec::new();
    for key in ["free", "governed", "compliant", "held"] {
        ids.push(place.put(key, "x").await);
    }
    place.retain("governed", &ids[1], ObjectLockMode::Governance, until).await;
    place.retain("compliant", &ids[2], ObjectLockMode::Compliance, until + Duration::days(1)).await;
    place.hold("held", &ids[3]).await;
    let all = selection(&place, "{file}", 2100).await;
    let before = survey(&place, &all).await;
    assert_eq!((before.due, before.locked), (1, 3));
    let lock = |kind| before.locks[&kind];
    assert_eq!((lock(LockKind::Governance).count, lock(LockKind::Governance).until), (1, Some(until)));
    assert_eq!(lock(LockKind::Compliance).until, Some(until + Duration::days(1)));
    assert_eq!(lock(LockKind::LegalHold).until, None);
    assert_eq!(purge(&place, &all, 100).await, 1);
    let left: Vec<String> = place.keys().await.into_iter().collect();
    assert_eq!(left, ["compliant", "governed", "held"]);
    // The store's own word: it refuses whoever tries.
    let names: Vec<String> = left.clone();
    let mut linked = all.clone();
    linked.start = StartCondition::Linked;
    let prospects = place.source().await.prospects(&linked, &names).await.unwrap();
    assert_eq!(prospects, [Prospect::CannotGo; 3]);
    let bypassing = S3Options { bypass_governance: true, ..place.options() };
    let disposer = S3Disposer::open("bucket", &bypassing, &Place::credentials()).await.unwrap();
    dispose_all(&disposer, &all, 100, &AcceptedIntents::default()).await.unwrap();
    let left: Vec<String> = place.keys().await.into_iter().collect();
    assert_eq!(left, ["compliant", "held"], "a bypass is for governance only");
    assert!(disposer.finish().await.unwrap().contains(&"s3-governance-bypass"));
}

#[tokio::test]
async fn odd_keys_go_and_their_neighbours_stay() {
    let odd = [
        "a b+c",
        "a%2Fb",
        "%",
        "+",
        "a&<>\"'b",
        "é中🦀",
        "e\u{301}",
        "trailing ",
        "tab\there",
        "line\nbreak",
        "cr\rhere",
        "=;,?#",
        "..x",
        "'",
        "~",
        "*",
        "a:b",
        "NULL",
        "null;1;x",
    ];
    let place = Place::new(Versioning::Enabled).await;
    let odd: Vec<&str> = odd.iter().chain(rare_keys()).copied().collect();
    for key in &odd {
        place.put(&format!("go/{key}"), "x").await;
        place.put(&format!("stay/{key}"), "x").await;
    }
    place.put(&format!("go/{}", "k".repeat(1024 - 3 - place.prefix.len())), "x").await;
    place.put("gone", "x").await;
    place.put("go", "x").await;
    let before = place.lines().await;
    let wanted = selection(&place, "go/{file*}", 2100).await;
    let gone = purge(&place, &wanted, 7).await;
    let expected = before.into_iter().filter(|(key, ..)| !key.starts_with("go/")).collect();
    assert_eq!(place.lines().await, expected);
    assert_eq!(gone, odd.len() + 1);
}

#[tokio::test]
async fn an_object_that_a_row_names_goes_whole_or_not_at_all() {
    let place = Place::new(Versioning::Enabled).await;
    for content in ["1", "2"] {
        place.put("a", content).await;
        place.put("a-b", content).await;
    }
    place.hide("a").await;
    place.begin_upload("a").await;
    let mut linked = selection(&place, "{file}", 2100).await;
    linked.start = StartCondition::Linked;
    let name = |key: &str| format!("{}{key}", place.prefix);
    let names = [name("a"), name("none"), "elsewhere/a".to_owned()];
    let source = place.source().await;
    let prospects = source.prospects(&linked, &names).await.unwrap();
    assert_eq!(prospects, [Prospect::Going, Prospect::Absent, Prospect::CannotGo]);
    let keys: Vec<RecordKey> = names.iter().map(RecordKey::text).collect();
    let range = BatchRange { after: None, up_to: None, due: None, records_max: 10 };
    let batch = Batch { selection: linked.clone(), range, only_keys: Some(keys.clone()) };
    let intents = AcceptedIntents::default();
    let outcome = place.disposer().await.dispose(&batch, &intents).await.unwrap();
    let group = &outcome.groups[0];
    assert_eq!((group.disposed.len(), group.already_absent.len(), group.kept.len()), (4, 1, 1));
    assert!(group.disposed.iter().all(|key| key.0.len() == 2), "each version stands by itself");
    let dataset = linked.address.dataset.clone();
    let seen = source.observe(&linked, &DatasetKeys { dataset, keys: keys[..2].to_vec() }).await.unwrap();
    assert!(seen.iter().all(|one| one.state == ObservedState::Absent));
    assert_eq!(place.lines().await.len(), 2, "what only begins with the name is another object");
    assert_eq!(place.uploads().await, 0);
}

#[tokio::test]
async fn tags_are_anonymized_and_content_is_not() {
    let place = Place::new(Versioning::Enabled).await;
    let id = place.put_tagged("a", "x", &[("who", "anna"), ("city", "Lyon"), ("other", "thing")]).await;
    let mut wanted = selection(&place, "{file}", 2100).await;
    let field = |name: &str, transform| FieldTransform {
        column: format!("tag('{name}')"),
        value_type: ValueType::Text,
        transform,
    };
    let replace = Transform::Replace { text: "x".to_owned() };
    wanted.disposal = Disposal::Anonymize {
        fields: vec![field("who", Transform::Null), field("city", replace.clone())],
        marker: None,
    };
    assert_eq!(survey(&place, &wanted).await.due, 1);
    assert_eq!(purge(&place, &wanted, 10).await, 1);
    let after = survey(&place, &wanted).await;
    assert_eq!((after.due, after.already_done), (0, 1));
    let key = format!("{}a", place.prefix);
    let call = place.client.get_object_tagging().bucket(&place.bucket).key(key).version_id(id);
    let tags = call.send().await.unwrap();
    let mut tags: Vec<(&str, &str)> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    tags.sort_unstable();
    assert_eq!(tags, [("city", "x"), ("other", "thing")]);
    wanted.disposal = Disposal::Anonymize {
        fields: vec![FieldTransform {
            column: "metadata('who')".to_owned(),
            value_type: ValueType::Text,
            transform: replace,
        }],
        marker: None,
    };
    let refused = place.source().await.survey(&wanted).await;
    assert!(matches!(refused, Err(ConnectorError::NotSupported { .. })), "{refused:?}");
}

/// Writes over an object at the moment of the intent.
struct Overwriting<'a> {
    place: &'a Place,
    key: &'a str,
}

#[async_trait]
impl IntentSink for Overwriting<'_> {
    async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
        self.place.put(self.key, "written meanwhile").await;
        Ok(())
    }
}

/// Not so on Ceph 16, which heeds no condition of a deletion.
#[tokio::test]
async fn what_is_written_meanwhile_stays_where_the_store_heeds_conditions() {
    for key in ["a", "line\nbreak"] {
        let place = Place::new(Versioning::Never).await;
        place.put(key, "old").await;
        place.put("other", "old").await;
        let all = selection(&place, "{file}", 2100).await;
        let range = BatchRange { after: None, up_to: None, due: None, records_max: 10 };
        let batch = Batch { selection: all.clone(), range, only_keys: None };
        let sink = Overwriting { place: &place, key };
        let outcome = place.disposer().await.dispose(&batch, &sink).await.unwrap();
        let group = &outcome.groups[0];
        assert_eq!((group.disposed.len(), group.kept.len()), (1, 1), "{key:?}");
        assert_eq!(group.kept[0].reason, KeptReason::ChangedSincePlan);
        assert_eq!(place.keys().await.into_iter().collect::<Vec<_>>(), [key]);
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_any_key() {
    let place = Place::new(Versioning::Enabled).await;
    place.put("anna@example.org", "x").await;
    let wanted = selection(&place, "{file}", 2100).await;
    let told = |options: S3Options, credentials: Credentials| {
        let wanted = wanted.clone();
        async move {
            let source = S3Source::open("bucket", &options, &credentials).await.unwrap();
            let error = source.survey(&wanted).await.unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("anna") && !said.contains("secret"), "{said}");
            error
        }
    };
    let wrong = |secret: &str| Credentials::Static {
        access_key: "nobody".to_owned(),
        secret_key: secret.to_owned(),
        session_token: None,
    };
    let denied = told(place.options(), wrong("secret")).await;
    assert!(matches!(denied, ConnectorError::Denied { .. }), "{denied}");
    let anonymous = told(place.options(), Credentials::Anonymous).await;
    assert!(matches!(anonymous, ConnectorError::Denied { .. }), "{anonymous}");
    let nowhere = S3Options { bucket: "there-is-none".to_owned(), ..place.options() };
    let missing = told(nowhere, Place::credentials()).await;
    assert!(missing.to_string().contains("no such bucket"), "{missing}");
    let closed = S3Options { endpoint: Some("http://127.0.0.1:9".to_owned()), ..place.options() };
    let closed = told(closed, Place::credentials()).await;
    assert!(matches!(closed, ConnectorError::Unreachable { .. }), "{closed}");
}

#[tokio::test]
async fn the_store_tells_its_own_time() {
    let place = Place::new(Versioning::Enabled).await;
    let told = place.source().await.store_clock().await.unwrap().expect("a time");
    #[expect(clippy::disallowed_methods, reason = "compared with the clock of the machine that runs both")]
    let here = Utc::now();
    assert!((told - here).abs() < Duration::minutes(1), "{told} {here}");
}
