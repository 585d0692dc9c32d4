//! What the stores look like, read once for one plan.
//!
//! Floor 3. Holds the shape of every declared dataset, and of the undeclared tables that refer to
//! them, so that compiling needs no store. Counts no record.

use crate::catalog::Catalog;
use crate::data_map::Dataset;
use crate::plan::UnreachableDataset;
use connectors::{DatasetAddress, DatasetShape, Location, RecordSource};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stores of a plan, opened for reading, by name.
pub type Sources = BTreeMap<String, Arc<dyn RecordSource>>;

/// The shapes found.
#[derive(Debug, Clone, Default)]
pub struct World {
    shapes: BTreeMap<String, DatasetShape>,
    unreachable: BTreeMap<String, UnreachableDataset>,
    /// Tables that refer to declared ones and are in no dataset, by store, schema and table. `None`:
    /// the table could not be inspected.
    undeclared: BTreeMap<(String, Option<String>, String), Option<DatasetShape>>,
    anonymizes: BTreeMap<String, bool>,
}

impl World {
    /// Inspects every dataset of the catalog. What cannot be read is noted, not raised: the plan
    /// says that it is incomplete.
    pub async fn inspect(catalog: &Catalog, sources: &Sources) -> Self {
        let mut world = Self::default();
        for (store, source) in sources {
            world.anonymizes.insert(store.clone(), source.capabilities().anonymizes);
        }
        for dataset in catalog.datasets().values() {
            world.inspect_one(dataset, sources).await;
        }
        world.inspect_undeclared(catalog, sources).await;
        world
    }

    async fn inspect_one(&mut self, dataset: &Dataset, sources: &Sources) {
        let reason = match sources.get(&dataset.store) {
            None => "its store is not open".to_owned(),
            Some(source) => match source.inspect(&dataset.address()).await {
                Ok(shape) => {
                    self.shapes.insert(dataset.name.clone(), shape);
                    return;
                }
                Err(error) => error.to_string(),
            },
        };
        self.lose(dataset, reason);
    }

    async fn inspect_undeclared(&mut self, catalog: &Catalog, sources: &Sources) {
        let mut wanted = Vec::new();
        for (name, shape) in &self.shapes {
            let Some(dataset) = catalog.dataset(name) else { continue };
            for foreign_key in &shape.referenced_by {
                let schema = foreign_key.child_schema.as_deref();
                if datasets_of_table(catalog, &dataset.store, schema, &foreign_key.child_table).is_empty() {
                    let location = Location::Table {
                        schema: foreign_key.child_schema.clone(),
                        table: foreign_key.child_table.clone(),
                    };
                    wanted.push(DatasetAddress {
                        store: dataset.store.clone(),
                        dataset: foreign_key.child_table.clone(),
                        location,
                    });
                }
            }
        }
        for address in wanted {
            let Location::Table { schema, .. } = &address.location else { continue };
            let key = (address.store.clone(), schema.clone(), address.dataset.clone());
            if self.undeclared.contains_key(&key) {
                continue;
            }
            // A table that cannot be read is still known to be undeclared: it is then reported
            // without a count.
            let shape = match sources.get(&address.store) {
                Some(source) => source.inspect(&address).await.ok(),
                None => None,
            };
            self.undeclared.insert(key, shape);
        }
    }

    fn lose(&mut self, dataset: &Dataset, reason: String) {
        let lost = UnreachableDataset { dataset: dataset.name.clone(), store: dataset.store.clone(), reason };
        self.unreachable.insert(dataset.name.clone(), lost);
    }

    #[must_use]
    pub fn shape(&self, dataset: &str) -> Option<&DatasetShape> {
        self.shapes.get(dataset)
    }

    #[must_use]
    pub fn undeclared(&self, store: &str, schema: Option<&str>, table: &str) -> Option<&DatasetShape> {
        self.undeclared.get(&(store.to_owned(), schema.map(str::to_owned), table.to_owned()))?.as_ref()
    }

    /// Whether records of the store can be anonymized in place.
    #[must_use]
    pub fn anonymizes(&self, store: &str) -> bool {
        self.anonymizes.get(store).copied().unwrap_or(false)
    }

    /// Datasets that could not be read, by name.
    #[must_use]
    pub fn unreachable(&self) -> &BTreeMap<String, UnreachableDataset> {
        &self.unreachable
    }
}

/// Whether a location is this table: names are compared without ASCII case. A table of the store's own
/// default schema has none on either side, so that one of another schema is never taken for it.
#[must_use]
pub fn is_table(location: &Location, schema: Option<&str>, table: &str) -> bool {
    let Location::Table { schema: own_schema, table: own_table } = location else { return false };
    let same_schema = match (own_schema.as_deref(), schema) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    };
    same_schema && own_table.eq_ignore_ascii_case(table)
}

/// Whether two locations may be the same table. A missing schema matches every one: taking two tables for
/// the same at worst reports a conflict too many.
fn may_be_same(location: &Location, schema: Option<&str>, table: &str) -> bool {
    let Location::Table { schema: own, .. } = location else { return false };
    let schema = if own.is_none() || schema.is_none() { own.as_deref() } else { schema };
    is_table(location, schema, table)
}

/// The datasets declared over one table, by name.
#[must_use]
pub fn datasets_of_table<'a>(
    catalog: &'a Catalog,
    store: &str,
    schema: Option<&str>,
    table: &str,
) -> Vec<&'a Dataset> {
    catalog
        .datasets()
        .values()
        .filter(|dataset| dataset.store == store && is_table(&dataset.location, schema, table))
        .collect()
}

/// Whether two datasets speak of the same place, so that rules over the one claim records of the
/// other.
#[must_use]
pub fn same_place(one: &Dataset, other: &Dataset) -> bool {
    if one.name == other.name {
        return true;
    }
    one.store == other.store
        && match &other.location {
            Location::Table { schema, table } => may_be_same(&one.location, schema.as_deref(), table),
            Location::Objects { .. } => one.location == other.location,
        }
}
