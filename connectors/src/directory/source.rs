//! Reads a directory as a dataset of files: shape, survey, pages, facts, and what is there now.

use super::due::DueWalker;
use super::durability::Unsynced;
use super::judge::Judge;
use super::parent::{Parent, Seen};
use super::root::{Root, Status, system_error};
use super::{
    BATCH_RECORDS_MAX, blocking, key, names, prospects, refuse_foreign_parts, rows, survey, template_of,
};
use crate::batch::{DatasetKeys, Observation, ObservedState};
use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::names::NamePage;
use crate::port::{Pressure, Prospect, RecordSource};
use crate::selection::{Class, Page, PageRecord, RecordFacts, RowPage, Selection};
use crate::value::{RecordKey, ValueType};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::path::Path;
use std::sync::Arc;

/// Reads files beneath one root directory. It has no call that changes a file; the only thing it
/// asks the system to write is what others left unwritten (see [`RecordSource::observe`] here).
#[derive(Debug)]
pub struct DirectorySource {
    walker: Arc<DueWalker>,
}

impl DirectorySource {
    /// Opens the directory at `root` for reading. `store` is its name in messages.
    ///
    /// # Errors
    /// As [`super::DirectoryDisposer::open`].
    pub fn open(store: &str, root: &Path) -> Result<Self, ConnectorError> {
        Ok(Self::over(Root::open(store, root)?))
    }

    pub(super) fn over(root: Root) -> Self {
        Self { walker: Arc::new(DueWalker::new(Arc::new(root))) }
    }

    fn root(&self) -> &Arc<Root> {
        self.walker.root()
    }
}

#[async_trait]
impl RecordSource for DirectorySource {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: false,
            set_based: false,
            own_clock: false,
            bounded_batches: false,
            reads_beside: false,
            is_server: false,
            anonymizes: false,
            batch_records_max: BATCH_RECORDS_MAX,
        }
    }

    /// Key, size, last modification and the captures of the template. There is nothing else: a file
    /// has no tags, no metadata and no storage class.
    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        let template = template_of(address)?;
        let mut columns = vec![
            column(super::KEY, "text", ValueType::Text, true),
            column(super::SIZE, "integer", ValueType::Int, false),
            column(super::LAST_MODIFIED, "instant", ValueType::Instant, false),
        ];
        columns.extend(template.captures().map(|name| column(name, "text", ValueType::Text, false)));
        Ok(DatasetShape {
            columns,
            key: vec![super::KEY.to_owned()],
            references: Vec::new(),
            referenced_by: Vec::new(),
            triggers: Vec::new(),
            attributes: None,
        })
    }

    /// Nothing: which files belong together only a template can say.
    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn survey(&self, selection: &Selection) -> Result<crate::selection::Survey, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (root, selection) = (Arc::clone(self.root()), selection.clone());
        blocking(self.root().store(), move || survey::survey(root, &selection)).await
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (walker, selection, after) = (Arc::clone(&self.walker), selection.clone(), after.cloned());
        let records_max = usize::try_from(records_max.min(BATCH_RECORDS_MAX)).unwrap_or(0);
        let due =
            blocking(self.root().store(), move || walker.next_due(&selection, after.as_ref(), records_max))
                .await?;
        let records = due
            .files
            .into_iter()
            .map(|file| PageRecord { key: RecordKey::text(file.key), links: Vec::new() })
            .collect();
        Ok(Page { records, exhausted: due.exhausted })
    }

    async fn rows(
        &self,
        selection: &Selection,
        columns: &[String],
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<RowPage, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (root, selection, after) = (Arc::clone(self.root()), selection.clone(), after.cloned());
        let columns = columns.to_vec();
        let records_max = usize::try_from(records_max.min(BATCH_RECORDS_MAX)).unwrap_or(0);
        blocking(self.root().store(), move || {
            rows::rows(&root, &selection, &columns, after.as_ref(), records_max)
        })
        .await
    }

    /// `None` also for a key that is not of this dataset. What stands there but cannot be governed
    /// (a link, a special file, a file with a second name) is an error that says so, because these
    /// facts would let it seem due.
    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (root, selection, key) = (Arc::clone(self.root()), selection.clone(), key.clone());
        blocking(self.root().store(), move || facts(&root, &selection, &key)).await
    }

    async fn classes(
        &self,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (root, selection, keys) = (Arc::clone(self.root()), selection.clone(), keys.to_vec());
        blocking(self.root().store(), move || classes(&root, &selection, keys)).await
    }

    async fn names(
        &self,
        selection: &Selection,
        after: Option<&str>,
        names_max: u32,
    ) -> Result<NamePage, ConnectorError> {
        let (root, selection) = (Arc::clone(self.root()), selection.clone());
        let after = after.map(str::to_owned);
        blocking(self.root().store(), move || names::names(root, &selection, after.as_deref(), names_max))
            .await
    }

    async fn prospects(
        &self,
        selection: &Selection,
        names: &[String],
    ) -> Result<Vec<Prospect>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let (root, selection, names) = (Arc::clone(self.root()), selection.clone(), names.to_vec());
        blocking(self.root().store(), move || prospects::prospects(&root, &selection, &names)).await
    }

    /// What it calls absent is durably so: the directory is synced before the answer, whoever
    /// removed the file. What it cannot look at behind a link or a mount point was not seen gone,
    /// and is called present.
    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError> {
        if group.dataset != selection.address.dataset {
            return Err(ConnectorError::SchemaDrift {
                dataset: group.dataset.clone(),
                reason: "files have no dependents".to_owned(),
            });
        }
        let (root, keys) = (Arc::clone(self.root()), group.keys.clone());
        blocking(self.root().store(), move || observe(&root, keys)).await
    }

    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        Ok(None)
    }

    async fn pressure(&self) -> Result<Pressure, ConnectorError> {
        Ok(Pressure::default())
    }
}

fn column(name: &str, declared_type: &str, value_type: ValueType, unique: bool) -> ColumnShape {
    ColumnShape {
        name: name.to_owned(),
        declared_type: declared_type.to_owned(),
        value_type,
        nullable: false,
        unique,
        generated: true,
        length_max: None,
        checked: false,
    }
}

fn facts(root: &Root, selection: &Selection, key: &RecordKey) -> Result<Option<RecordFacts>, ConnectorError> {
    let judge = Judge::new(selection)?;
    let member = key::text_of(key).and_then(|text| Some((text, judge.captures(text)?)));
    let Some((text, captures)) = member else { return Ok(None) };
    let seen = Parent::default()
        .look(root, text)
        .map_err(|errno| system_error(root.store(), "looking at a file", errno))?;
    match seen {
        Seen::Absent => Ok(None),
        Seen::Entry(status) if status.is_governable() => Ok(Some(judge.facts(text, captures, &status))),
        Seen::Entry(Status { regular: true, .. }) => Err(not_governable(root, "it has more than one name")),
        Seen::Entry(_) => Err(not_governable(root, "it is no regular file")),
        Seen::Foreign => Err(not_governable(root, "it is behind a symbolic link or a mount point")),
    }
}

/// What is behind a link or a mount point was not seen, and is passed over.
fn classes(
    root: &Root,
    selection: &Selection,
    keys: Vec<RecordKey>,
) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
    let judge = Judge::new(selection)?;
    let mut parent = Parent::default();
    let mut classes = Vec::with_capacity(keys.len());
    for key in keys {
        let member = key::text_of(&key).and_then(|text| Some((text, judge.captures(text)?)));
        let Some((text, captures)) = member else { continue };
        let seen = parent
            .look(root, text)
            .map_err(|errno| system_error(root.store(), "looking at a file", errno))?;
        if let Seen::Entry(status) = seen {
            let class = judge.class(text, captures, &status);
            classes.push((key, class));
        }
    }
    Ok(classes)
}

fn not_governable(root: &Root, reason: &str) -> ConnectorError {
    ConnectorError::NotSupported {
        store: root.store().to_owned(),
        reason: format!("the file cannot be governed: {reason}"),
    }
}

fn observe(root: &Root, keys: Vec<RecordKey>) -> Result<Vec<Observation>, ConnectorError> {
    let failed = |errno| system_error(root.store(), "looking at what is there now", errno);
    let mut parent = Parent::default();
    let mut unsynced = Unsynced::default();
    let mut observations = Vec::with_capacity(keys.len());
    for key in keys {
        let state = match key::text_of(&key).filter(|text| key::is_plain(text)) {
            Some(text) if parent.look(root, text).map_err(failed)? == Seen::Absent => {
                match parent.directory() {
                    Some((path, directory)) => unsynced.note(path, directory).map_err(failed)?,
                    None => unsynced.note_all(),
                }
                ObservedState::Absent
            }
            _ => ObservedState::Present,
        };
        observations.push(Observation { key, state });
    }
    unsynced.sync(root).map_err(failed)?;
    Ok(observations)
}
