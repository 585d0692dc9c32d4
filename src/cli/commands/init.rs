//! `init`: a new project directory.

use crate::app::Environment;
use crate::cli::arguments::InitArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::init::{self, NewProject};
use crate::policy::Language;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::text::add_line;
use crate::views::words::start as words;
use serde_json::json;
use std::path::Path;

pub(in crate::cli) fn run(
    wanted: &InitArguments,
    environment: &Environment,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let documents = init::example(output.language);
    let made = init::create(&wanted.directory, &documents, environment.clock.now(), environment.ids.as_ref())
        .map_err(|error| Failure::from_init(&error))?;
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "directory": wanted.directory.display().to_string(),
        "files": made.files,
        "trust_root_fingerprint": made.trust_root_fingerprint,
    });
    output.answer(&json, |language| human(&wanted.directory, &made, language))?;
    Ok(ExitStatus::Done)
}

fn human(directory: &Path, made: &NewProject, language: Language) -> String {
    let mut page = words::INIT_MADE.fill(language, &[&directory.display()]) + "\n";
    for file in &made.files {
        add_line(&mut page, format_args!("  {file}"));
    }
    page.push_str(&words::INIT_FINGERPRINT.fill(language, &[&made.trust_root_fingerprint]));
    add_line(
        &mut page,
        format_args!("\n{}\n\n{}", words::INIT_KEEP_KEYS.text(language), words::INIT_NEXT.text(language)),
    );
    if directory != Path::new(".") {
        add_line(&mut page, format_args!("  cd {}", directory.display()));
    }
    let steps = [
        ("oubliette check --offline", words::INIT_STEP_CHECK),
        ("sqlite3 data/example.db < data/example.sql", words::INIT_STEP_EXAMPLE),
        ("oubliette check", words::INIT_STEP_LIVE),
        ("oubliette plan", words::INIT_STEP_PLAN),
    ];
    for (command, purpose) in steps {
        add_line(&mut page, format_args!("  {command:<44}# {}", purpose.text(language)));
    }
    page + words::INIT_STEP_EDIT.text(language) + "\n"
}
