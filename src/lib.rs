//! Oubliette: retention and deletion policies, enforced and certified.
//!
//! It decides from declared policies what personal data is past its time, purges or
//! anonymizes it, and leaves certificates that hold up.
//!
//! The flow: documents become a catalog; a catalog and what the stores say become a plan; a plan and
//! a person's yes become an approved plan; an approved plan is carried out batch by batch under a
//! journal; what is seen afterwards becomes evidence; evidence becomes a signed certificate in an
//! archive that anyone can verify. ARCHITECTURE.md has the floors; a test holds them.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test that cannot go on must stop"
    )
)]

pub mod api;
pub mod app;
pub mod archive;
pub mod archive_store;
pub mod catalog;
pub mod certificate;
pub mod check;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod data_map;
pub mod demo;
pub mod diagnostic;
pub mod digest;
pub mod erasure;
pub mod evidence;
pub mod execution;
pub mod hold;
pub mod ids;
pub mod init;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod notice;
pub mod notify;
pub mod plan;
pub mod policy;
pub mod schedule;
pub mod settings;
pub mod spans;
pub mod subject;
pub mod telemetry;
pub mod verdict;
pub mod views;
pub mod yaml;
