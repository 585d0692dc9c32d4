//! `requests recipients`, `requests notify` and `requests told`: recipients of personal data.

use super::Call;
use crate::app::NoticesDue;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::recipients::{NoticeJson, RecipientsJson, TellingJson, human, telling};
use crate::views::text::printable;
use crate::views::words::recipients as words;
use serde_json::json;

pub(super) async fn list(
    call: &Call<'_>,
    request: &str,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let (request, standings) = app.request_recipients(request).await?;
    output.answer(&RecipientsJson::new(&request, &standings), |language| {
        human(&request, &standings, language)
    })?;
    Ok(ExitStatus::Done)
}

pub(super) async fn notify(
    call: &Call<'_>,
    request: Option<&str>,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let told = app.notify_recipients(request.map_or(NoticesDue::All, NoticesDue::AllOf)).await?;
    output.answer(&TellingJson::new(&told), |language| telling(&told, language))?;
    let is_whole = told.waiting.is_empty() && told.refused.is_empty();
    Ok(if is_whole { ExitStatus::Done } else { ExitStatus::Partial })
}

pub(super) async fn told(
    call: &Call<'_>,
    (request, recipient): (&str, &str),
    (who, not_possible): (Option<&str>, Option<&str>),
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let Some(who) = who else {
        let identities = app.notice_to_tell(request, recipient).await?;
        let all: Vec<_> =
            identities.iter().map(|one| json!({ "kind": one.kind(), "value": one.value() })).collect();
        let json = json!({ "format_version": JSON_FORMAT_VERSION, "identities": all });
        output.answer(&json, |language| {
            let lines = identities.iter().map(|one| format!("  {}={}\n", one.kind(), printable(one.value())));
            words::KNOWN_BY.text(language).to_owned() + "\n" + &lines.collect::<String>()
        })?;
        return Ok(ExitStatus::Done);
    };
    app.recipient_told(request, recipient, (who, not_possible)).await?;
    let (request, standings) = app.request_recipients(request).await?;
    let notices: Vec<_> = standings
        .iter()
        .filter(|standing| standing.notice.recipient == recipient)
        .map(|standing| NoticeJson::from(&standing.notice))
        .collect();
    let json = json!({ "format_version": JSON_FORMAT_VERSION, "notices": notices });
    output.answer(&json, |language| human(&request, &standings, language))?;
    Ok(ExitStatus::Done)
}
