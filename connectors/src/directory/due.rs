//! Finds the next due files after a key, and goes on from there without listing anything twice.
//!
//! The source pages with it, the disposer takes its batches from it. Both give the last key back as
//! the cursor of the next call; if it is where the walk stands, the walk goes on, otherwise a new
//! one is started after the cursor.

use super::bounds::Bounds;
use super::judge::Judge;
use super::parent::{Parent, Seen};
use super::root::{Root, Status, system_error};
use super::walk::{Found, Walk};
use super::{key, named};
use crate::error::ConnectorError;
use crate::selection::{Class, Selection};
use crate::standing_walk::StandingWalk;
use crate::value::RecordKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

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
    standing: StandingWalk<Walk>,
}

impl DueWalker {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, standing: StandingWalk::default() }
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
        let cursor = after.map(|key| cursor_text(selection, key)).transpose()?;
        if let Some(keys) = named::keys(selection) {
            let mut later = keys.into_iter().filter(|key| cursor.is_none_or(|cursor| *key > cursor));
            return self.due_of_named(&judge, &mut later, records_max);
        }
        // A directory is read entry by entry, when the walk comes to it.
        let mut walk = match self.standing.take(selection, after, Duration::MAX) {
            Some(walk) => walk,
            None => {
                Walk::start(Arc::clone(&self.root), Bounds::of_due(selection)?, cursor).map_err(failed)?
            }
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
        if let Some(last) = due.files.last() {
            self.standing.put(selection, RecordKey::text(&last.key), walk, Instant::now());
        }
        Ok(due)
    }

    /// The first due files of these.
    fn due_of_named<'k>(
        &self,
        judge: &Judge<'_>,
        keys: &mut impl Iterator<Item = &'k str>,
        records_max: usize,
    ) -> Result<DueFiles, ConnectorError> {
        let failed = |errno| system_error(self.root.store(), "looking at a file", errno);
        let (mut due, mut parent) = (DueFiles::default(), Parent::default());
        while due.files.len() < records_max {
            let Some(key) = keys.next() else {
                due.exhausted = true;
                return Ok(due);
            };
            let Some(captures) = judge.captures(key) else { continue };
            if let Seen::Entry(status) = parent.look(&self.root, key).map_err(failed)?
                && judge.class(key, captures, &status) == Class::Due
            {
                due.files.push(DueFile { key: key.to_owned(), status });
            }
        }
        Ok(due)
    }
}

fn cursor_text<'a>(selection: &Selection, cursor: &'a RecordKey) -> Result<&'a str, ConnectorError> {
    key::text_of(cursor).ok_or_else(|| ConnectorError::SchemaDrift {
        dataset: selection.address.dataset.clone(),
        reason: "the key of a file is one text".to_owned(),
    })
}
