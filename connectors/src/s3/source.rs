//! Reads a bucket as a dataset of versions: shape, survey, pages, facts, and what is there now.

use super::client::{Bucket, Credentials, S3Options, Side};
use super::due::{self, next_due};
use super::inventory::{self, InventoryOptions};
use super::judge::Judge;
use super::key::{Named, record_key};
use super::listing::{Entry, Range};
use super::walk::of_key;
use super::{BATCH_RECORDS_MAX, REQUESTS_AT_ONCE, names, observe, refuse_foreign_parts, survey, template_of};
use crate::batch::{DatasetKeys, Observation};
use crate::capability::Capabilities;
use crate::dataset::{ColumnShape, DatasetAddress, DatasetShape};
use crate::error::ConnectorError;
use crate::names::NamePage;
use crate::port::{Circumstance, Pressure, Prospect, RecordSource};
use crate::selection::{
    Class, DoubtReason, InventoryNote, Page, PageRecord, RecordFacts, RowPage, Selection, Survey,
};
use crate::value::{RecordKey, ValueType};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};

/// Reads versions of one bucket. It has no call that changes anything.
#[derive(Debug)]
pub struct S3Source {
    bucket: Bucket,
    inventory: Option<InventoryOptions>,
}

/// The pause for each sign of overload since the last look, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 10_000;

impl S3Source {
    /// Opens the bucket for reading. `store` is its name in messages. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`ConnectorError::Failed`] if the options cannot be used.
    pub async fn open(
        store: &str,
        options: &S3Options,
        credentials: &Credentials,
    ) -> Result<Self, ConnectorError> {
        // What looks for credentials is large.
        let bucket = Box::pin(Bucket::open(store, options, credentials, Side::Reader)).await?;
        Ok(Self { bucket, inventory: options.inventory.clone() })
    }
}

#[async_trait]
impl RecordSource for S3Source {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: false,
            set_based: false,
            own_clock: true,
            bounded_batches: false,
            reads_beside: true,
            is_server: false,
            anonymizes: true,
            batch_records_max: BATCH_RECORDS_MAX,
        }
    }

    /// The attributes of a version, the captures of the template, and tags and metadata by any name. The
    /// bucket is asked for one entry, so that a missing right is told before anything is planned.
    async fn inspect(&self, address: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        let template = template_of(address)?;
        let range =
            Range { prefix: template.literal_prefix(), after: None, by_directory: false, entries_max: 1 };
        self.bucket.versions(range).await?;
        let mut columns = vec![
            column(super::KEY, "text", ValueType::Text, false),
            column(super::VERSION, "text", ValueType::Text, false),
            column(super::KIND, "text", ValueType::Text, false),
            column(super::SIZE, "integer", ValueType::Int, true),
            column(super::LAST_MODIFIED, "instant", ValueType::Instant, false),
            column(super::ETAG, "text", ValueType::Text, true),
            column(super::STORAGE_CLASS, "text", ValueType::Text, true),
            column(super::IS_LATEST, "boolean", ValueType::Bool, false),
        ];
        columns.extend(template.captures().map(|name| column(name, "text", ValueType::Text, false)));
        let attribute = ColumnShape { generated: false, ..column("", "text", ValueType::Text, true) };
        Ok(DatasetShape {
            columns,
            key: vec![super::KEY.to_owned(), super::VERSION.to_owned()],
            attributes: Some(Box::new(attribute)),
            ..DatasetShape::default()
        })
    }

    /// Nothing: which objects belong together only a template can say.
    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn survey(&self, selection: &Selection) -> Result<Survey, ConnectorError> {
        refuse_foreign_parts(selection)?;
        survey::survey(&self.bucket, selection).await
    }

    async fn survey_of_inventory(
        &self,
        selection: &Selection,
    ) -> Result<Option<(Survey, InventoryNote)>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        match &self.inventory {
            Some(options) => inventory::survey(&self.bucket, options, selection).await.map(Some),
            None => Ok(None),
        }
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<Page, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let due = next_due(&self.bucket, selection, after, records_max).await?;
        let records =
            due.entries.iter().map(|entry| PageRecord { key: record_key(entry), links: Vec::new() });
        Ok(Page { records: records.collect(), exhausted: due.exhausted })
    }

    async fn rows(
        &self,
        selection: &Selection,
        columns: &[String],
        after: Option<&RecordKey>,
        records_max: u32,
    ) -> Result<RowPage, ConnectorError> {
        refuse_foreign_parts(selection)?;
        due::rows(&self.bucket, selection, columns, after, records_max).await
    }

    /// Of a key of one part the facts are those of the newest version. `None` also for a key that is not of
    /// this dataset.
    async fn facts(
        &self,
        selection: &Selection,
        key: &RecordKey,
    ) -> Result<Option<RecordFacts>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let judge = Judge::new(&self.bucket, selection).await?;
        let newest = newest(&self.bucket, &judge, key).await?;
        match newest {
            Some((entry, _)) if entry.unreadable => Err(ConnectorError::NotSupported {
                store: self.bucket.store.clone(),
                reason: "the version cannot be governed: the store does not tell its whole key".to_owned(),
            }),
            found => Ok(found.map(|(_, facts)| facts)),
        }
    }

    async fn classes(
        &self,
        selection: &Selection,
        keys: &[RecordKey],
    ) -> Result<Vec<(RecordKey, Class)>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let judge = Judge::new(&self.bucket, selection).await?;
        let class_of = async |key: &RecordKey| {
            let newest = newest(&self.bucket, &judge, key).await?;
            Ok(newest.map(|(entry, facts)| (key.clone(), judge.class(&entry, &facts))))
        };
        let looks: Vec<_> = keys.iter().map(class_of).collect();
        let classes: Vec<_> =
            futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        Ok(classes.into_iter().flatten().collect())
    }

    /// An object is there when a version of it is, also under a marker.
    async fn names(
        &self,
        selection: &Selection,
        after: Option<&str>,
        names_max: u32,
    ) -> Result<NamePage, ConnectorError> {
        names::names(&self.bucket, selection, after, names_max).await
    }

    /// An object goes only whole: with every version, marker and unfinished upload of its key.
    async fn prospects(
        &self,
        selection: &Selection,
        names: &[String],
    ) -> Result<Vec<Prospect>, ConnectorError> {
        refuse_foreign_parts(selection)?;
        let judge = Judge::new(&self.bucket, selection).await?;
        let looks: Vec<_> = names.iter().map(|name| prospect(&self.bucket, &judge, name)).collect();
        futures_util::stream::iter(looks).buffered(REQUESTS_AT_ONCE).try_collect().await
    }

    async fn observe(
        &self,
        selection: &Selection,
        group: &DatasetKeys,
    ) -> Result<Vec<Observation>, ConnectorError> {
        if group.dataset != selection.address.dataset {
            return Err(ConnectorError::SchemaDrift {
                dataset: group.dataset.clone(),
                reason: "objects have no dependents".to_owned(),
            });
        }
        observe::observe(&self.bucket, selection, &group.keys).await
    }

    /// The time that the store writes on its answers, in whole seconds.
    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        let range = Range { prefix: "", after: None, by_directory: false, entries_max: 1 };
        self.bucket.versions(range).await?;
        Ok(self.bucket.time())
    }

    async fn pressure(&self) -> Result<Pressure, ConnectorError> {
        let told = self.bucket.take_overloaded();
        if told == 0 {
            return Ok(Pressure::default());
        }
        Ok(Pressure {
            reasons: vec!["the store asks to go slower".to_owned()],
            pause_ms: told.saturating_mul(PAUSE_MS).min(PAUSE_MS_MAX),
        })
    }

    async fn circumstances(&self, _: &DatasetAddress) -> Result<Vec<Circumstance>, ConnectorError> {
        self.bucket.circumstances().await
    }
}

fn column(name: &str, declared_type: &str, value_type: ValueType, nullable: bool) -> ColumnShape {
    ColumnShape {
        name: name.to_owned(),
        declared_type: declared_type.to_owned(),
        value_type,
        nullable,
        unique: false,
        generated: true,
        length_max: None,
        checked: false,
    }
}

async fn prospect(bucket: &Bucket, judge: &Judge<'_>, name: &str) -> Result<Prospect, ConnectorError> {
    let Some(captures) = judge.captures(name) else { return Ok(Prospect::CannotGo) };
    let group = of_key(bucket, name).await?;
    let facts = judge.facts_of(&group, &captures, true).await?;
    let mut worst = Prospect::Absent;
    for (entry, facts) in group.entries.iter().zip(&facts) {
        worst = match (judge.class(entry, facts), worst) {
            (Class::Due, Prospect::Absent | Prospect::Going) => Prospect::Going,
            (Class::Held, _) => return Ok(Prospect::Held),
            (Class::Undecidable(DoubtReason::Conflict), _) => Prospect::Claimed,
            // A marker stays because a version does; that one tells why.
            (Class::Due | Class::Referenced, worst) => worst,
            _ => Prospect::CannotGo,
        };
    }
    Ok(worst)
}

/// What a key names, with its facts; of a key of one part the newest version. `None` also for a key that is not of the
/// dataset.
async fn newest(
    bucket: &Bucket,
    judge: &Judge<'_>,
    key: &RecordKey,
) -> Result<Option<(Entry, RecordFacts)>, ConnectorError> {
    let member = Named::of(key).and_then(|named| Some((named, judge.captures(named.key())?)));
    let Some((named, captures)) = member else { return Ok(None) };
    let group = of_key(bucket, named.key()).await?;
    let facts = judge.facts_of(&group, &captures, true).await?;
    let own = group.entries.into_iter().zip(facts).filter(|(entry, _)| named.is(entry));
    Ok(own.max_by_key(|(entry, _)| (entry.is_latest, entry.modified_at)))
}
