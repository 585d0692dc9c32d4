//! The parser and the type checker: what is let through, what is refused, where and with which hint.

use super::*;
use proptest::prelude::*;

const KNOWN: [&str; 8] = ["Country", "age", "active", "born_on", "seen_at", "blob", "tag('x')", "odd"];

fn types(name: &str) -> Option<ValueType> {
    Some(match name {
        "Country" | "tag('x')" => ValueType::Text,
        "age" => ValueType::Int,
        "active" => ValueType::Bool,
        "born_on" => ValueType::Date,
        "seen_at" => ValueType::Instant,
        "blob" => ValueType::Bytes,
        "odd" => ValueType::Unknown,
        _ => return None,
    })
}

fn checked(text: &str) -> Result<Predicate, Vec<PredicateError>> {
    parse(text).map_err(|error| vec![error])?.check(&types, &KNOWN)
}

#[track_caller]
fn accepts(text: &str) {
    if let Err(errors) = checked(text) {
        panic!("{text}: {errors:?}");
    }
}

/// Each error as `line:column message (hint)`.
#[track_caller]
fn refuses(text: &str, expected: &[&str]) {
    let errors = checked(text).expect_err(text);
    let shown: Vec<String> = errors
        .iter()
        .map(|error| {
            let Position { line, column } = error.position;
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{line}:{column} {}{hint}", error.fault)
        })
        .collect();
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn the_language_is_let_through() {
    for text in [
        "country IN ('FR', 'BE') AND age >= 18",
        "NOT (active IS TRUE) OR active",
        "born_on BETWEEN '2000-01-01' AND DATE '2001-12-31'",
        "seen_at < TIMESTAMP '2020-01-01T00:00:00+02:00' AND seen_at <> '2019-01-01 00:00:00Z'",
        "lower(trim(Country)) NOT LIKE 'f\\_%' ESCAPE '\\'",
        "length(country) = 2 AND coalesce(country, '') <> ''",
        "tag('x') = 'y' OR odd IS NOT NULL OR blob IS NULL",
        "age = -1 AND age > 0.5 AND \"Country\" = 'it''s'",
        "age\n\t=\r\n1",
        "active IS NOT FALSE AND (age = 1) IS NOT TRUE",
    ] {
        accepts(text);
    }
}

#[test]
fn everything_else_is_refused_where_it_stands() {
    refuses(
        "age = (SELECT 1)",
        &["1:8 a subquery is not allowed in a predicate (compare with a list of values)"],
    );
    refuses(
        "sleep(1) = 0",
        &[
            "1:1 the function sleep() is not allowed in a predicate (the functions are lower, upper, length, trim, coalesce, tag, metadata)",
        ],
    );
    refuses(
        "loweer(country) = 'a'",
        &["1:1 the function loweer() is not allowed in a predicate (did you mean lower()?)"],
    );
    refuses("age + 1 = 2", &["1:5 arithmetic is not allowed in a predicate"]);
    refuses("age = 1; DROP TABLE x", &["1:8 ';' is not allowed in a predicate"]);
    refuses("age = 1 -- yes", &["1:9 a comment is not allowed in a predicate (put the comment in the YAML)"]);
    refuses("age = ?", &["1:7 a placeholder is not allowed in a predicate (write the value itself)"]);
    refuses("t.age = 1", &["1:2 '.' is not allowed in a predicate (write the name of the field alone)"]);
    refuses(
        "age::text = '1'",
        &[
            "1:4 a cast is not allowed in a predicate (write DATE 'YYYY-MM-DD' or TIMESTAMP 'YYYY-MM-DDTHH:MM:SSZ')",
        ],
    );
    refuses(
        "country LIKE 'a!%' ESCAPE '!'",
        &["1:27 an ESCAPE other than '\\' is not allowed in a predicate"],
    );
    refuses("country = E'a'", &["1:12 not a valid expression: expected AND, OR or the end"]);
    refuses("country = CURRENT_USER", &["1:11 there is no field 'CURRENT_USER'"]);
    refuses("age = 1\nAND country || 'a' = 'b'", &["2:13 '||' is not allowed in a predicate"]);
    refuses("age = 1 age", &["1:9 not a valid expression: expected AND, OR or the end"]);
    refuses("country = 'open", &["1:11 not a valid expression: expected the end of a quoted text or name"]);
    refuses("", &["1:1 not a valid expression: expected an expression"]);
    refuses("age IN ()", &["1:9 not a valid expression: expected an expression"]);
    refuses("age = 9223372036854775808", &["1:7 the literal is not a number that fits 64 bits"]);
    refuses(
        "trim(BOTH 'x' FROM country) = 'a'",
        &["1:11 trim with other characters than spaces is not allowed in a predicate"],
    );
}

#[test]
fn all_type_errors_come_at_once_with_hints() {
    refuses(
        "contry = 'FR' AND age = '18' AND active = 1 AND born_on = '2023-02-30' AND nonsense = 1",
        &[
            "1:1 there is no field 'contry' (did you mean 'Country'?)",
            "1:25 a whole number cannot be compared with text (write the number without quotes)",
            "1:43 a boolean cannot be compared with a whole number (write TRUE or FALSE)",
            "1:59 the literal is not a date of the form YYYY-MM-DD",
            "1:76 there is no field 'nonsense'",
        ],
    );
    refuses(
        "odd = 1",
        &[
            "1:1 a field of unknown type stands where a value of known type is needed (only IS NULL works on it; declare the type of the column)",
        ],
    );
    refuses(
        "age = NULL",
        &[
            "1:7 a comparison with NULL is not allowed in a predicate (it would never be true; write IS NULL or IS NOT NULL)",
        ],
    );
    refuses("age", &["1:1 a whole number stands where a boolean is needed"]);
    refuses("age LIKE '1%'", &["1:1 a whole number stands where text is needed"]);
    refuses("country LIKE 'a\\'", &["1:14 the literal is not a pattern: it ends in a lone backslash"]);
    refuses(
        "seen_at = '2020-01-01 00:00:00'",
        &["1:11 the literal is not an instant of the form YYYY-MM-DDTHH:MM:SSZ, or with an offset"],
    );
    refuses("age IN (1, age)", &["1:12 anything but a literal in a list is not allowed in a predicate"]);
}

#[test]
fn a_backslash_in_a_literal_is_a_backslash() {
    // One server's reading of this text swallows the AND; here there are two literals.
    let parsed = parse(r"country = '\' AND tag('x') = ' OR 1=1 -- '").unwrap();
    assert_eq!(parsed.fields().collect::<Vec<_>>(), ["country", "tag('x')"]);
    let predicate = checked(r"country = '\'").unwrap();
    let lookup = |text: &str| {
        let text = text.to_owned();
        predicate.evaluate(&move |_: &Field| Value::Text(text.clone()))
    };
    assert_eq!(lookup("\\"), Some(true));
    assert_eq!(lookup("'"), Some(false));
}

#[test]
fn a_name_in_another_case_is_found_if_it_is_the_only_one() {
    let both = |name: &str| ["Name", "NAME"].contains(&name).then_some(ValueType::Text);
    let errors = parse("name = 'a'").unwrap().check(&both, &["Name", "NAME"]).unwrap_err();
    assert_eq!(errors[0].fault, PredicateFault::AmbiguousField { name: "name".to_owned() });
    assert!(parse("NAME = 'a'").unwrap().check(&both, &["Name", "NAME"]).is_ok());
}

#[test]
fn bombs_are_refused_at_once() {
    for text in [
        "(".repeat(16_000),
        format!("{}age = 1{}", "(".repeat(65), ")".repeat(65)),
        "NOT ".repeat(4_000) + "active",
        "lower(".repeat(2_000),
        "age = - ".to_owned() + &"- ".repeat(4_000) + "1",
        format!("age IN ({}1)", "1, ".repeat(1_001)),
        "active AND ".repeat(1_400) + "active",
        "age BETWEEN ".repeat(1_000),
        "x".repeat(17_000),
        "a IS ".repeat(3_000),
        "NOT(".repeat(64) + "active",
        "coalesce(trim(lower(".repeat(21) + "country",
        "date ".repeat(3_000),
        "timestamp(".repeat(64),
    ] {
        assert!(parse(&text).is_err(), "{}…", &text[..20]);
    }
    accepts(&format!("{}age = 1{}", "(".repeat(60), ")".repeat(60)));
    accepts(&("active AND ".repeat(900) + "active"));
    accepts(&format!("age IN ({}1)", "1, ".repeat(990)));
}

#[test]
fn a_parsed_predicate_is_serialised_as_its_text_and_shows_none() {
    let parsed = parse("Country = 'secret'").unwrap();
    let json = serde_json::to_string(&parsed).unwrap();
    assert_eq!(json, "\"Country = 'secret'\"");
    assert_eq!(serde_json::from_str::<Parsed>(&json).unwrap(), parsed);
    assert!(serde_json::from_str::<Parsed>("\"Country = \"").is_err());
    assert!(!format!("{parsed:?} {:?}", checked("Country = 'secret'")).contains("secret"));
}

#[test]
fn an_error_never_quotes_a_literal() {
    for text in [
        "country 'secret'",
        "country = 'a' 'secret'",
        "country IN ('secret' 1)",
        "age = 'secret'",
        "born_on = 'secret'",
    ] {
        let shown = format!("{:?}", checked(text).unwrap_err());
        assert!(!shown.contains("secret"), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        drop(checked(&text));
    }

    #[test]
    fn no_run_of_words_makes_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "age", "country", "(", ")", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "NULL", "TRUE", "'a'", "1", "-",
            "=", "<", ",", "DATE", "TIMESTAMP", "trim", "coalesce", "tag", "ESCAPE", "'\\'", "DISTINCT", "FROM", "*", "\"", "é",
            "INTERVAL", "AT", "TIME", "ZONE", "UNION", "substring", "position", "extract", "overlay", "{", "}", "[", "@", "#",
        ]), 0..25)
    ) {
        drop(checked(&words.join(" ")));
    }
}
