//! How far a range of the walk reaches: over as many records as hold about one batch of due ones.
//!
//! Pure. To count records of a table is far less work than to look for those that are due, and where many
//! are due it comes to the same.

use connectors::Reach;

/// With more records for each due one, looking for the due is less work than walking over all.
const RECORDS_PER_DUE_MAX: u64 = 8;

/// What is known of how close together the due records lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spacing {
    /// `None`: far apart.
    records_per_due: Option<u32>,
}

impl Spacing {
    /// From the counts of the plan.
    pub(super) fn of(records: u64, due: u64) -> Self {
        let each = records.div_ceil(due.max(1)).max(1);
        let close = each <= RECORDS_PER_DUE_MAX;
        Self { records_per_due: u32::try_from(each).ok().filter(|_| close) }
    }

    /// Of records that are named one by one: whatever lies between them is nobody's business here.
    pub(super) fn named() -> Self {
        Self { records_per_due: None }
    }

    /// The reach of a range for a batch of about `records` due records. The store shortens it if more are due than it
    /// allows.
    pub(super) fn reach(self, records: u32) -> Reach {
        match self.records_per_due {
            Some(each) => Reach::Records(records.saturating_mul(each)),
            None => Reach::Due(records),
        }
    }

    /// A range that was to have `wanted` due records had `found`. Where they come to lie closer together
    /// the next ranges are shorter, so that a batch stays as small as it was meant to be.
    pub(super) fn learn(&mut self, wanted: u32, found: u64) {
        if let Some(each) = &mut self.records_per_due
            && found > u64::from(wanted) + u64::from(wanted) / 2
        {
            *each = (*each / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_to_named_records_does_not_count_those_between() {
        assert_eq!(Spacing::named().reach(10), Reach::Due(10));
    }

    #[test]
    fn where_many_are_due_records_are_counted_and_where_few_are_the_due() {
        assert_eq!(Spacing::of(100, 100).reach(10), Reach::Records(10));
        assert_eq!(Spacing::of(100, 50).reach(10), Reach::Records(20));
        assert_eq!(Spacing::of(100, 13).reach(10), Reach::Records(80));
        assert_eq!(Spacing::of(100, 12).reach(10), Reach::Due(10));
        assert_eq!(Spacing::of(0, 0).reach(10), Reach::Records(10), "nothing is due: nothing is walked");
    }

    #[test]
    fn a_denser_stretch_shortens_the_ranges_after_it() {
        let mut spacing = Spacing::of(100, 20);
        spacing.learn(10, 12);
        assert_eq!(spacing.reach(10), Reach::Records(50));
        spacing.learn(10, 50);
        assert_eq!(spacing.reach(10), Reach::Records(20));
        spacing.learn(10, 20);
        spacing.learn(10, 20);
        assert_eq!(spacing.reach(10), Reach::Records(10));
    }
}
