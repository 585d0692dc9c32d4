//! Tests of `plan::compile`.

use super::*;

#[test]
fn a_name_in_a_message_cannot_steer_the_terminal() {
    assert_eq!(name("a\u{1b}[2Jb"), "'a\\u{1b}[2Jb'");
    assert_eq!(name("é'"), "'é\\''");
    assert_eq!(name(&"x".repeat(500)).len(), NAME_SHOWN_MAX + 2);
}
