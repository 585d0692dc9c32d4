//! A record that no rule need speak of: it may go along with another, and it may stay because of one.
//!
//! Upwards the keys are followed that the record's own columns hold, to the record by whose rule it goes.

use super::{Along, ExplainError, Explaining, RuleExplanation, RuleOutcome};
use crate::catalog::Catalog;
use crate::data_map::Dataset;
use crate::plan::compile::{LinkedItem, Surroundings};
use crate::plan::item::everything_of;
use crate::plan::keeping::{KeepError, kept_names};
use crate::plan::mask::mask_key;
use crate::plan::named::{Fate, Looking, fate_of};
use crate::plan::survey::Slot;
use crate::plan::world::same_place;
use crate::verdict::Verdict;
use connectors::{Dependent, Prospect, RecordFacts, RecordKey, Selection, Value};

impl Explaining<'_> {
    fn looking(&self) -> Looking<'_> {
        Looking { sources: self.input.sources, book: self.input.holds }
    }

    /// The rules of other records with which this one would go along.
    pub(super) async fn along(
        &self,
        around: &Surroundings<'_>,
        declared: &Dataset,
        facts: &RecordFacts,
    ) -> Result<Vec<RuleExplanation>, ExplainError> {
        let mut found = Vec::new();
        for slot in &self.slots {
            for path in slot.compiled.selection.paths() {
                let Some(last) = path.last() else { continue };
                if is_of(around.catalog, &last.address.dataset, declared)
                    && let Some(key) = self.root_of(slot, &path, facts).await?
                {
                    let mut rule = self.rule(around, &slot.target, &key).await?;
                    let dataset = slot.target.dataset.name.clone();
                    rule.along = Some(Along { dataset, masked_key: Some(mask_key(&key)) });
                    found.push(rule);
                }
            }
            for link in &slot.compiled.links {
                if is_of(around.catalog, &link.selection.address.dataset, declared)
                    && let Some(outcome) = self.with_a_row(slot, link).await?
                {
                    let along = Along { dataset: slot.target.dataset.name.clone(), masked_key: None };
                    found.push(RuleExplanation {
                        along: Some(along),
                        ..super::rule_of(&slot.target, Vec::new(), outcome)
                    });
                }
            }
        }
        Ok(found)
    }

    /// The key of the record at the top of the path; `None` when the columns lead to none.
    async fn root_of(
        &self,
        slot: &Slot<'_>,
        path: &[&Dependent],
        facts: &RecordFacts,
    ) -> Result<Option<RecordKey>, ExplainError> {
        let mut facts = facts.clone();
        for (place, dependent) in path.iter().enumerate().rev() {
            let above: Selection = match place.checked_sub(1).and_then(|above| path.get(above)) {
                Some(parent) => everything_of(&parent.address, &parent.shape),
                None => everything_of(&slot.compiled.selection.address, &slot.compiled.selection.shape),
            };
            let Some(key) = key_above(dependent, &above.shape.key, &facts) else { return Ok(None) };
            let Some(parent) = self.facts(&above, &key).await? else { return Ok(None) };
            if place == 0 {
                return Ok(Some(key));
            }
            facts = parent;
        }
        Ok(None)
    }

    /// What becomes of this file because of the rows of one link; `None` when none of them names it.
    async fn with_a_row(
        &self,
        slot: &Slot<'_>,
        link: &LinkedItem,
    ) -> Result<Option<RuleOutcome>, ExplainError> {
        let Some(Value::Text(name)) = self.key.0.first() else { return Ok(None) };
        let own = &slot.compiled.selection;
        let any =
            Selection { link_columns: vec![link.column.clone()], ..everything_of(&own.address, &own.shape) };
        let Some(source) = self.input.sources.get(&own.address.store) else { return Ok(None) };
        if source.names_to_keep(&any, std::slice::from_ref(name)).await?.is_empty() {
            return Ok(None);
        }
        let fate = fate_of(self.looking(), link, name).await;
        Ok(Some(match fate {
            Ok(Fate::Is(Prospect::Going)) => RuleOutcome::Decided(Verdict::Dispose { due_at: None }),
            Ok(fate) => RuleOutcome::FileStays(fate),
            Err(error) => RuleOutcome::NotApplicable(error.to_string()),
        }))
    }

    /// A verdict to dispose of a record, unless a file stays or keeps it after all.
    pub(super) async fn unless_a_file_stays(
        &self,
        slot: &Slot<'_>,
        facts: &RecordFacts,
        key: &RecordKey,
    ) -> Result<Option<RuleOutcome>, KeepError> {
        for link in &slot.compiled.links {
            let name = match facts.fields.get(&link.column) {
                Some(Value::Text(name)) if !name.is_empty() => name.clone(),
                Some(Value::Int(number)) => number.to_string(),
                _ => continue,
            };
            let fate = fate_of(self.looking(), link, &name).await?;
            if !matches!(fate, Fate::Is(Prospect::Going | Prospect::Absent)) {
                return Ok(Some(RuleOutcome::ItsFileStays { column: link.column.clone(), fate }));
            }
        }
        if let Some(Value::Text(name)) = key.0.first().filter(|_| !slot.compiled.keepers.is_empty()) {
            let looking = self.looking();
            let names = std::slice::from_ref(name);
            let kept = kept_names(&slot.compiled.keepers, looking.sources, looking.book, names).await?;
            if !kept.is_empty() {
                return Ok(Some(RuleOutcome::FileStays(Fate::KeptByRows)));
            }
        }
        Ok(None)
    }
}

fn is_of(catalog: &Catalog, dataset: &str, declared: &Dataset) -> bool {
    catalog.dataset(dataset).is_some_and(|other| same_place(other, declared))
}

/// The key of the parent, as the child's columns hold it; `None` if they do not hold all of it.
fn key_above(dependent: &Dependent, parent_key: &[String], facts: &RecordFacts) -> Option<RecordKey> {
    let parts: Option<Vec<Value>> = parent_key
        .iter()
        .map(|column| {
            let (child, _) = dependent.pairs.iter().find(|(_, parent)| parent == column)?;
            facts.fields.get(child).filter(|value| **value != Value::Null).cloned()
        })
        .collect();
    parts.filter(|parts| !parts.is_empty()).map(RecordKey::of)
}
