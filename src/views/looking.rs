//! Where a person is, and who looked for them (floor 8, pure). Counts only: nothing names the person.

use super::JSON_FORMAT_VERSION;
use super::text::{self, add_line, instant, number, printable};
use super::words::looking as words;
use super::words::requests as requests_words;
use crate::app::{Located, Look, LookKind};
use crate::plan::{Search, SearchedDataset};
use crate::policy::Language;
use serde::Serialize;

/// One line a dataset.
#[must_use]
pub fn human(located: &Located, language: Language) -> String {
    let mut page = requests_words::SEARCH_HEADING.text(language).to_owned() + "\n";
    for searched in &located.datasets {
        let name = printable(&searched.dataset);
        let line = match &searched.search {
            Search::Found { own, shared } => {
                words::FOUND.fill(language, &[&name, &number(*own), &number(*shared)])
            }
            Search::NothingFound => requests_words::SEARCH_NOTHING.fill(language, &[&name]),
            Search::NotReached { reason } => {
                requests_words::SEARCH_NOT_REACHED.fill(language, &[&name, &printable(reason)])
            }
            Search::NotSearched => requests_words::SEARCH_NOT_SEARCHED.fill(language, &[&name]),
        };
        add_line(&mut page, format_args!("  {line}"));
    }
    add_line(&mut page, format_args!("{}", words::KEPT.fill(language, &[&located.look.look_id])));
    page
}

/// Everybody who looked for a person, one row each.
#[must_use]
pub fn looks(looks: &[Look], language: Language) -> String {
    if looks.is_empty() {
        return words::NOBODY.text(language).to_owned() + "\n";
    }
    let header = [
        words::COLUMN_LOOK,
        words::COLUMN_AT,
        words::COLUMN_KIND,
        words::COLUMN_WHO,
        words::COLUMN_WHY,
        words::COLUMN_RECORDS,
    ];
    let mut table = text::table(&header.map(|message| message.text(language)));
    for look in looks {
        let kind = match look.kind {
            LookKind::Locate => words::KIND_LOCATE,
            LookKind::Export => words::KIND_EXPORT,
        };
        table.add_row([
            look.look_id.clone(),
            instant(look.at),
            kind.text(language).to_owned(),
            printable(&look.who),
            printable(&look.why),
            number(look.records.values().sum()),
        ]);
    }
    text::widen(&mut table, 0, 40);
    text::lines(&table)
}

/// The JSON form of `locate`.
#[derive(Debug, Serialize)]
pub struct LocatedJson<'a> {
    format_version: u32,
    look_id: &'a str,
    request_id: Option<&'a str>,
    complete: bool,
    datasets: Vec<SearchedJson<'a>>,
}

/// The JSON form of one dataset.
#[derive(Debug, Serialize)]
pub struct SearchedJson<'a> {
    dataset: &'a str,
    store: &'a str,
    result: &'static str,
    own: u64,
    shared: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> SearchedJson<'a> {
    /// For staff: with the names of the data map, and why a dataset could not be read.
    fn inner(searched: &'a SearchedDataset) -> Self {
        let reason = match &searched.search {
            Search::NotReached { reason } => Some(reason.as_str()),
            _ => None,
        };
        Self { dataset: &searched.dataset, reason, ..Self::public(searched) }
    }

    /// For the person: with the names of certificates.
    #[must_use]
    pub fn public(searched: &'a SearchedDataset) -> Self {
        let (result, own, shared) = match &searched.search {
            Search::Found { own, shared } => ("found", *own, *shared),
            Search::NothingFound => ("nothing_found", 0, 0),
            Search::NotReached { .. } => ("not_reached", 0, 0),
            Search::NotSearched => ("not_searched", 0, 0),
        };
        let (dataset, store) = (&searched.dataset_alias, &searched.store_alias);
        Self { dataset, store, result, own, shared, reason: None }
    }
}

impl<'a> LocatedJson<'a> {
    #[must_use]
    pub fn new(located: &'a Located) -> Self {
        Self {
            format_version: JSON_FORMAT_VERSION,
            look_id: &located.look.look_id,
            request_id: located.look.request_id.as_deref(),
            complete: located.look.not_reached.is_empty(),
            datasets: located.datasets.iter().map(SearchedJson::inner).collect(),
        }
    }
}

/// The JSON form of `requests looks`.
#[derive(Debug, Serialize)]
pub struct LooksJson<'a> {
    format_version: u32,
    looks: &'a [Look],
}

impl<'a> LooksJson<'a> {
    #[must_use]
    pub fn new(looks: &'a [Look]) -> Self {
        Self { format_version: JSON_FORMAT_VERSION, looks }
    }
}
