//! The catalog against the live stores: what does not exist, does not fit, or was forgotten.
//!
//! Floor 3; reads only. Rules are judged by drafting a plan that is thrown away, so that `check`
//! and `plan` cannot disagree.

use super::codes::{code_of, is_about_rule};
use super::linkage::told;
use super::personal::{Look, look_of};
use super::places::{Places, Spot};
use crate::catalog::Catalog;
use crate::data_map::{Dataset, EventSource, StoreKind};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::hold::HoldBook;
use crate::plan::compile::{exempt::unsaid, name, start::field_of};
use crate::plan::linkage::{compare, is_linked};
use crate::plan::planner::{ClockMarks, Depth, DraftInput, draft};
use crate::plan::world::{Sources, World, datasets_of_table};
use crate::plan::{FindingCode, FindingSeverity, Plan, PlanFinding};
use chrono::{DateTime, Duration, Utc};
use connectors::nearest::nearest;
use connectors::{DatasetAddress, DatasetShape, Location, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// What is checked, against what.
#[derive(Debug, Clone, Copy)]
pub struct LiveCheck<'a> {
    pub catalog: &'a Catalog,
    pub sources: &'a Sources,
    pub holds: &'a HoldBook,
    pub as_of: DateTime<Utc>,
    pub places: &'a Places,
}

/// Checks the catalog against the stores, every fault at once. A store that cannot be read is one of
/// them.
pub async fn check_live(input: LiveCheck<'_>) -> Diagnostics {
    let world = World::inspect(input.catalog, input.sources).await;
    let mut checking = Checking {
        input,
        world: &world,
        tables: discover(&input).await,
        diagnostics: Diagnostics::new(),
        told: BTreeSet::new(),
    };
    for dataset in input.catalog.datasets().values() {
        match world.shape(&dataset.name) {
            Some(shape) => checking.dataset(dataset, shape),
            None => checking.unreadable(dataset),
        }
    }
    checking.undeclared_tables();
    checking.linked_objects().await;
    checking.searches().await;
    checking.rules().await;
    checking.diagnostics
}

type Tables = BTreeMap<String, Vec<(DatasetAddress, DatasetShape)>>;

/// Every table of every store. A store that cannot be listed is reported with its datasets.
async fn discover(input: &LiveCheck<'_>) -> Tables {
    let mut tables = Tables::new();
    for (store, source) in input.sources {
        if let Ok(found) = source.discover().await {
            tables.insert(store.clone(), found);
        }
    }
    tables
}

struct Checking<'a> {
    input: LiveCheck<'a>,
    world: &'a World,
    tables: Tables,
    diagnostics: Diagnostics,
    /// Messages given already: two rules meet the same fault.
    told: BTreeSet<String>,
}

impl Checking<'_> {
    fn tell(
        &mut self,
        severity: Severity,
        code: &'static str,
        spot: Spot,
        message: String,
        hint: Option<String>,
    ) {
        if !self.told.insert(message.clone()) {
            return;
        }
        let Spot { file, line, column } = spot;
        let excerpt = String::new();
        self.diagnostics.push(Diagnostic { severity, code, file, line, column, message, excerpt, hint });
    }

    fn unreadable(&mut self, dataset: &Dataset) {
        let reason =
            self.world.unreachable().get(&dataset.name).map_or("it is not open", |lost| &lost.reason);
        let message = format!("dataset {} cannot be read: {reason}", name(&dataset.name));
        let hint = match &dataset.location {
            Location::Table { table, .. } => self.nearest_table(&dataset.store, table),
            Location::Objects { .. } => None,
        };
        let spot = self.input.places.dataset(&dataset.name);
        self.tell(Severity::Error, "dataset-unreadable", spot, message, hint);
    }

    fn nearest_table(&self, store: &str, table: &str) -> Option<String> {
        let known = self.tables.get(store)?.iter().filter_map(|(address, _)| table_of(address));
        nearest(table, known)
            .filter(|other| *other != table)
            .map(|other| format!("did you mean {}?", name(other)))
    }

    fn dataset(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        let spot = self.input.places.dataset(&dataset.name);
        if shape.key.is_empty() {
            let message = format!(
                "dataset {} has no primary key, so no record of it can be named",
                name(&dataset.name)
            );
            let hint = Some("declare a primary key in the database".to_owned());
            self.tell(Severity::Error, "no-key", spot, message, hint);
        }
        self.columns_exist(dataset, shape);
        self.texts_are_text(dataset, shape);
        self.links_exist(dataset);
        self.events_readable(dataset, shape);
        self.parents_exist(dataset, shape);
        self.children_declared(dataset, shape);
        self.personal_columns(dataset, shape);
    }

    fn columns_exist(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        for column in declared_columns(dataset) {
            if shape.column(column).is_some() {
                continue;
            }
            let known = shape.columns.iter().map(|found| found.name.as_str());
            let hint = nearest(column, known).map(|other| format!("did you mean {}?", name(other)));
            let message = format!("dataset {} has no column {}", name(&dataset.name), name(column));
            let spot = self.input.places.column(&dataset.name, column);
            self.tell(Severity::Error, "unknown-column", spot, message, hint);
        }
    }

    /// What is searched in must be text.
    fn texts_are_text(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        for column in &dataset.search_text {
            let found = shape.column(column).filter(|found| found.value_type != ValueType::Text);
            let Some(found) = found else { continue };
            let message = format!(
                "column {} of dataset {} is {}, in which no text can be searched",
                name(column),
                name(&dataset.name),
                name(&found.declared_type)
            );
            let spot = self.input.places.column(&dataset.name, column);
            let hint = Some("name only columns of text under 'search_text'".to_owned());
            self.tell(Severity::Error, "no-text", spot, message, hint);
        }
    }

    fn links_exist(&mut self, dataset: &Dataset) {
        for link in &dataset.links {
            let Some(column) = &link.to.column else { continue };
            let Some(shape) = self.world.shape(&link.to.dataset) else { continue };
            if shape.column(column).is_some() {
                continue;
            }
            let known = shape.columns.iter().map(|found| found.name.as_str());
            let hint = nearest(column, known).map(|other| format!("did you mean {}?", name(other)));
            let message =
                format!("dataset {} has no column {} to link to", name(&link.to.dataset), name(column));
            let spot = self.input.places.column(&dataset.name, &link.column);
            self.tell(Severity::Error, "unknown-column", spot, message, hint);
        }
    }

    fn events_readable(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        let terms = self.input.catalog.stores().get(&dataset.store);
        let kind = terms.map_or(StoreKind::Sqlite, |terms| terms.kind);
        for event in dataset.events.keys() {
            let missing =
                column_of(&dataset.events, event).is_some_and(|column| shape.column(column).is_none());
            if let (false, Err(refused)) = (missing, field_of(event, dataset, shape, kind)) {
                let spot = self.input.places.event(&dataset.name, event);
                self.tell(Severity::Error, "start-unreadable", spot, refused.message, None);
            }
        }
    }

    /// A foreign key to a table that is not there: the store would refuse every change.
    fn parents_exist(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        let Some(tables) = self.tables.get(&dataset.store) else { return };
        let is_there = |table: &str| {
            tables
                .iter()
                .filter_map(|(address, _)| table_of(address))
                .any(|known| known.eq_ignore_ascii_case(table))
        };
        let missing: Vec<String> = shape
            .references
            .iter()
            .filter(|key| !is_there(&key.parent_table))
            .map(|key| key.parent_table.clone())
            .collect();
        for table in missing {
            let message = format!(
                "a foreign key of dataset {} refers to table {}, which does not exist",
                name(&dataset.name),
                name(&table)
            );
            let spot = self.input.places.dataset(&dataset.name);
            self.tell(Severity::Warning, "dangling-foreign-key", spot, message, None);
        }
    }

    fn children_declared(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        for key in &shape.referenced_by {
            let schema = key.child_schema.as_deref();
            let declared = datasets_of_table(self.input.catalog, &dataset.store, schema, &key.child_table);
            if !declared.is_empty() {
                continue;
            }
            let message = format!(
                "table {} refers to dataset {} and is in no dataset",
                name(&key.child_table),
                name(&dataset.name)
            );
            let hint = Some(format!(
                "declare it; if its rows go along, add links: [{{column: {}, to: {}, ownership: owns}}]",
                key.child_columns.join(", "),
                dataset.name
            ));
            let spot = self.input.places.dataset(&dataset.name);
            self.tell(Severity::Warning, "undeclared-child", spot, message, hint);
        }
    }

    fn personal_columns(&mut self, dataset: &Dataset, shape: &DatasetShape) {
        let declared: BTreeSet<&str> = declared_columns(dataset).into_iter().collect();
        for (column, look) in personal_looking(shape) {
            if declared.contains(column) {
                continue;
            }
            let severity = if look == Look::Likely { Severity::Warning } else { Severity::Note };
            let message = format!(
                "column {} of dataset {} looks personal and is declared nowhere",
                name(column),
                name(&dataset.name)
            );
            let hint = Some("name it under 'fields' with its category, or under 'not_personal'".to_owned());
            let spot = self.input.places.dataset(&dataset.name);
            self.tell(severity, "undeclared-personal-column", spot, message, hint);
        }
    }

    fn undeclared_tables(&mut self) {
        let mut found = Vec::new();
        for (store, tables) in &self.tables {
            for (address, shape) in tables {
                let Location::Table { schema, table } = &address.location else { continue };
                let declared = datasets_of_table(self.input.catalog, store, schema.as_deref(), table);
                let likely: Vec<String> = personal_looking(shape)
                    .filter(|(_, look)| *look == Look::Likely)
                    .map(|(column, _)| name(column))
                    .collect();
                if declared.is_empty() && !likely.is_empty() {
                    found.push(format!(
                        "table {} of store {} is in no dataset and looks personal ({})",
                        name(table),
                        name(store),
                        likely.join(", ")
                    ));
                }
            }
        }
        for message in found {
            let spot = Spot { file: "data map".to_owned(), line: 0, column: 0 };
            let hint = Some(
                "declare it as a dataset; what is not personal in it goes under 'not_personal'".to_owned(),
            );
            self.tell(Severity::Warning, "undeclared-table", spot, message, hint);
        }
    }

    /// Rows and the objects they name, of every dataset of objects that a column links to.
    async fn linked_objects(&mut self) {
        let input = self.input;
        for objects in input.catalog.datasets().values().filter(|dataset| is_linked(input.catalog, dataset)) {
            if self.world.shape(&objects.name).is_none() {
                continue;
            }
            let found = compare(input.catalog, self.world, input.sources, objects).await;
            for told in told(input.catalog, objects, found) {
                let spot = match &told.column {
                    Some((dataset, column)) => input.places.column(dataset, column),
                    None => input.places.dataset(&objects.name),
                };
                self.tell(Severity::Warning, told.code, spot, told.message, told.hint);
            }
        }
    }

    /// A request looks for a person in these columns.
    async fn searches(&mut self) {
        let mut advised = Vec::new();
        for dataset in self.input.catalog.datasets().values().filter(|dataset| dataset.is_table()) {
            let (Some(shape), Some(source)) =
                (self.world.shape(&dataset.name), self.input.sources.get(&dataset.store))
            else {
                continue;
            };
            let columns: BTreeSet<&String> = dataset.subject.values().collect();
            for column in columns {
                // What cannot be asked is told by whatever needs it.
                let advice = source.search_advice(&dataset.address(), shape, column).await;
                if let Ok(Some(statement)) = advice {
                    advised.push((dataset, column, statement));
                }
            }
        }
        for (dataset, column, statement) in advised {
            let message = format!(
                "a request for a person reads dataset {} whole: no index serves the search in column {}",
                name(&dataset.name),
                name(column)
            );
            let spot = self.input.places.column(&dataset.name, column);
            self.tell(Severity::Warning, "identity-not-indexed", spot, message, Some(statement));
        }
    }

    async fn rules(&mut self) {
        let input = self.input;
        let drafted = draft(DraftInput {
            catalog: input.catalog,
            sources: input.sources,
            holds: input.holds,
            policies: None,
            as_of: input.as_of,
            drafted_at: input.as_of,
            valid_for: Duration::days(1),
            plan_id: "check".to_owned(),
            author: "check".to_owned(),
            tool_version: String::new(),
            simulated: true,
            clock: ClockMarks { last_seen_at: None, last_run_at: None, tolerance: Duration::days(1) },
            previous: None,
            depth: Depth::Survey,
        })
        .await;
        for target in input.catalog.targets(input.as_of) {
            let Some(shape) = self.world.shape(&target.dataset.name) else { continue };
            let Some(unsaid) = unsaid(target.rule, target.dataset, shape) else { continue };
            let spot = self.scope_place(&target.policy.name, &target.rule.id, unsaid.code);
            self.tell(Severity::Error, "erasure-unsaid", spot, unsaid.message, None);
        }
        match drafted {
            Ok(plan) => plan.findings.iter().for_each(|finding| self.finding(&plan, finding)),
            Err(error) => {
                let spot = Spot { file: "data map".to_owned(), line: 0, column: 0 };
                self.tell(Severity::Error, "not-countable", spot, error.to_string(), None);
            }
        }
    }

    fn finding(&mut self, plan: &Plan, finding: &PlanFinding) {
        let Some(code) = code_of(finding.code) else { return };
        let severity = match finding.severity {
            FindingSeverity::Refusal => Severity::Error,
            FindingSeverity::NeedsApproval | FindingSeverity::Note => Severity::Warning,
        };
        let item = finding.item.and_then(|position| plan.items.get(usize::try_from(position).ok()?));
        let spot = match item {
            None => Spot { file: "data map".to_owned(), line: 0, column: 0 },
            Some(item) if is_about_rule(finding.code) => {
                self.scope_place(&item.rule.policy, &item.rule.rule, finding.code)
            }
            Some(item) => self.input.places.dataset(&item.dataset),
        };
        self.tell(severity, code, spot, finding.message.clone(), None);
    }

    /// A scope knows its own place.
    fn scope_place(&self, policy: &str, rule: &str, code: FindingCode) -> Spot {
        let targets = self.input.catalog.targets(self.input.as_of);
        let scope = targets
            .iter()
            .find(|target| target.policy.name == policy && target.rule.id == rule)
            .and_then(|target| target.rule.scope.as_ref());
        match scope {
            Some(scope) if code == FindingCode::ScopeUnreadable => {
                Spot { file: scope.file.clone(), line: scope.line, column: scope.column }
            }
            _ => self.input.places.rule(policy, rule),
        }
    }
}

fn table_of(address: &DatasetAddress) -> Option<&str> {
    match &address.location {
        Location::Table { table, .. } => Some(table),
        Location::Objects { .. } => None,
    }
}

fn column_of<'a>(events: &'a BTreeMap<String, EventSource>, event: &str) -> Option<&'a str> {
    match events.get(event)? {
        EventSource::Column { column, .. } => Some(column),
        _ => None,
    }
}

/// Every column that the data map names, in any role.
fn declared_columns(dataset: &Dataset) -> Vec<&str> {
    let events = dataset.events.keys().filter_map(|event| column_of(&dataset.events, event));
    let subject = dataset.subject.values().map(String::as_str);
    let fields = dataset.fields.keys().map(String::as_str);
    let links = dataset.links.iter().map(|link| link.column.as_str());
    let others = dataset.not_personal.iter().chain(&dataset.marker).chain(&dataset.search_text);
    let others = others.map(String::as_str);
    subject.chain(events).chain(fields).chain(links).chain(others).collect()
}

/// Columns that look personal by their name. What a foreign key is made of is followed anyway.
fn personal_looking(shape: &DatasetShape) -> impl Iterator<Item = (&str, Look)> {
    shape
        .columns
        .iter()
        .filter(|column| !shape.references.iter().any(|key| key.child_columns.contains(&column.name)))
        .filter_map(|column| Some((column.name.as_str(), look_of(&column.name)?)))
}

#[cfg(test)]
mod tests;
