//! What `check` says of rows that name no object, and of objects that no row names.
//!
//! Floor 3; pure. Counts, and names that are masked.

use crate::catalog::Catalog;
use crate::data_map::Dataset;
use crate::plan::compile::name;
use crate::plan::linkage::{Linkage, LinkageError, NamingColumn, Tally};

/// One thing to tell. `column` is the dataset and column where it is declared; `None`: the dataset of the objects.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) column: Option<(String, String)>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

pub(super) fn told(catalog: &Catalog, objects: &Dataset, found: Result<Linkage, LinkageError>) -> Vec<Told> {
    let linkage = match found {
        Ok(linkage) => linkage,
        Err(error) => return vec![not_compared(objects, &error.to_string())],
    };
    let mut all: Vec<Told> = Vec::new();
    for column in &linkage.columns {
        all.extend(dangling(column, objects));
        all.extend(foreign(column, objects));
    }
    if linkage.unread.is_empty() {
        all.extend(orphans(catalog, objects, &linkage));
    } else {
        let names: Vec<String> = linkage.unread.iter().map(|dataset| name(dataset)).collect();
        let reason = format!("dataset {} may name them and cannot be read", names.join(", "));
        all.push(not_compared(objects, &reason));
    }
    all
}

fn dangling(column: &NamingColumn, objects: &Dataset) -> Option<Told> {
    let message = format!(
        "{} records of dataset {} name in column {} an object of dataset {} that is not there ({})",
        column.dangling.count,
        name(&column.dataset),
        name(&column.column),
        name(&objects.name),
        samples(&column.dangling)
    );
    let hint =
        "an object may have been removed by hand, or the column may hold something else than its whole key";
    (column.dangling.count > 0).then(|| of_column("dangling-rows", column, message, hint))
}

fn foreign(column: &NamingColumn, objects: &Dataset) -> Option<Told> {
    let message = format!(
        "{} records of dataset {} hold in column {} what is no key of dataset {} ({})",
        column.foreign.count,
        name(&column.dataset),
        name(&column.column),
        name(&objects.name),
        samples(&column.foreign)
    );
    let hint = "a record that names it stays: correct the key template, or the column";
    (column.foreign.count > 0).then(|| of_column("foreign-names", column, message, hint))
}

fn of_column(code: &'static str, column: &NamingColumn, message: String, hint: &str) -> Told {
    let place = Some((column.dataset.clone(), column.column.clone()));
    Told { code, column: place, message, hint: Some(hint.to_owned()) }
}

fn orphans(catalog: &Catalog, objects: &Dataset, linkage: &Linkage) -> Option<Told> {
    let message = format!(
        "{} of the {} objects of dataset {} are named by no record ({})",
        linkage.orphans.count,
        linkage.objects,
        name(&objects.name),
        samples(&linkage.orphans)
    );
    let has_rule = catalog
        .policies()
        .iter()
        .flat_map(|policy| &policy.rules)
        .any(|rule| catalog.datasets_of(rule).any(|dataset| dataset.name == objects.name));
    let hint = if has_rule {
        "they go by the rule of their dataset alone"
    } else {
        "nothing takes them along, and no rule speaks of them: give the dataset a rule of its own"
    };
    (linkage.orphans.count > 0).then(|| Told {
        code: "orphan-objects",
        column: None,
        message,
        hint: Some(hint.to_owned()),
    })
}

fn not_compared(objects: &Dataset, reason: &str) -> Told {
    let message =
        format!("whether records name the objects of dataset {} is not known: {reason}", name(&objects.name));
    Told { code: "links-not-compared", column: None, message, hint: None }
}

fn samples(tally: &Tally) -> String {
    let more = tally.count > u64::try_from(tally.samples.len()).unwrap_or(u64::MAX);
    format!("{}{}", tally.samples.join(", "), if more { ", …" } else { "" })
}
