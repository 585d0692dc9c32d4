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

/// At most one part in so many of a range is left to the next one.
const TAIL_PARTS: usize = 8;

pub(super) async fn stretch<B: Backend>(
    lease: &mut Lease<'_, B>,
    selection: &Selection,
    after: Option<&RecordKey>,
    reach: Reach,
) -> Result<Stretch, ConnectorError> {
    let target = Target::of(lease, selection)?;
    let is_listed = target.table.is_integer() && change::is_alone(selection);
    if let Some(template) = lease.backend().listed_stretch().filter(|_| is_listed)
        && let Some(stretch) = listed(lease, &target, (after, reach), template).await?
    {
        return Ok(stretch);
    }
    let bound = target.bound_after(lease, after, reach).await?.map_or(Bound::End, Bound::At);
    Ok(Stretch { bound, due: None })
}

/// `None` when the server cut the list off, as one does whose packets are small.
async fn listed<B: Backend>(
    lease: &mut Lease<'_, B>,
    target: &Target<'_>,
    (after, reach): (Option<&RecordKey>, Reach),
    template: &'static str,
) -> Result<Option<Stretch>, ConnectorError> {
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
    let [text, counted, last_due, read, last, kept] = row.as_slice() else { return Err(lease.unexpected()) };
    // A list that was cut off may end in a comma or within a number.
    let Some(mut due) = lease.numbers_of(text).ok().map(change::in_order) else { return Ok(None) };
    if whole(counted) != i64::try_from(due.len()).ok() || whole(last_due) != due.last().map(change::number) {
        return Ok(None);
    }
    let due_max = usize::try_from(lease.backend().capabilities().batch_records_max).unwrap_or(usize::MAX);
    let bound = if due.len() > due_max {
        due.truncate(due_max);
        due.last().cloned().map(Bound::At)
    } else if whole(read) < Some(i64::from(records)) {
        Some(Bound::End)
    } else {
        let last = whole(kept).filter(|kept| leave_tail(&mut due, *kept)).or_else(|| whole(last));
        last.map(|last| Bound::At(RecordKey::int(last)))
    };
    Ok(Some(Stretch { bound: bound.ok_or_else(|| lease.unexpected())?, due: Some(due) }))
}

/// Leaves the due records that come after the last kept one to the next range, unless these are many. A server that
/// looks at the record behind those it deletes would have the batches of two ranges wait for each other.
fn leave_tail(due: &mut Vec<RecordKey>, kept: i64) -> bool {
    let before = due.partition_point(|key| change::number(key) < kept);
    let is_short = due.len() - before <= due.len() / TAIL_PARTS;
    if is_short {
        due.truncate(before);
    }
    is_short
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_tail_is_left_to_the_next_range_and_a_long_one_is_not() {
        let keys = |numbers: &[i64]| numbers.iter().copied().map(RecordKey::int).collect::<Vec<_>>();
        let mut due = keys(&[1, 2, 3, 5, 6, 7, 8, 10]);
        assert!(leave_tail(&mut due, 9));
        assert_eq!(due, keys(&[1, 2, 3, 5, 6, 7, 8]));
        assert!(!leave_tail(&mut due, 4));
        assert_eq!(due.len(), 7);
        assert!(leave_tail(&mut due, 9));
        assert_eq!(due.len(), 7);
    }
}
