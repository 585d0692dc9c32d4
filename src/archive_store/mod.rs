//! Where archives are kept. So far: a directory.
//!
//! Floor 6, adapters of [`crate::archive`]'s ports.

mod directory;
mod files;
mod log_writer;
mod sealed;

pub use directory::DirectoryArchive;
pub use files::DirectoryFiles;
pub use sealed::SealedStore;
