//! `status` and `grants`.

use super::Call;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::data_map::StoreKind;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::status::{StatusJson, human};
use crate::views::text::{add_line, printable};
use crate::views::words::start as words;
use serde_json::json;

pub(in crate::cli) async fn status(call: &Call<'_>, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let status = app.status().await?;
    output.answer(&StatusJson::new(&status), |language| human(&status, language))?;
    Ok(ExitStatus::Done)
}

/// The stores of this version have no grants of their own: it is said which file rights are needed.
pub(in crate::cli) async fn grants(call: &Call<'_>, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let stores = &app.settings().stores;
    let rows = stores.iter().map(|(name, store)| {
        let kind = match store.terms.kind {
            StoreKind::Sqlite => "sqlite",
            StoreKind::Directory => "directory",
        };
        json!({ "store": name, "kind": kind, "location": store.terms.location, "statements": [] })
    });
    let json = json!({ "format_version": JSON_FORMAT_VERSION, "stores": rows.collect::<Vec<_>>() });
    output.answer(&json, |language| {
        let mut page = words::GRANTS_HEADING.text(language).to_owned() + "\n";
        for (name, store) in stores {
            let message = match store.terms.kind {
                StoreKind::Sqlite => words::GRANTS_SQLITE,
                StoreKind::Directory => words::GRANTS_DIRECTORY,
            };
            let location = printable(&store.terms.location);
            add_line(&mut page, format_args!("\n{}", message.fill(language, &[name, &location])));
        }
        page + "\n" + words::GRANTS_SEPARATE.text(language) + "\n"
    })?;
    Ok(ExitStatus::Done)
}
