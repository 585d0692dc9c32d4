//! The two ports. A source reads; a disposer destroys. They are opened with different credentials,
//! and what holds only a source cannot destroy (invariant I7).

use crate::batch::{Batch, BatchOutcome, DatasetKeys, Intended, IntentSink, Observation};
use crate::capability::Capabilities;
use crate::classify::classify;
use crate::dataset::{DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::leak::{Leak, LeakLook};
use crate::names::NamePage;
use crate::partition::{Partition, PartitionEnd};
use crate::selection::{Class, InventoryNote, Page, RecordFacts, RowPage, Selection, Survey};
use crate::value::RecordKey;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::fmt::Debug;

/// Reads records of one store. Every call is read-only by construction: a database is opened
/// read-only, a directory has no call that writes.
#[async_trait]
pub trait RecordSource: Debug + Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// The shape of one dataset, from the live catalogue.
    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError>;

    /// Every table (or, for objects, nothing) with its shape, so that what nobody declared is found.
    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError>;

    /// Counts where each record of the dataset falls, in one consistent reading if the store can.
    async fn survey(&self, selection: &Selection) -> Result<Survey, ConnectorError>;

    /// As [`RecordSource::survey`], by an inventory that the store has made of itself, where there is one to count by.
    /// What was written after it is in no count; it is for the counts of a plan alone, and never evidence.
    ///
    /// # Errors
    /// `Failed` when there should be an inventory and it cannot be used.
    async fn survey_of_inventory(
        &self,
        _selection: &Selection,
    ) -> Result<Option<(Survey, InventoryNote)>, ConnectorError> {
        Ok(None)
    }

    /// How many records of the dataset are due, and nothing else: what a survey tells, for less where the store
    /// can.
    async fn due_count(&self, selection: &Selection) -> Result<u64, ConnectorError> {
        Ok(self.survey(selection).await?.due)
    }

    /// The next due records in key order, strictly after `after`.
    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError>;

    /// The next records in scope, whatever else is to be said of them, with the values of these columns (or
    /// attributes), in key order, strictly after `after`: how the records of one person are followed from dataset
    /// to dataset. What a lock keeps or nobody can govern is theirs too. Only for selections with
    /// [`crate::StartCondition::OnRequest`].
    async fn rows(
        &self,
        selection: &Selection,
        columns: &[String],
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<RowPage, ConnectorError>;

    /// The range of the key for a batch after `after`, so that several batches over disjoint ranges can be
    /// carried out at once.
    async fn stretch(
        &self,
        _selection: &Selection,
        _after: Option<&RecordKey>,
        _reach: Reach,
    ) -> Result<Stretch, ConnectorError> {
        Ok(Stretch { bound: Bound::Unknown, due: None })
    }

    /// All that is known of one record; `None` if there is none with this key.
    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError>;

    /// Where each of these records falls, of those that are there, in no order.
    async fn classes(
        &self,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        let mut classes = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(facts) = self.facts(selection, key).await? {
                classes.push((key.clone(), classify(selection, &facts)));
            }
        }
        Ok(classes)
    }

    /// Of these names of objects, those that a record of the dataset that is *not* due has in one of
    /// [`Selection::link_columns`]: such an object must stay. A store without such columns names none.
    async fn names_to_keep(
        &self,
        _selection: &Selection,
        _names: &[String],
    ) -> Result<Vec<String>, ConnectorError> {
        Ok(Vec::new())
    }

    /// The next names in byte order, strictly after `after`, of about `names_max` records: of a table those that
    /// its rows have in the one column of [`Selection::link_columns`], of objects the keys under which
    /// something is there. Nothing else of the selection counts.
    ///
    /// # Errors
    /// `NotSupported` where names cannot be had in this order.
    async fn names(
        &self,
        selection: &Selection,
        _after: Option<&str>,
        _names_max: u32,
    ) -> Result<NamePage, ConnectorError> {
        Err(ConnectorError::NotSupported {
            store: selection.address.store.clone(),
            reason: "its names cannot be listed".to_owned(),
        })
    }

    /// What would become of these objects by a selection with [`crate::StartCondition::Linked`], in their
    /// order.
    async fn prospects(
        &self,
        selection: &Selection,
        _names: &[String],
    ) -> Result<Vec<Prospect>, ConnectorError> {
        Err(ConnectorError::NotSupported {
            store: selection.address.store.clone(),
            reason: "it holds no objects".to_owned(),
        })
    }

    /// What is there now for these keys, in their order. Keys of the selection's own dataset are
    /// `Anonymized` when its disposal is to anonymize and every field is final; keys of its
    /// dependents are absent or present. Evidence stands on this.
    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError>;

    /// The store's own clock; `None` if it has none ([`Capabilities::own_clock`]).
    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError>;

    /// What of the store keeps or copies values of these tables that are erased. What the reader may not
    /// see is told as not seen.
    async fn leaks(&self, _tables: &[DatasetAddress], _look: LeakLook) -> Result<Vec<Leak>, ConnectorError> {
        Ok(Vec::new())
    }

    /// The partitions of the table that hold records, with what of each is due. None where the table has
    /// none, or its records cannot go with a whole table.
    async fn partitions(&self, _selection: &Selection) -> Result<Vec<Partition>, ConnectorError> {
        Ok(Vec::new())
    }

    /// Whether the partition of which pieces were told with this [`crate::Intended::last_key`] is still
    /// there: what became of it when the answer was lost.
    async fn has_partition(&self, selection: &Selection, _mark: &RecordKey) -> Result<bool, ConnectorError> {
        Err(ConnectorError::NotSupported {
            store: selection.address.store.clone(),
            reason: "it has no partitions".to_owned(),
        })
    }

    /// How the store is set up, where that would make a removal fail or let something survive it: for whoever
    /// reviews a plan.
    async fn circumstances(&self, _address: &DatasetAddress) -> Result<Vec<Circumstance>, ConnectorError> {
        Ok(Vec::new())
    }

    /// The statement that would let a search for identities in this column use an index, where none serves it and the
    /// table is large. `None`: there is nothing to do, or the store cannot tell.
    async fn search_advice(
        &self,
        _address: &DatasetAddress,
        _shape: &DatasetShape,
        _column: &str,
    ) -> Result<Option<String>, ConnectorError> {
        Ok(None)
    }

    /// Of these tables those whose rows the credentials of this source may change or delete, by the store's own
    /// word. A reader needs no such right, and a plan made with one could be turned into a change by a fault. A
    /// store that cannot be asked names none, which proves nothing.
    async fn writable(&self, _tables: &[DatasetAddress]) -> Result<Vec<DatasetAddress>, ConnectorError> {
        Ok(Vec::new())
    }

    /// So many batches of other processes of ours are under way on the store: for [`RecordSource::pressure`] they are no
    /// strangers.
    fn expect_company(&self, _batches: u32) {}

    /// What speaks for going slower. Looked at between batches. While nothing does, a server may be kept from work of its
    /// own that would make the batches slower, until [`RecordSource::let_go`].
    async fn pressure(&self) -> Result<Pressure, ConnectorError>;

    /// A walk is over: the store can do again whatever it was kept from.
    async fn let_go(&self) {}
}

/// Destroys records of one store. What it was not asked to touch it does not touch.
#[async_trait]
pub trait RecordDisposer: Debug + Send + Sync {
    /// Disposes of the next due records of the batch. Selects the keys, hands them to `intent`
    /// *before* anything is durable, repeats the whole selection in the destroying statement, and
    /// answers with the keys it really touched. Retries nothing: each attempt is journaled by the
    /// caller.
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError>;

    /// Drops a partition in which every record is due. Its keys are handed to `intent` in pieces of at most
    /// `piece_records` before anything is durable; under the lock under which it goes, everything is looked
    /// at once more.
    async fn drop_partition(
        &self,
        selection: &Selection,
        _name: &str,
        _piece_records: u32,
        _intent: &dyn IntentSink,
    ) -> Result<PartitionEnd, ConnectorError> {
        Err(ConnectorError::NotSupported {
            store: selection.address.store.clone(),
            reason: "it has no partitions".to_owned(),
        })
    }

    /// Makes sure that nothing of an attempt whose answer was lost can become durable any more, also of an
    /// earlier process of the same run. To be called before looking what became of it.
    ///
    /// # Errors
    /// When that cannot be made sure: then the batch stays in doubt.
    async fn settle(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// As [`RecordDisposer::settle`], of a process that helped with this run under the number `helper` and that is not
    /// waited for any more.
    ///
    /// # Errors
    /// When that cannot be made sure: then its batches stay in doubt.
    async fn settle_helper(&self, _helper: u32) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Whether a batch whose answer was lost became durable, where the store itself can tell for certain; `None`
    /// where only the records can be looked at. To be asked after [`RecordDisposer::settle`].
    ///
    /// # Errors
    /// When the store cannot be asked: then the batch stays in doubt.
    async fn committed(&self, _intended: &Intended) -> Result<Option<bool>, ConnectorError> {
        Ok(None)
    }

    /// Another process disposed of records by this selection: [`RecordDisposer::finish`] is for them, too.
    fn note_changed_elsewhere(&self, _selection: &Selection) {}

    /// What belongs to the work after the last batch of a run (checkpoint, vacuum); what erased
    /// values would otherwise survive in. Answers with what was done, in codes for the certificate.
    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError>;
}

/// Something of how a store is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Circumstance {
    /// Every removal needs a second factor, which no program has.
    NeedsSecondFactor,
    /// Copies are kept elsewhere, and removals are not repeated there.
    Replicated,
    /// Objects move to storage classes with a least time, for which is paid whoever deletes earlier.
    ArchiveTiers { classes: Vec<String> },
    /// Retention that some may bypass is bypassed, because the settings say so.
    GovernanceBypassed,
    /// The rights to look are missing.
    NotVisible { what: &'static str },
}

/// What would become of an object that rows name, if they went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect {
    Going,
    /// There is none of that name.
    Absent,
    /// Other rules speak of it.
    Claimed,
    Held,
    /// It is not of the dataset, it cannot be governed, or it was changed since the plan.
    CannotGo,
}

/// How far a batch is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Over so many due records. They have to be found, which is worth it where few records are due.
    Due(u32),
    /// Over so many records, whatever becomes of them.
    Records(u32),
}

/// The range of a batch after a key, as a reader saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    pub bound: Bound,
    /// The keys of its due records, in key order, where they cost little more than its bound: for
    /// [`crate::BatchRange::due`].
    pub due: Option<Vec<RecordKey>>,
}

/// Where a batch could end.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// The store finds the end of a batch itself, and carries out one batch at a time.
    Unknown,
    /// With this key.
    At(RecordKey),
    /// With the last record: there are no more than were asked for.
    End,
}

/// Reasons to slow down; empty when there are none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pressure {
    /// Each a short phrase for the status line, such as "write-ahead log 80 MB".
    pub reasons: Vec<String>,
    /// How long to pause before the next batch, in milliseconds.
    pub pause_ms: u64,
}
