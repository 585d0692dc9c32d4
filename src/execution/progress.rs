//! What a run tells while it works: plain values, printed elsewhere.

use std::time::Duration;

/// The state of one item at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub item: u32,
    pub dataset: String,
    /// Records disposed of in this item so far in this process.
    pub disposed: u64,
    /// Records that the plan found due.
    pub planned: u64,
    pub elapsed: Duration,
    /// Why it goes slower than it could; empty when it does not.
    pub slowed_by: Vec<String>,
}

impl Snapshot {
    /// Records a second, over the whole item; `None` before anything can be said.
    #[must_use]
    pub fn rate(&self) -> Option<u64> {
        let millis = u64::try_from(self.elapsed.as_millis()).ok().filter(|millis| *millis > 0)?;
        self.disposed.checked_mul(1000).map(|scaled| scaled / millis)
    }

    /// Time left at the present rate; `None` before anything can be said.
    #[must_use]
    pub fn eta(&self) -> Option<Duration> {
        let rate = self.rate().filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(self.planned.saturating_sub(self.disposed) / rate))
    }
}

pub trait ProgressSink: Send + Sync + std::fmt::Debug {
    fn advanced(&self, snapshot: &Snapshot);
    /// The item is finished, interrupted or failed.
    fn ended(&self, snapshot: &Snapshot);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl ProgressSink for Silent {
    fn advanced(&self, _: &Snapshot) {}
    fn ended(&self, _: &Snapshot) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_the_rate() {
        let snapshot = Snapshot {
            item: 0,
            dataset: "d".into(),
            disposed: 500,
            planned: 2_000,
            elapsed: Duration::from_secs(1),
            slowed_by: Vec::new(),
        };
        assert_eq!(snapshot.rate(), Some(500));
        assert_eq!(snapshot.eta(), Some(Duration::from_secs(3)));
        let nothing_yet = Snapshot { elapsed: Duration::ZERO, ..snapshot };
        assert_eq!(nothing_yet.eta(), None);
    }
}
