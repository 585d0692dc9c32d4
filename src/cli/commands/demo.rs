//! `demo`: the whole way once, on a made-up shop, with the same commands that everybody runs.

use crate::archive::layout::CertificatePart;
use crate::cli::arguments::{Arguments, DemoArguments, Format};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::output::{Nowhere, Output};
use crate::cli::{Surroundings, dispatch};
use crate::demo::{self, Census, DISPUTED_CUSTOMER, DemoError};
use crate::init::{SETTINGS_FILE, TRUST_ROOT_FILE};
use crate::policy::Language;
use crate::views::JSON_FORMAT_VERSION;
use crate::views::text::{self, add_line, number};
use crate::views::words::{Message, start as words};
use clap::Parser;
use comfy_table::CellAlignment;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Who does what in the story: the one who drafts is never the one who approves.
const AUTHOR: &str = "technique";
const APPROVER: &str = "dpo";

pub(in crate::cli) async fn run(
    wanted: &DemoArguments,
    surroundings: &Surroundings,
    output: &mut Output<'_>,
) -> Result<ExitStatus, Failure> {
    let environment = &surroundings.environment;
    let directory = &wanted.directory;
    let now = environment.clock.now();
    demo::make(directory, output.language, now, environment.ids.as_ref()).await.map_err(failure)?;
    let before = demo::census(directory).await.map_err(failure)?;
    let mut story = Story { directory, surroundings, output };
    story.narrate(words::DEMO_WELCOME, &[&directory.display()])?;
    story.narrate(
        words::DEMO_MADE,
        &[&number(before.rows()), &number(before.receipts + before.delivery_notes)],
    )?;
    let told = story.tell().await;
    let after = demo::census(directory).await.map_err(failure)?;
    story.end(told?, &before, &after)
}

/// One telling of the story.
struct Story<'s, 'o> {
    directory: &'s Path,
    surroundings: &'s Surroundings,
    output: &'s mut Output<'o>,
}

impl Story<'_, '_> {
    /// Every step, in order. The first that does not end as it must ends the story.
    async fn tell(&mut self) -> Result<ExitStatus, Failure> {
        let subject = format!("customer_id={DISPUTED_CUSTOMER}");
        let review_on =
            (self.surroundings.environment.clock.now() + chrono::Duration::days(180)).date_naive();
        let review_on = review_on.to_string();
        let archive = self.path("certificates");
        let trust_root = self.path(TRUST_ROOT_FILE);
        let plan = ["plan", "--author", AUTHOR];
        let hold = [
            "hold",
            "add",
            "--subject",
            &subject,
            "--matter",
            "2026-017",
            "--reason",
            "litige / dispute",
            "--owner",
            "juridique",
            "--review-on",
            &review_on,
        ];
        let approve = ["approve", "latest", "--as", APPROVER];
        let verify = ["verify", &archive, "--trust-root", &trust_root];
        let steps: [(Message, &[&str], ExitStatus, Shown); 8] = [
            (words::DEMO_CHECK, &["check"], ExitStatus::Done, Shown::Whole),
            (words::DEMO_PLAN, &plan, ExitStatus::Done, Shown::Summary),
            (words::DEMO_HOLD, &hold, ExitStatus::Done, Shown::Whole),
            (words::DEMO_REPLAN, &plan, ExitStatus::Done, Shown::Whole),
            (words::DEMO_REFUSED, &["apply"], ExitStatus::NotApproved, Shown::Whole),
            (words::DEMO_APPROVE, &approve, ExitStatus::Done, Shown::Whole),
            (words::DEMO_APPLY, &["apply"], ExitStatus::Done, Shown::Whole),
            (words::DEMO_AGAIN, &["apply", "latest"], ExitStatus::NotApproved, Shown::Whole),
        ];
        for (says, command, expected, shown) in steps {
            self.step(says, command, expected, shown).await?;
        }
        self.step(words::DEMO_NOTHING_LEFT, &["plan", "--exit-code"], ExitStatus::Done, Shown::Summary)
            .await?;
        self.step(words::DEMO_VERIFY, &verify, ExitStatus::Done, Shown::Whole).await
    }

    /// Says what is done and does it, as if it had been typed.
    async fn step(
        &mut self,
        says: Message,
        command: &[&str],
        expected: ExitStatus,
        shown: Shown,
    ) -> Result<ExitStatus, Failure> {
        self.narrate(says, &[])?;
        if self.output.format == Format::Human {
            self.output.data(&format!("$ oubliette {}\n", shell_words(command)))?;
        }
        // Warnings of the documents are said once, by `check`; progress is shown of the run alone.
        let quiet = std::mem::replace(&mut self.output.quiet, says != words::DEMO_APPLY);
        let ended = self.act_typed(command, expected, shown).await;
        self.output.quiet = quiet;
        ended
    }

    async fn act_typed(
        &mut self,
        command: &[&str],
        expected: ExitStatus,
        shown: Shown,
    ) -> Result<ExitStatus, Failure> {
        let config = self.path(SETTINGS_FILE);
        let typed = ["oubliette", "--config", &config].into_iter().chain(command.iter().copied());
        let arguments = Arguments::try_parse_from(typed)
            .map_err(|error| Failure::unexpected(format!("the story has a wrong command: {error}")))?;
        let ended = self.act(&arguments, shown).await;
        let status = match ended {
            Ok(status) => status,
            Err(failure) if failure.status == expected => {
                self.output.data(&told(&failure, self.output.format))?;
                failure.status
            }
            Err(failure) => return Err(failure),
        };
        if status == expected {
            return Ok(status);
        }
        let message =
            format!("a step of the story ended with status {} instead of {}", status.code(), expected.code());
        Err(Failure::new(if status == ExitStatus::Done { ExitStatus::Unexpected } else { status }, message))
    }

    async fn act(&mut self, arguments: &Arguments, shown: Shown) -> Result<ExitStatus, Failure> {
        let language = self.output.language;
        if self.output.format == Format::Json {
            let (mut stdout, mut stderr) = (Nowhere, Nowhere);
            let mut silent = Output::new(&mut stdout, &mut stderr, Format::Human, language);
            silent.quiet = true;
            return Box::pin(dispatch(arguments, self.surroundings, &mut silent)).await;
        }
        if shown == Shown::Whole {
            return Box::pin(dispatch(arguments, self.surroundings, self.output)).await;
        }
        let (mut stdout, mut stderr) = (Vec::new(), Nowhere);
        let mut captured = Output::new(&mut stdout, &mut stderr, Format::Human, language);
        let ended = Box::pin(dispatch(arguments, self.surroundings, &mut captured)).await;
        self.output.data(&summary(&String::from_utf8_lossy(&stdout)))?;
        ended
    }

    fn narrate(&mut self, message: Message, values: &[&dyn std::fmt::Display]) -> Result<(), Failure> {
        if self.output.format == Format::Json {
            return Ok(());
        }
        let line = message.fill(self.output.language, values);
        self.output.data(&format!("\n# {line}\n"))
    }

    /// Counts, the verdict and where to look.
    fn end(&mut self, status: ExitStatus, before: &Census, after: &Census) -> Result<ExitStatus, Failure> {
        let is_good = status == ExitStatus::Done && after.broken_references == 0;
        let status = if is_good { ExitStatus::Done } else { ExitStatus::VerificationFailed };
        let page = certificate_page(&self.directory.join("certificates"));
        if self.output.format == Format::Json {
            let tables = before.tables.iter().zip(&after.tables);
            let tables: Vec<_> = tables
                .map(
                    |((name, before), (_, after))| json!({ "table": name, "before": before, "after": after }),
                )
                .collect();
            self.output.json(&json!({
                "format_version": JSON_FORMAT_VERSION,
                "directory": self.directory.display().to_string(),
                "verified": is_good,
                "tables": tables,
                "receipts": { "before": before.receipts, "after": after.receipts },
                "delivery_notes": { "before": before.delivery_notes, "after": after.delivery_notes },
                "web_accounts_anonymized": after.accounts_anonymized,
                "invoices_anonymized": after.invoices_anonymized,
                "broken_references": after.broken_references,
                "certificate_html": page.map(|page| page.display().to_string()),
            }))?;
            return Ok(status);
        }
        self.narrate(words::DEMO_COUNTS, &[])?;
        self.output.data(&counts(before, after, self.output.language))?;
        self.narrate(if is_good { words::DEMO_GOOD } else { words::DEMO_NOT_GOOD }, &[])?;
        self.output.data(&where_to_look(self.directory, page.as_deref(), self.output.language))?;
        Ok(status)
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// How much of a command's answer the story shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    /// Header and table; the details of each item are shown once, with the plan that is approved.
    Summary,
}

/// The first two paragraphs.
fn summary(page: &str) -> String {
    let end = page.match_indices("\n\n").nth(1).map_or(page.len(), |(at, _)| at + 1);
    page.get(..end).unwrap_or(page).to_owned()
}

/// A refusal that belongs to the story.
fn told(failure: &Failure, format: Format) -> String {
    if format == Format::Json {
        return String::new();
    }
    let hint = failure.hint.as_ref().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    format!("error: {}\n{hint}", failure.message)
}

/// The command as one would type it.
fn shell_words(command: &[&str]) -> String {
    let quoted = command
        .iter()
        .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() });
    quoted.collect::<Vec<_>>().join(" ")
}

fn counts(before: &Census, after: &Census, language: Language) -> String {
    let header = [
        "",
        words::DEMO_BEFORE.text(language),
        words::DEMO_AFTER.text(language),
        words::DEMO_GONE.text(language),
    ];
    let mut table = text::table(&header);
    let mut row = |name: &str, before: u64, after: u64| {
        table.add_row([name.to_owned(), number(before), number(after), number(before.saturating_sub(after))]);
    };
    for ((name, rows_before), (_, rows_after)) in before.tables.iter().zip(&after.tables) {
        row(name, *rows_before, *rows_after);
    }
    row(words::DEMO_RECEIPTS.text(language), before.receipts, after.receipts);
    row(words::DEMO_NOTES.text(language), before.delivery_notes, after.delivery_notes);
    for (message, before, after) in [
        (words::DEMO_ANONYMIZED, before.accounts_anonymized, after.accounts_anonymized),
        (words::DEMO_ANONYMIZED_INVOICES, before.invoices_anonymized, after.invoices_anonymized),
    ] {
        table.add_row([message.text(language).to_owned(), number(before), number(after), String::new()]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text::lines(&table)
}

fn where_to_look(directory: &Path, page: Option<&Path>, language: Language) -> String {
    let places = [
        (page.map_or_else(|| directory.join("certificates"), Path::to_path_buf), words::DEMO_LOOK_PAGE),
        (directory.join("certificates"), words::DEMO_LOOK_ARCHIVE),
        (directory.join("policies"), words::DEMO_LOOK_DOCUMENTS),
    ];
    let mut lines = format!("\n{}\n", words::DEMO_LOOK.text(language));
    for (path, what) in places {
        add_line(&mut lines, format_args!("  {}\n    {}", path.display(), what.text(language)));
    }
    add_line(&mut lines, format_args!("\n{}\n  cd {}", words::DEMO_TRY.text(language), directory.display()));
    for command in ["show latest", "explain shop.orders 13", "hold list", "certificates list", "status"] {
        add_line(&mut lines, format_args!("  oubliette {command}"));
    }
    lines
}

/// The page for people of the one certificate, wherever its month put it.
fn certificate_page(archive: &Path) -> Option<PathBuf> {
    use crate::archive::ArchiveFiles as _;
    use crate::archive_store::DirectoryFiles;
    let listed = DirectoryFiles::new(archive).list(1_000).ok()?;
    let page = listed
        .into_iter()
        .map(|file| file.path)
        .find(|path| path.ends_with(CertificatePart::Html.file_name()));
    page.map(|path| archive.join(path))
}

fn failure(error: DemoError) -> Failure {
    match error {
        DemoError::NotEmpty { .. } => {
            Failure::usage(error.to_string()).with_hint("name a new directory: `oubliette demo my-demo`")
        }
        DemoError::Project(error) => Failure::from_init(&error),
        DemoError::Database(_) | DemoError::Io { .. } => Failure::unexpected(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_plan_is_its_header_and_table() {
        assert_eq!(summary("head\nmore\n\ntable\n\ndetails\n\nrest\n"), "head\nmore\n\ntable\n");
        assert_eq!(summary("only this\n"), "only this\n");
    }

    #[test]
    fn words_with_blanks_are_quoted() {
        assert_eq!(shell_words(&["hold", "add", "--reason", "a b"]), "hold add --reason \"a b\"");
    }
}
