//! When the next attempt is due (floor 6; pure).

use std::time::Duration;

/// Three attempts within some seconds: for a caller who waits for the answer.
pub const SHORT_DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How long to wait after this many attempts that failed: half a minute, doubled each time, up to an
/// hour.
#[must_use]
pub fn wait_after(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT)
}

/// The same where the receiver asks for more time: as long as it asks, up to an hour.
#[must_use]
pub fn wait_as_asked(attempts: u32, asked: Option<Duration>) -> Duration {
    wait_after(attempts).max(asked.unwrap_or_default().min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let seconds: Vec<u64> = (0..9).map(|attempts| wait_after(attempts).as_secs()).collect();
        assert_eq!(seconds, [30, 30, 60, 120, 240, 480, 960, 1920, 3600]);
        assert_eq!(wait_after(u32::MAX), Duration::from_hours(1));
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_an_hour() {
        let asked = |seconds: u64| wait_as_asked(1, Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([asked(5), asked(90), asked(1 << 40)], [30, 90, 3600]);
        assert_eq!(wait_as_asked(4, None).as_secs(), 240);
    }
}
