//! The right to act: a row of the ledger that one process renews and others wait to expire.
//!
//! Floor 6. It expires by the server's clock, so that the clocks of the processes do not matter. It is
//! kept by a thread with a connection of its own, so that neither a busy program nor a long transaction
//! lets it expire; whoever drops it waits until the thread has given it back. A process that is paused
//! longer than the lease lasts loses it to the next who asks: see [`super::fence`].

use super::fence::Tokens;
use super::{LOCK, PostgresStore};
use crate::journal::{JournalError, RunLease};
use crate::ledger::LedgerError;
use connectors::failpoint;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// How long a lease lasts that is not renewed: how long others wait when its process dies. It is renewed
/// three times in that time.
#[derive(Debug, Clone, Copy)]
pub(in crate::ledger) struct LeaseTerms {
    pub(in crate::ledger) lasts: Duration,
}

const LASTS_SECONDS: u64 = 30;

impl Default for LeaseTerms {
    fn default() -> Self {
        // A test that kills many processes does not wait so long for each.
        let of_test = failpoint::number("OUBLIETTE_LEASE_SECONDS");
        Self { lasts: Duration::from_secs(of_test.map_or(LASTS_SECONDS, u64::from)) }
    }
}

impl LeaseTerms {
    fn pause(self) -> Duration {
        self.lasts / 3
    }

    fn milliseconds(self) -> i64 {
        i64::try_from(self.lasts.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How long whoever drops a lease waits for it to be given back; afterwards it expires by itself.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// What the thread that keeps the lease tells of it.
#[derive(Debug)]
struct Standing {
    lost: AtomicBool,
    /// Until when the server keeps it, at least.
    until: Mutex<Instant>,
}

impl Standing {
    fn set_until(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn is_held(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        !self.lost.load(Ordering::Acquire) && Instant::now() < until
    }
}

/// Dropping it gives the right back.
#[derive(Debug)]
struct ServerLease {
    scope: String,
    tokens: Arc<Tokens>,
    standing: Arc<Standing>,
    /// Dropped first of all, which ends the thread.
    stop: Option<oneshot::Sender<()>>,
    ended: Mutex<Receiver<()>>,
}

impl RunLease for ServerLease {
    fn is_held(&self) -> bool {
        self.standing.is_held()
    }
}

impl Drop for ServerLease {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(GIVING_BACK) {
            tracing::warn!(scope = %self.scope, "the lease is not given back yet; it will expire");
        }
        self.tokens.remove(&self.scope);
    }
}

impl PostgresStore {
    pub(in crate::ledger) async fn acquire(&self, scope: &str) -> Result<Box<dyn RunLease>, JournalError> {
        if self.tokens.has(scope) {
            return Err(JournalError::Busy { scope: scope.to_owned() });
        }
        let (stop, stopped) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let (ended, end) = sync_channel(1);
        let standing = Arc::new(Standing { lost: AtomicBool::new(false), until: Mutex::new(Instant::now()) });
        let keeper = Keeper {
            options: self.options.clone(),
            scope: scope.to_owned(),
            owner: self.owner.clone(),
            terms: self.terms,
            standing: Arc::clone(&standing),
        };
        std::thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || keeper.run(answer, stopped, ended))
            .map_err(LedgerError::from)?;
        let token = answered.await.map_err(|_| LedgerError::failed("its lease is not kept"))??;
        self.tokens.put(scope, token);
        Ok(Box::new(ServerLease {
            scope: scope.to_owned(),
            tokens: Arc::clone(&self.tokens),
            standing,
            stop: Some(stop),
            ended: Mutex::new(end),
        }))
    }
}

/// Takes a lease, renews it until it is told to stop or it was taken over, and gives it back.
struct Keeper {
    options: PgConnectOptions,
    scope: String,
    owner: String,
    terms: LeaseTerms,
    standing: Arc<Standing>,
}

type Answer = oneshot::Sender<Result<i64, JournalError>>;

impl Keeper {
    /// The whole life of the thread. `ended` is dropped at its end, which tells whoever waits for it.
    fn run(self, answer: Answer, stopped: oneshot::Receiver<()>, ended: SyncSender<()>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.keep(answer, stopped)),
            Err(error) => drop(answer.send(Err(LedgerError::from(error).into()))),
        }
        drop(ended);
    }

    async fn keep(self, answer: Answer, mut stopped: oneshot::Receiver<()>) {
        let (mut connection, token) = match self.take().await {
            Ok((connection, token)) => (Some(connection), token),
            Err(error) => return drop(answer.send(Err(error))),
        };
        // Whoever asked may have gone: then it is given back at once.
        if answer.send(Ok(token)).is_ok() {
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    () = sleep(self.terms.pause()) => {}
                }
                let began = Instant::now();
                match timeout(self.terms.pause(), self.renew(&mut connection, token)).await {
                    Ok(Ok(true)) => self.standing.set_until(began + self.terms.lasts),
                    Ok(Ok(false)) => {
                        self.standing.lost.store(true, Ordering::Release);
                        tracing::warn!(scope = %self.scope, "another process took over the lease");
                        return;
                    }
                    // Tried again with a new connection. If none works in time, it expires.
                    Ok(Err(error)) => {
                        connection = None;
                        tracing::warn!(scope = %self.scope, %error, "the lease could not be renewed");
                    }
                    Err(_) => {
                        connection = None;
                        tracing::warn!(scope = %self.scope, "the lease could not be renewed in time");
                    }
                }
            }
        }
        let given_back = timeout(GIVING_BACK, self.give_back(&mut connection, token)).await;
        if !matches!(given_back, Ok(Ok(()))) {
            tracing::warn!(scope = %self.scope, "the lease could not be given back; it will expire");
        }
    }

    /// A new token, if nobody has the right: under the lock of the ledger, so that no write of the owner
    /// before is under way.
    async fn take(&self) -> Result<(PgConnection, i64), JournalError> {
        let mut connection = self.options.connect().await?;
        let mut work = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        work.execute(LOCK).await?;
        // After the wait for the lock, before the server looks at its clock.
        let began = Instant::now();
        let taken = sqlx::query(
            "INSERT INTO lease (scope, owner, token, expires_at)
             VALUES ($1, $2, 1, clock_timestamp() + $3 * INTERVAL '1 millisecond')
             ON CONFLICT (scope) DO UPDATE SET
                owner = excluded.owner, token = lease.token + 1, expires_at = excluded.expires_at
             WHERE lease.expires_at <= clock_timestamp()
             RETURNING token",
        )
        .bind(&self.scope)
        .bind(&self.owner)
        .bind(self.terms.milliseconds())
        .fetch_optional(&mut *work)
        .await?;
        let token = match taken {
            Some(row) => row.try_get(0)?,
            None => return Err(JournalError::Busy { scope: self.scope.clone() }),
        };
        work.commit().await?;
        self.standing.set_until(began + self.terms.lasts);
        Ok((connection, token))
    }

    /// `false` when it was taken over. A lease that expired and that nobody took over is renewed.
    async fn renew(&self, connection: &mut Option<PgConnection>, token: i64) -> Result<bool, LedgerError> {
        let connection = self.connected(connection).await?;
        let done = sqlx::query(
            "UPDATE lease SET expires_at = clock_timestamp() + $3 * INTERVAL '1 millisecond'
             WHERE scope = $1 AND token = $2",
        )
        .bind(&self.scope)
        .bind(token)
        .bind(self.terms.milliseconds())
        .execute(connection)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The row stays, because its token must only ever grow.
    async fn give_back(&self, connection: &mut Option<PgConnection>, token: i64) -> Result<(), LedgerError> {
        let connection = self.connected(connection).await?;
        sqlx::query("UPDATE lease SET expires_at = '-infinity' WHERE scope = $1 AND token = $2")
            .bind(&self.scope)
            .bind(token)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn connected<'c>(
        &self,
        connection: &'c mut Option<PgConnection>,
    ) -> Result<&'c mut PgConnection, LedgerError> {
        match connection {
            Some(connected) => Ok(connected),
            None => Ok(connection.insert(self.options.connect().await?)),
        }
    }
}
