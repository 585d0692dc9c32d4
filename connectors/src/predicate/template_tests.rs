//! Key templates: what they match, what they refuse, and that pruning loses nothing.

use super::template::{KeyTemplate, TemplateError, render_start};
use chrono::NaiveDate;
use proptest::prelude::*;

#[track_caller]
fn check(template: &str, key: &str, expected: Option<&[(&str, &str)]>) {
    let captures = KeyTemplate::parse(template).unwrap().matches(key);
    let expected = expected
        .map(|pairs| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    assert_eq!(captures, expected, "{template} on {key}");
}

#[track_caller]
fn refuses(template: &str, expected: &TemplateError) {
    assert_eq!(KeyTemplate::parse(template).as_ref(), Err(expected), "{template}");
}

#[test]
fn a_whole_key_matches_or_nothing_does() {
    check("receipts/{year}/{file}", "receipts/2020/a.pdf", Some(&[("year", "2020"), ("file", "a.pdf")]));
    check("receipts/{year}/{file}", "receipts/20/a.pdf", None);
    check("receipts/{year}/{file}", "receipts/2020/a/b.pdf", None);
    check("receipts/{year}/{file}", "receipts/2020/", None);
    check("receipts/{year}/{file}", "xreceipts/2020/a", None);
    check("{a}.pdf", "x.pdf", Some(&[("a", "x")]));
    check("{a}.pdf", "x.pdf.pdf", Some(&[("a", "x.pdf")]));
    check("{a}.pdf", ".pdf", None);
    check("{a}-{b}", "1-2-3", Some(&[("a", "1"), ("b", "2-3")]));
    check("{a}-{b}-x", "--x", None);
    check("{a}-{year}-{b}", "x-y-2020-z", Some(&[("a", "x-y"), ("year", "2020"), ("b", "z")]));
    check("{a}é{b}", "ééé", Some(&[("a", "é"), ("b", "é")]));
    check("logs/{rest*}", "logs/a/b//c", Some(&[("rest", "a/b//c")]));
    check("logs/{rest*}", "logs/", None);
    check("logs/{a}-{rest*}", "logs/x/y-z", None);
    check("logs/{a}-{rest*}", "logs/x-y/z", Some(&[("a", "x"), ("rest", "y/z")]));
    check("{{{a}}}", "{1}", Some(&[("a", "1")]));
    check("a//b", "a//b", Some(&[]));
    check("a", "a/", None);
}

#[test]
fn a_template_that_could_be_misread_is_refused() {
    refuses("", &TemplateError::Empty);
    refuses("a/{b", &TemplateError::Unclosed { position: 3 });
    refuses("é}", &TemplateError::Unopened { position: 2 });
    refuses("{Ab}", &TemplateError::CaptureName { position: 1 });
    refuses("{}", &TemplateError::CaptureName { position: 1 });
    refuses("{year*}", &TemplateError::CaptureName { position: 1 });
    refuses("{a}/{a}", &TemplateError::Duplicate { position: 5, name: "a".to_owned() });
    refuses("{a}{b}", &TemplateError::Adjacent { position: 4, name: "b".to_owned() });
    refuses("{a*}/b", &TemplateError::RestNotLast { position: 1, name: "a".to_owned() });
    refuses("a\0", &TemplateError::Nul);
    refuses(&"a".repeat(1025), &TemplateError::TooLong);
    let many: Vec<String> = (0..33).map(|number| format!("{{a{number}}}/")).collect();
    refuses(&many.concat(), &TemplateError::TooManyCaptures);
}

#[test]
fn a_template_is_serialised_as_its_text() {
    let template = KeyTemplate::parse("a/{b}").unwrap();
    let json = serde_json::to_string(&template).unwrap();
    assert_eq!(json, "\"a/{b}\"");
    assert_eq!(serde_json::from_str::<KeyTemplate>(&json).unwrap(), template);
    assert!(serde_json::from_str::<KeyTemplate>("\"a/{b\"").is_err());
    assert_eq!(template.literal_prefix(), "a/");
    assert_eq!(KeyTemplate::parse("{a}").unwrap().literal_prefix(), "");
}

#[test]
fn a_start_is_composed_of_captures() {
    let captures = KeyTemplate::parse("{year}/{month}/{f}").unwrap().matches("2020/05/x").unwrap();
    assert_eq!(render_start(&captures, "{year}-{month}").as_deref(), Some("2020-05"));
    assert_eq!(render_start(&captures, "{year}{month}-01").as_deref(), Some("202005-01"));
    assert_eq!(render_start(&captures, "{day}"), None);
    assert_eq!(render_start(&captures, "{year"), None);
}

#[test]
fn a_directory_is_ruled_out_only_if_nothing_due_can_be_in_it() {
    let template = KeyTemplate::parse("r/{year}/{month}/{file}").unwrap();
    let cutoff = NaiveDate::from_ymd_opt(2020, 6, 15).unwrap();
    let check = |prefix: &str, expected| {
        assert_eq!(template.can_contain_due(prefix, "{year}-{month}", cutoff), expected, "{prefix}");
    };
    check("", true);
    check("r/", true);
    check("r/2020/", true);
    check("r/2021/", false);
    check("r/2020/06/", true);
    check("r/2020/07/", false);
    check("r/2020/07", true);
    check("r/2020/13/", true);
    check("x/", false);
    check("r/x/", false);
    check("r/2019/01/a/", false);
    assert!(template.can_contain_due("r/2021/", "last_modified", cutoff));
}

#[test]
fn a_hostile_key_does_not_take_for_ever() {
    let parts: Vec<String> = (0..30).map(|number| format!("{{a{number}}}-")).collect();
    let template = KeyTemplate::parse(&format!("{}x", parts.concat())).unwrap();
    assert_eq!(template.matches(&"-".repeat(100_000)), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn pruning_never_loses_a_due_key(
        template in prop::sample::select(vec![
            "r/{year}/{month}/{day}/{file}", "r/{year}/{month}/{rest*}", "{a}/{year}-{month}-{day}/{file}",
            "{a}/x{year}/{b}/{month}-{day}.{file}", "{rest*}", "{year}/{file}", "{year}{{x}}/{month}/{file}",
        ]),
        start in prop::sample::select(vec!["{year}", "{year}-{month}", "{year}-{month}-{day}"]),
        key in "(r|q)/x?20(19|20|21)([-/][a1])?[-/](0[1-3]|12)[-/](0[12]|31)[./]f(/g)?|20(19|20)(\\{x\\})?/0[12]/f",
        year in 2019_i32..2022, month in 1_u32..13, day in 1_u32..29,
    ) {
        let cutoff = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let template = KeyTemplate::parse(template).unwrap();
        let Some(captures) = template.matches(&key) else { return Ok(()) };
        let Some(text) = render_start(&captures, start) else { return Ok(()) };
        let encoding = match text.len() {
            4 => crate::StartEncoding::CivilYear,
            7 => crate::StartEncoding::CivilMonth,
            _ => crate::StartEncoding::CivilDate,
        };
        let reading = crate::start::read(&encoding, &crate::Value::Text(text));
        let crate::start::StartReading::On(date) = reading else { return Ok(()) };
        if date <= cutoff {
            for (at, _) in key.match_indices('/') {
                prop_assert!(template.can_contain_due(&key[..=at], start, cutoff), "{} {}", key, &key[..=at]);
            }
        }
    }

    #[test]
    fn no_text_makes_a_template_panic(text in "[a{}*/é0-]{0,12}|\\PC{0,20}", key in "\\PC{0,20}") {
        if let Ok(template) = KeyTemplate::parse(&text) {
            drop(template.matches(&key));
            std::hint::black_box(template.can_contain_due(&key, &text, NaiveDate::MAX));
            prop_assert_eq!(KeyTemplate::parse(template.text()).unwrap(), template);
        }
    }

    #[test]
    fn what_is_put_into_a_template_matches_it(parts in prop::collection::vec("[a-c.-]{1,3}", 4)) {
        let template = KeyTemplate::parse("{a}/p-{b}.{c}/{d*}").unwrap();
        let key = format!("{}/p-{}.{}/{}", parts[0], parts[1], parts[2], parts[3]);
        let captures = template.matches(&key).expect("it was made from the template");
        let again = format!("{}/p-{}.{}/{}", captures["a"], captures["b"], captures["c"], captures["d"]);
        prop_assert_eq!(again, key);
    }
}
