//! What a batch removes, keeps, and says about it.

use super::*;
use crate::batch::{DatasetKeys, ObservedState};
use crate::port::RecordSource;
use std::os::unix::fs::PermissionsExt as _;

const TEMPLATE: &str = "{directory}/{file}";

#[tokio::test]
async fn only_files_at_or_before_the_cutoff_go_and_empty_directories_stay() {
    let place = Place::with_files(&["a/old", "a/young", "a/future", "b/old"]);
    place.modified_in("a/old", 2090);
    place.modified_in("a/young", 2091);
    place.modified_in("a/future", 2101);
    let sink = quiet();
    let outcome = place.disposer().dispose(&batch(&selection(TEMPLATE), None, 10), &sink).await.unwrap();
    assert_eq!(disposed(&outcome), ["a/old", "b/old"]);
    assert_eq!(sink.intended(), ["a/old", "b/old"]);
    assert!(outcome.exhausted && place.has("a/young") && place.has("a/future") && place.has("b"));
}

#[tokio::test]
async fn nothing_is_touched_before_the_intent_or_when_it_is_refused() {
    struct Refusing(PathBuf);
    #[async_trait]
    impl IntentSink for Refusing {
        async fn intend(&self, _: &Intended) -> Result<(), ConnectorError> {
            assert!(self.0.exists(), "the file is there when the intent is told");
            Err(ConnectorError::IntentRefused { reason: "a new hold".to_owned() })
        }
    }
    let place = Place::with_files(&["a/x", "a/y"]);
    let disposer = place.disposer();
    let request = batch(&selection(TEMPLATE), None, 1);
    let error = disposer.dispose(&request, &Refusing(place.path("a/x"))).await.unwrap_err();
    assert!(matches!(error, ConnectorError::IntentRefused { .. }));
    assert!(place.has("a/x") && place.has("a/y"));
    // The refused batch comes again, and is not passed over.
    assert_eq!(disposed(&disposer.dispose(&request, &quiet()).await.unwrap()), ["a/x"]);
}

#[tokio::test]
async fn a_file_changed_or_gone_after_the_intent_is_reported_as_such() {
    let place = Place::with_files(&["a/changed", "a/gone", "a/touched", "a/x", "b/gone"]);
    let sink = Sink::doing(|| {
        std::fs::write(place.path("a/changed"), "new content").unwrap();
        std::fs::remove_file(place.path("a/gone")).unwrap();
        std::fs::remove_dir_all(place.path("b")).unwrap();
        place.modified_in("a/touched", 1999);
    });
    let outcome = place.disposer().dispose(&batch(&selection(TEMPLATE), None, 10), &sink).await.unwrap();
    assert_eq!(disposed(&outcome), ["a/x"]);
    assert_eq!(absent(&outcome), ["a/gone", "b/gone"]);
    let changed = KeptReason::ChangedSincePlan;
    assert_eq!(kept(&outcome), [("a/changed".to_owned(), changed), ("a/touched".to_owned(), changed)]);
}

#[tokio::test]
async fn what_was_changed_after_the_plan_is_kept() {
    let place = Place::with_files(&["a/x"]);
    // The content is old by its date, but the change of that date is not.
    place.modified_in("a/x", 1990);
    let mut selection = selection(TEMPLATE);
    selection.unchanged_since = Some(at(2000));
    let outcome = place.disposer().dispose(&named(&selection, &["a/x"]), &quiet()).await.unwrap();
    assert_eq!(kept(&outcome), [("a/x".to_owned(), KeptReason::ChangedSincePlan)]);
    assert_eq!(place.source().survey(&selection).await.unwrap().changed_since_plan, 1);
    assert!(dispose_all(&place.disposer(), &selection).await.groups.is_empty());
}

#[tokio::test]
async fn held_files_stay_and_a_hold_that_comes_between_batches_counts() {
    let place = Place::with_files(&["a/1", "a/2", "b/1", "b/2"]);
    let disposer = place.disposer();
    let free = held(selection(TEMPLATE), "hold-1", "directory", "nobody");
    let first = disposer.dispose(&batch(&free, None, 1), &quiet()).await.unwrap();
    assert_eq!(disposed(&first), ["a/1"]);
    let strict = held(free, "hold-2", "directory", " A ");
    let second = disposer.dispose(&batch(&strict, Some("a/1"), 10), &quiet()).await.unwrap();
    assert_eq!(disposed(&second), ["b/1", "b/2"]);
    let by_name = disposer.dispose(&named(&strict, &["a/2"]), &quiet()).await.unwrap();
    assert_eq!(kept(&by_name), [("a/2".to_owned(), KeptReason::Held)]);
}

#[tokio::test]
async fn linked_files_are_judged_by_all_but_a_start() {
    let place = Place::with_files(&["a/held", "a/x", "b/x", "c/other"]);
    let mut linked = held(selection(TEMPLATE), "hold-1", "file", "held");
    linked.start = StartCondition::Linked;
    let keys = ["a/held", "a/none", "a/x", "a/x", "none", "none/x"];
    let sink = quiet();
    let outcome = place.disposer().dispose(&named(&linked, &keys), &sink).await.unwrap();
    assert_eq!(sink.intended(), ["a/x"]);
    assert_eq!(disposed(&outcome), ["a/x"]);
    assert_eq!(absent(&outcome), ["a/none", "none/x"]);
    let expected = [("a/held".to_owned(), KeptReason::Held), ("none".to_owned(), KeptReason::Refused)];
    assert_eq!(kept(&outcome), expected);
    assert!(place.has("b/x") && place.has("c/other"));
    let walk = place.disposer().dispose(&batch(&linked, None, 10), &quiet()).await;
    assert!(matches!(walk, Err(ConnectorError::NotSupported { .. })));
    assert!(place.source().page(&linked, None, 10).await.is_err());
    assert!(place.source().survey(&linked).await.is_err());
}

#[tokio::test]
async fn selections_made_for_other_stores_are_refused() {
    let place = Place::with_files(&["a/x"]);
    let mut anonymizing = selection(TEMPLATE);
    anonymizing.disposal = Disposal::Anonymize { fields: Vec::new(), marker: None };
    let mut linking = selection(TEMPLATE);
    linking.link_columns.push("file".to_owned());
    for selection in [anonymizing, linking] {
        let refused = place.disposer().dispose(&batch(&selection, None, 10), &quiet()).await;
        assert!(matches!(refused, Err(ConnectorError::NotSupported { .. })));
        assert!(place.source().survey(&selection).await.is_err());
    }
    assert!(place.has("a/x"));
}

#[tokio::test]
async fn files_of_many_directories_are_removed_and_seen_gone() {
    let keys: Vec<String> = (0..40).map(|number| format!("d{number:02}/x")).collect();
    let place = Place::with_files(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let disposer = place.disposer();
    let outcome = dispose_all(&disposer, &selection(TEMPLATE)).await;
    assert_eq!(disposed(&outcome), keys);
    let group = DatasetKeys {
        dataset: "files.all".to_owned(),
        keys: outcome.groups.first().unwrap().disposed.clone(),
    };
    let seen = place.source().observe(&selection(TEMPLATE), &group).await.unwrap();
    assert!(seen.iter().all(|one| one.state == ObservedState::Absent));
    assert_eq!(disposer.finish().await.unwrap(), ["directory-synced"]);
}

#[tokio::test]
async fn a_file_in_a_directory_without_the_right_to_write_is_kept_as_refused() {
    let place = Place::with_files(&["a/x", "b/x"]);
    std::fs::set_permissions(place.path("a"), std::fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere: then there is nothing to refuse, and both go.
    let writable = std::fs::write(place.path("a/probe"), "").is_ok();
    let outcome = dispose_all(&place.disposer(), &selection("{directory}/x")).await;
    std::fs::set_permissions(place.path("a"), std::fs::Permissions::from_mode(0o755)).unwrap();
    if writable {
        assert_eq!(disposed(&outcome), ["a/x", "b/x"]);
    } else {
        assert_eq!(disposed(&outcome), ["b/x"]);
        assert_eq!(kept(&outcome), [("a/x".to_owned(), KeptReason::Refused)]);
    }
}
