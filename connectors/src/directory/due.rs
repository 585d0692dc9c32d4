//! Finds the next due files after a key, and goes on from there without listing anything twice.
//!
//! The source pages with it, the disposer takes its batches from it. Both give the last key back as
//! the cursor of the next call; if it is where the walk stands, the walk goes on, otherwise a new
//! one is started after the cursor.

use super::bounds::Bounds;
use super::judge::Judge;
use super::key;
use super::root::{Root, Status, system_error};
use super::walk::{Found, Walk};
use crate::dataset::DatasetAddress;
use crate::error::ConnectorError;
use crate::selection::{Class, Selection, StartCondition};
use crate::value::RecordKey;
use std::sync::{Arc, Mutex, PoisonError};

/// A due file, as it was when it was judged.
#[derive(Debug)]
pub(super) struct DueFile {
    pub(super) key: String,
    pub(super) status: Status,
}

/// The next due files in key order.
#[derive(Debug, Default)]
pub(super) struct DueFiles {
    pub(super) files: Vec<DueFile>,
    /// Nothing due is left after them.
    pub(super) exhausted: bool,
}

/// Walks for due files. One at a time profits from going on; others start afresh.
#[derive(Debug)]
pub(super) struct DueWalker {
    root: Arc<Root>,
    standing: Mutex<Option<Standing>>,
}

/// A walk between two calls. It may go on for whoever asks for the same files after the same key;
/// scope, holds and all else are judged anew for every file it yields.
#[derive(Debug)]
struct Standing {
    address: DatasetAddress,
    start: StartCondition,
    last_key: String,
    walk: Walk,
}

impl DueWalker {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, standing: Mutex::new(None) }
    }

    pub(super) fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The next due files strictly after `after`, at most `records_max`. Blocks on the file system.
    pub(super) fn next_due(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: usize,
    ) -> Result<DueFiles, ConnectorError> {
        super::refuse_linked(selection)?;
        let failed = |errno| system_error(self.root.store(), "walking the directory", errno);
        let judge = Judge::new(selection)?;
        let after = after.map(|key| cursor_text(selection, key)).transpose()?;
        let mut walk = match self.take_standing(selection, after) {
            Some(walk) => walk,
            None => Walk::start(Arc::clone(&self.root), Bounds::of_due(selection)?, after).map_err(failed)?,
        };
        let mut due = DueFiles::default();
        while due.files.len() < records_max {
            let Some(found) = walk.advance().map_err(failed)? else {
                due.exhausted = true;
                return Ok(due);
            };
            if let (Found::Entry(status, captures), Ok(key)) = (found, std::str::from_utf8(walk.path()))
                && judge.class(key, captures, &status) == Class::Due
            {
                due.files.push(DueFile { key: key.to_owned(), status });
            }
        }
        self.put_standing(selection, due.files.last(), walk);
        Ok(due)
    }

    fn take_standing(&self, selection: &Selection, after: Option<&str>) -> Option<Walk> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let same = after == Some(standing.last_key.as_str())
            && standing.address == selection.address
            && standing.start == selection.start;
        same.then_some(standing.walk)
    }

    fn put_standing(&self, selection: &Selection, last: Option<&DueFile>, walk: Walk) {
        let standing = last.map(|last| Standing {
            address: selection.address.clone(),
            start: selection.start.clone(),
            last_key: last.key.clone(),
            walk,
        });
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

fn cursor_text<'a>(selection: &Selection, cursor: &'a RecordKey) -> Result<&'a str, ConnectorError> {
    key::text_of(cursor).ok_or_else(|| ConnectorError::SchemaDrift {
        dataset: selection.address.dataset.clone(),
        reason: "the key of a file is one text".to_owned(),
    })
}
