//! `notify test`: whether notices arrive.

use super::Call;
use crate::cli::arguments::NotifyCommand;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::text::{add_line, printable};
use crate::views::words::outside as words;
use serde_json::json;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &NotifyCommand,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let NotifyCommand::Test = wanted;
    let app = call.open(output).await?;
    let tested = app.test_notification().await?;
    let rows = tested.iter().map(|one| {
        json!({
            "receiver": one.receiver,
            "host": one.host,
            "delivered": one.outcome.is_ok(),
            "reason": one.outcome.as_ref().err(),
        })
    });
    let json = json!({ "format_version": JSON_FORMAT_VERSION, "receivers": rows.collect::<Vec<_>>() });
    output.answer(&json, |language| {
        let mut page = String::new();
        for one in &tested {
            let line = match &one.outcome {
                Ok(()) => words::NOTIFY_DELIVERED.fill(language, &[&one.receiver, &one.host]),
                Err(reason) => words::NOTIFY_FAILED.fill(language, &[&one.receiver, &printable(reason)]),
            };
            add_line(&mut page, format_args!("{line}"));
        }
        page
    })?;
    let all = tested.iter().all(|one| one.outcome.is_ok());
    Ok(if all { ExitStatus::Done } else { ExitStatus::Unexpected })
}
