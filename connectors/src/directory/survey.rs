//! Counts where each file of a dataset falls.
//!
//! Every file of the dataset is looked at, the ones that cannot be due as well: a survey stands in
//! a plan that a person approves, and its totals are what the guards divide by. A directory has no
//! snapshot; files that come or go meanwhile may or may not be in the counts. Only of a request, whose scope names
//! its files, no other file is looked at.

use super::bounds::Bounds;
use super::judge::Judge;
use super::parent::{Parent, Seen};
use super::root::{Root, system_error};
use super::walk::{Found, Walk};
use super::{key, named};
use crate::error::ConnectorError;
use crate::objects::{Judged, count};
use crate::selection::{DoubtReason, Selection, StartCondition, Survey};
use crate::value::RecordKey;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn survey(root: Arc<Root>, selection: &Selection) -> Result<Survey, ConnectorError> {
    super::refuse_linked(selection)?;
    let store = root.store().to_owned();
    let failed = |errno| system_error(&store, "walking the directory", errno);
    let judge = Judge::new(selection)?;
    if let (StartCondition::OnRequest, Some(keys)) = (&selection.start, named::keys(selection)) {
        return of_named(&root, &judge, &keys);
    }
    let mut walk = Walk::start(root, Bounds::of_dataset(selection)?, None).map_err(failed)?;
    let mut survey = Survey::default();
    while let Some(found) = walk.advance().map_err(failed)? {
        let judged = match (found, std::str::from_utf8(walk.path())) {
            (Found::Entry(status, captures), Ok(text)) => judge.judge(text, captures, &status),
            (Found::NotGovernable(doubt), _) => Judged::doubtful(doubt),
            (Found::Entry(..), Err(_)) => Judged::doubtful(DoubtReason::NameUnreadable),
        };
        count(&mut survey, || key::record_key(walk.path()), judged);
    }
    Ok(survey)
}

fn of_named(root: &Root, judge: &Judge<'_>, keys: &BTreeSet<&str>) -> Result<Survey, ConnectorError> {
    let failed = |errno| system_error(root.store(), "looking at a file", errno);
    let (mut survey, mut parent) = (Survey::default(), Parent::default());
    for text in keys {
        let Some(captures) = judge.captures(text) else { continue };
        let judged = match parent.look(root, text).map_err(failed)? {
            Seen::Absent => continue,
            Seen::Entry(status) => judge.judge(text, captures, &status),
            Seen::Foreign => Judged::doubtful(DoubtReason::NoRegularFile),
        };
        count(&mut survey, || RecordKey::text(*text), judged);
    }
    Ok(survey)
}
