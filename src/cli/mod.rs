//! The command line: arguments in, a status out (floor 8).
//!
//! [`run`] is the whole program with its surroundings as parameters, so that tests call it with
//! writers of their own. Data goes to standard output, everything else to standard error. Nothing
//! here decides what is due or touches a store: each command calls one use case of [`crate::app`]
//! and hands what comes back to [`crate::views`].

pub mod arguments;
mod commands;
pub mod exit;
pub mod failure;
pub mod output;
mod progress;
mod signals;

use crate::app::Environment;
use crate::policy::Language;
use crate::spans;
use arguments::{Arguments, Command};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use exit::ExitStatus;
use failure::Failure;
use output::Output;
use std::ffi::OsString;
use std::io::Write;
use tracing::Instrument as _;

/// What the program finds around it.
#[derive(Clone)]
pub struct Surroundings {
    pub environment: Environment,
    /// The language of the environment (`LC_ALL`, `LC_MESSAGES`, `LANG`), such as `fr_FR.UTF-8`.
    pub locale: Option<String>,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    pub stderr_is_terminal: bool,
}

impl From<Environment> for Surroundings {
    /// No terminal, no language.
    fn from(environment: Environment) -> Self {
        Self { environment, locale: None, no_color: true, stderr_is_terminal: false }
    }
}

/// Reads the command line. Help and version are answers too, hence the status.
///
/// # Errors
/// The status with which the program ends when there is nothing to run; what is to be said was
/// written.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    stdout: &mut (dyn Write + Send),
    stderr: &mut (dyn Write + Send),
) -> Result<Arguments, ExitStatus> {
    read(arguments).map_err(|error| {
        let (stream, status): (&mut (dyn Write + Send), _) =
            if error.use_stderr() { (stderr, ExitStatus::Usage) } else { (stdout, ExitStatus::Done) };
        // A reader that went away is no reason to fail, and there is no other place to say so.
        let _nobody_reads = write!(stream, "{}", error.render());
        status
    })
}

fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let mut definition = Arguments::command();
    let matches = definition.try_get_matches_from_mut(arguments)?;
    let read = Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))?;
    Ok(Arguments { words: words_of(&matches), ..read })
}

/// Which command it is, without anything that was said to it.
fn words_of(mut matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    while let Some((word, below)) = matches.subcommand() {
        words.push(word);
        matches = below;
    }
    words.join(" ")
}

/// The whole program: `arguments` begin with its name.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: impl Into<Surroundings>,
    stdout: &mut (dyn Write + Send),
    stderr: &mut (dyn Write + Send),
) -> ExitStatus {
    match parse(arguments, stdout, stderr) {
        Ok(arguments) => run_parsed(&arguments, &surroundings.into(), stdout, stderr).await,
        Err(status) => status,
    }
}

/// Runs one command.
pub async fn run_parsed(
    arguments: &Arguments,
    surroundings: &Surroundings,
    stdout: &mut (dyn Write + Send),
    stderr: &mut (dyn Write + Send),
) -> ExitStatus {
    let global = &arguments.global;
    let (language, is_certain) = language(arguments, surroundings.locale.as_deref());
    let mut output = Output::new(stdout, stderr, global.format, language);
    output.language_is_certain = is_certain;
    output.quiet = global.quiet;
    output.color = surroundings.stderr_is_terminal && !surroundings.no_color && !global.no_color;
    output.draws = surroundings.stderr_is_terminal && !global.quiet;
    let span = spans::command(&arguments.words);
    let ended = Box::pin(dispatch(arguments, surroundings, &mut output)).instrument(span.clone()).await;
    let status = ended.unwrap_or_else(|failure| {
        output.failure(&failure);
        spans::failed(&span);
        failure.status
    });
    spans::count(&span, spans::EXIT_STATUS, u64::from(status.code()));
    status
}

async fn dispatch(
    arguments: &Arguments,
    surroundings: &Surroundings,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let environment = &surroundings.environment;
    let call = commands::Call { config: &arguments.global.config, environment };
    match &arguments.command {
        Command::Init(wanted) => commands::init::run(wanted, environment, output),
        Command::Demo(wanted) => Box::pin(commands::demo::run(wanted, surroundings, output)).await,
        Command::Check(wanted) => commands::check::run(&call, wanted, output).await,
        Command::Plan(wanted) => commands::plan::draft(&call, wanted, output).await,
        Command::Show(wanted) => commands::plan::show(&call, wanted, output).await,
        Command::Explain(wanted) => commands::plan::explain(&call, wanted, output).await,
        Command::Approve(wanted) => commands::approve::run(&call, wanted, output).await,
        Command::Apply(wanted) => Box::pin(commands::apply::run(&call, wanted, output)).await,
        Command::Hold(wanted) => commands::hold::run(&call, wanted, output).await,
        Command::Requests(wanted) => commands::requests::run(&call, wanted, output).await,
        Command::Erase(wanted) => Box::pin(commands::requests::erase(&call, wanted, output)).await,
        Command::Locate(wanted) => Box::pin(commands::looking::locate(&call, wanted, output)).await,
        Command::Export(wanted) => Box::pin(commands::looking::export(&call, wanted, output)).await,
        Command::Replay(wanted) => Box::pin(commands::replay::run(&call, wanted, output)).await,
        Command::Status => commands::status::status(&call, output).await,
        Command::AcceptClock(wanted) => commands::status::accept_clock(&call, wanted, output).await,
        Command::Grants => commands::status::grants(&call, output).await,
        Command::Daemon(wanted) => Box::pin(commands::daemon::run(&call, wanted, output)).await,
        Command::Schedule => commands::daemon::schedule(&call, output).await,
        Command::Scan => commands::daemon::scan(&call, output).await,
        Command::Notify(wanted) => commands::notify::run(&call, wanted, output).await,
        Command::Certificates(wanted) => commands::certificates::run(&call, wanted, output).await,
        Command::Verify(wanted) => commands::verify::run(&call, wanted, output).await,
        Command::Schema => commands::shell::schema(output),
        Command::Completions(wanted) => commands::shell::completions(wanted, output),
    }
}

/// The language asked for, else that of the environment; and whether either was said. The settings'
/// language is the last resort, and known only once they are read.
fn language(arguments: &Arguments, locale: Option<&str>) -> (Language, bool) {
    if let Some(asked) = arguments.global.lang {
        return (asked.into(), true);
    }
    match locale {
        Some(locale) if locale.starts_with("fr") => (Language::Fr, true),
        Some(locale) if locale.starts_with("en") => (Language::En, true),
        // `C`, `POSIX` and other languages say nothing between French and English.
        _ => (Language::En, false),
    }
}

/// Name and purpose of each command, in the order of the help: what the README shows.
#[must_use]
pub fn command_table() -> Vec<(String, String)> {
    Arguments::command()
        .get_subcommands()
        .map(|command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            (command.get_name().to_owned(), about)
        })
        .collect()
}

#[cfg(test)]
mod tests;
