//! Everything in scope, whatever else is to be said of it: whose files are looked for may have some that cannot go.

use super::bounds::Bounds;
use super::judge::Judge;
use super::key;
use super::parent::{Parent, Seen};
use super::root::{Root, Status, system_error};
use super::walk::Walk;
use crate::error::ConnectorError;
use crate::selection::{Class, RowPage, RowValues, Selection};
use crate::value::{RecordKey, Value};
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
        if walk.advance().map_err(failed)?.is_none() {
            page.exhausted = true;
            return Ok(page);
        }
        let text = String::from_utf8_lossy(walk.path());
        let Some(captures) = judge.captures(&text) else { continue };
        let is_readable = std::str::from_utf8(walk.path()).is_ok();
        let status = match parent.look(root, &text).map_err(failed)? {
            Seen::Entry(status) => status,
            Seen::Absent if !is_readable => Status::UNSEEN,
            Seen::Absent | Seen::Foreign => continue,
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
        let value = |column: &String| facts.fields.get(column).cloned().unwrap_or(Value::Null);
        let values = columns.iter().map(value).collect();
        page.rows.push(RowValues { key: RecordKey::text(text.as_ref()), values });
    }
    Ok(page)
}
