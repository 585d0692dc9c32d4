//! What can be walked: datasets by place, the columns that name a person, and the references between rows.
//!
//! Floor 3; pure. References are the foreign keys of the live catalogue and the links of the data map. A
//! foreign key that no link speaks of is known and followed by nobody: whether the row there belongs to the
//! person or only speaks of them is not in the catalogue.

use crate::catalog::Catalog;
use crate::data_map::{Dataset, Link, Ownership};
use crate::plan::world::{World, datasets_of_table, same_place};
use connectors::{DatasetShape, Field, ForeignKey};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a walk knows before it reads a row.
#[derive(Debug, Clone)]
pub struct Graph<'a> {
    /// One dataset for each place, by name: the first that speaks of it.
    pub datasets: BTreeMap<&'a str, Place<'a>>,
    pub edges: Vec<Edge<'a>>,
}

/// One dataset that can be read.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub dataset: &'a Dataset,
    pub shape: &'a DatasetShape,
    /// Other datasets that speak of the same table or files.
    pub others: Vec<&'a str>,
    /// Whose values are read with every row.
    pub columns: Vec<String>,
}

/// Rows of `from` name rows of `to`: pairs are (column of `from`, column of `to`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub pairs: Vec<(String, String)>,
    /// `None`: a foreign key that the data map says nothing about.
    pub ownership: Option<Ownership>,
    pub is_foreign_key: bool,
    pub to_objects: bool,
    /// The identity that the named column holds, if it is one: then both ends are compared as identities.
    pub identity: Option<&'a str>,
}

impl Edge<'_> {
    /// The row that names the other is a part of it, as an order line is of its order.
    #[must_use]
    pub fn makes_part(&self) -> bool {
        self.ownership == Some(Ownership::Owns) && !self.to_objects
    }

    /// The row that names the other ends with it, whatever else it is part of.
    #[must_use]
    pub fn ends_with(&self) -> bool {
        self.ownership == Some(Ownership::Accesses) && !self.to_objects
    }

    /// The named record is the person's too as long as nobody else names it.
    #[must_use]
    pub fn shares(&self) -> bool {
        self.ownership == Some(Ownership::Shared)
            || self.ownership == Some(Ownership::Owns) && self.to_objects
    }

    /// A row that names a record keeps it.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.is_foreign_key
            || self.ends_with()
            || matches!(self.ownership, Some(Ownership::Owns | Ownership::Shared))
    }
}

impl<'a> Graph<'a> {
    #[must_use]
    pub fn of(catalog: &'a Catalog, world: &'a World) -> Self {
        let mut graph = Self { datasets: BTreeMap::new(), edges: Vec::new() };
        for dataset in catalog.datasets().values() {
            let Some(shape) = world.shape(&dataset.name) else { continue };
            let same = graph.datasets.values_mut().find(|place| same_place(place.dataset, dataset));
            if let Some(place) = same {
                place.others.push(&dataset.name);
            } else {
                let place = Place { dataset, shape, others: Vec::new(), columns: Vec::new() };
                graph.datasets.insert(&dataset.name, place);
            }
        }
        let mut edges = Vec::new();
        for place in graph.datasets.values() {
            edges.extend(graph.foreign_keys(catalog, place));
            edges.extend(graph.links(catalog, place, &edges));
        }
        graph.edges = edges;
        graph.find_columns();
        graph
    }

    /// The same, where these columns are read with every row too: (dataset, column).
    #[must_use]
    pub fn reading<'c>(mut self, columns: impl IntoIterator<Item = (&'c str, &'c str)>) -> Self {
        for (dataset, column) in columns {
            if let Some(place) = self.datasets.get_mut(dataset)
                && !place.columns.iter().any(|known| known == column)
            {
                place.columns.push(column.to_owned());
            }
        }
        self
    }

    /// The columns that identify a person, of every dataset that speaks of the place: (identity, column).
    #[must_use]
    pub fn subjects(&self, name: &str, catalog: &'a Catalog) -> Vec<(&'a str, &'a str)> {
        let Some(place) = self.datasets.get(name) else { return Vec::new() };
        let others = place.others.iter().filter_map(|other| catalog.dataset(other));
        let all = std::iter::once(place.dataset).chain(others);
        let mut subjects: Vec<(&str, &str)> = all
            .flat_map(|dataset| dataset.subject.iter().map(|(kind, column)| (kind.as_str(), column.as_str())))
            .filter(|(_, column)| place.shape.column(column).is_some())
            .collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    /// A column of a dataset as a field of predicates.
    #[must_use]
    pub fn field(&self, dataset: &str, column: &str) -> Option<Field> {
        let found = self.datasets.get(dataset)?.shape.column(column)?;
        Some(Field { name: found.name.clone(), value_type: found.value_type })
    }

    /// The datasets that a place stands for.
    #[must_use]
    pub fn place_of(&self, catalog: &Catalog, dataset: &str) -> Option<&'a str> {
        let declared = catalog.dataset(dataset)?;
        self.datasets.iter().find(|(_, place)| same_place(place.dataset, declared)).map(|(name, _)| *name)
    }

    fn foreign_keys(&self, catalog: &'a Catalog, place: &Place<'a>) -> Vec<Edge<'a>> {
        place.shape.references.iter().filter_map(|key| self.foreign_key(catalog, place, key)).collect()
    }

    fn foreign_key(&self, catalog: &'a Catalog, place: &Place<'a>, key: &ForeignKey) -> Option<Edge<'a>> {
        let (store, schema) = (&place.dataset.store, key.parent_schema.as_deref());
        let parent = datasets_of_table(catalog, store, schema, &key.parent_table).into_iter().next()?;
        let to = self.place_of(catalog, &parent.name)?;
        let parents = if key.parent_columns.is_empty() {
            &self.datasets.get(to)?.shape.key
        } else {
            &key.parent_columns
        };
        if key.child_columns.is_empty() || parents.len() != key.child_columns.len() {
            return None;
        }
        let linked = links_of(catalog, place).into_iter().find(|link| {
            self.place_of(catalog, &link.to.dataset) == Some(to)
                && key.child_columns.iter().any(|column| column.eq_ignore_ascii_case(&link.column))
        });
        Some(Edge {
            from: &place.dataset.name,
            to,
            pairs: key.child_columns.iter().cloned().zip(parents.iter().cloned()).collect(),
            ownership: linked.map(|link| link.ownership),
            is_foreign_key: true,
            to_objects: false,
            identity: None,
        })
    }

    /// Links that no foreign key of the same column speaks of.
    fn links(&self, catalog: &'a Catalog, place: &Place<'a>, known: &[Edge<'a>]) -> Vec<Edge<'a>> {
        let mut edges: Vec<Edge<'a>> = Vec::new();
        for link in links_of(catalog, place) {
            let Some(to) = self.place_of(catalog, &link.to.dataset) else { continue };
            let Some(target) = self.datasets.get(to) else { continue };
            let column = match (&link.to.column, target.shape.key.as_slice()) {
                (Some(column), _) => column.clone(),
                (None, [only]) => only.clone(),
                (None, _) => continue,
            };
            let is_told = |edge: &Edge<'_>| {
                edge.from == place.dataset.name
                    && edge.to == to
                    && edge.pairs.iter().any(|(own, _)| own.eq_ignore_ascii_case(&link.column))
            };
            if known.iter().any(is_told) || place.shape.column(&link.column).is_none() {
                continue;
            }
            let kinds = self.subjects(to, catalog);
            let identity = kinds.into_iter().find(|(_, named)| *named == column).map(|(kind, _)| kind);
            edges.push(Edge {
                from: &place.dataset.name,
                to,
                pairs: vec![(link.column.clone(), column)],
                ownership: Some(link.ownership),
                is_foreign_key: false,
                to_objects: !target.dataset.is_table(),
                identity,
            });
        }
        edges
    }

    fn find_columns(&mut self) {
        let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for edge in &self.edges {
            for (own, named) in &edge.pairs {
                wanted.entry(edge.from).or_default().insert(own.clone());
                wanted.entry(edge.to).or_default().insert(named.clone());
            }
        }
        for (name, place) in &mut self.datasets {
            let own = place.dataset.subject.values().cloned();
            let mut columns = wanted.remove(name).unwrap_or_default();
            columns.extend(own);
            place.columns = columns.into_iter().filter(|one| place.shape.column(one).is_some()).collect();
        }
    }
}

/// The links of every dataset that speaks of the place.
fn links_of<'a>(catalog: &'a Catalog, place: &Place<'a>) -> Vec<&'a Link> {
    let others = place.others.iter().filter_map(|other| catalog.dataset(other));
    std::iter::once(place.dataset).chain(others).flat_map(|dataset| &dataset.links).collect()
}
