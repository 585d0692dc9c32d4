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
use oubliette::telemetry::{self, Log};
use oubliette::views::certificate_html;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let arguments = match cli::parse(std::env::args_os(), &mut stdout, &mut stderr) {
        Ok(arguments) => arguments,
        Err(status) => return ExitCode::from(status.code()),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&mut stderr, &error.to_string(), ExitStatus::Unexpected),
    };
    let telemetry = match telemetry::start(log(&arguments), &variable, runtime.handle()) {
        Ok(telemetry) => telemetry,
        Err(reason) => return refuse(&mut stderr, &reason, ExitStatus::Usage),
    };
    let surroundings = surroundings(&arguments);
    let status = runtime.block_on(cli::run_parsed(&arguments, &surroundings, &mut stdout, &mut stderr));
    telemetry.finish();
    // A run that was dropped may still wait for a store: the process ends without it.
    runtime.shutdown_background();
    ExitCode::from(status.code())
}

fn surroundings(arguments: &Arguments) -> Surroundings {
    let directory = arguments.global.config.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    Surroundings {
        environment: Environment {
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(RandomIds),
            secrets: Arc::new(SystemSecrets { directory }),
            render: certificate_html::render,
        },
        locale: ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable),
        no_color: variable("NO_COLOR").is_some(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
    }
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn log(arguments: &Arguments) -> Log<'_> {
    let global = &arguments.global;
    Log {
        filter: &global.log,
        json: global.log_format == LogFormat::Json,
        colored: std::io::stderr().is_terminal() && !global.no_color,
    }
}

fn refuse(stderr: &mut dyn Write, reason: &str, status: ExitStatus) -> ExitCode {
    // There is nowhere left to say that standard error cannot be written.
    let _nobody_reads = writeln!(stderr, "error: {reason}");
    ExitCode::from(status.code())
}
