//! The integration tests: one binary, because each more would link everything again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests touch files and stop when they cannot go on"
)]

mod approvals;
mod audit;
mod buckets;
mod canary;
mod chinook;
mod clock;
mod closures;
mod crash;
mod daemon;
mod docs;
mod floors;
mod flow;
mod grounds;
mod holds;
mod honest;
mod hostile;
mod kin;
mod lanes;
mod leaks;
mod linked;
mod links;
mod partitions;
mod readers;
mod readme;
mod recipients;
mod replay;
mod requests;
mod scenario;
mod shared_ledger;
mod small;
mod support;
mod tidy;
mod traces;
