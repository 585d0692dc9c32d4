//! `apply`: carries out an approved plan, and can be stopped between batches.

use super::Call;
use crate::app::{App, AppError, ApplyEnd, ApplyMode};
use crate::cli::arguments::ApplyArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::{Bar, Lines};
use crate::cli::signals::Signals;
use crate::evidence::Outcome;
use crate::execution::progress::Silent;
use crate::execution::{Control, ProgressSink};
use crate::views::run::{RunJson, human};
use crate::views::words::{Message, run as words};

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &ApplyArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let control = app.control();
    let language = output.language;
    let ended = if wanted.no_progress || output.quiet {
        let mut said = Vec::new();
        let ended = until_stopped(&app, wanted, &control, &Silent, &mut |message| said.push(message)).await;
        for message in said {
            output.report(message.text(language));
        }
        ended
    } else if output.draws {
        let bar = Bar::new(language);
        let ended =
            until_stopped(&app, wanted, &control, &bar, &mut |message| bar.say(message.text(language))).await;
        bar.close();
        ended
    } else {
        let lines = Lines::new(output.stderr(), language);
        until_stopped(&app, wanted, &control, &lines, &mut |message| lines.say(message.text(language))).await
    };
    match ended {
        None => {
            output.report(words::STOPPED_AT_ONCE.text(language));
            Ok(ExitStatus::Interrupted)
        }
        Some(Err(error)) => Err(error.into()),
        Some(Ok(end)) => {
            output.answer(&RunJson::new(&end), |language| human(&end, language))?;
            Ok(status_of(&end))
        }
    }
}

/// Runs to the end. The first signal asks to stop between batches; at the second the run is dropped
/// where it is (`None`), which is safe: the journal tells where to go on.
async fn until_stopped(
    app: &App,
    wanted: &ApplyArguments,
    control: &Control,
    progress: &dyn ProgressSink,
    say: &mut (dyn FnMut(Message) + Send),
) -> Option<Result<ApplyEnd, AppError>> {
    let Ok(mut signals) = Signals::listen() else {
        return Some(app.apply(wanted.plan.as_deref(), mode_of(wanted), control, progress).await);
    };
    let run = app.apply(wanted.plan.as_deref(), mode_of(wanted), control, progress);
    tokio::pin!(run);
    let mut asked = false;
    loop {
        tokio::select! {
            ended = &mut run => return Some(ended),
            () = signals.next() => {
                if asked {
                    return None;
                }
                asked = true;
                control.request_stop();
                say(words::STOPPING);
            }
        }
    }
}

fn mode_of(wanted: &ApplyArguments) -> ApplyMode {
    match (wanted.resume, wanted.close) {
        (_, true) => ApplyMode::Close,
        (true, false) => ApplyMode::Resume,
        (false, false) => ApplyMode::Begin,
    }
}

/// What a shell is told of the outcome.
fn status_of(end: &ApplyEnd) -> ExitStatus {
    if end.interrupted.is_some() {
        return ExitStatus::Interrupted;
    }
    match end.outcome {
        Some(
            Outcome::Complete
            | Outcome::CompleteResidualsPending
            | Outcome::CompleteWithExceptions
            | Outcome::NothingFound,
        ) => ExitStatus::Done,
        Some(Outcome::Partial | Outcome::Failed) | None => ExitStatus::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Interruption;
    use std::time::Duration;

    #[track_caller]
    fn check(outcome: Option<Outcome>, interrupted: Option<Interruption>, expected: ExitStatus) {
        let end = ApplyEnd {
            run_id: String::new(),
            outcome,
            interrupted,
            failures: Vec::new(),
            certificate_id: None,
            certificate_directory: None,
            totals: Vec::new(),
            elapsed: Duration::ZERO,
            returned: None,
        };
        assert_eq!(status_of(&end), expected);
    }

    #[test]
    fn only_what_is_whole_is_done() {
        check(Some(Outcome::Complete), None, ExitStatus::Done);
        check(Some(Outcome::CompleteResidualsPending), None, ExitStatus::Done);
        check(Some(Outcome::CompleteWithExceptions), None, ExitStatus::Done);
        check(Some(Outcome::NothingFound), None, ExitStatus::Done);
        check(Some(Outcome::Partial), None, ExitStatus::Partial);
        check(Some(Outcome::Failed), None, ExitStatus::Partial);
        check(None, None, ExitStatus::Partial);
    }

    #[test]
    fn an_interruption_outranks_every_outcome() {
        check(None, Some(Interruption::StopRequested), ExitStatus::Interrupted);
        check(Some(Outcome::Complete), Some(Interruption::PauseFile), ExitStatus::Interrupted);
    }
}
