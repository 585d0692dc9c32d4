//! `hold`: place, list, release.

use super::Call;
use crate::app::HoldRequest;
use crate::cli::arguments::{HoldAddArguments, HoldCommand};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::hold::HoldScope;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::holds::{HoldJson, HoldPlacedJson, HoldsJson, human, scope};
use crate::views::words::run as words;
use serde_json::json;

pub(in crate::cli) async fn run(
    call: &Call<'_>,
    wanted: &HoldCommand,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    match wanted {
        HoldCommand::Add(wanted) => add(call, wanted, output).await?,
        HoldCommand::List { all } => {
            let app = call.open(output).await?;
            let holds = app.hold_list(*all).await?;
            output.answer(&HoldsJson::new(&holds), |language| human(&holds, language))?;
        }
        HoldCommand::Release { hold } => {
            let app = call.open(output).await?;
            app.hold_release(hold).await?;
            let json = json!({ "format_version": JSON_FORMAT_VERSION, "hold_id": hold, "released": true });
            output.answer(&json, |language| words::HOLD_RELEASED.fill(language, &[hold]) + "\n")?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn add(call: &Call<'_>, wanted: &HoldAddArguments, output: &mut Output<'_>) -> Result<(), Failure> {
    let request = HoldRequest {
        matter: wanted.matter.clone(),
        reason: wanted.reason.clone(),
        owner: wanted.owner.clone(),
        review_on: wanted.review_on,
        scope: scope_of(wanted)?,
    };
    let app = call.open(output).await?;
    let placed = app.hold_add(request).await?;
    let json = HoldPlacedJson {
        format_version: JSON_FORMAT_VERSION,
        hold: HoldJson::from(&placed.hold),
        datasets: &placed.datasets,
        overtaken_batches: placed.overtaken_batches,
    };
    output.answer(&json, |language| {
        let (id, scope) = (&placed.hold.hold_id, scope(&placed.hold.scope, language));
        let placed_line = words::HOLD_PLACED.fill(language, &[id, &scope]);
        format!("{placed_line}\n{}\n", words::HOLD_REACHES.fill(language, &[&placed.datasets.join(", ")]))
    })?;
    if placed.overtaken_batches > 0 {
        output.report(&words::HOLD_OVERTAKEN.fill(output.language, &[&placed.overtaken_batches]));
    }
    Ok(())
}

fn scope_of(wanted: &HoldAddArguments) -> Result<HoldScope, Failure> {
    match (&wanted.dataset, &wanted.predicate, &wanted.subject) {
        (Some(dataset), None, None) => Ok(HoldScope::Dataset { dataset: dataset.clone() }),
        (Some(dataset), Some(text), None) => {
            Ok(HoldScope::Predicate { dataset: dataset.clone(), text: text.clone() })
        }
        (None, None, Some(subject)) => {
            let (identity, value) = subject
                .split_once('=')
                .filter(|(identity, value)| !identity.is_empty() && !value.is_empty())
                .ok_or_else(|| {
                    let hint = "expected IDENTITY=VALUE, such as customer_id=1042";
                    Failure::usage("the person of the hold cannot be read").with_hint(hint)
                })?;
            Ok(HoldScope::Subject { identity: identity.to_owned(), value: value.to_owned() })
        }
        _ => Err(Failure::usage("a hold is on a dataset or on a person")),
    }
}
