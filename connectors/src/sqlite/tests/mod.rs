//! Tests over real database files.

mod dispose;
mod inspect;
mod open;
mod rewrite;

use super::{SqliteDisposer, SqliteOptions, SqliteSource};
use crate::batch::{Batch, BatchOutcome, BatchRange};
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::port::{RecordDisposer, RecordSource};
use crate::predicate::{Field, Predicate};
use crate::selection::{Dependent, Selection, StartCondition, StartEncoding};
use crate::testkit::AcceptedIntents;
use crate::transform::Disposal;
use crate::value::ValueType;
use chrono::NaiveDate;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use std::time::Duration;
use tempfile::TempDir;

struct Store {
    directory: TempDir,
}

impl Store {
    /// A database with rollback journal, made by these statements.
    async fn new(sql: &'static str) -> Self {
        let store = Self { directory: tempfile::tempdir().unwrap() };
        sqlx::raw_sql(sql).execute(&mut store.connect().await).await.unwrap();
        store
    }

    fn path(&self) -> String {
        self.directory.path().join("shop.db").to_str().unwrap().to_owned()
    }

    /// The owner's own connection.
    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        options.connect().await.unwrap()
    }

    async fn use_wal(&self) {
        let options = SqliteConnectOptions::new().filename(self.path());
        options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    }

    async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.connect().await).await.unwrap();
    }

    /// The one value of a query, as text.
    async fn text(&self, sql: &'static str) -> String {
        let text: Option<String> =
            sqlx::query_scalar(sql).fetch_one(&mut self.connect().await).await.unwrap();
        text.unwrap_or_default()
    }

    async fn source(&self) -> SqliteSource {
        SqliteSource::open("shop", &self.path(), options()).await.unwrap()
    }

    async fn disposer(&self) -> SqliteDisposer {
        SqliteDisposer::open("shop", &self.path(), options()).await.unwrap()
    }

    /// Purges what was `made` in 2020 or before.
    async fn selection(&self, table: &str) -> Selection {
        let until = NaiveDate::from_ymd_opt(2020, 12, 31).unwrap();
        let as_of_on = NaiveDate::from_ymd_opt(2024, 6, 30).unwrap();
        let at = |date: NaiveDate| date.and_hms_opt(0, 0, 0).unwrap().and_utc();
        let address = address(table);
        Selection {
            shape: self.source().await.inspect(&address).await.unwrap(),
            address,
            scope: Predicate::always(),
            start: StartCondition::Event {
                field: Field { name: "made".into(), value_type: ValueType::Date },
                encoding: StartEncoding::CivilDate,
                cutoff_at: at(until),
                cutoff_on: until,
                as_of: at(as_of_on),
                as_of_on,
                overdue_at: at(until),
                overdue_on: until,
            },
            conflicts: Vec::new(),
            holds: Vec::new(),
            none_left: Vec::new(),
            dependents: Vec::new(),
            link_columns: Vec::new(),
            unchanged_since: None,
            disposal: Disposal::Purge,
        }
    }

    async fn dependent(&self, table: &str, column: &str, of: &str) -> Dependent {
        let address = address(table);
        Dependent {
            shape: self.source().await.inspect(&address).await.unwrap(),
            address,
            pairs: vec![(column.to_owned(), of.to_owned())],
            holds: Vec::new(),
            co_owners: Vec::new(),
            dependents: Vec::new(),
        }
    }

    async fn dispose(&self, selection: &Selection) -> Result<BatchOutcome, ConnectorError> {
        dispose_with(&self.disposer().await, selection).await
    }
}

async fn dispose_with(
    disposer: &SqliteDisposer,
    selection: &Selection,
) -> Result<BatchOutcome, ConnectorError> {
    let range = BatchRange { after: None, up_to: None, due: None, records_max: 1_000 };
    let batch = Batch { selection: selection.clone(), range, only_keys: None };
    disposer.dispose(&batch, &AcceptedIntents::default()).await
}

fn options() -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(50), ..SqliteOptions::default() }
}

fn address(table: &str) -> DatasetAddress {
    DatasetAddress {
        store: "shop".into(),
        dataset: format!("shop.{table}"),
        location: Location::Table { schema: None, table: table.into() },
    }
}
