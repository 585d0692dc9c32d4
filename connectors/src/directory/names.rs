//! The keys of the files of a dataset, in the order of their bytes, with what stands in the place of files.

use super::bounds::Bounds;
use super::root::{Root, system_error};
use super::walk::{Found, Walk};
use crate::error::ConnectorError;
use crate::names::{NameCount, NamePage};
use crate::selection::Selection;
use std::sync::Arc;

/// A name that is not UTF-8 is left out: no row can have it.
pub(super) fn names(
    root: Arc<Root>,
    selection: &Selection,
    after: Option<&str>,
    names_max: u32,
) -> Result<NamePage, ConnectorError> {
    let store = root.store().to_owned();
    let failed = |errno| system_error(&store, "walking the directory", errno);
    let mut walk = Walk::start(root, Bounds::of_dataset(selection)?, after).map_err(failed)?;
    let names_max = usize::try_from(names_max.max(1)).unwrap_or(usize::MAX);
    let mut page = NamePage::default();
    while page.names.len() < names_max {
        let Some(found) = walk.advance().map_err(failed)? else {
            page.exhausted = true;
            break;
        };
        let records = u64::from(matches!(found, Found::Entry(..)));
        if let Ok(name) = std::str::from_utf8(walk.path()) {
            page.names.push(NameCount { name: name.to_owned(), records });
        }
    }
    Ok(page)
}
