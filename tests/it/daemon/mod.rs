//! The daemon: its loop under a clock that the test sets, and the real binary with signals.

mod binary;
mod book;
mod chance;
mod fleet;
mod helpers;
mod load;
mod needs;
mod outside;
mod safety;
mod servers;
mod shops;
mod simulation;
mod soak;
mod stage;
mod traced;
mod year;
