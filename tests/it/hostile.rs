//! Hostile input through the real binary: documents, plan files, names, files, clocks, full disks.

mod disk;
mod documents;
mod names;
mod tampering;
