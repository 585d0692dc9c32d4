//! What looking for the person came to: every dataset of the data map, with found, nothing found, not searched
//! or not reached.
//!
//! Floor 3; pure. Counts only: no key and no value.

use super::found::Found;
use super::walk::{Ground, naming};
use crate::catalog::Catalog;
use crate::plan::world::World;
use crate::plan::{Search, SearchedDataset, UnreachableDataset};
use crate::subject::Identity;
use std::collections::{BTreeMap, BTreeSet};

/// Every dataset of the data map, by name, with what looking there came to.
#[must_use]
pub fn searched(
    ground: Ground<'_>,
    found: &Found,
    unreachable: &[UnreachableDataset],
) -> Vec<SearchedDataset> {
    let catalog = ground.catalog;
    let everyone: BTreeSet<Identity> = found.identities().cloned().collect();
    let search = |dataset: &str| {
        if let Some(lost) = unreachable.iter().find(|lost| lost.dataset == dataset) {
            return Search::NotReached { reason: lost.reason.clone() };
        }
        let place = ground.graph.place_of(catalog, dataset).unwrap_or(dataset);
        let anew = found.given_anew(place).len();
        let (own, shared) = (found.own(place).len(), found.shared(place).len() + anew);
        if own + shared > 0 {
            return Search::Found { own: own as u64, shared: shared as u64 };
        }
        let leads_there = ground.graph.edges.iter().any(|edge| {
            edge.from == place && (edge.makes_part() || edge.ends_with()) || edge.to == place && edge.shares()
        });
        if leads_there || naming(ground, place, &everyone).is_some() {
            Search::NothingFound
        } else {
            Search::NotSearched
        }
    };
    catalog
        .datasets()
        .values()
        .map(|dataset| SearchedDataset {
            dataset: dataset.name.clone(),
            dataset_alias: dataset.public_name().to_owned(),
            store_alias: catalog.public_store(&dataset.store).to_owned(),
            search: search(&dataset.name),
        })
        .collect()
}

/// Datasets that could not be read: when the world was looked at, and those that a walk lost since.
#[must_use]
pub fn not_reached(
    catalog: &Catalog,
    world: &World,
    lost: &BTreeMap<String, String>,
) -> Vec<UnreachableDataset> {
    let mut all: BTreeMap<String, UnreachableDataset> = world.unreachable().clone();
    for (dataset, reason) in lost {
        let Some(declared) = catalog.dataset(dataset) else { continue };
        let lost = UnreachableDataset {
            dataset: dataset.clone(),
            store: declared.store.clone(),
            reason: reason.clone(),
        };
        all.insert(dataset.clone(), lost);
    }
    all.into_values().collect()
}
