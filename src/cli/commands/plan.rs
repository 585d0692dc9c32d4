//! `plan`, `show` and `explain`: everything that only reads.

use super::{Call, parse_instant};
use crate::app::{App, PlanRequest, PlanStanding};
use crate::cli::arguments::{ExplainArguments, Format, PlanArguments, ShowArguments};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::init::{self, InitError};
use crate::views;
use crate::views::plan::{Standing, StandingJson};
use crate::views::words::plan as words;

pub(in crate::cli) async fn draft(
    call: &Call<'_>,
    wanted: &PlanArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let as_of = wanted.as_of.as_deref().map(parse_instant).transpose()?;
    let app = call.open(output).await?;
    warn(&app, output);
    // Before there is a plan in the ledger, that nobody would have been shown.
    if let Some(path) = wanted.out.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::from_file(&InitError::Exists { path: path.clone() }));
    }
    let request = PlanRequest { policies: wanted.policies.clone(), as_of, author: wanted.author.clone() };
    let drafted = app.plan(request).await?;
    if let Some(file) = &wanted.out {
        let bytes = drafted.plan.canonical();
        init::write_new(file, &bytes, 0o644).map_err(|error| Failure::from_file(&error))?;
        output.remark(&words::WRITTEN_TO.fill(output.language, &[&file.display()]));
    }
    let standing = standing(&drafted);
    if output.format == Format::Json {
        output.json(&StandingJson::new(&standing))?;
    } else {
        output.data(&views::plan::human(&standing, output.language))?;
        output.remark(&views::plan::next_steps(&standing, output.language));
    }
    let something_is_due = drafted.plan.items.iter().any(|item| item.counts.due > 0);
    Ok(if wanted.exit_code && something_is_due { ExitStatus::WouldChange } else { ExitStatus::Done })
}

pub(in crate::cli) async fn show(
    call: &Call<'_>,
    wanted: &ShowArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let shown = app.show(&wanted.plan).await?;
    let standing = standing(&shown);
    output.answer(&StandingJson::new(&standing), |language| {
        views::plan::human(&standing, language) + &views::plan::approvals(&standing, language)
    })?;
    Ok(ExitStatus::Done)
}

pub(in crate::cli) async fn explain(
    call: &Call<'_>,
    wanted: &ExplainArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let as_of = wanted.as_of.as_deref().map(parse_instant).transpose()?;
    let app = call.open(output).await?;
    let explanation = app.explain(&wanted.dataset, &wanted.key, as_of).await?;
    output.answer(&views::explain::ExplanationJson::new(&explanation), |language| {
        views::explain::human(&explanation, language)
    })?;
    Ok(ExitStatus::Done)
}

pub(super) fn standing(found: &PlanStanding) -> Standing<'_> {
    Standing {
        plan: &found.plan,
        digest: &found.digest,
        approvals: &found.approvals,
        run: found.run.as_ref(),
        is_approved: found.is_approved,
        not_ready: found.ready.as_ref().err(),
    }
}

/// What is not wrong enough to stop, but to be known.
pub(super) fn warn(app: &App, output: &mut Output<'_>) {
    if !app.warnings().is_empty() {
        output.remark(&app.warnings().to_string());
    }
}
