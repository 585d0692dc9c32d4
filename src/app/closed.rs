//! A store that could not be opened, in the place of one that could.
//!
//! Floor 7. Every call answers with why, so that plans and checks say what was not reached instead of
//! passing over it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connectors::{
    Capabilities, ConnectorError, DatasetAddress, DatasetKeys, DatasetShape, Leak, LeakLook, Observation,
    Page, Pressure, RecordFacts, RecordKey, RecordSource, RowPage, Selection, Survey,
};

#[derive(Debug)]
pub(super) struct ClosedStore {
    store: String,
    reason: String,
}

impl ClosedStore {
    pub(super) fn new(store: &str, error: &ConnectorError) -> Self {
        let reason = match error {
            // Every answer says already that the store cannot be reached.
            ConnectorError::Unreachable { reason, .. } => reason.clone(),
            error => error.to_string(),
        };
        Self { store: store.to_owned(), reason }
    }

    fn error<T>(&self) -> Result<T, ConnectorError> {
        Err(ConnectorError::Unreachable { store: self.store.clone(), reason: self.reason.clone() })
    }
}

#[async_trait]
impl RecordSource for ClosedStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: false,
            set_based: false,
            own_clock: false,
            bounded_batches: false,
            reads_beside: false,
            is_server: false,
            anonymizes: false,
            batch_records_max: 1,
        }
    }

    async fn inspect(&self, _: &DatasetAddress) -> Result<DatasetShape, ConnectorError> {
        self.error()
    }

    async fn discover(&self) -> Result<Vec<(DatasetAddress, DatasetShape)>, ConnectorError> {
        self.error()
    }

    async fn survey(&self, _: &Selection) -> Result<Survey, ConnectorError> {
        self.error()
    }

    async fn page(&self, _: &Selection, _: Option<&RecordKey>, _: u32) -> Result<Page, ConnectorError> {
        self.error()
    }

    async fn rows(
        &self,
        _: &Selection,
        _: &[String],
        _: Option<&RecordKey>,
        _: u32,
    ) -> Result<RowPage, ConnectorError> {
        self.error()
    }

    async fn facts(&self, _: &Selection, _: &RecordKey) -> Result<Option<RecordFacts>, ConnectorError> {
        self.error()
    }

    async fn observe(&self, _: &Selection, _: &DatasetKeys) -> Result<Vec<Observation>, ConnectorError> {
        self.error()
    }

    async fn store_clock(&self) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        Ok(None)
    }

    async fn leaks(&self, _: &[DatasetAddress], _: LeakLook) -> Result<Vec<Leak>, ConnectorError> {
        self.error()
    }

    async fn pressure(&self) -> Result<Pressure, ConnectorError> {
        self.error()
    }
}
