//! Counts, shapes and facts.

use super::*;
use crate::port::RecordSource;
use crate::selection::DoubtReason;
use crate::value::Value;

/// `{year}-{month}` from the path, due until the end of 2019.
fn by_month() -> Selection {
    let mut selection = selection("receipts/{year}/{month}/{customer}/{file}");
    selection.start = event(text_field("{year}-{month}"), StartEncoding::CivilMonth, 2020);
    selection
}

fn receipts() -> Place {
    Place::with_files(&[
        "receipts/2008/05/c1/a.pdf",
        "receipts/2019/12/c1/b.pdf",
        "receipts/2019/12/c2/c.pdf",
        "receipts/2019/13/c1/bad.pdf",
        "receipts/2020/01/c1/d.pdf",
        "receipts/2020/02/c3/e.pdf",
        "receipts/2101/01/c3/f.pdf",
        "receipts/notes.txt",
        "receipts/2019/12/c1/deeper/g.pdf",
        "other/2019/12/c1/h.pdf",
    ])
}

#[tokio::test]
async fn a_survey_counts_every_file_of_the_dataset_once() {
    let place = receipts();
    let survey = place.source().survey(&held(by_month(), "hold-1", "customer", "C2")).await.unwrap();
    assert_eq!((survey.total, survey.in_scope), (7, 7));
    assert_eq!((survey.due, survey.overdue, survey.held, survey.not_yet_due), (2, 1, 1, 2));
    assert_eq!(survey.held_by.get("hold-1"), Some(&1));
    assert_eq!(survey.undecidable.get(&DoubtReason::StartUnreadable), Some(&1));
    assert_eq!(survey.undecidable.get(&DoubtReason::StartInFuture), Some(&1));
    assert_eq!(texts(&survey.due_samples), ["receipts/2008/05/c1/a.pdf", "receipts/2019/12/c1/b.pdf"]);
    assert_eq!(survey.oldest_due_at.unwrap().to_rfc3339(), "2008-05-31T00:00:00+00:00");
    assert_eq!(survey.newest_due_at.unwrap().to_rfc3339(), "2019-12-31T00:00:00+00:00");
    assert_eq!(survey.due_bytes, 50);
}

#[tokio::test]
async fn pruning_by_the_path_loses_no_due_file() {
    let place = receipts();
    let page = place.source().page(&by_month(), None, 100).await.unwrap();
    let keys: Vec<RecordKey> = page.records.into_iter().map(|record| record.key).collect();
    let expected = ["receipts/2008/05/c1/a.pdf", "receipts/2019/12/c1/b.pdf", "receipts/2019/12/c2/c.pdf"];
    assert_eq!(texts(&keys), expected);
    let survey = place.source().survey(&by_month()).await.unwrap();
    assert_eq!(survey.due, 3);
    assert_eq!(disposed(&dispose_all(&place.disposer(), &by_month()).await), expected);
}

#[tokio::test]
async fn every_year_and_month_is_found_due_by_page_exactly_when_the_survey_says_so() {
    let place = Place::new();
    for year in 2018..2022 {
        for month in 1..=12 {
            place.file(&format!("receipts/{year}/{month:02}/c/x"));
        }
    }
    for (encoding, name) in [
        (StartEncoding::CivilMonth, "{year}-{month}"),
        (StartEncoding::CivilYear, "{year}"),
        (StartEncoding::CivilDate, "{year}-{month}-01"),
        (StartEncoding::InstantText, "{year}-{month}-01T00:00:00Z"),
    ] {
        let mut selection = by_month();
        selection.start = event(text_field(name), encoding, 2020);
        let survey = place.source().survey(&selection).await.unwrap();
        let page = place.source().page(&selection, None, 1000).await.unwrap();
        assert_eq!(survey.total, 48);
        assert!(survey.due >= 24, "{name}: {}", survey.due);
        assert_eq!(u64::try_from(page.records.len()).unwrap(), survey.due, "{name}");
    }
}

#[tokio::test]
async fn the_shape_lists_what_a_file_has_and_nothing_else() {
    let place = receipts();
    let shape = place.source().inspect(&by_month().address).await.unwrap();
    let names: Vec<&str> = shape.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["key", "size", "last_modified", "year", "month", "customer", "file"]);
    assert_eq!(shape.key, ["key"]);
    let table = DatasetAddress {
        location: Location::Table { schema: None, table: "t".to_owned() },
        ..by_month().address
    };
    assert!(matches!(place.source().inspect(&table).await, Err(ConnectorError::SchemaDrift { .. })));
}

#[tokio::test]
async fn facts_are_the_attributes_and_captures_of_one_file() {
    let place = receipts();
    let key = "receipts/2008/05/c1/a.pdf";
    place.modified_in(key, 2008);
    let facts = place.source().facts(&by_month(), &RecordKey::text(key)).await.unwrap().unwrap();
    let expected = [
        ("customer", Value::Text("c1".to_owned())),
        ("file", Value::Text("a.pdf".to_owned())),
        ("key", Value::Text(key.to_owned())),
        ("last_modified", Value::Instant(at(2008))),
        ("month", Value::Text("05".to_owned())),
        ("size", Value::Int(25)),
        ("year", Value::Text("2008".to_owned())),
        ("{year}-{month}", Value::Text("2008-05".to_owned())),
    ];
    assert!(facts.fields.into_iter().eq(expected.map(|(name, value)| (name.to_owned(), value))));
    // The status changed when the test wrote the file, whatever its date says.
    assert!(facts.changed_at.unwrap() > at(2008));
    for key in ["receipts/notes.txt", "receipts/2008/05/c1/none.pdf", "../x"] {
        assert_eq!(place.source().facts(&by_month(), &RecordKey::text(key)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn of_a_request_that_names_its_files_nothing_else_is_looked_at() {
    let place = receipts();
    place.file("receipts/2019/12/c1/twice.pdf");
    std::fs::hard_link(place.path("receipts/2019/12/c1/twice.pdf"), place.outside().join("x")).unwrap();
    link(&place.path("receipts/2008/05/c1/a.pdf"), &place.path("receipts/2019/12/c1/link.pdf"));
    link(&place.path("receipts/2008"), &place.path("receipts/2018"));
    // A walk meets this one, and cannot tell whose it is.
    link(&place.path("receipts/2008"), &place.path("receipts/2017"));
    let names = [
        "receipts/2019/12/c1/b.pdf",
        "receipts/2008/05/c1/a.pdf",
        "receipts/2020/02/c3/e.pdf",
        "receipts/2101/01/c3/f.pdf",
        "receipts/2019/12/c1/twice.pdf",
        "receipts/2019/12/c1/link.pdf",
        "receipts/2018/05/c1/a.pdf",
        "receipts/2019/12/c1/absent.pdf",
        "receipts/2019/12/c1/../c1/b.pdf",
        "other/2019/12/c1/h.pdf",
        "receipts/2019/12/c1/b.pdf",
    ];
    let mut named = selection("receipts/{year}/{month}/{customer}/{file}");
    named.start = StartCondition::OnRequest;
    named.scope = Predicate::one_of(text_field("key"), names.map(|name| Value::Text(name.to_owned())));
    let named = held(named, "hold-1", "customer", "c3");
    let survey = place.source().survey(&named).await.unwrap();
    assert_eq!((survey.total, survey.in_scope), (7, 7), "{survey:?}");
    assert_eq!((survey.due, survey.held), (2, 2), "{survey:?}");
    assert_eq!(survey.undecidable.get(&DoubtReason::SeveralNames), Some(&1));
    assert_eq!(survey.undecidable.get(&DoubtReason::NoRegularFile), Some(&2));
    let due = ["receipts/2008/05/c1/a.pdf", "receipts/2019/12/c1/b.pdf"];
    assert_eq!(texts(&survey.due_samples), due);
    let source = place.source();
    let first = source.page(&named, None, 1).await.unwrap();
    assert!(!first.exhausted);
    let second = source.page(&named, Some(&first.records[0].key), 1).await.unwrap();
    let third = source.page(&named, Some(&second.records[0].key), 1).await.unwrap();
    assert!(third.exhausted && third.records.is_empty());
    let keys: Vec<RecordKey> =
        [first, second].into_iter().flat_map(|page| page.records).map(|one| one.key).collect();
    assert_eq!(texts(&keys), due);
    assert_eq!(disposed(&dispose_all(&place.disposer(), &named).await), due);
    assert!(place.has("receipts/2019/12/c1/twice.pdf") && place.has("receipts/2020/02/c3/e.pdf"));
}

#[tokio::test]
async fn a_rule_that_names_files_finds_those_that_are_due_and_counts_over_all() {
    let place = receipts();
    let mut named = by_month();
    let names = ["receipts/2019/12/c1/b.pdf", "receipts/2020/01/c1/d.pdf", "receipts/2019/12/c1/absent.pdf"];
    named.scope = Predicate::one_of(text_field("key"), names.map(|name| Value::Text(name.to_owned())));
    let survey = place.source().survey(&named).await.unwrap();
    assert_eq!((survey.total, survey.in_scope, survey.due, survey.not_yet_due), (7, 2, 1, 1));
    assert_eq!(disposed(&dispose_all(&place.disposer(), &named).await), ["receipts/2019/12/c1/b.pdf"]);
}

#[tokio::test]
async fn whose_files_are_looked_for_may_have_some_that_cannot_go() {
    let place = Place::with_files(&["mail/jo/a.txt", "mail/jo/twice.txt", "mail/kim/b.txt"]);
    std::fs::hard_link(place.path("mail/jo/twice.txt"), place.path("mail/jo/again.txt")).unwrap();
    link(&place.path("mail/kim/b.txt"), &place.path("mail/jo/link.txt"));
    let mut of_jo = selection("mail/{who}/{file}");
    of_jo.start = StartCondition::OnRequest;
    of_jo.scope = Predicate::one_of(text_field("who"), [Value::Text("jo".to_owned())]);
    let (source, columns) = (place.source(), ["who".to_owned(), "key".to_owned()]);
    let first = source.rows(&of_jo, &columns, None, 3).await.unwrap();
    assert!(!first.exhausted);
    let last = source.rows(&of_jo, &columns, Some(&first.rows[2].key), 3).await.unwrap();
    assert!(last.exhausted);
    let rows: Vec<_> = first.rows.into_iter().chain(last.rows).collect();
    let keys: Vec<RecordKey> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(texts(&keys), ["mail/jo/a.txt", "mail/jo/again.txt", "mail/jo/link.txt", "mail/jo/twice.txt"]);
    assert!(rows.iter().all(|row| row.values[0] == Value::Text("jo".to_owned())));
    // A name that nothing can name is told, instead of being left out.
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"mail/jo/\xff.txt".as_slice());
    std::fs::write(place.root().join::<&std::ffi::OsStr>(name), "x").unwrap();
    let refused = source.rows(&of_jo, &columns, None, 10).await.unwrap_err();
    assert!(refused.to_string().contains("not Unicode"), "{refused}");
    of_jo.scope = Predicate::one_of(text_field("who"), [Value::Text("kim".to_owned())]);
    assert_eq!(source.rows(&of_jo, &columns, None, 10).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_name_longer_than_any_file_has_is_that_of_no_file() {
    let place = Place::with_files(&["mail/jo/a.txt"]);
    let mut named = selection("mail/{who}/{file}");
    named.start = StartCondition::OnRequest;
    let long = format!("mail/jo/{}", "z".repeat(300));
    let deep = format!("mail/{}/a.txt", "z".repeat(300));
    let names = [long.as_str(), deep.as_str(), "mail/jo/a.txt"].map(|name| Value::Text(name.to_owned()));
    named.scope = Predicate::one_of(text_field("key"), names);
    assert_eq!(place.source().survey(&named).await.unwrap().due, 1);
    assert_eq!(disposed(&dispose_all(&place.disposer(), &named).await), ["mail/jo/a.txt"]);
}
