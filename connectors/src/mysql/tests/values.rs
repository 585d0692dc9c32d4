//! What rows are read as.

use super::{Scratch, address, block_on};
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::value::Value;
use chrono::{DateTime, NaiveDate, Utc};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The stored values of the one row of a table with these columns.
async fn read(scratch: &Scratch, columns: &'static str, values: &'static str) -> Vec<Value> {
    let mut connection = scratch.lax().await;
    scratch
        .run(&mut connection, SqlText::fill("CREATE OR REPLACE TABLE v ({0})", &[&SqlText::new(columns)]))
        .await;
    scratch.run(&mut connection, SqlText::fill("INSERT INTO v VALUES ({0})", &[&SqlText::new(values)])).await;
    let shape = scratch.backend.inspect(&mut connection, &address("v")).await.unwrap();
    let parts: Vec<SqlText> = shape
        .columns
        .iter()
        .map(|column| scratch.backend.stored(column, &SqlText::column("t", &column.name).unwrap()))
        .collect();
    let mut reader = scratch.writer().await;
    let sql = SqlText::fill("SELECT {0} FROM v AS t", &[&SqlText::list(&parts)]);
    scratch.rows(&mut reader, sql).await.remove(0)
}

#[test]
fn each_type_is_read_as_what_it_is() {
    block_on(async {
        let scratch = Scratch::new().await;
        let numbers = read(
            &scratch,
            "a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT UNSIGNED, e BIGINT, f BIGINT UNSIGNED, g YEAR, h BIT(12), \
             i TINYINT(1), j BIT(1), k TINYINT(1) UNSIGNED, l TINYINT UNSIGNED, m MEDIUMINT UNSIGNED",
            "-128, 65535, -8388608, 4294967295, -9223372036854775807 - 1, 9223372036854775807, 2020, 4095, 7, b'1', 200, 255, 16777215",
        )
        .await;
        let expected = [
            -128,
            65535,
            -8_388_608,
            4_294_967_295,
            i64::MIN,
            i64::MAX,
            2020,
            4095,
            7,
            1,
            200,
            255,
            16_777_215,
        ];
        assert!(numbers == expected.map(Value::Int).to_vec(), "{}", serde_json::to_string(&numbers).unwrap());
        let reals =
            read(&scratch, "a FLOAT, b DOUBLE, c DECIMAL(20,4), d DECIMAL(5,0)", "0.1, 0.1, 12.5, 42").await;
        assert!(reals == [f64::from(0.1_f32), 0.1, 12.5, 42.0].map(Value::Real).to_vec());
        let texts = read(
            &scratch,
            "a VARCHAR(9), b VARCHAR(9) COLLATE utf8mb4_bin, c VARCHAR(9) CHARACTER SET latin1, d CHAR(9), \
             e LONGTEXT COLLATE utf8mb4_bin, f ENUM('x','é'), g SET('a','b'), h TIME, i UUID, j JSON",
            "'é🦀', 'é🦀', 'é', 'a  ', 'b', 'é', 'a,b', '-12:30:00', '123e4567-e89b-12d3-a456-426655440000', '{}'",
        )
        .await;
        let expected = [
            "é🦀",
            "é🦀",
            "é",
            "a",
            "b",
            "é",
            "a,b",
            "-12:30:00",
            "123e4567-e89b-12d3-a456-426655440000",
            "{}",
        ];
        assert!(texts == expected.map(text).to_vec());
        let bytes = read(&scratch, "a VARBINARY(9), b BINARY(3), c BLOB", "X'00FF', X'01', ''").await;
        assert!(bytes == [vec![0, 255], vec![1, 0, 0], vec![]].map(Value::Bytes).to_vec());
    });
}

#[test]
fn a_date_that_is_none_is_neither_null_nor_a_date() {
    block_on(async {
        let scratch = Scratch::new().await;
        let row = read(
            &scratch,
            "a DATE, b DATE, c DATE, d DATETIME, e DATETIME(6), f DATETIME(3), g TIMESTAMP(6) NULL, h TIMESTAMP NULL, i DATE",
            "'2020-02-29', '0000-00-00', '2020-02-31', '2020-01-01 10:00:00', '2020-01-01 10:00:00.25', \
             '2020-01-01 10:00:00', '2020-01-01 10:00:00.5', '0000-00-00 00:00:00', NULL",
        )
        .await;
        let none = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let expected = vec![
            Value::Date(NaiveDate::from_ymd_opt(2020, 2, 29).unwrap()),
            none("0000-00-00"),
            none("2020-02-31"),
            text("2020-01-01 10:00:00"),
            text("2020-01-01 10:00:00.25"),
            text("2020-01-01 10:00:00"),
            Value::Instant("2020-01-01T10:00:00.5Z".parse::<DateTime<Utc>>().unwrap()),
            none("0000-00-00 00:00:00"),
            Value::Null,
        ];
        assert!(row == expected, "{}", serde_json::to_string(&row).unwrap());
    });
}
