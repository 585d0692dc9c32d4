//! Rows and the objects that they name, held against each other: rows whose object is not there, and objects that
//! no row names.
//!
//! Floor 3; reads only. Both sides come in the order of their names and are walked side by side, so that memory
//! holds a page of each whatever the size of table and bucket. There is no snapshot over two stores: what comes or
//! goes meanwhile may be in either count.

use super::compile::{Surroundings, finding, name};
use super::mask::mask_value;
use super::survey::Slot;
use super::world::{Sources, World, same_place};
use super::{FindingCode, FindingSeverity, PlanFinding};
use crate::catalog::Catalog;
use crate::data_map::Dataset;
use connectors::{ConnectorError, NameCount, RecordSource, Selection, Value};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use thiserror::Error;

/// Records whose names are asked for at once; few in tests, so that names end a page.
const NAMES_PER_PAGE: u32 = if cfg!(test) { 3 } else { 20_000 };
/// Masked names that stand for the rest.
const SAMPLES_MAX: usize = 3;

/// What the links that lead to one dataset of objects come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linkage {
    /// By dataset and column: those that link to this dataset.
    pub columns: Vec<NamingColumn>,
    pub objects: u64,
    /// Objects that no row names.
    pub orphans: Tally,
    /// Datasets that may name objects too and cannot be read: then no object is known to be an orphan.
    pub unread: Vec<String>,
}

/// What one column of one dataset names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamingColumn {
    pub dataset: String,
    pub column: String,
    /// Rows whose object is not there.
    pub dangling: Tally,
    /// Rows whose name is none that the dataset of objects could have.
    pub foreign: Tally,
}

/// A count with masked names that stand for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    pub samples: Vec<String>,
}

impl Tally {
    fn add(&mut self, named: &NameCount) {
        self.count += named.records;
        if named.records > 0 && self.samples.len() < SAMPLES_MAX {
            self.samples.push(mask_value(&Value::Text(named.name.clone())));
        }
    }
}

/// Why rows and objects cannot be compared.
#[derive(Debug, Error)]
pub enum LinkageError {
    #[error(transparent)]
    Store(#[from] ConnectorError),
    #[error("store '{store}' does not name its objects in the order of their bytes")]
    Disordered { store: String },
}

/// Whether any column links to these objects.
#[must_use]
pub fn is_linked(catalog: &Catalog, objects: &Dataset) -> bool {
    !objects.is_table() && naming_columns(catalog, objects).iter().any(|(_, _, own)| *own)
}

/// The columns that name objects of the same store, in the order of dataset and column, and whether they link to
/// these. Whichever dataset a link leads to, a name is a name.
fn naming_columns<'a>(catalog: &'a Catalog, objects: &Dataset) -> Vec<(&'a Dataset, &'a str, bool)> {
    let mut found: Vec<(&Dataset, &str, bool)> = Vec::new();
    for dataset in catalog.datasets().values().filter(|dataset| dataset.is_table()) {
        for link in &dataset.links {
            let Some(to) = catalog.dataset(&link.to.dataset) else { continue };
            if to.is_table() || to.store != objects.store {
                continue;
            }
            let own = to.name == objects.name;
            match found
                .iter_mut()
                .find(|(other, column, _)| other.name == dataset.name && *column == link.column)
            {
                Some((_, _, known)) => *known |= own,
                None => found.push((dataset, &link.column, own)),
            }
        }
    }
    found
}

/// Compares a dataset of objects with every row that may name one of them.
///
/// # Errors
/// [`LinkageError`].
pub async fn compare(
    catalog: &Catalog,
    world: &World,
    sources: &Sources,
    objects: &Dataset,
) -> Result<Linkage, LinkageError> {
    let mut linkage = Linkage::default();
    let Some(mut there) = Names::of(world, sources, objects, None) else { return Ok(linkage) };
    let mut naming = Vec::new();
    for (dataset, column, own) in naming_columns(catalog, objects) {
        let Some(names) = Names::of(world, sources, dataset, Some(column)) else {
            linkage.unread.push(dataset.name.clone());
            continue;
        };
        let told = NamingColumn {
            dataset: dataset.name.clone(),
            column: column.to_owned(),
            ..NamingColumn::default()
        };
        let place = own.then(|| {
            linkage.columns.push(told);
            linkage.columns.len() - 1
        });
        naming.push((names, place));
    }
    let connectors::Location::Objects { key: template } = &objects.location else { return Ok(linkage) };
    loop {
        let mut next = there.peek().await?.map(|named| named.name.clone());
        for (names, _) in &mut naming {
            let own = names.peek().await?.map(|named| &named.name);
            if own.is_some_and(|own| next.as_ref().is_none_or(|next| own < next)) {
                next = own.cloned();
            }
        }
        let Some(name) = next else { return Ok(linkage) };
        let object = there.take(&name);
        let is_possible = object.is_some() || template.matches(&name).is_some();
        let mut is_named = false;
        for (names, place) in &mut naming {
            let Some(rows) = names.take(&name) else { continue };
            is_named = true;
            let Some(column) = place.and_then(|place| linkage.columns.get_mut(place)) else { continue };
            match (&object, is_possible) {
                (Some(_), _) => {}
                (None, true) => column.dangling.add(&rows),
                (None, false) => column.foreign.add(&rows),
            }
        }
        if let Some(object) = object {
            linkage.objects += object.records;
            if !is_named {
                linkage.orphans.add(&object);
            }
        }
    }
}

/// Objects that rows own, that no row names, and of which no rule speaks: nothing will ever take them along.
pub(super) async fn orphans(
    around: &Surroundings<'_>,
    sources: &Sources,
    slots: &[Slot<'_>],
) -> Vec<PlanFinding> {
    let links = slots.iter().flat_map(|slot| &slot.compiled.links);
    let owned: BTreeSet<&str> = links.map(|link| link.selection.address.dataset.as_str()).collect();
    let mut found = Vec::new();
    for objects in owned.into_iter().filter_map(|dataset| around.catalog.dataset(dataset)) {
        if around.targets.iter().any(|target| same_place(target.dataset, objects)) {
            continue;
        }
        let message = match compare(around.catalog, around.world, sources, objects).await {
            Ok(linkage) if linkage.unread.is_empty() && linkage.orphans.count == 0 => continue,
            Ok(linkage) if linkage.unread.is_empty() => format!(
                "{} of the {} objects of dataset {} are named by no record, and no rule speaks of them: they stay until \
                 the dataset has a rule of its own",
                linkage.orphans.count,
                linkage.objects,
                name(&objects.name)
            ),
            // What cannot be read keeps every object, and the plan says so already.
            Ok(_) => continue,
            Err(error) => {
                format!(
                    "whether records name the objects of dataset {} is not known: {error}",
                    name(&objects.name)
                )
            }
        };
        found.push(finding(FindingSeverity::Note, FindingCode::OrphanObjects, message));
    }
    found
}

/// One side of the walk: names as they come, page by page.
struct Names {
    source: Arc<dyn RecordSource>,
    selection: Selection,
    ready: VecDeque<NameCount>,
    last: Option<String>,
    exhausted: bool,
}

impl Names {
    /// `None` if the dataset cannot be read, or has no such column.
    fn of(world: &World, sources: &Sources, dataset: &Dataset, column: Option<&str>) -> Option<Self> {
        let source = Arc::clone(sources.get(&dataset.store)?);
        let shape = world.shape(&dataset.name)?;
        if column.is_some_and(|column| shape.column(column).is_none()) {
            return None;
        }
        let mut selection = super::item::everything_of(&dataset.address(), shape);
        selection.link_columns = column.map(str::to_owned).into_iter().collect();
        Some(Self { source, selection, ready: VecDeque::new(), last: None, exhausted: false })
    }

    async fn peek(&mut self) -> Result<Option<&NameCount>, LinkageError> {
        while self.ready.is_empty() && !self.exhausted {
            let page = self.source.names(&self.selection, self.last.as_deref(), NAMES_PER_PAGE).await?;
            for named in &page.names {
                if self.last.as_ref().is_some_and(|last| *last >= named.name) {
                    return Err(LinkageError::Disordered { store: self.selection.address.store.clone() });
                }
                self.last = Some(named.name.clone());
            }
            self.exhausted = page.exhausted || page.names.is_empty();
            self.ready = page.names.into();
        }
        Ok(self.ready.front())
    }

    /// The next name, if it is this one.
    fn take(&mut self, name: &str) -> Option<NameCount> {
        if self.ready.front().is_some_and(|named| named.name == name) { self.ready.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests;
