//! The counts of a run or a certificate as a table, a row a target (floor 8, pure).

use super::text::{self, number};
use super::words::run as words;
use crate::evidence::Counts;
use crate::policy::Language;
use comfy_table::CellAlignment;

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
