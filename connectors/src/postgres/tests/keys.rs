//! Keys lead back to exactly their row, by the index of the key.

use super::{Session, with_database};
use crate::server::{Backend as _, KeyColumn};
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value};

const TABLES: [(&str, &str); 12] = [
    ("CREATE TABLE k (a smallint PRIMARY KEY)", "INSERT INTO k VALUES (0), (-32768), (32767)"),
    (
        "CREATE TABLE k (a bigint PRIMARY KEY)",
        "INSERT INTO k VALUES (0), (-9223372036854775808), (9223372036854775807)",
    ),
    (
        "CREATE TABLE k (a text PRIMARY KEY)",
        "INSERT INTO k VALUES (''), ('a'), ('A'), ('O''Brien \\ \"x\"'), ('é 🦀'), (E'\\n')",
    ),
    (
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE k (a varchar(10) COLLATE loose PRIMARY KEY)",
        "INSERT INTO k VALUES ('a'), ('B'), ('é')",
    ),
    ("CREATE TABLE k (a char(5) PRIMARY KEY)", "INSERT INTO k VALUES (''), ('a'), ('abcde')"),
    (
        "CREATE TABLE k (a uuid PRIMARY KEY)",
        "INSERT INTO k SELECT gen_random_uuid() FROM generate_series(1, 5)",
    ),
    ("CREATE TABLE k (a bytea PRIMARY KEY)", "INSERT INTO k VALUES (''), ('\\x00ff'), ('a')"),
    (
        "CREATE TABLE k (a date PRIMARY KEY)",
        "INSERT INTO k VALUES ('infinity'), ('-infinity'), ('0044-03-15 BC'), ('2020-02-29'), ('12345-01-01')",
    ),
    (
        "CREATE TABLE k (a timestamptz PRIMARY KEY)",
        "INSERT INTO k VALUES ('infinity'), ('-infinity'), ('0044-03-15 01:02:03.000004+00 BC'), ('2020-02-29 00:00:00.000001+00'), ('12345-01-01')",
    ),
    (
        "CREATE TABLE k (a timestamp PRIMARY KEY)",
        "INSERT INTO k VALUES ('-infinity'), ('0044-03-15 01:02:03.000004 BC'), ('2020-02-29 00:00:00.1'), ('294276-01-01')",
    ),
    (
        "CREATE TABLE k (a boolean, b integer, PRIMARY KEY (a, b))",
        "INSERT INTO k VALUES (true, 1), (true, 2), (false, 1)",
    ),
    (
        "CREATE DOMAIN code AS varchar(9); CREATE TABLE k (a code, b date, c bytea, PRIMARY KEY (b, a, c))",
        "INSERT INTO k VALUES ('x', '2020-01-01', '\\x00'), ('x', '2020-01-02', ''), ('y', '2020-01-01', 'z')",
    ),
];

/// The key columns of the table under the alias `t`, and all its keys.
async fn keys(session: &mut Session) -> (Vec<SqlText>, Vec<crate::ColumnShape>, Vec<RecordKey>) {
    let shape = session.shape("k").await;
    let columns: Vec<_> = shape.key.iter().map(|name| shape.column(name).unwrap().clone()).collect();
    let texts: Vec<_> = shape.key.iter().map(|name| SqlText::column("t", name).unwrap()).collect();
    let read: Vec<_> =
        columns.iter().zip(&texts).map(|(column, text)| session.backend.stored(column, text)).collect();
    let list = SqlText::list(&texts);
    let sql = SqlText::fill("SELECT {0} FROM public.k AS t ORDER BY {1}", &[&SqlText::list(&read), &list]);
    let keys = session.rows(sql).await.into_iter().map(RecordKey::of).collect();
    (texts, columns, keys)
}

#[test]
fn each_key_finds_its_row_and_the_walk_goes_in_the_order_of_the_table() {
    for (table, rows) in TABLES {
        with_database(async |database| {
            database.run(table).await;
            database.run(rows).await;
            let mut session = database.open().await;
            let (texts, columns, keys) = keys(&mut session).await;
            let pairs = || texts.iter().zip(&columns);
            let parts: Vec<KeyColumn<'_>> = pairs().map(|(text, shape)| KeyColumn { text, shape }).collect();
            let tuple = SqlText::list(&texts);
            for (position, key) in keys.iter().enumerate() {
                let bound: Vec<SqlText> = columns
                    .iter()
                    .zip(&key.0)
                    .map(|(column, value)| session.backend.key_part(column, value).unwrap())
                    .collect();
                let bound = SqlText::list(&bound);
                let sql = SqlText::fill(
                    "SELECT count(*) FILTER (WHERE ({0}) = ({1})), count(*) FILTER (WHERE ({0}) > ({1})) FROM public.k AS t",
                    &[&tuple, &bound],
                );
                let after = i64::try_from(keys.len() - position - 1).unwrap();
                assert!(
                    session.rows(sql).await[0] == [Value::Int(1), Value::Int(after)],
                    "{table} {position}"
                );
                let among = session.backend.among(&parts, std::slice::from_ref(key)).unwrap();
                assert_eq!(count(&mut session, &among).await, 1, "{table} {position}");
            }
            let all = session.backend.among(&parts, &keys).unwrap();
            assert_eq!(all.binds().iter().filter(|bind| matches!(bind, Value::Text(_))).count(), 1);
            assert_eq!(count(&mut session, &all).await, keys.len(), "{table}");
            let none = session.backend.among(&parts, &[]).unwrap();
            assert_eq!(count(&mut session, &none).await, 0);
        });
    }
}

async fn count(session: &mut Session, condition: &SqlText) -> usize {
    let sql = SqlText::fill("SELECT 1 FROM public.k AS t WHERE {0}", &[condition]);
    session.rows(sql).await.len()
}

#[test]
fn many_keys_are_looked_up_in_the_index() {
    for table in [
        "CREATE TABLE k AS SELECT g::int AS a FROM generate_series(1, 50000) AS g; ALTER TABLE k ADD PRIMARY KEY (a)",
        "CREATE TABLE k AS SELECT g::text AS a FROM generate_series(1, 50000) AS g; ALTER TABLE k ADD PRIMARY KEY (a)",
        "CREATE TABLE k AS SELECT gen_random_uuid() AS a FROM generate_series(1, 50000); ALTER TABLE k ADD PRIMARY KEY (a)",
        "CREATE TABLE k AS SELECT g::int AS a, g::text AS b FROM generate_series(1, 50000) AS g; ALTER TABLE k ADD PRIMARY KEY (a, b)",
    ] {
        with_database(async |database| {
            database.run(table).await;
            database.run("ANALYZE k").await;
            let mut session = database.open().await;
            let (texts, columns, keys) = keys(&mut session).await;
            let parts: Vec<KeyColumn<'_>> =
                texts.iter().zip(&columns).map(|(text, shape)| KeyColumn { text, shape }).collect();
            let among = session.backend.among(&parts, &keys[..100]).unwrap();
            assert_eq!(count(&mut session, &among).await, 100);
            let plan =
                session.rows(SqlText::fill("EXPLAIN SELECT 1 FROM public.k AS t WHERE {0}", &[&among])).await;
            let plan: Vec<String> =
                plan.iter().map(|line| serde_json::to_string(&line[0]).unwrap()).collect();
            assert!(plan.iter().any(|line| line.contains("k_pkey")), "{plan:?}");
        });
    }
}

#[test]
fn keys_that_cannot_be_followed_are_refused_with_the_way_out() {
    with_database(async |database| {
        database
            .run("CREATE TABLE k (a numeric PRIMARY KEY, b double precision, c jsonb, d int, e date)")
            .await;
        let mut session = database.open().await;
        let shape = session.shape("k").await;
        let part = |name: &str, value: &Value| session.backend.key_part(shape.column(name).unwrap(), value);
        for name in ["a", "b", "c"] {
            let refused = part(name, &Value::Int(1));
            let Err(SqlError::NotWritable { reason }) = refused else { panic!("{refused:?}") };
            assert!(reason.contains("give the table a primary key"), "{reason}");
        }
        let text = |text: &str| Value::Text(text.to_owned());
        for (name, value) in
            [("d", text("1")), ("e", text("out of range")), ("e", text("now")), ("d", Value::Null)]
        {
            assert!(matches!(part(name, &value), Err(SqlError::NotWritable { .. })), "{name} {value:?}");
        }
    });
}
