//! Numbers and identifiers that are the same for the same seed.

use oubliette::digest::Digest32;
use oubliette::ids::{IdSource, RandomnessError};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes made of a seed and a counter.
pub(super) struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }
}

impl IdSource for SeededIds {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomnessError> {
        for piece in buffer.chunks_mut(32) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = Digest32::of(format!("{}/{number}", self.seed).as_bytes());
            piece.copy_from_slice(&bytes.as_bytes()[..piece.len()]);
        }
        Ok(())
    }
}

/// Draws of a simulation.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
