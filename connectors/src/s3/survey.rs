//! Counts where each record of a dataset falls.
//!
//! Every record is looked at, the ones that cannot be due as well: a survey stands in a plan that a person
//! approves, and its totals are what the guards divide by. A bucket has no snapshot; what comes or goes
//! meanwhile may or may not be in the counts.

use super::LANES;
use super::bounds::Bounds;
use super::client::Bucket;
use super::judge::Judge;
use super::key::record_key;
use super::walk::{Group, Walk};
use crate::error::ConnectorError;
use crate::objects::{absorb, count};
use crate::selection::{Selection, Survey};
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Keys whose locks and tags are looked up at once.
const GROUPS_AT_ONCE: usize = 16;

pub(super) async fn survey(bucket: &Bucket, selection: &Selection) -> Result<Survey, ConnectorError> {
    super::refuse_linked(selection)?;
    let judge = Judge::new(bucket, selection).await?;
    let bounds = Bounds::of_dataset(selection)?;
    let prefixes = bounds.prefixes(bucket).await?;
    let mut walks = Vec::with_capacity(prefixes.len() + 1);
    for prefix in &prefixes {
        walks.push(Walk::start(bucket, std::slice::from_ref(prefix), None, None)?);
    }
    walks.push(Walk::start(bucket, &[], Some(bounds.literal_prefix()), None)?);
    let parts: Vec<_> = walks.into_iter().map(|walk| of_walk(&judge, walk)).collect();
    let parts: Vec<Survey> = futures_util::stream::iter(parts).buffered(LANES).try_collect().await?;
    let mut whole = Survey::default();
    for part in parts {
        absorb(&mut whole, part);
    }
    Ok(whole)
}

async fn of_walk(judge: &Judge<'_>, mut walk: Walk) -> Result<Survey, ConnectorError> {
    let mut survey = Survey::default();
    loop {
        let mut groups = Vec::with_capacity(GROUPS_AT_ONCE);
        while groups.len() < GROUPS_AT_ONCE {
            match walk.advance().await? {
                Some(group) => groups.push(group),
                None => break,
            }
        }
        if groups.is_empty() {
            return Ok(survey);
        }
        let looks: Vec<_> = groups.iter().map(|group| of_group(judge, group)).collect();
        let parts: Vec<Survey> =
            futures_util::stream::iter(looks).buffered(GROUPS_AT_ONCE).try_collect().await?;
        for part in parts {
            absorb(&mut survey, part);
        }
    }
}

async fn of_group(judge: &Judge<'_>, group: &Group) -> Result<Survey, ConnectorError> {
    let mut survey = Survey::default();
    let Some(captures) = judge.captures(group.key()) else { return Ok(survey) };
    let facts = judge.facts_of(group, &captures, true).await?;
    for (entry, facts) in group.entries.iter().zip(&facts) {
        count(&mut survey, || record_key(entry), judge.judge(entry, facts));
    }
    Ok(survey)
}
