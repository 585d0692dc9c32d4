//! Keys: each type finds its row, exactly and over the index.

use super::{Scratch, address, block_on};
use crate::dataset::DatasetShape;
use crate::server::{Backend as _, KeyColumn};
use crate::sql::{SqlError, SqlText};
use crate::value::{RecordKey, Value};
use sqlx::mysql::MySqlConnection;

const ROWS: usize = 20_000;

/// How many rows the statements of the session have asked the engine for.
async fn rows_read(scratch: &Scratch, connection: &mut MySqlConnection) -> i64 {
    let sql = SqlText::new("SHOW SESSION STATUS LIKE 'Handler_read_%'");
    let rows = scratch.rows(connection, sql).await;
    let number = |row: &Vec<Value>| match row.as_slice() {
        [_, Value::Text(number)] => number.parse::<i64>().unwrap(),
        _ => panic!("a name and a number"),
    };
    rows.iter().map(number).sum()
}

fn among(scratch: &Scratch, shape: &DatasetShape, keys: &[RecordKey]) -> Result<SqlText, SqlError> {
    let texts: Vec<SqlText> = shape.key.iter().map(|name| SqlText::column("t", name).unwrap()).collect();
    let columns: Vec<KeyColumn<'_>> = shape
        .key
        .iter()
        .zip(&texts)
        .map(|(name, text)| KeyColumn { text, shape: shape.column(name).unwrap() })
        .collect();
    scratch.backend.among(&columns, keys)
}

async fn all_keys(
    scratch: &Scratch,
    connection: &mut MySqlConnection,
    shape: &DatasetShape,
) -> Vec<RecordKey> {
    let parts: Vec<SqlText> = shape
        .key
        .iter()
        .map(|name| scratch.backend.stored(shape.column(name).unwrap(), &SqlText::column("t", name).unwrap()))
        .collect();
    let sql = SqlText::fill("SELECT {0} FROM k AS t ORDER BY n", &[&SqlText::list(&parts)]);
    scratch.rows(connection, sql).await.into_iter().map(RecordKey::of).collect()
}

async fn check(scratch: &Scratch, key: &'static str, value: &'static str) {
    let mut connection = scratch.writer().await;
    let create = SqlText::fill("CREATE OR REPLACE TABLE k ({0}, n INT NOT NULL)", &[&SqlText::new(key)]);
    scratch.run(&mut connection, create).await;
    let rows = SqlText::value(Value::Int(i64::try_from(ROWS).unwrap()));
    let fill = SqlText::fill(
        "INSERT INTO k SELECT {0}, s FROM (WITH RECURSIVE q AS (SELECT 1 AS s UNION ALL SELECT s + 1 FROM q WHERE s < {1}) \
         SELECT s FROM q) AS q",
        &[&SqlText::new(value), &rows],
    );
    scratch.setup(&mut connection, &["SET SESSION max_recursive_iterations = 1000000"]).await;
    scratch.run(&mut connection, fill).await;
    scratch.rows(&mut connection, SqlText::new("ANALYZE TABLE k")).await;
    let shape = scratch.backend.inspect(&mut connection, &address("k")).await.unwrap();
    let keys = all_keys(scratch, &mut connection, &shape).await;
    assert_eq!(keys.len(), ROWS);

    let some: Vec<RecordKey> = keys.iter().step_by(40).cloned().collect();
    let condition = among(scratch, &shape, &some).unwrap();
    let before = rows_read(scratch, &mut connection).await;
    let found = scratch
        .rows(&mut connection, SqlText::fill("SELECT n FROM k AS t WHERE {0} ORDER BY n", &[&condition]))
        .await;
    let numbers: Vec<Value> = found.into_iter().flatten().collect();
    let expected: Vec<Value> =
        (0..ROWS).step_by(40).map(|at| Value::Int(i64::try_from(at).unwrap() + 1)).collect();
    assert!(numbers == expected, "{key}: found {}", numbers.len());
    let updated = scratch
        .run(&mut connection, SqlText::fill("UPDATE k AS t SET n = -n WHERE {0}", &[&condition]))
        .await;
    let deleted =
        scratch.run(&mut connection, SqlText::fill("DELETE t FROM k AS t WHERE {0}", &[&condition])).await;
    assert_eq!((updated, deleted), (500, 500), "{key}");
    let read = rows_read(scratch, &mut connection).await - before;
    assert!(read < 6_000, "{key}: {read} rows were read for three times 500");

    // A step of a walk.
    let last = shape.key.last().unwrap();
    let part = scratch.backend.key_part(shape.column(last).unwrap(), keys[700].0.last().unwrap()).unwrap();
    if shape.key.len() == 1 {
        let column = SqlText::column("t", last).unwrap();
        let before = rows_read(scratch, &mut connection).await;
        let sql =
            SqlText::fill("SELECT n FROM k AS t WHERE {0} > {1} ORDER BY {0} LIMIT 10", &[&column, &part]);
        assert_eq!(scratch.rows(&mut connection, sql).await.len(), 10);
        let read = rows_read(scratch, &mut connection).await - before;
        assert!(read < 200, "{key}: {read} rows were read for 10");
    }
}

#[test]
fn keys_of_numbers_and_bytes_are_found_over_the_index() {
    block_on(async {
        let scratch = Scratch::new().await;
        check(&scratch, "a INT PRIMARY KEY", "s").await;
        check(&scratch, "a BIGINT UNSIGNED PRIMARY KEY", "s + 9000000000000000000").await;
        check(&scratch, "a VARBINARY(20) PRIMARY KEY", "CONCAT(X'00FF', s)").await;
        check(&scratch, "a BINARY(16) PRIMARY KEY", "UNHEX(MD5(s))").await;
    });
}

#[test]
fn keys_of_text_are_found_over_the_index_whatever_their_collation() {
    block_on(async {
        let scratch = Scratch::new().await;
        check(&scratch, "a VARCHAR(30) COLLATE utf8mb4_general_ci PRIMARY KEY", "CONCAT('É', s)").await;
        check(&scratch, "a VARCHAR(30) COLLATE utf8mb4_bin PRIMARY KEY", "CONCAT('É', s)").await;
        check(&scratch, "a VARCHAR(30) CHARACTER SET latin1 PRIMARY KEY", "CONCAT('É', s)").await;
        check(&scratch, "a CHAR(36) CHARACTER SET ascii PRIMARY KEY", "MD5(s)").await;
        check(&scratch, "a UUID PRIMARY KEY", "CONCAT('123e4567-e89b-12d3-a456-', LPAD(HEX(s), 12, '0'))")
            .await;
    });
}

#[test]
fn keys_of_times_and_of_several_parts_are_found_over_the_index() {
    block_on(async {
        let scratch = Scratch::new().await;
        check(&scratch, "a DATE PRIMARY KEY", "'1900-01-01' + INTERVAL s DAY").await;
        check(&scratch, "a DATETIME(6) PRIMARY KEY", "'2020-01-01' + INTERVAL s * 100 MICROSECOND").await;
        check(&scratch, "a TIMESTAMP(3) PRIMARY KEY", "'2020-01-01' + INTERVAL s SECOND").await;
        check(&scratch, "a INT, b VARCHAR(20), PRIMARY KEY (a, b)", "s DIV 3000, CONCAT('é', s)").await;
        check(&scratch, "a VARCHAR(20), b INT, PRIMARY KEY (a, b)", "CONCAT('é', s DIV 2), s").await;
        check(
            &scratch,
            "a DATE, b BINARY(4), c INT, PRIMARY KEY (a, b, c)",
            "'2020-01-01' + INTERVAL s DIV 4000 DAY, 'x', s",
        )
        .await;
    });
}

#[test]
fn a_key_in_other_letters_is_another_record() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch
            .setup(
                &mut connection,
                &[
                    "CREATE TABLE k (a VARCHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY)",
                    "CREATE TABLE c (n INT, a VARCHAR(10) COLLATE utf8mb4_general_ci, PRIMARY KEY (n, a))",
                    "INSERT INTO k VALUES ('sophie')",
                    "INSERT INTO c VALUES (1, 'sophie')",
                ],
            )
            .await;
        let shape = scratch.backend.inspect(&mut connection, &address("k")).await.unwrap();
        let pair = scratch.backend.inspect(&mut connection, &address("c")).await.unwrap();
        for (asked, expected) in [("sophie", 1), ("Sophie", 0), ("sophie ", 0), ("sophié", 0)] {
            let one = among(&scratch, &shape, &[RecordKey::text(asked)]).unwrap();
            let found =
                scratch.rows(&mut connection, SqlText::fill("SELECT 1 FROM k AS t WHERE {0}", &[&one])).await;
            assert_eq!(found.len(), expected, "{asked}");
            let two = RecordKey::of(vec![Value::Int(1), Value::Text(asked.to_owned())]);
            let two = among(&scratch, &pair, &[two]).unwrap();
            let found =
                scratch.rows(&mut connection, SqlText::fill("SELECT 1 FROM c AS t WHERE {0}", &[&two])).await;
            assert_eq!(found.len(), expected, "{asked}");
        }
        let none = among(&scratch, &shape, &[]).unwrap();
        assert!(
            scratch
                .rows(&mut connection, SqlText::fill("SELECT 1 FROM k AS t WHERE {0}", &[&none]))
                .await
                .is_empty()
        );
    });
}

#[test]
fn a_key_that_names_no_record_is_refused_with_the_way_out() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut connection = scratch.writer().await;
        scratch.setup(&mut connection, &["CREATE TABLE k (a DECIMAL(10,2) PRIMARY KEY)"]).await;
        let shape = scratch.backend.inspect(&mut connection, &address("k")).await.unwrap();
        let error = among(&scratch, &shape, &[RecordKey::of(vec![Value::Real(1.5)])]).unwrap_err();
        assert!(error.to_string().contains("give the table a key of integers"), "{error}");
        let many: Vec<RecordKey> = (0..60_001).map(RecordKey::int).collect();
        let error = among(&scratch, &shape, &many).unwrap_err();
        assert!(error.to_string().contains("at most 60000"), "{error}");
    });
}
