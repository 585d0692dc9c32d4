//! Whether the reader of a store may write.
//!
//! Floor 3; reads only. A plan is read with credentials that cannot change anything, so that no fault can turn it
//! into a change; whether they are of that kind only the store can tell, and not every store does.

use super::places::{Places, Spot};
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::plan::world::Sources;
use std::collections::BTreeSet;

/// Warns of each store whose reader may delete or change rows of a dataset. Those of `told` have one role for both
/// sides, which is said of the settings already. A store that cannot be asked is told of elsewhere.
pub async fn check_readers(
    catalog: &Catalog,
    sources: &Sources,
    told: &BTreeSet<&str>,
    places: &Places,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (store, source) in sources.iter().filter(|(store, _)| !told.contains(store.as_str())) {
        let of_store = catalog.datasets().values().filter(|dataset| &dataset.store == store);
        let tables: Vec<_> = of_store.map(crate::data_map::Dataset::address).collect();
        let Ok(writable) = source.writable(&tables).await else { continue };
        let Some(first) = writable.first() else { continue };
        let (count, of, dataset) = (writable.len(), tables.len(), &first.dataset);
        let message = format!(
            "the reader of store `{store}` may change or delete records of {count} of {of} datasets, such as `{dataset}`"
        );
        let hint = "give the reader a role that cannot write: `oubliette grants` says how".to_owned();
        diagnostics.push(warning(places.setting(&format!("stores.{store}")), message, hint));
    }
    diagnostics
}

fn warning(spot: Spot, message: String, hint: String) -> Diagnostic {
    let Spot { file, line, column } = spot;
    let (severity, code) = (Severity::Warning, "reader-can-write");
    Diagnostic { severity, code, file, line, column, message, excerpt: String::new(), hint: Some(hint) }
}
