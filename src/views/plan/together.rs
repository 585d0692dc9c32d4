//! The plan for requests that are carried out together, as its reviewer reads it: the items of all groups put
//! together, since the groups matter to nobody (floor 8, pure).

use crate::plan::{ItemCounts, KeptByDuty, Plan, PlanFinding, PlanItem, RequestPlan};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The plan itself, unless it is for several requests.
pub(super) fn for_reading(plan: &Plan) -> Cow<'_, Plan> {
    let Some(request) = plan.request.as_ref().filter(|request| !request.members.is_empty()) else {
        return Cow::Borrowed(plan);
    };
    let mut items: Vec<PlanItem> = Vec::new();
    let mut places: BTreeMap<u32, u32> = BTreeMap::new();
    for item in &plan.items {
        let is_same = |known: &PlanItem| {
            known.dataset == item.dataset && known.rule == item.rule && known.part == item.part
        };
        let known = items.iter().position(is_same);
        let place = u32::try_from(known.unwrap_or(items.len())).unwrap_or(u32::MAX);
        places.insert(item.item, place);
        match known.and_then(|known| items.get_mut(known)) {
            Some(known) => {
                known.due_bytes = known.due_bytes.saturating_add(item.due_bytes);
                add(&mut known.counts, &item.counts);
            }
            None => items.push(PlanItem { item: place, ..item.clone() }),
        }
    }
    let place_of = |item: u32| places.get(&item).copied().unwrap_or(item);
    let mut kept: Vec<KeptByDuty> = Vec::new();
    for one in &request.kept {
        let item = place_of(one.item);
        match kept.iter_mut().find(|known| known.item == item && known.exception == one.exception) {
            Some(known) => {
                let days = known.days().zip(one.days());
                let days = days.map(|((from, until), (first, last))| (from.min(first), until.max(last)));
                let records = known.records + one.records;
                *known = KeptByDuty { records, ..known.clone() }.until(days);
            }
            None => kept.push(KeptByDuty { item, ..one.clone() }),
        }
    }
    let findings = plan.findings.iter();
    let findings = findings.map(|one| PlanFinding { item: one.item.map(place_of), ..one.clone() }).collect();
    let request = RequestPlan { kept, ..request.clone() };
    Cow::Owned(Plan { items, findings, request: Some(request), ..plan.clone() })
}

fn add(known: &mut ItemCounts, more: &ItemCounts) {
    // Of a table that is read whole all groups see the same.
    known.total = known.total.max(more.total);
    known.in_scope += more.in_scope;
    known.due += more.due;
    known.overdue += more.overdue;
    known.held += more.held;
    known.not_yet_due += more.not_yet_due;
    known.referenced += more.referenced;
    known.already_done += more.already_done;
    for (hold, count) in &more.held_by {
        *known.held_by.entry(hold.clone()).or_default() += count;
    }
    for (reason, count) in &more.undecidable {
        *known.undecidable.entry(*reason).or_default() += count;
    }
    for (kind, locked) in &more.locks {
        let known = known.locks.entry(*kind).or_default();
        known.count += locked.count;
        known.until = known.until.max(locked.until);
    }
}
