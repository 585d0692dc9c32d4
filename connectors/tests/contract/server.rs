//! PostgreSQL and MariaDB in each way that a table can be keyed and a start can be written.
//!
//! The servers are named by `OUBLIETTE_TEST_POSTGRES` and `OUBLIETTE_TEST_MYSQL`, which `scripts/servers`
//! sets; without one its tests fail and say so.

use async_trait::async_trait;
use oubliette_connectors::sql::{Ident, SqlText, mysql_query, postgres_query};
use oubliette_connectors::testkit::{Fixture, HOSTILE_NAMES, Record, Start, TestDataset};
use oubliette_connectors::{
    DatasetAddress, Field, Location, RecordDisposer, RecordKey, RecordSource, StartEncoding, Value, ValueType,
};
use oubliette_connectors::{contract_suite, mysql, postgres, server};
use sqlx::Row as _;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::OnceCell;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Mysql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Integer,
    Text,
    Uuid,
    Composite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartType {
    Text,
    Instant,
    Date,
}

pub(super) struct ServerFixture {
    kind: Kind,
    key: Key,
    start: StartType,
    /// Names of the table and of its columns.
    names: [String; 5],
    /// Made on first use, dropped by the server's end: its name is not used again.
    database: OnceCell<String>,
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

impl ServerFixture {
    pub(super) fn new(kind: Kind, key: Key, start: StartType) -> Self {
        let names = ["events", "id", "created at", "customer", "part"].map(str::to_owned);
        Self { kind, key, start, names, database: OnceCell::new() }
    }

    /// The names of everything are hostile, each different.
    fn hostile(kind: Kind, key: Key, first: usize) -> Self {
        // MySQL takes no name that ends in a space, and no character beyond the basic plane.
        let basic = |name: &str| name.chars().all(|character| u32::from(character) < 0x1_0000);
        let usable = |name: &&&str| kind == Kind::Postgres || (!name.ends_with(' ') && basic(name));
        let mut names =
            HOSTILE_NAMES.iter().filter(usable).cycle().skip(first).map(|name| (*name).to_owned());
        let names = std::array::from_fn(|_| names.next().unwrap());
        Self { names, ..Self::new(kind, key, StartType::Text) }
    }

    fn administrator(&self) -> String {
        let variable = match self.kind {
            Kind::Postgres => "OUBLIETTE_TEST_POSTGRES",
            Kind::Mysql => "OUBLIETTE_TEST_MYSQL",
        };
        #[expect(clippy::disallowed_methods, reason = "the test command names the server")]
        std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: run `scripts/servers start DIR` and source DIR/env")
        })
    }

    /// The address of a database of this fixture's own.
    pub(super) async fn address(&self) -> String {
        let administrator = self.administrator();
        let name = self
            .database
            .get_or_init(|| async {
                let number = DATABASES.fetch_add(1, Ordering::SeqCst);
                let name = format!("contract_{}_{number}", std::process::id());
                let create = SqlText::fill("CREATE DATABASE {0}", &[&ident(&name)]);
                self.run_at(&administrator, vec![create]).await;
                name
            })
            .await;
        let (server, _) = administrator.rsplit_once('/').unwrap();
        format!("{server}/{name}")
    }

    async fn run_at(&self, address: &str, statements: Vec<SqlText>) -> Vec<Vec<String>> {
        let mut answer = Vec::new();
        match self.kind {
            Kind::Postgres => {
                let mut connection =
                    <sqlx::PgConnection as sqlx::Connection>::connect(address).await.unwrap();
                for statement in statements {
                    let rows = postgres_query(statement).fetch_all(&mut connection).await.unwrap();
                    answer =
                        rows.iter().map(|row| (0..row.len()).map(|place| row.get(place)).collect()).collect();
                }
            }
            Kind::Mysql => {
                let mut connection =
                    <sqlx::MySqlConnection as sqlx::Connection>::connect(address).await.unwrap();
                mysql_query(SqlText::new("SET sql_mode = 'ANSI_QUOTES'"))
                    .execute(&mut connection)
                    .await
                    .unwrap();
                for statement in statements {
                    let rows = mysql_query(statement).fetch_all(&mut connection).await.unwrap();
                    answer =
                        rows.iter().map(|row| (0..row.len()).map(|place| row.get(place)).collect()).collect();
                }
            }
        }
        answer
    }

    fn name(&self, place: usize) -> SqlText {
        ident(&self.names[place])
    }

    /// Fills a template with the names and the values after them.
    fn filled(&self, template: &'static str, values: &[SqlText]) -> SqlText {
        let names: Vec<SqlText> = (0..5).map(|place| self.name(place)).collect();
        let parts: Vec<&SqlText> = names.iter().chain(values).collect();
        SqlText::fill(template, &parts)
    }

    pub(super) async fn run(&self, template: &'static str, values: &[SqlText]) -> Vec<Vec<String>> {
        self.run_at(&self.address().await, vec![self.filled(template, values)]).await
    }

    fn description(&self) -> SqlText {
        let key = match (self.key, self.kind) {
            (Key::Integer | Key::Composite, _) => "BIGINT",
            (Key::Text, _) => "VARCHAR(100)",
            (Key::Uuid, _) => "UUID",
        };
        let start = match (self.start, self.kind) {
            (StartType::Text, _) => "VARCHAR(40)",
            (StartType::Instant, Kind::Postgres) => "TIMESTAMPTZ",
            (StartType::Instant, Kind::Mysql) => "TIMESTAMP NULL",
            (StartType::Date, _) => "DATE",
        };
        let template = match self.key {
            Key::Composite => {
                "CREATE TABLE {0} ({1} {5}, {2} {6}, {3} VARCHAR(100), {4} VARCHAR(20), PRIMARY KEY ({1}, {4}))"
            }
            _ => "CREATE TABLE {0} ({1} {5} PRIMARY KEY, {2} {6}, {3} VARCHAR(100), {4} VARCHAR(20))",
        };
        self.filled(template, &[SqlText::new(key), SqlText::new(start)])
    }

    /// Values of the first key column and of the last column.
    fn parts(&self, number: u32) -> (Value, Value) {
        let int = Value::Int(i64::from(number));
        match self.key {
            Key::Integer => (int, Value::Null),
            Key::Text => (Value::Text(format!("{number:04}'; DROP TABLE x; -- \"é")), Value::Null),
            Key::Uuid => (Value::Text(format!("{number:08x}-0000-4000-8000-00000000abcd")), Value::Null),
            Key::Composite => (Value::Int(i64::from(number / 7)), Value::Text(format!("'{}", number % 7))),
        }
    }

    /// The first key column and the last column as they are bound.
    fn bound_parts(&self, number: u32) -> [SqlText; 2] {
        let (first, second) = self.parts(number);
        let first = SqlText::value(first);
        let first = match (self.key, self.kind) {
            (Key::Uuid, Kind::Postgres) => SqlText::fill("CAST({0} AS uuid)", &[&first]),
            _ => first,
        };
        [first, SqlText::value(second)]
    }

    fn start_of(&self, start: Start) -> SqlText {
        let value = match (start, self.start) {
            (Start::Missing, _) => Value::Null,
            (Start::Unreadable, _) => Value::Text("31/12/2019".to_owned()),
            (Start::On(date), StartType::Text) => Value::Text(format!("{date}T12:00:00Z")),
            (Start::On(date), StartType::Instant) => {
                Value::Instant(date.and_hms_opt(12, 0, 0).unwrap().and_utc())
            }
            (Start::On(date), StartType::Date) => Value::Date(date),
        };
        SqlText::value(value)
    }

    async fn backend_source(&self) -> Box<dyn RecordSource> {
        let address = self.address().await;
        match self.kind {
            Kind::Postgres => {
                let backend =
                    postgres::PostgresBackend::new("shop", &address, postgres::PostgresOptions::default());
                Box::new(server::ServerSource::open(backend.unwrap()).await.unwrap())
            }
            Kind::Mysql => {
                let backend = mysql::MySqlBackend::new("shop", &address, mysql::MySqlOptions::default());
                Box::new(server::ServerSource::open(backend.unwrap()).await.unwrap())
            }
        }
    }

    async fn backend_disposer(&self) -> Box<dyn RecordDisposer> {
        let address = self.address().await;
        match self.kind {
            Kind::Postgres => {
                let backend =
                    postgres::PostgresBackend::new("shop", &address, postgres::PostgresOptions::default());
                Box::new(server::ServerDisposer::open(backend.unwrap(), "run").await.unwrap())
            }
            Kind::Mysql => {
                let backend = mysql::MySqlBackend::new("shop", &address, mysql::MySqlOptions::default());
                Box::new(server::ServerDisposer::open(backend.unwrap(), "run").await.unwrap())
            }
        }
    }
}

fn ident(name: &str) -> SqlText {
    SqlText::ident(&Ident::new(name).unwrap())
}

#[async_trait]
impl Fixture for ServerFixture {
    async fn create(&self, records: &[Record]) -> TestDataset {
        let mut statements = vec![self.description(), self.filled("CREATE INDEX by_start ON {0} ({2})", &[])];
        for record in records {
            let [key, part] = self.bound_parts(record.number);
            let start = self.start_of(record.start);
            let attribute = SqlText::value(record.attribute.clone().map_or(Value::Null, Value::Text));
            let row = [key, start, attribute, part];
            statements.push(self.filled("INSERT INTO {0} VALUES ({5}, {6}, {7}, {8})", &row));
        }
        statements.insert(2, SqlText::new("BEGIN"));
        statements.push(SqlText::new("COMMIT"));
        self.run_at(&self.address().await, statements).await;
        let address = DatasetAddress {
            store: "shop".to_owned(),
            dataset: "shop.events".to_owned(),
            location: Location::Table { schema: None, table: self.names[0].clone() },
        };
        let shape = self.source().await.inspect(&address).await.unwrap();
        let field = |place: usize| Field {
            name: self.names[place].clone(),
            value_type: shape.column(&self.names[place]).unwrap().value_type,
        };
        let encoding = match self.start {
            StartType::Text => StartEncoding::InstantText,
            StartType::Instant => StartEncoding::Instant,
            StartType::Date => StartEncoding::CivilDate,
        };
        let (start, attribute) = (field(2), field(3));
        assert_eq!(attribute.value_type, ValueType::Text);
        TestDataset { address, shape, start, encoding, attribute, unchanged_since: None }
    }

    fn key(&self, number: u32) -> RecordKey {
        let (first, second) = self.parts(number);
        RecordKey::of(if second == Value::Null { vec![first] } else { vec![first, second] })
    }

    fn can_hold(&self, start: Start) -> bool {
        start != Start::Unreadable || self.start == StartType::Text
    }

    fn can_lack_attribute(&self) -> bool {
        true
    }

    async fn source(&self) -> Box<dyn RecordSource> {
        self.backend_source().await
    }

    async fn disposer(&self) -> Box<dyn RecordDisposer> {
        self.backend_disposer().await
    }

    async fn numbers(&self) -> BTreeSet<u32> {
        let template = "SELECT CAST({1} AS CHAR(100)), coalesce({4}, '') FROM {0}";
        let rows = self.run(template, &[]).await;
        let number = |row: &Vec<String>| match self.key {
            Key::Integer => row[0].trim().parse().unwrap(),
            Key::Text => row[0][..4].parse().unwrap(),
            Key::Uuid => u32::from_str_radix(&row[0][..8], 16).unwrap(),
            Key::Composite => row[0].trim().parse::<u32>().unwrap() * 7 + row[1][1..].parse::<u32>().unwrap(),
        };
        rows.iter().map(number).collect()
    }

    async fn change(&self, number: u32) {
        let [key, part] = self.bound_parts(number);
        let start = self.start_of(Start::On(chrono::NaiveDate::from_ymd_opt(2023, 5, 5).unwrap()));
        let template = match self.key {
            Key::Composite => "UPDATE {0} SET {2} = {5} WHERE {1} = {6} AND {4} = {7}",
            _ => "UPDATE {0} SET {2} = {5} WHERE {1} = {6}",
        };
        self.run(template, &[start, key, part]).await;
    }

    async fn remove(&self, number: u32) {
        let [key, part] = self.bound_parts(number);
        let template = match self.key {
            Key::Composite => "DELETE FROM {0} WHERE {1} = {5} AND {4} = {6}",
            _ => "DELETE FROM {0} WHERE {1} = {5}",
        };
        self.run(template, &[key, part]).await;
    }
}

contract_suite!(postgres_integer_key, ServerFixture::new(Kind::Postgres, Key::Integer, StartType::Instant));
contract_suite!(postgres_text_key, ServerFixture::new(Kind::Postgres, Key::Text, StartType::Date));
contract_suite!(postgres_uuid_key, ServerFixture::new(Kind::Postgres, Key::Uuid, StartType::Text));
contract_suite!(
    postgres_composite_key,
    ServerFixture::new(Kind::Postgres, Key::Composite, StartType::Instant)
);
contract_suite!(postgres_hostile_names, ServerFixture::hostile(Kind::Postgres, Key::Integer, 0));
contract_suite!(postgres_more_hostile_names, ServerFixture::hostile(Kind::Postgres, Key::Composite, 4));
contract_suite!(mysql_integer_key, ServerFixture::new(Kind::Mysql, Key::Integer, StartType::Instant));
contract_suite!(mysql_text_key, ServerFixture::new(Kind::Mysql, Key::Text, StartType::Date));
contract_suite!(mysql_uuid_key, ServerFixture::new(Kind::Mysql, Key::Uuid, StartType::Text));
contract_suite!(mysql_composite_key, ServerFixture::new(Kind::Mysql, Key::Composite, StartType::Instant));
contract_suite!(mysql_hostile_names, ServerFixture::hostile(Kind::Mysql, Key::Integer, 0));
contract_suite!(mysql_more_hostile_names, ServerFixture::hostile(Kind::Mysql, Key::Composite, 4));
