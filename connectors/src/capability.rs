//! What a store can do, so that planning never has to guess.

/// Facts about a store that decide how it is worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// A batch is all or nothing: after a crash its rows are all gone or all there.
    pub transactional: bool,
    /// The store evaluates a selection itself; otherwise this crate does, page by page.
    pub set_based: bool,
    /// The store has a clock of its own that can be compared with the local one (invariant I6).
    pub own_clock: bool,
    /// Records can be anonymized in place, not only purged.
    pub anonymizes: bool,
    /// The store tells where a batch can end ([`crate::RecordSource::bound`]), so that several over disjoint
    /// ranges can be carried out at once.
    pub bounded_batches: bool,
    /// What one batch has done can be read back while the next is carried out, and neither waits for the other.
    pub reads_beside: bool,
    /// A server, on which several processes can work at once: what one of them left open, another can end.
    pub is_server: bool,
    /// Most records in one batch.
    pub batch_records_max: u32,
}
