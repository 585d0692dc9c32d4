//! `locate` and `export`: where a person is, and a copy of what there is.

use super::Call;
use super::requests::identities;
use crate::app::{LookRequest, Whom};
use crate::cli::arguments::{ExportArguments, Format, LookArguments};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::init;
use crate::views;
use crate::views::export::JsonExport;
use crate::views::looking::LocatedJson;
use crate::views::words::looking as words;
use std::io::BufWriter;
use std::path::Path;

pub(in crate::cli) async fn locate(
    call: &Call<'_>,
    wanted: &LookArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let look = look(wanted)?;
    let app = call.open(output).await?;
    let located = app.locate(&look).await?;
    output.answer(&LocatedJson::new(&located), |language| views::looking::human(&located, language))?;
    Ok(status(&located.look.not_reached))
}

pub(in crate::cli) async fn export(
    call: &Call<'_>,
    wanted: &ExportArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let look = look(&wanted.look)?;
    let app = call.open(output).await?;
    let file = init::create_new(&wanted.out, 0o600).map_err(|error| Failure::from_file(&error))?;
    let mut sink = JsonExport::new(BufWriter::new(file));
    let located = match app.export(&look, &mut sink).await {
        Ok(located) => located,
        Err(error) => {
            drop(sink);
            return Err(without(&wanted.out, error.into()));
        }
    };
    let written = sink.into_inner().into_inner().map_err(std::io::IntoInnerError::into_error);
    if let Err(error) = written.and_then(|file| file.sync_all()) {
        let failure = Failure::unexpected(format!("the export cannot be written: {}", error.kind()));
        return Err(without(&wanted.out, failure));
    }
    if output.format == Format::Json {
        output.json(&LocatedJson::new(&located))?;
    }
    let (records, language) = (located.look.records.values().sum::<u64>(), output.language);
    output.remark(&words::EXPORTED.fill(language, &[&records, &wanted.out.display(), &located.look.look_id]));
    let lost = &located.look.not_reached;
    if !lost.is_empty() {
        output.report(&words::INCOMPLETE.fill(language, &[&lost.join(", ")]));
    }
    Ok(status(lost))
}

fn look(wanted: &LookArguments) -> Result<LookRequest, Failure> {
    let whom = match &wanted.request {
        Some(request) => Whom::Request(request.clone()),
        None => Whom::Identities(identities(&wanted.identities, wanted.file.as_deref())?),
    };
    Ok(LookRequest { whom, who: wanted.who.clone(), why: wanted.reason.clone() })
}

/// What was not read makes it incomplete.
fn status(not_reached: &[String]) -> ExitStatus {
    if not_reached.is_empty() { ExitStatus::Done } else { ExitStatus::Partial }
}

/// Half an export is taken away again; the file is our own, made a moment ago.
#[expect(clippy::disallowed_methods, reason = "removes the file that this call has just made")]
fn without(path: &Path, failure: Failure) -> Failure {
    match std::fs::remove_file(path) {
        Ok(()) => failure,
        Err(error) => {
            let message = format!(
                "{}; {} is not whole and could not be removed: {}",
                failure.message,
                path.display(),
                error.kind()
            );
            Failure { message, ..failure }
        }
    }
}
