//! `replay`: erasing again who came back with a restored backup.

use super::plan::warn;
use super::{Call, parse_instant};
use crate::app::ReplayScope;
use crate::cli::arguments::ReplayArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::views::replay::{ReplayJson, human};

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &ReplayArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let scope = match (&wanted.since, &wanted.request) {
        (Some(since), _) => ReplayScope::Since(parse_instant(since)?),
        (None, Some(request)) => ReplayScope::Request(request.clone()),
        (None, None) => return Err(Failure::usage("say --since or --request".to_owned())),
    };
    let app = call.open(output).await?;
    warn(&app, output);
    let replay = app.replay(&scope, wanted.include_new, wanted.author.as_deref()).await?;
    output.answer(&ReplayJson::new(&replay), |language| human(&replay, language))?;
    let is_whole = replay.look.lost.is_empty()
        && replay.planned.iter().all(|standing| standing.plan.unreachable.is_empty());
    Ok(if is_whole { ExitStatus::Done } else { ExitStatus::Partial })
}
