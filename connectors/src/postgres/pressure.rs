//! What speaks for going slower: replicas that lag, sessions that wait or work besides ours.
//!
//! What the server hides from an ordinary role is left out and is no error. Cheap: one statement over
//! counters in the server's memory.

use super::connect::PostgresConnection;
use crate::port::Pressure;
use sqlx::Row as _;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Fewer transactions per second of others are taken for background work.
const FOREIGN_PER_SECOND_MIN: f64 = 5.0;
/// Transactions per second that a batch under way in another process of ours makes, with its reading back.
const OF_COMPANY_PER_SECOND: f64 = 40.0;
/// Transactions per second of one session of a ledger: of another process that waits, since ours are counted.
const OF_LEDGER_PER_SECOND: f64 = 10.0;
const LAG_SECONDS_MIN: f64 = 5.0;
/// One alone may be monitoring that asks now and then.
const RECENT_MIN: i64 = 2;
const PAUSE_MS: u64 = 4;
const PAUSE_WAITING_MS: u64 = 250;
const PAUSE_LAGGING_MS: u64 = 1000;

/// Seconds over which transactions are counted: a server tells of them about once a second.
const WINDOW: f64 = 2.0;

/// What was seen at the last looks, of which the first is at least a window ago if there were any then.
#[derive(Debug, Default)]
pub(super) struct Load {
    looks: Mutex<VecDeque<Seen>>,
    /// The last look spoke for going slower.
    felt: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Server's clock, in seconds.
    at: f64,
    /// Most transactions of others that were seen at any look. The server counts ours late, so that it may be too few.
    foreign: i64,
    /// Transactions of ours until then.
    own: i64,
}

impl Load {
    pub(super) async fn pressure(
        &self,
        connection: &mut PostgresConnection,
        company: u32,
    ) -> Result<Pressure, sqlx::Error> {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::float8 AS at, \
             (SELECT max(extract(epoch FROM replay_lag))::float8 FROM pg_stat_replication) AS lag, \
             count(*) FILTER (WHERE wait_event_type = 'Lock' \
                              AND application_name NOT LIKE 'oubliette ledger%') AS waiting, \
             count(*) FILTER (WHERE state = 'active' AND application_name NOT LIKE 'oubliette%') AS active, \
             count(*) FILTER (WHERE state_change > clock_timestamp() - interval '1 second' \
                              AND application_name NOT LIKE 'oubliette%') AS recent, \
             count(*) FILTER (WHERE application_name LIKE 'oubliette ledger%' \
                              AND split_part(application_name, ' ', 3) <> $1) AS ledgers, \
             (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()) \
               AS transactions \
             FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' \
             AND pid <> pg_backend_pid()";
        let process = std::process::id().to_string();
        let rows = connection.all(sqlx::query(sql).bind(process)).await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let look = Look {
            at: row.try_get("at")?,
            lag: row.try_get("lag")?,
            waiting: row.try_get("waiting")?,
            active: row.try_get("active")?,
            recent: row.try_get("recent")?,
            transactions: row.try_get("transactions")?,
        };
        let own = connection.own_transactions();
        let foreign = look.transactions.map(|all| self.foreign_rate(look.at, all, &own));
        let ledgers: i64 = row.try_get("ledgers")?;
        let of_ours = f64::from(company) * OF_COMPANY_PER_SECOND
            + f64::from(u32::try_from(ledgers).unwrap_or(u32::MAX)) * OF_LEDGER_PER_SECOND;
        let pressure = judged(&look, foreign.unwrap_or_default() - of_ours);
        self.felt.store(!pressure.reasons.is_empty(), Ordering::Relaxed);
        Ok(pressure)
    }

    /// Whether the last look spoke for going slower.
    pub(super) fn was_felt(&self) -> bool {
        self.felt.load(Ordering::Relaxed)
    }

    /// Transactions of others per second; 0 before the window is over, and where they could be ours that were
    /// counted late.
    fn foreign_rate(&self, at: f64, all: i64, own: &Range<i64>) -> f64 {
        let mut seen = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, own) = (own.start, own.end);
        let most = match seen.back() {
            Some(last) => all.saturating_sub(own).max(last.foreign),
            // Of those that we began in the time of this session none may have been counted.
            None => all.saturating_sub(before),
        };
        seen.push_back(Seen { at, foreign: most, own });
        while seen.get(1).is_some_and(|second| second.at <= at - WINDOW) {
            seen.pop_front();
        }
        let Some(first) = seen.front().filter(|first| first.at <= at - WINDOW) else { return 0.0 };
        let (more, ours) = (most.saturating_sub(first.foreign), own.saturating_sub(first.own));
        if more < ours / 4 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let more = more as f64;
        more / (at - first.at)
    }
}

struct Look {
    at: f64,
    lag: Option<f64>,
    waiting: i64,
    active: i64,
    /// Sessions of others that began or ended something in the last second.
    recent: i64,
    transactions: Option<i64>,
}

fn judged(look: &Look, foreign_per_second: f64) -> Pressure {
    let mut pressure = Pressure::default();
    let mut say = |reason: String, pause_ms: u64| {
        pressure.reasons.push(reason);
        pressure.pause_ms = pressure.pause_ms.max(pause_ms);
    };
    if let Some(lag) = look.lag.filter(|lag| *lag >= LAG_SECONDS_MIN) {
        say(format!("a replica is {lag:.0} s behind"), PAUSE_LAGGING_MS);
    }
    if look.waiting > 0 {
        say(format!("{} waiting for locks", counted(look.waiting)), PAUSE_WAITING_MS);
    }
    if look.active > 0 {
        say(format!("{} of others at work", counted(look.active)), PAUSE_MS);
    }
    if look.recent >= RECENT_MIN {
        say(format!("{} of others at work in the last second", counted(look.recent)), PAUSE_MS);
    }
    if foreign_per_second >= FOREIGN_PER_SECOND_MIN {
        say(format!("{foreign_per_second:.0} transactions of others per second"), PAUSE_MS);
    }
    pressure
}

fn counted(sessions: i64) -> String {
    if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_server_asks_for_no_pause_and_a_lagging_replica_for_a_long_one() {
        let idle = Look { at: 0.0, lag: None, waiting: 0, active: 0, recent: 0, transactions: None };
        assert_eq!(judged(&idle, 4.9), Pressure::default());
        let busy = Look { lag: Some(60.4), waiting: 1, active: 2, ..idle };
        let pressure = judged(&busy, 100.0);
        assert_eq!(
            pressure.reasons,
            [
                "a replica is 60 s behind",
                "1 session waiting for locks",
                "2 sessions of others at work",
                "100 transactions of others per second"
            ]
        );
        assert_eq!(pressure.pause_ms, 1000);
    }

    /// At each look (server's clock, all transactions, ours) those of others per second; ours were `before` when the
    /// session that looks began.
    fn rates(before: i64, looks: &[(f64, i64, i64)]) -> Vec<f64> {
        let load = Load::default();
        looks.iter().map(|(at, all, own)| load.foreign_rate(*at, *all, &(before..*own))).collect()
    }

    #[test]
    fn what_the_server_counts_late_is_not_taken_for_the_work_of_others() {
        let looks = [(0.0, 100, 30), (1.0, 130, 90), (2.0, 190, 90), (4.0, 230, 90)];
        assert_eq!(rates(0, &looks), [0.0, 0.0, 0.0, 20.0]);
    }

    #[test]
    fn what_this_process_did_before_the_session_hides_nobody() {
        let looks = [(0.0, 9_050, 9_010), (2.0, 9_110, 9_020), (4.0, 9_170, 9_030)];
        assert_eq!(rates(9_000, &looks), [0.0, 20.0, 25.0]);
    }

    #[test]
    fn few_transactions_beside_many_of_ours_may_be_ours() {
        let looks = [(0.0, 0, 0), (2.0, 1_200, 1_000), (4.0, 2_600, 2_000)];
        assert_eq!(rates(0, &looks), [0.0, 0.0, 200.0]);
    }
}
