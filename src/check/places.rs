//! Where datasets and rules are declared, for messages that are made after the documents were read.
//!
//! Floor 3. A catalog has no places, because its digest must not depend on them.

use crate::data_map::read::ReadDataset;
use crate::policy::read::ReadPolicy;
use crate::yaml::{Node, Place};
use std::collections::BTreeMap;

/// One place in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spot {
    pub file: String,
    /// From 1; 0 means the whole file.
    pub line: usize,
    pub column: usize,
}

/// The places of everything that a check speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    datasets: BTreeMap<String, Spot>,
    /// By dataset and column.
    columns: BTreeMap<(String, String), Spot>,
    /// By dataset and event.
    events: BTreeMap<(String, String), Spot>,
    /// By policy and rule.
    rules: BTreeMap<(String, String), Spot>,
    /// By key of the settings, those of the stores as `stores.NAME`.
    settings: BTreeMap<String, Spot>,
}

impl Places {
    /// Notes the places of a dataset that was read from `file`.
    pub fn add_dataset(&mut self, file: &str, read: &ReadDataset<'_>) {
        let (name, node) = (&read.dataset.name, read.node);
        let spot = |place: Place| Spot { file: file.to_owned(), line: place.line, column: place.column };
        self.datasets.insert(name.clone(), spot(node.get("name").unwrap_or(node).place));
        for (entry, value) in entries(node, "events") {
            self.events.insert((name.clone(), entry.to_owned()), spot(value.place));
            let column = value.get("column").unwrap_or(value);
            self.add_column(name, column, column.text(), &spot);
        }
        for (_, value) in entries(node, "subject") {
            self.add_column(name, value, value.text(), &spot);
        }
        for (column, value) in entries(node, "fields") {
            self.add_column(name, value, Some(column), &spot);
        }
        for link in node.get("links").map(Node::items).unwrap_or_default() {
            if let Some(column) = link.get("column") {
                self.add_column(name, column, column.text(), &spot);
            }
        }
        for key in ["not_personal", "search_text"] {
            for column in node.get(key).map(Node::items).unwrap_or_default() {
                self.add_column(name, column, column.text(), &spot);
            }
        }
        if let Some(marker) = node.get("marker") {
            self.add_column(name, marker, marker.text(), &spot);
        }
    }

    fn add_column(
        &mut self,
        dataset: &str,
        node: &Node,
        column: Option<&str>,
        spot: &impl Fn(Place) -> Spot,
    ) {
        if let Some(column) = column {
            let key = (dataset.to_owned(), column.to_owned());
            self.columns.entry(key).or_insert_with(|| spot(node.place));
        }
    }

    /// Notes the places of the rules of a policy that was read from `file`.
    pub fn add_policy(&mut self, file: &str, read: &ReadPolicy<'_>) {
        for (rule, node) in read.policy.rules.iter().zip(&read.rule_nodes) {
            let place = node.get("id").unwrap_or(node).place;
            let spot = Spot { file: file.to_owned(), line: place.line, column: place.column };
            self.rules.insert((read.policy.name.clone(), rule.id.clone()), spot);
        }
    }

    /// Notes the places of the settings that were read from `file`.
    pub fn add_settings(&mut self, file: &str, node: &Node) {
        let spot = |place: Place| Spot { file: file.to_owned(), line: place.line, column: place.column };
        self.settings.insert(String::new(), Spot { file: file.to_owned(), line: 0, column: 0 });
        for (entry, value) in node.entries() {
            self.settings.insert(entry.text.clone(), spot(value.place));
        }
        for (entry, value) in entries(node, "stores") {
            let named = ["path", "reader"].iter().find_map(|key| value.get(key)).unwrap_or(value);
            self.settings.insert(format!("stores.{entry}"), spot(named.place));
        }
    }

    /// The place of a key of the settings; the whole file when it is not written there.
    #[must_use]
    pub fn setting(&self, key: &str) -> Spot {
        let found = self.settings.get(key).or_else(|| self.settings.get(""));
        found.cloned().unwrap_or_else(|| unknown("settings"))
    }

    /// The place of a dataset; the whole data map when it is not known.
    #[must_use]
    pub fn dataset(&self, dataset: &str) -> Spot {
        self.datasets.get(dataset).cloned().unwrap_or_else(|| unknown("data map"))
    }

    /// The place where a column of a dataset is named, else that of the dataset.
    #[must_use]
    pub fn column(&self, dataset: &str, column: &str) -> Spot {
        let key = (dataset.to_owned(), column.to_owned());
        self.columns.get(&key).cloned().unwrap_or_else(|| self.dataset(dataset))
    }

    /// The place of an event of a dataset, else that of the dataset.
    #[must_use]
    pub fn event(&self, dataset: &str, event: &str) -> Spot {
        let key = (dataset.to_owned(), event.to_owned());
        self.events.get(&key).cloned().unwrap_or_else(|| self.dataset(dataset))
    }

    /// The place of a rule; the policy by name when it is not known.
    #[must_use]
    pub fn rule(&self, policy: &str, rule: &str) -> Spot {
        let key = (policy.to_owned(), rule.to_owned());
        self.rules.get(&key).cloned().unwrap_or_else(|| unknown(&format!("policy {policy}")))
    }
}

fn unknown(what: &str) -> Spot {
    Spot { file: what.to_owned(), line: 0, column: 0 }
}

fn entries<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    entries.iter().map(|(entry, value)| (entry.text.as_str(), value))
}
