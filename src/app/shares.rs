//! What of the targets of a run is for which of several requests.
//!
//! Floor 7; pure. Persons who are erased together are carried out in groups, each with items of its own; a certificate
//! says what became of the records of a rule in a dataset, so what was seen of the groups is put together here. Of a
//! request alone it is the list of targets and nothing else.

use crate::evidence::{
    Code, Exception, Failure, Kind, Outcome, RequestEvidence, RequestPart, Residual, TargetEvidence,
    Verification,
};
use crate::plan::RequestPlan;
use anyhow::Context as _;
use std::collections::BTreeMap;

/// The targets, with what of each is whose.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) targets: Vec<TargetEvidence>,
    /// The datasets of the targets, as the data map names them.
    pub(super) datasets: Vec<String>,
    /// For each request, by place of the target; empty for a request alone.
    pub(super) parts: Vec<BTreeMap<usize, RequestPart>>,
}

impl Shares {
    pub(super) fn of(planned: &RequestPlan) -> Self {
        let parts = vec![BTreeMap::new(); planned.members.len()];
        Self { targets: Vec::new(), datasets: Vec::new(), parts }
    }

    /// Adds what was seen of an item or of a place where persons were looked for.
    pub(super) fn add(&mut self, dataset: &str, target: TargetEvidence, parts: BTreeMap<usize, RequestPart>) {
        let same = |known: &TargetEvidence| {
            let rule = known.rule.id == target.rule.id && known.rule.version == target.rule.version;
            let place = known.store == target.store && known.dataset == target.dataset;
            rule && place && known.action == target.action && known.technique == target.technique
        };
        let is_together = !self.parts.is_empty();
        let known = self.targets.iter().position(|known| is_together && same(known));
        let place = known.unwrap_or(self.targets.len());
        if let Some(known) = known.and_then(|place| self.targets.get_mut(place)) {
            put_together(known, target);
        } else {
            let (records_before, records_after) = (target.records_before, target.records_after);
            // Of several groups none has seen the whole table before and after all of them.
            let around = if is_together { (None, None) } else { (records_before, records_after) };
            self.datasets.push(dataset.to_owned());
            self.targets.push(TargetEvidence { records_before: around.0, records_after: around.1, ..target });
        }
        for (member, part) in parts.into_iter().filter(|(_, part)| !part.is_empty()) {
            if let Some(own) = self.parts.get_mut(member) {
                add_part(own.entry(place).or_default(), part);
            }
        }
    }

    /// The datasets in which something of a request was disposed of; of all requests, if it is alone.
    pub(super) fn disposed_in(&self, member: usize) -> Vec<&str> {
        let own = self.parts.get(member);
        let all = self.datasets.iter().zip(&self.targets).enumerate();
        all.filter(|(place, (_, target))| match own {
            Some(parts) => parts.get(place).is_some_and(|part| part.counts().disposed() > 0),
            None => target.counts.disposed() > 0,
        })
        .map(|(_, (dataset, _))| dataset.as_str())
        .collect()
    }

    /// Each of several requests, with its own outcome.
    pub(super) fn requests(
        &self,
        planned: &RequestPlan,
        kind: Kind,
        residuals: &[Residual],
    ) -> anyhow::Result<Vec<RequestEvidence>> {
        let mut requests = Vec::with_capacity(planned.members.len());
        for (member, parts) in planned.members.iter().zip(&self.parts) {
            let mut numbered = Vec::with_capacity(parts.len());
            for (place, part) in parts {
                let target = u32::try_from(*place).context("there are too many targets")?;
                numbered.push(RequestPart { target, ..part.clone() });
            }
            let mut request = RequestEvidence {
                reference: Code::new(member.request_id.as_str())?,
                received_at: member.received_at,
                due_at: member.due_at,
                legal_basis: super::evidence::alias("ground", &planned.ground)?,
                outcome: Outcome::NothingFound,
                parts: numbered,
            };
            request.outcome = request.derived(kind, &self.targets, residuals);
            requests.push(request);
        }
        Ok(requests)
    }
}

/// The same target, seen of another group.
fn put_together(known: &mut TargetEvidence, more: TargetEvidence) {
    known.counts = known.counts.plus(more.counts);
    known.verification = match (known.verification.take(), more.verification) {
        (Some(one), Some(other)) => Some(Verification {
            checked: one.checked + other.checked,
            remaining: one.remaining + other.remaining,
            at: one.at.max(other.at),
            ..one
        }),
        // What was not read back of one group was not read back.
        _ => None,
    };
    for exception in more.exceptions {
        add_exception(&mut known.exceptions, exception);
    }
    for failure in more.failures {
        add_failure(&mut known.failures, failure);
    }
    for step in more.residue_steps {
        if !known.residue_steps.contains(&step) {
            known.residue_steps.push(step);
        }
    }
}

fn add_part(known: &mut RequestPart, more: RequestPart) {
    known.purged += more.purged;
    known.anonymized += more.anonymized;
    known.pseudonymized += more.pseudonymized;
    known.already_absent += more.already_absent;
    for exception in more.exceptions {
        add_exception(&mut known.exceptions, exception);
    }
    for failure in more.failures {
        add_failure(&mut known.failures, failure);
    }
}

/// With the days of both.
fn add_exception(known: &mut Vec<Exception>, more: Exception) {
    let same = |one: &&mut Exception| one.code == more.code && one.hold_ref == more.hold_ref;
    match known.iter_mut().find(same) {
        Some(one) => {
            let days = one.days().zip(more.days());
            let days = days.map(|((from, until), (first, last))| (from.min(first), until.max(last)));
            let (code, hold_ref) = (one.code.clone(), one.hold_ref.take());
            *one = Exception { hold_ref, ..Exception::new(code, one.count + more.count).until(days) };
        }
        None => known.push(more),
    }
}

fn add_failure(known: &mut Vec<Failure>, more: Failure) {
    match known.iter_mut().find(|one| one.code == more.code) {
        Some(one) => one.count += more.count,
        None => known.push(more),
    }
}
