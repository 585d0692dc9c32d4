//! A batch whose keys are listed, and then changed, in one snapshot.
//!
//! Both statements have the same condition and see the same rows, so that the one changes exactly what the other
//! has listed, or fails: far less work for the server than answering with each row that it changes. Whatever
//! another transaction changed since, or a trigger withheld, shows as a conflict or in the count, and then nothing
//! of it is used. Does not serve where rows of other tables go along: those that came after the snapshot would
//! not be seen.

use super::backend::Backend;
use super::change::{self, Change};
use super::session::Lease;
use crate::batch::{Batch, DatasetKeys};
use crate::error::ConnectorError;
use crate::sql::SqlText;
use crate::value::RecordKey;

/// How a batch begins that can be carried out in one snapshot.
pub(super) fn beginning<B: Backend>(lease: &Lease<'_, B>, batch: &Batch) -> Option<&'static str> {
    let alone = batch.only_keys.is_none() && !change::locks_first(lease.backend(), &batch.selection);
    lease.backend().begin_snapshot().filter(|_| alone)
}

impl Change<'_> {
    /// Changes exactly what is due in the batch. `None`: others were at these rows, and all that is left is to
    /// roll back.
    pub(super) async fn carry_out_in_snapshot<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
    ) -> Result<Option<Vec<DatasetKeys>>, ConnectorError> {
        let dataset = self.target.dataset();
        let keys = self.list(lease).await?;
        if keys.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let statement = self.statement(lease, &self.restriction, None)?;
        let changed = lease.execute_in_snapshot(dataset, statement).await?;
        let is_whole =
            changed.is_some_and(|changed| u64::try_from(keys.len()).is_ok_and(|listed| listed == changed));
        Ok(is_whole.then(|| vec![DatasetKeys { dataset: dataset.to_owned(), keys }]))
    }

    /// The due keys of the restriction, in key order.
    async fn list<B: Backend>(&self, lease: &mut Lease<'_, B>) -> Result<Vec<RecordKey>, ConnectorError> {
        let (dataset, table) = (self.target.dataset(), &self.target.table);
        let condition = self.target.due_within(lease, &self.restriction)?;
        let backend = lease.backend();
        if let Some(listed) = backend.listed_numbers().filter(|_| table.is_integer()) {
            let sql = SqlText::fill(listed, &[&table.list(backend), &table.from, &condition]);
            return Ok(change::in_order(lease.numbers(dataset, sql).await?));
        }
        lease.keys(dataset, change::list(backend, table, &condition)).await
    }
}
