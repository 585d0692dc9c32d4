//! SQLite in each way that a table can be keyed and a database can keep its journal.

use async_trait::async_trait;
use oubliette_connectors::contract_suite;
use oubliette_connectors::sql::{Ident, SqlText, query};
use oubliette_connectors::sqlite::{SqliteDisposer, SqliteOptions, SqliteSource};
use oubliette_connectors::testkit::{Fixture, HOSTILE_NAMES, Record, Start, TestDataset};
use oubliette_connectors::{
    DatasetAddress, Field, Location, RecordDisposer, RecordKey, RecordSource, StartEncoding, Value, ValueType,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Row as _};
use std::collections::BTreeSet;
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Rowid,
    WithoutRowid,
    Text,
    Composite,
}

struct SqliteFixture {
    directory: TempDir,
    journal: SqliteJournalMode,
    key: Key,
    /// Names of the table and of its columns.
    names: [String; 5],
}

const DESCRIPTIONS: [&str; 4] = [
    "CREATE TABLE {0} ({1} INTEGER PRIMARY KEY, {2} TEXT, {3} TEXT, {4} TEXT)",
    "CREATE TABLE {0} ({1} INTEGER PRIMARY KEY, {2} TEXT, {3} TEXT, {4} TEXT) WITHOUT ROWID",
    "CREATE TABLE {0} ({1} TEXT PRIMARY KEY, {2} TEXT, {3} TEXT, {4} TEXT)",
    "CREATE TABLE {0} ({1} INTEGER, {2} TEXT, {3} TEXT, {4} TEXT, PRIMARY KEY ({1}, {4}))",
];

impl SqliteFixture {
    fn new(journal: SqliteJournalMode, key: Key) -> Self {
        let names = ["events", "id", "created at", "customer", "part"].map(str::to_owned);
        Self { directory: tempfile::tempdir().unwrap(), journal, key, names }
    }

    /// The names of everything are hostile, each different.
    fn hostile(key: Key, first: usize) -> Self {
        let mut names = HOSTILE_NAMES.iter().cycle().skip(first).map(|name| (*name).to_owned());
        let names = std::array::from_fn(|_| names.next().unwrap());
        Self { names, ..Self::new(SqliteJournalMode::Delete, key) }
    }

    fn path(&self) -> String {
        self.directory.path().join("it's a \"store\".db").to_str().unwrap().to_owned()
    }

    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        options.journal_mode(self.journal).connect().await.unwrap()
    }

    fn name(&self, place: usize) -> SqlText {
        SqlText::ident(&Ident::new(&self.names[place]).unwrap())
    }

    async fn run(&self, template: &'static str, values: &[Value]) {
        self.run_on(&mut self.connect().await, template, values).await;
    }

    /// Fills a template with the names and the bound values after them.
    async fn run_on(&self, connection: &mut SqliteConnection, template: &'static str, values: &[Value]) {
        let values: Vec<SqlText> = values.iter().cloned().map(SqlText::value).collect();
        let names: Vec<SqlText> = (0..5).map(|place| self.name(place)).collect();
        let parts: Vec<&SqlText> = names.iter().chain(&values).collect();
        query(SqlText::fill(template, &parts)).execute(connection).await.unwrap();
    }

    /// Values of the first key column and of the last column.
    fn parts(&self, number: u32) -> (Value, Value) {
        let int = Value::Int(i64::from(number));
        match self.key {
            Key::Rowid | Key::WithoutRowid => (int, Value::Null),
            Key::Text => (Value::Text(format!("{number:04}'; DROP TABLE x; -- \"é\"")), Value::Null),
            Key::Composite => (Value::Int(i64::from(number / 7)), Value::Text(format!("'{}", number % 7))),
        }
    }
}

#[async_trait]
impl Fixture for SqliteFixture {
    async fn create(&self, records: &[Record]) -> TestDataset {
        let mut connection = self.connect().await;
        self.run_on(&mut connection, "BEGIN", &[]).await;
        self.run_on(&mut connection, DESCRIPTIONS[self.key as usize], &[]).await;
        // An index on the start must not lure a statement away from the order of keys.
        self.run_on(&mut connection, "CREATE INDEX by_start ON {0} ({2})", &[]).await;
        for record in records {
            let start = match record.start {
                Start::On(date) => Value::Text(format!("{date}T12:00:00Z")),
                Start::Missing => Value::Null,
                Start::Unreadable => Value::Text("31/12/2019".to_owned()),
            };
            let attribute = record.attribute.clone().map_or(Value::Null, Value::Text);
            let (key, part) = self.parts(record.number);
            let row = [key, start, attribute, part];
            self.run_on(&mut connection, "INSERT INTO {0} VALUES ({5}, {6}, {7}, {8})", &row).await;
        }
        self.run_on(&mut connection, "COMMIT", &[]).await;
        let address = DatasetAddress {
            store: "shop".to_owned(),
            dataset: "shop.events".to_owned(),
            location: Location::Table { schema: None, table: self.names[0].clone() },
        };
        let shape = self.source().await.inspect(&address).await.unwrap();
        let field = |place: usize| Field { name: self.names[place].clone(), value_type: ValueType::Text };
        TestDataset {
            address,
            shape,
            start: field(2),
            encoding: StartEncoding::InstantText,
            attribute: field(3),
            unchanged_since: None,
        }
    }

    fn key(&self, number: u32) -> RecordKey {
        let (first, second) = self.parts(number);
        RecordKey::of(if second == Value::Null { vec![first] } else { vec![first, second] })
    }

    fn can_hold(&self, _: Start) -> bool {
        true
    }

    fn can_lack_attribute(&self) -> bool {
        true
    }

    async fn source(&self) -> Box<dyn RecordSource> {
        Box::new(SqliteSource::open("shop", &self.path(), SqliteOptions::default()).await.unwrap())
    }

    async fn disposer(&self) -> Box<dyn RecordDisposer> {
        Box::new(SqliteDisposer::open("shop", &self.path(), SqliteOptions::default()).await.unwrap())
    }

    async fn numbers(&self) -> BTreeSet<u32> {
        let sql = SqlText::fill("SELECT {0}, {1} FROM {2}", &[&self.name(1), &self.name(4), &self.name(0)]);
        let rows = query(sql).fetch_all(&mut self.connect().await).await.unwrap();
        let number = |row: &sqlx::sqlite::SqliteRow| match self.key {
            Key::Rowid | Key::WithoutRowid => row.get::<u32, _>(0),
            Key::Text => row.get::<String, _>(0)[..4].parse().unwrap(),
            Key::Composite => row.get::<u32, _>(0) * 7 + row.get::<String, _>(1)[1..].parse::<u32>().unwrap(),
        };
        rows.iter().map(number).collect()
    }

    async fn change(&self, number: u32) {
        let (key, part) = self.parts(number);
        let start = Value::Text("2023-05-05T12:00:00Z".to_owned());
        self.run("UPDATE {0} SET {2} = {5} WHERE {1} = {6} AND {4} IS {7}", &[start, key, part]).await;
    }

    async fn remove(&self, number: u32) {
        let (key, part) = self.parts(number);
        self.run("DELETE FROM {0} WHERE {1} = {5} AND {4} IS {6}", &[key, part]).await;
    }
}

contract_suite!(wal_rowid, SqliteFixture::new(SqliteJournalMode::Wal, Key::Rowid));
contract_suite!(rollback_rowid, SqliteFixture::new(SqliteJournalMode::Delete, Key::Rowid));
contract_suite!(wal_without_rowid, SqliteFixture::new(SqliteJournalMode::Wal, Key::WithoutRowid));
contract_suite!(wal_text_key, SqliteFixture::new(SqliteJournalMode::Wal, Key::Text));
contract_suite!(rollback_composite_key, SqliteFixture::new(SqliteJournalMode::Persist, Key::Composite));
contract_suite!(hostile_names, SqliteFixture::hostile(Key::Rowid, 0));
contract_suite!(more_hostile_names, SqliteFixture::hostile(Key::Composite, 4));
