//! Counts where each file of a dataset falls.
//!
//! Every file of the dataset is looked at, the ones that cannot be due as well: a survey stands in
//! a plan that a person approves, and its totals are what the guards divide by. A directory has no
//! snapshot; files that come or go meanwhile may or may not be in the counts.

use super::bounds::Bounds;
use super::judge::{Judge, Judged};
use super::key;
use super::root::{Root, system_error};
use super::walk::{Found, Walk};
use crate::error::ConnectorError;
use crate::selection::{Class, DoubtReason, SAMPLE_KEYS_MAX, Selection, Survey};
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
        count(&mut survey, walk.path(), judged);
    }
    Ok(survey)
}

fn count(survey: &mut Survey, path: &[u8], judged: Judged) {
    survey.total += 1;
    survey.in_scope += u64::from(judged.class != Class::OutOfScope);
    match judged.class {
        Class::OutOfScope => {}
        Class::Undecidable(reason) => count_doubt(survey, path, reason),
        Class::NotYetDue => survey.not_yet_due += 1,
        Class::Referenced => survey.referenced += 1,
        Class::AlreadyDone => survey.already_done += 1,
        Class::ChangedSincePlan => survey.changed_since_plan += 1,
        Class::Held => {
            survey.held += 1;
            for hold_id in judged.hold_ids {
                *survey.held_by.entry(hold_id).or_default() += 1;
            }
        }
        Class::Due => {
            survey.due += 1;
            survey.overdue += u64::from(judged.overdue);
            survey.due_bytes = survey.due_bytes.saturating_add(judged.size_bytes);
            if survey.due_samples.len() < SAMPLE_KEYS_MAX {
                survey.due_samples.push(key::record_key(path));
            }
            if let Some(started_at) = judged.started_at {
                survey.oldest_due_at = Some(survey.oldest_due_at.map_or(started_at, |at| at.min(started_at)));
                survey.newest_due_at = Some(survey.newest_due_at.map_or(started_at, |at| at.max(started_at)));
            }
        }
    }
}

fn count_doubt(survey: &mut Survey, path: &[u8], reason: DoubtReason) {
    *survey.undecidable.entry(reason).or_default() += 1;
    let samples = survey.undecidable_samples.entry(reason).or_default();
    if samples.len() < SAMPLE_KEYS_MAX {
        samples.push(key::record_key(path));
    }
}
