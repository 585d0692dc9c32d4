//! Removes the due files of one batch.
//!
//! Order of events: judge by a fresh look, make the intent durable, and then for each file look
//! again through its open parent directory and unlink it only if nothing changed since it was
//! judged. Between that last look and the call that unlinks lies an instant that POSIX offers no
//! way to close; everything before it is caught.
//!
//! A file is reported as disposed of only after its removal is on stable storage. What this does
//! not do: overwrite blocks, look for copies in snapshots, or remove directories left empty (a
//! directory is no record, and somebody may be about to use it).

use super::due::{DueFile, DueWalker};
use super::judge::Judge;
use super::parent::{Parent, Seen};
use super::removal::{Removal, refusal};
use super::root::{Root, system_error};
use super::{blocking, key, refuse_foreign_parts};
use crate::batch::{
    Batch, BatchOutcome, DatasetKeys, DatasetOutcome, Intended, IntentSink, KeptKey, KeptReason,
};
use crate::error::ConnectorError;
use crate::port::RecordDisposer;
use crate::selection::{Class, DoubtReason, Selection};
use crate::value::RecordKey;
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;

/// Removes files beneath one root directory.
#[derive(Debug)]
pub struct DirectoryDisposer {
    walker: Arc<DueWalker>,
}

impl DirectoryDisposer {
    /// Opens the directory at `root` for removing. `store` is its name in messages.
    ///
    /// # Errors
    /// [`ConnectorError::Unreachable`] if it does not exist, [`ConnectorError::Denied`] without the
    /// right to list it, [`ConnectorError::Failed`] if it is a symbolic link or no directory.
    pub fn open(store: &str, root: &Path) -> Result<Self, ConnectorError> {
        Ok(Self::over(Root::open(store, root)?))
    }

    pub(super) fn over(root: Root) -> Self {
        Self { walker: Arc::new(DueWalker::new(Arc::new(root))) }
    }
}

#[async_trait]
impl RecordDisposer for DirectoryDisposer {
    /// With [`Batch::only_keys`] each of them that is not removed is in the outcome with its reason;
    /// those absent from the beginning are reported as such without having been intended.
    async fn dispose(&self, batch: &Batch, intent: &dyn IntentSink) -> Result<BatchOutcome, ConnectorError> {
        refuse_foreign_parts(&batch.selection)?;
        let (walker, request) = (Arc::clone(&self.walker), batch.clone());
        let chosen = blocking(self.store(), move || Chosen::choose(&walker, &request)).await?;
        let mut outcome = BatchOutcome {
            groups: Vec::new(),
            last_key: chosen.last_key.clone(),
            exhausted: chosen.exhausted,
        };
        if chosen.files.is_empty() && chosen.not_due.is_empty() {
            return Ok(outcome);
        }
        let dataset = batch.selection.address.dataset.clone();
        if !chosen.files.is_empty() {
            let keys = chosen.files.iter().map(|file| RecordKey::text(file.key.as_str())).collect();
            let group = DatasetKeys { dataset, keys };
            intent.intend(&Intended { groups: vec![group], last_key: chosen.last_key, mark: None }).await?;
        }
        let root = Arc::clone(self.walker.root());
        let mut group = chosen.not_due.into_outcome(batch.selection.address.dataset.clone());
        group = blocking(self.store(), move || Removal::new(&root, group).remove(chosen.files)).await?;
        outcome.groups.push(group);
        Ok(outcome)
    }

    /// Syncs the file system that holds the root, so that removals that a crash kept from being
    /// reported are durable too.
    async fn finish(&self) -> Result<Vec<&'static str>, ConnectorError> {
        let root = Arc::clone(self.walker.root());
        blocking(self.store(), move || {
            root.sync().map_err(|errno| system_error(root.store(), "syncing the directory", errno))
        })
        .await?;
        Ok(vec!["directory-synced"])
    }
}

impl DirectoryDisposer {
    fn store(&self) -> &str {
        self.walker.root().store()
    }
}

/// What a batch will try to remove, and what it was asked for but will not.
#[derive(Debug)]
struct Chosen {
    files: Vec<DueFile>,
    not_due: NotDue,
    last_key: Option<RecordKey>,
    exhausted: bool,
}

/// Keys that were asked for by name and are not due.
#[derive(Debug, Default)]
struct NotDue {
    already_absent: Vec<RecordKey>,
    kept: Vec<KeptKey>,
}

impl NotDue {
    fn is_empty(&self) -> bool {
        self.already_absent.is_empty() && self.kept.is_empty()
    }

    fn into_outcome(self, dataset: String) -> DatasetOutcome {
        DatasetOutcome { dataset, disposed: Vec::new(), already_absent: self.already_absent, kept: self.kept }
    }
}

impl Chosen {
    fn choose(walker: &DueWalker, batch: &Batch) -> Result<Self, ConnectorError> {
        if let Some(keys) = &batch.only_keys {
            return Self::among(walker.root(), &batch.selection, keys);
        }
        let records_max = usize::try_from(batch.range.records_max.min(super::BATCH_RECORDS_MAX)).unwrap_or(0);
        let due = walker.next_due(&batch.selection, batch.range.after.as_ref(), records_max)?;
        let last_key = due.files.last().map(|file| RecordKey::text(file.key.as_str()));
        Ok(Self {
            last_key: last_key.or_else(|| batch.range.after.clone()),
            files: due.files,
            not_due: NotDue::default(),
            exhausted: due.exhausted,
        })
    }

    /// The due ones among the given keys, which may come from a column that names files.
    fn among(root: &Root, selection: &Selection, keys: &[RecordKey]) -> Result<Self, ConnectorError> {
        let judge = Judge::new(selection)?;
        let mut chosen = Self {
            files: Vec::new(),
            not_due: NotDue::default(),
            last_key: keys.last().cloned(),
            exhausted: true,
        };
        let mut parent = Parent::default();
        let mut previous = None;
        for record_key in keys {
            // They are sorted: whoever names a file twice means one file.
            if previous.replace(record_key) == Some(record_key) {
                continue;
            }
            let Some(reason) = chosen.consider(root, &judge, &mut parent, record_key)? else { continue };
            chosen.not_due.kept.push(KeptKey { key: record_key.clone(), reason });
        }
        Ok(chosen)
    }

    /// Takes the file in if it is due, or notes its absence; otherwise answers why it is kept.
    fn consider(
        &mut self,
        root: &Root,
        judge: &Judge<'_>,
        parent: &mut Parent,
        record_key: &RecordKey,
    ) -> Result<Option<KeptReason>, ConnectorError> {
        let member = key::text_of(record_key).and_then(|text| Some((text, judge.captures(text)?)));
        let Some((text, captures)) = member else { return Ok(Some(KeptReason::Refused)) };
        Ok(match parent.look(root, text) {
            Ok(Seen::Entry(status)) => match judge.class(text, captures, &status) {
                Class::Due => {
                    self.files.push(DueFile { key: text.to_owned(), status });
                    None
                }
                class => Some(kept_reason(class)),
            },
            Ok(Seen::Absent) => {
                self.not_due.already_absent.push(record_key.clone());
                None
            }
            Ok(Seen::Foreign) => Some(KeptReason::Refused),
            Err(errno) => Some(refusal(root, errno)?),
        })
    }
}

/// Why a file that was named is kept.
fn kept_reason(class: Class) -> KeptReason {
    match class {
        Class::Held => KeptReason::Held,
        Class::ChangedSincePlan => KeptReason::ChangedSincePlan,
        Class::Undecidable(
            DoubtReason::NotGovernable
            | DoubtReason::NoRegularFile
            | DoubtReason::SeveralNames
            | DoubtReason::NameUnreadable,
        ) => KeptReason::Refused,
        _ => KeptReason::NoLongerDue,
    }
}
