//! Stores: how records are read, and how they are destroyed.
//!
//! A connector is two small ports. [`RecordSource`] reads and can never destroy; [`RecordDisposer`]
//! destroys and is opened with other credentials. This crate does not know *why* a record is due:
//! it has never heard of policies, legal holds, plans or certificates. It is handed a [`Selection`],
//! which is closed: everything that decides whether a record may be touched is in it, and each
//! store repeats all of it in the very statement that destroys.
//!
//! Reading order: [`dataset`], [`predicate`], [`selection`], [`batch`], [`port`], then one store.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on must stop"
    )
)]

pub mod batch;
pub mod capability;
pub mod classify;
pub mod dataset;
#[cfg(feature = "directory")]
pub mod directory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod drift;
pub mod error;
pub mod failpoint;
pub mod iso;
pub mod leak;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod names;
pub mod nearest;
#[cfg(any(feature = "directory", feature = "s3"))]
mod objects;
pub mod partition;
pub mod port;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod predicate;
#[cfg(feature = "s3")]
pub mod s3;
pub mod selection;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub mod server;
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "directory", feature = "s3"))]
mod standing_walk;
pub mod start;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod transform;
pub mod value;

pub use batch::{
    Batch, BatchOutcome, BatchRange, DatasetKeys, DatasetOutcome, Intended, IntentSink, KeptKey, KeptReason,
    Observation, ObservedState,
};
pub use capability::Capabilities;
pub use classify::classify;
pub use dataset::{ColumnShape, DatasetAddress, DatasetShape, ForeignKey, KeyTemplate, Location};
pub use error::ConnectorError;
pub use leak::{Leak, LeakKind, LeakLook};
#[cfg(feature = "mysql")]
pub use mysql::{MySqlBackend, MySqlOptions};
pub use names::{NameCount, NamePage};
pub use partition::{KeptPartition, Obstacle, PARTITION_RECORDS_MAX, Partition, PartitionEnd};
pub use port::{Bound, Circumstance, Pressure, Prospect, Reach, RecordDisposer, RecordSource, Stretch};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresBackend, PostgresOptions};
pub use predicate::{Field, Parsed, Position, Predicate, PredicateError, PredicateFault};
pub use selection::{
    Class, CoOwner, Dependent, DoubtReason, Exclusion, InventoryNote, Lock, LockKind, LockedRecords,
    NoneLeft, Page, PageRecord, RecordFacts, RowPage, RowValues, Selection, StartCondition, StartEncoding,
    Survey,
};
pub use transform::{Disposal, FieldTransform, Marker, Transform, TransformClass};
pub use value::{RecordKey, Value, ValueType};
