//! Whole partitions of a table: what of each is due, and how one goes at once.
//!
//! A partition in which every record is due can be dropped instead of emptied row by row. The same holds for
//! it as for a batch: its keys are told before anything becomes durable, and the whole condition is
//! asked again under the lock under which it goes.

/// One partition of the table of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// `schema.table`, as the catalogue spells both.
    pub name: String,
    pub records: u64,
    /// Of these, how many are due by the selection.
    pub due: u64,
    /// Why it can only go row by row; `None` if nothing is known to stand in the way.
    pub obstacle: Option<Obstacle>,
}

impl Partition {
    /// Whether it can go at once, as far as a reader can tell.
    #[must_use]
    pub fn is_wholly_due(&self) -> bool {
        self.records > 0 && self.due == self.records && self.obstacle.is_none()
    }
}

/// What keeps a partition from going at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Rows for which there is no partition would no longer be taken.
    DefaultPartition,
    /// It is partitioned itself, or stands below another partition.
    Nested,
    /// It is a foreign table, or is being detached.
    NotOrdinary,
    /// Subscribers would keep the rows: dropping a table is not told to them.
    SentToSubscribers,
    /// Other records refer to these or go along with them, or something fires when one goes.
    Related,
    /// More records than are dropped at once, or so many that others would wait too long.
    TooLarge,
}

/// Most records of a partition that goes at once: their keys are journaled before it does.
pub const PARTITION_RECORDS_MAX: u64 = 10_000_000;

/// What became of a partition that was to go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionEnd {
    /// It is gone with every record that was told.
    Dropped,
    /// It is not there: an earlier attempt was carried out.
    Absent,
    /// It stays as it was, with the reason; its due records can still go row by row.
    Kept(KeptPartition),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptPartition {
    Obstacle(Obstacle),
    /// The writer's role is not its owner.
    NotOwned,
    /// Some record of it is not due, or was changed while the keys were read.
    NotWhollyDue,
}
