//! The view that keeps the server from cleaning up.

use super::{Scratch, block_on};
use crate::mysql::cleaning::{Cleaning, Sight};
use crate::sql::SqlText;
use crate::value::Value;
use std::time::Duration;

const CALM: Sight = Sight { is_calm: true, uptime: Some(100), waiting: Some(0) };

/// Sessions of the database, besides the one that asks, that have a transaction.
const VIEWS: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX t \
     JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
     WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()";

async fn check_views(scratch: &Scratch, expected: i64) {
    let mut asking = scratch.writer().await;
    let wanted = vec![vec![Value::Int(expected)]];
    // A session that was closed is there for a moment more, and what is asked more often is answered as before.
    for _ in 0..50 {
        if scratch.rows(&mut asking, SqlText::new(VIEWS)).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("never {expected} views");
}

#[test]
fn a_view_is_there_while_it_is_calm_and_goes_with_the_walk_or_when_others_come() {
    block_on(async {
        let scratch = Scratch::new().await;
        let cleaning = Cleaning::default();
        check_views(&scratch, 0).await;
        for _ in 0..2 {
            cleaning.look(&scratch.backend, CALM).await;
            check_views(&scratch, 1).await;
        }
        cleaning.look(&scratch.backend, Sight { is_calm: false, ..CALM }).await;
        check_views(&scratch, 0).await;
        cleaning.look(&scratch.backend, CALM).await;
        check_views(&scratch, 0).await;
        // The end of a walk ends no pause.
        cleaning.go_on().await;
        cleaning.look(&scratch.backend, CALM).await;
        check_views(&scratch, 0).await;
        cleaning.look(&scratch.backend, Sight { uptime: Some(105), ..CALM }).await;
        check_views(&scratch, 1).await;
        cleaning.look(&scratch.backend, Sight { uptime: Some(113), ..CALM }).await;
        check_views(&scratch, 0).await;
        cleaning.look(&scratch.backend, Sight { uptime: Some(121), ..CALM }).await;
        check_views(&scratch, 1).await;
        cleaning.go_on().await;
        check_views(&scratch, 0).await;
    });
}
