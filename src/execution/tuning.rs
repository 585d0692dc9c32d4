//! How large a batch is: steered by time, because rows differ and servers differ.

use std::time::Duration;

/// Bounds and aim of the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    pub records_start: u32,
    pub records_min: u32,
    pub records_max: u32,
    /// A batch should take about this long, so that others wait no longer.
    pub batch_target: Duration,
    /// Tries of one batch before the item is given up, when a store is busy.
    pub attempts_max: u32,
    /// Walks over a dataset until one finds nothing due.
    pub passes_max: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            records_start: 2_000,
            records_min: 100,
            // With 20 000 keys of a batch in memory a run stays below 100 MB; more brings little.
            records_max: 20_000,
            batch_target: Duration::from_millis(250),
            attempts_max: 6,
            passes_max: 3,
        }
    }
}

impl Tuning {
    /// The size of the next batch after one of `records` took `took`: what would have taken as long as it should, but
    /// at most double and at least half of it, within the bounds and what the store allows.
    #[must_use]
    pub fn next_records(&self, records: u32, took: Duration, store_max: u32) -> u32 {
        let took = took.as_micros().max(1);
        let wanted = u128::from(records) * self.batch_target.as_micros().clamp(took / 2, took * 2) / took;
        self.clamp(u32::try_from(wanted).unwrap_or(u32::MAX), store_max)
    }

    #[must_use]
    pub fn clamp(&self, records: u32, store_max: u32) -> u32 {
        let most = self.records_max.min(store_max).max(1);
        records.clamp(self.records_min.min(most), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: u32, took_ms: u64, expected: u32) {
        let tuning = Tuning::default();
        assert_eq!(tuning.next_records(records, Duration::from_millis(took_ms), 20_000), expected);
    }

    #[test]
    fn a_fast_batch_is_followed_by_a_larger_and_a_slow_one_by_a_smaller() {
        check(2_000, 10, 4_000);
        check(2_000, 250, 2_000);
        check(2_000, 900, 1_000);
        check(2_000, 200, 2_500);
        check(2_000, 400, 1_250);
    }

    #[test]
    fn the_size_stays_within_the_bounds_of_the_store_and_of_the_tuning() {
        check(16_000, 10, 20_000);
        check(150, 10_000, 100);
        assert_eq!(Tuning::default().clamp(5, 3), 3, "a store that takes three takes three");
    }
}
