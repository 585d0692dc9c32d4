//! Tests of `plan::file`.

use super::*;
use crate::plan::testing::plan;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let error = parse_plan(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn text() -> String {
    String::from_utf8(plan().canonical()).unwrap()
}

#[test]
fn a_plan_comes_back_as_it_was_written() {
    assert_eq!(read_plan(text().as_bytes()).unwrap(), plan());
    assert_eq!(parse_plan(format!("{}\n", text()).as_bytes()).unwrap(), plan());
    assert_eq!(plan().digest(), plan().digest());
    assert_ne!(plan().digest(), Plan { hold_revision: 9, ..plan() }.digest());
}

#[test]
fn a_plan_file_that_was_touched_is_refused() {
    check(&text().replace("\":", "\": "), "not in canonical form");
    check(&format!("{}\n\n", text()), "not in canonical form");
    check(&text().replacen("{\"as_of\"", "{\"unknown\":1,\"as_of\"", 1), "unknown field");
    check(&text().replacen("{\"as_of\"", "{\"simulated\":true,\"as_of\"", 1), "duplicate field");
    check(&text().replace("\"format_version\":1", "\"format_version\":2"), "format version 2");
    check(&text().replace("\"due\":5", "\"due\":6"), "items[0].counts");
    check(&text().replace("\"due\":5", "\"due\":18446744073709551615"), "items[0].counts");
    check(&text().replace("\"item\":0", "\"item\":7"), "items[0].item");
    check(&text().replace("2026-06-16T12", "2026-06-15T12"), "expires_at");
}

#[test]
fn a_hostile_file_costs_little_and_says_where() {
    check("", "line 1");
    check(&format!("{{\"x\":{}", "[".repeat(100_000)), "EOF");
    check("{\"format_version\":\"\u{1b}[2J\"}", "control character");
    check("{\"format_version\":1,\"\\u001b[2J\":1}", "\\u{1b}");
    let endless = std::io::repeat(b' ');
    assert!(matches!(read_plan(endless), Err(PlanFileError::TooLarge)));
}

proptest! {
    #[test]
    fn no_change_of_one_byte_goes_unnoticed(position in 0_usize..4_000, byte in any::<u8>()) {
        let mut bytes = plan().canonical();
        let position = position % bytes.len();
        prop_assume!(bytes[position] != byte);
        bytes[position] = byte;
        if let Ok(read) = parse_plan(&bytes) {
            prop_assert_ne!(read.digest(), plan().digest());
        }
    }
}
