//! `schema` and `completions`: what editors and shells read. Neither needs a project.

use crate::cli::arguments::{Arguments, CompletionsArguments};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::views::JSON_FORMAT_VERSION;
use clap::CommandFactory;
use serde_json::json;

pub(in crate::cli) fn schema(output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    output.json(&crate::settings::schema::document_schema())?;
    Ok(ExitStatus::Done)
}

pub(in crate::cli) fn completions(
    wanted: &CompletionsArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut Arguments::command(), "oubliette", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "shell": wanted.shell.to_string(),
        "script": script,
    });
    output.answer(&json, |_| script)?;
    Ok(ExitStatus::Done)
}
