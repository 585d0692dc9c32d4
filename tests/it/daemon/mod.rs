//! The daemon: its loop under a clock that the test sets, and the real binary with signals.

mod binary;
mod chance;
mod outside;
mod safety;
mod servers;
mod stage;
