//! How a store is borne with that is busy or about to come back.

use connectors::ConnectorError;
use std::future::Future;
use std::time::Duration;

/// The longest wait between two tries of a busy store.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// The first wait; it doubles with each try.
const BACK_OFF_START: Duration = Duration::from_millis(200);
/// How long to wait before the given try (from 1) of a busy store.
pub(super) fn back_off(tries: u32) -> Duration {
    let factor = 1_u32 << tries.saturating_sub(1).min(8);
    BACK_OFF_START.saturating_mul(factor).min(BACK_OFF_MAX)
}

/// Tries beyond the usual ones where a store cannot be reached: a server that crashed and reads its log again is
/// away for longer than one that is busy (about 40 seconds in all).
const AWAY_TRIES: u32 = 4;

/// Whether what failed so often is to be tried once more.
pub(super) fn is_worth_a_try(error: &ConnectorError, tries: u32, attempts_max: u32) -> bool {
    let is_away = matches!(error, ConnectorError::Unreachable { .. });
    let most = if is_away { attempts_max.saturating_add(AWAY_TRIES) } else { attempts_max };
    error.is_transient() && tries < most
}

/// Repeats what changes nothing, or nothing twice, while it fails in a way that may pass by itself: at most
/// `attempts_max` times, and some more while the store is away.
///
/// # Errors
/// The last one.
pub async fn retrying<T, F: Future<Output = Result<T, ConnectorError>>>(
    attempts_max: u32,
    mut look: impl FnMut() -> F,
) -> Result<T, ConnectorError> {
    let mut tries = 1;
    loop {
        match look().await {
            Err(error) if is_worth_a_try(&error, tries, attempts_max) => {
                tokio::time::sleep(back_off(tries)).await;
                tries += 1;
            }
            answered => return answered,
        }
    }
}
