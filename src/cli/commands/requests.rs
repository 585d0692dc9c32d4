//! `requests` and `erase`: what a person asked, and the plan for it.

use super::plan::{standing, warn};
use super::{Call, parse_instant};
use super::{recipients, together};
use crate::app::{App, AppError, NoticesDue, PlanStanding, RequestReceipt};
use crate::cli::arguments::{
    EraseArguments, ExtensionReasonArgument, Format, GroundArgument, LawArgument, ReceiveArguments,
    RefusalReasonArgument, RequestKindArgument, RequestsCommand,
};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::erasure::deadline::{Country, Law};
use crate::erasure::ground::{Ground, RequestKind};
use crate::erasure::request::{ExtensionReason, RefusalReason, Request};
use crate::init;
use crate::policy::Language;
use crate::views;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::plan::StandingJson;
use crate::views::requests::{ReceivedJson, RequestJson, RequestsJson, StoryJson};
use crate::views::words::requests as words;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use std::io::Read as _;
use std::path::Path;

/// A file of identities is a few lines.
const IDENTITIES_BYTES_MAX: u64 = 64 * 1024;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &RequestsCommand,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    match wanted {
        RequestsCommand::Receive(wanted) => receive(call, wanted, output).await?,
        RequestsCommand::Verify { request, requests, who, method } => {
            verify(call, (request.as_deref(), requests.as_deref()), (who, method), output).await?;
        }
        RequestsCommand::List { all } => {
            let app = call.open(output).await?;
            let requests = app.request_list(*all).await?;
            output.answer(&RequestsJson::new(&requests), |language| {
                views::requests::human(&requests, language)
            })?;
        }
        RequestsCommand::Show { request } => {
            let app = call.open(output).await?;
            let story = app.request_show(request).await?;
            output.answer(&StoryJson::new(&story), |language| views::requests::story(&story, language))?;
        }
        RequestsCommand::Answer { request } => {
            let app = call.open(output).await?;
            let answer = app.request_answer(request).await?;
            let json = json!({
                "format_version": JSON_FORMAT_VERSION,
                "request_id": answer.request.request_id,
                "letter_fr": views::answer::letter(&answer, Language::Fr),
                "letter_en": views::answer::letter(&answer, Language::En),
            });
            output.answer(&json, |language| views::answer::letter(&answer, language))?;
        }
        RequestsCommand::Receipt { request, out, last } => {
            receipt(call, (request, out), *last, output).await?;
        }
        RequestsCommand::Looks => {
            let app = call.open(output).await?;
            let looks = app.looks().await?;
            output.answer(&views::looking::LooksJson::new(&looks), |language| {
                views::looking::looks(&looks, language)
            })?;
        }
        RequestsCommand::Recipients { request } => return recipients::list(call, request, output).await,
        RequestsCommand::Notify { request } => {
            return recipients::notify(call, request.as_deref(), output).await;
        }
        RequestsCommand::Told { request, recipient, who, not_possible } => {
            let by = (who.as_deref(), not_possible.as_deref());
            return recipients::told(call, (request, recipient), by, output).await;
        }
        RequestsCommand::Extend { request, reason } => {
            let reason = match reason {
                ExtensionReasonArgument::Complexity => ExtensionReason::Complexity,
                ExtensionReasonArgument::Number => ExtensionReason::Number,
            };
            let app = call.open(output).await?;
            changed(&app.request_extend(request, reason).await?, output)?;
        }
        RequestsCommand::Refuse { request, reason, note } => {
            let app = call.open(output).await?;
            changed(&app.request_refuse(request, refusal(*reason), note.clone()).await?, output)?;
        }
        RequestsCommand::Cancel { request } => {
            let app = call.open(output).await?;
            changed(&app.request_cancel(request).await?, output)?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn verify(
    call: &Call<'_>,
    (request, requests): (Option<&str>, Option<&Path>),
    (who, method): (&str, &str),
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if let Some(file) = requests {
        return together::verify(call, file, (who, method), output).await;
    }
    let app = call.open(output).await?;
    changed(&app.request_verify(request.unwrap_or_default(), who, method).await?, output)
}

/// It names records: for its owner's eyes only.
async fn receipt(
    call: &Call<'_>,
    (request, out): (&str, &Path),
    last: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let app = call.open(output).await?;
    let receipt = app.person_receipt(request).await?;
    let bytes = receipt
        .to_bytes()
        .map_err(|error| Failure::unexpected(format!("the receipt cannot be written: {error}")))?;
    init::write_new(out, &bytes, 0o600).map_err(|error| Failure::from_file(&error))?;
    if last {
        app.forget_receipt(request).await?;
    }
    let certificates: Vec<&str> =
        receipt.certificates.iter().map(|set| set.certificate_id.as_str()).collect();
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "request_id": receipt.request,
        "records": receipt.records(),
        "certificate_ids": certificates,
    });
    output
        .answer(&json, |language| words::RECEIPT.fill(language, &[&receipt.records(), &out.display()]) + "\n")
}

/// Drafts the plan of a request.
pub(in crate::cli) async fn erase(
    call: &Call<'_>,
    wanted: &EraseArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    warn(&app, output);
    if wanted.together {
        return together::erase(&app, wanted.author.as_deref(), output).await;
    }
    let Some(request) = &wanted.request else { return due(&app, wanted, output).await };
    let drafted = app.erase_plan(request, wanted.author.clone()).await?;
    let standing = standing(&drafted);
    if output.format == Format::Json {
        output.json(&StandingJson::new(&standing))?;
    } else {
        output.data(&views::plan::human(&standing, output.language))?;
        output.remark(&views::plan::next_steps(&standing, output.language));
    }
    Ok(looked_at(&app, [&drafted], output))
}

/// Partial, and said, where these plans leave out what may be about the person.
pub(super) fn looked_at<'a>(
    app: &App,
    planned: impl IntoIterator<Item = &'a PlanStanding>,
    output: &mut Output<'_>,
) -> ExitStatus {
    let mut status = ExitStatus::Done;
    for standing in planned {
        let left = app.not_looked_at(&standing.plan);
        if !left.is_empty() {
            status = ExitStatus::Partial;
            let values: [&dyn std::fmt::Display; 2] = [&standing.plan.plan_id, &left.join(", ")];
            output.report(&words::NOT_LOOKED_AT.fill(output.language, &values));
        }
    }
    status
}

/// Plans what waits and may go by now. One that cannot be planned does not stop the others.
async fn due(app: &App, wanted: &EraseArguments, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let planned = app.erase_due(wanted.author.as_deref()).await?;
    let told = app.notify_recipients(NoticesDue::ByNow).await?;
    let lines: Vec<_> = planned
        .iter()
        .map(|(request_id, plan)| {
            let plan_id = plan.as_ref().ok().map(|standing| standing.plan.plan_id.as_str());
            let error = plan.as_ref().err().map(ToString::to_string);
            json!({ "request_id": request_id, "plan_id": plan_id, "error": error })
        })
        .collect();
    let failed = planned.iter().any(|(_, plan)| plan.is_err());
    let untold = !told.waiting.is_empty() || !told.refused.is_empty();
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "planned": lines,
        "notices": views::recipients::TellingJson::new(&told),
    });
    output.answer(&json, |language| {
        if planned.is_empty() {
            return words::NOTHING_DUE.text(language).to_owned() + "\n";
        }
        let line = |(request_id, plan): &(String, Result<PlanStanding, AppError>)| match plan {
            Ok(standing) => words::DUE_PLANNED.fill(language, &[request_id, &standing.plan.plan_id]) + "\n",
            Err(error) => words::DUE_FAILED.fill(language, &[request_id, error]) + "\n",
        };
        planned.iter().map(line).collect()
    })?;
    if !told.told.is_empty() || untold {
        output.remark(&views::recipients::telling(&told, output.language));
    }
    let looked_at = looked_at(app, planned.iter().filter_map(|(_, plan)| plan.as_ref().ok()), output);
    Ok(if failed || untold { ExitStatus::Partial } else { looked_at })
}

async fn receive(call: &Call<'_>, wanted: &ReceiveArguments, output: &mut Output<'_>) -> Result<(), Failure> {
    let identities = identities(&wanted.identities, wanted.file.as_deref())?;
    let terms = RequestReceipt {
        kind: kind(wanted.kind),
        ground: wanted.ground.map(ground),
        law: law(wanted.law),
        country: wanted.country.clone(),
        received_at: wanted.received.as_deref().map(|text| received(text, &wanted.country)).transpose()?,
        identities,
        note: wanted.note.clone(),
        about_child: wanted.about_child,
        record_types: wanted.record_types.iter().cloned().collect(),
    };
    if let Some(file) = &wanted.persons {
        return together::receive(call, file, terms, output).await;
    }
    let app = call.open(output).await?;
    let received = app.request_receive(terms).await?;
    output
        .answer(&ReceivedJson::new(&received), |language| views::requests::received(&received, language))?;
    if !received.overlaps.is_empty() {
        output.report(&words::OVERLAPS.fill(output.language, &[&received.overlaps.join(", ")]));
    }
    Ok(())
}

/// Identities of the command line and of a file.
pub(super) fn identities(named: &[String], file: Option<&Path>) -> Result<Vec<String>, Failure> {
    let mut identities = named.to_vec();
    if let Some(file) = file {
        let text = read(file, IDENTITIES_BYTES_MAX)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        identities.extend(lines.map(str::to_owned));
    }
    Ok(identities)
}

fn changed(request: &Request, output: &mut Output<'_>) -> Result<(), Failure> {
    output.answer(&RequestJson::new(request, None), |language| views::requests::line(request, language))
}

/// A day is its noon in the country whose calendar counts, so that it is that day there.
fn received(text: &str, country: &str) -> Result<DateTime<Utc>, Failure> {
    let Ok(day) = text.parse::<NaiveDate>() else { return parse_instant(text) };
    let noon = day.and_hms_opt(12, 0, 0).unwrap_or_else(|| day.and_time(chrono::NaiveTime::MIN));
    let zone = Country::of_code(country).time_zone();
    Ok(noon.and_local_timezone(zone).earliest().map_or_else(|| noon.and_utc(), |at| at.to_utc()))
}

/// A file that is longer than it may be is refused, and not read in part.
#[expect(clippy::disallowed_methods, reason = "a file of identities is named on the command line")]
pub(super) fn read(file: &Path, bytes_max: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let done = if file == Path::new("-") {
        std::io::stdin().take(bytes_max + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(bytes_max + 1).read_to_string(&mut text))
    };
    match done {
        Ok(bytes) if bytes as u64 > bytes_max => {
            let message = format!("{} is longer than {} KiB", file.display(), bytes_max / 1024);
            Err(Failure::usage(message).with_hint("split the file"))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {}", file.display(), error.kind()))),
    }
}

fn kind(argument: RequestKindArgument) -> RequestKind {
    match argument {
        RequestKindArgument::Erasure => RequestKind::Erasure,
        RequestKindArgument::ConsentWithdrawal => RequestKind::ConsentWithdrawal,
        RequestKindArgument::MarketingObjection => RequestKind::MarketingObjection,
    }
}

fn ground(argument: GroundArgument) -> Ground {
    match argument {
        GroundArgument::NotNecessary => Ground::NotNecessary,
        GroundArgument::ConsentWithdrawn => Ground::ConsentWithdrawn,
        GroundArgument::Objection => Ground::Objection,
        GroundArgument::Unlawful => Ground::Unlawful,
        GroundArgument::LegalErasure => Ground::LegalErasure,
        GroundArgument::ChildData => Ground::ChildData,
    }
}

fn law(argument: LawArgument) -> Law {
    match argument {
        LawArgument::EuGdpr => Law::EuGdpr,
        LawArgument::UkGdpr => Law::UkGdpr,
        LawArgument::UsCaCcpa => Law::UsCaCcpa,
    }
}

fn refusal(argument: RefusalReasonArgument) -> RefusalReason {
    match argument {
        RefusalReasonArgument::IdentityNotVerified => RefusalReason::IdentityNotVerified,
        RefusalReasonArgument::ManifestlyUnfounded => RefusalReason::ManifestlyUnfounded,
        RefusalReasonArgument::Excessive => RefusalReason::Excessive,
        RefusalReasonArgument::NoGround => RefusalReason::NoGround,
    }
}
