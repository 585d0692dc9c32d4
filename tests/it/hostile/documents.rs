//! Documents: each fault is told with its place and a hint, in bounded time, and nothing panics.

use crate::scenario::{DATA_MAP, POLICY, SETTINGS};
use crate::support::{Answer, Project};
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

fn project() -> Project {
    static TEMPLATE: LazyLock<Project> = LazyLock::new(|| Project::new(SETTINGS, DATA_MAP, POLICY));
    TEMPLATE.copy()
}

/// `check --offline` refuses the document in time, and says where the fault is.
#[track_caller]
fn refused(file: &str, text: &str) -> Answer {
    let project = project();
    project.write(file, text);
    let began = Instant::now();
    let answer = project.run(&["--log", "trace", "check", "--offline"]);
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
    let said = format!("{}{}", answer.stdout, answer.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(answer.code, Some(2), "{}\n{}", &text[..text.len().min(3_000)], answer.stdout);
    assert!(said.len() < 100_000, "{} bytes are said", said.len());
    answer
}

/// As [`refused`], with the place `file:line:column` and something that helps.
#[track_caller]
fn check(file: &str, text: &str, line: usize, said: &str) {
    let answer = refused(file, text);
    let place = format!("{file}:{line}:");
    assert!(answer.stdout.contains(&place), "no {place} in\n{}", answer.stdout);
    assert!(answer.stdout.contains(said), "no {said:?} in\n{}", answer.stdout);
}

/// The line on which `text` has `part`, from 1.
fn line_of(text: &str, part: &str) -> usize {
    text[..text.find(part).unwrap()].matches('\n').count() + 1
}

/// The policy with one part replaced: the fault is on the line of that part.
#[track_caller]
fn check_policy(part: &str, by: &str, said: &str) {
    assert!(POLICY.contains(part));
    check("policies/policy.yaml", &POLICY.replacen(part, by, 1), line_of(POLICY, part), said);
}

#[track_caller]
fn check_data_map(part: &str, by: &str, said: &str) {
    assert!(DATA_MAP.contains(part));
    check("data-map.yaml", &DATA_MAP.replacen(part, by, 1), line_of(DATA_MAP, part), said);
}

#[test]
fn a_key_given_twice_is_an_error() {
    let twice = POLICY.replacen("retain_for: P3Y", "retain_for: P3Y\n    retain_for: P9Y", 1);
    check("policies/policy.yaml", &twice, line_of(&twice, "retain_for: P9Y"), "a second time");
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest() {
    check_policy("retain_for: P3Y", "retain_fro: P3Y", "retain_for");
    check("oubliette.yaml", &SETTINGS.replace("author:", "autor:"), line_of(SETTINGS, "author:"), "author");
    check_data_map("record_type: prospect", "recordtype: prospect", "record_type");
}

#[test]
fn a_wrong_type_is_an_error() {
    check_policy("version: 1", "version: [1]", "version");
    check_policy("version: 1", "version: one", "version");
    check_policy("retain_for: P3Y", "retain_for: {years: 3}", "retain_for");
    check_policy("retain_for: P3Y", "retain_for: three years", "P");
    check_data_map("table: prospects", "table: {a: b}", "table");
}

#[test]
fn anchors_that_explode_do_not() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![before; 10].join(", ")).unwrap();
    }
    refused("policies/policy.yaml", &bomb);
    refused("policies/policy.yaml", "a: &a [*a]\n");
    refused("policies/policy.yaml", "a: &a {b: *a}\n<<: *a\n");
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        refused(
            "policies/policy.yaml",
            &format!("rules: {}{}\n", open.repeat(100_000), close.repeat(100_000)),
        );
        refused("data-map.yaml", &open.repeat(100_000));
    }
}

#[test]
fn a_huge_file_is_refused() {
    refused("policies/policy.yaml", &format!("{POLICY}\n# {}\n", "x".repeat(5_000_000)));
    refused("policies/policy.yaml", &"- a\n".repeat(1_250_000));
    refused("data-map.yaml", &format!("datasets: [{}]", "{name: a},".repeat(500_000)));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let project = project();
    for bytes in [&b"\xff\xfe\x00\x01"[..], b"rules: \x00", b"policy: \xc3\x28\n", b"\x1b[2J: 1\n"] {
        std::fs::write(project.path("policies/policy.yaml"), bytes).unwrap();
        let answer = project.run(&["check", "--offline"]).expect(2);
        let said = format!("{}{}", answer.stdout, answer.stderr);
        assert!(!said.contains("panicked") && !said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_predicate_is_a_short_list_of_things_and_nothing_else() {
    for predicate in [
        "country IN (SELECT name FROM sqlite_master)",
        "1 = 1; DROP TABLE prospects",
        "country = 'FR' -- and no more",
        "country = 'FR' /* and no more",
        "((country = 'FR')",
        "country = 'FR",
        "country = $1",
        "load_extension('x') = 1",
        "country = 'FR' UNION SELECT 1",
        "",
    ] {
        check_policy("country IN ('FR', 'BE')", predicate, "where");
    }
}

#[test]
fn a_predicate_that_nests_without_end_is_refused() {
    for predicate in [
        format!("{}country = 'FR'{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{} country = 'FR'", "NOT ".repeat(50_000)),
        format!("country = 'FR'{}", " OR country = 'FR'".repeat(50_000)),
        format!("country IN ({})", vec!["'x'"; 200_000].join(",")),
        format!("country LIKE '{}'", "%a".repeat(50_000)),
    ] {
        refused("policies/policy.yaml", &POLICY.replace("country IN ('FR', 'BE')", &predicate));
    }
}

#[test]
fn a_template_never_leaves_its_root() {
    for template in [
        "../receipts/{year}/{customer_id}/{file}",
        "receipts/../../{year}/{customer_id}/{file}",
        "/receipts/{year}/{customer_id}/{file}",
        "receipts/./{year}/{customer_id}/{file}",
        "receipts//{year}/{customer_id}/{file}",
        "receipts/{year}/{year}/{customer_id}",
        "receipts/{year/{customer_id}/{file}",
        "receipts/{year}{customer_id}",
        "",
    ] {
        check_data_map("receipts/{year}/{customer_id}/{file}", template, "key");
    }
}
