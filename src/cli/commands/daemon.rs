//! `daemon`, `schedule` and `scan`.

use super::Call;
use crate::api::{self, Shown, systemd};
use crate::app::{App, AppError, NoticePost};
use crate::cli::arguments::DaemonArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::daemon::{
    Daemon, DaemonEnd, DaemonParts, EventSource, LoggedNotices, Notices, RealEvents, overview,
};
use crate::execution::progress::Silent;
use crate::schedule::store::ScheduleOutcome;
use crate::views::schedules::{scan as scan_page, scan_json, schedules, schedules_json};
use crate::views::words::daemon as words;
use std::sync::Arc;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &DaemonArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    // Of its own, beside the one that the loop changes when documents are read again.
    let beside = Arc::new(App::open(call.config, call.environment.clone()).await?);
    let post = NoticePost::new(call.config.to_path_buf(), Arc::clone(&beside));
    let mut events = RealEvents::listen(call.config.to_path_buf()).await.map_err(AppError::from)?;
    let mut daemon = Daemon::new(DaemonParts {
        settings_file: call.config.to_path_buf(),
        app,
        clock: Arc::clone(&call.environment.clock),
        notices: Arc::new(notices(&post)),
        progress: Arc::new(Silent),
    });
    if wanted.once {
        let end = Box::pin(once(&mut daemon, &mut events, output)).await;
        post.deliver_soon().await;
        return end;
    }
    post.deliver();
    let clock = &call.environment.clock;
    systemd::tell(daemon.board().receiver(), Arc::clone(clock));
    if let Some(http) = beside.settings().http {
        let shown = Shown::new(daemon.board().receiver(), beside, Arc::clone(clock));
        api::serve(http.listen, Arc::new(shown)).await?;
    }
    let end = Box::pin(forever(&mut daemon, &mut events)).await;
    // What it said last, if the receivers answer at once.
    post.deliver_soon().await;
    end
}

/// The log, and the outbox.
fn notices(post: &Arc<NoticePost>) -> Vec<Arc<dyn Notices>> {
    let post: Arc<dyn Notices> = Arc::<NoticePost>::clone(post);
    vec![Arc::new(LoggedNotices), post]
}

/// A stop that was asked for is how a daemon ends well.
async fn forever(daemon: &mut Daemon, events: &mut dyn EventSource) -> Result<ExitStatus, Failure> {
    Ok(match Box::pin(daemon.run(events)).await {
        DaemonEnd::StoppedAtOnce => ExitStatus::Interrupted,
        DaemonEnd::Stopped | DaemonEnd::Done | DaemonEnd::Elsewhere => ExitStatus::Done,
    })
}

async fn once(
    daemon: &mut Daemon,
    events: &mut dyn EventSource,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let began_at = daemon.now();
    let end = Box::pin(daemon.once(events)).await;
    let message = match end {
        DaemonEnd::Done => words::DAEMON_DONE,
        DaemonEnd::Elsewhere => words::DAEMON_ELSEWHERE,
        DaemonEnd::Stopped | DaemonEnd::StoppedAtOnce => words::DAEMON_STOPPED,
    };
    let all = daemon.overview().await?;
    output.answer(&schedules_json(&all), |language| schedules(&all, language))?;
    output.report(message.text(output.language));
    if matches!(end, DaemonEnd::Stopped | DaemonEnd::StoppedAtOnce) {
        return Ok(ExitStatus::Interrupted);
    }
    // What ended in this call, and not well.
    let fell_short = all.iter().filter_map(|one| one.record.as_ref()).any(|record| {
        let is_now = record.last_ended_at.is_some_and(|at| at >= began_at);
        is_now
            && !matches!(
                record.last_outcome,
                Some(ScheduleOutcome::Complete | ScheduleOutcome::NothingDue | ScheduleOutcome::DryRun)
            )
    });
    let is_ready = daemon.board().get().troubles.is_empty();
    Ok(if fell_short || !is_ready { ExitStatus::Partial } else { ExitStatus::Done })
}

pub(in crate::cli) async fn schedule(
    call: &Call<'_>,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app: App = call.open(output).await?;
    let all = overview(&app, call.environment.clock.now()).await?;
    output.answer(&schedules_json(&all), |language| schedules(&all, language))?;
    Ok(ExitStatus::Done)
}

pub(in crate::cli) async fn scan(call: &Call<'_>, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let seen = app.scan().await?;
    output.answer(&scan_json(&seen), |language| scan_page(&seen, language))?;
    Ok(if seen.unreachable.is_empty() { ExitStatus::Done } else { ExitStatus::Partial })
}
