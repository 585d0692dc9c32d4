//! Help with a run: ranges that whoever carries it out offers, and that other processes on the same journal take.
//!
//! Floor 4. Only the port. The right to act stays with one process, the leader; a helper has a right of its own,
//! which the leader can take away, and without which nothing it writes is accepted. A helper writes its batches
//! into the journal by itself; what passes between the two are ranges of keys, sealed, and how they ended.

use super::{JournalError, RunLease, Sealed};
use async_trait::async_trait;

/// A range of one item that somebody else may carry out.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Position in the plan.
    pub item: u32,
    /// Tells the ranges of an item apart while they are offered.
    pub number: u64,
    /// A [`super::codec::KeyRange`] under the run key.
    pub range: Sealed,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing due is left in the range; so many records of the item's own dataset are proven gone.
    Done { disposed: u64 },
    /// The helper could not carry it out, and left nothing open.
    Returned,
    /// Nobody took it, and the leader wants it back.
    Withdrawn,
}

/// What the leader hears of its offers for one item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Offers that are over, by number: they are offered no more.
    pub answers: Vec<(u64, Answer)>,
    /// Helpers that have taken something and whose right has expired, or that have had it for minutes.
    pub lost: Vec<u32>,
    /// Offers that nobody took yet.
    pub open: u32,
    /// Offers that are under way.
    pub taken: u32,
}

/// The right to help with one run.
#[derive(Debug)]
pub struct HelperLease {
    /// Which helper of the run this is, from 0. A number is never given again.
    pub helper: u32,
    pub lease: Box<dyn RunLease>,
}

/// Where offers are made and taken, beside a journal that several processes share. Calls of the leader are refused
/// with [`JournalError::LeaseLost`] when another process has the right to act, those of a helper when its own was
/// taken away.
#[async_trait]
pub trait HelpStore: Send + Sync + std::fmt::Debug {
    /// Offers these ranges, takes back what nobody took if `withdraw`, and hears what became of the earlier ones:
    /// in one step.
    async fn exchange(
        &self,
        run_id: &str,
        item: u32,
        offers: &[Offer],
        withdraw: bool,
    ) -> Result<News, JournalError>;
    /// Helpers of the run that may have left something open.
    async fn helpers(&self, run_id: &str) -> Result<Vec<u32>, JournalError>;
    /// Takes the right of a helper away: nothing that it writes from now on is accepted.
    async fn dismiss(&self, run_id: &str, helper: u32) -> Result<(), JournalError>;
    /// Nothing of a dismissed helper is open any more. Answers with the numbers of what it had taken of the item,
    /// which is offered no more.
    async fn cleared(&self, run_id: &str, helper: u32, item: u32) -> Result<Vec<u64>, JournalError>;
    /// Forgets every offer of the run, as of a leader before this one.
    async fn forget_offers(&self, run_id: &str) -> Result<(), JournalError>;
    /// Forgets every offer of the run and dismisses its helpers; with those that may have left something open.
    async fn dismiss_all(&self, run_id: &str) -> Result<Vec<u32>, JournalError> {
        self.forget_offers(run_id).await?;
        let helpers = self.helpers(run_id).await?;
        for &helper in &helpers {
            self.dismiss(run_id, helper).await?;
        }
        Ok(helpers)
    }

    /// A run of which something is offered by a leader that is alive.
    async fn wanted(&self) -> Result<Option<String>, JournalError>;
    /// Takes the right to help with a run that is under way; [`JournalError::RunOver`] if it is not.
    async fn join(&self, run_id: &str) -> Result<HelperLease, JournalError>;
    /// Takes an offer; `None` if there is none, or if the leader is not alive.
    async fn take(&self, run_id: &str, helper: u32) -> Result<Option<Offer>, JournalError>;
    async fn answer(
        &self,
        run_id: &str,
        helper: u32,
        offer: (u32, u64),
        answer: Answer,
    ) -> Result<(), JournalError>;
    /// The helper has left nothing open, or nothing of it is open any more.
    async fn leave(&self, run_id: &str, helper: u32) -> Result<(), JournalError>;
}
