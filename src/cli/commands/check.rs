//! `check`: are the documents right, and do they fit the stores?

use super::Call;
use crate::app::{App, AppError};
use crate::cli::arguments::CheckArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::diagnostic::Diagnostics;
use crate::views::diagnostics::{DiagnosticsJson, human};

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &CheckArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let found = match call.open(output).await {
        Ok(app) => diagnostics(&app, wanted.offline).await?,
        Err(failure) => match failure.diagnostics {
            // Faults in the documents are the answer here, not what keeps it from being given.
            Some(diagnostics) => diagnostics,
            None => return Err(failure),
        },
    };
    output.answer(&DiagnosticsJson::new(&found, wanted.offline), |language| {
        human(&found, wanted.offline, language)
    })?;
    let denied = wanted.deny_warnings && found.warnings() > 0;
    Ok(if found.has_errors() || denied { ExitStatus::Usage } else { ExitStatus::Done })
}

async fn diagnostics(app: &App, offline: bool) -> Result<Diagnostics, Failure> {
    match app.check(offline).await {
        Ok(diagnostics) | Err(AppError::Documents(diagnostics)) => Ok(diagnostics),
        Err(error) => Err(error.into()),
    }
}
