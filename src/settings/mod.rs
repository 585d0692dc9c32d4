//! Settings: where things are and how they are opened (floor 6).
//!
//! Adapters read these values; nothing below the application knows them.

pub mod archive;
mod bucket;
pub mod document;
pub mod files;
pub mod grounds;
pub mod load;
pub mod model;
mod outside;
pub mod read;
pub mod recipients;
pub mod schema;
pub mod secret;

pub use files::{DiskFiles, FileError, FileReader, Found, SystemSecrets};
pub use load::{Loaded, load};
pub use model::{
    Approvals, ArchiveBucket, ArchiveLock, ArchiveSettings, Bucket, BucketCredentials, Channel, Connection,
    Controller, DaemonSettings, HttpTemplate, Inventory, JumpGuard, LedgerSettings, MissedRuns,
    RecipientSettings, Schedule, ServerOptions, Settings, Store, WebhookSettings,
};
pub use outside::{HttpSettings, LeastNotice, MailSecurity, MailSettings, NotificationSettings};
pub use secret::{Secret, SecretError, SecretLookup, SecretText};

#[cfg(test)]
mod tests;
