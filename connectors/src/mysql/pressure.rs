//! What speaks for going slower: who else works on the server, and who waits.
//!
//! Everybody may read the counters of `SHOW GLOBAL STATUS`; what needs a right that the user lacks is not
//! mentioned. Nothing here fails a batch but a connection that is gone.

use super::MySqlBackend;
use super::cleaning::Sight;
use crate::error::ConnectorError;
use crate::port::Pressure;
use crate::server::Backend as _;
use crate::sql::SqlText;
use crate::value::Value;
use sqlx::mysql::MySqlConnection;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

/// Statements of this process, on any server: begun so far, and under way now. All backends share them: the
/// readers and writers of one database are not to take each other for strangers.
static OWN_BEGUN: AtomicI64 = AtomicI64::new(0);
static OWN_RUNNING: AtomicI64 = AtomicI64::new(0);

/// One statement of this process while it is under way.
pub(super) struct Own;

impl Own {
    pub(super) fn begin() -> Self {
        OWN_BEGUN.fetch_add(1, Ordering::Relaxed);
        OWN_RUNNING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        OWN_RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counters of the server at one moment of its own clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// Seconds since the server started.
    uptime: i64,
    /// Statements of all sessions since then.
    questions: i64,
    /// Statements of this process until then.
    own: i64,
}

/// What the looks before have seen.
#[derive(Debug, Default)]
pub(super) struct Looks {
    counted: Option<Load>,
    /// Sessions at work at the last look that were none of ours.
    others: i64,
    /// Statements of others per second when they were last counted.
    foreign: i64,
}

/// Seconds over which the statements of others are counted: the server tells its time in whole ones.
const FOREIGN_WINDOW: i64 = 2;
/// Statements of others in a second from which we give way: a few come from monitoring alone.
const FOREIGN_STATEMENTS_MAX: i64 = 10;
/// Statements per second that a batch under way in another process of ours makes, with its reading back.
const OF_COMPANY_PER_SECOND: i64 = 120;
/// Versions of rows that are not purged yet. Deleting on makes every reader slower.
const HISTORY_MAX: i64 = 1_000_000;
/// Seconds by which a replica of ours may be behind.
const LAG_MAX: i64 = 10;
const PAUSE_MS: u64 = 4;
const PAUSE_WAITING_MS: u64 = 250;

const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'Questions', 'Uptime', \
     'Innodb_row_lock_current_waits', 'Innodb_history_list_length', 'Slaves_connected')";

pub(super) async fn pressure(
    backend: &MySqlBackend,
    connection: &mut MySqlConnection,
    company: u32,
) -> Result<(Pressure, Sight), ConnectorError> {
    // With the statement that asks. One that began or ended meanwhile is ours as well.
    let running_before = OWN_RUNNING.load(Ordering::Relaxed) + 1;
    let status = counters(backend.rows(connection, "", SqlText::new(STATUS)).await?);
    let running = running_before.max(OWN_RUNNING.load(Ordering::Relaxed) + 1);
    let own = OWN_BEGUN.load(Ordering::Relaxed);
    let lag = lag(backend, connection).await;
    let number = |name: &str| status.get(name).copied();
    let now = number("uptime").zip(number("questions"));
    let now = now.map(|(uptime, questions)| Load { uptime, questions, own });
    let company = i64::from(company);
    // Each carries a batch out and reads one back. What sends the log to a replica always runs.
    let others = number("threads_running")
        .map(|all| all - running - 2 * company - number("slaves_connected").unwrap_or(0));
    let (foreign, foreign_last, others) = {
        // A panic elsewhere while it was held: the counters only lose their comparison.
        let mut kept = backend.load.lock().unwrap_or_else(PoisonError::into_inner);
        let foreign = kept.counted.zip(now).and_then(|(before, now)| foreign_per_second(before, now));
        if kept.counted.is_none() || foreign.is_some() {
            kept.counted = now;
        }
        // A session of ours that is about to begin runs as well; one look later it does not.
        let before = std::mem::replace(&mut kept.others, others.unwrap_or_default());
        let foreign = foreign.map(|rate| rate - company * OF_COMPANY_PER_SECOND);
        kept.foreign = foreign.unwrap_or(kept.foreign);
        (foreign, kept.foreign, others.map(|others| others.min(before)))
    };
    let history = number("innodb_history_list_length");
    let pressure = judge(&Seen {
        others,
        // Batches of ours may wait for one another's rows. Others who wait for ours run, too.
        waiting: number("innodb_row_lock_current_waits").map(|all| all - (running - 1) - 2 * company),
        history,
        foreign,
        lag,
    });
    // They are counted every other second, and are there in between.
    let is_calm = pressure.reasons.is_empty() && foreign_last <= FOREIGN_STATEMENTS_MAX;
    Ok((pressure, Sight { is_calm, uptime: number("uptime"), waiting: history }))
}

#[derive(Debug, Default)]
struct Seen {
    /// Sessions at work that are none of ours.
    others: Option<i64>,
    waiting: Option<i64>,
    history: Option<i64>,
    foreign: Option<i64>,
    lag: Option<i64>,
}

fn judge(seen: &Seen) -> Pressure {
    let mut pressure = Pressure::default();
    let mut say = |found: Option<i64>, most: i64, pause_ms: u64, phrase: fn(i64) -> String| {
        if let Some(found) = found.filter(|found| *found > most) {
            pressure.reasons.push(phrase(found));
            pressure.pause_ms = pressure.pause_ms.max(pause_ms);
        }
    };
    say(seen.others, 0, PAUSE_MS, |others| format!("{others} other sessions running"));
    say(seen.foreign, FOREIGN_STATEMENTS_MAX, PAUSE_MS, |rate| {
        format!("{rate} statements per second of others")
    });
    say(seen.waiting, 0, PAUSE_WAITING_MS, |waits| format!("{waits} waits for row locks"));
    say(seen.history, HISTORY_MAX, PAUSE_WAITING_MS, |length| {
        format!("history list of {length} transactions")
    });
    say(seen.lag, LAG_MAX, PAUSE_WAITING_MS, |seconds| format!("replica {seconds} s behind"));
    pressure
}

/// `None` when the two are too close together for the server's clock; 0 when it was started again in between.
fn foreign_per_second(before: Load, now: Load) -> Option<i64> {
    let seconds = now.uptime - before.uptime;
    if seconds < 0 {
        return Some(0);
    }
    if seconds < FOREIGN_WINDOW {
        return None;
    }
    let ours = now.own - before.own;
    Some((now.questions - before.questions - ours).max(0) / seconds)
}

/// Numbers by the lower-case name of their variable.
fn counters(rows: Vec<Vec<Value>>) -> BTreeMap<String, i64> {
    let one = |row: Vec<Value>| match row.as_slice() {
        [Value::Text(name), Value::Text(value)] => Some((name.to_ascii_lowercase(), value.parse().ok()?)),
        _ => None,
    };
    rows.into_iter().filter_map(one).collect()
}

/// Seconds by which this server is behind its primary, if it is a replica and the user may know.
async fn lag(backend: &MySqlBackend, connection: &mut MySqlConnection) -> Option<i64> {
    // Missing where there is no such table or right: silence.
    let sql = SqlText::new(
        "SELECT MAX(TIMESTAMPDIFF(SECOND, APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, UTC_TIMESTAMP())) \
         FROM performance_schema.replication_applier_status_by_worker \
         WHERE APPLYING_TRANSACTION <> ''",
    );
    let rows = backend.rows(connection, "", sql).await.ok()?;
    match rows.first()?.first()? {
        Value::Int(seconds) => Some(*seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_ours_alone_asks_for_no_pause() {
        let alone =
            Seen { others: Some(0), waiting: Some(0), history: Some(20), foreign: Some(0), lag: None };
        assert_eq!(judge(&alone), Pressure::default());
        assert_eq!(judge(&Seen::default()), Pressure::default());
    }

    #[test]
    fn who_works_and_who_waits_is_told_and_waiting_counts_more() {
        let busy = Seen { others: Some(3), foreign: Some(120), ..Seen::default() };
        let told = judge(&busy);
        assert_eq!(told.reasons, ["3 other sessions running", "120 statements per second of others"]);
        assert_eq!(told.pause_ms, PAUSE_MS);
        let waiting = judge(&Seen { waiting: Some(2), ..Seen::default() });
        assert_eq!(
            (waiting.reasons, waiting.pause_ms),
            (vec!["2 waits for row locks".to_owned()], PAUSE_WAITING_MS)
        );
    }

    #[test]
    fn our_own_statements_are_no_pressure() {
        let at = |uptime, questions, own| Load { uptime, questions, own };
        assert_eq!(foreign_per_second(at(10, 1000, 100), at(12, 1500, 600)), Some(0));
        assert_eq!(foreign_per_second(at(10, 1000, 100), at(12, 1600, 500)), Some(100));
        assert_eq!(foreign_per_second(at(10, 1000, 100), at(10, 1600, 500)), None);
        assert_eq!(foreign_per_second(at(10, 1000, 100), at(11, 1600, 500)), None);
        assert_eq!(foreign_per_second(at(10, 1000, 100), at(2, 5, 101)), Some(0));
    }
}
