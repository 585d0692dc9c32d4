//! The range of the next batch, with the keys that are due in it, in one reading; and the change of exactly these.
//!
//! To list the due records costs a reader little more than to look for the end of a range, and spares the writer
//! to answer with each row that it changes. The change names the whole set beside the condition under which a record
//! is due, so that it changes records of the set alone, and all of them if it changes as many: whatever has changed
//! since the list was read shows in the count, and then nothing of it is used. Serves keys that are one whole number.

use super::backend::Backend;
use super::change::{self, Change};
use super::session::Lease;
use super::table::Restriction;
use super::target::{Target, whole};
use crate::batch::DatasetKeys;
use crate::error::ConnectorError;
use crate::port::{Bound, Reach, Stretch};
use crate::selection::Selection;
use crate::sql::SqlText;
use crate::value::{RecordKey, Value};

pub(super) async fn stretch<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    after: Option<&RecordKey>,
    reach: Reach,
) -> Result<Stretch, ConnectorError> {
    let target = Target::of(lease, selection)?;
    let is_listed = target.table.is_integer() && change::is_alone(selection);
    if let Some(template) = lease.backend().listed_stretch().filter(|_| is_listed) {
        return listed(lease, &target, (after, reach), template).await;
    }
    let bound = target.bound_after(lease, after, reach).await?.map_or(Bound::End, Bound::At);
    Ok(Stretch { bound, due: None })
}

async fn listed<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    (after, reach): (Option<&RecordKey>, Reach),
    template: &'static str,
) -> Result<Stretch, ConnectorError> {
    let range = Restriction::Range { after: after.cloned(), last: None };
    let (records, due, condition) = match reach {
        Reach::Due(records) => (records, SqlText::new("TRUE"), target.due_within(lease, &range)?),
        Reach::Records(records) => {
            let within = lease.written(target.table.within(lease.backend(), &range))?;
            (records, target.due.clone(), within)
        }
    };
    let records = records.max(1);
    let rows = SqlText::fill(
        "SELECT {0} AS k, {1} AS d FROM {2} WHERE {3} ORDER BY {4} LIMIT {5}",
        &[
            &target.table.list(lease.backend()),
            &due,
            &target.table.from,
            &condition,
            &target.table.order(),
            &SqlText::value(Value::Int(i64::from(records))),
        ],
    );
    let row = lease.row(target.dataset(), SqlText::fill(template, &[&rows])).await?;
    let [text, last, read, counted] = row.as_slice() else { return Err(lease.unexpected()) };
    let mut due = change::in_order(lease.numbers_of(text)?);
    if whole(counted) != i64::try_from(due.len()).ok() {
        // A text that the server cut off, say.
        return Err(lease.unexpected());
    }
    let due_max = usize::try_from(lease.backend().capabilities().batch_records_max).unwrap_or(usize::MAX);
    let bound = if due.len() > due_max {
        due.truncate(due_max);
        due.last().cloned().map(Bound::At)
    } else if whole(read) < Some(i64::from(records)) {
        Some(Bound::End)
    } else {
        whole(last).map(|last| Bound::At(RecordKey::int(last)))
    };
    Ok(Stretch { bound: bound.ok_or_else(|| lease.unexpected())?, due: Some(due) })
}

impl Change<'_> {
    /// Changes the records of the set, which all lie within the restriction. `None`: not all of them are due any
    /// more, and all that is left is to roll back.
    pub(super) async fn carry_out_listed<B: Backend>(
        &self,
        lease: &mut Lease<'_, B>,
        listed: &[RecordKey],
    ) -> Result<Option<Vec<DatasetKeys>>, ConnectorError> {
        let Some(among) = lease.written(self.target.table.walked(lease.backend(), listed))? else {
            return Ok(None);
        };
        let dataset = self.target.dataset();
        let statement = self.statement(lease, &self.restriction, Some(&among))?;
        let changed = lease.execute(dataset, statement).await?;
        let is_whole = u64::try_from(listed.len()).is_ok_and(|listed| listed == changed);
        Ok(is_whole.then(|| vec![DatasetKeys { dataset: dataset.to_owned(), keys: listed.to_vec() }]))
    }
}
