//! Puts off the server's own cleaning while a run has the server to itself.
//!
//! InnoDB removes deleted rows for good as soon as no session can see them any more: on the pages that the next batch
//! needs, and with a processor that the batch needs, so that a run takes a third longer. A session with an older
//! view of the data keeps it from that, as the transaction of one single `DELETE` would. It is there for seconds only,
//! goes as soon as others work on the server, and is no condition of anything: where it cannot be had, a run is slower.
//! The server ends it by itself if this process stops.

use super::MySqlBackend;
use crate::server::{Access, Backend as _};
use crate::sql::SqlText;
use sqlx::Connection as _;
use sqlx::mysql::MySqlConnection;
use std::time::Duration;
use tokio::sync::Mutex;

/// Seconds by the server's clock. The longer, the more there is to clean when others come.
const HELD_MAX: i64 = 8;
/// Seconds after which it may be held again: the server has as long for its cleaning as it was kept from it.
const PAUSE: i64 = HELD_MAX;
/// Seconds after others were last seen: they come again.
const PAUSE_AFTER_OTHERS: i64 = 5;
/// Transactions that wait to be cleaned up; with more of them it is the server's turn.
const WAITING_MAX: i64 = 500;
/// A little longer than we hold it, in case this process stops.
const LIMIT: &str = "SET SESSION wait_timeout = 10";
/// A look at the server does not wait longer for it.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// What was seen when the server was last looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// Nobody else works on the server, and nothing else speaks for going slower.
    pub(super) is_calm: bool,
    /// Seconds since the server started.
    pub(super) uptime: Option<i64>,
    /// Transactions that wait to be cleaned up.
    pub(super) waiting: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Cleaning(Mutex<State>);

#[derive(Debug)]
enum State {
    /// The server cleans up.
    Going {
        /// Uptime of the server before which it is not put off.
        until: i64,
    },
    PutOff {
        view: MySqlConnection,
        /// Uptime of the server.
        since: i64,
    },
    /// A session for it could not be had, and is not asked for again.
    Refused,
}

impl Default for State {
    fn default() -> Self {
        Self::Going { until: 0 }
    }
}

/// What is to become of the view.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Take,
    /// Until this uptime at least the server cleans up.
    Leave(i64),
    Stay,
}

fn turn(state: &State, sight: Sight) -> Turn {
    let Some(now) = sight.uptime else { return Turn::Leave(0) };
    match state {
        State::PutOff { .. } | State::Going { .. } if !sight.is_calm => Turn::Leave(now + PAUSE_AFTER_OTHERS),
        // A server that was started again has ended it.
        State::PutOff { since, .. } if !(*since..since + HELD_MAX).contains(&now) => Turn::Leave(now + PAUSE),
        State::Going { until } if may_take(*until, now, sight) => Turn::Take,
        _ => Turn::Stay,
    }
}

fn may_take(until: i64, now: i64, sight: Sight) -> bool {
    // A server that was started again counts from 0.
    let is_pause = (until - PAUSE..until).contains(&now);
    !is_pause && sight.waiting.is_some_and(|waiting| waiting <= WAITING_MAX)
}

impl Cleaning {
    pub(super) async fn look(&self, backend: &MySqlBackend, sight: Sight) {
        let mut state = self.0.lock().await;
        match (turn(&state, sight), sight.uptime) {
            (Turn::Take, Some(since)) => {
                let view = tokio::time::timeout(CONNECT_MAX, view(backend)).await;
                *state = view.ok().flatten().map_or(State::Refused, |view| State::PutOff { view, since });
            }
            (Turn::Leave(until), _) => leave(&mut state, until).await,
            _ => {}
        }
    }

    /// Lets the server clean up. A pause that is under way goes on: the next walk may begin at once.
    pub(super) async fn go_on(&self) {
        let mut state = self.0.lock().await;
        if matches!(*state, State::PutOff { .. }) {
            leave(&mut state, 0).await;
        }
    }
}

async fn leave(state: &mut State, until: i64) {
    if matches!(state, State::Refused) {
        return;
    }
    if let State::PutOff { view, .. } = std::mem::replace(state, State::Going { until }) {
        // A session that does not end so has ended already.
        drop(view.close().await);
    }
}

/// A session that sees the data as they are now.
async fn view(backend: &MySqlBackend) -> Option<MySqlConnection> {
    let mut view = backend.connect(Access::Read).await.ok()?;
    for statement in [LIMIT].iter().chain(backend.begin_reading()) {
        backend.execute(&mut view, "", SqlText::new(statement)).await.ok()?;
    }
    Some(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Sight = Sight { is_calm: true, uptime: Some(100), waiting: Some(20) };

    const NOT_YET: State = State::Going { until: 0 };

    #[test]
    fn it_is_put_off_while_nobody_else_is_there_and_little_waits() {
        assert_eq!(turn(&NOT_YET, CALM), Turn::Take);
        assert_eq!(turn(&NOT_YET, Sight { waiting: Some(501), ..CALM }), Turn::Stay);
        assert_eq!(turn(&NOT_YET, Sight { waiting: None, ..CALM }), Turn::Stay);
        assert_eq!(turn(&NOT_YET, Sight { uptime: None, ..CALM }), Turn::Leave(0));
        assert_eq!(turn(&State::Refused, CALM), Turn::Stay);
    }

    #[test]
    fn after_others_were_seen_it_goes_on_for_a_while() {
        let busy = Sight { is_calm: false, ..CALM };
        assert_eq!(turn(&NOT_YET, busy), Turn::Leave(105));
        let going = State::Going { until: 105 };
        assert_eq!(turn(&going, CALM), Turn::Stay);
        assert_eq!(turn(&going, busy), Turn::Leave(105));
        assert_eq!(turn(&going, Sight { uptime: Some(105), ..CALM }), Turn::Take);
        // Of a server that was started again.
        assert_eq!(turn(&State::Going { until: 9_000 }, CALM), Turn::Take);
    }
}
