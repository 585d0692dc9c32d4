//! Everything in scope, whatever else is to be said of it: whose files are looked for may have some that cannot go.

use super::bounds::Bounds;
use super::judge::Judge;
use super::key;
use super::parent::{Parent, Seen};
use super::root::{Root, Status, system_error};
use super::walk::{Found, Walk};
use crate::error::ConnectorError;
use crate::selection::{Class, RowPage, RowValues, Selection};
use crate::value::RecordKey;
use std::borrow::Cow;
use std::sync::Arc;

/// The next files in scope strictly after `after`, and what stands in the place of one (a link, a special file). What is
/// behind a linked directory or a mount point is not looked at.
///
/// # Errors
/// When the name of one of them is not Unicode: no statement could name it.
pub(super) fn rows(
    root: &Arc<Root>,
    selection: &Selection,
    columns: &[String],
    after: Option<&RecordKey>,
    records_max: usize,
) -> Result<RowPage, ConnectorError> {
    let failed = |errno| system_error(root.store(), "walking the directory", errno);
    let judge = Judge::new(selection)?;
    let mut parent = Parent::default();
    let after = after.and_then(key::text_of);
    let mut walk = Walk::start(Arc::clone(root), Bounds::of_dataset(selection)?, after).map_err(failed)?;
    let mut page = RowPage::default();
    while page.rows.len() < records_max {
        let Some(found) = walk.advance().map_err(failed)? else {
            page.exhausted = true;
            return Ok(page);
        };
        let text = String::from_utf8_lossy(walk.path());
        let is_readable = matches!(text, Cow::Borrowed(_));
        let (status, captures) = match found {
            Found::Entry(status, captures) => (status, captures),
            Found::NotGovernable(_) => {
                let Some(captures) = judge.captures(&text) else { continue };
                let status = match parent.look(root, &text).map_err(failed)? {
                    Seen::Entry(status) => status,
                    Seen::Absent if !is_readable => Status::UNSEEN,
                    Seen::Absent | Seen::Foreign => continue,
                };
                (status, captures)
            }
        };
        let (facts, class) = judge.seen(&text, captures, &status);
        if class == Class::OutOfScope {
            continue;
        }
        if !is_readable {
            return Err(ConnectorError::NotSupported {
                store: root.store().to_owned(),
                reason: "the name of a file in question is not Unicode: rename it".to_owned(),
            });
        }
        page.rows.push(RowValues::of_facts(RecordKey::text(text.as_ref()), &facts, columns));
    }
    Ok(page)
}
