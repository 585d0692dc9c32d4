//! Counts where each file of a dataset falls.
//!
//! Every file of the dataset is looked at, the ones that cannot be due as well: a survey stands in
//! a plan that a person approves, and its totals are what the guards divide by. A directory has no
//! snapshot; files that come or go meanwhile may or may not be in the counts.

use super::bounds::Bounds;
use super::judge::Judge;
use super::key;
use super::root::{Root, system_error};
use super::walk::{Found, Walk};
use crate::error::ConnectorError;
use crate::objects::{Judged, count};
use crate::selection::{DoubtReason, Selection, Survey};
use std::sync::Arc;

pub(super) fn survey(root: Arc<Root>, selection: &Selection) -> Result<Survey, ConnectorError> {
    super::refuse_linked(selection)?;
    let store = root.store().to_owned();
    let failed = |errno| system_error(&store, "walking the directory", errno);
    let judge = Judge::new(selection)?;
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
