//! The twins held together on a real PostgreSQL: what the SQL answers is what the Rust says.

mod class;
mod predicate;
mod start;
mod table;
mod transform;

use crate::dataset::DatasetShape;
use crate::postgres::tests::{Database, Session};
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::value::Value;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{RngSeed, TestRunner};
use std::collections::BTreeMap;
use table::{COLUMNS, Column, SHORT, TABLE, TEXTS};

type Fields = BTreeMap<String, Value>;

fn names() -> Vec<&'static str> {
    COLUMNS.iter().map(|column| column.name).collect()
}

/// The table, filled so that every text of every column occurs, with NULL between them.
async fn filled(database: &Database, rows: usize) -> (Session, DatasetShape, Vec<Fields>) {
    database.run(TABLE).await;
    let mut session = database.open().await;
    let mut generator = Generator::new(17);
    for id in 0..rows {
        let mut values = vec![SqlText::value(Value::Int(i64::try_from(id).unwrap()))];
        for column in COLUMNS {
            values.push(cell(column, id, &mut generator));
        }
        insert(&mut session, &values).await;
    }
    let shape = session.shape("s").await;
    let rows = stored(&mut session, &shape).await;
    (session, shape, rows)
}

fn cell(column: &Column, id: usize, generator: &mut Generator) -> SqlText {
    use proptest::prelude::*;
    let any = prop_oneof![1 => Just(None), 6 => prop::sample::select(column.texts.to_vec()).prop_map(Some)];
    let text = match column.texts.get(id) {
        Some(text) => Some(*text),
        None => generator.one(&any),
    };
    let text = text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    SqlText::fill(column.cast, &[&SqlText::fill("CAST({0} AS text)", &[&SqlText::value(text)])])
}

async fn insert(session: &mut Session, values: &[SqlText]) {
    let sql = SqlText::fill("INSERT INTO public.s VALUES ({0})", &[&SqlText::list(values)]);
    session.execute(sql).await.unwrap();
}

/// Every column of every row as the engine reads it, in the order of `id`.
async fn stored(session: &mut Session, shape: &DatasetShape) -> Vec<Fields> {
    let parts: Vec<SqlText> = shape
        .columns
        .iter()
        .map(|column| session.backend.stored(column, &SqlText::column("t", &column.name).unwrap()))
        .collect();
    let sql = SqlText::fill("SELECT {0} FROM public.s AS t ORDER BY t.id", &[&SqlText::list(&parts)]);
    let rows = session.rows(sql).await;
    let named = |row: Vec<Value>| shape.columns.iter().map(|column| column.name.clone()).zip(row).collect();
    rows.into_iter().map(named).collect()
}

/// The value of one expression over every row, in the order of `id`.
async fn each(session: &mut Session, expression: &SqlText) -> Vec<Value> {
    let sql = SqlText::fill("SELECT {0} FROM public.s AS t ORDER BY t.id", &[expression]);
    session.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
}

/// True for true, false for anything else.
fn is_true(condition: &SqlText) -> SqlText {
    SqlText::fill("({0} IS TRUE)", &[condition])
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}

/// Generates with a fixed seed: a failure is the same on every machine.
struct Generator(TestRunner);

impl Generator {
    fn new(seed: u64) -> Self {
        let config = proptest::test_runner::Config { rng_seed: RngSeed::Fixed(seed), ..Default::default() };
        Self(TestRunner::new(config))
    }

    fn one<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }
}
