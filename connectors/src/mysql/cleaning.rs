//! Puts off the server's own cleaning while a run has the server to itself.
//!
//! InnoDB removes deleted rows for good as soon as no session can see them any more: on the pages that the next batch
//! needs, and with a processor that the batch needs, so that a run takes half as long again. A session with an older
//! view of the data keeps it from that, as the transaction of one single `DELETE` would. It is there for seconds only,
//! goes as soon as others work on the server, and is no condition of anything: where it cannot be had, a run is slower.
//! The server ends it by itself if this process stops.

use super::MySqlBackend;
use crate::server::{Access, Backend as _};
use crate::sql::SqlText;
use sqlx::Connection as _;
use sqlx::mysql::MySqlConnection;
use tokio::sync::Mutex;

/// Seconds by the server's clock. The longer, the more there is to clean when others come.
const HELD_MAX: i64 = 8;
/// Transactions that wait to be cleaned up; with more of them it is the server's turn.
const WAITING_MAX: i64 = 500;
/// A little longer than we hold it, in case this process stops.
const LIMIT: &str = "SET SESSION wait_timeout = 10";

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

#[derive(Debug, Default)]
enum State {
    #[default]
    Going,
    PutOff {
        view: MySqlConnection,
        /// Uptime of the server.
        since: i64,
    },
    /// A session for it could not be had, and is not asked for again.
    Refused,
}

/// What is to become of the view.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Take,
    Leave,
    Stay,
}

fn turn(held_since: Option<i64>, sight: Sight) -> Turn {
    let (Some(now), Some(waiting)) = (sight.uptime, sight.waiting) else { return Turn::Leave };
    match held_since {
        _ if !sight.is_calm => Turn::Leave,
        // A server that was started again has ended it.
        Some(since) if !(since..since + HELD_MAX).contains(&now) => Turn::Leave,
        None if waiting <= WAITING_MAX => Turn::Take,
        _ => Turn::Stay,
    }
}

impl Cleaning {
    pub(super) async fn look(&self, backend: &MySqlBackend, sight: Sight) {
        let mut state = self.0.lock().await;
        let held_since = match &*state {
            State::Refused => return,
            State::Going => None,
            State::PutOff { since, .. } => Some(*since),
        };
        match (turn(held_since, sight), sight.uptime) {
            (Turn::Take, Some(since)) => {
                *state = view(backend).await.map_or(State::Refused, |view| State::PutOff { view, since });
            }
            (Turn::Leave, _) => leave(&mut state).await,
            _ => {}
        }
    }

    /// Lets the server clean up.
    pub(super) async fn go_on(&self) {
        leave(&mut *self.0.lock().await).await;
    }
}

async fn leave(state: &mut State) {
    if let State::PutOff { view, .. } = std::mem::take(state) {
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

    #[test]
    fn it_is_put_off_for_seconds_while_nobody_else_is_there() {
        assert_eq!(turn(None, CALM), Turn::Take);
        assert_eq!(turn(Some(100), CALM), Turn::Stay);
        assert_eq!(turn(Some(92), CALM), Turn::Leave);
        assert_eq!(turn(Some(200), CALM), Turn::Leave);
        assert_eq!(turn(Some(100), Sight { waiting: Some(90_000), ..CALM }), Turn::Stay);
        assert_eq!(turn(Some(100), Sight { is_calm: false, ..CALM }), Turn::Leave);
    }

    #[test]
    fn a_server_that_has_much_to_clean_up_does_that_first() {
        assert_eq!(turn(None, Sight { waiting: Some(501), ..CALM }), Turn::Stay);
        assert_eq!(turn(None, Sight { waiting: None, ..CALM }), Turn::Leave);
        assert_eq!(turn(None, Sight { is_calm: false, ..CALM }), Turn::Leave);
    }
}
