//! From what was found to selections: what becomes of each record of the person.
//!
//! Floor 3; pure. The rule of a record decides: one with an exception of GDPR art. 17(3) (or a legal
//! obligation as its basis) keeps it until it is due, every other lets it go now by its own disposition, and
//! a record that no rule speaks of is purged. Each selection names the person's records by their keys, and
//! what refers to a record keeps it as long as it is there. Compiling the same records again gives the same
//! items in the same order, which is how an approved plan is carried out.

mod beyond;
mod circle;
mod refer;

pub use beyond::{Beyond, beyond};
pub use refer::{disregarding, going_together, own_of, refers_to_itself};

use super::found::Found;
use super::graph::{Edge, Graph, Place};
use super::ground::{RequestKind, exception_of, is_consent};
use super::walk::on_request;
use crate::catalog::Target;
use crate::data_map::StoreKind;
use crate::plan::compile::exempt::unsaid;
use crate::plan::compile::keepers::{Keeper, keepers_of};
use crate::plan::compile::{Refused, Surroundings, disposal, finding, name, start, target};
use crate::plan::world::same_place;
use crate::plan::{
    self, Cutoff, FindingCode, FindingSeverity, ItemPart, PlanFinding, RuleReference, digest, reference_of,
};
use crate::policy;
use connectors::{Disposal, Field, Predicate, RecordKey, Selection, StartCondition};
use std::collections::{BTreeMap, BTreeSet};

/// Which records the request reaches.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    pub kind: RequestKind,
    pub record_types: &'a BTreeSet<String>,
    /// The ground, as a code.
    pub ground: &'a str,
}

/// One item of the plan of a request.
#[derive(Debug, Clone)]
pub struct RequestItem<'a> {
    /// The dataset that stands for the place.
    pub dataset: &'a str,
    pub rule: RuleReference,
    /// Without holds.
    pub selection: Selection,
    pub disposition: plan::Disposition,
    pub cutoff: Option<Cutoff>,
    /// Why its records stay until they are due.
    pub exception: Option<&'a str>,
    pub part: ItemPart,
    /// The rule behind it; `None` for records that no rule speaks of.
    pub target: Option<Target<'a>>,
    pub keepers: Vec<Keeper>,
    pub schema_digest: String,
    pub findings: Vec<PlanFinding>,
}

/// The items for what was found, in the order of execution: what refers to others first, files before the
/// rows that name them.
#[must_use]
pub fn items<'a>(
    around: &Surroundings<'a>,
    graph: &'a Graph<'a>,
    found: &Found,
    reach: Reach<'_>,
) -> Vec<RequestItem<'a>> {
    let mut items: Vec<RequestItem<'a>> = Vec::new();
    for place in graph.datasets.values() {
        let keys = found.own(&place.dataset.name);
        if !keys.is_empty() {
            let theirs = refer::still_theirs(around, graph, place, found);
            items.extend(items_of(around, place, &keys, theirs, reach));
        }
    }
    for item in items.iter_mut().filter(|item| item.selection.disposal == Disposal::Purge) {
        refer::add(around, graph, found, item);
    }
    refer::stay_with_kept(graph, &mut items);
    let sequence = circle::sequence(graph, &mut items);
    for item in &mut items {
        item.schema_digest = target::schema_digest(&item.selection, &[]);
    }
    let mut ordered: Vec<RequestItem<'a>> =
        sequence.into_iter().filter_map(|index| items.get(index).cloned()).collect();
    add_keepers(around, &mut ordered);
    ordered
}

impl RequestItem<'_> {
    /// What tells it from the other items of the same plan.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.dataset, self.rule.policy, self.rule.rule)
    }
}

/// The rules at the place that the request reaches, and what none of them speaks of.
fn items_of<'a>(
    around: &Surroundings<'a>,
    place: &Place<'a>,
    keys: &[RecordKey],
    theirs: Predicate,
    reach: Reach<'_>,
) -> Vec<RequestItem<'a>> {
    let here: Vec<Target<'a>> =
        around.targets.iter().copied().filter(|one| same_place(one.dataset, place.dataset)).collect();
    let (scope, mut findings) = keys_scope(place, keys);
    let scope = Predicate::and([scope, theirs]);
    if !place.others.is_empty() {
        findings.push(refusal(
            FindingCode::SameTableTwice,
            format!(
                "dataset {} and {} speak of the same records: an erasure request needs one dataset for each table",
                name(&place.dataset.name),
                name(&place.others.join(", "))
            ),
        ));
    }
    let mut items = Vec::new();
    let mut rest = vec![scope.clone()];
    for target in &here {
        match target::scope_of(target, place.shape) {
            Err(refused) => findings.push(refused.into()),
            Ok(own) => {
                rest.push(own.clone().is_not_true());
                if reaches(target, reach) {
                    let scope = Predicate::and([scope.clone(), own]);
                    let whole = by_rule(around, place, target, scope, &here);
                    let fields = beside_duty(around, place, target, &whole);
                    items.push(whole);
                    items.extend(fields);
                }
            }
        }
    }
    if reaches_unruled(place, reach) && !here.iter().any(|target| target.rule.scope.is_none()) {
        items.push(by_request(around, place, Predicate::and(rest), reach));
    }
    if let Some(item) = items.first_mut() {
        item.findings.extend(findings);
    }
    items
}

fn reaches(target: &Target<'_>, reach: Reach<'_>) -> bool {
    let named = reach.record_types.is_empty() || reach.record_types.contains(&target.rule.record_type);
    match reach.kind {
        RequestKind::Erasure => named,
        RequestKind::ConsentWithdrawal => named && is_consent(&target.rule.legal_basis),
        RequestKind::MarketingObjection => reach.record_types.contains(&target.rule.record_type),
    }
}

/// Without a rule there is no legal basis to be known: only what is asked for whole, or by name, goes.
fn reaches_unruled(place: &Place<'_>, reach: Reach<'_>) -> bool {
    let named = reach.record_types.contains(&place.dataset.record_type);
    match reach.kind {
        RequestKind::Erasure => named || reach.record_types.is_empty(),
        RequestKind::ConsentWithdrawal => false,
        RequestKind::MarketingObjection => named,
    }
}

/// Exactly these records; none, with a refusal, where their keys cannot be compared.
fn keys_scope(place: &Place<'_>, keys: &[RecordKey]) -> (Predicate, Vec<PlanFinding>) {
    if let Some(scope) = exactly(place, keys) {
        return (scope, Vec::new());
    }
    let message = format!(
        "the keys of dataset {} are of a type that cannot be compared, so none of its records can be named",
        name(&place.dataset.name)
    );
    (Predicate::or([]), vec![refusal(FindingCode::KeyMissing, message)])
}

/// True for exactly these records; `None` where their keys cannot be compared.
#[must_use]
pub fn exactly(place: &Place<'_>, keys: &[RecordKey]) -> Option<Predicate> {
    let fields: Vec<Field> =
        place.shape.key.iter().map(|column| field(place, column)).collect::<Option<_>>()?;
    let fits = |key: &RecordKey| {
        let mut parts = key.0.iter().zip(&fields);
        key.0.len() == fields.len() && parts.all(|(part, field)| part.value_type() == Some(field.value_type))
    };
    (!fields.is_empty() && keys.iter().all(fits)).then(|| Predicate::keys(&fields, keys))
}

fn field(place: &Place<'_>, column: &str) -> Option<Field> {
    let found = place.shape.column(column)?;
    Some(Field { name: found.name.clone(), value_type: found.value_type })
}

/// Records under a rule.
fn by_rule<'a>(
    around: &Surroundings<'a>,
    place: &Place<'a>,
    target: &Target<'a>,
    scope: Predicate,
    here: &[Target<'a>],
) -> RequestItem<'a> {
    let rule = target.rule;
    let exception = exception_of(&rule.legal_basis, rule.erasure_exception.as_deref());
    let mut findings = Vec::new();
    let (start, cutoff) = match exception {
        Some(_) => start_of_duty(around, place, target).unwrap_or_else(|refused| {
            findings.push(refused.into());
            (StartCondition::OnRequest, None)
        }),
        None => (StartCondition::OnRequest, None),
    };
    let (disposal, disposition, against) =
        disposal::disposal_of(&rule.disposition, place.dataset, place.shape, around.drafted_at);
    findings.extend(against);
    findings.extend(cannot_end(around, place, rule));
    let others = here.iter().filter(|other| !target::is_same(other, target));
    let conflicts = others.filter_map(|other| target::scope_of(other, place.shape).ok()).collect();
    RequestItem {
        dataset: &place.dataset.name,
        rule: reference_of(target, around.catalog),
        selection: Selection {
            start,
            conflicts,
            disposal,
            unchanged_since: (!place.dataset.is_table()).then_some(around.drafted_at),
            ..on_request(place, scope)
        },
        disposition,
        cutoff,
        exception,
        part: ItemPart::Whole,
        target: Some(*target),
        keepers: Vec::new(),
        schema_digest: String::new(),
        findings,
    }
}

/// The fields of the same records that a duty does not cover: anonymized at once, after what is due has gone.
fn beside_duty<'a>(
    around: &Surroundings<'a>,
    place: &Place<'a>,
    target: &Target<'a>,
    whole: &RequestItem<'a>,
) -> Option<RequestItem<'a>> {
    let exempt = target.rule.exempt.as_ref().filter(|_| whole.exception.is_some())?;
    let (disposal, disposition, mut findings) =
        disposal::disposal_beside_duty(&exempt.meanwhile, place.dataset, place.shape);
    findings.extend(unsaid(target.rule, place.dataset, place.shape));
    if !around.world.anonymizes(&place.dataset.store) {
        let message = format!("the store of dataset {} cannot anonymize fields", name(&place.dataset.name));
        findings.push(refusal(FindingCode::ConstraintViolated, message));
    }
    Some(RequestItem {
        selection: Selection { start: StartCondition::OnRequest, disposal, ..whole.selection.clone() },
        disposition,
        cutoff: None,
        exception: None,
        part: ItemPart::BesideDuty,
        findings,
        ..whole.clone()
    })
}

/// From when a duty to keep runs.
fn start_of_duty(
    around: &Surroundings<'_>,
    place: &Place<'_>,
    target: &Target<'_>,
) -> Result<(StartCondition, Option<Cutoff>), Refused> {
    let kind = around.catalog.stores().get(&place.dataset.store);
    let kind = kind.map_or(StoreKind::Sqlite, |terms| terms.kind);
    let started = start::start_of(target.rule, target.dataset, place.shape, kind, around.as_of)?;
    if started.0 == StartCondition::NoneLeft {
        let message = format!(
            "rule {} keeps records until nothing refers to them, which an erasure request cannot wait for yet",
            name(&target.rule.id)
        );
        return Err(Refused::new(FindingCode::StartUnresolved, message));
    }
    Ok(started)
}

/// Dispositions that do not erase a person.
fn cannot_end(around: &Surroundings<'_>, place: &Place<'_>, rule: &policy::Rule) -> Option<PlanFinding> {
    let dataset = name(&place.dataset.name);
    match &rule.disposition {
        policy::Disposition::Pseudonymize { .. } => Some(refusal(
            FindingCode::ConstraintViolated,
            format!(
                "rule {} pseudonymizes records of dataset {dataset}, which is no erasure: anonymize or purge them",
                name(&rule.id)
            ),
        )),
        policy::Disposition::Anonymize { .. } if !around.world.anonymizes(&place.dataset.store) => {
            let message = format!("the store of dataset {dataset} cannot anonymize: purge its records");
            Some(refusal(FindingCode::ConstraintViolated, message))
        }
        policy::Disposition::Purge | policy::Disposition::Anonymize { .. } => None,
    }
}

/// Records that no rule speaks of.
fn by_request<'a>(
    around: &Surroundings<'a>,
    place: &Place<'a>,
    scope: Predicate,
    reach: Reach<'_>,
) -> RequestItem<'a> {
    RequestItem {
        dataset: &place.dataset.name,
        rule: reference_without_rule(reach.ground),
        selection: Selection {
            unchanged_since: (!place.dataset.is_table()).then_some(around.drafted_at),
            ..on_request(place, scope)
        },
        disposition: plan::Disposition::Purge,
        cutoff: None,
        exception: None,
        part: ItemPart::Whole,
        target: None,
        keepers: Vec::new(),
        schema_digest: String::new(),
        findings: Vec::new(),
    }
}

/// What stands in the place of a rule.
#[must_use]
pub fn reference_without_rule(ground: &str) -> RuleReference {
    let titles = [("fr", "Demande de la personne"), ("en", "Request of the person")];
    let title = titles.map(|(language, text)| (language.to_owned(), text.to_owned()));
    RuleReference {
        policy: String::new(),
        policy_version: 0,
        rule: "on-request".to_owned(),
        digest: digest::of(&ground),
        title: BTreeMap::from(title),
        legal_basis: ground.to_owned(),
        starts_from: "request".to_owned(),
        rounding: None,
        retain_for: "P0D".to_owned(),
        delete_within: None,
        time_zone: "UTC".to_owned(),
        citations: Vec::new(),
    }
}

/// Pairs (waiting, waited for).
fn waits(
    graph: &Graph<'_>,
    items: &[RequestItem<'_>],
    counts: &dyn Fn(&Edge<'_>) -> bool,
) -> Vec<(usize, usize)> {
    let of = |dataset: &str| {
        let purging = move |(_, item): &(usize, &RequestItem<'_>)| {
            item.dataset == dataset && item.selection.disposal == Disposal::Purge
        };
        items.iter().enumerate().filter(purging).map(|(index, _)| index).collect::<Vec<_>>()
    };
    let pairs = |waiting: &str, first: &str| {
        let (waiting, first) = (of(waiting), of(first));
        waiting.into_iter().flat_map(move |one| first.clone().into_iter().map(move |other| (one, other)))
    };
    let mut waits = beside_waits(items);
    for edge in graph.edges.iter().filter(|edge| edge.from != edge.to && edge.keeps() && counts(edge)) {
        if edge.to_objects {
            waits.extend(pairs(edge.from, edge.to));
            // What keeps the row keeps its file: so it goes first.
            let children = graph.edges.iter().filter(|child| child.to == edge.from && child.from != child.to);
            for child in children.filter(|child| child.keeps() && !child.to_objects) {
                waits.extend(pairs(edge.to, child.from));
            }
        } else {
            waits.extend(pairs(edge.to, edge.from));
        }
    }
    waits
}

/// Fields of what stays come after what goes by the same rule.
fn beside_waits(items: &[RequestItem<'_>]) -> Vec<(usize, usize)> {
    let mut waits = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.part == ItemPart::BesideDuty) {
        let whole = items.iter().position(|other| other.part.is_whole() && other.id() == item.id());
        waits.extend(whole.map(|whole| (index, whole)));
    }
    waits
}

/// Rows that stay keep the files that they name, whoever found them.
fn add_keepers(around: &Surroundings<'_>, items: &mut [RequestItem<'_>]) {
    let all = items.to_vec();
    for item in items.iter_mut() {
        let is_objects = around.catalog.dataset(item.dataset).is_some_and(|dataset| !dataset.is_table());
        if is_objects {
            item.keepers = keepers_of(around.catalog, around.world, &item.selection.address.store);
            set_going(&mut item.keepers, around, &all);
        }
    }
}

/// Tells the keepers what the plan purges.
pub(in crate::erasure) fn set_going(
    keepers: &mut [Keeper],
    around: &Surroundings<'_>,
    items: &[RequestItem<'_>],
) {
    let subjects: Vec<_> = items.iter().map(|item| subjects_of(around, item.dataset)).collect();
    let purging: Vec<_> = items.iter().map(|item| &item.selection).zip(&subjects).collect();
    for keeper in keepers {
        keeper.set_going(&purging);
    }
}

/// The columns by which holds find the person.
pub(in crate::erasure) fn subjects_of(around: &Surroundings<'_>, dataset: &str) -> plan::compile::Subjects {
    let columns = around.catalog.dataset(dataset).map(|dataset| dataset.subject.clone());
    BTreeMap::from([(dataset.to_owned(), columns.unwrap_or_default())])
}

/// The same, also of the records that decide whether those of the selection stay.
pub(in crate::erasure) fn all_subjects_of(
    around: &Surroundings<'_>,
    selection: &Selection,
) -> plan::compile::Subjects {
    let mut all = subjects_of(around, &selection.address.dataset);
    let mut open: Vec<&Selection> = vec![selection];
    while let Some(one) = open.pop() {
        for other in one.none_left.iter().filter_map(|entry| entry.disregarding.as_deref()) {
            all.extend(subjects_of(around, &other.address.dataset));
            open.push(other);
        }
    }
    all
}

pub(super) fn refusal(code: FindingCode, message: String) -> PlanFinding {
    finding(FindingSeverity::Refusal, code, message)
}
