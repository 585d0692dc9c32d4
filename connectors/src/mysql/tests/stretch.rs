//! A list of due records that the server cuts off.

use super::{MySqlBackend, MySqlOptions, Scratch, address, block_on, url_of};
use crate::port::{Bound, Reach, RecordSource as _};
use crate::predicate::Field;
use crate::selection::StartEncoding;
use crate::server::ServerSource;
use crate::sql::SqlText;
use crate::testkit::{TestDataset, purge_selection};
use crate::value::{RecordKey, Value};

#[test]
fn a_list_that_is_cut_off_is_not_used_and_the_range_ends_where_it_would() {
    block_on(async {
        let scratch = Scratch::new().await;
        let mut writer = scratch.writer().await;
        let fill = "INSERT INTO k WITH RECURSIVE q AS (SELECT 1 AS s UNION ALL SELECT s + 1 FROM q WHERE s < 100) \
             SELECT s, '2010-01-01' FROM q";
        scratch.setup(&mut writer, &["CREATE TABLE k (id INT PRIMARY KEY, closed DATE)", fill]).await;
        let backend = MySqlBackend::new("crm", &url_of(&scratch.name), MySqlOptions::default()).unwrap();
        let source = ServerSource::open(backend).await.unwrap();
        let shape = source.inspect(&address("k")).await.unwrap();
        let start =
            Field { name: "closed".to_owned(), value_type: shape.column("closed").unwrap().value_type };
        let selection = purge_selection(&TestDataset {
            address: address("k"),
            shape,
            attribute: start.clone(),
            start,
            encoding: StartEncoding::CivilDate,
            unchanged_since: None,
        });
        let all: Vec<RecordKey> = (1..=100).map(RecordKey::int).collect();
        let whole = source.stretch(&selection, None, Reach::Due(100)).await.unwrap();
        assert_eq!((whole.due, whole.bound), (Some(all), Bound::At(RecordKey::int(100))));
        // Behind a number, behind a comma, and within the last number, 100.
        for length in [20, 21, 290] {
            let length = SqlText::value(Value::Int(length));
            source.run_for_tests(SqlText::fill("SET SESSION group_concat_max_len = {0}", &[&length])).await;
            for (reach, end) in [(Reach::Due(100), 100), (Reach::Records(100), 100)] {
                let cut = source.stretch(&selection, None, reach).await.unwrap();
                assert_eq!(
                    (cut.due, cut.bound),
                    (None, Bound::At(RecordKey::int(end))),
                    "{length:?} {reach:?}"
                );
            }
        }
    });
}
