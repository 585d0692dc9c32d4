//! An approved plan, compiled for execution.
//!
//! Floor 3; pure. The only way here is [`ApprovedPlan::prepare`], so that what is carried out is what
//! was approved, compiled again from the same catalog and checked against the same schemas and cutoffs.

use super::approval::{ApprovedPlan, CompileError};
use super::compile::ExecutableItem;
use super::world::World;
use crate::catalog::Catalog;
use std::collections::BTreeSet;

/// What execution takes.
#[derive(Debug)]
pub struct ExecutablePlan {
    approved: ApprovedPlan,
    items: Vec<ExecutableItem>,
}

impl ApprovedPlan {
    /// Compiles the plan for execution.
    ///
    /// # Errors
    /// [`CompileError`] when the catalog or the stores are not those of the plan.
    pub fn prepare(self, catalog: &Catalog, world: &World) -> Result<ExecutablePlan, CompileError> {
        let items = self.executable(catalog, world)?;
        Ok(ExecutablePlan { approved: self, items })
    }
}

impl ExecutablePlan {
    /// The approved plan of a request with its items, which [`crate::erasure`] compiles from the records that
    /// the plan is bound to.
    ///
    /// # Errors
    /// [`CompileError::CatalogChanged`] unless the items are those of the plan, one by one, and each names
    /// its records.
    pub fn of_request(approved: ApprovedPlan, items: Vec<ExecutableItem>) -> Result<Self, CompileError> {
        let plan = approved.plan();
        let same = plan.request.is_some()
            && plan.items.len() == items.len()
            && plan.items.iter().zip(&items).all(|(planned, item)| *planned == item.item)
            && items.iter().all(|item| item.selection.names_records());
        if same { Ok(Self { approved, items }) } else { Err(CompileError::CatalogChanged) }
    }

    #[must_use]
    pub fn approved(&self) -> &ApprovedPlan {
        &self.approved
    }

    /// Every item of the plan, in the order of execution.
    #[must_use]
    pub fn items(&self) -> &[ExecutableItem] {
        &self.items
    }

    /// The stores that the items and the objects linked to them are in, by name.
    #[must_use]
    pub fn stores(&self) -> BTreeSet<&str> {
        let own = self.items.iter().map(|item| item.selection.address.store.as_str());
        let linked = self.items.iter().flat_map(|item| &item.links);
        own.chain(linked.map(|link| link.selection.address.store.as_str())).collect()
    }
}
