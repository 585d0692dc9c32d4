//! Rows that name objects, and keep them: no object goes while a row that stays names it.
//!
//! Floor 3; pure. Every link that is more than a mention counts, whichever dataset of the store it leads
//! to: their templates may overlap, and a name is a name. A row stays unless the plan purges it.

use super::{Subjects, with_holds};
use crate::catalog::Catalog;
use crate::data_map::{Dataset, Ownership};
use crate::hold::{HoldBook, HoldError};
use crate::plan::item::everything_of;
use crate::plan::world::World;
use connectors::{Disposal, Selection};

/// A table whose rows name objects of one store.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub dataset: String,
    /// Its store.
    pub store: String,
    /// `None`: the table cannot be read, so it may name anything.
    naming: Option<Naming>,
}

#[derive(Debug, Clone)]
struct Naming {
    /// No record is due by it; its link columns are those that name the objects.
    nothing: Selection,
    /// By what the plan purges rows of the table, each with the same link columns.
    going: Vec<(Selection, Subjects)>,
}

/// The tables whose rows name objects of the store.
#[must_use]
pub fn keepers_of(catalog: &Catalog, world: &World, store: &str) -> Vec<Keeper> {
    let tables = catalog.datasets().values().filter(|dataset| dataset.is_table());
    tables
        .filter_map(|dataset| {
            let columns = naming_columns(catalog, dataset, store);
            (!columns.is_empty()).then(|| Keeper {
                dataset: dataset.name.clone(),
                store: dataset.store.clone(),
                naming: naming(world, dataset, columns),
            })
        })
        .collect()
}

fn naming_columns(catalog: &Catalog, dataset: &Dataset, store: &str) -> Vec<String> {
    let names_there = |link: &&crate::data_map::Link| {
        matches!(link.ownership, Ownership::Owns | Ownership::Shared)
            && catalog
                .dataset(&link.to.dataset)
                .is_some_and(|named| !named.is_table() && named.store == store)
    };
    let mut columns: Vec<String> =
        dataset.links.iter().filter(names_there).map(|link| link.column.clone()).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

fn naming(world: &World, dataset: &Dataset, columns: Vec<String>) -> Option<Naming> {
    let shape = world.shape(&dataset.name)?;
    if shape.key.is_empty() || columns.iter().any(|column| shape.column(column).is_none()) {
        return None;
    }
    let nothing = Selection { link_columns: columns, ..everything_of(&dataset.address(), shape) };
    Some(Naming { nothing, going: Vec::new() })
}

impl Keeper {
    /// Whether the table cannot be read, so that it keeps everything.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.naming.is_none()
    }

    /// Fills in by what a plan purges rows of the table.
    pub fn set_going(&mut self, purging: &[(&Selection, &Subjects)]) {
        let Some(naming) = &mut self.naming else { return };
        let here = &naming.nothing.address;
        let same = |other: &Selection| {
            other.address.store == here.store
                && other.address.location == here.location
                && other.disposal == Disposal::Purge
        };
        naming.going = purging
            .iter()
            .filter(|(selection, _)| same(selection))
            .map(|(selection, subjects)| {
                let link_columns = naming.nothing.link_columns.clone();
                (Selection { link_columns, ..(*selection).clone() }, (*subjects).clone())
            })
            .collect();
    }

    /// Selections, with the holds of the book, of which each leaves out rows that go: a name is kept when
    /// it is kept by all of them. `None` when nothing is known and every name is kept.
    ///
    /// # Errors
    /// [`HoldError::Unreadable`]: then nothing that the table may name may be touched.
    pub fn staying(&self, book: &HoldBook) -> Result<Option<Vec<Selection>>, HoldError> {
        let Some(naming) = &self.naming else { return Ok(None) };
        if naming.going.is_empty() {
            return Ok(Some(vec![naming.nothing.clone()]));
        }
        let held = naming.going.iter().map(|(selection, subjects)| with_holds(selection, subjects, book));
        held.collect::<Result<Vec<_>, _>>().map(Some)
    }
}
