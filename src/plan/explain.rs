//! One record explained: every rule over it, what is known, and the verdict with its dates.
//!
//! Floor 3; reads only. Values are masked; the verdict is the oracle's, not the store's.

mod along;

use super::compile::{self, Surroundings};
use super::item::everything_of;
use super::mask::{mask_key, mask_value};
use super::named::Fate;
use super::order::order;
use super::survey::{Slot, counting_selection, fill_keepers, waits};
use super::world::{Sources, World, same_place};
use crate::catalog::{Catalog, Target};
use crate::hold::HoldBook;
use crate::policy::{RetainFor, StartsFrom};
use crate::verdict::{RuleFacts, RuleStart, Verdict, decide};
use chrono::{DateTime, NaiveDate, Utc};
use connectors::{
    ConnectorError, DatasetShape, Disposal, RecordFacts, RecordKey, Selection, StartCondition, Value,
    ValueType,
};
use std::collections::BTreeMap;
use thiserror::Error;

/// What an explanation is made from.
#[derive(Debug, Clone, Copy)]
pub struct ExplainInput<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a Sources,
    pub holds: &'a HoldBook,
    pub as_of: DateTime<Utc>,
}

/// Why one record stays or goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub dataset: String,
    pub masked_key: String,
    pub record_type: String,
    pub as_of: DateTime<Utc>,
    pub found: bool,
    /// Masked values by column; NULL is told apart.
    pub fields: BTreeMap<String, String>,
    /// One for each effective rule over the dataset, in the order of policies and rules; then one for each
    /// record of another dataset with which this one would go along.
    pub rules: Vec<RuleExplanation>,
}

/// What one rule says of the record.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleExplanation {
    pub policy: String,
    pub policy_version: u32,
    pub rule: String,
    pub starts_from: String,
    pub retain_for: String,
    pub disposition: &'static str,
    /// The rule speaks of another record, with which this one would go along.
    pub along: Option<Along>,
    /// Datasets of [`crate::verdict::Reason::ReferencedBy`], by position.
    pub references: Vec<String>,
    pub outcome: RuleOutcome,
}

/// A record with which another goes along.
#[derive(Debug, Clone, PartialEq)]
pub struct Along {
    pub dataset: String,
    /// `None`: any of the rows that name the file.
    pub masked_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RuleOutcome {
    Decided(Verdict),
    /// The record is due, and stays because a file that it names does.
    ItsFileStays {
        column: String,
        fate: Fate,
    },
    /// The file stays.
    FileStays(Fate),
    /// The rule keeps its records for ever.
    KeptForever,
    /// The rule cannot be applied to the dataset as things stand, with the reason.
    NotApplicable(String),
}

#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExplainError {
    #[error("there is no dataset '{dataset}' in the data map")]
    UnknownDataset { dataset: String },
    #[error("dataset '{dataset}' cannot be read: {reason}")]
    Unreachable { dataset: String, reason: String },
    /// The text has another number of parts than the key, or a part of another type.
    #[error("this is no key of dataset '{dataset}': give {expected}")]
    BadKey { dataset: String, expected: String },
    #[error(transparent)]
    Store(#[from] ConnectorError),
}

/// Explains one record. `key` holds the parts of its key as text, in key order.
///
/// # Errors
/// [`ExplainError`]; a record that is not there is no error.
pub async fn explain(
    input: ExplainInput<'_>,
    dataset: &str,
    key: &[String],
) -> Result<Explanation, ExplainError> {
    let declared = input
        .catalog
        .dataset(dataset)
        .ok_or_else(|| ExplainError::UnknownDataset { dataset: dataset.to_owned() })?;
    let world = World::inspect(input.catalog, input.sources).await;
    let unreachable =
        |reason: &str| ExplainError::Unreachable { dataset: dataset.to_owned(), reason: reason.to_owned() };
    let shape = world.shape(dataset).ok_or_else(|| {
        unreachable(world.unreachable().get(dataset).map_or("it is not open", |lost| lost.reason.as_str()))
    })?;
    let key = parse_key(dataset, shape, key)?;
    let targets = input.catalog.targets(input.as_of);
    let around = Surroundings {
        catalog: input.catalog,
        world: &world,
        targets: &targets,
        as_of: input.as_of,
        drafted_at: input.as_of,
    };
    let explaining = Explaining { input, slots: slots_of(&around, input.holds), shape, key: &key };
    let mut explanation = Explanation {
        dataset: dataset.to_owned(),
        masked_key: mask_key(&key),
        record_type: declared.record_type.clone(),
        as_of: input.as_of,
        found: false,
        fields: BTreeMap::new(),
        rules: Vec::new(),
    };
    let plain = everything_of(&declared.address(), shape);
    let facts = explaining.facts(&plain, &key).await?;
    explanation.found = facts.is_some();
    explanation.fields = facts.as_ref().map(masked).unwrap_or_default();
    if explanation.found {
        for target in targets.iter().filter(|target| same_place(target.dataset, declared)) {
            explanation.rules.push(explaining.rule(&around, target, &key).await?);
        }
        if let Some(facts) = facts {
            explanation.rules.extend(explaining.along(&around, declared, &facts).await?);
        }
    }
    Ok(explanation)
}

fn masked(facts: &RecordFacts) -> BTreeMap<String, String> {
    facts.fields.iter().map(|(column, value)| (column.clone(), mask_value(value))).collect()
}

/// Every compiled rule with the selection that a plan would count by.
fn slots_of<'a>(around: &Surroundings<'a>, holds: &HoldBook) -> Vec<Slot<'a>> {
    let mut slots: Vec<Slot<'a>> = around
        .targets
        .iter()
        .filter(|target| matches!(target.rule.retain_for, RetainFor::Period(_)))
        .filter_map(|target| {
            let shape = around.world.shape(&target.dataset.name)?;
            // A rule that cannot be compiled is explained where it is asked for.
            let compiled = compile::compile(target, shape, around).ok()?;
            Some(Slot { target: *target, compiled, counted: None })
        })
        .collect();
    fill_keepers(&mut slots);
    let (sequence, _) = order(slots.len(), &waits(&slots));
    for index in sequence {
        // An unreadable hold is told where the rule is explained.
        let counted = counting_selection(&slots, index, holds).ok().flatten();
        if let Some(slot) = slots.get_mut(index) {
            slot.counted = counted;
        }
    }
    slots
}

struct Explaining<'a> {
    input: ExplainInput<'a>,
    slots: Vec<Slot<'a>>,
    shape: &'a DatasetShape,
    key: &'a RecordKey,
}

impl Explaining<'_> {
    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ExplainError> {
        let store = &selection.address.store;
        let source = self.input.sources.get(store).ok_or_else(|| ExplainError::Unreachable {
            dataset: selection.address.dataset.clone(),
            reason: "its store is not open".to_owned(),
        })?;
        Ok(source.facts(selection, key).await?)
    }

    async fn rule(
        &self,
        around: &Surroundings<'_>,
        target: &Target<'_>,
        key: &RecordKey,
    ) -> Result<RuleExplanation, ExplainError> {
        let (references, outcome) = self.outcome(around, target, key).await?;
        Ok(rule_of(target, references, outcome))
    }

    async fn outcome(
        &self,
        around: &Surroundings<'_>,
        target: &Target<'_>,
        key: &RecordKey,
    ) -> Result<(Vec<String>, RuleOutcome), ExplainError> {
        if target.rule.retain_for == RetainFor::Forever {
            return Ok((Vec::new(), RuleOutcome::KeptForever));
        }
        let not_applicable = |reason: String| Ok((Vec::new(), RuleOutcome::NotApplicable(reason)));
        let Some(position) =
            self.slots.iter().position(|slot| compile::target::is_same(&slot.target, target))
        else {
            let reason = match compile::compile(target, self.shape, around) {
                Err(refused) => refused.message,
                Ok(_) => "its dataset cannot be read".to_owned(),
            };
            return not_applicable(reason);
        };
        let selection = match counting_selection(&self.slots, position, self.input.holds) {
            Ok(Some(selection)) => selection,
            Ok(None) => return not_applicable("it was not compiled".to_owned()),
            Err(error) => return not_applicable(error.to_string()),
        };
        let references = selection.keepers().into_iter().map(str::to_owned).collect();
        let Some(facts) = self.facts(&selection, key).await? else {
            return not_applicable("the record is gone".to_owned());
        };
        let verdict = verdict_of(target, &selection, &facts, self.input.as_of);
        if let (Ok(Verdict::Dispose { .. }), Some(slot)) = (&verdict, self.slots.get(position)) {
            match self.unless_a_file_stays(slot, &facts, key).await {
                Ok(None) => {}
                Ok(Some(outcome)) => return Ok((references, outcome)),
                Err(error) => return not_applicable(error.to_string()),
            }
        }
        Ok((references, verdict.map_or_else(RuleOutcome::NotApplicable, RuleOutcome::Decided)))
    }
}

fn rule_of(target: &Target<'_>, references: Vec<String>, outcome: RuleOutcome) -> RuleExplanation {
    let rule = target.rule;
    RuleExplanation {
        along: None,
        policy: target.policy.name.clone(),
        policy_version: target.policy.version,
        rule: rule.id.clone(),
        starts_from: match &rule.starts_from {
            StartsFrom::Event { event, .. } => event.clone(),
            StartsFrom::NoneLeft { record_types } => format!("none_left: {}", record_types.join(", ")),
        },
        retain_for: match rule.retain_for {
            RetainFor::Period(period) => period.to_string(),
            RetainFor::Forever => "forever".to_owned(),
        },
        disposition: rule.disposition.word(),
        references,
        outcome,
    }
}

/// The oracle's verdict on what a selection was made from.
fn verdict_of(
    target: &Target<'_>,
    selection: &Selection,
    facts: &RecordFacts,
    as_of: DateTime<Utc>,
) -> Result<Verdict, String> {
    let start = match (&selection.start, target.rule.clock()) {
        (StartCondition::Event { field, encoding, .. }, Some(clock)) => {
            RuleStart::Event { field, encoding: *encoding, clock }
        }
        (StartCondition::NoneLeft | StartCondition::OnRequest, _) => RuleStart::NoneLeft,
        _ => return Err("the rule has no period".to_owned()),
    };
    let disposal: &Disposal = &selection.disposal;
    let rule = RuleFacts { scope: &selection.scope, conflicts: &selection.conflicts, start, disposal };
    Ok(decide(facts, &rule, &selection.holds, as_of))
}

/// A key from the texts of its parts, by the types of the key columns.
///
/// # Errors
/// [`ExplainError::BadKey`], which says what is expected and never what was given.
pub fn parse_key(dataset: &str, shape: &DatasetShape, parts: &[String]) -> Result<RecordKey, ExplainError> {
    let types: Vec<ValueType> = shape
        .key
        .iter()
        .map(|column| shape.column(column).map_or(ValueType::Unknown, |found| found.value_type))
        .collect();
    let bad = || ExplainError::BadKey {
        dataset: dataset.to_owned(),
        expected: shape
            .key
            .iter()
            .zip(&types)
            .map(|(column, kind)| format!("{column} ({kind:?})").to_lowercase())
            .collect::<Vec<_>>()
            .join(", "),
    };
    if parts.is_empty() || parts.len() != types.len() {
        return Err(bad());
    }
    let values: Option<Vec<Value>> =
        parts.iter().zip(&types).map(|(text, kind)| parse_part(text, *kind)).collect();
    values.map(RecordKey::of).ok_or_else(bad)
}

fn parse_part(text: &str, kind: ValueType) -> Option<Value> {
    match kind {
        ValueType::Int => text.trim().parse().ok().map(Value::Int),
        ValueType::Real => text.trim().parse().ok().map(Value::Real),
        ValueType::Bool => text.trim().parse().ok().map(Value::Bool),
        ValueType::Date => text.trim().parse::<NaiveDate>().ok().map(Value::Date),
        ValueType::Text | ValueType::Instant => Some(Value::Text(text.to_owned())),
        // Such a column may hold both; a whole number is written as one.
        ValueType::Unknown => Some(text.parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int)),
        ValueType::Bytes => None,
    }
}
