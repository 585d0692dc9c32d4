//! The counts of a run or a certificate as a table, a row a target (floor 8, pure).

use super::text::{self, add_line, number, printable};
use super::words::{Message, run as words};
use crate::evidence::{Counts, Exception, Failure};
use crate::policy::Language;
use comfy_table::CellAlignment;
use std::fmt::Display;

/// One row: what it is about, as it is printed, and its counts.
pub(super) type Row<'a> = (String, &'a Counts);

pub(super) fn table<'a>(rows: impl Iterator<Item = Row<'a>>, language: Language) -> String {
    let header = [
        words::COLUMN_DATASET,
        words::COLUMN_MATCHED,
        words::COLUMN_PURGED,
        words::COLUMN_ANONYMIZED,
        words::COLUMN_PSEUDONYMIZED,
        words::COLUMN_ABSENT,
        words::COLUMN_EXCEPTED,
        words::COLUMN_FAILED,
    ];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for (name, counts) in rows {
        table.add_row([
            name,
            number(counts.matched),
            number(counts.purged),
            number(counts.anonymized),
            number(counts.pseudonymized),
            number(counts.already_absent),
            number(counts.excepted),
            number(counts.failed),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text::lines(&table)
}

/// A dataset with why records of it were kept, and why others did not go.
pub(super) type Reasons<'a> = (&'a str, &'a [Exception], &'a [Failure]);

/// Why records were kept and why others failed, in words; empty when there is nothing to say.
pub(super) fn reasons<'a>(targets: impl Iterator<Item = Reasons<'a>> + Clone, language: Language) -> String {
    let mut exceptions = String::new();
    let mut failures = String::new();
    for (dataset, kept, failed) in targets {
        let dataset = printable(dataset);
        for exception in kept {
            let code = exception.code.as_str();
            let word = words::exception(code).text(language);
            let values: [&dyn Display; 4] = [&dataset, &number(exception.count), &word, &code];
            add_line(&mut exceptions, format_args!("  {}", words::EXCEPTION.fill(language, &values)));
        }
        for failure in failed {
            let code = failure.code.as_str();
            let word = words::failure(code).text(language);
            let line = if failure.count == 0 {
                words::FAILURE_UNCOUNTED.fill(language, &[&dataset, &word, &code])
            } else {
                words::FAILURE.fill(language, &[&dataset, &number(failure.count), &word, &code])
            };
            add_line(&mut failures, format_args!("  {line}"));
        }
    }
    let titled = |title: Message, lines: String| {
        if lines.is_empty() { lines } else { format!("{}\n{lines}", title.text(language)) }
    };
    titled(words::EXCEPTIONS, exceptions) + &titled(words::FAILURES, failures)
}
