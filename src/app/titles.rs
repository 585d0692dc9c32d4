//! What the policies call the records of a type, for what persons read.
//!
//! Floor 7. Only words: what is said of the records comes from certificates.

use super::{App, AppError};
use crate::policy::Texts;
use std::collections::BTreeMap;

/// By record type, as certificates name it.
pub type Titles = BTreeMap<String, Texts>;

impl App {
    /// The title of every record type whose rules all have the same one.
    pub(super) fn record_titles(&self) -> Result<Titles, AppError> {
        let mut all: BTreeMap<String, Option<Texts>> = BTreeMap::new();
        for target in self.catalog.targets(self.now()) {
            let title = &target.rule.title;
            let name = super::evidence::alias("record-type", &target.dataset.record_type)?;
            let known = all.entry(name.as_str().to_owned()).or_insert_with(|| Some(title.clone()));
            if known.as_ref() != Some(title) {
                *known = None;
            }
        }
        Ok(all.into_iter().filter_map(|(name, title)| Some((name, title?))).collect())
    }
}
