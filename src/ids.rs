//! Identifiers and random bytes (floor 0).
//!
//! Randomness is a parameter, so that a simulation can be repeated byte for byte. Keys and salts
//! come from here too: [`SequentialIds`] is for tests alone.

use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;

/// The operating system gave no random bytes. Nothing that needs them can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomnessError;

/// Where identifiers, salts and keys come from.
pub trait IdSource: Send + Sync {
    /// Fills a buffer with random bytes.
    ///
    /// # Errors
    /// [`RandomnessError`]; the buffer is then not to be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomnessError>;

    /// A new identifier: `prefix-` and 32 hexadecimal digits (128 bits).
    ///
    /// # Errors
    /// [`RandomnessError`].
    fn new_id(&self, prefix: &str) -> Result<String, RandomnessError> {
        let mut bytes = [0_u8; 16];
        self.fill(&mut bytes)?;
        Ok(format!("{prefix}-{:032x}", u128::from_be_bytes(bytes)))
    }
}

/// The random bytes of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomnessError> {
        getrandom::fill(buffer).map_err(|_| RandomnessError)
    }
}

/// Bytes that count up, the same in every run. For tests and simulations, never for keys.
#[derive(Debug, Default)]
pub struct SequentialIds {
    next: AtomicU64,
}

impl SequentialIds {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl IdSource for SequentialIds {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomnessError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        buffer.fill(0);
        for (target, byte) in buffer.iter_mut().rev().zip(number.to_le_bytes()) {
            *target = byte;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn sequential_ids_are_the_same_in_every_run() {
        let ids = SequentialIds::new();
        assert_eq!(ids.new_id("run").unwrap(), "run-00000000000000000000000000000001");
        assert_eq!(ids.new_id("plan").unwrap(), "plan-00000000000000000000000000000002");
        let mut short = [9_u8; 3];
        ids.fill(&mut short).unwrap();
        assert_eq!(short, [0, 0, 3]);
    }

    #[test]
    fn random_ids_differ_and_have_one_form() {
        let ids: BTreeSet<String> = (0..100).map(|_| RandomIds.new_id("run").unwrap()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 36 && id.starts_with("run-")));
    }
}
