//! The twins held together on a real server: what the SQL answers is what the Rust says.

mod class;
mod predicate;
mod start;
mod transform;

use crate::dataset::{ColumnShape, DatasetShape};
use crate::mysql::tests::{Scratch, address};
use crate::server::Backend as _;
use crate::sql::mysql::Kind;
use crate::sql::{SqlText, mysql_query};
use crate::value::Value;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use sqlx::mysql::MySqlConnection;
use std::collections::BTreeMap;

pub(super) type Fields = BTreeMap<String, Value>;

/// Text that breaks careless SQL, careless matching or careless date reading.
const NASTY: [&str; 34] = [
    "",
    " ",
    "\t\r\n",
    "a",
    "A",
    "a ",
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
    "e",
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
    "\\\\",
    "`",
];

const TIMES: [&str; 46] = [
    "2020-01-01",
    "2020-02-30",
    "2020-02-29",
    "2019-02-29",
    "1900-02-29",
    "2000-02-29",
    "2020-04-31",
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
    "2020-01-01T00:00:00z",
    "2020-01-01t00:00:00Z",
    "2020-01-01T00:00:00+24:00",
    "9999-12-31T23:59:59.9Z",
    "9999-12-31 23:59:59.9",
    "9999-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00+01:00",
    "0000-12-31T23:59:59-01:00",
    "2020-01-01T00:00:00Z\0",
    "2020-01-01\0",
    "2020-01-01\n",
    " 2020-01-01",
    "2020-01-01 ",
    "2020-13-01",
    "12:00:00",
    "2020-01-01T00:00:00+0:200",
    "2020-02",
    "9999-12",
    "2020",
];

/// What a native date or time may hold in some session or other.
const NATIVE: [&str; 22] = [
    "0000-00-00 00:00:00",
    "2020-02-31 10:00:00",
    "2020-00-10 00:00:00",
    "2020-01-00 00:00:00",
    "0000-01-01 00:00:00",
    "0001-01-01 00:00:00",
    "0001-01-01 00:00:00.000001",
    "9999-12-31 23:59:59",
    "9999-12-31 23:59:59.9",
    "1970-01-01 00:00:01",
    "2038-01-19 03:14:07",
    "2020-01-01 00:00:00",
    "2020-01-01 00:00:00.000001",
    "2019-12-31 23:59:59.999999",
    "2020-02-29 12:30:00",
    "2019-02-29 12:30:00",
    "2020-12-31 00:00:00",
    "2020-12-31 23:59:59",
    "2021-01-01 00:00:00",
    "2020-03-29 02:30:00.5",
    "2020-10-25 02:30:00",
    "2000-02-29 00:00:00",
];

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

pub(super) fn text() -> impl Strategy<Value = Value> + Clone {
    let of = |list: &[&'static str]| {
        prop::sample::select(list.to_vec()).prop_map(|text| Value::Text(text.to_owned()))
    };
    prop_oneof![4 => of(&NASTY), 4 => of(&TIMES), 2 => "[a-cA-C%_ \\\\'é🦀]{0,6}".prop_map(Value::Text)]
}

fn whole() -> impl Strategy<Value = Value> + Clone {
    let chosen = prop::sample::select(vec![
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
        i64::MIN + 1,
        9_007_199_254_740_993,
        1_577_836_800,
        1_577_836_800_001,
        -62_135_596_800,
        -62_135_596_801,
        253_402_300_799,
        253_402_300_800,
    ]);
    prop_oneof![3 => chosen.prop_map(Value::Int), 1 => any::<i64>().prop_map(Value::Int)]
}

fn real() -> impl Strategy<Value = Value> + Clone {
    let chosen = prop::sample::select(vec![
        0.0,
        -0.0,
        0.5,
        -0.5,
        0.1,
        1.0,
        2020.0,
        2020.5,
        -7.25,
        9_007_199_254_740_992.0,
        -9_007_199_254_740_992.0,
        9.3e18,
        -9.3e18,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        9_223_372_036_854_774_784.0,
        1e300,
        1_577_836_800.0,
        1_577_836_800.5,
        5e-324,
    ]);
    prop_oneof![3 => chosen.prop_map(Value::Real), 1 => (-1e6..1e6).prop_map(Value::Real)]
}

fn native() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        3 => prop::sample::select(NATIVE.to_vec()).prop_map(|text| Value::Text(text.to_owned())),
        2 => (1990..2030, 1..13, 1..29, 0..24, 0..60, 0..1_000_000).prop_map(|(y, m, d, h, n, f)| {
            Value::Text(format!("{y}-{m:02}-{d:02} {h:02}:{n:02}:00.{f:06}"))
        }),
    ]
}

/// Something for a column of this type. The session that inserts must be lax.
pub(super) fn for_type(declared: &str) -> BoxedStrategy<Value> {
    let texts = |list: &'static [&'static str]| {
        prop::sample::select(list).prop_map(|text| Value::Text(text.to_owned())).boxed()
    };
    let present = match Kind::of(declared) {
        Kind::Bool { .. } => prop::sample::select(vec![0, 1, 1, 0, 2]).prop_map(Value::Int).boxed(),
        Kind::Whole { unsigned: true } => {
            whole().prop_filter("not below 0", |value| matches!(value, Value::Int(0..))).boxed()
        }
        Kind::Whole { .. } => whole().boxed(),
        Kind::Bits => (0_i64..4096).prop_map(Value::Int).boxed(),
        Kind::Year => prop::sample::select(vec![0, 1901, 1999, 2018, 2019, 2020, 2021, 2155])
            .prop_map(Value::Int)
            .boxed(),
        Kind::Real => real().boxed(),
        Kind::Text => text().boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes).boxed(),
        Kind::Date | Kind::Timestamp | Kind::Datetime { .. } => native().boxed(),
        Kind::Written if declared == "time" => texts(&["00:00:00", "12:30:00", "-838:59:59", "838:59:59"]),
        Kind::Written if declared == "uuid" => texts(&["123e4567-e89b-12d3-a456-426655440000"]),
        Kind::Written => texts(&["a", "B", "é", "a,B"]),
        Kind::Other if declared == "point" => Just(Value::Null).boxed(),
        Kind::Other => texts(&["{\"a\": 1}"]),
    };
    prop_oneof![1 => Just(Value::Null), 6 => present].boxed()
}

/// A table `s` with a column of each of these types, filled with `rows` rows.
pub(super) struct Table<'a> {
    pub(super) scratch: &'a Scratch,
    pub(super) connection: MySqlConnection,
    pub(super) shape: DatasetShape,
}

impl<'a> Table<'a> {
    pub(super) async fn new(
        scratch: &'a Scratch,
        definition: &'static str,
        rows: i64,
        generator: &mut Generator,
    ) -> Self {
        let mut connection = scratch.lax().await;
        scratch.run(&mut connection, SqlText::new(definition)).await;
        let address = address("s");
        let shape = scratch.backend.inspect(&mut connection, &address).await.unwrap();
        for id in 0..rows {
            let columns = shape.columns.iter().skip(1);
            let mut values = vec![SqlText::value(Value::Int(id))];
            values.extend(
                columns.map(|column| SqlText::value(generator.one(&for_type(&column.declared_type)))),
            );
            let sql = SqlText::fill("INSERT IGNORE INTO s VALUES ({0})", &[&SqlText::list(&values)]);
            scratch.run(&mut connection, sql).await;
        }
        // From here on as the engine works.
        let connection = scratch.writer().await;
        Self { scratch, connection, shape }
    }

    pub(super) async fn stored(&mut self) -> Vec<Fields> {
        stored(self.scratch, &mut self.connection, "s", &self.shape).await
    }

    /// The value of one expression over every row of `s AS t`, in the order of `id`.
    pub(super) async fn each(&mut self, expression: &SqlText) -> Vec<Value> {
        let sql = SqlText::fill("SELECT {0} FROM s AS t ORDER BY id", &[expression]);
        let rows = self.scratch.rows(&mut self.connection, sql).await;
        rows.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// The same for several expressions at once: for each its values.
    pub(super) async fn each_of(&mut self, expressions: &[SqlText]) -> Vec<Vec<Value>> {
        let sql = SqlText::fill("SELECT {0} FROM s AS t ORDER BY id", &[&SqlText::list(expressions)]);
        let rows = self.scratch.rows(&mut self.connection, sql).await;
        let column = |at: usize| rows.iter().map(|row| row[at].clone()).collect();
        (0..expressions.len()).map(column).collect()
    }

    /// Runs the expression over every row in a statement that changes rows, where a warning is an error.
    pub(super) async fn is_harmless(&mut self, condition: &SqlText) {
        let sql =
            SqlText::fill("UPDATE s AS t SET id = -1 WHERE ({0}) IS TRUE AND SLEEP(0) > 0", &[condition]);
        let shown = sql.text().to_owned();
        let done = mysql_query(sql).persistent(false).execute(&mut self.connection).await;
        if let Err(error) = done {
            panic!("{error}\n{shown}");
        }
    }
}

pub(super) async fn stored(
    scratch: &Scratch,
    connection: &mut MySqlConnection,
    table: &'static str,
    shape: &DatasetShape,
) -> Vec<Fields> {
    let read =
        |column: &ColumnShape| scratch.backend.stored(column, &SqlText::column("t", &column.name).unwrap());
    let parts: Vec<SqlText> = shape.columns.iter().map(read).collect();
    let mut sql = SqlText::fill("SELECT {0} FROM ", &[&SqlText::list(&parts)]);
    sql.push(table).push(" AS t ORDER BY id");
    let rows = scratch.rows(connection, sql).await;
    let named = |row: Vec<Value>| shape.columns.iter().map(|column| column.name.clone()).zip(row).collect();
    rows.into_iter().map(named).collect()
}

pub(super) fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}
