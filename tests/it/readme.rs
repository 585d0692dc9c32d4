//! The README's tables and commands are those of the program.

use crate::support::binary;
use crate::tidy::root;
use oubliette::cli::command_table;
use oubliette::cli::exit::TABLE;
use std::fs;
use std::process::Command;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("there is a README")
}

/// The rows of the table whose header begins with `first` (any case), as cells without back quotes.
fn table(text: &str, first: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().replace('`', "").replace("oubliette ", "")).collect()
    };
    let mut lines = text.lines().skip_while(|line| {
        !line.trim_start().starts_with('|') || !cells(line)[0].to_lowercase().starts_with(first)
    });
    assert!(lines.next().is_some(), "the README has no table that begins with `{first}`");
    lines.skip(1).take_while(|line| line.trim_start().starts_with('|')).map(cells).collect()
}

#[test]
fn the_table_of_commands_is_that_of_the_program() {
    let rows = table(&readme(), "command");
    let named: Vec<&str> = rows.iter().map(|row| row[0].split_whitespace().next().unwrap()).collect();
    let expected: Vec<String> = command_table().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, expected, "names in the order of the help");
    for row in &rows {
        assert!(row.len() > 1 && !row[1].is_empty(), "{row:?} says nothing");
    }
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_program() {
    let rows = table(&readme(), "exit");
    let named: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let expected: Vec<String> = TABLE.iter().map(|(_, code, _)| code.to_string()).collect();
    assert_eq!(named, expected);
}

/// Commands of the program in fenced blocks and between back quotes, without prompts, comments and what
/// follows a pipe.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let one_line = text.replace("```", "").replace('\n', " ");
    let spans = one_line.split('`').skip(1).step_by(2);
    commands.extend(spans.filter(|span| span.starts_with("oubliette ")).map(str::to_owned));
    let fenced = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    commands.extend(
        fenced
            .map(|line| line.trim().trim_start_matches("$ "))
            .filter(|line| line.starts_with("oubliette "))
            .map(str::to_owned),
    );
    let marks = [" #", " |", " >", " &&", " \\"];
    for command in &mut commands {
        let end = marks.iter().filter_map(|mark| command.find(mark)).min();
        command.truncate(end.unwrap_or(command.len()));
    }
    commands
}

#[test]
fn every_command_in_the_readme_exists() {
    let commands = commands(&readme());
    assert!(commands.len() >= 5, "the tour has only {} commands", commands.len());
    for command in commands {
        // Words before the first value are the command; its help exists if the command does.
        let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
        words.push("--help");
        let answer = Command::new(binary()).args(&words).output().unwrap();
        let said = String::from_utf8_lossy(&answer.stdout);
        assert_eq!(answer.status.code(), Some(0), "{command}: {}", String::from_utf8_lossy(&answer.stderr));
        assert!(said.contains("Usage:"), "{command}: {said}");
        for option in words.iter().filter(|word| word.starts_with("--") && **word != "--help") {
            let name = option.split('=').next().unwrap();
            assert!(said.contains(name), "{command}: there is no {name}");
        }
    }
}
