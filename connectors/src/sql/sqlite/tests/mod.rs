//! The twins held together on a real SQLite: what the SQL answers is what the Rust says.

mod class;
mod owners;
mod predicate;
mod transform;

use crate::sql::{self, SqlText};
use crate::value::Value;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{RngSeed, TestRunner};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};
use std::collections::BTreeMap;

pub(super) type Fields = BTreeMap<String, Value>;

/// Text that breaks careless SQL, careless matching or careless date reading.
pub(super) const NASTY: [&str; 30] = [
    "",
    " ",
    "\t\r\n",
    "a",
    "A",
    "O'Brien",
    "''",
    "\\",
    "\\'",
    "a\\%b",
    "50%",
    "_",
    "%",
    "[a]",
    "*",
    "?",
    "é",
    "É",
    "日本",
    "🦀 crab",
    "a\0b",
    "\0",
    " padded ",
    "\" OR 1=1 --",
    "0",
    "1",
    "2020",
    "1e3",
    "NULL",
    "ß",
];

pub(super) const TIMES: [&str; 39] = [
    "2020-01-01",
    "2020-02-30",
    "2020-02-29",
    "2019-02-29",
    "0000-01-01",
    "0001-01-01",
    "9999-12-31",
    "2020-01-01 00:00:00",
    "2020-01-01T00:00:00",
    "2020-01-01 00:00:00.000",
    "2020-01-01 00:00:00.0001",
    "2020-01-01T00:00:00Z",
    "2020-01-01 00:00:00Z",
    "2020-01-01T00:00:00.5Z",
    "2020-01-01T00:00:00.000000Z",
    "2020-01-01T01:00:00+01:00",
    "2020-01-01T01:00:00+0100",
    "2020-01-01 01:00:00+01",
    "2019-12-31T19:00:00-05:00",
    "2020-01-01T24:00:00Z",
    "2020-01-01T00:00:60Z",
    "2020-01-01T00:00Z",
    "2020-01-01T00:00:00.Z",
    "now",
    "2458849.5",
    "2020-01-01T00:00:00z",
    "2020-01-01T00:00:00+24:00",
    "9999-12-31T23:59:59.9Z",
    "9999-12-31 23:59:59.9",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00",
    "0000-12-31T23:59:59-01:00",
    "2020-01-01T00:00:00Z\0",
    "2020-01-01\0",
    " 2020-01-01",
    "2020-01-01 ",
    "2020-13-01",
    "12:00:00",
    "2020-01-01T00:00:00+0:200",
];

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) async fn open() -> SqliteConnection {
    SqliteConnectOptions::new().in_memory(true).connect().await.unwrap()
}

pub(super) async fn run(connection: &mut SqliteConnection, text: SqlText) {
    sql::query(text).execute(connection).await.unwrap();
}

/// Fixed statements of a test, so that they need no builder.
pub(super) async fn setup(connection: &mut SqliteConnection, statements: &[&'static str]) {
    for statement in statements {
        run(connection, SqlText::new(statement)).await;
    }
}

pub(super) async fn insert(connection: &mut SqliteConnection, table: &'static str, values: &[Value]) {
    let values: Vec<SqlText> = values.iter().cloned().map(SqlText::value).collect();
    let mut text = SqlText::new("INSERT INTO ");
    text.push(table).push(" VALUES (").append(&SqlText::list(&values)).push(")");
    run(connection, text).await;
}

/// The stored values of `columns`, read by what is stored and not by what is declared.
pub(super) async fn stored(
    connection: &mut SqliteConnection,
    table: &'static str,
    columns: &[&str],
) -> Vec<Fields> {
    let parts: Vec<SqlText> = columns
        .iter()
        .map(|name| SqlText::fill("typeof({0}), +{0}", &[&SqlText::column("t", name).unwrap()]))
        .collect();
    let mut text = SqlText::new("SELECT ");
    text.append(&SqlText::list(&parts)).push(" FROM ").push(table).push(" AS t ORDER BY id");
    let rows = sql::query(text).fetch_all(connection).await.unwrap();
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let fields = columns.iter().enumerate();
        fields.map(|(at, name)| ((*name).to_owned(), value_at(row, 2 * at))).collect()
    };
    rows.iter().map(read).collect()
}

/// The value of one expression over every row of `table AS t`, in the order of `id`.
pub(super) async fn each(
    connection: &mut SqliteConnection,
    table: &'static str,
    expression: &SqlText,
) -> Vec<Value> {
    let mut text = SqlText::fill("SELECT typeof(x), x FROM (SELECT id, {0} AS x FROM ", &[expression]);
    text.push(table).push(" AS t) ORDER BY id");
    let rows = sql::query(text).persistent(false).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| value_at(row, 0)).collect()
}

fn value_at(row: &sqlx::sqlite::SqliteRow, at: usize) -> Value {
    match row.get_unchecked::<String, _>(at).as_str() {
        "null" => Value::Null,
        "integer" => Value::Int(row.get_unchecked(at + 1)),
        "real" => Value::Real(row.get_unchecked(at + 1)),
        "text" => Value::Text(row.get_unchecked(at + 1)),
        "blob" => Value::Bytes(row.get_unchecked(at + 1)),
        other => panic!("SQLite has no type {other}"),
    }
}

/// Generates with a fixed seed: a failure is the same on every machine.
pub(super) struct Generator(TestRunner);

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let config = proptest::test_runner::Config { rng_seed: RngSeed::Fixed(seed), ..Default::default() };
        Self(TestRunner::new(config))
    }

    pub(super) fn one<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }
}

/// Anything that may be stored in any column.
pub(super) fn any_value() -> impl Strategy<Value = Value> + Clone {
    use proptest::prelude::*;
    let nasty = prop::sample::select(NASTY.to_vec()).prop_map(|text| Value::Text(text.to_owned()));
    let times = prop::sample::select(TIMES.to_vec()).prop_map(|text| Value::Text(text.to_owned()));
    let whole = prop::sample::select(vec![
        0,
        1,
        -1,
        2,
        7,
        1000,
        2020,
        9999,
        10_000,
        i64::MAX,
        i64::MIN,
        9_007_199_254_740_993,
        1_577_836_800,
        1_577_836_800_001,
        -62_135_596_800,
        -62_135_596_801,
        253_402_300_799,
        253_402_300_800,
    ]);
    let real = prop::sample::select(vec![
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.0,
        2020.0,
        2020.5,
        -7.25,
        9_007_199_254_740_992.0,
        9.3e18,
        -9.3e18,
        1e300,
        1_577_836_800.0,
        1_577_836_800.5,
        f64::INFINITY,
        5e-324,
    ]);
    prop_oneof![
        1 => Just(Value::Null),
        3 => whole.prop_map(Value::Int),
        2 => any::<i64>().prop_map(Value::Int),
        2 => real.prop_map(Value::Real),
        1 => (-1e6..1e6).prop_map(Value::Real),
        4 => nasty,
        4 => times,
        2 => "[a-cA-C%_ \\\\'é🦀]{0,6}".prop_map(Value::Text),
        1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Value::Bytes),
        1 => Just(Value::Bytes(b"2020-01-01".to_vec())),
    ]
}
