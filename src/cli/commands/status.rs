//! `status`, `accept-clock` and `grants`.

use super::Call;
use crate::cli::arguments::AcceptClockArguments;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::data_map::StoreKind;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::status::{StatusJson, clock_accepted, human};
use crate::views::text::{add_line, printable};
use crate::views::words::start as words;
use serde_json::json;

pub(in crate::cli) async fn status(call: &Call<'_>, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let status = app.status().await?;
    output.answer(&StatusJson::new(&status), |language| human(&status, language))?;
    Ok(ExitStatus::Done)
}

pub(in crate::cli) async fn accept_clock(
    call: &Call<'_>,
    wanted: &AcceptClockArguments,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let accepted = app.accept_clock(&wanted.who, &wanted.reason).await?;
    let json = json!({ "format_version": JSON_FORMAT_VERSION, "clock_acceptance": accepted });
    output.answer(&json, |language| clock_accepted(&accepted, language) + "\n")?;
    Ok(ExitStatus::Done)
}

pub(in crate::cli) async fn grants(call: &Call<'_>, output: &mut Output<'_>) -> Result<ExitStatus, Failure> {
    let app = call.open(output).await?;
    let stores = app.grants().await?;
    let rows = stores.iter().map(|grants| {
        json!({
            "store": grants.store,
            "kind": grants.kind.word(),
            "location": grants.location,
            "statements": grants.statements,
        })
    });
    let archive = app.archive_grant();
    let of_archive =
        archive.as_ref().map(|grant| json!({ "location": grant.location, "policy": grant.policy }));
    let json = json!({
        "format_version": JSON_FORMAT_VERSION,
        "stores": rows.collect::<Vec<_>>(),
        "archive": of_archive,
    });
    output.answer(&json, |language| {
        let mut page = words::GRANTS_HEADING.text(language).to_owned() + "\n";
        for grants in &stores {
            let message = match grants.kind {
                StoreKind::Sqlite => words::GRANTS_SQLITE,
                StoreKind::Directory => words::GRANTS_DIRECTORY,
                StoreKind::Postgres => words::GRANTS_POSTGRES,
                StoreKind::Mysql => words::GRANTS_MYSQL,
                StoreKind::S3 => words::GRANTS_S3,
            };
            let location = printable(&grants.location);
            add_line(&mut page, format_args!("\n{}", message.fill(language, &[&grants.store, &location])));
            add_statements(&mut page, &grants.statements);
        }
        if let Some(grant) = &archive {
            let message = words::GRANTS_ARCHIVE.fill(language, &[&printable(&grant.location)]);
            add_line(&mut page, format_args!("\n{message}"));
            add_statements(&mut page, std::slice::from_ref(&grant.policy));
        }
        page + "\n" + words::GRANTS_SEPARATE.text(language) + "\n"
    })?;
    Ok(ExitStatus::Done)
}

fn add_statements(page: &mut String, statements: &[String]) {
    // A policy has several lines.
    for line in statements.iter().flat_map(|statement| statement.lines()) {
        add_line(page, format_args!("  {}", printable(line)));
    }
}
