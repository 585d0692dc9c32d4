//! The data map: what is where, written by engineers (floor 1).

pub mod document;
pub mod model;
pub mod read;

pub use model::{
    Dataset, EpochUnit, EventSource, KeyDate, Link, LinkTarget, Ownership, StoreKind, StoreTerms,
};
