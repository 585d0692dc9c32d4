//! The walk yields every file once, in byte order of whole keys, from any cursor.

use super::*;
use crate::port::RecordSource;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Creates those of the keys that do not need a file to be a directory.
fn make(keys: &BTreeSet<String>) -> (Place, Vec<String>) {
    let place = Place::new();
    for key in keys {
        let path = place.path(key);
        if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
            std::fs::write(path, "x").unwrap();
        }
    }
    let mut made: Vec<String> = keys.iter().filter(|key| place.path(key).is_file()).cloned().collect();
    made.sort();
    (place, made)
}

async fn page_through(place: &Place, after: Option<&str>, records_max: u32) -> Vec<String> {
    let source = place.source();
    let selection = selection("{rest*}");
    let mut after = after.map(RecordKey::text);
    let mut keys = Vec::new();
    loop {
        let page = source.page(&selection, after.as_ref(), records_max).await.unwrap();
        keys.extend(page.records.iter().map(|record| texts(std::slice::from_ref(&record.key)).remove(0)));
        if page.exhausted {
            return keys;
        }
        assert_eq!(page.records.len(), records_max as usize, "a page that is not the last is full");
        after = page.records.last().map(|record| record.key.clone());
    }
}

fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    let component = "[-.!0a\u{e9}]{1,2}".prop_filter("a name", |name| !matches!(name.as_str(), "." | ".."));
    let key = prop::collection::vec(component, 1..4).prop_map(|components| components.join("/"));
    prop::collection::btree_set(key, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_of_any_size_from_any_cursor_yield_each_later_key_once_in_byte_order(
        keys in keys(),
        cursor in prop::option::of("[-.!0a/]{1,5}"),
        from_a_key: prop::sample::Index,
        records_max in 1_u32..9,
    ) {
        let (place, made) = make(&keys);
        let mut cursors = vec![None, cursor.clone()];
        if !made.is_empty() {
            cursors.push(Some(from_a_key.get(&made).clone()));
        }
        for cursor in cursors {
            let expected: Vec<String> =
                made.iter().filter(|key| cursor.as_ref().is_none_or(|cursor| *key > cursor)).cloned().collect();
            prop_assert_eq!(run(page_through(&place, cursor.as_deref(), records_max)), expected);
        }
    }

    #[test]
    fn batches_that_each_start_a_new_walk_dispose_of_each_file_once(keys in keys(), records_max in 1_u32..5) {
        let (place, made) = make(&keys);
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let request = batch(&selection("{rest*}"), after.as_deref(), records_max);
            // A new disposer knows nothing of the walk so far.
            let outcome = run(place.disposer().dispose(&request, &quiet())).unwrap();
            all.extend(disposed(&outcome));
            if outcome.exhausted {
                break;
            }
            after = outcome.last_key.map(|key| texts(&[key]).remove(0));
        }
        prop_assert_eq!(all, made);
    }
}

#[tokio::test]
async fn a_standing_walk_does_not_serve_another_selection() {
    let place = Place::with_files(&["a/1", "a/2", "b/1", "b/2"]);
    let source = place.source();
    let all = selection("{directory}/{file}");
    let first = source.page(&all, None, 1).await.unwrap();
    let after = first.records.last().map(|record| record.key.clone());
    let other = source.page(&selection("b/{file}"), after.as_ref(), 10).await.unwrap();
    assert_eq!(other.records.len(), 2);
    let strict = held(all.clone(), "hold-1", "file", "2");
    let rest = source.page(&strict, after.as_ref(), 10).await.unwrap();
    assert_eq!(rest.records.iter().map(|one| one.key.canonical()).collect::<Vec<_>>(), ["[\"b/1\"]"]);
}

#[tokio::test]
async fn only_keys_that_match_the_template_whole_are_yielded() {
    let place = Place::with_files(&["in/a/x", "in/a/deeper/x", "other/x", "in-between"]);
    assert_eq!(page_of(&place, "in/{directory}/{file}").await, ["in/a/x"]);
    assert_eq!(page_of(&place, "in{rest*}").await, ["in-between", "in/a/deeper/x", "in/a/x"]);
}

async fn page_of(place: &Place, template: &str) -> Vec<String> {
    let page = place.source().page(&selection(template), None, 100).await.unwrap();
    page.records.iter().map(|record| texts(std::slice::from_ref(&record.key)).remove(0)).collect()
}

#[tokio::test]
async fn a_tree_deeper_than_the_limit_is_kept_and_reported() {
    let place = Place::new();
    let deepest = "d/".repeat(64);
    place.file(&format!("{deepest}x"));
    place.file(&format!("{deepest}d/x"));
    let survey = place.source().survey(&selection("{rest*}")).await.unwrap();
    assert_eq!((survey.total, survey.due), (2, 1));
    assert_eq!(disposed(&dispose_all(&place.disposer(), &selection("{rest*}")).await).len(), 1);
    assert!(place.has(&format!("{deepest}d/x")));
}

#[tokio::test]
async fn a_path_longer_than_the_kernel_takes_is_walked_by_components() {
    let place = Place::new();
    let name = "n".repeat(250);
    let mut directory = rustix::fs::open(
        place.root(),
        rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    for _ in 0..30 {
        rustix::fs::mkdirat(&directory, name.as_str(), rustix::fs::Mode::RWXU).unwrap();
        directory = rustix::fs::openat(
            &directory,
            name.as_str(),
            rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
            rustix::fs::Mode::empty(),
        )
        .unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    drop(rustix::fs::openat(&directory, "x", flags, rustix::fs::Mode::RWXU).unwrap());
    let outcome = dispose_all(&place.disposer(), &selection("{rest*}")).await;
    assert_eq!(disposed(&outcome).len(), 1);
    assert_eq!(
        rustix::fs::accessat(&directory, "x", rustix::fs::Access::EXISTS, rustix::fs::AtFlags::empty()),
        Err(rustix::io::Errno::NOENT)
    );
}
