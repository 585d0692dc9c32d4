//! What a request did not reach, as it was seen after its run: the person is told what stays, and why.
//!
//! Floor 7. The records are those that were found for the plan, read once more under the rules that keep them.

use super::apply::Running;
use super::evidence::{self as seen, names, rule};
use super::requests::OUTSIDE;
use super::shares::Shares;
use super::{App, AppError};
use crate::erasure::compile::{Beyond, beyond};
use crate::erasure::found::FoundRow;
use crate::erasure::gathered::Gathered;
use crate::erasure::graph::Graph;
use crate::erasure::planner::reach_of;
use crate::erasure::walk::{Ground, Reader};
use crate::evidence::{
    Action, Code, Counts, Exception, Failure, RequestPart, TargetEvidence, Verification, VerificationMethod,
};
use crate::plan::compile::Surroundings;
use crate::plan::world::World;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, HashMap};

/// The technique of records that were only looked at.
pub const TECHNIQUE_OUTSIDE: &str = "search.outside_request";

impl App {
    /// One target for each rule and dataset of which records stay; of several persons with what is whose.
    pub(super) async fn add_beyond(
        &self,
        running: &Running<'_>,
        (world, graph): (&World, &Graph<'_>),
        gathered: &Gathered,
        at: DateTime<Utc>,
        shares: &mut Shares,
    ) -> Result<(), AppError> {
        let plan = running.approved.plan();
        let request = self.first_request(plan).await?;
        if request.reaches_all() {
            return Ok(());
        }
        let (sources, targets) = (self.sources().await?, self.catalog.targets(plan.as_of));
        let around = Surroundings {
            catalog: &self.catalog,
            world,
            targets: &targets,
            as_of: plan.as_of,
            drafted_at: plan.drafted_at,
        };
        let mut reader = Reader::new(Ground { catalog: &self.catalog, graph, sources: &sources });
        for group in 0..gathered.groups() {
            for one in beyond(&around, graph, &gathered.whole(group), reach_of(&request)) {
                let rows = reader.rows(one.dataset, one.scope.clone()).await;
                let rows = (!reader.is_lost(one.dataset)).then_some(rows);
                if rows.as_ref().is_some_and(Vec::is_empty) {
                    continue;
                }
                let parts = parts_of(&gathered.owners(group, one.dataset), rows.as_deref())?;
                let count = rows.map(|rows| rows.len() as u64);
                shares.add(one.dataset, self.beyond_target(&one, count, at)?, parts);
            }
        }
        Ok(())
    }

    /// Without a count where nobody could look.
    fn beyond_target(
        &self,
        one: &Beyond<'_>,
        count: Option<u64>,
        at: DateTime<Utc>,
    ) -> anyhow::Result<TargetEvidence> {
        let declared = self.catalog.dataset(one.dataset).context("a dataset is not declared")?;
        let (store, dataset) = names(&self.catalog, one.dataset)?;
        let (exceptions, failures) = told(count)?;
        let records = count.unwrap_or_default();
        let method = VerificationMethod::ReQuery;
        Ok(TargetEvidence {
            store,
            dataset,
            record_type: seen::alias("record-type", &declared.record_type)?,
            rule: rule(&one.rule)?,
            action: Action::Purge,
            technique: Code::new(TECHNIQUE_OUTSIDE)?,
            counts: Counts { matched: records, excepted: records, ..Counts::default() },
            verification: count.map(|checked| Verification { method, checked, remaining: checked, at }),
            exceptions,
            failures,
            residue_steps: Vec::new(),
            records_before: None,
            records_after: None,
        })
    }
}

/// What of the rows is whose; of everybody nothing is known where nobody could look.
fn parts_of(
    owners: &HashMap<String, usize>,
    rows: Option<&[FoundRow]>,
) -> anyhow::Result<BTreeMap<usize, RequestPart>> {
    let mut each: BTreeMap<usize, Option<u64>> = BTreeMap::new();
    match rows {
        Some(rows) => {
            for place in rows.iter().filter_map(|row| owners.get(&row.key.canonical())) {
                *each.entry(*place).or_default().get_or_insert(0) += 1;
            }
        }
        None => each.extend(owners.values().map(|place| (*place, None))),
    }
    let parts = each.into_iter().map(|(place, count)| {
        let (exceptions, failures) = told(count)?;
        Ok((place, RequestPart { exceptions, failures, ..RequestPart::default() }))
    });
    parts.collect()
}

/// As kept, or as not reached.
fn told(count: Option<u64>) -> anyhow::Result<(Vec<Exception>, Vec<Failure>)> {
    match count {
        Some(count) => {
            let kept = Exception::new(Code::new(OUTSIDE)?, count);
            Ok((vec![kept], Vec::new()))
        }
        None => Ok((Vec::new(), vec![Failure { code: Code::new("unreachable")?, count: 0 }])),
    }
}
