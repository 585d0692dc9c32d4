//! The contract of stores, tried on every store that this crate has.
//!
//! A new store adds a module with its fixture here, and one `contract_suite!` for each way it can be
//! set up.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[cfg(feature = "sqlite")]
mod sqlite;
