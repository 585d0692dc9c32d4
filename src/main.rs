//! The binary: builds the clock, the randomness and the way to secrets, and calls the library.
//!
//! Everything else is in [`oubliette::cli`]. The log goes to standard error and holds no value of
//! any record.
#![expect(clippy::disallowed_methods, reason = "the environment is read here and in the settings only")]

use oubliette::app::Environment;
use oubliette::cli::arguments::{Arguments, LogFormat};
use oubliette::cli::exit::ExitStatus;
use oubliette::cli::{self, Surroundings};
use oubliette::clock::SystemClock;
use oubliette::ids::RandomIds;
use oubliette::settings::files::SystemSecrets;
use oubliette::views::certificate_html;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let arguments = match cli::parse(std::env::args_os(), &mut stdout, &mut stderr) {
        Ok(arguments) => arguments,
        Err(status) => return ExitCode::from(status.code()),
    };
    if let Err(reason) = start_log(&arguments) {
        return refuse(&mut stderr, &reason, ExitStatus::Usage);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&mut stderr, &error.to_string(), ExitStatus::Unexpected),
    };
    let surroundings = surroundings(&arguments);
    let status = runtime.block_on(cli::run_parsed(&arguments, &surroundings, &mut stdout, &mut stderr));
    // A run that was dropped may still wait for a store: the process ends without it.
    runtime.shutdown_background();
    ExitCode::from(status.code())
}

fn surroundings(arguments: &Arguments) -> Surroundings {
    let directory = arguments.global.config.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Surroundings {
        environment: Environment {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
            secrets: Arc::new(SystemSecrets { directory }),
            render: certificate_html::render,
        },
        locale: ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set),
        no_color: set("NO_COLOR").is_some(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
    }
}

/// Starts the log, or says why its filter cannot be read.
fn start_log(arguments: &Arguments) -> Result<(), String> {
    let filter = EnvFilter::try_new(&arguments.global.log)
        .map_err(|error| format!("the log filter cannot be read: {error}"))?;
    let colored = std::io::stderr().is_terminal() && !arguments.global.no_color;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colored);
    let started = match arguments.global.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| format!("the log cannot be started: {error}"))
}

fn refuse(stderr: &mut dyn Write, reason: &str, status: ExitStatus) -> ExitCode {
    // There is nowhere left to say that standard error cannot be written.
    let _nobody_reads = writeln!(stderr, "error: {reason}");
    ExitCode::from(status.code())
}
