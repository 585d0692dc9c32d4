//! SQLite: one database file is one store, one table is one dataset.
//!
//! Reading order: [`connect`], [`catalogue`], [`shape`], [`session`], [`keys`], [`select`], then the
//! readers ([`survey`], [`observe`], [`source`]) and the writer ([`change`], [`disposer`]). A batch is one
//! transaction under the write lock, so nobody can come between the list of its keys and the
//! statement that destroys them. All SQL comes from constant text and [`crate::sql`].
//!
//! What this store does not do: it creates no file, changes no journal mode, and never runs `VACUUM`,
//! which rewrites the whole file and may renumber rows.

mod catalogue;
mod change;
mod connect;
mod disposer;
mod fault;
mod keys;
mod lexer;
mod names;
mod observe;
mod rows;
mod select;
mod session;
mod shape;
mod source;
mod survey;

#[cfg(all(test, feature = "testkit"))]
mod tests;

pub use connect::SqliteOptions;
pub use disposer::SqliteDisposer;
pub use source::SqliteSource;

use crate::capability::Capabilities;

/// Most records in one batch. Larger batches write each page of an index fewer times; beyond this the
/// gain is small and other writers wait too long.
const BATCH_RECORDS_MAX: u32 = 100_000;

const CAPABILITIES: Capabilities = Capabilities {
    transactional: true,
    set_based: true,
    own_clock: false,
    bounded_batches: false,
    reads_beside: false,
    is_server: false,
    anonymizes: true,
    batch_records_max: BATCH_RECORDS_MAX,
};
