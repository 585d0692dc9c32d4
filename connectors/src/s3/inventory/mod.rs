//! An inventory of a bucket: files in which the store has listed every version, once a day or once a week
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html>). Counting by them costs a few
//! requests where a listing costs one for each thousand versions.
//!
//! **What it is used for**: the counts of a plan, and nothing else. Nothing is deleted, and nothing is said to be
//! gone, because an inventory says so: whoever deletes lists anew, and keeps what was written after the inventory,
//! which nobody has counted.
//!
//! **What is checked**: that the newest delivery is whole (`manifest.json` and its checksum), of this bucket, of all
//! versions, young enough by the clock of the store; that each file lies below the folder of the inventory, has the
//! size and the MD5 of the manifest, and has the columns that the selection needs; that each line is of this
//! bucket. What is not as it must be is an error, never fewer counts.
//!
//! **What is asked of the bucket beside it**: unfinished uploads, which no inventory has; for a delete marker, what
//! is under its key; tags and metadata where the selection reads them; locks where the inventory has no columns for
//! them.
//!
//! Lines need no order. Memory holds a piece of one file at a time; nothing is written to a disk. ORC is not read.

mod columns;
mod csv;
mod fetch;
mod manifest;
mod parquet;
mod survey;

pub(super) use survey::survey;

use chrono::TimeDelta;

/// Where the inventories of a bucket are, and how old they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryOptions {
    /// The bucket that they are delivered to.
    pub bucket: String,
    /// The folder that holds one folder for each delivery, named by its time, without `/` at its end.
    pub prefix: String,
    pub age_max: TimeDelta,
}

/// Longest text of one field, in bytes: a key of 1024 bytes, each written as three characters, and room.
const FIELD_BYTES_MAX: usize = 16 * 1024;

/// Why a file of an inventory cannot be used; names no key.
type Broken = String;
