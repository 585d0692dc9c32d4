//! Looking for a person: where they are (counts), and what there is (a copy for the person's own access request).
//!
//! Floor 7; reads the stores only. Only for a verified request, or for identities that somebody names with their
//! own name and a reason; who looked, why and what was counted is in the ledger before anything is handed out.

use super::requests::argument;
use super::{App, AppError};
use crate::data_map::Dataset;
use crate::erasure::compile::exactly;
use crate::erasure::disclosure::{Disclosure, disclosure};
use crate::erasure::found::{Found, FoundRow, Standing};
use crate::erasure::graph::Graph;
use crate::erasure::planner::RequestPlanError;
use crate::erasure::search::{not_reached, searched};
use crate::erasure::walk::{Bounds, Ground, Reader, Walk, on_request, walk};
use crate::ledger::{Look, LookKind};
use crate::plan::{Search, SearchedDataset};
use crate::policy::{RetainFor, Texts};
use crate::subject::Identity;
use chrono::{DateTime, Utc};
use connectors::{ConnectorError, RecordKey, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Records that are read at once: a row may be large.
const PAGE_RECORDS: usize = 100;

/// Who looks, for whom and why.
#[derive(Debug, Clone)]
pub struct LookRequest {
    pub whom: Whom,
    pub who: String,
    /// Required where there is no request to stand for it.
    pub why: Option<String>,
}

/// Whom to look for.
#[derive(Debug, Clone)]
pub enum Whom {
    /// The person of a verified request.
    Request(String),
    /// `KIND=VALUE` each.
    Identities(Vec<String>),
}

/// Where a person is.
#[derive(Debug, Clone)]
pub struct Located {
    pub look: Look,
    pub datasets: Vec<SearchedDataset>,
}

/// Takes an export as it is read, so that memory stays bounded.
pub trait ExportSink: Send {
    /// # Errors
    /// When it cannot be written.
    fn begin(&mut self, head: &ExportHead<'_>) -> std::io::Result<()>;
    /// # Errors
    /// When it cannot be written.
    fn begin_dataset(&mut self, dataset: &ExportedDataset<'_>) -> std::io::Result<()>;
    /// # Errors
    /// When it cannot be written.
    fn record(&mut self, record: &ExportedRecord<'_>) -> std::io::Result<()>;
    /// # Errors
    /// When it cannot be written.
    fn end_dataset(&mut self) -> std::io::Result<()>;
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self) -> std::io::Result<()>;
}

/// What an export says before the records.
#[derive(Debug)]
pub struct ExportHead<'a> {
    pub controller: &'a str,
    pub contact: &'a str,
    pub located: &'a Located,
}

/// What the person is to know of the records of one dataset (GDPR art. 15(1)).
#[derive(Debug)]
pub struct ExportedDataset<'a> {
    pub dataset: &'a Dataset,
    pub store_alias: &'a str,
    pub rules: Vec<ExportedRule<'a>>,
}

/// Why records are kept, and how long.
#[derive(Debug)]
pub struct ExportedRule<'a> {
    pub title: &'a Texts,
    pub purpose: &'a Texts,
    pub legal_basis: &'a str,
    /// ISO 8601; `None` for as long as something refers to them, or forever.
    pub retain_for: Option<String>,
    pub starts_from: Option<&'a str>,
}

/// One record.
#[derive(Debug)]
pub struct ExportedRecord<'a> {
    pub standing: Standing,
    pub fields: Vec<(&'a str, &'a Value)>,
    /// Columns that are named only, because they may be about somebody else.
    pub left_out: &'a [String],
}

impl App {
    /// Where a person is: counts by dataset. Kept in the ledger.
    ///
    /// # Errors
    /// When the request is not verified, an identity cannot be read, or what is found passes every bound.
    pub async fn locate(&self, wanted: &LookRequest) -> Result<Located, AppError> {
        let whom = self.whom(wanted).await?;
        let sources = self.sources().await?;
        let world = crate::plan::world::World::inspect(&self.catalog, &sources).await;
        let graph = Graph::of(&self.catalog, &world);
        let ground = Ground { catalog: &self.catalog, graph: &graph, sources: &sources };
        let (found, lost) = self.look(ground, &whom).await?;
        self.located(
            wanted,
            &whom,
            ground,
            (&found, &not_reached(&self.catalog, &world, &lost)),
            LookKind::Locate,
        )
        .await
    }

    /// Everything that there is of a person, record by record into `sink`. Kept in the ledger before the first
    /// record is handed out. A dataset that fails while it is read makes the whole export fail.
    ///
    /// # Errors
    /// As for [`App::locate`]; when a store fails, or the sink cannot be written.
    pub async fn export(&self, wanted: &LookRequest, sink: &mut dyn ExportSink) -> Result<Located, AppError> {
        let whom = self.whom(wanted).await?;
        let sources = self.sources().await?;
        let world = crate::plan::world::World::inspect(&self.catalog, &sources).await;
        let graph = Graph::of(&self.catalog, &world);
        let ground = Ground { catalog: &self.catalog, graph: &graph, sources: &sources };
        let (found, lost) = self.look(ground, &whom).await?;
        let unreachable = not_reached(&self.catalog, &world, &lost);
        let located = self.located(wanted, &whom, ground, (&found, &unreachable), LookKind::Export).await?;
        let controller = &self.settings.controller;
        let head =
            ExportHead { controller: &controller.name, contact: &controller.contact, located: &located };
        let unwritable =
            |error: std::io::Error| anyhow::anyhow!("the export cannot be written: {}", error.kind());
        sink.begin(&head).map_err(unwritable)?;
        let everyone: BTreeSet<Identity> = found.identities().cloned().collect();
        for (name, rows) in &found.rows {
            let Some(place) = graph.datasets.get(name.as_str()) else { continue };
            let dataset = self.exported(place.dataset);
            sink.begin_dataset(&dataset).map_err(unwritable)?;
            for rows in rows.chunks(PAGE_RECORDS) {
                for record in read(ground, name, &everyone, rows).await? {
                    let left_out = &record.disclosure.left_out;
                    let shown = record.disclosure.shown.iter().map(String::as_str).zip(&record.values);
                    let standing = record.standing;
                    let record = ExportedRecord { standing, fields: shown.collect(), left_out };
                    sink.record(&record).map_err(unwritable)?;
                }
            }
            sink.end_dataset().map_err(unwritable)?;
        }
        sink.end().map_err(unwritable)?;
        Ok(located)
    }

    /// Who looked for a person, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn looks(&self) -> Result<Vec<Look>, AppError> {
        Ok(self.ledger.looks().await?)
    }

    async fn whom(&self, wanted: &LookRequest) -> Result<Person, AppError> {
        if wanted.who.trim().is_empty() {
            return Err(argument("who looks is not named", Some("say it with --as NAME")));
        }
        match &wanted.whom {
            Whom::Identities(texts) => {
                let given = self.identities(texts)?;
                let why = wanted.why.clone().filter(|why| !why.trim().is_empty()).ok_or_else(|| {
                    argument("why the person is looked for is not said", Some("say it with --reason TEXT"))
                })?;
                Ok(Person { given, before: None, request_id: None, why })
            }
            Whom::Request(reference) => {
                self.settle_requests().await?;
                let request = self.request(reference).await?;
                request.may_be_looked_for()?;
                let given = self.ledger.request_identities(&request.request_id).await?;
                let given =
                    given.ok_or_else(|| argument("the identities of the request are destroyed", None))?;
                let before = self.last_found(&request.request_id).await?;
                let why = wanted.why.clone().unwrap_or_else(|| format!("for {}", request.request_id));
                Ok(Person { given, before, request_id: Some(request.request_id), why })
            }
        }
    }

    /// Finds the person; with it the datasets that could not be read.
    async fn look(
        &self,
        ground: Ground<'_>,
        whom: &Person,
    ) -> Result<(Found, BTreeMap<String, String>), AppError> {
        let walked = walk(ground, whom.given.clone(), whom.before.as_ref(), None, Bounds::default()).await;
        let Walk { mut found, mut lost } = walked.map_err(RequestPlanError::from)?;
        if whom.before.is_some() {
            // What an earlier run has erased still leads on, and is not there any more.
            let mut reader = Reader::new(ground);
            for (name, rows) in &mut found.rows {
                reader.keep_those_there(name, rows).await;
            }
            lost.extend(reader.into_lost());
        }
        for (name, rows) in &found.rows {
            let keys: Vec<RecordKey> = rows.iter().map(|row| row.key.clone()).collect();
            let place = ground.graph.datasets.get(name.as_str());
            if place.is_none_or(|place| exactly(place, &keys).is_none()) {
                lost.entry(name.clone()).or_insert_with(|| "its keys cannot be compared".to_owned());
            }
        }
        found.rows.retain(|name, rows| !lost.contains_key(name) && !rows.is_empty());
        Ok((found, lost))
    }

    async fn located(
        &self,
        wanted: &LookRequest,
        whom: &Person,
        ground: Ground<'_>,
        (found, unreachable): (&Found, &[crate::plan::UnreachableDataset]),
        kind: LookKind,
    ) -> Result<Located, AppError> {
        let datasets = searched(ground, found, unreachable);
        let look = Look {
            look_id: self.environment.ids.new_id("look")?,
            at: self.now(),
            kind,
            request_id: whom.request_id.clone(),
            records: found.rows.iter().map(|(name, rows)| (name.clone(), rows.len() as u64)).collect(),
            not_reached: datasets
                .iter()
                .filter(|one| matches!(one.search, Search::NotReached { .. }))
                .map(|one| one.dataset.clone())
                .collect(),
            who: wanted.who.clone(),
            why: whom.why.clone(),
        };
        self.ledger.keep_look(&look).await?;
        Ok(Located { look, datasets })
    }

    fn exported<'a>(&'a self, dataset: &'a Dataset) -> ExportedDataset<'a> {
        let now: DateTime<Utc> = self.now();
        let targets = self.catalog.targets(now);
        let rules = targets.iter().filter(|target| target.dataset.name == dataset.name).map(|target| {
            let rule = target.rule;
            ExportedRule {
                title: &rule.title,
                purpose: &rule.purpose,
                legal_basis: &rule.legal_basis,
                retain_for: match rule.retain_for {
                    RetainFor::Period(period) => Some(period.to_string()),
                    RetainFor::Forever => None,
                },
                starts_from: rule.event(),
            }
        });
        ExportedDataset {
            dataset,
            store_alias: self.catalog.public_store(&dataset.store),
            rules: rules.collect(),
        }
    }
}

/// Whom a look is for.
struct Person {
    given: BTreeSet<Identity>,
    before: Option<Found>,
    request_id: Option<String>,
    why: String,
}

/// One record as it is in its store now.
struct ReadRecord {
    standing: Standing,
    disclosure: Disclosure,
    values: Vec<Value>,
}

/// These rows, as they are now, without what is not the person's to see. One that is gone since is no row.
async fn read(
    ground: Ground<'_>,
    dataset: &str,
    everyone: &BTreeSet<Identity>,
    rows: &[FoundRow],
) -> Result<Vec<ReadRecord>, AppError> {
    let Some(place) = ground.graph.datasets.get(dataset) else { return Ok(Vec::new()) };
    let store = &place.dataset.store;
    let closed = || ConnectorError::Unreachable { store: store.clone(), reason: "it is not open".to_owned() };
    let source = ground.sources.get(store).ok_or_else(closed)?;
    let keys: Vec<RecordKey> = rows.iter().map(|row| row.key.clone()).collect();
    let Some(scope) = exactly(place, &keys) else { return Ok(Vec::new()) };
    let selection = on_request(place, scope);
    let columns: Vec<String> = place.shape.columns.iter().map(|column| column.name.clone()).collect();
    let known: BTreeMap<String, &FoundRow> = rows.iter().map(|row| (row.key.canonical(), row)).collect();
    let (mut records, mut after) = (Vec::new(), None);
    loop {
        let most = u32::try_from(PAGE_RECORDS).unwrap_or(u32::MAX);
        let page = source.rows(&selection, &columns, after.as_ref(), most).await?;
        after = page.rows.last().map(|row| row.key.clone());
        for row in page.rows {
            let Some(found) = known.get(&row.key.canonical()) else { continue };
            let disclosure = disclosure(ground, dataset, everyone, found);
            let named: BTreeMap<&String, Value> = columns.iter().zip(row.values).collect();
            let value = |column: &String| named.get(column).cloned().unwrap_or(Value::Null);
            let values = disclosure.shown.iter().map(value).collect();
            records.push(ReadRecord { standing: found.standing, disclosure, values });
        }
        if page.exhausted || after.is_none() {
            return Ok(records);
        }
    }
}
