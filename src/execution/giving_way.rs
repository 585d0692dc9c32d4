//! How a walk gives way to others who work on its store: for how long, and with what pauses.
//!
//! Pure: no store, no clock. What others do shows late and unevenly (a server tells its counters once a second), so
//! they are given way for a while after they were last seen.

use super::tuning::Tuning;
use connectors::Pressure;
use std::time::Duration;

/// Aim of a batch while others work on the store: nobody waits longer for a row of ours, or for the log of a commit.
const TARGET: Duration = Duration::from_micros(2_500);
/// Smaller batches than this cost a store, and the disk that it shares with a ledger, more by their number than they
/// spare it: with half as many records a run has three fifths of the speed, and others wait a tenth less.
pub(super) const RECORDS_MIN: u32 = 1_000;
/// How long others are given way after they were last seen.
const LASTING: Duration = Duration::from_secs(5);

/// What is known of others on one store.
#[derive(Debug, Default)]
pub(super) struct GivingWay {
    /// As it was last seen; without a pause once it is no longer seen.
    seen: Pressure,
    until: Duration,
}

impl GivingWay {
    /// Others need the store.
    pub(super) fn is_called_for(&self) -> bool {
        !self.seen.reasons.is_empty()
    }

    /// Why the walk is slower than it could be.
    pub(super) fn reasons(&self) -> &[String] {
        &self.seen.reasons
    }

    /// Takes up what was seen at `now`; true if others have come.
    pub(super) fn feel(&mut self, pressure: Pressure, now: Duration) -> bool {
        let was_called_for = self.is_called_for();
        if !pressure.reasons.is_empty() {
            self.seen = pressure;
            self.until = now + LASTING;
        } else if now >= self.until {
            self.seen = pressure;
        } else {
            self.seen.pause_ms = 0;
        }
        !was_called_for && self.is_called_for()
    }

    /// How batches are to be sized.
    pub(super) fn tuning(&self, tuning: Tuning) -> Tuning {
        if !self.is_called_for() {
            return tuning;
        }
        Tuning {
            batch_target: tuning.batch_target.min(TARGET),
            records_min: tuning.records_min.max(RECORDS_MIN).min(tuning.records_max),
            ..tuning
        }
    }

    /// The pause after a batch that took `took`: at least as long as the work.
    pub(super) fn pause(&self, took: Duration) -> Option<Duration> {
        self.is_called_for().then(|| took.max(Duration::from_millis(self.seen.pause_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn others(pause_ms: u64) -> Pressure {
        Pressure { reasons: vec!["4 sessions of others at work".to_owned()], pause_ms }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn others_are_given_way_for_a_while_after_they_were_last_seen() {
        let mut giving_way = GivingWay::default();
        assert!(!giving_way.feel(Pressure::default(), at(0)));
        assert!(giving_way.feel(others(250), at(1)), "they have come");
        assert!(!giving_way.feel(others(250), at(2)), "they are still there");
        assert!(!giving_way.feel(Pressure::default(), at(6)));
        assert!(giving_way.is_called_for());
        assert!(!giving_way.feel(Pressure::default(), at(7)));
        assert!(!giving_way.is_called_for());
        assert_eq!(giving_way.reasons(), [] as [String; 0]);
    }

    #[test]
    fn the_pause_is_at_least_as_long_as_the_work_and_what_the_store_asked_for_while_it_asked() {
        let mut giving_way = GivingWay::default();
        let took = Duration::from_millis(30);
        assert_eq!(giving_way.pause(took), None);
        giving_way.feel(others(250), at(1));
        assert_eq!(giving_way.pause(took), Some(Duration::from_millis(250)));
        giving_way.feel(Pressure::default(), at(2));
        assert_eq!(giving_way.pause(took), Some(took));
    }

    #[test]
    fn batches_are_small_only_while_others_are_there() {
        let mut giving_way = GivingWay::default();
        let tuning = Tuning::default();
        assert_eq!(giving_way.tuning(tuning), tuning);
        giving_way.feel(others(4), at(1));
        let small = giving_way.tuning(tuning);
        assert_eq!((small.batch_target, small.records_min), (TARGET, RECORDS_MIN));
        let tiny = Tuning { records_max: 100, ..tuning };
        assert_eq!(giving_way.tuning(tiny).records_min, 100);
    }
}
