//! The command line without any project.

use super::*;
use clap::Parser as _;
use clap::error::ErrorKind;

fn parsed(arguments: &[&str]) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(std::iter::once("oubliette").chain(arguments.iter().copied()))
}

#[track_caller]
fn check_refused(arguments: &[&str], expected: ErrorKind) {
    assert_eq!(parsed(arguments).unwrap_err().kind(), expected);
}

#[test]
fn the_definition_of_the_command_line_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_of_this_version_is_in_the_table_and_no_other() {
    let names: Vec<String> = command_table().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "init",
        "demo",
        "check",
        "plan",
        "show",
        "explain",
        "approve",
        "apply",
        "hold",
        "requests",
        "erase",
        "locate",
        "export",
        "replay",
        "status",
        "daemon",
        "schedule",
        "scan",
        "accept-clock",
        "notify",
        "certificates",
        "verify",
        "schema",
        "grants",
        "completions",
    ];
    assert_eq!(names, expected);
}

#[test]
fn every_command_says_what_it_does_and_how_it_exits() {
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} says nothing");
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Exit status"), "{name} does not say how it exits");
    }
}

#[test]
fn exactly_one_thing_is_approved_at_a_time_and_by_somebody() {
    check_refused(&["approve"], ErrorKind::MissingRequiredArgument);
    check_refused(&["approve", "latest"], ErrorKind::MissingRequiredArgument);
    check_refused(&["approve", "latest", "--standing", "p/r", "--as", "dpo"], ErrorKind::ArgumentConflict);
    assert!(parsed(&["approve", "latest", "--as", "dpo", "--note", "n"]).is_ok());
    assert!(parsed(&["approve", "--standing", "p/r", "--as", "dpo"]).is_ok());
    assert!(parsed(&["approve", "--revoke", "p/r"]).is_ok());
}

#[test]
fn a_hold_needs_a_scope_and_somebody_who_answers_for_it() {
    let common = ["--matter", "m", "--reason", "r", "--owner", "o"];
    let add = |scope: &[&str]| parsed(&[&["hold", "add"], scope, &common].concat());
    assert_eq!(add(&[]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    assert_eq!(add(&["--where", "a = 1"]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
    assert!(add(&["--dataset", "d", "--where", "a = 1"]).is_ok());
    assert!(add(&["--subject", "email=a@b"]).is_ok());
    assert!(parsed(&["hold", "add", "--dataset", "d"]).is_err());
}

#[test]
fn the_language_is_what_was_asked_for_then_the_environment_s() {
    let plain = parsed(&["status"]).unwrap();
    let asked = parsed(&["status", "--lang", "fr"]).unwrap();
    assert_eq!(language(&asked, Some("en_US.UTF-8")), (Language::Fr, true));
    assert_eq!(language(&plain, Some("fr_FR.UTF-8")), (Language::Fr, true));
    assert_eq!(language(&plain, Some("C")), (Language::En, false));
    assert_eq!(language(&plain, None), (Language::En, false));
}

#[test]
fn help_is_data_and_a_wrong_argument_is_not() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = parse(["oubliette", "--help"].map(OsString::from), &mut out, &mut err);
    assert_eq!(ended.unwrap_err(), ExitStatus::Done);
    assert!(String::from_utf8(out).unwrap().contains("130  interrupted") && err.is_empty());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = parse(["oubliette", "erase"].map(OsString::from), &mut out, &mut err);
    assert_eq!(ended.unwrap_err(), ExitStatus::Usage);
    assert!(out.is_empty() && !err.is_empty());
}

#[test]
fn the_words_of_a_command_are_its_own() {
    let words = |arguments: &[&str]| {
        let all = std::iter::once(&"oubliette").chain(arguments).map(OsString::from);
        read(all).unwrap().words
    };
    assert_eq!(words(&["status"]), "status");
    assert_eq!(words(&["accept-clock", "--as", "jo@example.org", "--reason", "r"]), "accept-clock");
    assert_eq!(words(&["requests", "receive", "--identity", "email=jo@example.org"]), "requests receive");
}
