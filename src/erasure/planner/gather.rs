//! Finding the persons of a plan.
//!
//! Floor 3; reads only.

use super::{Drafting, LeftOut, RECORDS_TOGETHER_MAX, RequestInput, RequestPlanError};
use crate::erasure::gathered::Gathered;
use crate::erasure::ground::exception_of;
use crate::erasure::walk::{Bounds, Ground, Reader, Renewal, Seeker, Together, staying_with, walk_together};
use crate::policy;
use std::collections::{BTreeMap, BTreeSet};

/// What looking for the persons came to.
pub(super) struct Sought {
    pub(super) gathered: Gathered,
    /// Who has to be planned alone, and why.
    pub(super) left: Vec<(String, LeftOut)>,
    /// Datasets that could not be read, with the reason.
    pub(super) lost: BTreeMap<String, String>,
}

/// Looks for everybody, and puts them into groups.
///
/// # Errors
/// [`RequestPlanError::Walk`].
pub(super) async fn gather(
    ground: Ground<'_>,
    input: &RequestInput<'_>,
    renewal: Option<&Renewal>,
) -> Result<Sought, RequestPlanError> {
    let seekers = input.persons.iter().map(|person| Seeker {
        given: person.given.clone(),
        before: person.before,
        renewal,
        bounds: Bounds::of_persons(person.request.replays.len()),
    });
    let seekers: Vec<Seeker<'_>> = seekers.collect();
    let rows_max = match seekers.as_slice() {
        [only] => only.bounds.rows_max,
        _ => RECORDS_TOGETHER_MAX,
    };
    let is_one = seekers.len() == 1;
    let may_stay = staying(ground, input);
    let walked = walk_together(ground, seekers, rows_max, &may_stay).await?;
    let Together { found, lost, overlapping, tied } = walked;
    let (mut members, mut left) = (Vec::new(), Vec::new());
    for (place, (person, found)) in input.persons.iter().zip(found).enumerate() {
        let request_id = person.request.request_id.clone();
        match found {
            Err(error) if is_one => return Err(error.into()),
            Err(error) => left.push((request_id, LeftOut::Walk(error))),
            Ok(_) if overlapping.contains(&place) => left.push((request_id, LeftOut::Overlaps)),
            Ok(mut found) => {
                // What could not be read whole is left alone whole.
                found.rows.retain(|dataset, _| !lost.contains_key(dataset));
                members.push((request_id, found, tied.get(place).copied().unwrap_or(place)));
            }
        }
    }
    Ok(Sought { gathered: Gathered::in_groups(members, input.found_key), left, lost })
}

/// The datasets of which a record may stay although its person asks: a duty keeps it, it is anonymized, or the request
/// does not reach it.
fn staying<'a>(ground: Ground<'a>, input: &RequestInput<'_>) -> BTreeSet<&'a str> {
    if !input.persons.iter().all(|person| person.request.reaches_all()) {
        return ground.graph.datasets.keys().copied().collect();
    }
    let targets = ground.catalog.targets(input.now);
    let keep = targets.iter().filter(|target| {
        let rule = target.rule;
        let exception = exception_of(&rule.legal_basis, rule.erasure_exception.as_deref());
        exception.is_some() || !matches!(rule.disposition, policy::Disposition::Purge)
    });
    let places = keep.filter_map(|target| ground.graph.place_of(ground.catalog, &target.dataset.name));
    staying_with(ground, places.collect())
}

impl Drafting<'_> {
    /// Whether a run of the request was begun before.
    pub(super) fn goes_on(&self) -> bool {
        self.input.persons.iter().any(|person| person.before.is_some())
    }

    /// Leaves out of what is told what an earlier run of the request has erased: it still leads on, but there is nothing
    /// of the person in it any more.
    pub(super) async fn leave_out_erased(&mut self) {
        if !self.goes_on() {
            return;
        }
        let ground = Ground { catalog: self.input.catalog, graph: self.graph, sources: self.input.sources };
        let mut reader = Reader::new(ground);
        for (dataset, rows) in &mut self.found.rows {
            reader.keep_those_there(dataset, rows).await;
            let done = self.done.get(dataset);
            rows.retain(|row| !done.is_some_and(|done| done.contains(&row.key.canonical())));
        }
        self.lost.extend(reader.into_lost());
    }
}
