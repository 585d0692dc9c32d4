//! What keeps a process that was taken for dead from writing after another one took over.
//!
//! Floor 6. Each time the right to act passes on, its row in the ledger gets a token that is greater by
//! one. Whoever writes to the journal compares its own with the row's, under the lock under which it is
//! passed on, in the transaction that writes.

use super::PostgresStore;
use crate::journal::JournalError;
use crate::ledger::help::HELP;
use crate::ledger::statement::statement;
use crate::ledger::store::{Fence, Work};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tokens of the leases of this process, by scope. A lease that was lost stays here until it is
/// dropped, so that nothing is written in the meantime.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, i64>>);

impl Tokens {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, i64>> {
        // A map of plain values: a panic elsewhere cannot have left it half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, scope: &str) -> bool {
        self.all().contains_key(scope)
    }

    pub(super) fn put(&self, scope: &str, token: i64) {
        self.all().insert(scope.to_owned(), token);
    }

    pub(super) fn remove(&self, scope: &str) {
        self.all().remove(scope);
    }
}

impl PostgresStore {
    /// Refuses when one of this process's leases was taken over, or when it has none and another process
    /// has one.
    /// The right to help counts only where a helper may write.
    pub(in crate::ledger) async fn fence(&self, work: &mut Work, fence: Fence) -> Result<(), JournalError> {
        let mut held = self.tokens.all().clone();
        if fence == Fence::Leader {
            held.retain(|scope, _| !scope.starts_with(HELP));
        }
        for (scope, token) in &held {
            let row =
                statement("SELECT token FROM lease WHERE scope = $1").bind(scope).optional(work).await?;
            let issued = row.map(|row| row.number("token")).transpose()?;
            if issued != Some(*token) {
                return Err(JournalError::LeaseLost { scope: scope.clone() });
            }
        }
        if !held.is_empty() {
            return Ok(());
        }
        let other = statement("SELECT scope FROM lease WHERE expires_at > clock_timestamp() LIMIT 1");
        match other.optional(work).await? {
            Some(row) => Err(JournalError::Busy { scope: row.text("scope")? }),
            None => Ok(()),
        }
    }
}
