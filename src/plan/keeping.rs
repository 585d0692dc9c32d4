//! Which objects rows keep: asked when a plan is drafted, and again right before an object goes.
//!
//! Floor 3; reads only. Whatever cannot be read keeps everything.

use super::compile::keepers::Keeper;
use super::world::Sources;
use crate::hold::{HoldBook, HoldError};
use connectors::ConnectorError;
use std::collections::BTreeSet;
use thiserror::Error;

/// Why it cannot be told which names are kept: then all of them are.
#[derive(Debug, Error)]
pub enum KeepError {
    #[error(transparent)]
    Hold(#[from] HoldError),
    #[error(transparent)]
    Store(#[from] ConnectorError),
}

/// Of these names those that a row which stays has in a column that links to their store.
///
/// # Errors
/// [`KeepError`].
pub async fn kept_names(
    keepers: &[Keeper],
    sources: &Sources,
    book: &HoldBook,
    names: &[String],
) -> Result<BTreeSet<String>, KeepError> {
    let mut kept = BTreeSet::new();
    if names.is_empty() {
        return Ok(kept);
    }
    for keeper in keepers {
        let (Some(selections), Some(source)) = (keeper.staying(book)?, sources.get(&keeper.store)) else {
            return Ok(names.iter().cloned().collect());
        };
        // A row that goes by one rule does not by another, so only what every selection keeps is kept.
        let mut common: Option<BTreeSet<String>> = None;
        for selection in &selections {
            let found: BTreeSet<String> = source.names_to_keep(selection, names).await?.into_iter().collect();
            common = Some(match common {
                None => found,
                Some(before) => before.intersection(&found).cloned().collect(),
            });
        }
        kept.extend(common.unwrap_or_default());
    }
    Ok(kept)
}
