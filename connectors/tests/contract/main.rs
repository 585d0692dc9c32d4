//! The contract of stores, tried on every store that this crate has.
//!
//! A new store adds a module with its fixture here, and one `contract_suite!` for each way it can be
//! set up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "s3")]
mod s3_bucket;
#[cfg(feature = "s3")]
mod s3_inventory;
#[cfg(feature = "s3")]
mod s3_versions;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod server_beside;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod server_stretch;
#[cfg(feature = "sqlite")]
mod sqlite;
