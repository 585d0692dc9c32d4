//! Who hears of a batch as soon as the journal has its proof.
//!
//! What is certified stands on the journal alone. A witness may prepare that work while the store is busy with
//! the next batches; nobody waits for it, and a run without one ends the same.

use crate::journal::BatchId;
use connectors::DatasetKeys;

/// Hears of proven batches.
pub trait Witness: Send + Sync {
    /// The journal has that these keys were seen in their final state. Must return at once; whoever has no
    /// time may forget it.
    fn proven(&self, batch: &BatchId, disposed: Vec<DatasetKeys>);
}

/// Nobody.
#[derive(Debug, Clone, Copy)]
pub struct NoWitness;

impl Witness for NoWitness {
    fn proven(&self, _: &BatchId, _: Vec<DatasetKeys>) {}
}
