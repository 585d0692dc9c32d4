//! The clock (floor 0).
//!
//! Time is a parameter everywhere: a wrong clock destroys data, and a test must be able to set it.
//! [`SystemClock`] is the one place that reads the machine's.

use chrono::{DateTime, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What tells the time.
pub trait Clock: Send + Sync {
    /// The present instant, by the wall clock.
    fn now(&self) -> DateTime<Utc>;

    /// Time since an origin of the clock's own, never running backwards. Differences of two are
    /// durations; the wall clock is not for that.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that is set by hand, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<(DateTime<Utc>, Duration)>,
}

impl ManualClock {
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { state: Mutex::new((now, Duration::ZERO)) }
    }

    /// Lets time pass on both clocks. Beyond the calendar the wall clock stays.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        let step = chrono::Duration::from_std(by).ok();
        if let Some(now) = step.and_then(|step| state.0.checked_add_signed(step)) {
            state.0 = now;
        }
        state.1 = state.1.saturating_add(by);
    }

    /// Sets the wall clock, also backwards; the monotonic one goes on.
    pub fn set(&self, now: DateTime<Utc>) {
        self.state().0 = now;
    }

    fn state(&self) -> MutexGuard<'_, (DateTime<Utc>, Duration)> {
        // Two plain values: a panic elsewhere cannot have left them half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.state().0
    }

    fn monotonic(&self) -> Duration {
        self.state().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_goes_only_when_told() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().timestamp(), 90);
        clock.set(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now().timestamp(), 0);
        assert_eq!(clock.monotonic(), Duration::from_secs(90));
    }

    #[test]
    fn the_system_clock_never_runs_backwards() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert!(clock.now().timestamp() > 1_700_000_000);
    }
}
