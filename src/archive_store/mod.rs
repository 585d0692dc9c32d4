//! Where archives are kept: a directory, or a bucket.
//!
//! Floor 6, adapters of [`crate::archive`]'s ports.

mod bucket;
mod bucket_reader;
mod directory;
mod files;
mod log_writer;
mod sealed;
mod store;
#[cfg(test)]
mod testing;
mod writer;

pub use bucket::{BucketArchive, BucketLock, BucketPlace, is_locked_for};
pub use bucket_reader::BucketReader;
pub use directory::DirectoryArchive;
pub use files::DirectoryFiles;
pub use sealed::SealedStore;
